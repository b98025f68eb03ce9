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

static char path[] = "/tmp/test_log.XXXXXX";

/* ---- escaping ---- */

struct row {
    const char *text, *python, *apache, *json;
};

static const struct row rows[] = {
    {"", "", "", ""},
    {"GET / HTTP/1.1", "GET / HTTP/1.1", "GET / HTTP/1.1", "GET / HTTP/1.1"},
    {"1234567\n", "1234567\\x0a", "1234567\\n", "1234567\\n"},
    {"\r\n127.0.0.1 - -", "\\x0d\\x0a127.0.0.1 - -", "\\r\\n127.0.0.1 - -", "\\r\\n127.0.0.1 - -"},
    {"\b\t\v\f", "\\x08\\x09\\x0b\\x0c", "\\b\\t\\v\\x0c", "\\b\\t\\u000b\\u000c"},
    {"\"; drop", "\"; drop", "\\\"; drop", "\\\"; drop"},
    {"a\\b\\\\", "a\\\\b\\\\\\\\", "a\\\\b\\\\\\\\", "a\\\\b\\\\\\\\"},
    {"\033[31m\a\x7f", "\\x1b[31m\\x07\\x7f", "\\x1b[31m\\x07\\x7f", "\\u001b[31m\\u0007\\u007f"},
    {"%00%0a", "%00%0a", "%00%0a", "%00%0a"},
    {"\x16\x03\x01\x02", "\\x16\\x03\\x01\\x02", "\\x16\\x03\\x01\\x02", "\\u0016\\u0003\\u0001\\u0002"},
    /* UTF-8, and what looks like it (RFC 3629 4) */
    {"\xc3\xa9", "\xc3\xa9", "\\xc3\\xa9", "\xc3\xa9"},
    {"\xe2\x82\xac", "\xe2\x82\xac", "\\xe2\\x82\\xac", "\xe2\x82\xac"},
    {"\xf0\x9f\x99\x82!", "\xf0\x9f\x99\x82!", "\\xf0\\x9f\\x99\\x82!", "\xf0\x9f\x99\x82!"},
    {"\xc2\x9b", "\\x9b", "\\xc2\\x9b", "\\u009b"},
    {"\xc2\xa0", "\xc2\xa0", "\\xc2\\xa0", "\xc2\xa0"},
    {"\x80", "\\x80", "\\x80", "\\ufffd"},
    {"\xc3", "\\xc3", "\\xc3", "\\ufffd"},
    {"\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\ufffd\\ufffd"},
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf", "\\ufffd\\ufffd\\ufffd"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
    {"\xe2\x82", "\\xe2\\x82", "\\xe2\\x82", "\\ufffd\\ufffd"},
    {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe", "\\ufffd\\ufffd"},
    /* what turns text round, or is not seen */
    /* NOLINTBEGIN(misc-misleading-bidirectional) */
    {"\xe2\x80\xaegpj", "\\u202egpj", "\\xe2\\x80\\xaegpj", "\\u202egpj"},
    {"\xe2\x80\xaa", "\\u202a", "\\xe2\\x80\\xaa", "\\u202a"},
    {"\xe2\x81\xa6", "\\u2066", "\\xe2\\x81\\xa6", "\\u2066"},
    {"\xe2\x81\xa9", "\\u2069", "\\xe2\\x81\\xa9", "\\u2069"},
    /* NOLINTEND(misc-misleading-bidirectional) */
    {"\xe2\x80\x8e", "\\u200e", "\\xe2\\x80\\x8e", "\\u200e"},
    {"\xe2\x80\x8f", "\\u200f", "\\xe2\\x80\\x8f", "\\u200f"},
    {"\xd8\x9c", "\\u061c", "\\xd8\\x9c", "\\u061c"},
    {"\xe2\x80\xa8", "\\u2028", "\\xe2\\x80\\xa8", "\\u2028"},
    {"\xe2\x80\x8b", "\\u200b", "\\xe2\\x80\\x8b", "\\u200b"},
    {"\xef\xbb\xbf", "\\ufeff", "\\xef\\xbb\\xbf", "\\ufeff"},
    {"\xc2\xad", "\\xad", "\\xc2\\xad", "\\u00ad"},
    {"\xf3\xa0\x81\x81", "\\U000e0041", "\\xf3\\xa0\\x81\\x81", "\\udb40\\udc41"},
    {"\xef\xbf\xbf", "\\uffff", "\\xef\\xbf\\xbf", "\\uffff"},
    {"\xf4\x8f\xbf\xbf", "\\U0010ffff", "\\xf4\\x8f\\xbf\\xbf", "\\udbff\\udfff"},
    {"\xe2\x80\xaf\xe2\x81\xb0\xe2\x80\x90", "\xe2\x80\xaf\xe2\x81\xb0\xe2\x80\x90",
     "\\xe2\\x80\\xaf\\xe2\\x81\\xb0\\xe2\\x80\\x90", "\xe2\x80\xaf\xe2\x81\xb0\xe2\x80\x90"},
};

static void check_escaped(const char *text, enum http_log_escape how, const char *expected)
{
    static char room[HTTP_LOG_ITEM + 1];
    *http_log_escaped(room, text, how) = 0;
    assert_string_equal(room, expected);
}

/* Also behind one to eight other bytes: eight are looked at together. */
static void test_escapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *expected[] = {rows[i].python, rows[i].apache, rows[i].json};
        for (int n = 0; n <= 9; n++) {
            for (int how = 0; how < 3; how++) {
                char text[100], result[100];
                snprintf(text, sizeof text, "%.*s%s%.*s", n, "~ !#$azAZ", rows[i].text, n, "~ !#$azAZ");
                snprintf(result, sizeof result, "%.*s%s%.*s", n, "~ !#$azAZ", expected[how], n, "~ !#$azAZ");
                check_escaped(text, (enum http_log_escape)(1 << how), result);
            }
        }
    }
}

/* Each byte alone: what is not escaped is printable. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char text[2] = {(char)c, 0}, room[HTTP_LOG_ITEM];
        bool printable = c >= 0x20 && c < 0x7f, marked = c == '\\' || c == '"';
        *http_log_escaped(room, text, HTTP_LOG_APACHE) = 0;
        assert_int_equal(strlen(room) == 1, printable && !marked);
        *http_log_escaped(room, text, HTTP_LOG_JSON) = 0;
        assert_int_equal(strlen(room) == 1, printable && !marked);
        *http_log_escaped(room, text, HTTP_LOG_PYTHON) = 0;
        assert_int_equal(strlen(room) == 1, printable && c != '\\');
    }
}

/* However long the text is, and whatever it grows to. */
static void test_longest(void **state)
{
    static const char *const pieces[] = {"a", "\n", "\xff", "\\", "\xf0\x9f\x99\x82", "\xf3\xa0\x81\x81"};
    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        char *text = calloc(1, 40001), *room = malloc(HTTP_LOG_ITEM);
        for (size_t n = 0; n < 40000; n += strlen(pieces[i]))
            strcpy(text + n, pieces[i]);
        for (int how = 1; how <= 4; how *= 2) {
            const char *end = http_log_escaped(room, text, (enum http_log_escape)how);
            assert_true(end > room + HTTP_LOG_ITEM - 32 && end <= room + HTTP_LOG_ITEM);
            assert_memory_equal(end - 3, "...", 3);
        }
        free(text);
        free(room);
    }
}

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
    *http_log_client(room, client, HTTP_LOG_APACHE) = 0;
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
    int threads = count_entries("/proc/self/task");
    open_anew();
    for (int i = 0; i < 100; i++)
        say_line("line");
    assert_int_equal(count_entries("/proc/self/task"), threads + 1);
    http_access_log_flush();
    assert_int_equal(size_of_file(), 500);
    wait_for_threads(threads);
    for (int i = 0; i < 100; i++)
        say_line("line");
    http_access_log_flush();
    assert_int_equal(size_of_file(), 1000);
    wait_for_threads(threads);
    for (int i = 0; i < 100; i++)
        say_line("line");
    http_access_log_close();
    assert_int_equal(size_of_file(), 1500);
    http_access_log_close();
}

/* ThreadSanitizer ends a child that makes threads when its parent has some. */
#ifdef __SANITIZE_THREAD__
enum { THREADS = 4, LINES = 20000, PROCESSES = 0 };
#else
enum { THREADS = 4, LINES = 20000, PROCESSES = 10 };
#endif

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
        cmocka_unit_test(test_escapes),    cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_longest),    cmocka_unit_test(test_time),
        cmocka_unit_test(test_client),     cmocka_unit_test(test_within_a_second),
        cmocka_unit_test(test_flush),      cmocka_unit_test(test_threads_and_processes),
        cmocka_unit_test(test_full),       cmocka_unit_test(test_stuck_reader),
        cmocka_unit_test(test_open_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
