/* SPDX-License-Identifier: MIT */
/* Wake-ups for messages: none is lost, however many there are, whoever dies, and whoever else sends some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core.h"
#include "server/mail.h"
#include "server/store.h"
#include "server/wakeup.h"
#include "server_thread.h"
#include "store_check.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static bool can_be_read(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

/* ---- more than one sender can have on their way ---- */

enum { MANY = 600 };

static void test_many(void **state)
{
    static int fds[MANY];
    static uint64_t names[MANY];
    struct rlimit limit;
    int sender = wakeup_open_sender();
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < MANY + 50)
        skip();
    for (int i = 0; i < MANY; i++)
        assert_int_equal(wakeup_open_named(&fds[i], &names[i]), 0);
    for (int k = 0; k < 20; k++)
        for (int i = 0; i < MANY; i++)
            assert_int_equal(wakeup_send_named(sender, names[i]), 0);
    for (int i = 0; i < MANY; i++) {
        assert_true(can_be_read(fds[i]));
        wakeup_take_named(fds[i]);
        assert_false(can_be_read(fds[i]));
        close(fds[i]);
    }
    assert_int_equal(wakeup_send_named(sender, names[0]), -ECONNREFUSED);
    close(sender);
}

/* ---- senders that die ---- */

static struct ss_server server;

struct member {
    struct request request;
    struct ss_handler handler;
    struct ss_ref ref;
};

static const struct ss_handler_class Nothing = {.base = NULL};

static int open_server(void **state)
{
    static char address[100];
    (void)state;
    unique("unix:@test-wakes-*", address, sizeof address);
    return ss_server_init(&server, SS_BASES(&UnixStreamServer), address, &Nothing) < 0 ||
                   ss_server_bind(&server) < 0
               ? -1
               : 0;
}

static int close_server(void **state)
{
    (void)state;
    ss_server_close(&server);
    return 0;
}

static void join_server(struct member *m)
{
    *m = (struct member){.request = {.number = -1}};
    m->handler.server = &server;
    m->handler.request = &m->request.request;
    m->request.request.fd = -1;
    assert_int_equal(ss_ref(&m->handler, &m->ref), 0);
    assert_false(mail_begin_wait(&server, &m->request, NULL));
}

static int post_to(const struct member *m)
{
    return ss_post(&server, m->ref, "text", 4);
}

/* One is killed when it has called a mailbox, and before it has sent the wake-up: the next one sends it. */
static void test_not_sent(void **state)
{
    struct store *store = server.core->store;
    struct member first, second, third;
    (void)state;
    join_server(&first);
    join_server(&second);
    join_server(&third);
    int fd = server.core->hall.station.fd;
    store_lock(store);
    assert_int_not_equal(station_call(store, NULL, first.request.box).name, 0);
    store_unlock(store);
    assert_false(can_be_read(fd));
    assert_int_equal(post_to(&second), 0);
    assert_true(can_be_read(fd));
    wakeup_take_named(fd);
    assert_int_equal(post_to(&third), 0); /* it was woken, and has not looked yet */
    assert_false(can_be_read(fd));
    station_deliver(&server.core->hall.station);
    check_store(store);
}

/* The same when the next message is for the mailbox that was called already. */
static void test_not_sent_to_called(void **state)
{
    struct store *store = server.core->store;
    struct member m;
    (void)state;
    join_server(&m);
    store_lock(store);
    assert_int_not_equal(station_call(store, NULL, m.request.box).name, 0);
    store_unlock(store);
    assert_int_equal(post_to(&m), 0);
    assert_true(can_be_read(server.core->hall.station.fd));
}

/* A wake-up of an earlier round says nothing of this one. */
static void test_sent_late(void **state)
{
    struct store *store = server.core->store;
    struct member first, second;
    (void)state;
    join_server(&first);
    join_server(&second);
    struct station *station = &server.core->hall.station;
    store_lock(store);
    struct wake early = station_call(store, NULL, first.request.box);
    store_unlock(store);
    station_deliver(station);
    station_wake(&server, &early);
    wakeup_take_named(station->fd);
    assert_int_equal(post_to(&second), 0);
    assert_true(can_be_read(station->fd));
}

static struct ss_ref *refs; /* shared by the processes */

static pid_t fork_member(void)
{
    pid_t pid = fork();
    struct member m;
    if (pid)
        return pid;
    methods_of(&server)->forked(&server);
    join_server(&m);
    assert_int_equal(ss_subscribe(&m.handler, "room", SS_END), 0);
    *refs = m.ref;
    raise(SIGKILL);
    return 0;
}

/* One is killed whose parent does not know the server: the first message that is to wake it finds this. */
static void test_orphan(void **state)
{
    (void)state;
    refs = mmap(NULL, sizeof *refs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(refs, MAP_FAILED);
    pid_t pid = fork_member();
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(ss_subscribers(&server, "room"), 1);
    assert_int_equal(ss_post(&server, *refs, "text", 4), 0);
    assert_int_equal(ss_post(&server, *refs, "text", 4), -ESTALE);
    assert_int_equal(ss_subscribers(&server, "room"), 0);
    struct tally t = check_store(server.core->store);
    assert_int_equal(t.mailboxes + t.stations + t.messages, 0);
    munmap(refs, sizeof *refs);
}

/* The parent frees what a child has left also when it has no descriptor to wake others with. */
static void test_no_descriptor(void **state)
{
    struct rlimit before, none;
    (void)state;
    refs = mmap(NULL, sizeof *refs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(refs, MAP_FAILED);
    pid_t pid = fork_member();
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(ss_post(&server, *refs, "text", 4), -EMFILE);
    stations_child_ended(&server, pid);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(check_store(server.core->store).mailboxes, 0);
    munmap(refs, sizeof *refs);
}

/* ---- the server's own mailbox ---- */

static atomic_int handled;

static void count_message(struct ss_server *self, const struct ss_message *message)
{
    (void)self;
    atomic_fetch_add(&handled, message->size == 4);
}

static const struct ss_class Counting = {
    .name = "Counting", .base = &UDPServer, .handle_message = count_message};

static void wait_until_handled(int count)
{
    for (int i = 0; atomic_load(&handled) < count && i < PATIENCE; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&handled), count);
}

static void test_server_ref(void **state)
{
    const struct ss_class *const *const models[] = {
        SS_BASES(&Counting), SS_BASES(&ThreadingMixIn, &Counting), SS_BASES(&ThreadPoolMixIn, &Counting),
        SS_BASES(&ForkingMixIn, &Counting), SS_BASES(&EventLoopMixIn, &Counting)};
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++) {
        struct running r;
        struct ss_ref ref;
        start(&r, models[i], "127.0.0.1:0", &Nothing);
        while (ss_server_ref(&r.server, &ref) == -EAGAIN)
            usleep(1000);
        atomic_store(&handled, 0);
        for (int k = 0; k < 5; k++) {
            assert_int_equal(ss_post(&r.server, ref, "text", 4), 0);
            wait_until_handled(k + 1);
        }
        for (int k = 0; k < 200; k++)
            assert_int_equal(ss_post(&r.server, ref, "text", 4), 0);
        wait_until_handled(205);
        stop(&r);
    }
}

/* ---- a descriptor that gets the number of another one ---- */

static struct ss_ref late;
static atomic_int found; /* what ss_wait has returned before its time was over */

static void *post_late(void *argument)
{
    (void)poll(NULL, 0, 100);
    (void)ss_post(argument, late, "late", 4);
    return NULL;
}

/* A loop remembers what it knows of a number. Here the station gets that of the connection, which the handler
   has closed. */
static int close_and_wait(struct ss_handler *h)
{
    struct pollfd own = {.fd = h->request->fd, .events = POLLIN};
    pthread_t thread;
    (void)ss_poll(h->server, &own, 1, 20);
    int holes[64], count = 0; /* lower numbers that are free */
    while ((holes[count] = dup(STDERR_FILENO)) < own.fd)
        assert_true(++count < 64);
    close(holes[count]);
    close(own.fd);
    h->request->fd = -1;
    assert_int_equal(ss_ref(h, &late), 0);
    assert_int_equal(pthread_create(&thread, NULL, post_late, h->server), 0);
    uint64_t begin = ss_now();
    int rc = ss_wait(h, SS_MESSAGE, PATIENCE / 4);
    atomic_store(&found, ss_now() - begin < PATIENCE / 8 ? rc : -ETIMEDOUT);
    pthread_join(thread, NULL);
    while (count > 0)
        close(holes[--count]);
    ss_shutdown(h->server);
    return 0;
}

static void test_used_number(void **state)
{
    static const struct ss_handler_class handler = {.base = &BaseRequestHandler, .handle = close_and_wait};
    static const char *const classes[] = {"EventLoopTCPServer", "ThreadPoolTCPServer", "ThreadingTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        atomic_store(&found, 0);
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        int fd = client_of(&r.server);
        join(&r);
        assert_int_equal(found, SS_MESSAGE);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test_setup_teardown(test_not_sent, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_not_sent_to_called, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_sent_late, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_orphan, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_no_descriptor, open_server, close_server),
        cmocka_unit_test(test_server_ref),
        cmocka_unit_test(test_used_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
