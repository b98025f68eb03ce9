/* SPDX-License-Identifier: MIT */
/* local_only [ADDRESS [CLASS]]: serves clients on this machine, and turns all others away. A class of one's
   own is a table of what it does otherwise than its base; ss_super() is Python's super().

   Try:  build/samples/local_only :8017
   and:  nc localhost 8017                 from here: hello
         nc THIS-MACHINE 8017              from elsewhere: closed without a word */
#include "socketserver.h"
#include <arpa/inet.h>

static const struct ss_class LocalOnly;

static bool is_local(const struct ss_address *client)
{
    if (client->u.any.sa_family == AF_INET)
        return ntohl(client->u.in.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&client->u.in6.sin6_addr);
}

static bool verify_request(struct ss_server *self, struct ss_request *request)
{
    struct ss_address client;
    if (ss_client_address(request, &client) < 0 || !is_local(&client))
        return false;
    return ss_super(self, &LocalOnly)->verify_request(self, request);
}

static const struct ss_class LocalOnly = {
    .name = "LocalOnly",
    .base = &TCPServer,
    .verify_request = verify_request,
};

static int handle(struct ss_handler *h)
{
    char text[SS_ADDRESS_TEXT];
    ss_address_format(&h->client_address, text, sizeof text);
    return ss_printf(h->wfile, "Hello, %s\n", text);
}

static const struct ss_handler_class HelloHandler = {.handle = handle};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Serves clients on this machine, and turns all others away.",
        .address = ":8017",
        .cls = "ThreadingLocalOnly",
        .own = &LocalOnly,
        .handler = &HelloHandler,
    };
    return ss_main(argc, argv, &program);
}
