/* SPDX-License-Identifier: MIT */
/* Idle connections are the first to end when a server has no place or no descriptor left. (A part of the
   descriptors is reserved for files.) Here are those that wait in a thread or process of their own; mix-ins
   that park connections have lists of them. */
#include "server/idle.h"
#include "server/core.h"
#include "server/mail.h"
#include "server/request.h"
#include "server/serving.h"
#include "server/shortage.h"
#include "server/stop.h"
#include "server/timer.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESERVE_PART = 8, MAX_RESERVE = 1024 }; /* an eighth of the descriptors, but no more than that */
enum { GRACE = 50 }; /* ms that an idle client may keep the only place, when another client waits for it */

void idle_open(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX) {
        int all = (int)limit.rlim_cur, part = all / RESERVE_PART;
        serving->reserve_from = all - (part < MAX_RESERVE ? part : MAX_RESERVE);
    }
    if (self->core->takes_thread && open_pipe(serving->end_idle) < 0)
        serving->end_idle[0] = serving->end_idle[1] = -1;
}

void idle_shut(struct ss_server *self)
{
    close_pipe(serving_of(self)->end_idle);
}

void idle_enough(const struct ss_server *self)
{
    char data[64];
    int fd = serving_of(self)->end_idle[0];
    while (fd >= 0 && read(fd, data, sizeof data) > 0)
        ;
}

/* There is one such byte at most: if the last one was not read yet, nobody has ended for it. */
bool idle_close(struct ss_server *self)
{
    int fd = serving_of(self)->end_idle[1];
    idle_enough(self);
    return fd >= 0 && write(fd, "", 1) == 1;
}

bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

bool socket_has_input(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool drain_ends(const struct ss_server *self, int fd)
{
    return atomic_load(&self->core->stop->stage) >= CANCELED || !socket_has_input(fd);
}

/* Must this connection end? It has won the byte; or it holds the only place, another client waits, and no
   input comes for a moment. */
static bool is_wanted(struct ss_server *self, const struct request *request)
{
    char byte;
    if (serving_of(self)->end_idle[0] >= 0)
        return read(serving_of(self)->end_idle[0], &byte, 1) == 1;
    return server_wait(self, request->request.fd, POLLIN, GRACE, 0, DRAINING) != 0 &&
           is_readable(ss_fileno(self));
}

int idle_wait(struct ss_server *self, struct request *request)
{
    const struct serving *serving = serving_of(self);
    int place = serving->end_idle[0] >= 0 ? serving->end_idle[0] : ss_fileno(self);
    for (;;) {
        struct pollfd fds[] = {{.fd = request->request.fd, .events = POLLIN},
                               {.fd = self->core->stop->drain[0], .events = POLLIN},
                               {.fd = place, .events = POLLIN}};
        int ms = ms_until(request->entry.timer.deadline);
        int rc = request->box ? methods_of(self)->await(self, &request->request, fds, 3, ms)
                              : methods_of(self)->poll(self, fds, 3, ms);
        if (rc >= 0 && mail_waits(self, request)) /* (one that is never received ends no drain) */
            return ss_draining(self) ? -ECANCELED : 0;
        if (rc == -ENOMEM)
            rest();
        else if (rc < 0 && rc != -EINTR)
            return rc;
        if (rc == 0 && ms_until(request->entry.timer.deadline) == 0)
            return -ETIMEDOUT;
        if (rc > 0 && fds[1].revents)
            return drain_ends(self, request->request.fd) ? -ECANCELED : 0;
        if (rc > 0 && fds[0].revents)
            return 0;
        if (rc > 0 && is_wanted(self, request))
            return -ECANCELED;
    }
}
