/* SPDX-License-Identifier: MIT */
/* The handler of all combinations, compiled once. */
#include "matrix.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct hub *hub_of(const struct ss_handler *h)
{
    return h->server->context;
}

static void say(const struct hub *hub, char event)
{
    (void)!write(hub->events, &event, 1);
}

static int do_echo(struct ss_handler *h)
{
    char data[20000];
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ss_write(h->wfile, data, (size_t)n);
    return (int)n;
}

static int do_line(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    ss_write(h->wfile, line, (size_t)n);
    return SS_PARK;
}

static int do_info(struct ss_handler *h)
{
    const struct ss_datagram *datagram = h->request->datagram;
    return datagram ? ss_printf(h->wfile, "%zu %d", datagram->size, datagram->truncated) : -EINVAL;
}

static int do_later(struct ss_handler *h)
{
    int rc = ss_sleep(h->server, 20);
    return rc < 0 ? rc : do_echo(h);
}

static int do_endless(struct ss_handler *h)
{
    static const char data[10000];
    while (h->wfile->error == 0)
        ss_write(h->wfile, data, sizeof data);
    return h->wfile->error;
}

/* A request in progress when the drain begins. */
static int wait_for_drain(struct ss_handler *h, char event)
{
    int rc = 0;
    say(hub_of(h), event);
    while (rc == 0 && !ss_draining(h->server))
        rc = ss_sleep(h->server, 1);
    say(hub_of(h), 'd');
    return rc;
}

static int do_slow(struct ss_handler *h)
{
    char data[1000];
    int rc = wait_for_drain(h, 's');
    struct pollfd gate = {.fd = hub_of(h)->gate, .events = POLLIN};
    if (rc == 0 && (rc = ss_poll(h->server, &gate, 1, PATIENCE)) == 1)
        rc = ss_sleep(h->server, 20);
    if (rc < 0)
        return rc;
    memset(data, 's', sizeof data);
    for (int i = 0; i < (h->request->datagram ? 1 : BIG_ANSWER / 1000); i++)
        ss_write(h->wfile, data, sizeof data);
    return 0;
}

static int do_stuck(struct ss_handler *h)
{
    int rc = wait_for_drain(h, 'x');
    if (rc == 0)
        rc = ss_sleep(h->server, 10 * PATIENCE);
    say(hub_of(h), rc == -ECANCELED ? 'c' : '?');
    return rc;
}

static int do_quit(struct ss_handler *h)
{
    ss_shutdown(h->server);
    return ss_write(h->wfile, "bye", 3);
}

static int do_fail(struct ss_handler *h)
{
    (void)h;
    return -EUCLEAN;
}

static int handle(struct ss_handler *h)
{
    static const struct {
        char command;
        bool again; /* it reads the command itself */
        int (*run)(struct ss_handler *h);
    } commands[] = {{'e', true, do_echo},         {'p', true, do_line},   {'w', true, do_later},
                    {'i', false, do_info},        {'f', false, do_fail},  {'b', false, do_endless},
                    {'s', false, do_slow},        {'x', false, do_stuck}, {'q', false, do_quit},
                    {'c', true, do_chat},         {'k', true, do_chat},   {'l', false, do_reply},
                    {'L', false, do_reply_parked}};
    const char *data;
    ssize_t n = ss_peek(h->rfile, &data, 1);
    if (n <= 0)
        return (int)n;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (*data == commands[i].command) {
            ss_skip(h->rfile, !commands[i].again);
            return commands[i].run(h);
        }
    return -EBADMSG;
}

/* ---- the class ---- */

static struct shared *shared_of(const struct ss_server *self)
{
    return ((struct hub *)self->context)->shared;
}

static int get_request(struct ss_server *self, struct ss_request *request)
{
    int rc = ss_super(self, &Matrix)->get_request(self, request);
    if (rc >= 0)
        shared_of(self)->taken++;
    return rc;
}

static bool verify_request(struct ss_server *self, struct ss_request *request)
{
    if (!shared_of(self)->refuse)
        return ss_super(self, &Matrix)->verify_request(self, request);
    shared_of(self)->turned_away++;
    say(self->context, 'v');
    return false;
}

static void shutdown_request(struct ss_server *self, struct ss_request *request)
{
    shared_of(self)->shut++;
    ss_super(self, &Matrix)->shutdown_request(self, request);
}

static void handle_error(struct ss_server *self, struct ss_request *request, int error)
{
    ss_super(self, &Matrix)->handle_error(self, request, error);
    shared_of(self)->error = error;
    shared_of(self)->failed++;
    if (error == -EUCLEAN)
        say(self->context, 'f');
}

const struct ss_handler_class MatrixHandler = {.handle = handle};

const struct ss_class Matrix = {
    .name = "Matrix",
    .get_request = get_request,
    .verify_request = verify_request,
    .shutdown_request = shutdown_request,
    .handle_error = handle_error,
};
