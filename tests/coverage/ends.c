/* SPDX-License-Identifier: MIT
   In the build of `make coverage` the linker has these calls come here (--wrap). A process that ends by
   _exit(2), abort(3) or a signal would otherwise lose what it has counted, which only exit(3) writes down. */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* The linker's names, and gcov's. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void __gcov_dump(void);
void __gcov_reset(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);
int __real_raise(int signal);
int __wrap_raise(int signal);
int __real_sigaction(int signal, const struct sigaction *act, struct sigaction *before);
int __wrap_sigaction(int signal, const struct sigaction *act, struct sigaction *before);

/* Of fault/fault.h: only in the programs whose calls can be made to fail. */
extern __attribute__((weak)) void fault_over(void);

/* The counters begin anew, in case the process goes on. */
static void write_down(bool at_end)
{
    if (at_end && fault_over)
        fault_over();
    __gcov_dump();
    __gcov_reset();
}

_Noreturn void __wrap__exit(int status)
{
    write_down(true);
    __real__exit(status);
}

_Noreturn void __wrap_abort(void)
{
    write_down(true);
    __real_abort();
}

int __wrap_raise(int signal)
{
    write_down(false);
    return __real_raise(signal);
}

/* A handler that gives SIGSEGV back returns to the fault. */
int __wrap_sigaction(int signal, const struct sigaction *act, struct sigaction *before)
{
    if (signal == SIGSEGV && act && act->sa_handler == SIG_DFL)
        write_down(false);
    return __real_sigaction(signal, act, before);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
