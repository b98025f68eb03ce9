/* SPDX-License-Identifier: MIT */
/* handlers/log/text.c, file.c: what stands in a log, and that none of it is lost or mixed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http_server.h"
#include "log/file.h"
#include "log/text.h"
#include "server_thread.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ThreadSanitizer ends a child that makes threads when its parent has some, and makes one itself with the
 * first. */
#ifdef __SANITIZE_THREAD__
enum { PROCESSES = 0, OTHERS = 1 };
#else
enum { PROCESSES = 10, OTHERS = 0 };
#endif

static char path[] = "/tmp/test_log.XXXXXX";
static int idle_threads; /* when nothing waits to be written */

/* ---- the time ---- */

static void check_time(enum http_log_clock form, const char *format, bool utc)
{
    char room[HTTP_LOG_TIME], before[64], after[64];
    time_t now = time(NULL);
    strftime(before, sizeof before, format, utc ? gmtime(&now) : localtime(&now));
    *http_log_time(room, form) = 0;
    now = time(NULL);
    strftime(after, sizeof after, format, utc ? gmtime(&now) : localtime(&now));
    assert_true(strcmp(room, before) == 0 || strcmp(room, after) == 0);
}

/* As in a place with an odd offset; the C library has seen TZ before anything was logged. */
static void test_time(void **state)
{
    (void)state;
    check_time(HTTP_LOG_PYTHON_TIME, "%d/%b/%Y %H:%M:%S", false);
    check_time(HTTP_LOG_APACHE_TIME, "%d/%b/%Y:%H:%M:%S %z", false);
    check_time(HTTP_LOG_RFC3339, "%Y-%m-%dT%H:%M:%SZ", true);
    char room[HTTP_LOG_TIME];
    *http_log_time(room, HTTP_LOG_APACHE_TIME) = 0;
    assert_string_equal(room + strlen(room) - 6, " -0330");
}

/* ---- the client ---- */

static void check_client(const struct ss_address *client, const char *expected)
{
    char room[HTTP_LOG_ITEM];
    *http_log_client(room, client, HTTP_AS_APACHE) = 0;
    assert_string_equal(room, expected);
}

static void test_client(void **state)
{
    struct ss_address client = {.length = sizeof(struct sockaddr_in)};
    (void)state;
    client.u.in = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl((192U << 24) | (20U << 8) | 3U)}};
    check_client(&client, "192.0.20.3");
    client.length = sizeof(struct sockaddr_in6);
    client.u.in6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons(1), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    check_client(&client, "::1");
    client.length = 0;
    check_client(&client, "-");
    client.u.un = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/tmp/\n\"x"};
    client.length = offsetof(struct sockaddr_un, sun_path) + sizeof "/tmp/\n\"x";
    check_client(&client, "unix:/tmp/\\n\\\"x");
}

/* ---- the buffer ---- */

static int say_line(const char *text)
{
    char *at = http_log_begin(&http_log_access);
    return http_log_end(&http_log_access, at ? stpcpy(stpcpy(at, text), "\n") : NULL, false);
}

static size_t size_of_file(void)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

static void open_anew(void)
{
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(http_access_log_open(path), 0);
}

/* The first lines are there at once, others within a second, and nobody has to do anything for it. */
static void test_within_a_second(void **state)
{
    (void)state;
    open_anew();
    say_line("first");
    assert_int_equal(size_of_file(), 6);
    for (int i = 0; i < 99; i++)
        say_line("other");
    uint64_t began = ss_now();
    while (size_of_file() < 600 && ss_now() - began < PATIENCE)
        usleep(1000);
    assert_int_equal(size_of_file(), 600);
    http_access_log_close();
}

/* A thread that has written all lines is about to end. */
static void wait_for_threads(int expected)
{
    uint64_t began = ss_now();
    while (count_entries("/proc/self/task") != expected && ss_now() - began < PATIENCE)
        usleep(1000);
    assert_int_equal(count_entries("/proc/self/task"), expected);
}

static void test_flush(void **state)
{
    (void)state;
    wait_for_threads(idle_threads);
    open_anew();
    for (int i = 0; i < 100; i++)
        say_line("line");
    assert_int_equal(count_entries("/proc/self/task"), idle_threads + 1);
    http_access_log_flush();
    assert_int_equal(size_of_file(), 500);
    wait_for_threads(idle_threads);
    for (int i = 0; i < 100; i++)
        say_line("line");
    http_access_log_flush();
    assert_int_equal(size_of_file(), 1000);
    wait_for_threads(idle_threads);
    for (int i = 0; i < 100; i++)
        say_line("line");
    http_access_log_close();
    assert_int_equal(size_of_file(), 1500);
    http_access_log_close();
}

enum { THREADS = 4, LINES = 20000 };

static void *say_lines(void *argument)
{
    for (int i = 0; i < LINES; i++)
        say_line(argument);
    return NULL;
}

/* Every line is one of those that were said. */
static void count_lines(const char *first, const char *second, size_t expected)
{
    char line[100];
    size_t count = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        assert_true(strcmp(line, first) == 0 || strcmp(line, second) == 0);
        count++;
    }
    fclose(file);
    assert_int_equal(count, expected);
}

static void test_threads_and_processes(void **state)
{
    char own[] = "a line of the parent's, of some length", theirs[] = "and one of the child's";
    pthread_t threads[THREADS];
    (void)state;
    open_anew();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say_lines, own), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            say_lines(theirs);
            http_access_log_flush();
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    http_access_log_close();
    count_lines(own, theirs, (size_t)LINES * (THREADS + PROCESSES));
}

/* A disk that is full: the lines that do not fit are lost, those behind them begin anew. */
static void test_full(void **state)
{
    struct rlimit before, limit;
    char line[1000];
    (void)state;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = 4500, .rlim_max = before.rlim_max};
    open_anew();
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 6; i++)
        assert_int_equal(say_line(line), i == 4 ? -EFBIG : 0); /* told once */
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(http_access_log_lost(), 2);
    assert_int_equal(size_of_file(), 4500);
    say_line("again");
    assert_int_equal(size_of_file(), 4507);
    http_access_log_close();
}

/* Nobody reads: no line waits for that, and the newest are lost. */
static void test_stuck_reader(void **state)
{
    char fifo[sizeof path + 5], line[1000];
    (void)state;
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(http_access_log_open(fifo), -ENXIO);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(http_access_log_open(fifo), 0);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    for (int i = 0; i < 500; i++)
        say_line(line);
    assert_true(http_access_log_lost() > 200 && http_access_log_lost() < 450);
    char data[4000];
    ssize_t n, size = 0;
    fcntl(fd, F_SETFL, 0);
    uint64_t lost = http_access_log_lost();
    for (; size < (ssize_t)(500 - lost) * 1000 && (n = read(fd, data, sizeof data)) > 0; size += n)
        ;
    assert_int_equal(size, (500 - lost) * 1000);
    close(fd); /* and now there is none at all */
    for (int i = 0; i < 20; i++)
        say_line(line);
    http_access_log_close();
    unlink(fifo);
}

static void test_open_fails(void **state)
{
    (void)state;
    assert_int_equal(http_access_log_open("/nowhere/log"), -ENOENT);
    assert_int_equal(http_access_log_open("/tmp"), -EISDIR);
}

static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "NST3:30", 1);
    tzset();
    signal(SIGPIPE, SIG_IGN);
    idle_threads = count_entries("/proc/self/task") + OTHERS;
    int fd = mkstemp(path);
    return fd < 0 ? fd : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_within_a_second),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_threads_and_processes),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_stuck_reader),
        cmocka_unit_test(test_open_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
