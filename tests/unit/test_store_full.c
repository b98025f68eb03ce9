/* SPDX-License-Identifier: MIT */
/* Messages when something is used up: records of each kind, memory, descriptors, address space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core.h"
#include "server/mail.h"
#include "server/store.h"
#include "server_thread.h"
#include "store_check.h"
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct member {
    struct request request;
    struct ss_handler handler;
    struct ss_ref ref;
};

static struct ss_server server;
static const struct ss_handler_class Nothing = {.base = NULL};

static void open_server(void)
{
    static char address[100];
    unique("unix:@test-store-full-*", address, sizeof address);
    assert_int_equal(ss_server_init(&server, SS_BASES(&UnixStreamServer), address, &Nothing), 0);
}

static int close_server(void **state)
{
    (void)state;
    ss_server_close(&server);
    return 0;
}

static void make_member(struct member *m)
{
    *m = (struct member){.request = {.number = -1}};
    m->handler.server = &server;
    m->handler.request = &m->request.request;
    m->request.request.fd = -1;
}

static int join_server(struct member *m)
{
    make_member(m);
    return ss_ref(&m->handler, &m->ref);
}

/* ---- letters, and memory ---- */

enum { LETTERS = 1 << 18 }; /* fewer than a store has, so that the test is short */

static void test_letters(void **state)
{
    struct member posted, ends, drops;
    struct ss_message message;
    unsigned count = 0;
    int rc;
    (void)state;
    open_server();
    server.mailbox_count = UINT32_MAX;
    server.message_memory = SIZE_MAX; /* it is limited */
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(server.core->store->letters.max, SS_MAX_LETTERS);
    server.core->store->letters.max = LETTERS;
    assert_int_equal(join_server(&posted) | join_server(&ends) | join_server(&drops), 0);
    assert_int_equal(ss_subscribe(&ends.handler, "room", SS_END), 0);
    assert_int_equal(ss_subscribe(&drops.handler, "room", SS_DROP_OLDEST), 0);
    while ((rc = ss_post(&server, posted.ref, "", 0)) == 0)
        count++;
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(count, LETTERS);
    assert_int_equal(ss_publish(&server, "room", "", 0), 0);
    assert_int_equal(ss_receive(&ends.handler, &message), -ENOBUFS);
    assert_int_equal(ss_receive(&drops.handler, &message), -EAGAIN);
    check_store(server.core->store);
    assert_int_equal(ss_receive(&posted.handler, &message), 0);
    assert_int_equal(ss_publish(&server, "room", "", 0), 1);
    assert_int_equal(ss_post(&server, posted.ref, "", 0), -ENOBUFS);
    assert_int_equal(ss_receive(&drops.handler, &message), 0);
    assert_int_equal(message.dropped, 1);
    check_store(server.core->store);
    mail_close(&server, &posted.request);
    assert_int_equal(check_store(server.core->store).letters, 0);
}

static void test_memory(void **state)
{
    struct member m;
    struct ss_message message;
    static char data[4000];
    int count = 0, rc;
    (void)state;
    open_server();
    server.message_memory = 65536;
    server.mailbox_size = 100000;
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(join_server(&m), 0);
    assert_int_equal(ss_subscribe(&m.handler, "room", SS_END), 0);
    while ((rc = ss_post(&server, m.ref, data, sizeof data)) == 0)
        count++;
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(count, 16);
    assert_int_equal(ss_publish(&server, "room", data, sizeof data), -ENOBUFS);
    assert_int_equal(ss_publish(&server, "nobody's", data, sizeof data), 0);
    assert_int_equal(ss_receive(&m.handler, &message), 0);
    assert_int_equal(ss_publish(&server, "room", data, sizeof data), -ENOBUFS); /* it is still held */
    assert_int_equal(ss_receive(&m.handler, &message), 0);
    assert_int_equal(ss_publish(&server, "room", data, sizeof data), 1);
    check_store(server.core->store);
}

/* A mailbox holds as much as its server says, but one message has a limit of its own. */
static void test_large_mailbox(void **state)
{
    enum { MANY = 8 };
    static char data[SS_MAX_MESSAGE + 1];
    struct member m;
    int count = 0, rc;
    (void)state;
    open_server();
    server.mailbox_size = MANY * SS_MAX_MESSAGE;
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(join_server(&m), 0);
    assert_int_equal(ss_post(&server, m.ref, data, SS_MAX_MESSAGE + 1), -EMSGSIZE);
    while ((rc = ss_post(&server, m.ref, data, SS_MAX_MESSAGE)) == 0)
        count++;
    assert_int_equal(rc, -EAGAIN);
    assert_int_equal(count, MANY);
    check_store(server.core->store);
}

/* ---- mailboxes, stations, channels, subscriptions ---- */

static void test_mailboxes(void **state)
{
    struct station *station;
    struct member m;
    struct ss_ref ref;
    uint32_t number;
    int count = 0, rc;
    (void)state;
    open_server();
    assert_int_equal(ss_server_bind(&server), 0);
    station = &server.core->hall.station;
    while ((rc = mailbox_open(station, &number, &ref)) == 0)
        count++;
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(count, SS_MAX_REFS);
    assert_int_equal(join_server(&m), -ENOBUFS);
    assert_int_equal(ss_subscribe(&m.handler, "room", SS_END), -ENOBUFS);
    mailbox_close(&server, number);
    assert_int_equal(join_server(&m), 0);
    assert_int_equal(ss_post(&server, ref, "", 0), -ESTALE);
    assert_int_equal(ss_post(&server, m.ref, "", 0), 0);
    check_store(server.core->store);
}

static void test_stations(void **state)
{
    struct member m;
    (void)state;
    open_server();
    assert_int_equal(ss_server_bind(&server), 0);
    struct pool *stations = &server.core->store->stations;
    stations->used = stations->max;
    assert_int_equal(join_server(&m), -ENOBUFS);
    stations->used = 0;
    assert_int_equal(join_server(&m), 0);
    check_store(server.core->store);
}

/* So many mailboxes, each with as many subscriptions as it may have. */
static int subscribe_many(struct member *members, unsigned count, bool to_same)
{
    char name[40];
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        assert_int_equal(join_server(&members[i]), 0);
        for (unsigned k = 0; rc == 0 && k < SS_MAX_SUBSCRIPTIONS; k++) {
            snprintf(name, sizeof name, "room %u", to_same ? k : i * SS_MAX_SUBSCRIPTIONS + k);
            rc = ss_subscribe(&members[i].handler, name, SS_END);
        }
    }
    return rc;
}

static void subscribe_all(unsigned count, bool to_same)
{
    struct member *members = calloc(count, sizeof *members), late;
    assert_non_null(members);
    open_server();
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(subscribe_many(members, count, to_same), 0);
    assert_int_equal(ss_subscribe(&members[0].handler, "one more", SS_END), -ENOBUFS);
    assert_int_equal(join_server(&late), 0);
    assert_int_equal(ss_subscribe(&late.handler, "a new one", SS_END), -ENOBUFS);
    struct tally t = check_store(server.core->store);
    assert_int_equal(t.subscriptions, count * SS_MAX_SUBSCRIPTIONS);
    assert_int_equal(ss_unsubscribe(&members[count - 1].handler, to_same ? "room 5" : "room 65535"), 0);
    assert_int_equal(ss_subscribe(&late.handler, to_same ? "room 5" : "a new one", SS_END), 0);
    assert_int_equal(ss_subscribe(&late.handler, "another", SS_END), -ENOBUFS);
    check_store(server.core->store);
    free(members);
}

static void test_channels(void **state)
{
    (void)state;
    subscribe_all(SS_MAX_CHANNELS / SS_MAX_SUBSCRIPTIONS, false);
}

static void test_subscriptions(void **state)
{
    (void)state;
    subscribe_all(SS_MAX_SUBSCRIBERS / SS_MAX_SUBSCRIPTIONS, true);
}

/* ---- descriptors ---- */

/* poll(2) takes as many as there may be, so some are left, but used. */
static struct rlimit take_all_descriptors(void)
{
    enum { LEFT = 12 };
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = LEFT;
    int fd = dup(0);
    while (fd >= 0 && fd < LEFT)
        fd = dup(0);
    close(fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

static void test_no_descriptor_to_join(void **state)
{
    struct member m;
    (void)state;
    open_server();
    assert_int_equal(ss_server_bind(&server), 0);
    struct rlimit before = take_all_descriptors();
    assert_int_equal(join_server(&m), -EMFILE);
    assert_int_equal(ss_subscribe(&m.handler, "room", SS_END), -EMFILE);
    assert_int_equal(ss_publish(&server, "room", "", 0), -EMFILE);
    assert_int_equal(ss_subscribers(&server, "room"), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(join_server(&m), 0);
    assert_int_equal(ss_post(&server, m.ref, "", 0), 0);
    check_store(server.core->store);
}

static atomic_int waiting;
static atomic_bool may_wait;
static struct ss_ref refs[2];

/* Waits for a message, and then for a line. */
static int wait_twice(struct ss_handler *h)
{
    struct ss_message message;
    int i = atomic_load(&waiting), rc = ss_ref(h, &refs[i]);
    atomic_store(&waiting, i + 1);
    while (!atomic_load(&may_wait))
        usleep(1000);
    if (rc == 0)
        rc = ss_wait(h, SS_MESSAGE, PATIENCE);
    if (rc == SS_MESSAGE)
        rc = ss_receive(h, &message);
    ss_printf(h->wfile, "%d\n", rc);
    rc = ss_wait(h, SS_INPUT | SS_MESSAGE, PATIENCE);
    ss_printf(h->wfile, "%d\n", rc);
    return 0;
}

static const struct ss_handler_class Waiting = {.handle = wait_twice};

static int client_that_waits(struct running *r, int count)
{
    int fd = client_of(&r->server);
    for (int i = 0; atomic_load(&waiting) < count && i < PATIENCE; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&waiting), count);
    return fd;
}

/* The first thread that waits needs none more than its mailbox's, and the others can do without. */
static void test_no_descriptor_to_wait(void **state)
{
    struct running r;
    int fds[2];
    (void)state;
    atomic_store(&waiting, 0);
    start(&r, SS_BASES(&ThreadingMixIn, &UnixStreamServer), "unix:@test-store-full-*", &Waiting);
    assert_int_equal(ss_post(&r.server, (struct ss_ref){.number = 1}, "", 0), -ESTALE); /* opens the sender */
    fds[0] = client_that_waits(&r, 1);
    fds[1] = client_that_waits(&r, 2);
    struct rlimit before = take_all_descriptors();
    atomic_store(&may_wait, true);
    usleep(50000);
    for (int i = 1; i >= 0; i--) {
        assert_int_equal(ss_post(&r.server, refs[i], "", 0), 0);
        expect(fds[i], "0\n");
        say(fds[i], "\n");
        expect(fds[i], "1\n");
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(fds[0]);
    close(fds[1]);
    stop(&r);
}

/* ---- address space ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CAN_LIMIT = 0 };
#else
enum { CAN_LIMIT = 1 };
#endif

static int tell_errors(struct ss_handler *h)
{
    struct ss_ref ref = {.number = 1, .place = 1};
    ss_printf(h->wfile, "%d %d", ss_ref(h, &ref) == -ENOMEM, ss_subscribe(h, "room", SS_END) == -ENOMEM);
    ss_printf(h->wfile, " %d %d", ss_post(h->server, ref, "", 0) == -ENOMEM,
              ss_publish(h->server, "room", "", 0) == -ENOMEM);
    ss_printf(h->wfile, " %d", ss_subscribers(h->server, "room") == -ENOMEM);
    ss_printf(h->wfile, " %d\n", ss_wait(h, SS_MESSAGE | SS_INPUT, PATIENCE));
    return 0;
}

static const struct ss_handler_class Telling = {.handle = tell_errors};

/* Bytes of address space that the process has. */
static rlim_t address_space(void)
{
    char text[100] = "";
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    return strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void serve_in_little_memory(void)
{
    enum { FOR_STACKS = 64 << 20 };
    struct rlimit limit = {.rlim_cur = address_space() + FOR_STACKS, .rlim_max = RLIM_INFINITY};
    struct running r;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    start(&r, SS_BASES(&EventLoopMixIn, &UnixStreamServer), "unix:@test-store-full-*", &Telling);
    int fd = client_of(&r.server);
    say(fd, "\n");
    expect(fd, "1 1 1 1 1 1\n");
    close(fd);
    stop(&r);
}

static void test_no_address_space(void **state)
{
    int status;
    (void)state;
    if (!CAN_LIMIT)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        serve_in_little_memory();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_letters, close_server),
        cmocka_unit_test_teardown(test_memory, close_server),
        cmocka_unit_test_teardown(test_large_mailbox, close_server),
        cmocka_unit_test_teardown(test_mailboxes, close_server),
        cmocka_unit_test_teardown(test_stations, close_server),
        cmocka_unit_test_teardown(test_channels, close_server),
        cmocka_unit_test_teardown(test_subscriptions, close_server),
        cmocka_unit_test_teardown(test_no_descriptor_to_join, close_server),
        cmocka_unit_test(test_no_descriptor_to_wait),
        cmocka_unit_test(test_no_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
