/* SPDX-License-Identifier: MIT */
/* echo_epoll PORT: what a TCP echo costs at least: one thread, one epoll, one recv and one send for each
   message. The benchmark's yardstick for the event loop. */
#include "common.h"
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_SIZE = 64 * 1024, MOST = 65536 };

/* What could not be sent yet; nothing is read until it is. The table is indexed by descriptor. */
static struct rest {
    char *data;
    size_t size;
} rests[MOST];
static int epoll;

static void watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        DIE("epoll_ctl: %s", strerror(errno));
}

static void drop(int fd)
{
    close(fd);
    free(rests[fd].data);
    rests[fd] = (struct rest){NULL, 0};
}

/* Sends; how many bytes are left, -1 when the client is gone. */
static ssize_t push(int fd, const char *data, size_t size)
{
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN ? (ssize_t)size : -1;
    return (ssize_t)size - n;
}

static bool writable(int fd, struct rest *rest)
{
    ssize_t left = push(fd, rest->data, rest->size);
    if (left < 0)
        return false;
    memmove(rest->data, rest->data + rest->size - (size_t)left, (size_t)left);
    rest->size = (size_t)left;
    if (left == 0)
        watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    return true;
}

static bool readable(int fd, struct rest *rest)
{
    static char buffer[BUFFER_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    ssize_t left = push(fd, buffer, (size_t)n);
    if (left <= 0)
        return left == 0;
    if (!rest->data && !(rest->data = malloc(BUFFER_SIZE)))
        return false;
    memcpy(rest->data, buffer + n - left, (size_t)left);
    rest->size = (size_t)left;
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
    return true;
}

static void accept_all(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd < MOST)
            watch(EPOLL_CTL_ADD, fd, EPOLLIN);
        else
            close(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        DIE("usage: echo_epoll PORT");
    int listener = serve_on(argv[1], SOCK_STREAM | SOCK_NONBLOCK);
    struct epoll_event events[EVENTS];
    epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener);
            else if (!(rests[fd].size ? writable(fd, &rests[fd]) : readable(fd, &rests[fd])))
                drop(fd);
        }
    }
}
