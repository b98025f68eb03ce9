/* What ss_run does with signals: the only part that sets handlers. */
#include "server/signal_handlers.h"
#include "server/process.h"
#include "server/serving.h"
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static struct ss_server *running;
static atomic_int signals; /* two threads may each get one at the same time */

static void stop_serving(int signal);

/* What we take, and from whom: who starts a program in the background, or for a session that will end, has it
   ignore signals; and somebody's own handler stays. */
enum { FROM_ANYBODY, UNLESS_IGNORED, UNLESS_CARED_FOR };
static const struct {
    void (*handler)(int);
    int number, taken;
} taken[] = {
    {stop_serving, SIGTERM, FROM_ANYBODY}, {stop_serving, SIGINT, UNLESS_IGNORED},
    {overlook, SIGPIPE, UNLESS_CARED_FOR}, {overlook, SIGXFSZ, UNLESS_CARED_FOR},
    {overlook, SIGXCPU, UNLESS_CARED_FOR},
};
enum { TAKEN = sizeof taken / sizeof *taken };
static struct sigaction before[TAKEN];

/* In a process that a handler has forked, and that has not called exec: it is none of ours. */
static void act_as_before(int signal)
{
    for (int i = 0; i < TAKEN; i++)
        if (taken[i].number == signal)
            sigaction(signal, &before[i], NULL);
    raise(signal);
}

/* A signal that reaches a whole group of processes must not cut short what its children have in progress:
   they hear of the end through the server, and only an orphan decides for itself. */
static void stop_serving(int signal)
{
    switch (process_role()) {
    case PROCESS_SERVER:
        if (atomic_fetch_add(&signals, 1) == 0)
            ss_shutdown(running);
        else
            ss_cancel(running);
        break;
    case PROCESS_CHILD:
        break;
    case PROCESS_ORPHAN:
        _exit(128 + signal);
    case PROCESS_OTHER:
        act_as_before(signal);
    }
}

void overlook(int signal)
{
    if (process_role() == PROCESS_OTHER)
        act_as_before(signal);
}

void take_signals(struct ss_server *self)
{
    process_is_server();
    running = self;
    signals = 0;
    for (int i = 0; i < TAKEN; i++) {
        struct sigaction act = {.sa_handler = taken[i].handler};
        sigaction(taken[i].number, NULL, &before[i]);
        bool ignored = before[i].sa_handler == SIG_IGN, cared_for = before[i].sa_handler != SIG_DFL;
        if (taken[i].taken == FROM_ANYBODY || !(taken[i].taken == UNLESS_IGNORED ? ignored : cared_for))
            sigaction(taken[i].number, &act, NULL);
    }
}

int give_signals_back(void)
{
    for (int i = 0; i < TAKEN; i++)
        sigaction(taken[i].number, &before[i], NULL);
    return signals;
}

static void overflow(int signal, siginfo_t *info, void *context)
{
    static const char text[] = "socketserver: a handler has overflowed its coroutine's stack: "
                               "raise stack_size, or use ThreadingMixIn\n";
    const struct serving *serving = serving_current();
    (void)context;
    if (serving && serving->overflowed(serving->loop, info->si_addr))
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    struct sigaction act = {.sa_handler = SIG_DFL};
    sigaction(signal, &act, NULL);
    if (info->si_code <= 0)
        raise(signal); /* somebody has sent it; a fault happens again on return, and ends the process */
}

/* Somebody's own handler stays; a sanitizer has one, too. */
void report_overflows(struct sigaction *previous)
{
    struct sigaction act = {.sa_sigaction = overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (sigaction(SIGSEGV, NULL, previous) == 0 && previous->sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &act, NULL);
}
