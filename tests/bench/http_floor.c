/* SPDX-License-Identifier: MIT */
/* http_floor PORT FILE: what an HTTP answer costs at least: one thread, one epoll, one recv and one send for
   whatever requests are there; nothing is parsed but the blank lines at their ends, the answer is always the
   same, made at the start. The benchmark's yardstick for httpserver. */
#include "common.h"
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_SIZE = 16 * 1024, BATCH = 16, LARGEST = 64 * 1024 };

static char *answers; /* BATCH of them, one behind the other */
static size_t answer_size;
static int epoll;

static void make_answers(const char *path)
{
    static char body[LARGEST];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(body, 1, sizeof body, file) : 0;
    if (!size || size == sizeof body || !(answers = malloc(BATCH * (size + 256))))
        DIE("%s: not a file of 1 to %d bytes", path, LARGEST - 1);
    fclose(file);
    for (int i = 0; i < BATCH; i++) {
        char *at = answers + (size_t)i * answer_size;
        int head = sprintf(at,
                           "HTTP/1.1 200 OK\r\nServer: floor\r\nContent-Type: text/plain\r\n"
                           "Content-Length: %zu\r\n\r\n",
                           size);
        memcpy(at + head, body, size);
        answer_size = (size_t)head + size;
    }
}

/* Answers all requests that have come; false when the connection is to be closed. A request that comes in
   pieces, and a client that does not read, are not the load that this is for. */
static bool serve(int fd)
{
    static char buffer[BUFFER_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    size_t requests = 0;
    bool last = memmem(buffer, (size_t)n, "Connection: close", 17) != NULL;
    for (char *at = buffer; (at = memmem(at, (size_t)(buffer + n - at), "\r\n\r\n", 4)); at += 4)
        requests++;
    while (requests > 0) {
        size_t batch = requests < BATCH ? requests : BATCH;
        if (send(fd, answers, batch * answer_size, MSG_NOSIGNAL) != (ssize_t)(batch * answer_size))
            return false;
        requests -= batch;
    }
    return !last;
}

static void accept_all(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}) < 0)
            DIE("epoll_ctl: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        DIE("usage: http_floor PORT FILE");
    make_answers(argv[2]);
    int listener = serve_on(argv[1], SOCK_STREAM | SOCK_NONBLOCK);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        DIE("epoll_ctl: %s", strerror(errno));
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener);
            else if (!serve(events[i].data.fd))
                close(events[i].data.fd);
        }
    }
}
