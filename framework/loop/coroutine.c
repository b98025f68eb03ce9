/* SPDX-License-Identifier: MIT */
/* Stackful coroutines; see coroutine.h. From the top: the news for the tools that must follow a switch (ASan,
   TSan, valgrind), stacks, and the functions. The switch itself is in coroutine_switch.h. */
#include "loop/coroutine.h"
#include "loop/coroutine_switch.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#define VALGRIND 1
#include <valgrind/valgrind.h>
#endif
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define MADV_NONSENSE 0x7fffffff

/* So many stacks are mappings of their own, each with another one for its guard: half of what
   vm.max_map_count allows by default. */
#ifndef SPLIT_STACKS
#define SPLIT_STACKS 16384
#endif

enum {
    STACK_MIN = 16 * 1024,
    /* Our own frames probe every page that they cross. Those of a program or a library that was compiled
     * without -fstack-clash-protection do not, and a large array must land in here all the same. The kernel
     * keeps this distance below a thread's stack (stack_guard_gap). */
    GUARD = 1024 * 1024,
    COLOURS = 4,
    CACHE_LINE = 64,
#if defined(ASAN) || defined(TSAN)
    STACK_SCALE = 4,
#else
    STACK_SCALE = 1,
#endif
};

const char co_switch_name[] = CO_SWITCH_NAME;

/* ---- the tools that must be told ----

   born and dead bracket a stack's life; leave and arrive stand on either side of a switch, on two stacks. */
#if defined(ASAN)

/* Suspended stacks hold pointers that the leak checker would not find, and new ones may carry old red zones.
 */
static void born(struct co *co)
{
    __asan_unpoison_memory_region(co->stack, co->stack_size);
    __lsan_register_root_region(co->stack, co->stack_size);
}

static void leave(struct co *from, struct co *to)
{
    to->from = from;
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_size);
}

/* ASan knows the bounds of the stack just left: for a thread's own stack, the only way to learn them. */
static void arrive(struct co *self)
{
    __sanitizer_finish_switch_fiber(self->fake_stack, &self->from->stack, &self->from->stack_size);
}

/* ASan frees a fake stack only when its owner leaves for good. A suspended coroutine cannot, so we pretend:
   arrive in its place, leave for good, and are back. Our own frame must not be on a fake stack meanwhile. */
__attribute__((no_sanitize("address"))) static void dead(struct co *co)
{
    const void *stack;
    size_t size;
    void *ours;

    __sanitizer_start_switch_fiber(&ours, co->stack, co->stack_size);
    __sanitizer_finish_switch_fiber(co->fake_stack, &stack, &size);
    __sanitizer_start_switch_fiber(NULL, stack, size);
    __sanitizer_finish_switch_fiber(ours, NULL, NULL);
    __lsan_unregister_root_region(co->stack, co->stack_size);
    __asan_unpoison_memory_region(co->stack, co->stack_size);
}

#elif defined(TSAN)

static void born(struct co *co)
{
    co->fiber = __tsan_create_fiber(0);
}

static void leave(struct co *from, struct co *to)
{
    (void)from;
    __tsan_switch_to_fiber(to->fiber, 0);
}

static void arrive(struct co *self)
{
    (void)self;
}

static void dead(struct co *co)
{
    __tsan_destroy_fiber(co->fiber);
}

#else

/* Valgrind's requests cost a few idle instructions outside it, so they are always in. */
static void born(struct co *co)
{
#if defined(VALGRIND)
    co->valgrind_id = VALGRIND_STACK_REGISTER(co->stack, (const char *)co->stack + co->stack_size);
#else
    (void)co;
#endif
}

static void leave(struct co *from, struct co *to)
{
    (void)from;
    (void)to;
}

static void arrive(struct co *self)
{
    (void)self;
}

static void dead(struct co *co)
{
#if defined(VALGRIND)
    VALGRIND_STACK_DEREGISTER(co->valgrind_id);
#else
    (void)co;
#endif
}

#endif

/* ---- stacks ---- */

static atomic_uint stacks; /* that exist */

/* An emulator may take any advice and follow none (qemu-user): one that takes nonsense is not believed. */
static bool follows_advice(char *base, size_t size)
{
    static atomic_int believed; /* 0: not known yet, 1: yes, -1: no */

    if (atomic_load(&believed) == 0)
        atomic_store(&believed, madvise(base, size, MADV_NONSENSE) != 0 ? 1 : -1);
    return atomic_load(&believed) > 0;
}

/* A stack counts twice against vm.max_map_count, unless its guard is madvised: then it is one mapping with
   its neighbours. But a guard of this size takes the kernel three times as long to madvise and to undo, and
   where memory must not be overcommitted it counts as memory: so only a crowd of stacks is made like that. */
static int protect(char *base, size_t size, size_t guard)
{
    if (atomic_load_explicit(&stacks, memory_order_relaxed) < SPLIT_STACKS || !follows_advice(base, guard))
        return mprotect(base + guard, size - guard, PROT_READ | PROT_WRITE);
    if (mprotect(base, size, PROT_READ | PROT_WRITE) != 0)
        return -1;
    if (madvise(base, guard, MADV_GUARD_INSTALL) == 0)
        return 0;
    return mprotect(base, guard, PROT_NONE);
}

static size_t page_size(void)
{
    return (size_t)getpagesize();
}

/* Memory of `size` bytes that cannot be touched below `guard`. */
static char *map_stack(size_t size, size_t guard)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE;
    char *base = mmap(NULL, size, PROT_NONE, flags, -1, 0);
    int error;

    if (base == MAP_FAILED)
        return NULL;
    if (protect(base, size, guard) == 0) {
        atomic_fetch_add_explicit(&stacks, 1, memory_order_relaxed);
        return base;
    }
    error = errno;
    munmap(base, size);
    errno = error;
    return NULL;
}

/* The tops of page-aligned stacks would all share a few cache sets: each begins some lines lower. Not many: a
   coroutine that waits is to need one page. */
static size_t next_colour(void)
{
    static atomic_uint made;

    return atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) % COLOURS * CACHE_LINE;
}

/* The top of the memory holds the struct co itself, and the stack grows down from it. */
static struct co *place(char *base, size_t size, size_t guard)
{
    uintptr_t top = (uintptr_t)base + size - next_colour() - sizeof(struct co);
    struct co *co = (struct co *)(top & ~(uintptr_t)(CACHE_LINE - 1));

    *co = (struct co){.base = base, .size = size, .stack = base + guard};
    co->stack_size = (size_t)((char *)co - (base + guard));
    return co;
}

/* The first function on a new stack, which lies right below its argument. */
static void start(void *top)
{
    struct co *self = top;

    arrive(self);
    self->body(self->arg);
    abort(); /* there is no caller to return to */
}

/* ---- exceptions ---- */

/* The C++ runtime's, where the program has one; else NULL.
   NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl*): its name is given */
struct co_exceptions *__cxa_get_globals(void) __attribute__((weak));

/* A handler that waits in a catch block, or in a destructor while its stack is unwound, must find its own
   exceptions when it goes on. */
static void exchange_exceptions(struct co *from, const struct co *to)
{
    struct co_exceptions *now;

    if (!__cxa_get_globals)
        return;
    now = __cxa_get_globals();
    from->exceptions = *now;
    *now = to->exceptions;
}

/* ---- the functions ---- */

struct co *co_create(size_t stack_size, void (*body)(void *), void *arg)
{
    const size_t page = page_size(), guard = GUARD;
    struct co *co;
    char *base;

    if (stack_size > SIZE_MAX / 2 / STACK_SCALE) {
        errno = ENOMEM;
        return NULL;
    }
    stack_size = (stack_size > STACK_MIN ? stack_size : STACK_MIN) * STACK_SCALE;
    stack_size = (stack_size + page - 1) / page * page;
    base = map_stack(guard + stack_size, guard);
    if (base == NULL)
        return NULL;
    co = place(base, guard + stack_size, guard);
    co->body = body;
    co->arg = arg;
    born(co);
    co->sp = co_prepare(co, co->stack, start);
    return co;
}

void co_thread(struct co *self)
{
    *self = (struct co){0};
#if defined(TSAN)
    self->fiber = __tsan_get_current_fiber();
#endif
}

void co_switch(struct co *from, struct co *to)
{
    exchange_exceptions(from, to);
    leave(from, to);
    co_jump(&from->sp, to->sp);
    arrive(from);
}

void co_destroy(struct co *co)
{
    if (co == NULL)
        return;
    assert(co->base != NULL);
    dead(co);
    munmap(co->base, co->size);
    atomic_fetch_sub_explicit(&stacks, 1, memory_order_relaxed);
}

void co_trim(struct co *co, bool runs)
{
    const size_t page = page_size();
    uintptr_t bottom = (uintptr_t)co->stack, used = (uintptr_t)co->sp;

    if (runs)
        used = (uintptr_t)__builtin_frame_address(0) - page; /* for madvise, and sanitizers around it */
    (void)madvise((void *)bottom, (used - bottom) / page * page, MADV_DONTNEED);
}

bool co_guards(const struct co *co, const void *address)
{
    uintptr_t at = (uintptr_t)address;

    return co->base != NULL && at >= (uintptr_t)co->base && at < (uintptr_t)co->stack;
}
