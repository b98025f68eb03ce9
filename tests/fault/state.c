/* SPDX-License-Identifier: MIT */
#include "fault.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The linker's names, the first of the program's first byte.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
extern const char __ehdr_start[];

static struct fault_state *state;
static atomic_bool is_over;

/* What is called here must not count. */
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Before main, and before there are threads. */
__attribute__((constructor)) static void map_state(void)
{
    const char *path = getenv("FAULT_STATE");
    if (!path)
        return;
    int fd = __real_open(path, O_RDWR | O_CLOEXEC);
    struct fault_state *s = __real_mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || s == MAP_FAILED) {
        fprintf(stderr, "FAULT_STATE=%s: %s\n", path, strerror(errno));
        abort();
    }
    __real_close(fd);
    s->names = ((uintptr_t)__stop_fault_names - (uintptr_t)__start_fault_names) / sizeof *__start_fault_names;
    memcpy(s->name, __start_fault_names, s->names * sizeof *s->name);
    state = s;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void write_down(int call, uint64_t place, int failed)
{
    uint64_t i = atomic_fetch_add(&state->written, 1);
    if (i >= FAULT_EVENTS)
        return;
    struct fault_event *e = &state->events[i];
    e->call = call;
    e->failed = failed;
    e->pid = getpid();
    e->thread = gettid();
    e->time = now();
    atomic_store(&e->place, place);
}

static bool concerns(struct fault_rule *rule, int call, uint64_t place)
{
    if (atomic_load(&rule->call) != call || (rule->place && rule->place != place))
        return false;
    uint64_t n = atomic_fetch_add(&rule->seen, 1) + 1;
    return n >= rule->first && n - rule->first < rule->count;
}

/* The program has ended but for what its compiler has added: `make coverage` writes down then what was
 * counted. */
__attribute__((destructor)) void fault_over(void)
{
    atomic_store(&is_over, true);
}

int fault(const struct fault_name *name, const void *returns_to)
{
    if (!state || atomic_load(&is_over))
        return FAULT_NONE;
    int call = (int)(name - __start_fault_names);
    uint64_t place = (uint64_t)((const char *)returns_to - __ehdr_start);
    int failed = FAULT_NONE;
    for (int i = 0; i < FAULT_RULES && !failed; i++)
        if (concerns(&state->rules[i], call, place))
            failed = state->rules[i].error;
    if (failed || atomic_load(&state->recording))
        write_down(call, place, failed);
    return failed;
}
