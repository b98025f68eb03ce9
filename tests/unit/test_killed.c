/* SPDX-License-Identifier: MIT */
/* Processes that are killed while they publish: workers, and processes that a handler has forked. The others
   go on, get every message once and in order, and nobody waits in vain.

       test_killed [ROUNDS]    so many for each server, instead of a few */
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

enum { MEMBERS = 5, MAX_PUBLISHERS = 512 };
enum { WORK = 3000 }; /* ms after which a publisher that nobody has killed ends */

static struct shared {
    atomic_ulong received, published, twice, lost, odd;
    atomic_uint publishers;
    atomic_int forked; /* what the handler has forked last */
} * shared;

/* ---- publishers ---- */

struct note {
    unsigned publisher; /* 0: the test, which wants an answer */
    unsigned count;
};

static void publish_on(struct ss_server *self, unsigned limit)
{
    struct note note = {.publisher = 1 + atomic_fetch_add(&shared->publishers, 1)};
    uint64_t end = ss_now() + WORK;
    while (limit-- && ss_now() < end) {
        note.count++;
        if (ss_publish(self, "room", &note, sizeof note) < 0)
            atomic_fetch_add(&shared->odd, 1);
        atomic_fetch_add(&shared->published, 1);
    }
}

/* A process that is nobody's child. */
static void fork_publisher(struct ss_server *self)
{
    pid_t pid = fork();
    if (pid == 0) {
        if ((pid = fork()) == 0) {
            publish_on(self, UINT32_MAX);
            _exit(0);
        }
        atomic_store(&shared->forked, pid);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* ---- members ---- */

/* What a member has got of each publisher. */
struct memory {
    struct note last[MAX_PUBLISHERS];
    unsigned count, next;
    unsigned long gaps, dropped;
};

static struct note *last_of(struct memory *m, const struct note *note)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->last[i].publisher == note->publisher)
            return &m->last[i];
    struct note *last = &m->last[m->next++ % MAX_PUBLISHERS];
    m->count += m->count < MAX_PUBLISHERS;
    *last = (struct note){note->publisher, note->count - 1};
    return last;
}

static void check_note(struct memory *m, const struct note *note)
{
    struct note *last = last_of(m, note);
    if (note->count <= last->count)
        atomic_fetch_add(&shared->twice, 1);
    else
        m->gaps += note->count - last->count - 1;
    last->count = note->count;
    atomic_fetch_add(&shared->received, 1);
}

static int receive_all(struct ss_handler *h, struct memory *m)
{
    struct ss_message message;
    struct note note;
    int rc;
    while ((rc = ss_receive(h, &message)) == 0) {
        if (message.size != sizeof note)
            atomic_fetch_add(&shared->odd, 1);
        memcpy(&note, message.data, sizeof note);
        m->dropped += message.dropped;
        if (note.publisher == 0)
            ss_printf(h->wfile, "c %u\n", note.count);
        else
            check_note(m, &note);
        if (m->gaps > m->dropped)
            atomic_fetch_add(&shared->lost, m->gaps - m->dropped);
    }
    return rc == -EAGAIN ? 0 : rc;
}

static void obey(struct ss_handler *h, char command)
{
    if (command == 'p')
        publish_on(h->server, UINT32_MAX);
    if (command == 'q')
        publish_on(h->server, 100);
    if (command == 'f') {
        fork_publisher(h->server);
        ss_printf(h->wfile, "f\n");
    }
}

static int handle(struct ss_handler *h)
{
    struct memory *m = ss_alloc(h, sizeof *m);
    struct ss_ref ref;
    char line[10];
    ssize_t n = 1;
    int rc = m ? ss_ref(h, &ref) : -ENOMEM;
    if (rc < 0)
        return rc;
    memset(m, 0, sizeof *m);
    if (ss_subscribe(h, "room", SS_DROP_OLDEST) < 0)
        atomic_fetch_add(&shared->odd, 1);
    ss_printf(h->wfile, "%d %llu %u\n", (int)getpid(), (unsigned long long)ref.number, ref.place);
    while (rc >= 0 && n != 0 && (rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1)) >= 0) {
        rc = receive_all(h, m);
        while ((n = ss_readline_now(h->rfile, line, sizeof line)) > 0)
            obey(h, *line);
        rc = rc == 0 && n < 0 && n != -EAGAIN ? (int)n : rc;
    }
    return rc == -ECANCELED ? 0 : rc;
}

static const struct ss_handler_class Member = {.handle = handle};

static void say_nothing(struct ss_server *self, pid_t pid, int status, int error)
{
    (void)self, (void)pid, (void)status, (void)error;
}

static const struct ss_class Quiet = {.name = "Quiet", .child_ended = say_nothing};

/* ---- clients ---- */

struct client {
    int fd, pid;
    struct ss_ref ref;
};

static bool read_line(int fd, char *line, size_t size)
{
    size_t n = 0;
    ssize_t got = 0;
    while (n + 1 < size && (got = recv(fd, line + n, 1, 0)) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    if (got < 0 && errno == EAGAIN)
        fail_msg("nothing comes behind \"%s\"", line);
    return got == 1;
}

static void come(struct running *r, struct client *c)
{
    char line[80];
    uint64_t numbers[3];
    do {
        c->fd = client_of(&r->server);
        if (read_line(c->fd, line, sizeof line))
            break;
        close(c->fd); /* a worker had taken it, and was killed */
    } while (true);
    assert_true(read_numbers(line, numbers, 3));
    c->pid = (int)numbers[0];
    c->ref = (struct ss_ref){.number = numbers[1], .place = (uint32_t)numbers[2]};
}

static void wait_for_subscribers(struct running *r, int count)
{
    uint64_t end = ss_now() + PATIENCE;
    int rc;
    while ((rc = ss_subscribers(&r->server, "room")) != count && ss_now() < end)
        usleep(500);
    assert_int_equal(rc, count);
}

/* Everybody lives, and gets what is published now. */
static void check_all(struct running *r, struct client *clients)
{
    static unsigned checks;
    struct note note = {.count = ++checks};
    char line[80], wanted[80];
    snprintf(wanted, sizeof wanted, "c %u", checks);
    wait_for_subscribers(r, MEMBERS);
    assert_int_equal(ss_publish(&r->server, "room", &note, sizeof note), MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        assert_true(read_line(clients[i].fd, line, sizeof line));
        assert_string_equal(line, wanted);
    }
}

static void expect_stale(struct running *r, struct ss_ref ref)
{
    struct note note = {.publisher = UINT32_MAX};
    uint64_t end = ss_now() + PATIENCE;
    int rc;
    while ((rc = ss_post(&r->server, ref, &note, sizeof note)) != -ESTALE && ss_now() < end) {
        note.count++;
        usleep(500);
    }
    assert_int_equal(rc, -ESTALE);
}

static unsigned seed = 1;

static void kill_soon(pid_t pid)
{
    usleep((unsigned)rand_r(&seed) % 2500);
    kill(pid, SIGKILL);
}

static void kill_worker(struct running *r, struct client *clients)
{
    struct client *victim = &clients[rand_r(&seed) % MEMBERS], *other = &clients[rand_r(&seed) % MEMBERS];
    int pid = victim->pid;
    if (other->pid != pid)
        say(other->fd, "q\n");
    say(victim->fd, "p\n");
    kill_soon(pid);
    expect_stale(r, victim->ref);
    for (int i = 0; i < MEMBERS; i++) {
        if (clients[i].pid != pid)
            continue;
        expect_end(clients[i].fd);
        close(clients[i].fd);
        come(r, &clients[i]);
    }
}

static void kill_forked(struct running *r, struct client *clients)
{
    char line[80];
    struct client *c = &clients[rand_r(&seed) % MEMBERS];
    (void)r;
    say(c->fd, "f\n");
    assert_true(read_line(c->fd, line, sizeof line));
    assert_string_equal(line, "f");
    kill_soon(atomic_load(&shared->forked));
}

/* ---- all together ---- */

struct model {
    const char *name;
    unsigned workers;
    unsigned rounds; /* few where a worker that has died young is replaced after a second */
};

static unsigned rounds;

#ifdef __SANITIZE_THREAD__
enum { SLOWNESS = 20 }; /* each fork takes long */
#else
enum { SLOWNESS = 1 };
#endif

static void run_rounds(const struct model *m, void (*kill_one)(struct running *, struct client *))
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {&Quiet}, *const *own = ss_bases(m->name);
    struct client clients[MEMBERS];
    struct running r;
    char address[40];
    static int servers; /* each has an address of its own: one that was killed may still have the socket */
    snprintf(address, sizeof address, "unix:@test-killed-*-%d", ++servers);
    for (int i = 0; own[i]; i++)
        bases[i + 1] = own[i];
    memset(shared, 0, sizeof *shared);
    prepare(&r, bases, address, &Member);
    r.server.workers = m->workers;
    r.server.max_requests_per_client = 1000;
    launch(&r);
    for (int i = 0; i < MEMBERS; i++)
        come(&r, &clients[i]);
    for (unsigned i = 0; i < (rounds ? rounds : (m->rounds + SLOWNESS - 1) / SLOWNESS); i++) {
        kill_one(&r, clients);
        check_all(&r, clients);
    }
    for (int i = 0; i < MEMBERS; i++)
        close(clients[i].fd);
    stop(&r);
    if (getenv("VERBOSE"))
        print_message("%s: %lu published, %lu received\n", m->name, shared->published, shared->received);
    if (shared->twice || shared->lost || shared->odd)
        fail_msg("%s: %lu twice, %lu lost, %lu odd", m->name, shared->twice, shared->lost, shared->odd);
}

static int map(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? -1 : 0;
}

static void test_workers(void **state)
{
    static const struct model models[] = {
        {"ForkingUnixStreamServer", 0, 60},
        {"PreforkingUnixStreamServer", 9, 4},
        {"PreforkingEventLoopUnixStreamServer", 4, 3},
#ifndef __SANITIZE_THREAD__ /* knows no threads in a child of a process with threads */
        {"PreforkingThreadingUnixStreamServer", 4, 3},
#endif
    };
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++)
        run_rounds(&models[i], kill_worker);
}

static void test_forked_by_handlers(void **state)
{
    static const struct model models[] = {
        {"ThreadingUnixStreamServer", 0, 40}, {"ThreadPoolUnixStreamServer", 2, 40},
        {"EventLoopUnixStreamServer", 0, 40}, {"EventLoopUnixStreamServer", 2, 40},
        {"ForkingUnixStreamServer", 0, 40},   {"PreforkingEventLoopUnixStreamServer", 2, 40}};
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++)
        run_rounds(&models[i], kill_forked);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_forked_by_handlers),
    };
    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, map, NULL);
}
