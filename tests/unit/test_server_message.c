/* SPDX-License-Identifier: MIT */
/* handle_message: messages for the server itself, under every mix-in, for connections and datagrams. And
   datagrams whose handlers wait for a late reply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { MESSAGES = 300, PROCESSES = 3 };

static const char *const classes[] = {
    "TCPServer",
    "ThreadingTCPServer",
    "ThreadPoolTCPServer",
    "ForkingTCPServer",
    "EventLoopTCPServer",
    "UnixStreamServer",
    "EventLoopUnixStreamServer",
    "UDPServer",
    "ThreadingUDPServer",
    "ThreadPoolUDPServer",
    "ForkingUDPServer",
    "EventLoopUDPServer",
    "UnixDatagramServer",
    "ThreadingUnixDatagramServer",
    "ThreadPoolUnixDatagramServer",
    "EventLoopUnixDatagramServer",
};
static const char *const preforking[] = {
    "PreforkingTCPServer",          "PreforkingEventLoopTCPServer",
    "PreforkingUDPServer",          "PreforkingEventLoopUDPServer",
#if !defined(__SANITIZE_THREAD__) /* see models */
    "PreforkingThreadingTCPServer", "PreforkingThreadPoolTCPServer",
#endif
};

/* Seen by all processes. */
static struct tidings {
    atomic_int count, wrong, asked, refs;
    atomic_bool enough;
    atomic_int last[4]; /* of each sender */
    struct ss_ref ref[PROCESSES];
    atomic_int got[PROCESSES];
} * tidings;

static int map_tidings(void **state)
{
    tidings = mmap(NULL, sizeof *tidings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return tidings == MAP_FAILED ? -1 : map_counts(state);
}

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)h, (void)command, (void)words;
    return -EBADMSG;
}

/* ---- the class ---- */

static const struct ss_class Told;

struct place {
    int number; /* of this process, from 1 on */
};

static void handle_message(struct ss_server *self, const struct ss_message *message)
{
    uint64_t told[2]; /* which sender, and its message's number */
    const struct place *place = ss_state(self, &Told);
    if (place->number)
        tidings->got[place->number - 1]++;
    tidings->wrong += message->channel != NULL || message->dropped != 0;
    if (read_numbers(message->data, told, 2) && told[0] < COUNT(tidings->last))
        tidings->wrong += (uint64_t)tidings->last[told[0]]++ != told[1];
    tidings->count++;
}

/* Each process tells its ref, once. */
static void service_actions(struct ss_server *self)
{
    struct place *place = ss_state(self, &Told);
    struct ss_ref ref;
    if (place->number || ss_server_ref(self, &ref) < 0)
        return;
    int number = tidings->refs++;
    if (number < PROCESSES)
        tidings->ref[number] = ref;
    place->number = number + 1;
}

static const struct ss_class Told = {.name = "Told",
                                     .state_size = sizeof(struct place),
                                     .handle_message = handle_message,
                                     .service_actions = service_actions};

/* Posts a message to its own server, and answers. */
static int post_and_echo(struct ss_handler *h)
{
    char line[100];
    struct ss_ref ref;
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    int rc = ss_server_ref(h->server, &ref),
        posted = rc < 0 ? -EAGAIN : ss_post(h->server, ref, "from a handler", sizeof "from a handler");
    tidings->asked += posted == 0;
    tidings->wrong += posted != 0 && posted != -EAGAIN;
    return ss_printf(h->wfile, "%d %s", rc, line);
}
static const struct ss_handler_class PostingHandler = {.handle = post_and_echo};

static void start_told(struct running *r, const char *name, const struct ss_class *first)
{
    const struct ss_class *bases[SS_MAX_BASES + 1], *const *own = ss_bases(name);
    static int number;
    char address[40];
    int count = 0;
    memset(tidings, 0, sizeof *tidings);
    snprintf(address, sizeof address, "unix:@ss-unit-told-*-%d", number++);
    if (first)
        bases[count++] = first;
    while (*own)
        bases[count++] = *own++;
    bases[count] = NULL;
    prepare(r, bases, strstr(name, "Unix") ? address : "127.0.0.1:0", &PostingHandler);
    r->server.workers = strstr(name, "Prefork") ? PROCESSES : 0;
    launch(r);
}

static struct ss_ref await_ref(struct running *r)
{
    struct ss_ref ref = {0};
    int rc = -1;
    for (int ms = 0; ms < PATIENCE && (rc = ss_server_ref(&r->server, &ref)) != 0; ms++)
        poll(NULL, 0, 1);
    assert_int_equal(rc, 0);
    return ref;
}

/* ---- from threads, processes and handlers ---- */

struct sender {
    struct ss_server *server;
    struct ss_ref ref;
    int number, failed;
};

static int post_patiently(struct ss_server *server, struct ss_ref ref, const char *text)
{
    int rc;
    for (int ms = 0; (rc = ss_post(server, ref, text, strlen(text) + 1)) == -EAGAIN && ms < PATIENCE; ms++)
        poll(NULL, 0, 1);
    return rc;
}

static void *send_all(void *argument)
{
    struct sender *s = argument;
    for (int i = 0; i < MESSAGES; i++) {
        char text[40];
        snprintf(text, sizeof text, "%d %d", s->number, i);
        s->failed += post_patiently(s->server, s->ref, text) != 0;
    }
    return NULL;
}

static void ask_server(struct running *r)
{
    int fd = client_of(&r->server);
    ask(fd, "hello\n", "0 hello\n");
    leave(fd);
}

static void test_senders(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        start_told(&r, classes[i], &Told);
        struct ss_ref ref = await_ref(&r);
        struct sender senders[3] = {{&r.server, ref, 0, 0}, {&r.server, ref, 1, 0}, {&r.server, ref, 2, 0}};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, send_all, &senders[0]), 0);
        pid_t pid = fork();
        if (pid == 0) {
            send_all(&senders[1]);
            _exit(senders[1].failed != 0);
        }
        for (int k = 0; k < 10; k++)
            ask_server(&r);
        send_all(&senders[2]);
        int status = 1;
        pthread_join(thread, NULL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status + senders[0].failed + senders[2].failed, 0);
        ask_server(&r); /* now there is room for it */
        if (!becomes(&tidings->count, 3 * MESSAGES + tidings->asked) || tidings->wrong || tidings->asked == 0)
            fail_msg("%s: %d messages, %d wrong, %d from handlers", classes[i], tidings->count,
                     tidings->wrong, tidings->asked);
        stop(&r);
        assert_int_equal(ss_post(&r.server, ref, "x", 1), -EBADF);
    }
}

/* Requests are served while somebody posts without end, and as much as the mailbox takes. */
static void test_flood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        start_told(&r, classes[i], &Told);
        struct ss_ref ref = await_ref(&r);
        pid_t pid = fork();
        if (pid == 0) {
            while (!tidings->enough)
                (void)ss_post(&r.server, ref, "flood", sizeof "flood");
            _exit(0);
        }
        for (int k = 0; k < 5; k++)
            ask_server(&r);
        tidings->enough = true;
        waitpid(pid, NULL, 0);
        assert_true(tidings->count > 0);
        stop(&r);
    }
}

/* ---- each process of its own ---- */

static void test_preforking(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(preforking); i++) {
        struct running r;
        struct ss_ref ref;
        start_told(&r, preforking[i], &Told);
        for (int tries = 0; tidings->refs < PROCESSES && tries < 1000; tries++) {
            ask_server(&r); /* wakes one of them */
            poll(NULL, 0, 1);
        }
        assert_int_equal(tidings->refs, PROCESSES);
        assert_int_equal(ss_server_ref(&r.server, &ref), -EAGAIN); /* this process does not serve */
        int asked = tidings->asked;
        assert_true(becomes(&tidings->count, asked));
        for (int k = 0; k < PROCESSES; k++) {
            int before = tidings->got[k];
            for (int n = 0; n < MESSAGES; n++)
                assert_int_equal(post_patiently(&r.server, tidings->ref[k], "x"), 0);
            assert_true(becomes(&tidings->got[k], before + MESSAGES));
        }
        stop(&r);
        assert_int_equal(tidings->count, asked + PROCESSES * MESSAGES);
    }
}

/* ---- who has none ---- */

static void test_no_ref(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        struct ss_ref ref;
        start_told(&r, classes[i], NULL);
        int fd = client_of(&r.server);
        ask(fd, "hello\n", "-11 hello\n");
        leave(fd);
        stop(&r);
        assert_int_equal(ss_server_ref(&r.server, &ref), -EAGAIN);
    }
    struct ss_server server;
    struct ss_ref ref;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Told, &TCPServer), "127.0.0.1:0", &PostingHandler), 0);
    assert_int_equal(ss_server_ref(&server, &ref), -EAGAIN);
    ss_server_close(&server);
}

/* ---- a datagram whose handler waits for a late reply ---- */

static int wait_for_reply(struct ss_handler *h)
{
    struct ss_message m;
    struct ss_ref ref;
    int rc = ss_ref(h, &ref);
    if (rc < 0)
        return rc;
    counts->refs[0] = ref;
    counts->ref_count++;
    rc = ss_wait(h, SS_MESSAGE, PATIENCE);
    if (rc != SS_MESSAGE || ss_receive(h, &m) < 0)
        return rc < 0 ? rc : -EPROTO;
    return ss_printf(h->wfile, "%.*s", (int)m.size, m.data);
}
static const struct ss_handler_class WaitingForReply = {.handle = wait_for_reply};

static void test_datagram(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        char address[40];
        if (!strstr(classes[i], "UDP") && !strstr(classes[i], "Datagram"))
            continue;
        memset(counts, 0, sizeof *counts);
        snprintf(address, sizeof address, "unix:@ss-unit-reply-*-%zu", i);
        start(&r, ss_bases(classes[i]), strstr(classes[i], "Unix") ? address : "127.0.0.1:0",
              &WaitingForReply);
        int fd = client_of(&r.server);
        for (int k = 1; k <= 3; k++) {
            say(fd, "?");
            assert_true(becomes(&counts->ref_count, k));
            let_rest();
            assert_int_equal(post_text(&r, counts->refs[0], "late"), 0);
            expect(fd, "late");
            for (int ms = 0; post_text(&r, counts->refs[0], "too late") == 0 && ms < PATIENCE; ms++)
                poll(NULL, 0, 1);
            assert_int_equal(post_text(&r, counts->refs[0], "too late"), -ESTALE);
        }
        close(fd);
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_senders), cmocka_unit_test(test_flood),    cmocka_unit_test(test_preforking),
        cmocka_unit_test(test_no_ref),  cmocka_unit_test(test_datagram),
    };
    return cmocka_run_group_tests(tests, map_tidings, NULL);
}
