/* SPDX-License-Identifier: MIT */
/* What handlers have touched of their stacks, and of their streams' buffers, is given back: by those that
   wait, and by those that nobody needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer) || defined(__SANITIZE_THREAD__) || \
    HAS_FEATURE(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { CLIENTS = 200, DEEP = 200 * 1024, LONG = 14 * 1024 /* of a buffer of 16 KiB */ };

/* KiB of this process in memory. */
static long in_memory(void)
{
    char text[100] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    return strtol(strchr(text, ' '), NULL, 10) * sysconf(_SC_PAGESIZE) / 1024;
}

__attribute__((noinline)) static int go_deep(int seed)
{
    volatile char array[DEEP];
    for (size_t i = 0; i < sizeof array; i += 1024)
        array[i] = (char)seed;
    /* cppcheck-suppress uninitvar */
    return array[0] + array[DEEP - 1024];
}

/* Goes deep before each answer and waits for the next line: with all of its stack, or parked. */
static int deep(struct ss_handler *h)
{
    char line[20];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        if (line[0] == 'd' && go_deep(2) != 4)
            return -EPROTO;
        ss_printf(h->wfile, "%s", line);
        if (line[1] == 'p')
            return SS_PARK;
    }
    return (int)n;
}

/* All of them at once: each has a stack of its own when the last one answers. */
static int deep_together(struct ss_handler *h)
{
    static unsigned here;
    char line[20];
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return -EPROTO;
    here++;
    while (here < CLIENTS)
        if (ss_sleep(h->server, 1) < 0)
            return -ECANCELED;
    ss_printf(h->wfile, "%d\n", go_deep(2));
    return 0;
}

/* A long line fills both buffers; then it rests. */
static int echo_idly(struct ss_handler *h)
{
    static char line[LONG + 1]; /* one thread; all say the same */
    int rc;
    while ((rc = ss_wait(h, SS_INPUT | SS_REST, -1)) > 0) {
        ssize_t n = ss_readline(h->rfile, line, sizeof line);
        if (n <= 0)
            return (int)n;
        ss_write(h->wfile, line, (size_t)n);
    }
    return rc;
}

static void all_say(int *fds, const char *text, const char *answer)
{
    for (int i = 0; i < CLIENTS; i++)
        say(fds[i], text);
    for (int i = 0; i < CLIENTS; i++)
        expect(fds[i], answer);
}

/* Until each keeps no more than so much of what it took. */
static void expect_back(long before, long kept)
{
    long limit = before + CLIENTS * (kept / 1024), now;
    for (int ms = 0; (now = in_memory()) > limit; ms += 20) {
        if (ms > PATIENCE)
            fail_msg("%ld KiB before, %ld now", before, now);
        poll(NULL, 0, 20);
    }
}

static void check(int (*handle)(struct ss_handler *), const char *text, const char *answer)
{
    struct ss_handler_class handler = {.handle = handle};
    struct running r;
    int fds[CLIENTS];
    long before;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &handler);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_of(&r.server);
    before = in_memory();
    all_say(fds, text, answer);
    expect_back(before, handle == echo_idly ? LONG : DEEP / 4);
    if (handle != deep_together)
        all_say(fds, text, answer); /* they are as well as before */
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    stop(&r);
}

static void test_waiting(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    check(deep, "d\n", "d\n");
}

static void test_parked(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    check(deep, "dp\n", "dp\n");
}

static void test_together(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    check(deep_together, "x\n", "4\n");
}

static void test_buffers(void **state)
{
    char line[LONG + 1] = "";
    (void)state;
    if (SANITIZED)
        skip();
    memset(line, 'x', LONG - 1);
    line[LONG - 1] = '\n';
    check(echo_idly, line, line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_parked),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
