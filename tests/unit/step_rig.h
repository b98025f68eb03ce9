/* SPDX-License-Identifier: MIT */
/* For the tests of ss_server_step: everything happens in the thread of the test, which waits for nothing but
   the server's descriptor and its client's. A step that waits for a client hangs for good. To be included
   behind cmocka.h. */
#ifndef STEP_RIG_H
#define STEP_RIG_H

#include "message_rig.h"

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)h, (void)command, (void)words;
    return -EBADMSG;
}

/* A server that is bound, of that model, with `first` (NULL: Noting) on the left. */
static inline void bind_model(struct running *r, const struct model *m, const struct ss_class *first)
{
    prepare_model(r, m, first, &Obeying);
    assert_int_equal(ss_server_bind(&r->server), 0);
}

/* Until `fd` (-1: none) or the server's descriptor can be read, which has to happen. Takes a step when that
   is due, and returns what it returned. */
static inline int step_or(struct ss_server *server, int fd)
{
    struct pollfd fds[] = {{.fd = ss_server_fileno(server), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    assert_true(fds[0].fd >= 0);
    assert_true(poll(fds, 2, PATIENCE) > 0);
    return fds[0].revents ? ss_server_step(server, 0) : 1;
}

/* As expect() and expect_end(), with steps as they are due. */
static inline void expect_by_steps(struct ss_server *server, int fd, const char *text)
{
    char data[16384] = "";
    size_t size = strlen(text), got = 0;
    assert_true(size < sizeof data);
    while (got < size) {
        assert_int_equal(step_or(server, fd), 1);
        ssize_t n = recv(fd, data + got, size - got, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            fail_msg("\"%s\" instead of \"%s\" (%s)", data, text, n ? strerror(errno) : "end");
        got += n > 0 ? (size_t)n : 0;
    }
    assert_string_equal(data, text);
}

static inline void expect_end_by_steps(struct ss_server *server, int fd)
{
    char byte;
    ssize_t n;
    while ((n = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        assert_int_equal(step_or(server, fd), 1);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

static inline void ask_by_steps(struct ss_server *server, int fd, const char *line, const char *reply)
{
    say(fd, line);
    expect_by_steps(server, fd, reply);
}

/* Takes steps until none is due. */
static inline void settle(struct ss_server *server)
{
    struct pollfd due = {.fd = ss_server_fileno(server), .events = POLLIN};
    while (poll(&due, 1, 5) > 0)
        assert_int_equal(ss_server_step(server, 0), 1);
}

/* Takes steps as they are due until it is over; then none is due any more. */
static inline void step_to_the_end(struct ss_server *server)
{
    int rc;
    while ((rc = step_or(server, -1)) == 1)
        ;
    assert_int_equal(rc, 0);
    assert_int_equal(ss_server_step(server, -1), 0);
    assert_int_equal(poll(&(struct pollfd){.fd = ss_server_fileno(server), .events = POLLIN}, 1, 0), 0);
}

static inline void end_by_steps(struct running *r)
{
    ss_shutdown(&r->server);
    step_to_the_end(&r->server);
    ss_server_close(&r->server);
    assert_int_equal(r->server.socket, -1);
}

/* NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define FOR_EACH_MODEL(m) for (const struct model *m = models; m < models + MODELS; m++)

#endif
