/* SPDX-License-Identifier: MIT */
/* A process dies with the store's lock, at every single instruction of everything that it does there: what
   the next one finds is made right, and nothing is lost that others have sent. A debugger's single steps stop
   the process wherever it could have died, and a copy of the memory is what the next one would find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core.h"
#include "server/mail.h"
#include "server/store.h"
#include "store_check.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The repair itself, and the lock with a note of who is inside. */
void lock_proper(struct store *store);
void unlock_proper(struct store *store);
#define store_lock lock_proper
#define store_unlock unlock_proper
#include "server/store_lock.c"
#undef store_lock
#undef store_unlock

static struct ss_server server;
static atomic_bool *inside; /* in memory that parent and child share */
static bool is_child;       /* and only the child writes it */

void store_lock(struct store *store)
{
    lock_proper(store);
    if (is_child)
        atomic_store(inside, true);
}

void store_unlock(struct store *store)
{
    if (is_child)
        atomic_store(inside, false);
    unlock_proper(store);
}

static pid_t fork_one(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        is_child = true;
        methods_of(&server)->forked(&server);
    }
    return pid;
}

/* ---------------------------------------------------------------- a server, and who has mailboxes */

enum { RECEIVERS = 3, FULL = 4 }; /* of the server's process; messages that a mailbox holds */

struct member {
    struct request request;
    struct ss_handler handler;
    struct ss_ref ref;
};

static struct member receivers[RECEIVERS], own[2]; /* of the server's process, of the one that dies */

static void join_server(struct member *m)
{
    *m = (struct member){.request = {.number = -1}};
    m->handler.server = &server;
    m->handler.request = &m->request.request;
    m->request.request.fd = -1;
    assert_int_equal(ss_ref(&m->handler, &m->ref), 0);
}

static const struct ss_handler_class Nothing = {.base = NULL};

static int open_server(void **state)
{
    static char address[100];
    (void)state;
    snprintf(address, sizeof address, "unix:@test-store-%d", (int)getpid());
    if (ss_server_init(&server, SS_BASES(&UnixStreamServer), address, &Nothing) < 0)
        return -1;
    server.mailbox_count = FULL;
    inside = mmap(NULL, sizeof *inside, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (inside == MAP_FAILED || ss_server_bind(&server) < 0)
        return -1;
    for (int i = 0; i < RECEIVERS; i++)
        join_server(&receivers[i]);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    ss_server_close(&server);
    return munmap(inside, sizeof *inside);
}

static void post_to(const struct member *m, const char *text)
{
    assert_int_equal(ss_post(&server, m->ref, text, strlen(text)), 0);
}

/* ---------------------------------------------------------------- what a process dies of */

struct deed {
    const char *name;
    void (*prepare)(void); /* by the server's process, before the fork; NULL: nothing */
    void (*begin)(void);   /* by the child, unobserved; NULL: nothing */
    void (*act)(void);
    int may_lose; /* messages of channels that are dropped for want of room */
};

static void open_first(void)
{
    join_server(&own[0]);
}

static void open_second(void)
{
    join_server(&own[1]);
}

static void post(void)
{
    (void)ss_post(&server, receivers[0].ref, "new", 3);
}

static void post_much(void)
{
    static char text[3000] = "new";
    (void)ss_post(&server, receivers[1].ref, text, sizeof text);
}

static void wait_for_mail(void)
{
    for (int i = 0; i < RECEIVERS; i++)
        (void)mail_begin_wait(&server, &receivers[i].request, NULL);
}

static void have_mail(void)
{
    for (int i = 0; i < RECEIVERS; i++)
        for (int n = 0; n < i + 1; n++)
            post_to(&receivers[i], n ? "second" : "first");
}

static void subscribe_all(void)
{
    for (int i = 0; i < RECEIVERS; i++)
        assert_int_equal(ss_subscribe(&receivers[i].handler, "room", i ? SS_DROP_OLDEST : SS_END), 0);
}

static void wait_for_room(void)
{
    subscribe_all();
    wait_for_mail();
}

static void subscribe_and_fill(void)
{
    subscribe_all();
    for (int i = 0; i < FULL; i++)
        assert_int_equal(ss_publish(&server, "room", "filling", 7), RECEIVERS);
}

static void publish(void)
{
    (void)ss_publish(&server, "room", "new", 3);
}

static void subscribe(void)
{
    (void)ss_subscribe(&own[0].handler, "room", SS_END);
}

static void join_room(void)
{
    open_first();
    subscribe();
}

static void unsubscribe(void)
{
    (void)ss_unsubscribe(&own[0].handler, "room");
}

static void get_mail(void)
{
    join_room();
    for (int i = 0; i < 3; i++)
        post_to(&own[0], "mine");
}

static void receive(void)
{
    struct ss_message message;
    while (ss_receive(&own[0].handler, &message) == 0)
        ;
}

static void get_and_hold(void)
{
    struct ss_message message;
    get_mail();
    (void)mail_begin_wait(&server, &own[0].request, NULL);
    assert_int_equal(ss_receive(&own[0].handler, &message), 0);
    assert_int_equal(ss_subscribe(&own[0].handler, "second room", SS_END), 0);
}

static void close_mailbox(void)
{
    mail_close(&server, &own[0].request);
}

static void be_called(void)
{
    join_room();
    (void)mail_begin_wait(&server, &own[0].request, NULL);
    open_second();
    (void)mail_begin_wait(&server, &own[1].request, NULL);
    (void)ss_publish(&server, "room", "new", 3);
    post_to(&own[1], "mine");
}

static void deliver(void)
{
    station_deliver(&server.core->hall.station);
}

static void stop_waiting(void)
{
    mail_end_wait(&server, &own[0].request);
    (void)mail_begin_wait(&server, &own[1].request, NULL);
}

static void close_station(void)
{
    mail_close(&server, &own[0].request);
    station_close(&server.core->hall.station);
}

/* A process has died before, and the one that finds this out dies, too. */
static pid_t died_before;

static void leave_a_dead_one(void)
{
    subscribe_all();
    have_mail();
    if ((died_before = fork_one()) == 0) {
        be_called();
        _exit(0);
    }
    assert_int_equal(waitpid(died_before, NULL, 0), died_before);
}

static void bury(void)
{
    stations_child_ended(&server, died_before);
}

static const struct deed deeds[] = {
    {"the first mailbox", .act = open_first},
    {"a second mailbox", .begin = open_first, .act = open_second},
    {"a post", .prepare = have_mail, .act = post},
    {"a large post", .act = post_much},
    {"a post to one who waits", .prepare = wait_for_mail, .act = post},
    {"publishing", .prepare = subscribe_all, .act = publish},
    {"publishing to those who wait", .prepare = wait_for_room, .act = publish},
    {"publishing to full mailboxes", .prepare = subscribe_and_fill, .act = publish, .may_lose = 1},
    {"the first subscription", .begin = open_first, .act = subscribe},
    {"a subscription", .prepare = subscribe_all, .begin = open_first, .act = subscribe},
    {"the end of the last subscription", .begin = join_room, .act = unsubscribe},
    {"the end of a subscription", .prepare = subscribe_all, .begin = join_room, .act = unsubscribe},
    {"receiving", .begin = get_mail, .act = receive},
    {"the end of a mailbox", .prepare = subscribe_all, .begin = get_and_hold, .act = close_mailbox},
    {"delivery", .prepare = subscribe_all, .begin = be_called, .act = deliver},
    {"waiting", .begin = be_called, .act = stop_waiting},
    {"the end of a station", .begin = join_room, .act = close_station},
    {"another one's death", .prepare = leave_a_dead_one, .act = bury},
};

/* ---------------------------------------------------------------- copies of the memory */

static void copy_used(char *to, const struct store *from)
{
    const struct pool *pools[] = {&from->mailboxes, &from->letters, &from->channels, &from->subscriptions,
                                  &from->stations};
    memcpy(to, from, sizeof *from);
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        memcpy(to + pools[i]->at, (const char *)from + pools[i]->at, (size_t)pools[i]->used * pools[i]->size);
    for (int i = 0; i < MESSAGE_KINDS; i++) {
        const struct pool *pool = &from->messages[i];
        memcpy(to + pool->at, (const char *)from + pool->at, (size_t)pool->used * pool->size);
    }
}

static struct store *copy_store(const struct store *store)
{
    char *copy =
        mmap(NULL, store->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(copy, MAP_FAILED);
    copy_used(copy, store);
    return (struct store *)(void *)copy;
}

static void free_copy(struct store *store)
{
    munmap(store, store->size);
}

static bool are_same_bytes(const struct store *a, const struct store *b, size_t at, size_t size)
{
    return memcmp((const char *)a + at, (const char *)b + at, size) == 0;
}

static bool is_same(const struct store *a, const struct store *b)
{
    const struct pool *pools[] = {&a->mailboxes, &a->letters, &a->channels, &a->subscriptions, &a->stations};
    if (!are_same_bytes(a, b, 0, sizeof *a))
        return false;
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        if (!are_same_bytes(a, b, pools[i]->at, (size_t)pools[i]->used * pools[i]->size))
            return false;
    for (int i = 0; i < MESSAGE_KINDS; i++)
        if (!are_same_bytes(a, b, a->messages[i].at, (size_t)a->messages[i].used * a->messages[i].size))
            return false;
    return true;
}

/* ---------------------------------------------------------------- what must be true afterwards */

static bool is_text(const struct ss_message *m, const char *text)
{
    return m->size >= strlen(text) && memcmp(m->data, text, strlen(text)) == 0;
}

/* What each receiver had before; a deed may add its own message, and drop as many as it may. */
static char had[RECEIVERS][FULL][16];
static unsigned had_count[RECEIVERS];
static bool had_waited[RECEIVERS];

static void note_mail(void)
{
    struct store *copy = copy_store(server.core->store), *real = server.core->store;
    assert_int_equal(robust_init(&copy->lock), 0);
    server.core->store = copy;
    for (int i = 0; i < RECEIVERS; i++) {
        struct ss_message m;
        const struct mailbox *box = mailbox_at(copy, receivers[i].request.box);
        had_waited[i] = box->waiting || box->called;
        had_count[i] = 0;
        while (ss_receive(&receivers[i].handler, &m) == 0)
            if (!is_text(&m, "new"))
                snprintf(had[i][had_count[i]++], sizeof had[i][0], "%.*s", (int)m.size, m.data);
    }
    server.core->store = real;
    free_copy(copy);
}

static void check_mail(int i, const struct deed *deed)
{
    unsigned n = 0, lost = 0;
    bool is_last = false;
    struct ss_message m;
    int rc;
    while ((rc = ss_receive(&receivers[i].handler, &m)) == 0) {
        if (is_text(&m, "new")) {
            is_last = true;
            continue;
        }
        assert_false(is_last);
        for (; n < had_count[i] && !is_text(&m, had[i][n]); n++)
            lost++;
        if (n++ >= had_count[i])
            fail_msg("%s: receiver %d got \"%.*s\"", deed->name, i, (int)m.size, m.data);
    }
    if (rc == -ENOBUFS && deed->may_lose)
        return; /* its policy was to end */
    assert_int_equal(rc, -EAGAIN);
    lost += had_count[i] - n;
    if (lost > (unsigned)deed->may_lose)
        fail_msg("%s: receiver %d has lost %u", deed->name, i, lost);
}

/* The mailbox takes as much as ever. */
static void check_room(struct member *m)
{
    struct ss_message message;
    for (int i = 0; i < FULL; i++)
        assert_int_equal(ss_post(&server, m->ref, "more", 4), 0);
    assert_int_equal(ss_post(&server, m->ref, "more", 4), -EAGAIN);
    for (int i = 0; i < FULL; i++)
        assert_int_equal(ss_receive(&m->handler, &message), 0);
    assert_int_equal(ss_receive(&m->handler, &message), -EAGAIN);
}

/* Who waits is told of the next message, or about to be told that he is to look. */
static void check_waits(const struct store *store, const struct deed *deed)
{
    for (int i = 0; i < RECEIVERS; i++) {
        const struct mailbox *box = mailbox_at(store, receivers[i].request.box);
        if (had_waited[i] && !box->waiting && !box->called)
            fail_msg("%s: receiver %d waits in vain", deed->name, i);
    }
}

/* The store is `copy` for the moment, whose lock nobody has. */
static void check_after(struct store *copy, const struct deed *deed, pid_t dead)
{
    struct store *real = server.core->store;
    struct tally t;
    assert_int_equal(robust_init(&copy->lock), 0);
    server.core->store = copy;
    check_store(copy);
    check_waits(copy, deed);
    stations_child_ended(&server, dead);
    if (died_before)
        stations_child_ended(&server, died_before);
    t = check_store(copy);
    assert_int_equal(t.mailboxes, RECEIVERS);
    assert_int_equal(t.stations, 1);
    for (int i = 0; i < RECEIVERS; i++)
        check_mail(i, deed);
    for (int i = 0; i < RECEIVERS; i++)
        if (!mail_has_ended(&server, &receivers[i].request))
            check_room(&receivers[i]);
    check_store(copy);
    for (int i = 0; i < RECEIVERS; i++)
        mailbox_close(&server, receivers[i].request.box);
    t = check_store(copy);
    assert_int_equal(t.mailboxes + t.letters + t.messages + t.channels + t.subscriptions, 0);
    server.core->store = real;
}

static void check_repaired(const struct store *found, const struct deed *deed, pid_t dead)
{
    struct store *copy = copy_store(found);
    repair(copy);
    check_after(copy, deed, dead);
    free_copy(copy);
}

/* ---------------------------------------------------------------- single steps */

static bool step(pid_t pid)
{
    int status;
    assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFSTOPPED(status);
}

static void stop_for_parent(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(77);
    raise(SIGSTOP);
}

/* False: the system does not let us. */
static bool is_stopped(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSTOPPED(status);
}

static pid_t fork_to_act(const struct deed *deed)
{
    pid_t pid = fork_one();
    if (pid)
        return pid;
    if (deed->begin)
        deed->begin();
    stop_for_parent();
    deed->act();
    _exit(0);
}

/* Calls `check` for each state of `store` in which the child had the lock. Returns how many there were, -1:
   the system does not let us. */
static int each_state(pid_t pid, struct store *store, const atomic_bool *had_lock,
                      void (*check)(const struct store *, const void *, pid_t), const void *argument)
{
    int states = 0;
    if (!is_stopped(pid))
        return -1;
    struct store *last = copy_store(store);
    while (step(pid)) {
        if ((had_lock && !atomic_load(had_lock)) || is_same(store, last))
            continue;
        copy_used((char *)last, store);
        check(store, argument, pid);
        states++;
    }
    free_copy(last);
    return states;
}

static void check_state(const struct store *store, const void *argument, pid_t dead)
{
    check_repaired(store, argument, dead);
}

static void prepare(const struct deed *deed)
{
    died_before = 0;
    assert_int_equal(open_server(NULL), 0);
    if (deed->prepare)
        deed->prepare();
    note_mail();
}

#ifdef __SANITIZE_THREAD__
enum { IS_TOO_SLOW = 1 }; /* each access of the memory is hundreds of instructions */
#else
enum { IS_TOO_SLOW = 0 };
#endif

static void test_each_instruction(void **state)
{
    (void)state;
    if (IS_TOO_SLOW)
        skip();
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        prepare(&deeds[i]);
        int states = each_state(fork_to_act(&deeds[i]), server.core->store, inside, check_state, &deeds[i]);
        close_server(NULL);
        if (states < 0)
            skip();
        assert_true(states > 0);
        if (getenv("VERBOSE"))
            print_message("%s: %d states\n", deeds[i].name, states);
    }
}

/* ---------------------------------------------------------------- death in the repair */

struct second {
    const struct deed *deed;
    pid_t first;
};

static void check_second(const struct store *store, const void *argument, pid_t dead)
{
    const struct second *second = argument;
    (void)dead;
    check_repaired(store, second->deed, second->first);
}

static pid_t fork_to_repair(struct store *shared)
{
    pid_t pid = fork_one();
    if (pid)
        return pid;
    stop_for_parent();
    repair(shared);
    _exit(0);
}

enum { SAMPLE = 7 }; /* every so many-th state of a deed: the repair of each has hundreds */

static int repair_interrupted(const struct deed *deed)
{
    struct store *real = server.core->store, *last = copy_store(real);
    pid_t pid = fork_to_act(deed);
    int found = 0, states = 0;
    if (!is_stopped(pid))
        return -1;
    while (step(pid)) {
        if (!atomic_load(inside) || is_same(real, last))
            continue;
        copy_used((char *)last, real);
        if (found++ % SAMPLE != SAMPLE / 2)
            continue;
        char *shared =
            mmap(NULL, real->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_ptr_not_equal(shared, MAP_FAILED);
        copy_used(shared, real);
        struct second second = {deed, pid};
        states += each_state(fork_to_repair((struct store *)(void *)shared), (struct store *)(void *)shared,
                             NULL, check_second, &second);
        munmap(shared, real->size);
    }
    free_copy(last);
    return states;
}

static void test_each_instruction_of_the_repair(void **state)
{
    (void)state;
    if (IS_TOO_SLOW)
        skip();
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        prepare(&deeds[i]);
        int states = repair_interrupted(&deeds[i]);
        close_server(NULL);
        if (states < 0)
            skip();
        if (getenv("VERBOSE"))
            print_message("%s: %d states of repairs\n", deeds[i].name, states);
    }
}

/* ---------------------------------------------------------------- killed in earnest */

enum { KILLS = 150 };

static void act_on(void)
{
    unsigned seed = (unsigned)getpid();
    struct ss_message m;
    for (;;) {
        join_room();
        for (int i = 0; i < 20; i++) {
            (void)ss_post(&server, receivers[rand_r(&seed) % RECEIVERS].ref, "new", 3);
            (void)ss_publish(&server, "room", "new", 3);
            (void)mail_begin_wait(&server, &own[0].request, NULL);
            (void)ss_receive(&own[0].handler, &m);
            (void)mail_end_wait(&server, &own[0].request);
        }
        mail_close(&server, &own[0].request);
    }
}

static void test_killed(void **state)
{
    unsigned seed = 1, repaired = 0;
    (void)state;
    subscribe_all();
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork_one();
        struct ss_message m;
        if (pid == 0)
            act_on();
        usleep(1000 + (unsigned)rand_r(&seed) % 1000);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        repaired += atomic_load(inside);
        stations_child_ended(&server, pid);
        struct tally t = check_store(server.core->store);
        assert_int_equal(t.mailboxes, RECEIVERS);
        for (int k = 0; k < RECEIVERS; k++)
            while (ss_receive(&receivers[k].handler, &m) == 0)
                ;
    }
    if (getenv("VERBOSE"))
        print_message("%u of %d had the lock\n", repaired, KILLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_instruction),
        cmocka_unit_test(test_each_instruction_of_the_repair),
        cmocka_unit_test_setup_teardown(test_killed, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
