/* SPDX-License-Identifier: MIT */
/* `forked` is called once in each process that a mix-in forks, before all else there, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { WORKERS = 2, MOST = 200 };

static const struct ss_class Noting, Other;

/* The processes in which `forked` was called, in memory that all of them see. */
struct notes {
    atomic_uint taken, count; /* entries that somebody fills in, and those that are */
    struct {
        pid_t pid;
        char order[8];
    } at[MOST];
};

/* What a class keeps, and a child must not use. */
struct mine {
    unsigned forks; /* forked was called so often on the way to this process */
    pthread_mutex_t lock;
};

static void init(struct ss_server *self)
{
    struct mine *mine = ss_state(self, &Noting);
    pthread_mutex_init(&mine->lock, NULL);
    pthread_mutex_lock(&mine->lock);
}

static void note_fork(struct ss_server *self)
{
    struct notes *notes = ss_shared(self, &Noting);
    struct mine *mine = ss_state(self, &Noting);
    unsigned i = atomic_fetch_add(&notes->taken, 1);
    if (i >= MOST || count_entries("/proc/self/task") != 2 + 1) /* "." and "..", and one thread */
        _exit(1);
    notes->at[i].pid = getpid();
    atomic_fetch_add(&notes->count, 1);
    ss_super(self, &Noting)->forked(self);
    strcat(notes->at[i].order, "N");
    mine->forks++;
    pthread_mutex_init(&mine->lock, NULL);
}

static const struct ss_class Noting = {.name = "Noting",
                                       .state_size = sizeof(struct mine),
                                       .shared_size = sizeof(struct notes),
                                       .init = init,
                                       .forked = note_fork};

/* Stands on the left of Noting, when both are there. */
static void note_other(struct ss_server *self)
{
    struct notes *notes = ss_shared(self, &Noting);
    ss_super(self, &Other)->forked(self);
    for (int i = 0; i < MOST; i++)
        if (notes->at[i].pid == getpid())
            strcat(notes->at[i].order, "O");
}

static const struct ss_class Other = {.name = "Other", .forked = note_other};

static int times_noted(struct notes *notes, pid_t pid)
{
    int n = 0;
    for (int i = 0; i < MOST; i++)
        n += notes->at[i].pid == pid;
    return n;
}

/* Says how often it was called in this process and on the way here; a process that the handler forks says it,
   too. */
static int tell(struct ss_handler *h)
{
    struct notes *notes = ss_shared(h->server, &Noting);
    struct mine *mine = ss_state(h->server, &Noting);
    char line[20];
    int status;
    while (ss_readline(h->rfile, line, sizeof line) > 0) {
        bool usable = pthread_mutex_trylock(&mine->lock) == 0;
        if (usable)
            pthread_mutex_unlock(&mine->lock);
        pid_t pid = *line == 'f' ? fork() : -1;
        if (pid == 0)
            _exit(times_noted(notes, getpid()) == 0 ? 0 : 1);
        if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
            return -EPROTO;
        ss_printf(h->wfile, "%d %u %s\n", times_noted(notes, getpid()), mine->forks,
                  usable ? "usable" : "locked");
    }
    return 0;
}

static const struct ss_handler_class Telling = {.handle = tell};

static struct notes *start_with(struct running *r, const struct ss_class *const *bases)
{
    prepare(r, bases, "127.0.0.1:0", &Telling);
    r->server.workers = WORKERS;
    struct notes *notes = ss_shared(&r->server, &Noting);
    launch(r);
    return notes;
}

static void ask(const struct running *r, const char *answer)
{
    int fd = client_of(&r->server);
    say(fd, "?\nfork\n");
    expect(fd, answer);
    expect(fd, answer);
    shutdown(fd, SHUT_RDWR); /* a forked child has the descriptor, too */
    close(fd);
}

static void expect_count(struct notes *notes, unsigned count)
{
    for (int ms = 0; atomic_load(&notes->count) < count && ms < PATIENCE; ms++)
        usleep(1000);
    assert_int_equal(atomic_load(&notes->count), count);
}

enum { REQUESTS = 3 };

/* `forks`: the processes that were forked on the way to one that runs a handler. */
static void check(const struct ss_class *const *bases, bool preforks, bool forks, const char *order)
{
    char answer[100];
    struct running r;
    unsigned generations = preforks + forks;
    struct notes *notes = start_with(&r, bases);
    expect_count(notes, preforks ? WORKERS : 0);
    snprintf(answer, sizeof answer, "%d %u %s\n", generations > 0, generations,
             generations ? "usable" : "locked");
    for (int i = 0; i < REQUESTS; i++)
        ask(&r, answer);
    assert_int_equal(atomic_load(&notes->count), (preforks ? WORKERS : 0) + (forks ? REQUESTS : 0));
    assert_int_equal(times_noted(notes, getpid()), 0);
    for (unsigned i = 0; i < atomic_load(&notes->count); i++) {
        assert_int_equal(times_noted(notes, notes->at[i].pid), 1);
        assert_string_equal(notes->at[i].order, order);
    }
    uint64_t begin = ss_now();
    stop(&r);
    assert_true(ss_now() - begin < PATIENCE / 4); /* no child waits for those that its parent has */
}

static void test_each_child_once(void **state)
{
    (void)state;
    check(SS_BASES(&Noting, &ForkingMixIn, &TCPServer), false, true, "N");
    check(SS_BASES(&Noting, &PreforkingMixIn, &TCPServer), true, false, "N");
#ifndef __SANITIZE_THREAD__ /* which ends a child that makes threads when its parent has some */
    check(SS_BASES(&Noting, &PreforkingMixIn, &ThreadingMixIn, &TCPServer), true, false, "N");
    check(SS_BASES(&Noting, &PreforkingMixIn, &ThreadPoolMixIn, &TCPServer), true, false, "N");
    check(SS_BASES(&PreforkingMixIn, &Noting, &ThreadPoolMixIn, &TCPServer), true, false, "N");
#endif
    check(SS_BASES(&Noting, &PreforkingMixIn, &EventLoopMixIn, &TCPServer), true, false, "N");
    check(SS_BASES(&Noting, &PreforkingMixIn, &ForkingMixIn, &TCPServer), true, true, "N");
}

/* Also on the right of the mix-in that forks; and what forks runs over a pool or a loop of the parent's. */
static void test_combined(void **state)
{
    (void)state;
    check(SS_BASES(&ForkingMixIn, &Noting, &TCPServer), false, true, "N");
    check(SS_BASES(&Other, &ForkingMixIn, &Noting, &TCPServer), false, true, "NO");
    check(SS_BASES(&Other, &PreforkingMixIn, &EventLoopMixIn, &Noting, &TCPServer), true, false, "NO");
    check(SS_BASES(&Noting, &ForkingMixIn, &ThreadPoolMixIn, &TCPServer), false, true, "N");
    check(SS_BASES(&Noting, &ForkingMixIn, &EventLoopMixIn, &TCPServer), false, true, "N");
}

static void test_nowhere_else(void **state)
{
    (void)state;
    check(SS_BASES(&Noting, &TCPServer), false, false, "");
    check(SS_BASES(&Noting, &ThreadingMixIn, &TCPServer), false, false, "");
    check(SS_BASES(&Noting, &ThreadPoolMixIn, &TCPServer), false, false, "");
    check(SS_BASES(&Noting, &EventLoopMixIn, &TCPServer), false, false, "");
}

/* A process that takes the place of one that has ended is a child as the first ones were. */
static int leave(struct ss_handler *h)
{
    struct mine *mine = ss_state(h->server, &Noting);
    _exit(mine->forks == 1 ? 0 : 1);
}

static void be_quiet(struct ss_server *self, pid_t pid, int status, int error)
{
    (void)self, (void)pid, (void)error;
    assert_int_equal(status, 0);
}

static void test_replaced(void **state)
{
    static const struct ss_handler_class Leaving = {.handle = leave};
    static const struct ss_class Quiet = {.name = "Quiet", .child_ended = be_quiet};
    struct running r;
    (void)state;
    prepare(&r, SS_BASES(&Quiet, &Noting, &PreforkingMixIn, &TCPServer), "127.0.0.1:0", &Leaving);
    r.server.workers = WORKERS;
    struct notes *notes = ss_shared(&r.server, &Noting);
    launch(&r);
    int fd = client_of(&r.server);
    expect_end(fd);
    close(fd);
    expect_count(notes, WORKERS + 1);
    for (int i = 0; i <= WORKERS; i++)
        assert_int_equal(times_noted(notes, notes->at[i].pid), 1);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_child_once),
        cmocka_unit_test(test_combined),
        cmocka_unit_test(test_nowhere_else),
        cmocka_unit_test(test_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
