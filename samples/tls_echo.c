/* SPDX-License-Identifier: MIT */
/* tls_echo [ADDRESS [CLASS]]: the echo server, encrypted: one word more, TLSMixIn. With CERT=FILE in the
   environment that is its certificate and key (PEM), else it makes one for this machine, which nobody trusts.
   openssl s_client -quiet -connect localhost:8443 talks to it.

   Try:  build/samples/tls_echo localhost:8443 EventLoopTCPServer */
#include "socketserver.h"
#include <stdlib.h>

static int echo(struct ss_handler *h)
{
    char data[32768];
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ss_write(h->wfile, data, (size_t)n);
    return (int)n;
}

static const struct ss_handler_class EchoHandler = {.handle = echo};

static struct ss_certificate certificates[2];
static const struct ss_tls tls = {.certificates = certificates};

static int use_certificate(struct ss_server *self)
{
    certificates[0].certfile = getenv("CERT");
    self->tls = certificates[0].certfile ? &tls : NULL;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends back what it gets, encrypted. CERT=FILE: with this certificate and key.",
        .address = "localhost:8443",
        .cls = "ThreadingTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .own = &TLSMixIn,
        .handler = &EchoHandler,
        .prepare = use_certificate,
    };
    return ss_main(argc, argv, &program);
}
