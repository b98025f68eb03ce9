/* SPDX-License-Identifier: MIT */
#include "server/poller.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Linux has the same bits for both; the compiler is our witness. */
_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP &&
                   EPOLLRDHUP == POLLRDHUP && EPOLLPRI == POLLPRI && EPOLLRDBAND == POLLRDBAND,
               "poll and epoll speak of the same events");

enum { BATCH = 64 };

struct poller {
    int fd;
    int mode;
    int wake; /* an eventfd that nobody reads and that is never 0: each write to it is an event; -1: none */
};

/* ENOSPC is what a user gets who has as many watches as /proc/sys/fs/epoll/max_user_watches allows: a
   shortage that passes, as one of memory does, and those who wait know that one. */
static int control_failed(void)
{
    return errno == ENOSPC ? -ENOMEM : -errno;
}

/* Not inlined where it is seldom called: an address taken costs each caller the stack protector's check. */
__attribute__((noinline)) static int control(struct poller *poller, int op, int fd, uint32_t events,
                                             uint32_t tag)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)tag << 32 | (uint32_t)fd};
    return epoll_ctl(poller->fd, op, fd, &event) < 0 ? control_failed() : 0;
}

static int open_both(struct poller *p)
{
    if ((p->fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return -errno;
    if (p->mode != POLLER_ONESHOT)
        return 0;
    if ((p->wake = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return -errno;
    return control(p, EPOLL_CTL_ADD, p->wake, EPOLLIN | EPOLLET, 0);
}

int poller_open(struct poller **poller, int mode)
{
    struct poller *p = malloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    *p = (struct poller){.fd = -1, .mode = mode, .wake = -1};
    int rc = open_both(p);
    if (rc < 0)
        poller_close(p);
    else
        *poller = p;
    return rc;
}

void poller_close(struct poller *poller)
{
    if (!poller)
        return;
    if (poller->wake >= 0)
        close(poller->wake);
    if (poller->fd >= 0)
        close(poller->fd);
    free(poller);
}

/* In the two modes in which the caller says what it waits for. */
static uint32_t wanted(const struct poller *poller, short events)
{
    return poller->mode == POLLER_LEVEL ? (uint32_t)(unsigned short)events
                                        : (uint32_t)events | EPOLLRDHUP | EPOLLONESHOT;
}

int poller_add(struct poller *poller, int fd, short events, uint32_t tag, bool shared)
{
    if (poller->mode != POLLER_EDGE)
        return control(poller, EPOLL_CTL_ADD, fd, wanted(poller, events), tag);
    /* EPOLLEXCLUSIVE can be combined with little else */
    return control(poller, EPOLL_CTL_ADD, fd,
                   shared ? ((uint32_t)events & (EPOLLIN | EPOLLOUT)) | EPOLLET | EPOLLEXCLUSIVE
                          : (uint32_t)events | EPOLLET | EPOLLRDHUP,
                   tag);
}

int poller_want(struct poller *poller, int fd, short events, uint32_t tag)
{
    return control(poller, EPOLL_CTL_MOD, fd, wanted(poller, events), tag);
}

void poller_remove(struct poller *poller, int fd)
{
    (void)epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, &(struct epoll_event){0});
}

int poller_wait(struct poller *poller, struct poller_event *events, int max, int ms)
{
    struct epoll_event ready[BATCH];
    int told = 0, n = epoll_wait(poller->fd, ready, max < BATCH ? max : BATCH, ms);
    if (n < 0 && errno == EINTR) /* the process may have been stopped, and not look before the time is over */
        n = epoll_wait(poller->fd, ready, max < BATCH ? max : BATCH, 0);
    for (int i = 0; i < n; i++) {
        int fd = (int)(uint32_t)ready[i].data.u64;
        if (fd != poller->wake)
            events[told++] = (struct poller_event){
                .fd = fd, .tag = (uint32_t)(ready[i].data.u64 >> 32), .events = (short)ready[i].events};
    }
    return n < 0 ? -errno : told;
}

/* A registration that is changed tells of what is readable already: the other way to the same event. */
int poller_wake(struct poller *poller)
{
    if (write(poller->wake, &(uint64_t){1}, sizeof(uint64_t)) == sizeof(uint64_t))
        return 0;
    return control(poller, EPOLL_CTL_MOD, poller->wake, EPOLLIN | EPOLLET, 0);
}

int poller_descriptor(const struct poller *poller)
{
    return poller->fd;
}

__attribute__((cold)) short poller_both_names(short events)
{
    if (events & (POLLIN | POLLRDNORM))
        events |= POLLIN | POLLRDNORM;
    if (events & (POLLOUT | POLLWRNORM | POLLWRBAND))
        events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return events;
}
