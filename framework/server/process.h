/* Whose process is this, and how often has it forked? */
#ifndef SS_PROCESS_H
#define SS_PROCESS_H

#include <sys/types.h>

/* Whose process this is: the one that ss_run serves in, one that the server has forked for itself, such a one
   that has lost its parent, or somebody else's, as a handler that forks makes them. Async-signal-safe. */
enum process_role { PROCESS_SERVER, PROCESS_CHILD, PROCESS_ORPHAN, PROCESS_OTHER };
enum process_role process_role(void);
void process_is_server(void);
/* fork(2) for a process of the server's own. */
pid_t process_fork(void);

void forks_watch(void);
/* Counts the forks of this process, a handler's too. Any thread. */
unsigned forks_made(void);

/* A descriptor that can be read when the process has ended; -1 with errno set. */
int open_pidfd(pid_t pid);

#endif
