/* SPDX-License-Identifier: MIT */
/* chatroom CLASS ADDRESS: what one says, all others read. The first line that a client sends is his name.
   Under every class, in all its threads and processes, there is one room.

   Try:  build/samples/chatroom EventLoopTCPServer localhost:9000
         build/samples/chatroom PreforkingThreadingTCPServer localhost:9000
   and:  nc localhost 9000       in two terminals */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 1000, NAME = 20 };

static int tell(struct ss_handler *h, const char *name, const char *what)
{
    char text[LINE + 2 * NAME];
    int size = snprintf(text, sizeof text, "%s%s\n", name, what);
    return ss_publish_others(h, "room", text, (size_t)size);
}

/* Reads what the client has said, and writes what others have. 0 at his end, or -errno. */
static int chat(struct ss_handler *h, const char *name)
{
    char line[LINE + 2] = ": ";
    struct ss_message message;
    ssize_t n = -EAGAIN;
    int rc = 0;
    while (rc >= 0 && n == -EAGAIN) {
        rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1);
        while (rc >= 0 && ss_receive(h, &message) == 0)
            rc = ss_write(h->wfile, message.data, message.size);
        while (rc >= 0 && (n = ss_readline_now(h->rfile, line + 2, LINE)) > 0) {
            line[strcspn(line, "\r\n")] = '\0';
            rc = tell(h, name, line);
        }
    }
    return rc < 0 ? rc : (int)n;
}

static int handle(struct ss_handler *h)
{
    char name[NAME];
    ss_printf(h->wfile, "Your name? ");
    ssize_t n = ss_readline(h->rfile, name, sizeof name);
    if (n <= 0)
        return (int)n;
    name[strcspn(name, "\r\n")] = '\0';
    int rc = ss_subscribe(h, "room", SS_DROP_OLDEST);
    if (rc < 0)
        return rc;
    ss_printf(h->wfile, "Welcome, %s: you are one of %d.\n", name, ss_subscribers(h->server, "room"));
    tell(h, name, " has joined.");
    rc = chat(h, name);
    tell(h, name, " has left.");
    return rc;
}

static const struct ss_handler_class ChatHandler = {.handle = handle};

int main(int argc, char **argv)
{
    const struct ss_class *const *bases = argc == 3 ? ss_bases(argv[1]) : NULL;
    if (!bases) {
        fprintf(stderr, "usage: %s [MIXIN...]SERVER ADDRESS, as in %s EventLoopTCPServer localhost:9000\n",
                argv[0], argv[0]);
        return 2;
    }
    return ss_run(bases, argv[2], &ChatHandler);
}
