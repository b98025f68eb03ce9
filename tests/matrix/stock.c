/* SPDX-License-Identifier: MIT */
/* What a process owns: descriptors, threads, children, memory. */
#include "matrix.h"
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) || \
    HAS_FEATURE(thread_sanitizer)
#define SANITIZED 1
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc has it, but not its header */
#endif

/* Entries of a directory; `show`: on stderr, with what they are links to, if they are not yet in `old`. */
static int count_entries(const char *path)
{
    int n = 0;
    DIR *directory = opendir(path);
    while (directory && readdir(directory))
        n++;
    if (directory)
        closedir(directory);
    return n;
}

static void show_descriptors(void)
{
    char path[64], target[200];
    for (int fd = 3; fd < 1000; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target);
        if (n > 0)
            fprintf(stderr, "  descriptor %d: %.*s\n", fd, (int)n, target);
    }
}

static size_t heap_in_use(void)
{
#if defined(SANITIZED)
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

static void count_stock(struct stock *stock)
{
    stock->descriptors = count_entries("/proc/self/fd");
    stock->threads = count_entries("/proc/self/task");
    stock->children = waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1;
    stock->heap = heap_in_use();
}

static void *tell_id(void *id)
{
    *(pid_t *)id = gettid();
    return NULL;
}

/* A thread that was joined may be seen in /proc a moment longer. */
static void await_end(pid_t thread)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)thread);
    for (int ms = 0; ms < PATIENCE && access(path, F_OK) == 0; ms++)
        poll(NULL, 0, 1);
}

/* ThreadSanitizer starts a thread of its own beside the first one of a process. */
static void start_helpers(void)
{
#if defined(SANITIZED)
    pthread_t thread;
    pid_t id = 0;
    if (pthread_create(&thread, NULL, tell_id, &id) == 0) {
        pthread_join(thread, NULL);
        await_end(id);
    }
#else
    (void)tell_id, (void)await_end;
#endif
}

void take_stock(struct stock *stock)
{
    start_helpers();
    count_stock(stock);
}

static void take_stock_patiently(const struct stock *before, struct stock *now)
{
    count_stock(now);
    for (int ms = 0; ms < PATIENCE && now->threads > before->threads; ms++) {
        poll(NULL, 0, 1);
        count_stock(now);
    }
}

int compare_stock(const struct stock *before, bool heap)
{
    struct stock now;
    int wrong = 0;
    take_stock_patiently(before, &now);
    if (now.descriptors != before->descriptors) {
        fprintf(stderr, "%+d descriptors\n", now.descriptors - before->descriptors);
        show_descriptors();
        wrong++;
    }
    if (now.threads != before->threads)
        wrong += fprintf(stderr, "%+d threads\n", now.threads - before->threads) > 0;
    if (now.children)
        wrong += fprintf(stderr, "a child is left\n") > 0;
    if (heap && now.heap != before->heap)
        wrong += fprintf(stderr, "%+zd bytes of heap\n", (ssize_t)(now.heap - before->heap)) > 0;
    return wrong;
}

/* What a thread caches of freed memory counts as in use, and so does a heap of its own that a thread gets
   when two allocate at once: without these every byte that is in use was not freed. The C library reads this
   only at the start of a program. */
void prepare_stock(char **argv)
{
#if !defined(SANITIZED)
    static const char name[] = "GLIBC_TUNABLES",
                      value[] = "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1";
    if (getenv(name))
        return;
    setenv(name, value, 1);
    execv("/proc/self/exe", argv);
#else
    (void)argv;
#endif
}
