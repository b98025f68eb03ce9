/* Stackful coroutines; see coroutine.h. From the top: the news for the tools that must follow a switch (ASan,
 * TSan, valgrind), stacks, and the functions. The switch itself is in coroutine_switch.h. */
#include "coroutine.h"
#include "coroutine_switch.h"

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

enum {
    STACK_MIN = 16 * 1024,
    /* Our own frames probe every page they cross; one of libc may not, and must land in here too. */
    GUARD_MIN = 16 * 1024,
    COLOURS = 32,
    CACHE_LINE = 64,
#if defined(ASAN) || defined(TSAN)
    STACK_SCALE = 4,
#else
    STACK_SCALE = 1,
#endif
};

const char co_switch_name[] = CO_SWITCH_NAME;

/* ---- the tools that must be told ----
 *
 * born and dead bracket a stack's life; leave and arrive stand on either side of a switch, on two stacks. */
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
 * arrive in its place, leave for good, and are back. Our own frame must not be on a fake stack meanwhile. */
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

/* A guard that is madvised leaves the mapping whole, so that neighbours merge: with mprotect every stack
 * counts twice against vm.max_map_count. An emulator may take any advice and follow none (qemu-user): one
 * that takes nonsense is not believed. */
static int install_guard(char *base, size_t size)
{
    static atomic_int believed; /* 0: not known yet, 1: yes, -1: no */

    if (atomic_load(&believed) == 0)
        atomic_store(&believed, madvise(base, size, MADV_NONSENSE) != 0 ? 1 : -1);
    if (atomic_load(&believed) > 0 && madvise(base, size, MADV_GUARD_INSTALL) == 0)
        return 0;
    return mprotect(base, size, PROT_NONE);
}

/* Memory of `size` bytes that cannot be touched below `guard`. */
static char *map_stack(size_t size, size_t guard)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE;
    char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    int error;

    if (base == MAP_FAILED)
        return NULL;
    if (install_guard(base, guard) == 0)
        return base;
    error = errno;
    munmap(base, size);
    errno = error;
    return NULL;
}

/* The tops of page-aligned stacks would all share a few cache sets: each begins some lines lower. */
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

/* ---- the functions ---- */

struct co *co_create(size_t stack_size, void (*body)(void *), void *arg)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t guard = page > GUARD_MIN ? page : GUARD_MIN;
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
}

bool co_guards(const struct co *co, const void *address)
{
    uintptr_t at = (uintptr_t)address;

    return co->base != NULL && at >= (uintptr_t)co->base && at < (uintptr_t)co->stack;
}
