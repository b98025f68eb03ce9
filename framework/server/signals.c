/* SPDX-License-Identifier: MIT */
/* Signals that a client or a limit can raise in a thread that serves: SIGPIPE when it writes to a client that
   has gone, SIGXFSZ when a file has reached its limit, SIGXCPU when clients have used up the processor time.
   They must not end the server, and nothing is lost without them: the write fails with EPIPE or EFBIG, and at
   the hard limit of processor time the kernel sends SIGKILL. */
#include "server/signals.h"
#include "server/signal_handlers.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

static const int raised[] = {SIGPIPE, SIGXFSZ, SIGXCPU};
enum { RAISED = sizeof raised / sizeof *raised };

static atomic_uint blockers[RAISED]; /* threads that serve, and have the signal blocked by signals_block */

/* In each child after a fork: programs that it execs would inherit the mask. (process_fork sets it again.) */
static void unblock_in_child(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < RAISED; i++)
        if (atomic_load(&blockers[i]))
            sigaddset(&set, raised[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, unblock_in_child);
}

/* Is the signal neither ignored nor handled by ss_run, so that it has to be blocked? */
static bool can_end_us(int signal)
{
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && now.sa_handler != SIG_IGN && now.sa_handler != overlook;
}

void signals_block(struct signals_before *before)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    sigemptyset(&before->blocked);
    for (int i = 0; i < RAISED; i++)
        if (can_end_us(raised[i]))
            sigaddset(&before->blocked, raised[i]);
    pthread_sigmask(SIG_BLOCK, &before->blocked, &before->mask);
    for (int i = 0; i < RAISED; i++) {
        if (sigismember(&before->mask, raised[i]))
            sigdelset(&before->blocked, raised[i]);
        if (sigismember(&before->blocked, raised[i]))
            atomic_fetch_add(&blockers[i], 1);
    }
}

void signals_unblock(const struct signals_before *before)
{
    for (int i = 0; i < RAISED; i++)
        if (sigismember(&before->blocked, raised[i]))
            atomic_fetch_sub(&blockers[i], 1);
    signals_pause(before);
}

void signals_pause(const struct signals_before *before)
{
    static const struct timespec at_once = {0};
    while (sigtimedwait(&before->blocked, NULL, &at_once) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}

void signals_resume(struct signals_before *before)
{
    pthread_sigmask(SIG_BLOCK, &before->blocked, &before->mask);
}
