/* SPDX-License-Identifier: MIT */
/* For the samples that compare mix-ins: all ways to run requests, each with a server of its own in a child
   process, so that the system tells what the server alone has used. */
#ifndef SAMPLES_MIXINS_H
#define SAMPLES_MIXINS_H

#include "socketserver.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct mixin {
    const char *name, *who; /* who runs a request */
    const struct ss_class *bases[2];
};

struct child {
    pid_t pid;
    unsigned short port;
    struct rusage used; /* with all processes that it has made and waited for */
};

enum { MIXINS = 7, MOST_CONNECTIONS = 2000 /* of one server */ };
enum { START = 10000, END = 15000 /* ms for a server to serve, and to end */, STEP = 10 /* ms */ };

static const struct mixin mixins[MIXINS] = {
    {"none", "one after the other, in the thread that serves", {NULL}},
    {"Threading", "a thread for each", {&ThreadingMixIn}},
    {"ThreadPool", "a few threads, and more while clients keep them waiting", {&ThreadPoolMixIn}},
    {"Forking", "a process for each", {&ForkingMixIn}},
    {"Preforking", "a few processes, in each one after the other", {&PreforkingMixIn}},
    {"EventLoop", "a coroutine for each, in one thread", {&EventLoopMixIn}},
    {"Preforking+EventLoop", "a coroutine for each, in a few processes", {&PreforkingMixIn, &EventLoopMixIn}},
};

static inline size_t length_of(const char *list)
{
    return strcspn(list, ",");
}

/* Which of them a list like "none,Preforking+EventLoop" names: a bit for each. 0: it names something else. */
static inline unsigned mixins_named(const char *list)
{
    unsigned found = 0;
    for (bool more = true; more; list += length_of(list) + more) {
        int i = 0;
        while (i < MIXINS && (strlen(mixins[i].name) != length_of(list) ||
                              strncasecmp(list, mixins[i].name, length_of(list)) != 0))
            i++;
        if (i == MIXINS)
            return 0;
        found |= 1u << i;
        more = list[length_of(list)] == ',';
    }
    return found;
}

/* ---------------------------------------------------------------- the child's side */

static const struct ss_class Reporting;

/* Called when signals are handled already: so the parent may send one as soon as it knows the port. */
static inline int report_and_serve(struct ss_server *self)
{
    int *pipe = self->context;
    unsigned short port = (unsigned short)ss_address_port(&self->server_address);
    if (write(*pipe, &port, sizeof port) != sizeof port)
        return -EPIPE;
    close(*pipe);
    return ss_super(self, &Reporting)->serve_forever(self);
}

static const struct ss_class Reporting = {.name = "Reporting", .serve_forever = report_and_serve};

/* All mix-ins have the same limits, though they differ in what is wise: it is looked at what that costs. */
static inline int serve(const struct mixin *mixin, const struct ss_handler_class *handler, unsigned workers,
                        int pipe)
{
    const struct ss_class *bases[5] = {&Reporting};
    struct ss_server server;
    int count = 1;
    for (int i = 0; i < 2 && mixin->bases[i]; i++)
        bases[count++] = mixin->bases[i];
    bases[count] = &TCPServer;
    int rc = ss_server_init(&server, bases, "127.0.0.1:0", handler);
    if (rc < 0)
        return rc;
    server.context = &pipe;
    server.max_requests = MOST_CONNECTIONS;
    server.max_requests_per_client = UINT_MAX;
    if (workers && mixin->bases[0] != &EventLoopMixIn)
        server.workers = workers;
    rc = ss_server_bind(&server);
    if (rc == 0)
        rc = ss_run_server(&server);
    ss_server_close(&server);
    return rc;
}

/* ---------------------------------------------------------------- the parent's side */

/* Ends it, and waits until it has gone. 0 or -errno: -ECHILD when it has not ended well. */
static inline int child_end(struct child *child)
{
    int status = 0;
    pid_t ended = 0;
    kill(child->pid, SIGTERM);
    for (int ms = 0; ms < END && ended == 0; ms += STEP) {
        ended = wait4(child->pid, &status, WNOHANG, &child->used);
        if (ended == 0)
            poll(NULL, 0, STEP);
    }
    if (ended == 0) {
        kill(child->pid, SIGKILL);
        wait4(child->pid, &status, 0, &child->used);
    }
    child->pid = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

/* Starts a server. `workers` are threads of a pool or processes, 0: as many as the mix-in takes by itself; an
   event loop is one always. 0 when it serves, or -errno. */
static inline int child_start(struct child *child, const struct mixin *mixin,
                              const struct ss_handler_class *handler, unsigned workers)
{
    int ends[2];
    *child = (struct child){.pid = -1};
    if (pipe(ends) < 0)
        return -errno;
    fflush(stdout); /* or the child would have it, too */
    child->pid = fork();
    if (child->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody else would end it */
        close(ends[0]);
        _exit(serve(mixin, handler, workers, ends[1]) != 0);
    }
    int rc = child->pid < 0 ? -errno : 0;
    close(ends[1]);
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    if (rc == 0 &&
        (poll(&p, 1, START) != 1 || read(ends[0], &child->port, sizeof child->port) != sizeof child->port))
        rc = -ECHILD;
    close(ends[0]);
    if (rc < 0 && child->pid > 0)
        child_end(child);
    return rc;
}

#endif
