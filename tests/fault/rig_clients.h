/* SPDX-License-Identifier: MIT */
/* Those commands of rig.c that are about clients of its own, about addresses, and about the process. */
#ifndef RIG_CLIENTS_H
#define RIG_CLIENTS_H

#include "socketserver.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ask(struct ss_handler *h, struct ss_server *server, const char *address, int type)
{
    char answer[LINE] = "";
    struct ss_stream *s;
    int rc = ss_connect(server, address, type, TIMEOUT, &s);
    if (rc < 0)
        return rc;
    ss_printf(s, "question\n");
    ssize_t n = ss_readline(s, answer, sizeof answer);
    rc = ss_close(s);
    answer[strcspn(answer, "\n")] = 0;
    return n < 0 ? (int)n : n == 0 ? -ECONNRESET : rc < 0 ? rc : ss_printf(h->wfile, "%s\n", answer);
}

static int ask_stream(struct ss_handler *h, char *address)
{
    return ask(h, h->server, address, SOCK_STREAM);
}

static int ask_datagram(struct ss_handler *h, char *address)
{
    return ask(h, h->server, address, SOCK_DGRAM);
}

/* As a program without a server does. */
static int ask_alone(struct ss_handler *h, char *address)
{
    return ask(h, NULL, address, strstr(address, "datagram") ? SOCK_DGRAM : SOCK_STREAM);
}

/* ---------------------------------------------------------------- addresses */

static int tell_address(struct ss_handler *h, const struct ss_address *address)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_address_format(address, text, sizeof text);
    return rc < 0 ? rc : ss_printf(h->wfile, "%s\n", text);
}

static int tell_peer(struct ss_handler *h, char *none)
{
    struct ss_address address;
    int rc = ss_client_address(h->request, &address);
    (void)none;
    return rc < 0 ? rc : tell_address(h, &address);
}

/* An address of one interface, the first one. */
static int tell_zone(struct ss_handler *h, char *none)
{
    struct ss_address address = {.length = sizeof address.u.in6};
    (void)none;
    address.u.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(7), .sin6_scope_id = 1};
    address.u.in6.sin6_addr.s6_addr[0] = 0xfe;
    address.u.in6.sin6_addr.s6_addr[1] = 0x80;
    return tell_address(h, &address);
}

static int tell_pid(struct ss_handler *h, char *none)
{
    (void)none;
    return ss_printf(h->wfile, "%d\n", (int)getpid());
}

static int die(struct ss_handler *h, char *none)
{
    (void)h, (void)none;
    return kill(getpid(), SIGKILL) < 0 ? -errno : 0;
}

/* ---------------------------------------------------------------- a client that meets itself */

static _Thread_local struct sockaddr_in own; /* what the next client of ss_connect is bound to */

static void adopt(struct ss_server *self, int fd, const void *owner)
{
    if (own.sin_port)
        (void)bind(fd, (struct sockaddr *)&own, sizeof own);
    own.sin_port = 0;
    ss_super(self, &Rig)->adopt(self, fd, owner);
}

/* A port that nobody has, which `own` keeps. */
static int choose_port(void)
{
    socklen_t size = sizeof own;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = fd < 0 ? -errno : 0;
    own = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (rc == 0 &&
        (bind(fd, (struct sockaddr *)&own, size) < 0 || getsockname(fd, (struct sockaddr *)&own, &size) < 0))
        rc = -errno;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int connect_to_itself(struct ss_handler *h, char *none)
{
    char address[40];
    struct ss_stream *s;
    int rc = choose_port();
    (void)none;
    if (rc < 0)
        return rc;
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(own.sin_port));
    rc = ss_connect(h->server, address, SOCK_STREAM, TIMEOUT, &s);
    own.sin_port = 0;
    ss_close(s);
    return rc == -ECONNREFUSED ? say(h, "refused") : rc < 0 ? rc : say(h, "connected");
}

#endif
