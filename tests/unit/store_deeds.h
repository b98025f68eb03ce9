/* SPDX-License-Identifier: MIT */
/* For the tests of the store: a server whose members have mailboxes, and what a process does with the store
   when it dies. Both know who has the lock. To be included behind cmocka.h, once in a program. */
#ifndef STORE_DEEDS_H
#define STORE_DEEDS_H

#include "server/core.h"
#include "server/mail.h"
#include "server/store.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
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

static inline pid_t fork_one(void)
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

static inline void join_server(struct member *m)
{
    *m = (struct member){.request = {.number = -1}};
    m->handler.server = &server;
    m->handler.request = &m->request.request;
    m->request.request.fd = -1;
    assert_int_equal(ss_ref(&m->handler, &m->ref), 0);
}

static const struct ss_handler_class Nothing = {.base = NULL};

static inline int open_server(void **state)
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

static inline int close_server(void **state)
{
    (void)state;
    ss_server_close(&server);
    return munmap(inside, sizeof *inside);
}

static inline void post_to(const struct member *m, const char *text)
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

static inline void open_first(void)
{
    join_server(&own[0]);
}

static inline void open_second(void)
{
    join_server(&own[1]);
}

static inline void post(void)
{
    (void)ss_post(&server, receivers[0].ref, "new", 3);
}

static inline void post_much(void)
{
    static char text[3000] = "new";
    (void)ss_post(&server, receivers[1].ref, text, sizeof text);
}

static inline void wait_for_mail(void)
{
    for (int i = 0; i < RECEIVERS; i++)
        (void)mail_begin_wait(&server, &receivers[i].request, NULL);
}

static inline void have_mail(void)
{
    for (int i = 0; i < RECEIVERS; i++)
        for (int n = 0; n < i + 1; n++)
            post_to(&receivers[i], n ? "second" : "first");
}

static inline void subscribe_all(void)
{
    for (int i = 0; i < RECEIVERS; i++)
        assert_int_equal(ss_subscribe(&receivers[i].handler, "room", i ? SS_DROP_OLDEST : SS_END), 0);
}

static inline void wait_for_room(void)
{
    subscribe_all();
    wait_for_mail();
}

static inline void subscribe_and_fill(void)
{
    subscribe_all();
    for (int i = 0; i < FULL; i++)
        assert_int_equal(ss_publish(&server, "room", "filling", 7), RECEIVERS);
}

static inline void publish(void)
{
    (void)ss_publish(&server, "room", "new", 3);
}

static inline void subscribe(void)
{
    (void)ss_subscribe(&own[0].handler, "room", SS_END);
}

static inline void join_room(void)
{
    open_first();
    subscribe();
}

static inline void unsubscribe(void)
{
    (void)ss_unsubscribe(&own[0].handler, "room");
}

static inline void get_mail(void)
{
    join_room();
    for (int i = 0; i < 3; i++)
        post_to(&own[0], "mine");
}

static inline void receive(void)
{
    struct ss_message message;
    while (ss_receive(&own[0].handler, &message) == 0)
        ;
}

static inline void get_and_hold(void)
{
    struct ss_message message;
    get_mail();
    (void)mail_begin_wait(&server, &own[0].request, NULL);
    assert_int_equal(ss_receive(&own[0].handler, &message), 0);
    assert_int_equal(ss_subscribe(&own[0].handler, "second room", SS_END), 0);
}

static inline void close_mailbox(void)
{
    mail_close(&server, &own[0].request);
}

static inline void be_called(void)
{
    join_room();
    (void)mail_begin_wait(&server, &own[0].request, NULL);
    open_second();
    (void)mail_begin_wait(&server, &own[1].request, NULL);
    (void)ss_publish(&server, "room", "new", 3);
    post_to(&own[1], "mine");
}

static inline void deliver(void)
{
    station_deliver(&server.core->hall.station);
}

static inline void stop_waiting(void)
{
    mail_end_wait(&server, &own[0].request);
    (void)mail_begin_wait(&server, &own[1].request, NULL);
}

static inline void close_station(void)
{
    mail_close(&server, &own[0].request);
    station_close(&server.core->hall.station);
}

/* A process has died before, and the one that finds this out dies, too. */
static pid_t died_before;

static inline void leave_a_dead_one(void)
{
    subscribe_all();
    have_mail();
    if ((died_before = fork_one()) == 0) {
        be_called();
        _exit(0);
    }
    assert_int_equal(waitpid(died_before, NULL, 0), died_before);
}

static inline void bury(void)
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

#endif
