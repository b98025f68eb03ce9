/* SPDX-License-Identifier: MIT */
/* ticker [ADDRESS [CLASS]]: a line a second for each client, until he leaves or says stop. One call waits for
   both, for what he says and for the next second, under every class.

   Try:  build/samples/ticker localhost:9001 EventLoopTCPServer
         build/samples/ticker localhost:9001 ForkingTCPServer
   and:  nc localhost 9001 */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SECOND = 1000 }; /* ms */

/* Returns 1 at the time `then`, 0 when the client has left or said stop before, or -errno. */
static int wait_until(struct ss_handler *h, uint64_t then)
{
    char line[80];
    for (uint64_t now; (now = ss_now()) < then;) {
        int rc = ss_wait(h, SS_INPUT | SS_IDLE, (int)(then - now));
        ssize_t n = rc > 0 ? ss_readline_now(h->rfile, line, sizeof line) : -EAGAIN;
        if (rc < 0 || n == 0 || (n < 0 && n != -EAGAIN))
            return rc < 0 ? rc : (int)n;
        if (n > 0 && strcspn(line, "\r\n") == 4 && memcmp(line, "stop", 4) == 0)
            return 0;
    }
    return 1;
}

static int tick(struct ss_handler *h)
{
    uint64_t start = ss_now();
    int rc = 1;
    for (unsigned i = 0; rc > 0; i++) { /* each second is counted from the start, so that no error adds up */
        ss_printf(h->wfile, "%u\n", i);
        rc = wait_until(h, start + (i + 1) * (uint64_t)SECOND);
    }
    return rc;
}

static const struct ss_handler_class TickHandler = {.handle = tick};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "A line a second for each client, until he leaves or says stop.",
        .address = "localhost:9001",
        .cls = "EventLoopTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .handler = &TickHandler,
    };
    return ss_main(argc, argv, &program);
}
