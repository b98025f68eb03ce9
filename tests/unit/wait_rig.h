/* SPDX-License-Identifier: MIT */
/* For the tests of waiting: pipes, and one handler under several mix-ins. */
#ifndef WAIT_RIG_H
#define WAIT_RIG_H

#include "server_thread.h"
#include <stdatomic.h>

static int pipes[20][2]; /* the tests write, the handlers wait */
static atomic_int result;

static inline int open_pipes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pipes); i++)
        if (pipe(pipes[i]) < 0)
            return -1;
    result = 12345;
    return 0;
}

static inline int close_pipes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pipes); i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    return 0;
}

/* A handler's work with the stream out of the way: what it returns becomes the answer. */
static inline int answer(struct ss_handler *h, int rc)
{
    ss_printf(h->wfile, "%d\n", rc);
    return 0;
}

static inline void with_each(int (*handle)(struct ss_handler *), void (*client)(struct running *r))
{
    static const char *const classes[] = {"TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer",
                                          "EventLoopTCPServer"};
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct ss_handler_class handler = {.handle = handle};
        struct running r;
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        client(&r);
        stop(&r);
    }
}

static inline void expect_answer(struct running *r, const char *text)
{
    int fd = client_of(&r->server);
    expect(fd, text);
    close(fd);
}

static inline void expect_yes(struct running *r)
{
    expect_answer(r, "1\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pipes, close_pipes)

#endif
