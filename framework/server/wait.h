/* SPDX-License-Identifier: MIT */
/* How the framework waits. */
#ifndef SS_WAIT_H
#define SS_WAIT_H

#include "server/stop.h"
#include "socketserver.h"

/* Waits until at most `limit` of the requests that this thread has started are active. 0, -ETIMEDOUT,
   -ECANCELED. A wake-up may be lost: then it notices a second later, unless `ms` is -1 (no limit). `until`,
   here and below: the stage of a shutdown that ends the wait with -ECANCELED; NEVER: none does. */
int server_wait_active(struct ss_server *self, unsigned limit, int ms, int until);
/* Waits until another thread that has the server's work to do has called thread_is_over, and can be joined.
   Called by the thread that serves first, when it has left its loop. */
void server_wait_thread(struct ss_server *self, const atomic_bool *over);
void thread_is_over(struct ss_server *self, atomic_bool *over);
/* How many milliseconds a wait may take that ends at `deadline`, as ss_now counts; TIMER_NEVER: -1. */
int ms_until(uint64_t deadline);
/* Waits for one descriptor through the server's poll method, or by poll(2) when self is NULL; at most `ms`
   milliseconds (-1: no limit), and until `deadline` (as ss_now counts; 0: none). 0, -ETIMEDOUT, -ECANCELED,
   -errno. */
int server_wait(struct ss_server *self, int fd, short events, int ms, uint64_t deadline, int until);
/* One wait for a descriptor of a request (-1: none), and for a message if `request` is not NULL. Returns 1
   when the descriptor is ready; 0 when the time is over or something else may have happened; -ECANCELED;
   -errno. */
int server_await(struct ss_server *self, struct ss_request *request, struct pollfd *fd, int ms, int until);
/* For the poll method of a mix-in that waits for descriptors of its own, and for a time of its own, besides
   what the caller waits for: calls super's. Returns the number of the caller's descriptors that are ready;
   -EINTR when only the mix-in's own, or its time, has come. */
int poll_also(struct ss_server *self, const struct ss_class *super, struct pollfd *fds, nfds_t count, int ms,
              struct pollfd *own, nfds_t own_count, int own_ms);

#endif
