/* SPDX-License-Identifier: MIT */
/* What messages leave behind: nothing in the memory that the processes share, and one descriptor for each
   loop, pool and process that waits. Under every composition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"
#include "server/core.h"
#include "server/store.h"

enum { MANY = 30, WAITING = 200 };

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)words;
    switch (command) {
    case 'c': /* the descriptors of its process */
        return answer(h, count_descriptors());
    default:
        return -EBADMSG;
    }
}

/* ---- records ---- */

static int count_free(const struct store *store, const struct pool *pool)
{
    int n = 0;
    for (uint32_t i = pool->free; i; n++)
        memcpy(&i, pool_at(store, pool, i), sizeof i);
    return n;
}

static int in_use(const struct store *store, const struct pool *pool)
{
    return (int)pool->used - count_free(store, pool);
}

static int messages_in_use(const struct store *store)
{
    int n = 0;
    for (int kind = 0; kind < MESSAGE_KINDS; kind++)
        n += in_use(store, &store->messages[kind]);
    return n;
}

struct inventory {
    int mailboxes, letters, channels, subscriptions, messages, buckets;
    size_t memory;
};

static struct inventory take_inventory(const struct running *r)
{
    struct store *store = r->server.core->store;
    store_lock(store);
    struct inventory found = {.mailboxes = in_use(store, &store->mailboxes),
                              .letters = in_use(store, &store->letters),
                              .channels = in_use(store, &store->channels),
                              .subscriptions = in_use(store, &store->subscriptions),
                              .messages = messages_in_use(store),
                              .memory = store->memory};
    for (int i = 0; i < CHANNEL_BUCKETS; i++)
        found.buckets += store->bucket[i] != 0;
    store_unlock(store);
    return found;
}

static void check_inventory(const struct model *m, const struct running *r, struct inventory wanted)
{
    struct inventory found;
    for (int ms = 0; ms < PATIENCE; ms++) {
        found = take_inventory(r);
        if (found.mailboxes == wanted.mailboxes)
            break;
        poll(NULL, 0, 1);
    }
    if (memcmp(&found, &wanted, sizeof found) != 0)
        fail_msg(
            "%s: %d mailboxes, %d letters, %d channels, %d subscriptions, %d messages, %d buckets, %zu bytes",
            m->name, found.mailboxes, found.letters, found.channels, found.subscriptions, found.messages,
            found.buckets, found.memory);
}

/* Some wait, some are parked; all have subscribed, all were told something, and a third receives nothing. */
static int crowd(struct running *r, const struct model *m, int *fds)
{
    int clients = clients_of(m, MANY);
    clients_in_modes(r, fds, clients, "wpr");
    for (int i = 0; i < clients; i++) {
        (void)ref_of(fds[i]);
        ask(fds[i], i % 3 ? "s room\ns other\n" : "q\ns room\ns other\n",
            i % 3 ? "= 0\n= 0\n" : "= 0\n= 0\n= 0\n");
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ss_publish(&r->server, "room", "text", 4), clients);
        for (int k = 0; k < clients; k++)
            assert_int_equal(post_text(r, counts->refs[k], "text of another kind of memory, which is longer"),
                             0);
    }
    for (int i = 0; i < clients; i++)
        if (i % 3)
            for (int k = 0; k < 5; k++)
                expect(fds[i], "room 0 text\n- 0 text of another kind of memory, which is longer\n");
    return clients;
}

static void check_all_gone(const struct model *m, const struct running *r, int stations)
{
    struct store *store = r->server.core->store;
    check_inventory(m, r, (struct inventory){0});
    if (stations >= 0 && ((int)store->opened != stations || in_use(store, &store->stations) != stations))
        fail_msg("%s: %d stations, %d records", m->name, (int)store->opened, in_use(store, &store->stations));
}

/* By the end of connections, once and again; and by a drain. */
static void test_records(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        int fds[MANY], clients = 0;
        start_model(&r, &models[i]);
        for (int times = 0; times < 3; times++) {
            counts->ref_count = 0;
            clients = crowd(&r, &models[i], fds);
            struct inventory full = take_inventory(&r);
            assert_int_equal(full.mailboxes, clients);
            assert_int_equal(full.subscriptions, 2 * clients);
            assert_int_equal(full.channels, 2);
            for (int k = 0; k < clients && times < 2; k++)
                leave(fds[k]);
            if (times < 2)
                check_all_gone(&models[i], &r, -1);
        }
        ss_shutdown(&r.server);
        pthread_join(r.thread, NULL);
        check_all_gone(&models[i], &r, is_one_process(&models[i]) && !is_under(&models[i], "EventLoop"));
        for (int k = 0; k < clients; k++)
            leave(fds[k]);
        ss_server_close(&r.server);
    }
}

/* A process that is killed: its parent clears up. */
static void test_killed(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        int fds[MANY];
        if (is_one_process(&models[i]))
            continue;
        start_model(&r, &models[i]);
        int clients = crowd(&r, &models[i], fds);
        for (int k = 0; k < clients; k++) { /* those of one process go with the first of them */
            (void)!send(fds[k], "k\n", 2, MSG_NOSIGNAL);
            expect_end(fds[k]);
            leave(fds[k]);
        }
        check_inventory(&models[i], &r, (struct inventory){0});
        assert_int_equal(ss_subscribers(&r.server, "room"), 0);
        int fd = client_in_mode(&r, 'w'); /* others go on */
        ask(fd, "s room\nn room\nn other\n", "= 0\n= 1\n= 0\n");
        leave(fd);
        check_inventory(&models[i], &r, (struct inventory){0});
        stop(&r);
    }
}

/* ---- descriptors ---- */

static int descriptors_of(int fd)
{
    char text[20] = "";
    say(fd, "c\n");
    assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
    return (int)strtol(text + 2, NULL, 10);
}

/* A wake-up for those that wait, a socket that sends such, and what several threads wait for together. */
static void test_descriptors(void **state)
{
    static const struct {
        struct model model;
        int more;
    } rows[] = {{{"ThreadingTCPServer", 0, 0}, 4},
                {{"ThreadPoolTCPServer", 2, 0}, 4},
                {{"EventLoopTCPServer", 0, 0}, 2},
                {{"EventLoopTCPServer", 2, 0}, 3},
                {{"TCPServer", 0, 1}, 2}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct running r;
        static int fds[WAITING];
        int clients = clients_of(&rows[i].model, WAITING);
        start_model(&r, &rows[i].model);
        clients_in_modes(&r, fds, clients, "wpr");
        int before = descriptors_of(fds[0]);
        struct ss_ref ref = ref_of(fds[0]);
        for (int k = 1; k < clients; k++)
            (void)ref_of(fds[k]);
        let_rest();
        assert_int_equal(post_text(&r, ref, "x"), 0);
        expect(fds[0], "- 0 x\n");
        int more = descriptors_of(fds[0]) - before;
        if (more > rows[i].more)
            fail_msg("%s x %u: %d descriptors more", rows[i].model.name, rows[i].model.workers, more);
        for (int k = 0; k < clients; k++)
            leave(fds[k]);
        stop(&r);
    }
}

static void test_no_descriptor_left(void **state)
{
    (void)state;
    int before = count_descriptors();
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        int fds[MANY];
        start_model(&r, &models[i]);
        int clients = crowd(&r, &models[i], fds);
        for (int k = 0; k < clients; k++)
            leave(fds[k]);
        stop(&r);
        if (count_descriptors() != before)
            fail_msg("%s: %d descriptors more", models[i].name, count_descriptors() - before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_no_descriptor_left),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
