/* SPDX-License-Identifier: MIT */
/* For unit tests: a server in a thread of its own, and plain clients. To be included behind cmocka.h. */
#ifndef SERVER_THREAD_H
#define SERVER_THREAD_H

#include "socketserver.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
enum { PATIENCE = 20000 }; /* ms until what must happen counts as never */

struct running {
    struct ss_server server;
    pthread_t thread;
    int rc;
    char address[108], text[SS_ADDRESS_TEXT];
};

/* As ss_serve_forever, by steps that never wait, and nothing but the server's descriptor. */
static inline int serve_by_steps(struct ss_server *server)
{
    struct pollfd due = {.fd = ss_server_fileno(server), .events = POLLIN};
    int rc = due.fd < 0 ? due.fd : 1;
    while (rc == 1 && (rc = ss_server_step(server, 0)) == 1)
        poll(&due, 1, -1);
    return rc;
}

static inline void *serve_for_ever(void *argument)
{
    struct running *r = argument;
    r->rc = ss_serve_forever(&r->server);
    return NULL;
}

/* In the environment: STEPPED. Then all tests try what is here with servers that are stepped. */
static inline void *run_server_thread(void *argument)
{
    struct running *r = argument;
    if (!getenv("STEPPED"))
        return serve_for_ever(r);
    r->rc = serve_by_steps(&r->server);
    return NULL;
}

/* Reads `count` numbers with a space between each two. False: the text is something else, or has more than
   these and the end of the line. */
static inline bool read_numbers(const char *text, uint64_t *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        char *end;
        errno = 0;
        numbers[i] = strtoull(text, &end, 10);
        if (end == text || errno || (i + 1 < count && *end++ != ' '))
            return false;
        text = end;
    }
    return *text == '\0' || strcmp(text, "\n") == 0;
}

/* A * in an address stands for what no other process has. */
static inline char *unique(const char *address, char *text, size_t size)
{
    const char *star = strchr(address, '*');
    if (star)
        snprintf(text, size, "%.*s%d%s", (int)(star - address), address, getpid(), star + 1);
    else
        snprintf(text, size, "%s", address);
    return text;
}

/* Initialised and bound; the caller may change the class variables before launch(). */
static inline void prepare(struct running *r, const struct ss_class *const *bases, const char *address,
                           const struct ss_handler_class *handler)
{
    *r = (struct running){.rc = 0};
    unique(address, r->address, sizeof r->address);
    assert_int_equal(ss_server_init(&r->server, bases, r->address, handler), 0);
}

static inline void launch(struct running *r)
{
    assert_int_equal(ss_server_bind(&r->server), 0);
    assert_true(ss_address_format(&r->server.server_address, r->text, sizeof r->text) > 0);
    assert_int_equal(pthread_create(&r->thread, NULL, run_server_thread, r), 0);
}

static inline void start(struct running *r, const struct ss_class *const *bases, const char *address,
                         const struct ss_handler_class *handler)
{
    prepare(r, bases, address, handler);
    launch(r);
}

static inline void join(struct running *r)
{
    pthread_join(r->thread, NULL);
    assert_int_equal(r->rc, 0);
    ss_server_close(&r->server);
    assert_int_equal(r->server.socket, -1);
}

static inline void stop(struct running *r)
{
    ss_shutdown(&r->server);
    join(r);
}

/* A blocking client, which gives up when nothing comes. */
static inline int client_of(const struct ss_server *server)
{
    const struct ss_address *to = &server->server_address;
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    int family = to->u.any.sa_family, fd = socket(family, server->socket_type | SOCK_CLOEXEC, 0);
    struct sockaddr unnamed = {.sa_family = AF_UNIX};
    assert_true(fd >= 0);
    if (family == AF_UNIX && server->socket_type == SOCK_DGRAM)
        assert_int_equal(bind(fd, &unnamed, sizeof unnamed.sa_family), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, &to->u.any, to->length), 0);
    return fd;
}

static inline void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The next bytes are these. */
static inline void expect(int fd, const char *text)
{
    char data[16384] = "";
    size_t size = strlen(text), got = 0;
    assert_true(size < sizeof data);
    while (got < size) {
        ssize_t n = recv(fd, data + got, size - got, 0);
        if (n <= 0)
            fail_msg("\"%s\" instead of \"%s\" (%s)", data, text, n ? strerror(errno) : "end");
        got += (size_t)n;
    }
    assert_string_equal(data, text);
}

static inline void expect_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    if (n > 0 || (n < 0 && errno != ECONNRESET))
        fail_msg("no end of the connection: %s", n > 0 ? "data" : strerror(errno));
}

/* Nothing comes for a moment. */
static inline void expect_nothing(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 30), 0);
}

static inline int count_entries(const char *path)
{
    int n = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory))
        n++;
    closedir(directory);
    return n;
}

static inline int count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

/* Sends a line back, as often as there is one. */
static inline int echo_lines(struct ss_handler *h)
{
    char line[200];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ss_write(h->wfile, line, (size_t)n);
    return (int)n;
}

#endif
