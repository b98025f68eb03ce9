/* SPDX-License-Identifier: MIT */
/* A server in somebody else's loop is not alone there: two servers in one thread, a server inside of another
   one's handler, handlers that do not wait, processes that keep descriptors, HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_server.h"
#include "step_rig.h"
#include <sys/epoll.h>

static const struct ss_handler_class Echo = {.handle = echo_lines};

static int fail_when_told(struct ss_handler *h, void *argument)
{
    int rc = 0;
    (void)argument;
    while (rc == 0 && !counts->go)
        rc = ss_sleep(h->server, 1);
    return rc < 0 ? rc : -EIO;
}

/* With a task beside it, which ends it. */
static int echo_beside_a_task(struct ss_handler *h)
{
    int rc = ss_spawn(h, fail_when_told, NULL);
    return rc < 0 ? rc : echo_lines(h);
}

/* Steps of both as they are due, until the client of one has its answer, "" for the end. */
static void expect_from_either(struct running *r, int fd, const char *text)
{
    char data[100] = "";
    struct pollfd fds[] = {{.fd = ss_server_fileno(&r[0].server), .events = POLLIN},
                           {.fd = ss_server_fileno(&r[1].server), .events = POLLIN},
                           {.fd = fd, .events = POLLIN}};
    while (!fds[2].revents) {
        assert_true(poll(fds, 3, PATIENCE) > 0);
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                assert_int_equal(ss_server_step(&r[i].server, 0), 1);
    }
    assert_int_equal(recv(fd, data, sizeof data, 0), strlen(text));
    assert_string_equal(data, text);
}

/* Their handlers' waits overlap, and each knows its own tasks. */
static void test_two_servers(void **state)
{
    static const struct ss_handler_class handler = {.handle = echo_beside_a_task};
    static const char *const classes[] = {"TCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes) * COUNT(classes); i++) {
        struct running r[2];
        int fds[2];
        for (int s = 0; s < 2; s++) {
            const struct model model = {.name = classes[s ? i % COUNT(classes) : i / COUNT(classes)]};
            prepare_model(&r[s], &model, NULL, &handler);
            assert_int_equal(ss_server_bind(&r[s].server), 0);
            fds[s] = client_of(&r[s].server);
        }
        for (int turn = 0; turn < 6; turn++) {
            say(fds[turn % 2], "hello\n");
            expect_from_either(r, fds[turn % 2], "hello\n");
        }
        counts->go = true;
        for (int s = 0; s < 2; s++) {
            expect_from_either(r, fds[s], "");
            close(fds[s]);
            end_by_steps(&r[s]);
        }
    }
}

/* The program's loop is epoll(7) in edge-triggered mode: each time that a step is due is an edge. */
static void test_edges(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        struct epoll_event event = {.events = EPOLLIN | EPOLLET};
        int epoll = epoll_create1(EPOLL_CLOEXEC), done = 0;
        bind_model(&r, m, NULL);
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ss_server_fileno(&r.server), &event), 0);
        for (int i = 0; i < 20; i++) {
            int fd = client_of(&r.server);
            say(fd, "n room\ne\n");
            event.data.u64 = 1;
            (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            for (bool ended = false; !ended;) {
                char data[10];
                assert_int_equal(epoll_wait(epoll, &event, 1, PATIENCE), 1);
                if (event.data.u64 == 0)
                    assert_int_equal(ss_server_step(&r.server, 0), 1);
                else
                    for (ssize_t n; !ended && (n = recv(fd, data, sizeof data, MSG_DONTWAIT)) >= 0;)
                        ended = n == 0;
                event.data.u64 = 0;
            }
            close(fd);
            done++;
        }
        assert_int_equal(done, 20);
        close(epoll);
        end_by_steps(&r);
    }
}

/* ---- in a handler of another server's ---- */

/* The class of the inner server comes from the client. */
static int step_another(struct ss_handler *h)
{
    struct ss_server inner;
    char class[100] = "", answer[10] = "";
    ssize_t n = ss_readline(h->rfile, class, sizeof class);
    class[strcspn(class, "\n")] = '\0';
    if (n <= 0 || ss_server_init(&inner, ss_bases(class), "127.0.0.1:0", &Echo) < 0)
        return -EINVAL;
    int rc = ss_server_bind(&inner);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (rc == 0 && connect(fd, &inner.server_address.u.any, inner.server_address.length) < 0)
        rc = -errno;
    for (int i = 0; rc >= 0 && i < 3; i++) {
        say(fd, "abc\n");
        while ((rc = ss_server_step(&inner, 0)) == 1 && recv(fd, answer, sizeof answer, MSG_DONTWAIT) < 0)
            ss_printf(h->wfile, "%s", ss_sleep(h->server, 1) < 0 ? "stopped\n" : "");
    }
    close(fd);
    ss_server_close(&inner);
    return ss_printf(h->wfile, "%d %s", rc, answer);
}

static void test_inside_of_a_handler(void **state)
{
    static const char *const inner[] = {"TCPServer\n", "EventLoopTCPServer\n", "ThreadPoolTCPServer\n"};
    static const struct ss_handler_class stepping = {.handle = step_another};
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        size_t count = COUNT(inner);
#if defined(__SANITIZE_THREAD__) /* see models */
        count -= is_under(m, "orking");
#endif
        for (size_t i = 0; i < count; i++) {
            prepare_model(&r, m, NULL, &stepping);
            launch(&r);
            int fd = client_of(&r.server);
            say(fd, inner[i]);
            expect(fd, "1 abc\n");
            expect_end(fd);
            close(fd);
            stop(&r);
        }
    }
}

/* ---- handlers that keep the thread ---- */

static int never_wait(struct ss_handler *h)
{
    int rc = 0;
    while (rc == 0 && !counts->go) {
        counts->turns++;
        rc = ss_sleep(h->server, 0);
    }
    return rc;
}

/* They let the program run now and then, and the next step is due at once. */
static void test_busy_handlers(void **state)
{
    static const char *const classes[] = {"TCPServer", "EventLoopTCPServer"};
    static const struct ss_handler_class busy = {.handle = never_wait};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        const struct model model = {.name = classes[i]};
        struct running r;
        prepare_model(&r, &model, NULL, &busy);
        assert_int_equal(ss_server_bind(&r.server), 0);
        int fd = client_of(&r.server);
        while (!counts->turns)
            assert_int_equal(step_or(&r.server, -1), 1);
        for (int step = 0; step < 20; step++) {
            int before = counts->turns;
            assert_int_equal(step_or(&r.server, -1), 1);
            assert_true(counts->turns > before);
        }
        counts->go = true;
        expect_end_by_steps(&r.server, fd);
        close(fd);
        end_by_steps(&r);
    }
}

static int take_time(struct ss_handler *h)
{
    (void)h;
    counts->turns++;
    return poll(NULL, 0, 5) < 0 ? -errno : 0;
}

/* The program runs between two requests, however many there are. */
static void test_requests_in_a_row(void **state)
{
    enum { CLIENTS = 10 };
    static const struct ss_handler_class slow = {.handle = take_time};
    const struct model model = {.name = "TCPServer"};
    int fds[CLIENTS];
    struct running r;
    (void)state;
    prepare_model(&r, &model, NULL, &slow);
    assert_int_equal(ss_server_bind(&r.server), 0);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_of(&r.server);
    while (counts->turns < CLIENTS) {
        int before = counts->turns;
        assert_int_equal(step_or(&r.server, -1), 1);
        assert_in_range(counts->turns - before, 0, 1);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    end_by_steps(&r);
}

/* ---- a descriptor that is waited for twice ---- */

static int wait_twice(struct ss_handler *h)
{
    struct pollfd fds[] = {{.fd = h->request->fd, .events = POLLIN},
                           {.fd = h->request->fd, .events = POLLPRI}};
    int rc = ss_poll(h->server, fds, 2, -1);
    return ss_printf(h->wfile, "%d %d\n", rc, fds[0].revents == POLLIN && !fds[1].revents);
}

static void test_descriptor_awaited_twice(void **state)
{
    static const struct ss_handler_class twice = {.handle = wait_twice};
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        prepare_model(&r, m, NULL, &twice);
        assert_int_equal(ss_server_bind(&r.server), 0);
        int fd = client_of(&r.server);
        settle(&r.server);
        ask_by_steps(&r.server, fd, "hello\n", "1 1\n");
        close(fd);
        end_by_steps(&r);
    }
}

/* ---- a descriptor that is closed here, and not everywhere ---- */

static int keep_open[2];

/* A process keeps the connection, which the server has waited for. */
static int leave_a_child(struct ss_handler *h)
{
    char line[10], byte;
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return 0;
    pid_t pid = fork();
    if (pid == 0) {
        close(keep_open[1]);
        (void)!read(keep_open[0], &byte, 1);
        _exit(0);
    }
    return ss_printf(h->wfile, "%d\n", (int)pid);
}

static void test_descriptor_kept_by_others(void **state)
{
    static const struct ss_handler_class leaving = {.handle = leave_a_child};
    static const char *const classes[] = {"TCPServer", "EventLoopTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        char text[20] = "";
        int steps = 0;
        assert_int_equal(pipe(keep_open), 0);
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &leaving);
        assert_int_equal(ss_server_bind(&r.server), 0);
        int fd = client_of(&r.server);
        settle(&r.server);
        say(fd, "a line\n");
        while (recv(fd, text, sizeof text, MSG_DONTWAIT) <= 0)
            assert_int_equal(step_or(&r.server, fd), 1);
        (void)send(fd, "more", 4, MSG_NOSIGNAL);
        settle(&r.server);
        for (uint64_t end = ss_now() + 20; ss_now() < end;)
            if (poll(&(struct pollfd){.fd = ss_server_fileno(&r.server), .events = POLLIN}, 1, 1) > 0 &&
                ++steps)
                assert_int_equal(ss_server_step(&r.server, 0), 1);
        assert_in_range(steps, 0, 10);
        close(keep_open[0]);
        close(keep_open[1]);
        assert_int_equal(waitpid((pid_t)strtol(text, NULL, 10), NULL, 0), strtol(text, NULL, 10));
        close(fd);
        end_by_steps(&r);
    }
}

/* ---- methods ---- */

static bool need_much_stack(struct ss_server *self, struct ss_request *request)
{
    volatile char much[4 << 20];
    (void)self, (void)request;
    much[0] = much[sizeof much - 1] = 'x';
    return much[0] == 'x';
}

static const struct ss_class Deep = {.name = "Deep", .verify_request = need_much_stack};

/* They may use as much stack as elsewhere. */
static void test_stack(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, &Deep);
        int fd = client_of(&r.server);
        ask_by_steps(&r.server, fd, "w\n", "= 0\n");
        close(fd);
        end_by_steps(&r);
    }
}

/* ---- HTTP ---- */

static int do_GET(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    return http_reply(h, 200, "text/plain", path, strlen(path));
}

static void log_nothing(struct ss_handler *h, int status, int64_t size)
{
    (void)h, (void)status, (void)size;
}

static const struct http_handler_class Paths = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
    .log_request = log_nothing,
};

/* Kept connections are parked between two steps. */
static void test_http(void **state)
{
    static const struct ss_class *const mixins[] = {&Noting,       &ThreadingMixIn,  &ThreadPoolMixIn,
                                                    &ForkingMixIn, &PreforkingMixIn, &EventLoopMixIn};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        prepare(&r, SS_BASES(mixins[i], &HTTPServer), "127.0.0.1:0", &Paths.handler);
        assert_int_equal(ss_server_bind(&r.server), 0);
        int fd = client_of(&r.server);
        for (int turn = 0; turn < 3; turn++) {
            char data[1000] = "";
            say(fd, "GET /step HTTP/1.1\r\nHost: x\r\n\r\n");
            for (size_t got = 0; !strstr(data, "\r\n\r\n/step");) {
                assert_int_equal(step_or(&r.server, fd), 1);
                ssize_t n = recv(fd, data + got, sizeof data - 1 - got, MSG_DONTWAIT);
                got += n > 0 ? (size_t)n : 0;
            }
            settle(&r.server);
        }
        ss_shutdown(&r.server);
        step_to_the_end(&r.server);
        expect_end(fd);
        close(fd);
        ss_server_close(&r.server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_servers),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_inside_of_a_handler),
        cmocka_unit_test(test_busy_handlers),
        cmocka_unit_test(test_requests_in_a_row),
        cmocka_unit_test(test_descriptor_awaited_twice),
        cmocka_unit_test(test_descriptor_kept_by_others),
        cmocka_unit_test(test_stack),
        cmocka_unit_test(test_http),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
