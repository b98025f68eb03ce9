/* SPDX-License-Identifier: MIT */
/* Clients, all in one thread over epoll, so that they cost little beside the server that is measured. */
#ifndef COMPARE_LOAD_H
#define COMPARE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load {
    bool kept;        /* a client keeps its connection for its next request */
    unsigned clients; /* that ask all the time, each when it has its last answer */
    unsigned idle;    /* more connections, which say nothing */
    unsigned short port;
    double seconds;
    void (*look)(void *argument, bool last); /* called now and then, at last while all are still connected */
    void *argument;
};

struct figures {
    uint64_t requests; /* that were answered in `seconds` */
    double seconds;
    double p50, p99;  /* microseconds within which half, and 99 of 100 answers came; 0: there was none */
    unsigned served;  /* clients that have got an answer */
    unsigned hung_up; /* connections that were idle, and that the server has ended for others */
    double busy;      /* the part of the time in which the clients themselves were at work */
};

/* Runs the load. 0 or -errno: -EBADMSG for a wrong answer, -ECONNRESET when the server has hung up. */
int load_run(const struct load *load, struct figures *figures);

/* The request that closes its connection, and the one that keeps it. */
#define ONE_REQUEST "1 request\n"
#define KEPT_REQUEST "a request\n"
#define ANSWER_BEGINS "You said: "

#endif
