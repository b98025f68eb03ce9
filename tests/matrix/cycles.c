/* SPDX-License-Identifier: MIT */
/* Servers that come and go in one process leave nothing behind: no descriptor, thread, child or byte. */
#include "matrix.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CYCLES = 200, WARM_UP = 20, SERVE_EVERY = 10 };

/* The server is told to stop by the one request that already waits for it: no second thread needed. */
static int serve_one(struct trial *t, struct ss_server *server)
{
    char reply[3] = "";
    t->server_address = server->server_address;
    int fd = client(t), rc = -1;
    if (fd >= 0 && send_all(t, fd, "q", 1))
        rc = ss_serve_forever(server);
    if (rc == 0 && (!exchange(t, fd, NULL, 0, reply, 3) || memcmp(reply, "bye", 3) != 0))
        rc = -1;
    close_clients(t);
    return rc;
}

static int cycle(struct trial *t, struct hub *hub, bool serves)
{
    const struct ss_class *bases[MAX_TRIAL_BASES];
    struct ss_server server;
    trial_bases(t, bases);
    int rc = ss_server_init(&server, bases, t->address, &MatrixHandler);
    if (rc < 0)
        return rc;
    server.context = hub;
    server.workers = t->model->workers;
    rc = ss_server_bind(&server);
    if (rc == 0 && serves)
        rc = serve_one(t, &server);
    ss_server_close(&server);
    ss_server_close(&server);
    return rc;
}

/* The first ones fill caches: of thread stacks, of the resolver. */
static int cycles(struct trial *t, void *argument)
{
    struct stock before = {0};
    int rc = 0, failed = 0;
    for (int i = 0; i < WARM_UP + CYCLES && rc == 0; i++) {
        if (i == WARM_UP)
            take_stock(&before);
        rc = cycle(t, argument, i % SERVE_EVERY == 0);
        failed = i;
    }
    if (rc < 0)
        fprintf(stderr, "cycle %d: %s\n", failed, strerror(-rc));
    return rc < 0 || compare_stock(&before, true);
}

const char *check_cycles(struct trial *t)
{
    struct hub hub = {.shared = t->shared, .events = open("/dev/null", O_WRONLY | O_CLOEXEC), .gate = -1};
    memset(t->shared, 0, sizeof *t->shared);
    name_address(t);
    int rc = spawn(t, cycles, &hub);
    close(hub.events);
    return rc < 0 ? strerror(-rc) : ended(t, 0, 0);
}
