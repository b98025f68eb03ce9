/* SPDX-License-Identifier: MIT */
/* What the benchmark's load generators and reference servers share. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Ends the program: a measurement that went wrong in any way is none. */
#define DIE(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

static inline uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most))
        DIE("%s: not a number from %g to %g", text, least, most);
    return value;
}

static inline struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)number(port, 1, 65535)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A socket of this type, bound to a port of the loopback interface; it listens if it can. */
static inline int serve_on(const char *port, int type)
{
    struct sockaddr_in address = loopback(port);
    int one = 1, fd = socket(AF_INET, type, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        DIE("port %s: %s", port, strerror(errno));
    if (type & SOCK_DGRAM)
        return fd;
    /* connections inherit it */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 || listen(fd, 4096) < 0)
        DIE("port %s: %s", port, strerror(errno));
    return fd;
}

#endif
