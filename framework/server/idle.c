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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESERVE_PART = 8, MAX_RESERVE = 1024 }; /* an eighth of the descriptors, but no more than that */
/* ms that an idle client may keep the only place, when another client waits for it. That is halved each time
   that the client has said nothing, or a crowd of them would take that long for each; and it is as at first
   again when one has. */
enum { GRACE = 50, HALVES = 5 };
/* Who is asked to end: an idle connection of the client of this bucket, or of any client. A connection that
   is asked takes that back. One that is not does not look again for a while, as the byte in the pipe stays
   until another one has ended for it. */
enum { ANYBODY = CLIENT_BUCKETS, ASKED };
enum { LOOK_AWAY = 200 /* ms */ };

void idle_open(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX) {
        int all = (int)limit.rlim_cur, part = all / RESERVE_PART;
        serving->reserve = (unsigned)(part < MAX_RESERVE ? part : MAX_RESERVE);
        serving->reserve_from = all - (int)serving->reserve;
    }
    if (!self->core->takes_thread)
        return;
    void *asked =
        mmap(NULL, ASKED * sizeof *serving->asked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (asked == MAP_FAILED)
        return;
    serving->asked = asked;
    if (open_pipe(serving->end_idle) < 0)
        idle_shut(self);
}

void idle_shut(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    close_pipe(serving->end_idle);
    serving->end_idle[0] = serving->end_idle[1] = -1;
    if (serving->asked)
        munmap(serving->asked, ASKED * sizeof *serving->asked);
    serving->asked = NULL;
}

static void take_byte(const struct serving *serving)
{
    char data[64];
    while (read(serving->end_idle[0], data, sizeof data) > 0)
        ;
}

void idle_enough(const struct ss_server *self)
{
    const struct serving *serving = serving_of(self);
    if (!serving->asked)
        return;
    atomic_store(&serving->asked[ANYBODY], false);
    take_byte(serving);
}

/* There is one byte at most, however many are asked. */
static bool ask(const struct serving *serving, int whom)
{
    if (!serving->asked)
        return false;
    atomic_store(&serving->asked[whom], true);
    take_byte(serving);
    return write(serving->end_idle[1], "", 1) == 1;
}

bool idle_close(struct ss_server *self)
{
    return ask(serving_of(self), ANYBODY);
}

void idle_ask(struct ss_server *self, int bucket)
{
    if (bucket >= 0)
        (void)ask(serving_of(self), bucket);
}

bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

bool socket_has_input(int fd)
{
    char byte;
    return TEMP_FAILURE_RETRY(recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT)) > 0;
}

bool drain_ends(const struct ss_server *self, int fd)
{
    return atomic_load(&self->core->stop->stage) >= CANCELED || !socket_has_input(fd);
}

/* If another one is asked at the same time its byte may go with this one's: it is asked again when this one
   has ended, or a second later. */
static bool is_asked(const struct serving *serving, const struct request *request)
{
    int bucket = client_bucket(&request->request);
    if ((bucket < 0 || !atomic_exchange(&serving->asked[bucket], false)) &&
        !atomic_exchange(&serving->asked[ANYBODY], false))
        return false;
    take_byte(serving);
    return true;
}

/* Must this connection end? It is asked to; or it holds the only place, another client waits, and no input
   comes for a moment. */
static bool is_wanted(struct ss_server *self, const struct request *request)
{
    struct serving *serving = serving_of(self);
    if (serving->asked)
        return is_asked(serving, request);
    unsigned vain = atomic_load(&serving->vain_graces);
    int rc = server_wait(self, request->request.fd, POLLIN, GRACE >> vain, 0, DRAINING);
    if (rc == -ETIMEDOUT && vain < HALVES)
        atomic_store(&serving->vain_graces, vain + 1);
    return rc != 0 && is_readable(ss_fileno(self));
}

int idle_wait(struct ss_server *self, struct request *request)
{
    struct serving *serving = serving_of(self);
    int place = serving->asked ? serving->end_idle[0] : ss_fileno(self);
    bool looks_away = false;
    for (;;) {
        struct pollfd fds[] = {{.fd = request->request.fd, .events = POLLIN},
                               {.fd = self->core->stop->drain[0], .events = POLLIN},
                               {.fd = looks_away ? -1 : place, .events = POLLIN}};
        int ms = ms_until(request->entry.timer.deadline);
        if (looks_away && (ms < 0 || ms > LOOK_AWAY))
            ms = LOOK_AWAY;
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
        if (rc > 0 && fds[0].revents) {
            atomic_store(&serving->vain_graces, 0);
            return 0;
        }
        if (rc > 0 && is_wanted(self, request))
            return -ECANCELED;
        looks_away = rc > 0 && serving->asked;
    }
}
