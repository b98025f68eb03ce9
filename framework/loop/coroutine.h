/* SPDX-License-Identifier: MIT */
/* Coroutines: functions with a stack of their own, that run until they switch away.

   The event loop gives one to every connection, so that a handler written as if it blocked need not block its
   thread. This module only makes stacks and switches between them: who runs next, and which stacks are kept
   for reuse, is the caller's business.

        static void body(void *arg) { for (;;) { ...; co_switch(self, &loop); } }

        struct co loop, *self;
        co_thread(&loop);
        self = co_create(CO_STACK_SIZE, body, NULL);
        co_switch(&loop, self);
        co_destroy(self);

   1. A coroutine belongs to the thread that first switches to it, for good: compilers keep the address of
   errno and of other thread-local variables across a call.
   2. A body never returns (the process aborts if it does): it loops, and switches away for the last time.
   3. A switch keeps what a function call keeps, and in a program with C++ what exceptions are being handled:
   that is each coroutine's own. Errno, the signal mask and the floating-point rounding mode belong to the
   thread.
   4. A suspended stack is destroyed without unwinding: what its frames own is theirs to free first. */
#ifndef COROUTINE_H
#define COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

#define CO_STACK_SIZE (256 * 1024)

/* How co_switch does it: "x86-64 assembly", "aarch64 assembly" or "ucontext". */
extern const char co_switch_name[];

/* What the C++ runtime notes for each thread (__cxa_eh_globals of the Itanium C++ ABI, 2.2.2). */
struct co_exceptions {
    void *caught;      /* those whose handlers have not ended, the newest first */
    unsigned uncaught; /* how many are on their way to a handler */
#if defined(__ARM_EABI_UNWINDER__)
    void *propagating;
#endif
};

/* All fields are private. It lies at the top of its own stack; only a thread's is made by the caller. */
struct co {
    void *sp;             /* where it stopped: its stack pointer */
    void (*body)(void *); /* what it runs */
    void *arg;            /* and with what */
    char *base;           /* its memory, which begins with the guard; NULL: a thread's own stack */
    size_t size;          /* of that memory */
    const void *stack;    /* the usable stack above the guard; a thread's is only known to sanitizers */
    size_t stack_size;    /* its length */
    struct co_exceptions exceptions; /* while suspended */
    struct co *from;                 /* who switched here last (ASan only) */
    void *fake_stack;                /* ASan's, while suspended */
    void *fiber;                     /* TSan's */
    unsigned valgrind_id;            /* valgrind's */
};

/* A new coroutine that calls body(arg) when first switched to, on a stack of stack_size bytes (rounded up to
   pages and to 16 KiB; four times that under ASan and TSan, which bloat frames). Memory is only taken for
   what it touches. Running off its end is a SIGSEGV: below it lies a MiB of address space that cannot be
   touched, so that an array must be larger than that to miss it, in code without -fstack-clash-protection.
   NULL with errno set when there is no memory. The caller owns it: co_destroy. */
struct co *co_create(size_t stack_size, void (*body)(void *), void *arg);

/* Makes `self` stand for the calling thread's own stack, to switch from and back to. Needs no end: it may go
   out of scope once no coroutine will switch to it. */
void co_thread(struct co *self);

/* Suspends `from`, which must be what is running, and continues `to`. Returns when `from` is switched to. */
void co_switch(struct co *from, struct co *to);

/* Gives back the memory of a coroutine that is suspended, or never ran. NULL is harmless. */
void co_destroy(struct co *co);

/* Gives back the pages that a coroutine has touched below its present end. It must be suspended, or, with
   `runs`, be the one that calls this. One system call. */
void co_trim(struct co *co, bool runs);

/* Is the address in this coroutine's guard, that is: has its stack overflowed? Safe in a signal handler. */
bool co_guards(const struct co *co, const void *address);

#endif
