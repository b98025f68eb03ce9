/* SPDX-License-Identifier: MIT */
/* Options of sockets, as fields of a server and for one stream. */
#include "net/options.h"
#include "server/core.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Sets it unless `value` is 0: then it stays as the system has it. */
static int set_given(int fd, int level, int name, int value)
{
    return value ? option_set(fd, level, name, value) : 0;
}

static int keep_alive(int fd, int seconds, int interval, int probes)
{
    int rc = option_set(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);
    if (rc == 0 && seconds > 0)
        rc = option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    if (rc == 0)
        rc = set_given(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    return rc == 0 ? set_given(fd, IPPROTO_TCP, TCP_KEEPCNT, probes) : rc;
}

static int set_buffers(int fd, int receive, int send)
{
    int rc = set_given(fd, SOL_SOCKET, SO_RCVBUF, receive);
    return rc == 0 ? set_given(fd, SOL_SOCKET, SO_SNDBUF, send) : rc;
}

/* ---------------------------------------------------------------- of a server */

int options_of_stream(const struct ss_server *self)
{
    int fd = self->socket, rc = set_buffers(fd, self->receive_buffer, self->send_buffer);
    if (rc < 0 || self->address_family == AF_UNIX)
        return rc;
    /* another stream protocol (SCTP) has neither of these two */
    (void)option_set(fd, IPPROTO_TCP, TCP_NODELAY, self->disable_nagle_algorithm);
    (void)option_set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, self->defer_accept);
    if (self->keepalive)
        rc = keep_alive(fd, self->keepalive, self->keepalive_interval, self->keepalive_probes);
    return rc == 0 ? set_given(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, self->user_timeout) : rc;
}

static int join_groups(const struct ss_server *self)
{
    int rc = 0;
    for (const char *const *group = self->multicast_groups; rc == 0 && group && *group; group++)
        rc = multicast_change(self->socket, self->address_family, *group, true);
    return rc == -EADDRINUSE ? 0 : rc; /* it is a member already, by an inherited socket */
}

/* As Linux has it at first, a socket gets what is sent to each group that any program of the machine is in.
 */
static void refuse_groups_of_others(int fd, int family)
{
    (void)option_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    if (family == AF_INET6)
        (void)option_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0); /* Linux 4.20 */
}

int options_of_datagrams(const struct ss_server *self)
{
    int fd = self->socket, rc = set_buffers(fd, self->receive_buffer, self->send_buffer);
    if (rc < 0 || self->address_family == AF_UNIX)
        return rc;
    if (!self->core->is_inherited) /* or whoever has opened it may have joined groups by another socket */
        refuse_groups_of_others(fd, self->address_family);
    if (self->allow_broadcast)
        rc = option_set(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (rc == 0 && (self->multicast_interface || self->multicast_ttl || !self->multicast_loop))
        rc = multicast_send_by(fd, self->address_family, self->multicast_interface, self->multicast_ttl,
                               self->multicast_loop);
    return rc == 0 ? join_groups(self) : rc;
}

int ss_join_group(struct ss_server *self, const char *group)
{
    return multicast_change(ss_fileno(self), self->address_family, group, true);
}

int ss_leave_group(struct ss_server *self, const char *group)
{
    return multicast_change(ss_fileno(self), self->address_family, group, false);
}

/* ---------------------------------------------------------------- of a stream */

static const struct ss_stream *bottom_of(const struct ss_stream *s)
{
    while (s->below)
        s = s->below;
    return s;
}

int ss_set_nodelay(struct ss_stream *s, bool on)
{
    return option_set(bottom_of(s)->fd, IPPROTO_TCP, TCP_NODELAY, on);
}

int ss_set_keepalive(struct ss_stream *s, int seconds, int interval, int probes)
{
    return keep_alive(bottom_of(s)->fd, seconds, interval, probes);
}

int ss_set_user_timeout(struct ss_stream *s, int ms)
{
    return option_set(bottom_of(s)->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

int ss_set_buffers(struct ss_stream *s, int receive, int send)
{
    return set_buffers(bottom_of(s)->fd, receive, send);
}

int ss_set_linger(struct ss_stream *s, int seconds)
{
    struct linger linger = {.l_onoff = seconds >= 0, .l_linger = seconds};
    return setsockopt(bottom_of(s)->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

int ss_set_broadcast(struct ss_stream *s, bool on)
{
    return option_set(bottom_of(s)->fd, SOL_SOCKET, SO_BROADCAST, on);
}

int ss_set_multicast(struct ss_stream *s, const char *interface, int ttl, bool loop)
{
    int fd = bottom_of(s)->fd, family = 0;
    socklen_t size = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
        return -errno;
    return multicast_send_by(fd, family, interface, ttl, loop);
}
