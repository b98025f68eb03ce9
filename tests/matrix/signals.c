/* SPDX-License-Identifier: MIT */
/* ThreadSanitizer keeps a signal that comes at a bad moment for the coroutine that runs, and that one may
   not run again for long: so another process gets the signals, and calls ss_shutdown and ss_cancel as any
   process of a server may. Elsewhere nothing of this happens. */
#include "matrix.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)

static _Noreturn void be_deputy(struct ss_server *server, struct shared *shared, const sigset_t *signals)
{
    for (;;) {
        int got;
        sigwait(signals, &got);
        if (shared->told++ == 0)
            ss_shutdown(server);
        else
            ss_cancel(server);
    }
}

void start_deputy(struct ss_server *server, struct shared *shared)
{
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t pid = fork();
    if (pid == 0)
        be_deputy(server, shared, &signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    shared->deputy = pid;
}

void end_deputy(struct shared *shared, int *status)
{
    kill(shared->deputy, SIGKILL);
    waitpid(shared->deputy, NULL, 0);
    if (*status == 0 && shared->told > 1)
        *status = 130;
}

#else

void start_deputy(struct ss_server *server, struct shared *shared)
{
    (void)server, (void)shared;
}

void end_deputy(struct shared *shared, int *status)
{
    (void)shared, (void)status;
}

#endif
