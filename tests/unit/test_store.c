/* SPDX-License-Identifier: MIT */
/* A process dies with the store's lock, at every single instruction of everything that it does there: what
   the next one finds is made right, and nothing is lost that others have sent. A debugger's single steps stop
   the process wherever it could have died, and a copy of the memory is what the next one would find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_check.h"
#include "store_deeds.h"
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>

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

/* Every so many-th state of a deed is repaired: the repair of each has hundreds of its own. */
#ifdef __SANITIZE_ADDRESS__
enum { SAMPLE = 53 };
#else
enum { SAMPLE = 7 };
#endif

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_instruction),
        cmocka_unit_test(test_each_instruction_of_the_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
