/* SPDX-License-Identifier: MIT */
/* What the processes of a server share for messages: mailboxes, what is in them, channels, and whom to wake.

   All of it lies in memory that is mapped before any fork, under one lock. Records name each other by their
   numbers, as pointers mean something else in each process; number 0 is none. A process may be killed while
   it has the lock: whoever gets the lock next makes the records agree again. */
#ifndef SS_STORE_H
#define SS_STORE_H

#include "memory/arena.h"
#include "server/robust.h"
#include "socketserver.h"
#include <stdatomic.h>

struct station;

/* Records of one size. Those that were given back form a list: each begins with the number of the next. */
struct pool {
    uint32_t free, used, max; /* the first of the list; how many were ever taken, and may be at once */
    uint32_t size;            /* bytes of each */
    size_t at;                /* where they begin in the store */
};

enum { MESSAGE_KINDS = 12, SMALLEST_BITS = 6 }; /* memory of messages is 64 bytes, 128, and so on */
enum { CHANNEL_BUCKETS = 16384 };

struct store {
    struct robust lock;
    size_t size; /* of all of it */
    struct pool mailboxes, letters, channels, subscriptions, stations, messages[MESSAGE_KINDS];
    uint64_t number;                  /* of the mailbox that was opened last */
    size_t memory, max_memory;        /* of messages: in use, and at most */
    unsigned max_count;               /* of each mailbox */
    size_t max_size, max_message;     /* of all that is in a mailbox, and of one message */
    atomic_bool repaired;             /* and nobody was woken since */
    atomic_uint opened;               /* stations; 0: nobody has a mailbox */
    uint32_t bucket[CHANNEL_BUCKETS]; /* the first channel of each */
};

/* A wake-up that is to be sent to a station; name 0: none. */
struct wake {
    uint64_t name;
    uint32_t station, round;
};

/* What is woken for its mailboxes: a loop, or the threads of a process that wait. */
struct station_record {
    uint32_t next_free;
    pid_t pid;                          /* 0: the record is free */
    uint64_t name;                      /* see wakeup_open_named */
    uint32_t first_called, last_called; /* mailboxes whose requests are to be told of a message */
    uint32_t round; /* one more whenever the station has begun to look at that list; goes on when the record
                       is used again */
    atomic_uint woken; /* the round for which a wake-up was sent. It is set after that, without the lock: a
                          process that is killed before leaves it as it was, and the next one sends another */
};

/* In one line of the processor's cache. */
struct mailbox {
    union {
        uint32_t next_free, station;
    };
    uint32_t first, last; /* letters */
    atomic_uint count;    /* of them; its owner reads it without the lock */
    uint32_t bytes, dropped;
    uint32_t next_called, previous_called; /* in the station's list */
    uint64_t number;                       /* as in struct ss_ref; 0: it is free */
    void *waiter; /* who waits for a message, or the parked request: a pointer of the process whose mailbox it
                     is */
    uint32_t held; /* the message that was received last */
    uint32_t subscriptions;
    uint8_t subscription_count;
    bool parked : 1;   /* `waiter` is a request */
    bool waiting : 1;  /* it is to be told of the next message */
    bool called : 1;   /* it is in that list */
    atomic_bool ended; /* it was full, and a channel's policy is to end the connection; read as `count` */
    atomic_bool told;  /* `waiter` was told, and nothing of that goes on any more; read as `count` */
};
_Static_assert(sizeof(struct mailbox) <= CACHE_LINE, "a mailbox has grown");

struct letter {
    uint32_t next, message;
};

/* The data are behind it, and behind them the name of the channel, if there is one. */
struct message {
    uint32_t next_free;
    uint32_t references; /* letters, and mailboxes that hold it */
    uint32_t size;
    uint8_t kind;      /* of its memory */
    uint8_t name_size; /* with the NUL; 0: it was posted */
    uint16_t tag;      /* as in struct ss_message */
};

/* What is to become a message. */
struct text {
    const void *data;
    size_t size;
    unsigned tag;
};

struct channel {
    uint32_t next_free, next; /* `next` in its bucket */
    uint32_t subscriptions, count;
    char name[SS_MAX_CHANNEL_NAME + 1];
};

struct subscription {
    uint32_t next_free;
    uint32_t mailbox, channel; /* 0: the record is free */
    uint32_t next, previous;   /* in the channel's list */
    uint32_t next_own;         /* in the mailbox's */
    int policy;
};

/* What was written before is there before what is written from now on, in whatever moment the process is
   killed: the compiler may not change that order. */
#define WRITTEN() atomic_signal_fence(memory_order_seq_cst)

/* ---- store.c ---- */

/* Maps a store with the limits that `self` has. NULL with errno set. */
struct store *store_new(const struct ss_server *self);
/* Unmaps it. NULL is harmless. */
void store_free(struct store *store);

/* What follows, up to store_lock, is called with the lock held. */

/* Takes a record, which the caller fills; 0: there is none left. */
uint32_t pool_take(struct store *store, struct pool *pool);
void pool_give(struct store *store, struct pool *pool, uint32_t number);
void *pool_at(const struct store *store, const struct pool *pool, uint32_t number);
struct mailbox *mailbox_at(const struct store *store, uint32_t number);
struct station_record *station_at(const struct store *store, uint32_t number);

/* Makes a message that nobody refers to; 0: there is no memory for it. `channel` may be NULL. */
uint32_t message_new(struct store *store, const struct text *text, const char *channel);
struct message *message_at(const struct store *store, uint32_t number);
/* One reference less; with the last one the memory is given back. Harmless for 0. */
void message_drop(struct store *store, uint32_t number);
/* Gives the memory of a message back to which nobody refers. */
void message_free(struct store *store, uint32_t number);

/* ---- store_channel.c ---- */

struct channel *channel_at(const struct store *store, uint32_t number);
struct subscription *subscription_at(const struct store *store, uint32_t number);
uint32_t *channel_bucket(struct store *store, const char *name);
/* The channel of that name; 0: there is none. */
uint32_t channel_find(struct store *store, const char *name);
/* Makes it; 0: there are too many. */
uint32_t channel_new(struct store *store, const char *name);
/* The subscription of a mailbox (0: none) to a channel; 0: there is none. */
uint32_t subscription_find(const struct store *store, uint32_t box, const char *name);
/* Puts a subscription into the lists of its channel and its mailbox. */
void subscription_link(struct store *store, uint32_t number);
void subscription_end(struct store *store, uint32_t number);

/* ---- store_mailbox.c ---- */

/* Puts the mailbox into its station's list of those that are to be told, and takes it out. It waits no longer
   when it is in there; a process that dies in between leaves it with both, but never with neither. */
void mailbox_call(struct store *store, uint32_t number);
void mailbox_uncall(struct store *store, uint32_t number);
bool mailbox_has_room(const struct store *store, const struct mailbox *box, size_t size);
/* Puts a message into it. False: there is no letter left. */
bool mailbox_put(struct store *store, struct mailbox *box, uint32_t message);
/* Takes out the letter behind `previous`, 0: the first one; there is one. Returns its message, to which it
   has referred. */
uint32_t mailbox_take(struct store *store, struct mailbox *box, uint32_t previous);
/* Closes the mailbox. */
void mailbox_clear(struct store *store, uint32_t number);

/* ---- store_lock.c ---- */

/* When a process was killed that had the lock, this makes the records agree with each other again. What that
   process was about to send may be lost. */
void store_lock(struct store *store);
void store_unlock(struct store *store);

/* ---- station.c ---- */

/* The station whose thread calls this: a loop's. NULL: there is none, as in a process that a handler has
   forked, where what waits is but a copy. */
struct station *station_of_caller(const struct ss_server *self, const struct store *store);
/* Has the mailbox's station tell its request of a message, if that waits for one. `own` is what
   station_of_caller has returned. What it returns is for station_wake. */
struct wake station_call(struct store *store, struct station *own, uint32_t number);
/* Sends that wake-up. Called without the lock. */
void station_wake(struct ss_server *self, const struct wake *wake);
/* Wakes all that have mailboxes to be told of a message, and were not. Called without the lock. */
void stations_wake(struct ss_server *self);

#endif
