/* The twin for systems without epoll. What has been told of is not asked for again until the caller
   wants it, which makes poll(2) look like changes are told. */
#include "loop/poller.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

struct watched {
    int fd;
    uint32_t tag;
    short wanted; /* 0: not asked for */
    bool ended;   /* POLLRDHUP was told: it stays true, and would be told for ever */
};

/* watched[0] is a pipe that wakes those who wait, because what they wait for has changed. */
struct poller {
    pthread_mutex_t lock;
    int mode;
    int wake[2];
    struct watched *watched;
    int count, room;
    int *place; /* of a descriptor in `watched`, by descriptor; 0: nowhere */
    int places;
    int waiting;         /* threads inside poll(2) */
    unsigned generation; /* of what they wait for */
    int stale;           /* those of them that look at an older one */
    bool woken;          /* poller_wake was called, and nobody has come back since */
};

const char poller_name[] = "poll";

static int grow(void **array, int *room, int needed, size_t size)
{
    int count = *room ? *room : 64;
    while (count <= needed)
        count *= 2;
    char *bigger = realloc(*array, (size_t)count * size);
    if (!bigger)
        return -ENOMEM;
    memset(bigger + (size_t)*room * size, 0, (size_t)(count - *room) * size);
    *array = bigger;
    *room = count;
    return 0;
}

static struct watched *find(struct poller *p, int fd)
{
    return fd >= 0 && fd < p->places && p->place[fd] ? &p->watched[p->place[fd]] : NULL;
}

/* All that wait in poll(2) look at a snapshot of before: they must come back, not least because a descriptor
   that is closed stays open for as long as somebody polls it. */
static void wake_waiting(struct poller *p)
{
    if (!p->waiting)
        return;
    p->generation++;
    p->stale = p->waiting;
    (void)wakeup_send(p->wake);
}

/* The last of them takes the signal out of the pipe. */
static void back_from_wait(struct poller *p, unsigned generation)
{
    p->waiting--;
    p->woken = false;
    if (generation == p->generation || --p->stale > 0)
        return;
    wakeup_take(p->wake);
}

int poller_open(struct poller **poller, int mode)
{
    struct poller *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->mode = mode;
    int rc = grow((void **)&p->watched, &p->room, 0, sizeof *p->watched);
    if (rc == 0)
        rc = wakeup_open(p->wake);
    if (rc < 0) {
        free(p->watched);
        free(p);
        return rc;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->watched[p->count++] = (struct watched){.fd = p->wake[0], .wanted = POLLIN};
    *poller = p;
    return 0;
}

void poller_close(struct poller *poller)
{
    if (!poller)
        return;
    wakeup_close(poller->wake);
    pthread_mutex_destroy(&poller->lock);
    free(poller->watched);
    free(poller->place);
    free(poller);
}

static int add_locked(struct poller *p, int fd, short events, uint32_t tag)
{
    int rc = 0;
    if (find(p, fd))
        return -EEXIST;
    if (fd >= p->places)
        rc = grow((void **)&p->place, &p->places, fd, sizeof *p->place);
    if (rc == 0 && p->count == p->room)
        rc = grow((void **)&p->watched, &p->room, p->count, sizeof *p->watched);
    if (rc < 0)
        return rc;
    p->place[fd] = p->count;
    p->watched[p->count++] =
        (struct watched){.fd = fd, .tag = tag, .wanted = p->mode == POLLER_EDGE ? 0 : events};
    wake_waiting(p);
    return 0;
}

int poller_add(struct poller *poller, int fd, short events, uint32_t tag, bool shared)
{
    (void)shared; /* all are woken, one gets it */
    pthread_mutex_lock(&poller->lock);
    int rc = add_locked(poller, fd, events, tag);
    pthread_mutex_unlock(&poller->lock);
    return rc;
}

int poller_want(struct poller *poller, int fd, short events, uint32_t tag)
{
    pthread_mutex_lock(&poller->lock);
    struct watched *w = find(poller, fd);
    if (w) {
        w->wanted |= events;
        w->tag = tag;
        wake_waiting(poller);
    }
    pthread_mutex_unlock(&poller->lock);
    return w ? 0 : -ENOENT;
}

void poller_remove(struct poller *poller, int fd)
{
    pthread_mutex_lock(&poller->lock);
    struct watched *w = find(poller, fd);
    if (w) {
        *w = poller->watched[--poller->count];
        poller->place[w->fd] = (int)(w - poller->watched);
        poller->place[fd] = 0;
        wake_waiting(poller);
    }
    pthread_mutex_unlock(&poller->lock);
}

void poller_forget(struct poller *poller, int fd)
{
    poller_remove(poller, fd);
}

/* What poll(2) is given, with the tags of that moment. */
struct snapshot {
    struct pollfd *fds;
    uint32_t *tags;
    int count;
    unsigned generation;
    bool woken;
};

/* What is not wanted is left out with a descriptor of -1. */
static int take_snapshot(struct poller *p, struct snapshot *snapshot)
{
    pthread_mutex_lock(&p->lock);
    int n = snapshot->count = p->count;
    snapshot->generation = p->generation;
    snapshot->woken = p->woken;
    snapshot->fds = malloc((size_t)n * (sizeof *snapshot->fds + sizeof *snapshot->tags));
    snapshot->tags = (uint32_t *)(void *)(snapshot->fds + n);
    for (int i = 0; snapshot->fds && i < n; i++) {
        const struct watched *w = &p->watched[i];
        snapshot->fds[i] = (struct pollfd){.fd = w->wanted ? w->fd : -1,
                                           .events = (short)(w->wanted | (w->ended ? 0 : POLLRDHUP))};
        snapshot->tags[i] = w->tag;
    }
    p->waiting += snapshot->fds != NULL;
    pthread_mutex_unlock(&p->lock);
    return snapshot->fds ? 0 : -ENOMEM;
}

/* Somebody else may have been told first and have asked anew, or the descriptor may be another one by now:
   then the tag is another one, too. */
static bool claim(struct poller *p, const struct pollfd *fd, uint32_t tag, struct poller_event *event)
{
    struct watched *w = find(p, fd->fd);
    if (!w || !w->wanted || w->tag != tag)
        return false;
    *event = (struct poller_event){.fd = fd->fd, .tag = tag, .events = fd->revents};
    w->ended |= (fd->revents & POLLRDHUP) != 0;
    if (p->mode == POLLER_ONESHOT || (fd->revents & (POLLHUP | POLLERR)))
        w->wanted = 0;
    else
        w->wanted &= (short)~fd->revents;
    return true;
}

int poller_wait(struct poller *poller, struct poller_event *events, int max, int ms)
{
    struct snapshot s;
    int told = 0, rc = take_snapshot(poller, &s);
    if (rc < 0)
        return rc;
    if (poller->mode == POLLER_ONESHOT && (ms < 0 || ms > LOOK_AGAIN))
        ms = LOOK_AGAIN; /* at what other threads want by now */
    rc = poll(s.fds, (nfds_t)s.count, s.woken ? 0 : ms);
    rc = rc < 0 ? -errno : rc;
    pthread_mutex_lock(&poller->lock);
    back_from_wait(poller, s.generation);
    for (int i = 1; i < s.count && rc > 0 && told < max; i++)
        told += s.fds[i].fd >= 0 && s.fds[i].revents && claim(poller, &s.fds[i], s.tags[i], &events[told]);
    pthread_mutex_unlock(&poller->lock);
    free(s.fds);
    return rc < 0 ? rc : told;
}

int poller_wake(struct poller *poller)
{
    pthread_mutex_lock(&poller->lock);
    poller->woken = true;
    wake_waiting(poller);
    pthread_mutex_unlock(&poller->lock);
    return 0;
}

int wakeup_open(int ends[2])
{
    ends[0] = ends[1] = -1;
    if (pipe(ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

void wakeup_close(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
}

int wakeup_send(const int ends[2])
{
    return write(ends[1], "", 1) < 0 ? -errno : 0;
}

void wakeup_take(const int ends[2])
{
    char data[64];
    while (read(ends[0], data, sizeof data) > 0)
        ;
}
