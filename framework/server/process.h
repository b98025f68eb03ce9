/* SPDX-License-Identifier: MIT */
/* Whose process is this, and how often has it forked? */
#ifndef SS_PROCESS_H
#define SS_PROCESS_H

#include <sys/types.h>

/* PROCESS_SERVER: the process in which ss_run serves. PROCESS_CHILD: one that the server has forked for
   itself. PROCESS_ORPHAN: such a one whose parent has ended. PROCESS_OTHER: one that a handler has forked,
   say. */
enum process_role { PROCESS_SERVER, PROCESS_CHILD, PROCESS_ORPHAN, PROCESS_OTHER };
/* Which of these the calling process is. Async-signal-safe. */
enum process_role process_role(void);
/* ss_run serves in this process. */
void process_is_server(void);
/* As fork(2), for a process of the server's own. */
pid_t process_fork(void);

/* Begins to count this process's forks. */
void forks_watch(void);
/* How often this process has forked, also by a handler. Any thread. */
unsigned forks_made(void);
/* How many forks have led to this process: a child's number is another one than its parent's. Any thread. */
unsigned forks_above(void);

/* A descriptor that can be read when that process has ended; -1 with errno set. */
int open_pidfd(pid_t pid);

#endif
