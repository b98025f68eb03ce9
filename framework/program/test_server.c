/* SPDX-License-Identifier: MIT */
/* A server for the tests of a program: in a thread of the test's own process, at an address that is free. */
#include "socketserver.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAMES = 1000 }; /* that are tried for a Unix socket */

struct ss_test_thread {
    struct ss_server *server;
    pthread_t thread;
    int rc; /* what ss_serve_forever has returned */
};

static void *serve_test(void *argument)
{
    struct ss_test_thread *thread = argument;
    thread->rc = ss_serve_forever(thread->server);
    return NULL;
}

static int start_thread(struct ss_test_server *test)
{
    struct ss_test_thread *thread = malloc(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    thread->server = &test->server;
    int rc = -pthread_create(&thread->thread, NULL, serve_test, thread);
    if (rc < 0)
        free(thread);
    else
        test->thread = thread;
    return rc;
}

/* In Linux's abstract name space, so that nothing is left when the test is killed. */
static int bind_unix(struct ss_test_server *test)
{
    static atomic_uint number;
    int rc = -EADDRINUSE;
    test->server.address = test->address;
    for (int i = 0; i < NAMES && rc == -EADDRINUSE; i++) {
        snprintf(test->address, sizeof test->address, "unix:@ss-test-%d-%u", (int)getpid(), number++);
        rc = ss_server_bind(&test->server);
    }
    return rc;
}

static void tell_addresses(struct ss_test_server *test)
{
    const struct ss_address *bound = &test->server.server_address;
    (void)ss_address_format(bound, test->address, sizeof test->address);
    test->url[0] = '\0';
    if (ss_address_port(bound))
        snprintf(test->url, sizeof test->url, "http://%s", test->address);
}

int ss_test_start_server(struct ss_test_server *test)
{
    int rc = test->server.socket < 0 ? ss_server_bind(&test->server) : 0;
    test->thread = NULL;
    if (rc == 0) {
        tell_addresses(test);
        rc = start_thread(test);
    }
    if (rc < 0)
        ss_server_close(&test->server);
    return rc;
}

int ss_test_start(struct ss_test_server *test, const struct ss_class *const *bases,
                  const struct ss_handler_class *handler)
{
    test->thread = NULL;
    int rc = ss_server_init(&test->server, bases, "127.0.0.1:0", handler);
    if (rc == 0 && test->server.address_family == AF_UNIX && (rc = bind_unix(test)) < 0)
        ss_server_close(&test->server);
    return rc < 0 ? rc : ss_test_start_server(test);
}

int ss_test_stop(struct ss_test_server *test)
{
    struct ss_test_thread *thread = test->thread;
    if (!thread)
        return 0;
    ss_shutdown(&test->server);
    pthread_join(thread->thread, NULL);
    test->thread = NULL;
    ss_server_close(&test->server);
    int rc = thread->rc;
    free(thread);
    return rc;
}
