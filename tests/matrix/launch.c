/* SPDX-License-Identifier: MIT */
/* The server's process: how it begins, and what it must leave behind. */
#include "../masked.h"
#include "matrix.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *because(const char *format, ...)
{
    static char text[2000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; (p = strchr(p, '\n'));)
        *p = ';'; /* a result is one line */
    return text;
}

void trial_bases(const struct trial *t, const struct ss_class *bases[MAX_TRIAL_BASES])
{
    int n = 0;
    bases[n++] = &Matrix;
    if (t->side == LEFT)
        bases[n++] = &Masking;
    for (int i = 0; i < 3 && t->model->mixins[i]; i++)
        bases[n++] = t->model->mixins[i];
    if (t->side == RIGHT)
        bases[n++] = &Masking;
    bases[n++] = t->place->base;
    bases[n] = NULL;
}

/* ---- in the server's process ---- */

struct ends {
    struct hub hub;
    int ready;
};

static int set_up(struct trial *t, struct ends *ends, struct ss_server *server)
{
    const struct ss_class *bases[MAX_TRIAL_BASES];
    trial_bases(t, bases);
    int rc = ss_server_init(server, bases, t->address, &MatrixHandler);
    if (rc < 0)
        return rc;
    start_deputy(server, t->shared);
    server->context = &ends->hub;
    server->workers = t->model->workers;
    server->max_requests = 4 * MAX_CLIENTS; /* a quarter is for one client */
    if (t->shutdown_timeout)
        server->shutdown_timeout = t->shutdown_timeout;
    if (t->max_packet_size)
        server->max_packet_size = t->max_packet_size;
    rc = ss_server_bind(server);
    if (rc == 0)
        (void)!write(ends->ready, &server->server_address, sizeof server->server_address);
    return rc;
}

static int serve(struct trial *t, void *argument)
{
    struct ss_server server;
    struct stock before;
    take_stock(&before);
    int rc = set_up(t, argument, &server);
    if (rc == 0)
        rc = ss_run_server(&server);
    ss_server_close(&server);
    ss_server_close(&server); /* harmless */
    end_deputy(t->shared, &rc);
    if (rc < 0)
        fprintf(stderr, "%s\n", strerror(-rc));
    return rc < 0 || compare_stock(&before, false) ? 1 : rc;
}

/* ---- in the checks' process ---- */

int spawn(struct trial *t, int (*work)(struct trial *t, void *argument), void *argument)
{
    int alive[2];
    t->errors = memfd_create("errors", MFD_CLOEXEC);
    if (t->errors < 0 || pipe(alive) < 0)
        return -errno;
    t->alive = alive[0];
    t->pid = fork();
    if (t->pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(alive[0]);
        dup2(t->errors, STDERR_FILENO);
        exit(work(t, argument));
    }
    close(alive[1]);
    return t->pid < 0 ? -errno : 0;
}

/* Reads `size` bytes within our patience. */
static bool read_all(int fd, void *data, size_t size)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (size_t done = 0; done < size;) {
        ssize_t n = poll(&p, 1, PATIENCE) == 1 ? read(fd, (char *)data + done, size - done) : 0;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

void name_address(struct trial *t)
{
    char name[80];
    snprintf(name, sizeof name, "%s-%d", t->prefix, ++t->number);
    snprintf(t->address, sizeof t->address, t->place->address, name);
}

/* The ends are kept out of other programs, not out of the server's children. */
static bool open_ends(struct trial *t, struct ends *ends, int ready[2])
{
    int events[2], gate[2];
    if (pipe(events) < 0 || pipe(gate) < 0 || pipe(ready) < 0)
        return false;
    t->events = events[0];
    t->gate = gate[1];
    *ends = (struct ends){.hub = {t->shared, events[1], gate[0]}, .ready = ready[1]};
    return true;
}

const char *launch(struct trial *t)
{
    int ready[2];
    struct ends ends;
    name_address(t);
    memset(t->shared, 0, sizeof *t->shared);
    if (!open_ends(t, &ends, ready) || spawn(t, serve, &ends) < 0)
        return because("no process: %s", strerror(errno));
    close(ends.ready);
    close(ends.hub.events);
    close(ends.hub.gate);
    bool up = read_all(ready[0], &t->server_address, sizeof t->server_address);
    close(ready[0]);
    if (!up)
        return "the server did not start";
    return echo(t, 1) ? NULL : "the first byte has not come back";
}

bool expect_event(struct trial *t, char event)
{
    char got = 0;
    return read_all(t->events, &got, 1) && got == event;
}

void open_gate(struct trial *t)
{
    (void)!write(t->gate, "", 1);
}

void tell(struct trial *t)
{
    kill(t->shared->deputy ? t->shared->deputy : t->pid, SIGTERM);
}

/* What the server wrote to its standard error. */
static int read_errors(const struct trial *t, char *text, size_t size)
{
    ssize_t n = pread(t->errors, text, size - 1, 0);
    int lines = 0;
    text[n > 0 ? n : 0] = '\0';
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    return lines;
}

const char *ended(struct trial *t, int status, int lines)
{
    char text[1500];
    struct pollfd alive = {.fd = t->alive, .events = POLLIN};
    int got = 0, ready = poll(&alive, 1, PATIENCE);
    int written = read_errors(t, text, sizeof text);
    if (ready != 1)
        return because("the server does not end; %s", text);
    waitpid(t->pid, &got, 0);
    t->pid = 0;
    if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
        return because("%s %d; %s", WIFEXITED(got) ? "exit" : "signal",
                       WIFEXITED(got) ? WEXITSTATUS(got) : WTERMSIG(got), text);
    if (written != lines)
        return because("%d lines of errors: %s", written, text);
    if (t->shared->taken != t->shared->shut)
        return because("%d requests taken, %d shut down", t->shared->taken, t->shared->shut);
    return NULL;
}

const char *stop(struct trial *t)
{
    tell(t);
    return ended(t, 0, 0);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void clean_up(struct trial *t)
{
    close_clients(t);
    if (t->pid > 0) {
        kill(-t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    t->pid = 0;
    close_end(&t->alive);
    close_end(&t->events);
    close_end(&t->gate);
    close_end(&t->errors);
    t->shutdown_timeout = 0;
    t->max_packet_size = 0;
}
