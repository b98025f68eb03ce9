/* SPDX-License-Identifier: MIT */
/* echo [ADDRESS [CLASS]]: sends back what it gets. The same handler runs under every server class and mix-in.

   Try:  build/samples/echo localhost:8007 ThreadingTCPServer
         build/samples/echo localhost:8007 EventLoopUDPServer
         build/samples/echo unix:/tmp/echo ForkingUnixStreamServer
   and:  build/samples/echo_client localhost:8007 */
#include "socketserver.h"
#include <stdio.h>

static int echo(struct ss_handler *h)
{
    char data[32768];
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ss_write(h->wfile, data, (size_t)n);
    return (int)n;
}

static const struct ss_handler_class EchoHandler = {.handle = echo};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends back what it gets.",
        .address = "localhost:8007",
        .cls = "ThreadingTCPServer",
        .handler = &EchoHandler,
    };
    return ss_main(argc, argv, &program);
}
