/* SPDX-License-Identifier: MIT */
/* For rig.c: the ways in which a server serves besides ss_run_server. With steps=1 it is stepped, in a loop
   of the program's own; with test=1 it is one for tests, in a thread. */
#ifndef RIG_WAYS_H
#define RIG_WAYS_H

#include "socketserver.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct ss_server *stepped;

static void stop_steps(int number)
{
    (void)number;
    ss_shutdown(stepped);
}

static int run_by_steps(struct ss_server *server)
{
    struct pollfd due = {.fd = ss_server_fileno(server), .events = POLLIN};
    int rc = due.fd < 0 ? due.fd : 1;
    stepped = server;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop_steps}, NULL);
    while (rc == 1 && (rc = ss_server_step(server, 0)) == 1)
        if (poll(&due, 1, -1) < 0 && errno == ENOMEM)
            usleep(10000);
    return rc;
}

static void note_end(int number)
{
    (void)number;
}

/* Until SIGTERM comes. */
static int run_in_test(struct ss_server *server)
{
    struct ss_test_server *test = (struct ss_test_server *)(void *)server;
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = note_end}, NULL);
    pthread_sigmask(SIG_BLOCK, &term, &before);
    int rc = ss_test_start_server(test);
    if (rc == 0)
        (void)ppoll(NULL, 0, NULL, &before);
    return rc < 0 ? rc : ss_test_stop(test);
}

/* `way`: the name before the = */
static int run_as(struct ss_server *server, const char *way)
{
    return strcmp(way, "steps") == 0  ? run_by_steps(server)
           : strcmp(way, "test") == 0 ? run_in_test(server)
                                      : ss_run_server(server);
}

#endif
