/* SPDX-License-Identifier: MIT */
/* The last events of channels, in memory that all processes share. Whoever sends one, or begins to follow,
   has the lock meanwhile: so each event is either in the history that a client gets, or comes by its channel.
 */
#include "events/es.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct history {
    uint64_t run;    /* tells ids of this server from those of one before it; 0: no event was sent yet */
    uint64_t number; /* of the last event */
    uint64_t first;  /* number of the oldest one that is kept; number + 1: none is */
    size_t size;     /* bytes of those that are */
    char events[];
};
_Static_assert(sizeof(struct history) <= ES_HISTORY_SIZE(0), "ES_HISTORY_SIZE has room for the head");

/* An event; its text and the channel's name, with a NUL, follow. */
struct kept {
    size_t size; /* with what follows, rounded up, so that the next one is aligned */
    size_t text_size;
};

enum { ID_SIZE = 40 };

static size_t room_of(const struct ss_class *cls)
{
    return cls->shared_size - sizeof(struct history);
}

static const struct kept *kept_at(const struct history *history, size_t at)
{
    return (const struct kept *)(const void *)(history->events + at);
}

static const char *channel_of(const struct kept *kept)
{
    return (const char *)(kept + 1) + kept->text_size;
}

static void write_id(const struct history *history, char id[ID_SIZE])
{
    snprintf(id, ID_SIZE, "%" PRIx64 "-%" PRIu64, history->run, history->number);
}

/* Stores the number that an id ends with. False: it is of another server, or not known any more. */
static bool read_id(const struct history *history, const char *id, uint64_t *number)
{
    char *end;
    uint64_t run = strtoull(id, &end, 16);
    if (!*id || run != history->run || *end != '-')
        return false;
    uint64_t found = strtoull(end + 1, &end, 10);
    if (*end || found + 1 < history->first || found > history->number)
        return false;
    *number = found;
    return true;
}

/* 0, or -errno when the lock is not taken. What a process that was killed has left may be half done. */
static int lock_history(struct ss_server *self, const struct ss_class *cls, struct history **history)
{
    struct timespec now;
    struct history *h = *history = ss_shared(self, cls);
    int rc = h && cls->shared_size > sizeof *h ? ss_lock(self, cls) : -EINVAL;
    if (rc < 0 && rc != -EOWNERDEAD)
        return rc;
    if (!h->run && clock_gettime(CLOCK_REALTIME, &now) == 0)
        h->run = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (rc == -EOWNERDEAD || !h->first) {
        h->size = 0;
        h->first = h->number + 1;
    }
    return 0;
}

/* ---------------------------------------------------------------- keeping */

/* The oldest ones go until there is room, and some more at the same time: what is left has to be moved. */
static void drop_oldest(struct history *history, size_t room, size_t size)
{
    size_t gone = 0, spare = size > room / 8 ? size : room / 8;
    if (history->size + size <= room)
        return;
    while (gone < history->size && history->size - gone + spare > room) {
        gone += kept_at(history, gone)->size;
        history->first++;
    }
    history->size -= gone;
    memmove(history->events, history->events + gone, history->size);
}

static size_t size_kept(const struct es_text *text, const char *channel)
{
    size_t size = sizeof(struct kept) + text->size + strlen(channel) + 1;
    return (size + sizeof(struct kept) - 1) / sizeof(struct kept) * sizeof(struct kept);
}

static void append_event(struct history *history, size_t size, const struct es_text *text,
                         const char *channel)
{
    struct kept *kept = (struct kept *)(void *)(history->events + history->size);
    *kept = (struct kept){.size = size, .text_size = text->size};
    strcpy(mempcpy(kept + 1, text->text, text->size), channel);
    history->size += size;
}

/* With the lock. It is kept if it was sent. */
static int send_and_keep(struct ss_server *self, const struct ss_class *cls, struct history *history,
                         const char *channel, const struct es_text *text)
{
    size_t size = size_kept(text, channel);
    if (size > room_of(cls))
        return -EMSGSIZE;
    int rc = ss_publish_tagged(self, channel, ES_TAG, text->chunk, text->chunk_size);
    if (rc < 0)
        return rc;
    drop_oldest(history, room_of(cls), size);
    append_event(history, size, text, channel);
    return rc;
}

int es_keep(struct ss_server *self, const struct ss_class *cls, const char *channel,
            const struct es_event *event)
{
    struct history *history;
    struct es_event numbered = *event;
    struct es_text text;
    char id[ID_SIZE];
    int rc = event->id ? -EINVAL : lock_history(self, cls, &history);
    if (rc < 0)
        return rc;
    history->number++;
    write_id(history, id);
    numbered.id = id;
    rc = es_format(&numbered, &text);
    if (rc == 0) {
        rc = send_and_keep(self, cls, history, channel, &text);
        free(text.chunk);
    }
    if (rc < 0)
        history->number--; /* nobody has seen it */
    ss_unlock(self, cls);
    return rc;
}

/* ---------------------------------------------------------------- following */

/* Copies the events of a channel behind number `after`, in memory for the caller to free. NULL: there is no
   memory. */
static char *copy_events(const struct history *history, const char *channel, uint64_t after, size_t *size)
{
    char *copy = malloc(history->size + ID_SIZE), *to = copy;
    uint64_t number = history->first;
    if (!copy)
        return NULL;
    for (size_t at = 0; at < history->size; at += kept_at(history, at)->size, number++) {
        const struct kept *kept = kept_at(history, at);
        if (number > after && strcmp(channel_of(kept), channel) == 0)
            to = mempcpy(to, kept + 1, kept->text_size);
    }
    *size = (size_t)(to - copy);
    return copy;
}

/* With the lock: what a client is to get now. */
static int begin_to_follow(struct es *es, const struct history *history, const char *channel, bool all,
                           char **copy, size_t *size)
{
    uint64_t after = all ? 0 : history->number;
    bool known = read_id(history, es->last_id, &after);
    char id[ID_SIZE];
    if (!(*copy = copy_events(history, channel, after, size)))
        return -ENOMEM;
    if (!known && !*size) { /* so that it knows where to go on, even if it gets no event until then */
        write_id(history, id);
        *size = (size_t)sprintf(*copy, "id: %s\n\n", id);
    }
    int rc = ss_subscribe(es->h, channel, SS_END);
    return rc < 0 ? rc : known;
}

int es_follow(struct es *es, const struct ss_class *cls, const char *channel, bool all)
{
    struct history *history;
    char *copy = NULL;
    size_t size = 0;
    int rc = es->ended ? -EPIPE : lock_history(es->server, cls, &history);
    if (rc < 0)
        return rc;
    rc = begin_to_follow(es, history, channel, all, &copy, &size);
    ss_unlock(es->server, cls);
    int sent = rc >= 0 && size ? es_send_text(es, copy, size) : 0;
    free(copy);
    return sent < 0 ? sent : rc;
}
