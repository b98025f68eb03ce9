/* SPDX-License-Identifier: MIT */
/* Messages, as the rest of the framework sees them: mailboxes of requests, and stations, which are woken for
   them. */
#ifndef SS_MAIL_H
#define SS_MAIL_H

#include "server/request.h"
#include <stdatomic.h>

struct store;
struct text;
struct station;

/* A station is woken when there is a message for a mailbox of its own: a loop is one, and all the threads of
   a process that wait for messages are one. It is opened when it gets its first mailbox. */
struct station {
    struct ss_server *server;
    atomic_int fd;   /* readable when it is to call station_deliver; -1: it is not open. One thread opens it
                        while a pool's others compare it */
    uint64_t name;   /* of that descriptor, see wakeup_open_named */
    uint32_t record; /* in the store; 0: none */
    void *context;   /* for the two functions */
    /* Called when the station has got its descriptor. 0 or -errno. NULL: nothing to do. */
    int (*opened)(struct station *station);
    /* Tells who waits that there is a message: `waiter`, or the request, when it is parked; the other one is
       NULL. Called with the store's lock held: it must neither wait nor call anything of this header. */
    void (*arrived)(struct station *station, struct request *request, void *waiter);
};

/* ---- station.c ---- */

void station_init(struct station *station, struct ss_server *self,
                  void (*arrived)(struct station *, struct request *, void *));
/* Gives it its descriptor, if it has none. 0 or -errno. */
int station_open_descriptor(struct station *station);
/* Opens the station. 0; -errno. */
int station_open(struct station *station);
/* Closes it. Its mailboxes were closed before: another station may get its record. */
void station_close(struct station *station);
/* In a child after fork(2): closes its copy of the parent's. */
void station_forget(struct station *station);
/* Calls `arrived` for all that have got a message. By a thread of the station. */
void station_deliver(struct station *station);
/* The calling thread's: that of its loop, or else the process's threads'. */
struct station *station_of(struct ss_server *self);
/* The same, if a process was killed that had the lock: it may have called a mailbox, and not woken it. To be
   called after a message was sent. */
void stations_wake_repaired(struct ss_server *self);
/* What this process sends wake-ups with: a descriptor, or -errno. */
int station_sender(struct ss_server *self);
void station_close_sender(struct ss_core *core);
/* A child of the server has ended: frees what it has left in the store, and wakes who may have missed that.
 */
void stations_child_ended(struct ss_server *self, pid_t pid);

/* ---- mail.c ---- */

/* Opens a mailbox for a station. 0 or -errno. */
int mailbox_open(struct station *station, uint32_t *number, struct ss_ref *ref);
void mailbox_close(struct ss_server *self, uint32_t number);
/* From now on the station's `arrived` is called, once, when there is a message. True, and it is not called:
   there is one already, or the mailbox has ended. */
bool mailbox_begin_wait(const struct ss_server *self, uint32_t number);
/* Takes the oldest message; the one before it is dropped. As ss_receive. */
int mailbox_receive(struct ss_server *self, uint32_t number, struct ss_message *message);

/* The mailbox of a request, which gets one if it has none. 0 or -errno. */
int mail_open(struct ss_server *self, struct request *request);
/* Closes the mailbox of a request that has one. */
void mail_close(struct ss_server *self, struct request *request);
/* Has it a message that was not received? */
bool mail_waits(const struct ss_server *self, const struct request *request);
/* Was its mailbox full, so that the connection is to be ended? */
bool mail_has_ended(const struct ss_server *self, const struct request *request);
/* As mailbox_begin_wait, for `waiter`, or for a request that is parked. */
bool mail_begin_wait(const struct ss_server *self, const struct request *request, void *waiter);
bool mail_begin_parking(const struct ss_server *self, struct request *request);
/* From now on it is not called any more. */
void mail_end_wait(struct ss_server *self, const struct request *request);

/* Are there channels, and may a message have `size` bytes? As ss_post. */
int mail_check(struct ss_server *self, size_t size);
/* Can the caller send such a message, and wake who gets it? As ss_post. */
int mail_check_send(struct ss_server *self, const struct text *text);

#endif
