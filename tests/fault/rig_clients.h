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

/* Ends the stream. */
static int ask_by(struct ss_handler *h, struct ss_stream *s)
{
    char answer[LINE] = "";
    ss_printf(s, "question\n");
    ssize_t n = ss_readline(s, answer, sizeof answer);
    int rc = ss_close(s);
    answer[strcspn(answer, "\n")] = 0;
    return n < 0 ? (int)n : n == 0 ? -ECONNRESET : rc < 0 ? rc : ss_printf(h->wfile, "%s\n", answer);
}

static int ask(struct ss_handler *h, struct ss_server *server, const char *address, int type)
{
    struct ss_stream *s;
    int rc = ss_connect(server, address, type, TIMEOUT, &s);
    return rc < 0 ? rc : ask_by(h, s);
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

/* ---------------------------------------------------------------- names and addresses */

/* From an address and through a device of this machine. */
static int ask_from(struct ss_handler *h, char *address)
{
    const struct ss_connect_options options = {.from = "127.0.0.1:0", .interface = "lo"};
    struct ss_stream *s;
    int rc = ss_connect_with(h->server, address, SOCK_STREAM, TIMEOUT, &options, &s);
    return rc < 0 ? rc : ask_by(h, s);
}

/* From a port that was free a moment ago. */
static int ask_from_port(struct ss_handler *h, char *address)
{
    struct sockaddr_in local = {.sin_family = AF_INET};
    socklen_t size = sizeof local;
    char from[20];
    struct ss_stream *s;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = fd < 0 ? -errno : 0;
    if (rc == 0 && (bind(fd, (struct sockaddr *)&local, size) < 0 ||
                    getsockname(fd, (struct sockaddr *)&local, &size) < 0))
        rc = -errno;
    if (fd >= 0)
        close(fd);
    snprintf(from, sizeof from, ":%u", ntohs(local.sin_port));
    if (rc == 0)
        rc = ss_connect_with(h->server, address, SOCK_STREAM, TIMEOUT,
                             &(struct ss_connect_options){.from = from}, &s);
    return rc < 0 ? rc : ask_by(h, s);
}

static int find_addresses(struct ss_handler *h, char *address)
{
    struct ss_address found[4];
    int n = ss_getaddrinfo(h->server, address, SOCK_STREAM, TIMEOUT, found, 4);
    return n < 0 ? n : ss_printf(h->wfile, "%d\n", n);
}

static int find_service(struct ss_handler *h, char *address)
{
    struct ss_address found;
    struct ss_names names;
    int rc = ss_getaddrinfo(h->server, address, SOCK_STREAM, TIMEOUT, &found, 1);
    if (rc > 0)
        rc = ss_getnameinfo(h->server, &found, SOCK_STREAM, TIMEOUT, &names);
    return rc < 0 ? rc : ss_printf(h->wfile, "%s\n", names.service);
}

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
