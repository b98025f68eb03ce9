/* SPDX-License-Identifier: MIT */
/* others_loop [ADDRESS [CLASS]]: a program that waits by itself, in poll(2) for what is typed, has a server
   in its loop: it takes a step when the server's descriptor says that one is due. What is typed here goes to
   all clients, and what they say is shown here. GLib, libuv and epoll(7) are asked to wait in the same way.

   Try:  build/samples/others_loop localhost:8094 EventLoopTCPServer
         build/samples/others_loop localhost:8094 ThreadingTCPServer
   and:  nc localhost 8094 */
#include "socketserver.h"
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the server */

/* A terminal obeys control characters. */
static void show(const char *line, size_t size)
{
    flockfile(stdout);
    for (size_t i = 0; i < size; i++)
        putchar(iscntrl((unsigned char)line[i]) && line[i] != '\n' ? ' ' : line[i]);
    fflush(stdout);
    funlockfile(stdout);
}

static int talk(struct ss_handler *h)
{
    char line[1000];
    struct ss_message message;
    int rc = ss_subscribe(h, "typed", SS_DROP_OLDEST);
    ss_printf(h->wfile, "What you say is shown where the server was started.\n");
    while (rc >= 0) {
        rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1);
        while (ss_receive(h, &message) == 0)
            ss_write(h->wfile, message.data, message.size);
        ssize_t n = rc < 0 ? rc : ss_readline_now(h->rfile, line, sizeof line);
        if (n > 0)
            show(line, (size_t)n);
        else if (n != -EAGAIN)
            return (int)n;
    }
    return rc;
}
static const struct ss_handler_class Talk = {.handle = talk};

/* ---------------------------------------------------------------- the program */

static struct ss_server server;

static void stop(int signal)
{
    (void)signal;
    ss_shutdown(&server);
}

static int run(void)
{
    char typed[1000];
    struct pollfd fds[] = {{.fd = ss_server_fileno(&server), .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    int rc = fds[0].fd < 0 ? fds[0].fd : 1;
    while (rc > 0) {
        if (poll(fds, 2, -1) < 0)
            continue; /* a signal: if it stops the server, that one's descriptor tells, too */
        ssize_t n = fds[1].revents ? read(STDIN_FILENO, typed, sizeof typed) : -1;
        if (n > 0)
            (void)ss_publish(&server, "typed", typed, (size_t)n);
        else if (fds[1].revents)
            fds[1].fd = -1; /* no more will be typed */
        if (fds[0].revents)
            rc = ss_server_step(&server, 0);
    }
    return rc;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8094";
    const char *name = argc > 2 ? argv[2] : "EventLoopTCPServer";
    const struct ss_class *const *bases = argc > 3 ? NULL : ss_bases(name);
    char text[SS_ADDRESS_TEXT];
    if (!bases || *address == '-') {
        fprintf(stderr, "usage: %s [ADDRESS [CLASS]]\n", argv[0]);
        return 2;
    }
    int rc = ss_server_init(&server, bases, address, &Talk);
    if (rc == 0 && (rc = ss_server_bind(&server)) == 0) {
        ss_address_format(&server.server_address, text, sizeof text);
        sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
        printf("Serving others_loop on %s (%s; Ctrl-C stops)\n", text, name);
        rc = fflush(stdout) == 0 ? run() : -errno;
    }
    ss_server_close(&server);
    if (rc < 0)
        fprintf(stderr, "others_loop: %s: %s\n", address, strerror(-rc));
    return rc < 0;
}
