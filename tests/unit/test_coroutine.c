/* SPDX-License-Identifier: MIT */
/* Coroutines: the checks of coroutine_check.c, and how an overflow looks from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CHECKS_ONLY
#include "coroutine_check.c"

#include <pthread.h>

#if defined(__has_feature)
#define HAS_SANITIZER(x) __has_feature(x)
#else
#define HAS_SANITIZER(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_SANITIZER(address_sanitizer)
#define SANITIZER "AddressSanitizer"
#elif defined(__SANITIZE_THREAD__) || HAS_SANITIZER(thread_sanitizer)
#define SANITIZER "ThreadSanitizer"
#endif

#if defined(SANITIZER)
#include <sanitizer/common_interface_defs.h>
#endif

static void run_check(void **state)
{
    const struct check *check = *state;

    if (!check->passes())
        fail();
}

static struct sigaction untouched; /* what SIGSEGV does, before cmocka catches it */

/* Runs off a stack, with stderr in the pipe. */
static void overflow_in_child(int out)
{
    sigaction(SIGSEGV, &untouched, NULL);
    dup2(out, STDERR_FILENO);
    close(out);
#if defined(SANITIZER)
    __sanitizer_set_report_path("stderr"); /* it dies on purpose: the report is for us alone */
#endif
    victim = make(overflow_body, &victim);
    co_switch(&loop, victim);
    co_switch(&loop, victim);
    _exit(0);
}

/* Reads to the end, and keeps what fits. */
static void read_report(int in, char *report, size_t size)
{
    char buffer[4096];
    size_t length = 0;
    ssize_t n;

    while ((n = read(in, buffer, sizeof(buffer))) > 0) {
        size_t fits = (size_t)n < size - 1 - length ? (size_t)n : size - 1 - length;

        memcpy(report + length, buffer, fits);
        length += fits;
    }
    report[length] = '\0';
}

static void test_overflow_dies(void **state)
{
    char report[4096];
    int ends[2], status = 0;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        overflow_in_child(ends[1]);
    close(ends[1]);
    read_report(ends[0], report, sizeof(report));
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
#if defined(SANITIZER)
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(report, SANITIZER));
#else
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
#endif
}

struct worker {
    pthread_t thread;
    struct co self, *co;
    unsigned turns;
};

static void worker_body(void *arg)
{
    struct worker *self = arg;

    for (;;) {
        self->turns++;
        co_switch(self->co, &self->self);
    }
}

static void *worker_thread(void *arg)
{
    struct worker *self = arg;

    co_thread(&self->self);
    for (int i = 0; i < MANY / 10; i++) {
        self->co = make(worker_body, self);
        for (int turn = 0; turn < 100; turn++)
            co_switch(&self->self, self->co);
        co_destroy(self->co);
    }
    return NULL;
}

static void test_threads_are_apart(void **state)
{
    struct worker workers[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_thread, &workers[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].turns, 10 * MANY);
    }
}

int main(void)
{
    struct CMUnitTest tests[CHECKS + 2] = {
        [CHECKS] = cmocka_unit_test(test_overflow_dies),
        [CHECKS + 1] = cmocka_unit_test(test_threads_are_apart),
    };

    for (int i = 0; i < CHECKS; i++)
        tests[i] = (struct CMUnitTest){checks[i].name, run_check, NULL, NULL, (void *)(uintptr_t)&checks[i]};
    sigaction(SIGSEGV, NULL, &untouched);
    co_thread(&loop);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
