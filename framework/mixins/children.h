/* SPDX-License-Identifier: MIT */
/* Processes of a server's own, whose end is noticed without signals. */
#ifndef SS_CHILDREN_H
#define SS_CHILDREN_H

#include "server/core.h"

struct child {
    struct child *next;
    pid_t pid;
    int fd;        /* readable when it has ended: a pidfd, or a pipe's end; -1: no descriptor was left */
    bool is_pidfd; /* or it will be one */
    bool told;     /* the descriptor has become readable, and is not waited for any more */
    int pause;     /* ms between two looks, while they are needed */
    uint64_t look; /* when the next one is due */
    uint64_t started;
    struct client *client; /* whose request it works on, NULL: nobody's */
    int status;            /* when it has ended, as from waitpid(2); 0 where that knows nothing */
};
/* As fork(2); in the child it calls the method `forked`, and returns 0. Else the child's pid, or -errno. */
pid_t child_fork(struct ss_server *self, struct child **children);
void child_free(struct child *child);
/* Frees them all, in a process that is not their parent, or no longer cares. */
void children_forget(struct child **children);
/* Calls `ended` for those that have ended, which it takes over; children_poll says when there may be some. */
void children_reap(struct ss_server *self, struct child **children,
                   void (*ended)(struct ss_server *, struct child *));
/* A signal has ended it, and it was none of ours. */
bool child_crashed(const struct ss_server *self, const struct child *child);
/* As a poll method over super's that also looks for the end of children: -EINTR when one may have ended. */
int children_poll(struct ss_server *self, const struct ss_class *super, struct child *children,
                  struct pollfd *fds, nfds_t count, int ms);
/* Ends a child after its work: output flushed, nothing of the parent's undone. */
_Noreturn void child_exit(int status);

/* The thread that makes the children and looks after them. Others wait by the same poll method, too: those
   that the program has made, and tasks. */
struct keeper {
    _Atomic(pthread_t) thread;
    atomic_bool is_set;
};
void keeper_begin(struct keeper *keeper);
bool keeper_is_here(const struct keeper *keeper);

#endif
