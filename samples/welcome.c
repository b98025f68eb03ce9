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
    const struct ss_class *const *bases = ss_bases(argc > 2 ? argv[2] : "TCPServer");
    if (!bases || argc > 3) {
        fprintf(stderr, "usage: %s [ADDRESS [CLASS]]\n", argv[0]);
        return 2;
    }
    return ss_run(bases, argc > 1 ? argv[1] : "localhost:8090", &Welcome);
}
