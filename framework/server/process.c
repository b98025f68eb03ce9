/* SPDX-License-Identifier: MIT */
/* Processes: whose this one is, and how often it has forked. */
#include "server/process.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---------------------------------------------------------------- whose process? */

static struct {
    pid_t self, parent; /* parent 0: it was not forked by the server */
} process;

void process_is_server(void)
{
    process.self = getpid();
    process.parent = 0;
}

enum process_role process_role(void)
{
    if (getpid() != process.self)
        return PROCESS_OTHER;
    return !process.parent ? PROCESS_SERVER : getppid() == process.parent ? PROCESS_CHILD : PROCESS_ORPHAN;
}

/* The signals that ss_run handles are blocked until the child knows that it is one. The others are not: a
   blocked SIGCHLD would be queued, and would interrupt another thread. */
pid_t process_fork(void)
{
    static const int known[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGXCPU};
    sigset_t late, before;
    pid_t parent = getpid();
    sigemptyset(&late);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        sigaddset(&late, known[i]);
    pthread_sigmask(SIG_BLOCK, &late, &before);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0) {
        process.self = getpid();
        process.parent = parent;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

/* ---------------------------------------------------------------- how often has it forked?

   A connection that was open at a fork stays open in the child. */

static atomic_uint forks;

static atomic_uint depth;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void count_in_child(void)
{
    count_fork();
    atomic_fetch_add(&depth, 1);
}

/* A fork counts before and after it, so that a connection which another thread takes meanwhile has another
   number than those after the fork. */
static void count_forks(void)
{
    (void)pthread_atfork(count_fork, count_fork, count_in_child);
}

void forks_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, count_forks);
}

unsigned forks_made(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

unsigned forks_above(void)
{
    return atomic_load_explicit(&depth, memory_order_relaxed);
}

int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}
