/* SPDX-License-Identifier: MIT */
/* echo CLASS ADDRESS: sends back what it gets. The same handler runs under every server class and mix-in.

   Try:  build/samples/echo ThreadingTCPServer localhost:8007
         build/samples/echo EventLoopUDPServer localhost:8007
         build/samples/echo ForkingUnixStreamServer unix:/tmp/echo
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
    const struct ss_class *const *bases = argc == 3 ? ss_bases(argv[1]) : NULL;
    if (!bases) {
        fprintf(stderr,
                "usage: %s [MIXIN...]SERVER ADDRESS\n"
                "  MIXIN   Threading ThreadPool Forking Preforking EventLoop\n"
                "  SERVER  TCPServer UDPServer UnixStreamServer UnixDatagramServer\n",
                argv[0]);
        return 2;
    }
    return ss_run(bases, argv[2], &EchoHandler);
}
