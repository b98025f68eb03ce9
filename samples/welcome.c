/* SPDX-License-Identifier: MIT */
/* welcome [ADDRESS [CLASS]]: welcome_raw with the library. Names and IPv6 work, each client has its time,
   output leaves as a whole, Ctrl-C ends it well; and with a mix-in many are welcomed at once.

   Try:  build/samples/welcome localhost:8090 ThreadingTCPServer
   and:  build/samples/welcome_client localhost:8090 Ada
   or:   nc localhost 8090 */
#include "socketserver.h"
#include <stdio.h>
#include <string.h>

enum { PATIENCE = 10000 /* ms for a client's answer */, NAME = 100 /* bytes */ };

static int welcome(struct ss_handler *h)
{
    char name[NAME];
    h->timeout = PATIENCE;
    ss_printf(h->wfile, "Welcome! Who are you?\n");
    ssize_t n = ss_readline(h->rfile, name, sizeof name); /* what was written leaves before it waits */
    if (n <= 0)
        return (int)n;
    name[strcspn(name, "\r\n")] = '\0';
    return ss_printf(h->wfile, "Nice to meet you, %s.\n", name);
}

static const struct ss_handler_class Welcome = {.handle = welcome};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Says welcome to each client by his name.",
        .address = "localhost:8090",
        .cls = "TCPServer",
        .servers = "TCPServer UnixStreamServer",
        .handler = &Welcome,
    };
    return ss_main(argc, argv, &program);
}
