/* SPDX-License-Identifier: MIT */
/* For rig.c: with steps=1 the server is stepped, in a loop of the program's own. */
#ifndef RIG_STEPS_H
#define RIG_STEPS_H

#include "socketserver.h"
#include <errno.h>
#include <signal.h>
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

#endif
