/* SPDX-License-Identifier: MIT */
/* The checks of the coroutines, in plain C, so that they run where there is no cmocka: under an emulator,
   say. Alone this is a program that prints what failed; test_coroutine.c includes it. */
#include "coroutine_check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

/* ---- stacks ---- */

static bool deep_good;

/* Fills a frame of 1 KiB, goes deeper, and looks whether the frame is as it was. */
static void dig(struct co *self, int depth)
{
    volatile unsigned char frame[1024];

    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (unsigned char)(i * (size_t)depth);
    if (depth > 1)
        dig(self, depth - 1);
    else
        co_switch(self, &loop);
    for (size_t i = 0; i < sizeof(frame); i++)
        deep_good = deep_good && frame[i] == (unsigned char)(i * (size_t)depth);
}

static void deep_body(void *arg)
{
    struct co **self = arg;

    for (;;) {
        dig(*self, 48);
        co_switch(*self, &loop);
    }
}

static bool deep_use_of_stack(void)
{
    struct co *one = make(deep_body, &one), *two = make(deep_body, &two);

    deep_good = true;
    for (int i = 0; i < 4; i++) {
        co_switch(&loop, one);
        co_switch(&loop, two);
    }
    co_destroy(one);
    co_destroy(two);
    return deep_good;
}

/* How much address space the process has, 0 if the system does not say. */
static size_t pages_mapped(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "0";

    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = '0';
    fclose(file);
    return strtoul(line, NULL, 10);
}

/* ---- memory ---- */

enum { DEEP = 150 * 1024, KEPT = 32 * 1024 };

static __attribute__((noinline)) int go_deep(int seed)
{
    volatile char array[DEEP];

    for (size_t i = 0; i < sizeof(array); i += 1024)
        array[i] = (char)seed;
    /* cppcheck-suppress uninitvar */
    return array[0] + array[sizeof(array) - 1024];
}

/* What is above must be as it was. */
static void deep_once_body(void *arg)
{
    struct co **self = arg;
    volatile unsigned char mine[3000];

    for (size_t i = 0; i < sizeof(mine); i++)
        mine[i] = (unsigned char)i;
    for (;;) {
        deep_good = go_deep(3) == 6;
        co_switch(*self, &loop);
        for (size_t i = 0; i < sizeof(mine); i++)
            deep_good = deep_good && mine[i] == (unsigned char)i;
    }
}

/* How many bytes of a stack are in memory. */
static size_t resident(const struct co *co)
{
    unsigned char pages[CO_STACK_SIZE * 4 / 4096 + 1] = {0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;

    if (mincore((void *)(uintptr_t)co->stack, co->stack_size, pages) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(pages); i++)
        count += pages[i] & 1;
    return count * page;
}

static void trim_self_body(void *arg)
{
    struct co **self = arg;

    for (;;) {
        deep_good = go_deep(3) == 6;
        co_trim(*self, true);
        co_switch(*self, &loop);
    }
}

static bool gives_memory_back(void)
{
    struct co *other = make(deep_once_body, &other), *self = make(trim_self_body, &self);
    size_t deep, trimmed, by_itself;
    bool good;

    co_switch(&loop, other);
    deep = resident(other);
    co_trim(other, false);
    trimmed = resident(other);
    good = deep_good;
    co_switch(&loop, other);
    good = good && deep_good;
    co_switch(&loop, self);
    by_itself = resident(self);
    good = good && deep_good;
    co_destroy(other);
    co_destroy(self);
    return good && deep >= DEEP && trimmed < KEPT && by_itself < KEPT;
}

static void idle_body(void *arg)
{
    struct co **self = arg;
    volatile char local[2000] = {1};

    for (;;) {
        co_switch(*self, &loop);
        local[0]++;
    }
}

static bool destroys_suspended(void)
{
    size_t before = pages_mapped();

    for (int i = 0; i < 2 * MANY; i++) {
        struct co *co = make(idle_body, &co);

        if (i % 3 != 0)
            co_switch(&loop, co);
        if (i % 3 == 2)
            co_switch(&loop, co);
        co_destroy(co);
    }
    co_destroy(NULL);
    return pages_mapped() < before + MANY * CO_STACK_SIZE / (size_t)sysconf(_SC_PAGESIZE);
}

static bool reports_no_memory(void)
{
    bool first, second;

    errno = 0;
    first = co_create(SIZE_MAX - 1, idle_body, NULL) == NULL && errno == ENOMEM;
    errno = 0;
    second = co_create(SIZE_MAX / 16, idle_body, NULL) == NULL && errno != 0; /* valgrind says EINVAL */
    return first && second;
}

static int frames;

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *arg)
{
    (void)context;
    (void)arg;
    return ++frames < 50 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static void backtrace_body(void *arg)
{
    struct co **self = arg;

    co_switch(*self, &loop);
    frames = 0;
    if (_Unwind_Backtrace(count_frame, NULL) != _URC_END_OF_STACK)
        frames = -1;
    for (;;)
        co_switch(*self, &loop);
}

/* This function, what started it, and perhaps the entry; the thread's own stack does not follow. */
static bool backtrace_ends_at_entry(void)
{
    struct co *co = make(backtrace_body, &co);

    co_switch(&loop, co);
    co_switch(&loop, co);
    co_destroy(co);
    return frames >= 2 && frames <= 6;
}

/* ---- overflow ---- */

static volatile int bottomless = 1;

static int overflow(int depth)
{
    volatile char frame[512];

    frame[0] = (char)depth;
    if (bottomless)
        frame[1] = (char)overflow(depth + 1);
    return frame[0];
}

static void overflow_body(void *arg)
{
    struct co **self = arg;

    for (;;) {
        co_switch(*self, &loop);
        overflow(0);
    }
}

static bool knows_its_guard(void)
{
    struct co *one = make(idle_body, &one), *two = make(idle_body, &two);
    const char *end = one->stack;
    bool good = co_guards(one, end - 1) && co_guards(one, end - 4096) && !co_guards(one, end) &&
                !co_guards(one, one) && !co_guards(two, end - 1) && !co_guards(&loop, end - 1) &&
                !co_guards(&loop, NULL) && !co_guards(one, NULL);

    co_destroy(one);
    co_destroy(two);
    return good;
}

static struct co *victim;
static size_t leap; /* bytes that one step of the victim is long; 0: many small ones */

/* An array that is not written to from its beginning: with no page probed between, one step goes this far. */
static void leap_body(void *arg)
{
    struct co **self = arg;

    for (;;) {
        co_switch(*self, &loop);
        *(volatile char *)((uintptr_t)(*self)->stack - leap) = 1;
    }
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    _exit(co_guards(victim, info->si_addr) ? 42 : 43);
}

static void overflow_with_handler(void)
{
    static char signal_stack[64 * 1024];
    stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    victim = make(leap ? leap_body : overflow_body, &victim);
    co_switch(&loop, victim);
    co_switch(&loop, victim);
}

/* The first access past the end is already the fault, so no neighbour is ever written to. */
static bool hits_the_guard(size_t bytes)
{
    struct co *below = make(idle_body, &below), *above = make(idle_body, &above);
    int status = 0;
    leap = bytes;
    pid_t child = fork();

    if (child == 0) {
        overflow_with_handler();
        _exit(44);
    }
    co_destroy(below);
    co_destroy(above);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

static bool overflow_hits_the_guard(void)
{
    return hits_the_guard(0);
}

static bool leaps_hit_the_guard(void)
{
    return hits_the_guard(1) && hits_the_guard(64 * 1024) && hits_the_guard(200 * 1024) &&
           hits_the_guard(1024 * 1024);
}

struct check {
    const char *name;
    bool (*passes)(void);
};

static const struct check checks[] = {
    {"switches_in_order", switches_in_order},
    {"values_survive", values_survive},
    {"many_at_once", many_at_once},
    {"registers_survive", registers_survive},
    {"floating_point_survives", floating_point_survives},
    {"aligned_at_entry", aligned_at_entry},
    {"errno_passes_through", errno_passes_through},
    {"any_order", any_order},
    {"deep_use_of_stack", deep_use_of_stack},
    {"destroys_suspended", destroys_suspended},
    {"reports_no_memory", reports_no_memory},
    {"backtrace_ends_at_entry", backtrace_ends_at_entry},
    {"knows_its_guard", knows_its_guard},
    {"overflow_hits_the_guard", overflow_hits_the_guard},
    {"leaps_hit_the_guard", leaps_hit_the_guard},
    {"gives_memory_back", gives_memory_back},
};

enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

#ifndef CHECKS_ONLY
int main(void)
{
    int failed = 0;

    co_thread(&loop);
    for (int i = 0; i < CHECKS; i++) {
        if (!checks[i].passes()) {
            printf("coroutine_check: %s failed\n", checks[i].name);
            failed++;
        }
    }
    return failed != 0;
}
#endif
