/* SPDX-License-Identifier: MIT */
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

/* Which signals get a handler, and when. A shell lets programs in the background ignore SIGINT, and that
   stays so; a handler that the program has set itself stays, too. */
enum { ALWAYS, UNLESS_IGNORED, UNLESS_HANDLED };
static const struct {
    void (*handler)(int);
    int number, when;
} taken[] = {
    {stop_serving, SIGTERM, ALWAYS},     {stop_serving, SIGINT, UNLESS_IGNORED},
    {overlook, SIGPIPE, UNLESS_HANDLED}, {overlook, SIGXFSZ, UNLESS_HANDLED},
    {overlook, SIGXCPU, UNLESS_HANDLED},
};
enum { TAKEN = sizeof taken / sizeof *taken };
static struct sigaction before[TAKEN];

/* In a process that a handler has forked: there the signal does what it would have done before ss_run. */
static void act_as_before(int signal)
{
    for (int i = 0; i < TAKEN; i++)
        if (taken[i].number == signal)
            sigaction(signal, &before[i], NULL);
    raise(signal);
}

/* A terminal sends SIGINT to a whole group of processes. The server's children must not end by it in the
   middle of a request: they learn of the shutdown from the server, and only one without a parent ends by
   itself. */
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
        bool ignored = before[i].sa_handler == SIG_IGN, handled = before[i].sa_handler != SIG_DFL;
        if (taken[i].when == ALWAYS || !(taken[i].when == UNLESS_IGNORED ? ignored : handled))
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

/* A handler that the program has set itself stays; a sanitizer's, too. */
void report_overflows(struct sigaction *previous)
{
    struct sigaction act = {.sa_sigaction = overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (sigaction(SIGSEGV, NULL, previous) == 0 && previous->sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &act, NULL);
}
