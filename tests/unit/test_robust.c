/* SPDX-License-Identifier: MIT */
/* The lock that processes share, and that survives its holder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/robust.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 4, THREADS = 2, TIMES = 5000 };

static struct memory {
    struct robust lock;
    unsigned count, deaths;
} * memory;

static int map(void **state)
{
    (void)state;
    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? -1 : robust_init(&memory->lock);
}

static int unmap(void **state)
{
    (void)state;
    return munmap(memory, sizeof *memory);
}

static pid_t fork_one(void *(*work)(void *))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        work(NULL);
        _exit(0);
    }
    return pid;
}

static void *count_up(void *argument)
{
    for (int i = 0; i < TIMES; i++) {
        if (robust_lock(&memory->lock) < 0)
            _exit(1);
        memory->count++;
        robust_unlock(&memory->lock);
    }
    return argument;
}

static void *count_in_threads(void *argument)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, count_up, NULL) != 0)
            _exit(1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return argument;
}

static void test_one_at_a_time(void **state)
{
    pid_t pids[PROCESSES];
    int status;
    (void)state;
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = fork_one(count_in_threads);
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(memory->count, PROCESSES * THREADS * TIMES);
}

/* ThreadSanitizer reports it as a mistake. */
static int unlock_again(void)
{
#ifdef __SANITIZE_THREAD__
    return -EPERM;
#else
    return robust_unlock(&memory->lock);
#endif
}

static void *die_with_it(void *argument)
{
    (void)argument;
    robust_lock(&memory->lock);
    raise(SIGKILL);
    return NULL;
}

static void *leave_with_it(void *argument)
{
    robust_lock(&memory->lock);
    return argument;
}

static void expect_repaired(void)
{
    assert_int_equal(robust_lock(&memory->lock), -EOWNERDEAD);
    assert_int_equal(robust_lock(&memory->lock), -EDEADLK);
    assert_int_equal(robust_unlock(&memory->lock), 0);
    assert_int_equal(unlock_again(), -EPERM);
    assert_int_equal(robust_lock(&memory->lock), 0);
    assert_int_equal(robust_unlock(&memory->lock), 0);
}

static void test_holder_dies(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork_one(die_with_it);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    expect_repaired();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, leave_with_it, NULL), 0);
    pthread_join(thread, NULL);
    expect_repaired();
}

#ifdef __GLIBC__
static void *count_once(void *argument)
{
    if (robust_lock(&memory->lock) < 0)
        _exit(1);
    memory->count++;
    robust_unlock(&memory->lock);
    return argument;
}

/* Leaves the lock free, and wakes nobody. That is what others find when one is killed who was just woken, and
   somebody else has had the lock since. */
static void *leave_it_free(void *argument)
{
    robust_lock(&memory->lock);
    pid_t pid = fork_one(count_once);
    usleep(100000);
    memory->lock.mutex.__data.__lock = 0;
    int status;
    _exit(waitpid(pid, &status, 0) != pid || status != 0);
    return argument;
}

static void test_wake_up_is_lost(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork_one(leave_it_free);
    for (int i = 0; i < 10000 && waitpid(pid, &status, WNOHANG) == 0; i++)
        usleep(1000);
    assert_int_equal(memory->count, 1);
    assert_int_equal(status, 0);
}
#endif

static void *mend_or_die(void *argument)
{
    for (int i = 0; i < 100; i++) {
        int rc = robust_lock(&memory->lock);
        memory->deaths += rc == -EOWNERDEAD;
        if (rc < 0 && rc != -EOWNERDEAD)
            _exit(1);
        if (memory->count++ % 10 == 9)
            raise(SIGKILL);
        robust_unlock(&memory->lock);
    }
    return argument;
}

/* Each death is told once, whoever waits. */
static void test_holders_die_in_turn(void **state)
{
    enum { ALL = 40 };
    unsigned killed = 0;
    int status;
    (void)state;
    for (int i = 0; i < ALL; i++)
        (void)fork_one(mend_or_die);
    for (int i = 0; i < ALL; i++) {
        assert_true(waitpid(-1, &status, 0) > 0);
        assert_true(WIFSIGNALED(status) || status == 0);
        killed += WIFSIGNALED(status);
    }
    int rc = robust_lock(&memory->lock);
    assert_true(killed > 0);
    assert_int_equal(memory->deaths + (rc == -EOWNERDEAD), killed);
}

/* A child of the holder has a copy of it, but is not the holder. */
static void *others_errors(void *argument)
{
    if (unlock_again() != -EPERM)
        _exit(1);
    munmap(memory, sizeof *memory); /* in this process alone */
    return argument;
}

static void test_holder_forks(void **state)
{
    int status;
    (void)state;
    assert_int_equal(robust_lock(&memory->lock), 0);
    pid_t pid = fork_one(others_errors);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(robust_lock(&memory->lock), -EDEADLK);
    assert_int_equal(robust_unlock(&memory->lock), 0);
    assert_int_equal(unlock_again(), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_at_a_time, map, unmap),
        cmocka_unit_test_setup_teardown(test_holder_dies, map, unmap),
        cmocka_unit_test_setup_teardown(test_holders_die_in_turn, map, unmap),
        cmocka_unit_test_setup_teardown(test_holder_forks, map, unmap),
#ifdef __GLIBC__
        cmocka_unit_test_setup_teardown(test_wake_up_is_lost, map, unmap),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
