/* SPDX-License-Identifier: MIT */
/* Connecting to the first of several addresses that answers: Happy Eyeballs (RFC 8305). */
#include "net/connect.h"
#include "server/core.h"
#include "server/serving.h"
#include "server/shortage.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

/* ms that an attempt has before the next address is tried besides it (RFC 8305's Connection Attempt Delay) */
enum { HEAD_START = 250 };
/* Attempts in progress. For a further address the oldest one is given up, which has had that many head
   starts. */
enum { MAX_ATTEMPTS = 8 };
/* ms between two attempts when the queue of a Unix server is full: poll(2) does not tell when it has room. */
enum { BUSY_SERVER_PAUSE = 10 };

/* ---------------------------------------------------------------- whose a descriptor is */

/* The server that is told of the descriptor: also a handler may have called ss_connect with NULL. */
static struct ss_server *keeper(struct ss_server *self)
{
    const struct serving *serving = serving_current();
    return self ? self : serving ? serving->server : NULL;
}

void connect_adopt(struct ss_server *self, const void *owner, int fd)
{
    struct ss_server *told = keeper(self);
    if (told)
        methods_of(told)->adopt(told, fd, owner);
}

/* The handler may have closed it, and the number be somebody else's by now. */
void connect_close(struct ss_server *self, const void *owner, int fd)
{
    struct ss_server *told = keeper(self);
    if (!told || methods_of(told)->forget(told, fd, owner))
        close(fd);
}

static void tell_attempt(const struct connecting *c, int fd, const struct ss_address *to, int rc)
{
    const struct ss_server *self = keeper(c->self);
    if (self && self->explained)
        self->explained->connected(self, fd, &to->u.any, to->length, rc);
}

/* ---------------------------------------------------------------- where it comes from */

/* Lets the kernel choose a name: without one a Unix datagram socket gets no answers. */
static int give_name(int fd)
{
    sa_family_t family = AF_UNIX;
    struct sockaddr_un none = {.sun_family = family};
    return bind(fd, (struct sockaddr *)&none, sizeof family) < 0 ? -errno : 0;
}

/* The kernel chooses a port when it knows where to: as many connections as there are ports go to each server,
   and not to all of them together. A port that is given may be one that a connection had just now. */
static int bind_local(int fd, const struct ss_address *from)
{
    bool any_port = ss_address_port(from) == 0;
    if (any_port)
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
        return -errno;
    return bind(fd, &from->u.any, from->length) < 0 ? -errno : 0;
}

static int take_interface(int fd, const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size >= IFNAMSIZ)
        return -ENODEV;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)size) < 0 ? -errno : 0;
}

static int choose_local(const struct connecting *c, int fd, int family)
{
    if (family == AF_UNIX)
        return c->type == SOCK_DGRAM ? give_name(fd) : 0;
    int rc = c->interface ? take_interface(fd, c->interface) : 0;
    if (rc < 0 || !c->from)
        return rc;
    for (unsigned i = 0; i < c->from->count; i++)
        if (c->from->found[i].u.any.sa_family == family)
            return bind_local(fd, &c->from->found[i]);
    return -EAFNOSUPPORT;
}

/* ---------------------------------------------------------------- one attempt */

static int pause_for(struct ss_server *self, int ms)
{
    return self ? ss_sleep(self, ms) : (poll(NULL, 0, ms), 0);
}

/* 0, -EINPROGRESS, or -errno. */
static int begin_connect(const struct connecting *c, int fd, const struct ss_address *to)
{
    while (connect(fd, &to->u.any, to->length) < 0) {
        if (errno == EISCONN)
            return 0;
        if (errno == EALREADY)
            return -EINPROGRESS;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (c->deadline && ss_now() >= c->deadline)
            return -ETIMEDOUT;
        int rc = pause_for(c->self, BUSY_SERVER_PAUSE);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Stores the descriptor if it is connected, or will be: 0 or -EINPROGRESS. Else -errno. */
static int open_attempt(const struct connecting *c, const struct ss_address *to, int *opened)
{
    int family = to->u.any.sa_family, fd = socket(family, c->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = choose_local(c, fd, family);
    connect_adopt(c->self, c->owner, fd);
    if (rc == 0)
        rc = begin_connect(c, fd, to);
    if (rc == 0 || rc == -EINPROGRESS) {
        *opened = fd;
        return rc;
    }
    tell_attempt(c, fd, to, rc);
    connect_close(c->self, c->owner, fd);
    return rc;
}

/* What has come of an attempt that was in progress. */
static int outcome_of(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

/* Resets the connection when it is closed: a normal end would keep the port for a minute. */
static int refuse_own(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return -ECONNREFUSED;
}

/* A client that connects to a port on which nobody listens may be given that same port as its own, and then
   is connected to itself. A server that starts there later would find its port taken. */
static int refuse_itself(int fd, const struct ss_address *to)
{
    struct ss_address own = {.length = sizeof own.u}, other = {.length = sizeof other.u};
    if (getsockname(fd, &own.u.any, &own.length) < 0)
        return -errno;
    if (ss_address_port(&own) != ss_address_port(to)) /* for nearly all this is enough */
        return 0;
    if (getpeername(fd, &other.u.any, &other.length) < 0)
        return -errno;
    return other.length == own.length && memcmp(&other.u, &own.u, own.length) == 0 ? refuse_own(fd) : 0;
}

/* ---------------------------------------------------------------- several of them */

struct race {
    const struct connecting *c;
    const struct ss_address *order[SS_MAX_ADDRESSES];
    unsigned count, next;                      /* addresses; how many were tried */
    struct pollfd fds[MAX_ATTEMPTS];           /* the attempts in progress, the oldest one first, */
    const struct ss_address *to[MAX_ATTEMPTS]; /* and where they go to */
    unsigned pending;
    uint64_t due; /* when the next address is to be tried */
    int winner;   /* -1: none yet */
    int error;    /* the most useful one until now */
};

/* Families take turns, so that one of them that does not work costs one head start only. */
static void alternate(struct race *r, const struct ss_address *to, unsigned count)
{
    bool first_of[] = {true, false};
    unsigned at[] = {0, 0}, turn = 0;
    sa_family_t family = to->u.any.sa_family;
    r->count = count < SS_MAX_ADDRESSES ? count : SS_MAX_ADDRESSES;
    for (unsigned n = 0; n < r->count; turn = !turn) {
        unsigned *i = &at[turn];
        while (*i < r->count && (to[*i].u.any.sa_family == family) != first_of[turn])
            ++*i;
        if (*i < r->count)
            r->order[n++] = &to[(*i)++];
    }
}

/* Does the error say only that this machine has no way to such addresses? Another one says more. */
static bool is_of_this_machine(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -ENETUNREACH;
}

static void note_error(struct race *r, int error)
{
    if (!is_of_this_machine(error) || is_of_this_machine(r->error))
        r->error = error;
}

/* The next address need not wait for this one any more. */
static void end_attempt(struct race *r, unsigned i, int rc)
{
    tell_attempt(r->c, r->fds[i].fd, r->to[i], rc);
    connect_close(r->c->self, r->c->owner, r->fds[i].fd);
    r->pending--;
    memmove(&r->fds[i], &r->fds[i + 1], (r->pending - i) * sizeof *r->fds);
    memmove(&r->to[i], &r->to[i + 1], (r->pending - i) * sizeof *r->to);
    r->due = 0;
}

/* The attempt is over. */
static void judge(struct race *r, unsigned i, int rc)
{
    int fd = r->fds[i].fd;
    if (rc == 0)
        rc = refuse_itself(fd, r->to[i]);
    if (rc < 0) {
        note_error(r, rc);
        end_attempt(r, i, rc);
        return;
    }
    tell_attempt(r->c, fd, r->to[i], 0);
    r->winner = fd;
    r->fds[i] = r->fds[--r->pending];
    r->to[i] = r->to[r->pending];
}

static int begin_next(struct race *r)
{
    const struct ss_address *to = r->order[r->next++];
    if (r->pending == MAX_ATTEMPTS) {
        note_error(r, -ETIMEDOUT);
        end_attempt(r, 0, -ETIMEDOUT);
    }
    int fd = -1, rc = open_attempt(r->c, to, &fd);
    if (rc < 0 && rc != -EINPROGRESS) {
        note_error(r, rc);
        r->due = 0;
        return rc == -ECANCELED ? rc : 0;
    }
    unsigned i = r->pending++;
    r->fds[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
    r->to[i] = to;
    r->due = ss_now() + HEAD_START;
    if (rc == 0)
        judge(r, i, 0);
    return 0;
}

/* ---------------------------------------------------------------- waiting for them */

/* The number of attempts that are over, 0 when the time is, -ECANCELED, -errno. */
static int wait_for_several(struct race *r, uint64_t end)
{
    for (;;) {
        int ms = end ? ms_until(end) : -1;
        int rc = r->c->self ? ss_poll(r->c->self, r->fds, r->pending, ms) : poll(r->fds, r->pending, ms);
        if (rc >= 0 || r->c->self)
            return rc;
        if (errno == ENOMEM)
            rest();
        else if (errno != EINTR)
            return -errno;
    }
}

static int wait_for_one(struct race *r, uint64_t end)
{
    int rc = server_wait(r->c->self, r->fds[0].fd, POLLOUT, -1, end, CANCELED);
    r->fds[0].revents = rc == 0 ? POLLOUT : 0;
    return rc == -ETIMEDOUT ? 0 : rc == 0 ? 1 : rc;
}

/* Waits until an attempt is over, or the next address is to be tried, or the deadline has come. 0,
   -ECANCELED, or -errno. */
static int look_at_attempts(struct race *r)
{
    uint64_t end = r->c->deadline;
    if (r->next < r->count && (!end || r->due < end))
        end = r->due;
    int rc = r->pending == 1 ? wait_for_one(r, end) : wait_for_several(r, end);
    if (rc < 0)
        return rc;
    if (rc == 0 && r->c->deadline && ss_now() >= r->c->deadline) {
        note_error(r, -ETIMEDOUT);
        return -ETIMEDOUT;
    }
    for (unsigned i = 0; rc > 0 && r->winner < 0 && i < r->pending;)
        if (r->fds[i].revents) /* one that has failed leaves its place to the one behind it */
            judge(r, i, outcome_of(r->fds[i].fd));
        else
            i++;
    return 0;
}

static int run_race(struct race *r)
{
    int rc = 0;
    while (rc == 0 && r->winner < 0 && (r->pending > 0 || r->next < r->count)) {
        bool begin = r->next < r->count && (r->pending == 0 || r->due == 0 || ss_now() >= r->due);
        rc = begin ? begin_next(r) : look_at_attempts(r);
    }
    while (r->pending > 0)
        end_attempt(r, r->pending - 1, r->winner < 0 ? rc : -ECANCELED);
    return rc;
}

int connect_first(const struct connecting *c, const struct ss_address *to, unsigned count)
{
    struct race r = {.c = c, .winner = -1, .error = -EADDRNOTAVAIL};
    if (count)
        alternate(&r, to, count);
    int rc = run_race(&r);
    return r.winner >= 0 ? r.winner : rc < 0 && rc != -ETIMEDOUT ? rc : r.error;
}
