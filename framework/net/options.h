/* SPDX-License-Identifier: MIT */
/* Options of sockets. */
#ifndef NET_OPTIONS_H
#define NET_OPTIONS_H

#include "socketserver.h"
#include <errno.h>

/* Sets what the server's fields say on self->socket, whose connections inherit it. 0 or -errno. */
int options_of_stream(const struct ss_server *self);
int options_of_datagrams(const struct ss_server *self);

/* 0 or -errno. */
static inline int option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* multicast.c: how datagrams to groups are sent, and which are received. `family` is the socket's. */
int multicast_send_by(int fd, int family, const char *interface, int ttl, bool loop);
int multicast_change(int fd, int family, const char *group, bool join);

#endif
