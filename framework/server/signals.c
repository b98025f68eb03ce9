/* What a server has to do with signals, besides ss_run's handlers. Three of them a client or a limit can
   raise where we serve: SIGPIPE, by a write to one that has gone, SIGXFSZ, by a file that has reached its
   limit, and SIGXCPU, by a limit of processor time that clients use up. They end nobody: the call has failed
   with EPIPE or EFBIG anyway, and the hard limit of processor time ends a process by SIGKILL. */
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

static atomic_uint blockers[RAISED]; /* threads that serve with the signal blocked on our account */

/* In the child of whoever forks: what it execs would inherit the mask. (process_fork sets it again.) */
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

/* Where it is ignored, or ss_run's handler sees to it, no mask is needed. */
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
    static const struct timespec at_once = {0};
    while (sigtimedwait(&before->blocked, NULL, &at_once) > 0)
        ;
    for (int i = 0; i < RAISED; i++)
        if (sigismember(&before->blocked, raised[i]))
            atomic_fetch_sub(&blockers[i], 1);
    pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}
