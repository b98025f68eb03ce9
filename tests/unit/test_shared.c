/* SPDX-License-Identifier: MIT */
/* Memory that all processes of a server share, and its lock, under every mix-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char *const mixins[] = {"",
                                     "Threading",
                                     "ThreadPool",
                                     "Forking",
                                     "Preforking",
                                     "EventLoop",
                                     "PreforkingForking",
#ifndef __SANITIZE_THREAD__ /* which ends a child that makes threads when its parent has some */
                                     "PreforkingThreading",
                                     "PreforkingThreadPool",
#endif
                                     "PreforkingEventLoop"};

enum { WORKERS = 3, CLIENTS = 12, TIMES = 500 };

static const struct ss_class Tallying;

struct tally {
    volatile unsigned
        count;          /* so that each increase reads and writes memory, and one without the lock is lost */
    unsigned odd;       /* is 1 while the work is half done */
    atomic_uint killed; /* processes that a signal has ended */
};

static void note_killed(struct ss_server *self, pid_t pid, int status, int error)
{
    struct tally *tally = ss_shared(self, &Tallying);
    (void)pid, (void)error;
    if (WIFSIGNALED(status))
        atomic_fetch_add(&tally->killed, 1);
}

static const struct ss_class Tallying = {
    .name = "Tallying", .shared_size = sizeof(struct tally), .child_ended = note_killed};

/* Takes the lock; what its last holder has left half done is put in order. */
static int take(struct ss_server *self, struct tally *tally)
{
    int rc = ss_lock(self, &Tallying);
    if (rc == -EOWNERDEAD)
        tally->odd = 0;
    if (tally->odd)
        return -EPROTO;
    tally->odd = 1;
    return rc;
}

static void give_back(struct ss_server *self, struct tally *tally)
{
    tally->odd = 0;
    (void)ss_unlock(self, &Tallying);
}

static void die_with_lock(struct ss_server *self)
{
    (void)take(self, ss_shared(self, &Tallying));
    raise(SIGKILL);
}

static void kill_child_with_lock(struct ss_server *self)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        die_with_lock(self);
    waitpid(pid, &status, 0);
}

/* ThreadSanitizer reports it as a mistake. */
static int unlock_again(struct ss_server *self)
{
#ifdef __SANITIZE_THREAD__
    (void)self;
    return -EPERM;
#else
    return ss_unlock(self, &Tallying);
#endif
}

static int errors(struct ss_server *self)
{
    if (unlock_again(self) != -EPERM || ss_lock(self, &Tallying) != 0)
        return 1;
    if (ss_lock(self, &Tallying) != -EDEADLK || ss_unlock(self, &Tallying) != 0)
        return 2;
    if (unlock_again(self) != -EPERM)
        return 3;
    if (ss_lock(self, &UDPServer) != -EINVAL || ss_unlock(self, &TCPServer) != -EINVAL)
        return 4;
    return ss_shared(self, &UDPServer) || ss_shared(self, &TCPServer) ? 5 : 0;
}

/* Each line is a command for the handler. */
static int obey(struct ss_handler *h)
{
    struct tally *tally = ss_shared(h->server, &Tallying);
    char line[20];
    int rc = 0;
    while (ss_readline(h->rfile, line, sizeof line) > 0) {
        switch (*line) {
        case '+':
            rc = take(h->server, tally);
            tally->count++;
            give_back(h->server, tally);
            break;
        case 'k':
            kill_child_with_lock(h->server);
            break;
        case 'd':
            die_with_lock(h->server);
            break;
        default:
            rc = errors(h->server);
        }
        ss_printf(h->wfile, "%s\n",
                  rc == 0             ? "ok"
                  : rc == -EOWNERDEAD ? "dead"
                                      : strerror(rc < 0 ? -rc : rc));
    }
    return 0;
}

static const struct ss_handler_class Obeying = {.handle = obey};

/* `first` and the bases of a TCP server under the mix-in. */
static void prepare_under(struct running *r, const struct ss_class *first, const char *mixin)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {first};
    char name[100];
    snprintf(name, sizeof name, "%sTCPServer", mixin);
    const struct ss_class *const *own = ss_bases(name);
    assert_non_null(own);
    for (int i = 0; own[i]; i++)
        bases[i + 1] = own[i];
    prepare(r, bases, "127.0.0.1:0", &Obeying);
    r->server.workers = WORKERS;
}

static struct tally *start_under(struct running *r, const char *mixin)
{
    prepare_under(r, &Tallying, mixin);
    launch(r);
    return ss_shared(&r->server, &Tallying);
}

static void ask(const struct running *r, const char *command, const char *answer)
{
    int fd = client_of(&r->server);
    say(fd, command);
    expect(fd, answer);
    shutdown(fd, SHUT_RDWR); /* a forked child has the descriptor, too */
    close(fd);
}

/* ---- the lock ---- */

static void *count_up(void *argument)
{
    const struct running *r = argument;
    int fd = client_of(&r->server);
    for (int i = 0; i < TIMES; i++) {
        say(fd, "+\n");
        expect(fd, "ok\n");
    }
    shutdown(fd, SHUT_RDWR);
    close(fd);
    return NULL;
}

/* No increase is lost, and each thread, process and loop sees those of all others. */
static void test_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        pthread_t threads[CLIENTS];
        struct running r;
        const struct tally *tally = start_under(&r, mixins[i]);
        for (int k = 0; k < CLIENTS; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, count_up, &r), 0);
        for (int k = 0; k < CLIENTS; k++)
            pthread_join(threads[k], NULL);
        assert_int_equal(tally->count, CLIENTS * TIMES);
        stop(&r);
    }
}

/* A process that a handler has forked has the memory and the lock, too; it is killed while it holds that. */
static void test_forked_by_handler_and_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        const struct tally *tally = start_under(&r, mixins[i]);
        ask(&r, "k\n", "ok\n");
        ask(&r, "+\n", "dead\n");
        ask(&r, "+\n", "ok\n");
        ask(&r, "k\nk\n+\n+\n", "ok\nok\ndead\nok\n");
        assert_int_equal(tally->count, 4);
        stop(&r);
    }
}

/* The server's own process is killed while it holds the lock, and others wait for that. */
static void test_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        if (!strstr(mixins[i], "orking"))
            continue;
        struct running r;
        struct tally *tally = start_under(&r, mixins[i]);
        assert_int_equal(ss_lock(&r.server, &Tallying), 0);
        int dying = client_of(&r.server), waiting = client_of(&r.server);
        say(dying, "d\n");
        say(waiting, "+\n");
        assert_int_equal(ss_unlock(&r.server, &Tallying), 0);
        expect_end(dying);
        close(dying);
        /* the process that has died may have had this client, too, or this client was the first */
        char answer[10] = "";
        ssize_t n = recv(waiting, answer, sizeof answer, 0);
        assert_true(n <= 0 || !strcmp(answer, "ok\n") || !strcmp(answer, "dead\n"));
        bool told = n > 0 && !strcmp(answer, "dead\n");
        close(waiting);
        if (!told)
            ask(&r, "+\n", "dead\n");
        ask(&r, "+\n", "ok\n");
        for (int ms = 0; atomic_load(&tally->killed) == 0 && ms < PATIENCE; ms++)
            usleep(1000);
        assert_int_equal(atomic_load(&tally->killed), 1);
        stop(&r);
    }
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        (void)start_under(&r, mixins[i]);
        ask(&r, "e\n", "ok\n");
        stop(&r);
        assert_null(ss_shared(&r.server, &Tallying));
        assert_int_equal(ss_lock(&r.server, &Tallying), -EINVAL);
        assert_int_equal(ss_unlock(&r.server, &Tallying), -EINVAL);
    }
}

/* ---- the memory ---- */

enum { LINE = 64 };

static const struct ss_class One, Page;

static void write_soon(struct ss_server *self)
{
    char *one = ss_shared(self, &One);
    assert_non_null(one);
    assert_int_equal(*one, 0);
    assert_int_equal(ss_lock(self, &One), 0);
    *one = 'x';
    assert_int_equal(ss_unlock(self, &One), 0);
}

static const struct ss_class One = {.name = "One", .shared_size = 1, .defaults = write_soon};
static const struct ss_class Page = {.name = "Page", .state_size = 3, .shared_size = 5000};
static const struct ss_class None = {.name = "None", .state_size = 3};
static const struct ss_class Greedy = {.name = "Greedy", .shared_size = SIZE_MAX};

static void check_lines(const char *a, size_t size, const char *b, size_t other)
{
    assert_true(((uintptr_t)a + size - 1) / LINE < (uintptr_t)b / LINE ||
                ((uintptr_t)b + other - 1) / LINE < (uintptr_t)a / LINE);
}

static void test_memory(void **state)
{
    struct ss_server server;
    (void)state;
    for (int times = 0; times < 2; times++) {
        assert_int_equal(ss_server_init(&server, SS_BASES(&One, &None, &Page, &Tallying, &TCPServer),
                                        "127.0.0.1:0", &Obeying),
                         0);
        char *parts[] = {ss_shared(&server, &One), ss_shared(&server, &Page), ss_shared(&server, &Tallying)};
        size_t sizes[] = {1, 5000, sizeof(struct tally)};
        assert_null(ss_shared(&server, &None));
        assert_null(ss_shared(&server, NULL));
        assert_int_equal(*parts[0], 'x');
        *parts[0] = 0;
        for (size_t i = 0; i < COUNT(parts); i++) {
            assert_int_equal((uintptr_t)parts[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(parts[i][k], 0);
            memset(parts[i], 0xff, sizes[i]);
            for (size_t k = 0; k < i; k++)
                check_lines(parts[i], sizes[i], parts[k], sizes[k]);
        }
        assert_int_equal(ss_lock(&server, &One), 0);
        assert_int_equal(ss_lock(&server, &Page), 0); /* of its own */
        assert_int_equal(ss_unlock(&server, &Page), 0);
        assert_int_equal(ss_unlock(&server, &One), 0);
        ss_server_close(&server);
        assert_null(ss_shared(&server, &Page));
    }
}

static bool is_mapped(const void *address)
{
    unsigned char there;
    return mincore((void *)((uintptr_t)address & ~(uintptr_t)4095), 1, &there) == 0;
}

static void test_gone_after_close(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Page, &TCPServer), "127.0.0.1:0", &Obeying), 0);
    const char *memory = ss_shared(&server, &Page);
    assert_true(is_mapped(memory));
    ss_server_close(&server);
    assert_false(is_mapped(memory));
    ss_server_close(&server);
}

/* Two servers of one class share nothing; nor is there any memory where no class wants it. */
static void test_two_servers(void **state)
{
    struct running a, b;
    (void)state;
    struct tally *first = start_under(&a, "Preforking"), *second = start_under(&b, "Preforking");
    assert_ptr_not_equal(first, second);
    ask(&a, "+\n+\n", "ok\nok\n");
    assert_int_equal(ss_lock(&a.server, &Tallying), 0);
    ask(&b, "+\n", "ok\n");
    assert_int_equal(ss_unlock(&a.server, &Tallying), 0);
    assert_int_equal(first->count, 2);
    assert_int_equal(second->count, 1);
    stop(&a);
    ask(&b, "+\n", "ok\n");
    assert_int_equal(second->count, 2);
    stop(&b);
}

/* The parent, which has bound the socket, closes its copy; the child goes on with the memory and the lock. */
static void test_daemon(void **state)
{
    int status;
    struct running r;
    (void)state;
    prepare_under(&r, &Tallying, "");
    int up[2];
    assert_int_equal(pipe(up), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(up[1]);
        (void)!read(up[0], &byte, 1); /* until the parent has closed its copy */
        _exit(errors(&r.server));
    }
    ss_server_close(&r.server);
    close(up[0]);
    close(up[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_too_much(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Greedy, &TCPServer), "127.0.0.1:0", &Obeying),
                     -ENOMEM);
    assert_int_equal(ss_server_init(&server, SS_BASES(&Page, &Greedy, &TCPServer), "127.0.0.1:0", &Obeying),
                     -ENOMEM);
    ss_server_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),       cmocka_unit_test(test_forked_by_handler_and_killed),
        cmocka_unit_test(test_killed),      cmocka_unit_test(test_errors),
        cmocka_unit_test(test_memory),      cmocka_unit_test(test_gone_after_close),
        cmocka_unit_test(test_two_servers), cmocka_unit_test(test_daemon),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
