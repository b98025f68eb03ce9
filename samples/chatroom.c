/* SPDX-License-Identifier: MIT */
/* chatroom [ADDRESS [CLASS]]: what one says, all others read. The first line that a client sends is his name.
   Under every class, in all its threads and processes, there is one room.

   Try:  build/samples/chatroom localhost:9000 EventLoopTCPServer
         build/samples/chatroom localhost:9000 PreforkingThreadingTCPServer
   and:  nc localhost 9000       in two terminals */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 1000, NAME = 20 }; /* bytes; a longer line counts as several */
#define ROOM "room"

/* Takes the end off a line, and makes question marks of what the others' terminals would obey. */
static void clean(char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    for (unsigned char *c = (unsigned char *)line; *c; c++)
        if (*c < ' ' || *c == 127 || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)) /* UTF-8 for 0x80 to 0x9f */
            *c = '?';
}

/* Waits for what the client says, and writes what the others say meanwhile. Returns the number of bytes that
   were read, 0 at the client's end, or -errno. */
static ssize_t listen_to(struct ss_handler *h, char *line)
{
    struct ss_message message;
    ssize_t n = -EAGAIN;
    while (n == -EAGAIN) { /* the line is not whole yet */
        n = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1);
        while (n >= 0 && ss_receive(h, &message) == 0) {
            if (message.dropped)
                ss_printf(h->wfile, "(You were too slow: %u lines are lost.)\n", message.dropped);
            n = ss_write(h->wfile, message.data, message.size);
        }
        if (n >= 0)
            n = ss_readline_now(h->rfile, line, LINE);
    }
    if (n > 0)
        clean(line);
    return n;
}

static void tell(struct ss_handler *h, const char *name, const char *what)
{
    char text[NAME + LINE + 10];
    int size = snprintf(text, sizeof text, "%s%s\n", name, what);
    int rc = ss_publish_others(h, ROOM, text, (size_t)size);
    if (rc < 0)
        ss_printf(h->wfile, "(Nobody has heard that: %s.)\n", strerror(-rc));
}

static int handle(struct ss_handler *h)
{
    char name[LINE] = "", line[2 + LINE] = ": ", what[100];
    ssize_t n = 1;
    while (n > 0 && (!*name || strlen(name) > NAME)) {
        ss_printf(h->wfile, "Your name, in 1 to %d bytes? ", NAME);
        n = listen_to(h, name);
    }
    int rc = n > 0 ? ss_subscribe(h, ROOM, SS_DROP_OLDEST) : (int)n;
    if (n <= 0 || rc < 0)
        return rc;
    int here = ss_subscribers(h->server, ROOM);
    ss_printf(h->wfile, "Welcome, %s. In the room: %d.\n", name, here);
    snprintf(what, sizeof what, " has joined. In the room: %d.", here);
    tell(h, name, what);
    while ((n = listen_to(h, line + 2)) > 0)
        tell(h, name, line);
    if (ss_draining(h->server))
        return (int)n; /* all have to go */
    ss_unsubscribe(h, ROOM);
    snprintf(what, sizeof what, " has left. In the room: %d.", ss_subscribers(h->server, ROOM));
    tell(h, name, what);
    return (int)n;
}

static const struct ss_handler_class ChatHandler = {.handle = handle};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "What one says, all others read.",
        .address = "localhost:9000",
        .cls = "EventLoopTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .handler = &ChatHandler,
    };
    return ss_main(argc, argv, &program);
}
