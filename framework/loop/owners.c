/* SPDX-License-Identifier: MIT */
/* Whose a descriptor is: it stays registered as long as its owner has it open, and no event for it reaches
   the next owner of its number. */
#include "loop/loop.h"
#include "server/poller.h"
#include "server/request.h"
#include <assert.h>
#include <errno.h>

/* Registers the file that the number stands for. Where it is the same file as before, epoll_ctl(2) refuses
   that, and nothing changes. */
static void refresh(struct loop *loop, int fd)
{
    const struct known *known = loop_known(loop, fd);
    if (known && known->registered && known->owner && known->owner != loop)
        (void)loop_add(loop, fd, known->tag);
}

/* The number stands for another file than its owner's by now, so nothing must be written to it. */
static void disown(struct loop *loop, int fd, struct known *known)
{
    if (!known->owner)
        return;
    if (known->parked) {
        known->parked->request.resume = NULL;
        known->parked->has_good_bye = false;
        loop_end_parked(loop, known, true);
    }
    loop_unregister(loop, fd, known);
}

void loop_adopt(struct loop *loop, int fd, const void *owner)
{
    struct known *known = owner ? loop_lookup(loop, fd) : NULL;
    if (!owner)
        refresh(loop, fd);
    if (!known)
        return;
    disown(loop, fd, known);
    known->owner = owner;
}

bool loop_release(struct loop *loop, int fd, const void *owner)
{
    struct known *known = loop_known(loop, fd);
    if (!known || !known->owner)
        return true;
    if (known->owner != owner && known->owner != loop)
        return false;
    loop_unregister(loop, fd, known);
    return true;
}

void loop_let_go(struct loop *loop, int fd, const void *owner)
{
    struct known *known = loop_known(loop, fd);
    if (!known || known->owner != owner)
        return;
    known->owner = NULL;
    loop_unregister(loop, fd, known);
}

void loop_ignore(struct loop *loop, int fd)
{
    struct known *known = loop_known(loop, fd);
    if (!known || !known->registered)
        return;
    poller_remove(loop->poller, fd);
    known->registered = false;
    known->ready = 0;
    known->tag++;
}

int loop_watch(struct loop *loop, int fd, bool stays_readable, void (*ready)(void *), void *argument)
{
    struct known *known = loop_lookup(loop, fd);
    if (known) /* a handler may have closed its connection's descriptor */
        disown(loop, fd, known);
    int rc = !known ? -ENOMEM : known->registered ? 0 : loop_register(loop, fd, known);
    if (rc < 0)
        return rc;
    known->owner = loop;
    known->stays_readable = stays_readable;
    if (ready) {
        assert(loop->watch_count < MAX_WATCHES);
        loop->watches[loop->watch_count++] = (struct watch){fd, ready, argument};
        known->watched = true;
    }
    return 0;
}
