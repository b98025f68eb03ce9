/* SPDX-License-Identifier: MIT */
/* Connections that leave HTTP. The new protocol, "lines/1", answers each line with "> " before it; "quit"
   ends it. GET /lines speaks it in straight code, GET /parked with a parked connection; the other paths do
   something besides, or wrong. CONNECT relays to the address that it names. */
#include "settings.h"
#include <errno.h>
#include <sys/socket.h>

static int answer_lines(struct ss_handler *h)
{
    char line[200];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0 && strcmp(line, "quit\n") != 0)
        ss_printf(h->wfile, "> %s", line);
    return (int)(n < 0 ? n : 0);
}

static int speak_lines(struct ss_handler *h)
{
    int rc = http_upgrade(h, "lines/1");
    return rc < 0 ? rc : answer_lines(h);
}

/* ---- parked ---- */

struct state {
    int idle, lines;
};

static int go_on(struct ss_handler *h, int why)
{
    char line[200];
    struct state *state = h->request->data;
    if (why < 0)
        return ss_printf(h->wfile, "bye after %d\n", state->lines);
    if (why == 0)
        ss_printf(h->wfile, "ping\n");
    if (why & SS_INPUT) {
        ssize_t n = ss_readline(h->rfile, line, sizeof line);
        if (n <= 0 || strcmp(line, "quit\n") == 0)
            return (int)(n < 0 ? n : 0);
        ss_printf(h->wfile, "%d> %s", ++state->lines, line);
    }
    h->timeout = state->idle;
    return SS_PARK;
}

static int park(struct ss_handler *h)
{
    const char *idle = http_header(h, "X-Idle");
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    state->idle = idle ? (int)strtol(idle, NULL, 10) : 60000;
    h->request->data = state;
    h->request->free_data = free;
    h->timeout = state->idle;
    return SS_PARK;
}

static int speak_parked(struct ss_handler *h)
{
    h->request->resume = go_on;
    int rc = http_upgrade(h, "lines/1");
    return rc < 0 ? rc : park(h);
}

/* ---- both ways: each line goes to all others that have upgraded ---- */

/* Passes on what there is: messages to the client, its lines to the others. 0, -EAGAIN: the line is not
   whole, 1: that was all. */
static int pass_on(struct ss_handler *h)
{
    char line[200];
    struct ss_message message;
    ssize_t n;
    while (ss_receive(h, &message) == 0)
        ss_write(h->wfile, message.data, message.size);
    while ((n = ss_readline_now(h->rfile, line, sizeof line)) > 0) {
        int rc = ss_publish_others(h, "room", line, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return n == 0 ? 1 : (int)n;
}

static int go_on_talking(struct ss_handler *h, int why)
{
    if (why < 0)
        return ss_printf(h->wfile, "bye\n");
    int rc = pass_on(h);
    return rc == -EAGAIN ? SS_PARK : rc < 0 ? rc : 0;
}

static int enter(struct ss_handler *h)
{
    int rc = http_upgrade(h, "lines/1");
    if (rc == 0)
        rc = ss_subscribe(h, "room", SS_END);
    return rc < 0 ? rc : ss_printf(h->wfile, "welcome\n");
}

static int talk_parked(struct ss_handler *h)
{
    int rc = enter(h);
    h->request->resume = go_on_talking;
    return rc < 0 ? rc : SS_PARK;
}

static int talk_straight(struct ss_handler *h)
{
    int rc = enter(h);
    while (rc >= 0 && ((rc = pass_on(h)) == -EAGAIN))
        rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1);
    return rc < 0 ? rc : 0;
}

/* Its mistake: nobody knows how the connection goes on. */
static int forget_resume(struct ss_handler *h)
{
    int rc = http_upgrade(h, "lines/1");
    return rc < 0 ? rc : SS_PARK;
}

static int return_number(struct ss_handler *h)
{
    int rc = http_upgrade(h, "lines/1");
    return rc < 0 ? rc : 2;
}

/* ---- with something besides ---- */

static int send_own_fields(struct ss_handler *h)
{
    http_send_response(h, 101, NULL);
    http_send_header(h, "X-Own", http_request(h)->path);
    http_send_header(h, "Connection", "Upgrade"); /* these are there once, all the same */
    http_send_header(h, "Upgrade", "lines/1");
    return speak_lines(h);
}

static int read_body(struct ss_handler *h)
{
    char data[10];
    ssize_t n = ss_readexactly(h->rfile, data, sizeof data);
    int rc = n < 0 ? (int)n : http_upgrade(h, "lines/1");
    if (rc < 0)
        return rc;
    ss_printf(h->wfile, "%.*s\n", (int)n, data);
    return answer_lines(h);
}

static int try_two(struct ss_handler *h)
{
    int rc = http_upgrade(h, "lines/2");
    if (rc == -EPROTO)
        rc = http_upgrade(h, "lines/1");
    return rc < 0 ? rc : answer_lines(h);
}

static int answer_otherwise(struct ss_handler *h)
{
    return http_upgrade(h, "lines/1") == -EPROTO ? http_reply(h, 200, "text/plain", "plain", 5)
                                                 : answer_lines(h);
}

static int fail(struct ss_handler *h)
{
    int rc = http_upgrade(h, "lines/1");
    return rc < 0 ? rc : -EIO;
}

/* What http_upgrade returns where it must not be called. */
static int show_errors(struct ss_handler *h)
{
    static const char *const names[] = {"", "/", "a/", "/1", "a b", "a,b", "a/1/2", "a\r\nX: y", "\xc3\xa4"};
    int all = -EINVAL, begun, again;
    for (size_t i = 0; i < sizeof names / sizeof *names && all == -EINVAL; i++)
        all = http_upgrade(h, names[i]);
    int connected = http_upgrade(h, NULL);
    http_send_response(h, 200, NULL);
    begun = http_upgrade(h, "lines/1");
    http_send_response(h, 101, NULL);
    int ended = http_end_headers(h);
    int rc = http_upgrade(h, "lines/1");
    again = http_upgrade(h, "lines/1");
    int response = http_send_response(h, 200, NULL), error = http_send_error(h, 500, NULL, NULL);
    ss_printf(h->wfile, "%d %d %d %d %d %d %d\n", all == -EINVAL, connected == -EINVAL, begun == -EALREADY,
              ended == -EINVAL, again == -EALREADY, response == -EALREADY, error == -EALREADY);
    return rc;
}

/* 101 without http_upgrade: a mistake. */
static int send_101(struct ss_handler *h)
{
    http_send_response(h, 101, NULL);
    http_send_header(h, "Upgrade", "lines/1");
    return 0;
}

static const struct {
    const char *path;
    int (*run)(struct ss_handler *);
} paths[] = {{"/lines", speak_lines},
             {"/parked", speak_parked},
             {"/forget", forget_resume},
             {"/number", return_number},
             {"/own", send_own_fields},
             {"/body", read_body},
             {"/two", try_two},
             {"/errors", show_errors},
             {"/otherwise", answer_otherwise},
             {"/fail", fail},
             {"/101", send_101},
             {"/talk", talk_straight},
             {"/talk-parked", talk_parked}};

static int do_path(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(path, paths[i].path) == 0)
            return paths[i].run(h);
    return http_reply(h, 200, "text/plain", path, strlen(path));
}

static const struct http_handler_class Inner = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                .methods = HTTP_METHODS({"GET", do_path})};

static int choose(struct ss_handler *h)
{
    return http_header(h, "X-Delegate") ? http_delegate(h, &Inner) : do_path(h);
}

/* A slot `before` may take the connection, too. */
static int before(struct ss_handler *h)
{
    return http_header(h, "X-Before") ? speak_parked(h) : 0;
}

/* ---- a tunnel ---- */

struct way {
    int from, to;
    bool eof, done;
    size_t at, end;
    char data[65536];
};

/* Moves what can be moved now. 0 or -errno. */
static int move(struct way *w)
{
    for (;;) {
        while (w->at < w->end) {
            ssize_t n = send(w->to, w->data + w->at, w->end - w->at, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
            w->at += (size_t)n;
        }
        if (w->eof && !w->done)
            shutdown(w->to, SHUT_WR);
        w->done = w->eof;
        if (w->done)
            return 0;
        ssize_t n = recv(w->from, w->data, sizeof w->data, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        w->at = 0;
        w->end = (size_t)n;
        w->eof = n == 0;
    }
}

static int wait_for_either(struct ss_server *self, const struct way w[2])
{
    struct pollfd p[2] = {{.fd = w[0].from}, {.fd = w[1].from}};
    for (int i = 0; i < 2; i++)
        if (w[i].at < w[i].end)
            p[!i].events |= POLLOUT;
        else if (!w[i].eof)
            p[i].events |= POLLIN;
    for (int i = 0; i < 2; i++)
        if (!p[i].events)
            p[i].fd = -1;
    return ss_poll(self, p, 2, 50);
}

/* Both ways at once, first what the client has sent together with its request. */
static int relay(struct ss_handler *h, struct ss_stream *to)
{
    const char *early;
    struct way *w = ss_alloc(h, 2 * sizeof *w);
    ssize_t n = w ? ss_peek(h->rfile, &early, 0) : -ENOMEM;
    if (n < 0)
        return (int)n;
    memset(w, 0, 2 * sizeof *w);
    w[0].from = w[1].to = h->request->fd;
    w[0].to = w[1].from = to->fd;
    memcpy(w[0].data, early, w[0].end = (size_t)n);
    ss_skip(h->rfile, (size_t)n);
    int rc = 1;
    while (rc > 0 || (rc == 0 && !ss_draining(h->server))) {
        if ((rc = move(&w[0])) < 0 || (rc = move(&w[1])) < 0 || (w[0].done && w[1].done))
            break;
        rc = wait_for_either(h->server, w);
    }
    return rc < 0 ? rc : 0;
}

static int do_CONNECT(struct ss_handler *h)
{
    struct ss_stream *to;
    if (http_header(h, "X-Wrong"))
        return http_upgrade(h, "lines/1");
    int rc = ss_connect(h->server, http_request(h)->path, SOCK_STREAM, 5000, &to);
    if (rc < 0)
        return http_send_error(h, 502, NULL, NULL);
    rc = http_upgrade(h, NULL);
    if (rc == 0)
        rc = relay(h, to);
    ss_close(to);
    return rc;
}

static const struct http_handler_class Upgrading = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", choose}, {"POST", choose}, {"OPTIONS", choose}, {"CONNECT", do_CONNECT}),
    .before = before,
    .delegates = HTTP_DELEGATES(&Inner),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Upgrading);
}
