/* How the framework waits. */
#ifndef SS_WAIT_H
#define SS_WAIT_H

#include "server/stop.h"
#include "socketserver.h"

/* How often this thread has learnt from ss_poll that something is ready: what a stream found drained
   before that need not be so any more, and its readiness is told once. */
unsigned polls_made(void);
/* Waits until at most `limit` requests are active; 0, -ETIMEDOUT, -ECANCELED. Those that other threads end
   are seen after a second at the latest, unless `ms` is -1: no limit. `until`, here and below: the stage of a
   shutdown that ends the wait with -ECANCELED. */
int server_wait_active(struct ss_server *self, unsigned limit, int ms, int until);
/* A pause for one whose wait has failed for want of memory, of descriptors, or by a fault that may pass. */
void rest(void);
/* Waits for one descriptor; 0, -ETIMEDOUT, -ECANCELED, -errno. self NULL: poll(2). deadline:
   absolute, 0: none. */
int server_wait(struct ss_server *self, int fd, short events, int ms, uint64_t deadline, int until);
/* A poll method's work with descriptors and a time limit of the mix-in's own besides the caller's:
   super's poll, and -EINTR when nothing but those has come true. */
int poll_also(struct ss_server *self, const struct ss_class *super, struct pollfd *fds, nfds_t count, int ms,
              struct pollfd *own, nfds_t own_count, int own_ms);
/* A pipe, non-blocking, not inherited by exec. */
int open_pipe(int pipe[2]);
void close_pipe(int pipe[2]);

#endif
