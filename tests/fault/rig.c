/* SPDX-License-Identifier: MIT */
/* rig CLASS ADDRESS [NAME=VALUE...]: each line that a client sends, and each datagram, is a command of the
   table below, which calls a function of socketserver.h. The answer is a line: "error NAME" says what a
   function has returned. It prints its address once clients can connect. With raw=1 there are no streams and
   no lines: a client is greeted, and gets back what it sends. See rig_ways.h, too. */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TIMEOUT = 5000 /* ms */, LINE = 2000 };

static const struct ss_class Rig;

/* ---------------------------------------------------------------- streams */

/* Bytes that tell by their place whether one of them is missing. */
static void fill(char *data, size_t size, size_t from)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (char)('a' + (from + i) / 7 % 26);
}

static int say(struct ss_handler *h, char *text)
{
    return ss_printf(h->wfile, "%s\n", text);
}

static int big(struct ss_handler *h, char *size)
{
    char data[20000];
    size_t left = strtoul(size, NULL, 10), at = 0;
    int rc = 0;
    for (size_t n; left > 0 && rc == 0; left -= n, at += n) {
        n = at == 0 ? 100 : sizeof data; /* the next piece leaves together with what is in the buffer */
        n = left < n ? left : n;
        fill(data, n, at);
        rc = ss_write(h->wfile, data, n);
    }
    return rc < 0 ? rc : ss_write(h->wfile, "\n", 1);
}

/* The same without waiting in the stream. */
static int big_now(struct ss_handler *h, char *size)
{
    char data[20000];
    size_t left = strtoul(size, NULL, 10), at = 0;
    ssize_t n = 0;
    while (left > 0 && n >= 0) {
        fill(data, left < sizeof data ? left : sizeof data, at);
        n = ss_write_now(h->wfile, data, left < sizeof data ? left : sizeof data);
        if (n == -EAGAIN)
            n = ss_wait(h, SS_ROOM, TIMEOUT) < 0 ? -ETIMEDOUT : 0;
        left -= n > 0 ? (size_t)n : 0;
        at += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? (int)n : ss_write(h->wfile, "\n", 1);
}

static int pieces(struct ss_handler *h, char *text)
{
    struct iovec vector[] = {{text, strlen(text)}, {"-", 1}, {text, strlen(text)}, {"\n", 1}};
    int rc = ss_writev(h->wfile, vector, 4);
    return rc < 0 ? rc : ss_flush(h->wfile);
}

/* More than the buffer holds. */
static int format(struct ss_handler *h, char *width)
{
    return ss_printf(h->wfile, "%*d\n", (int)strtol(width, NULL, 10), 7);
}

static int send_file(struct ss_handler *h, struct ss_stream *s, size_t size)
{
    char *data = ss_alloc(h, size);
    int fd = data ? memfd_create("file", MFD_CLOEXEC) : -1, rc = fd < 0 ? -ENOMEM : 0;
    if (rc == 0)
        fill(data, size, 0);
    if (rc == 0 && write(fd, data, size) != (ssize_t)size)
        rc = -EIO;
    if (rc == 0)
        rc = ss_sendfile(s, fd, 0, size);
    if (fd >= 0)
        close(fd);
    return rc < 0 ? rc : ss_write(s, "\n", 1);
}

static int file(struct ss_handler *h, char *size)
{
    return send_file(h, h->wfile, strtoul(size, NULL, 10));
}

static int write_through(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)more;
    return ss_writev(s->below, vector, count);
}

/* A stream over another one, which cannot send files by itself. */
static const struct ss_stream_class through = {.name = "through", .write = write_through};

static int copy(struct ss_handler *h, char *size)
{
    char *data = ss_alloc(h, 4096);
    struct ss_stream *s = ss_alloc(h, sizeof *s);
    if (!data || !s)
        return -ENOMEM;
    ss_stream_init(s, &through, NULL, NULL, 0, data, 4096);
    s->below = h->wfile;
    int rc = send_file(h, s, strtoul(size, NULL, 10)), flushed = ss_flush(s);
    return rc < 0 ? rc : flushed;
}

static int take(struct ss_handler *h, char *size)
{
    size_t count = strtoul(size, NULL, 10);
    char *data = ss_alloc(h, count), *expected = ss_alloc(h, count);
    ssize_t n = data && expected ? ss_readexactly(h->rfile, data, count) : -ENOMEM;
    if (n < 0)
        return (int)n;
    fill(expected, count, 0);
    return say(h, (size_t)n == count && memcmp(data, expected, count) == 0 ? "taken" : "other bytes");
}

enum { DONE = 2 };

/* The connection ends with input that nobody has read. */
static int leave_input(struct ss_handler *h, char *text)
{
    h->request->linger = true;
    int rc = say(h, text);
    return rc < 0 ? rc : DONE;
}

static int end_output(struct ss_handler *h, char *text)
{
    int rc = say(h, text);
    return rc < 0 ? rc : ss_write_eof(h->wfile);
}

/* ---------------------------------------------------------------- waiting */

static int sleep_for(struct ss_handler *h, char *ms)
{
    int rc = ss_sleep(h->server, (int)strtol(ms, NULL, 10));
    return rc < 0 ? rc : say(h, "slept");
}

/* So many descriptors that can be written, and then one that never can be read. */
static int poll_many(struct ss_handler *h, char *count)
{
    int ends[2], rc = pipe(ends) < 0 ? -errno : 0;
    nfds_t many = strtoul(count, NULL, 10);
    struct pollfd *fds = rc == 0 ? ss_alloc(h, (many + 1) * sizeof *fds) : NULL;
    if (rc == 0 && !fds)
        rc = -ENOMEM;
    for (nfds_t i = 0; i < many && rc == 0; i++)
        fds[i] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    if (rc == 0 && (rc = ss_poll(h->server, fds, many, 1)) == 0) {
        fds[many] = (struct pollfd){.fd = ends[1], .events = POLLOUT};
        rc = ss_poll(h->server, fds, many + 1, TIMEOUT);
    }
    if (fds)
        close(ends[0]), close(ends[1]);
    return rc < 0 ? rc : ss_printf(h->wfile, "%d ready\n", rc);
}

static int seven(void *argument)
{
    (void)argument;
    return 7;
}

static int offload(struct ss_handler *h, char *none)
{
    (void)none;
    int rc = ss_offload(h->server, seven, NULL);
    return rc < 0 ? rc : ss_printf(h->wfile, "%d\n", rc);
}

/* ---------------------------------------------------------------- clients */

#include "rig_clients.h"

/* ---------------------------------------------------------------- shared memory */

static int lock(struct ss_handler *h, char *ms)
{
    unsigned long *number = ss_shared(h->server, &Rig);
    int rc = ss_lock(h->server, &Rig);
    if (rc < 0)
        return rc;
    unsigned long before = *number;
    usleep((useconds_t)(int)strtol(ms, NULL, 10) * 1000);
    bool alone = *number == before;
    ++*number;
    rc = ss_unlock(h->server, &Rig);
    return rc < 0 ? rc : say(h, alone ? "alone" : "not alone");
}

/* ---------------------------------------------------------------- messages */

#include "rig_messages.h"

/* ---------------------------------------------------------------- parking */

static int handle(struct ss_handler *h);

static int go_on(struct ss_handler *h, int why)
{
    if (why < 0)
        return say(h, "bye");
    int rc = why == 0 ? say(h, "idle") : 0;
    if (rc == 0 && why & SS_MESSAGE)
        rc = receive(h);
    if (rc == 0 && why & SS_INPUT) {
        h->request->resume = NULL;
        return handle(h);
    }
    return rc < 0 ? rc : SS_PARK;
}

static int park(struct ss_handler *h, char *none)
{
    (void)none;
    h->request->resume = go_on;
    int rc = say(h, "parked");
    return rc < 0 ? rc : SS_PARK;
}

/* As `park`, and it is woken when so many milliseconds have passed. */
static int doze(struct ss_handler *h, char *ms)
{
    int rc = park(h, NULL);
    h->timeout = (int)strtol(ms, NULL, 10);
    return rc;
}

/* The server itself posts it back, when it serves nobody. */
static int ask_server(struct ss_handler *h, char *text)
{
    struct {
        struct ss_ref from;
        char text[100];
    } letter = {.text = ""};
    struct ss_ref ref;
    int rc = ss_ref(h, &letter.from);
    if (rc == 0)
        rc = ss_server_ref(h->server, &ref);
    strncpy(letter.text, text, sizeof letter.text - 1);
    if (rc == 0)
        rc = ss_post(h->server, ref, &letter, sizeof letter);
    return rc < 0 ? rc : park(h, NULL);
}

/* ---------------------------------------------------------------- commands */

static int add_up(struct ss_handler *h, void *argument)
{
    struct pollfd none[9];
    int rc = 0;
    for (int i = 0; i < 9; i++)
        none[i] = (struct pollfd){.fd = -1};
    if ((rc = ss_poll(h->server, none, 9, 1)) == 0)
        *(int *)argument += 1;
    return rc;
}

static int spawn_two(struct ss_handler *h, char *argument)
{
    int numbers[2] = {0, 0};
    int rc = ss_spawn(h, add_up, &numbers[0]);
    (void)argument;
    if (rc == 0)
        rc = ss_spawn(h, add_up, &numbers[1]);
    int joined = ss_join(h);
    rc = rc < 0 ? rc : joined;
    return rc < 0 ? rc : ss_printf(h->wfile, "spawned %d\n", numbers[0] + numbers[1]);
}

static int set_options(struct ss_handler *h, char *argument)
{
    struct ss_stream *s = h->wfile;
    int rc = ss_set_linger(s, -1);
    (void)argument;
    if (rc == 0)
        rc = ss_set_buffers(s, 100000, 100000);
    if (rc == 0 && h->client_address.u.any.sa_family != AF_UNIX)
        rc = ss_set_keepalive(s, 9, 9, 9);
    return rc < 0 ? rc : ss_printf(h->wfile, "set\n");
}

static int join_and_leave(struct ss_handler *h, char *argument)
{
    int rc = ss_join_group(h->server, argument);
    if (rc == -EADDRINUSE) /* of an earlier play */
        rc = 0;
    if (rc == 0)
        rc = ss_leave_group(h->server, argument);
    return rc < 0 ? rc : ss_printf(h->wfile, "left\n");
}

static int send_by_lo(struct ss_handler *h, char *argument)
{
    struct ss_stream *s;
    int rc = ss_connect(h->server, argument, SOCK_DGRAM, 1000, &s);
    if (rc < 0)
        return rc;
    rc = ss_set_multicast(s, "lo", 1, true);
    ss_close(s);
    return rc < 0 ? rc : ss_printf(h->wfile, "set\n");
}

static int tell_client(struct ss_handler *h, char *argument)
{
    struct ss_credentials who;
    int rc = ss_client_credentials(h->request, &who);
    (void)argument;
    return rc < 0 ? rc : ss_printf(h->wfile, "user %u\n", (unsigned)who.uid);
}

static const struct {
    const char *name;
    int (*run)(struct ss_handler *h, char *argument);
} commands[] = {{"say", say},
                {"big", big},
                {"now", big_now},
                {"pieces", pieces},
                {"format", format},
                {"file", file},
                {"copy", copy},
                {"take", take},
                {"leave", leave_input},
                {"end", end_output},
                {"sleep", sleep_for},
                {"poll", poll_many},
                {"offload", offload},
                {"stream", ask_stream},
                {"datagram", ask_datagram},
                {"alone", ask_alone},
                {"from", ask_from},
                {"from_port", ask_from_port},
                {"find", find_addresses},
                {"service", find_service},
                {"itself", connect_to_itself},
                {"peer", tell_peer},
                {"zone", tell_zone},
                {"options", set_options},
                {"spawn", spawn_two},
                {"group", join_and_leave},
                {"by", send_by_lo},
                {"who", tell_client},
                {"die", die},
                {"pid", tell_pid},
                {"lock", lock},
                {"ref", tell_ref},
                {"post", post},
                {"wait", wait_for_message},
                {"server", ask_server},
                {"subscribe", subscribe},
                {"unsubscribe", unsubscribe},
                {"publish", publish},
                {"subscribers", count_subscribers},
                {"park", park},
                {"doze", doze}};

static uint64_t written(const struct ss_handler *h)
{
    return h->wfile->sent + h->wfile->wend;
}

/* An error after a part of the answer ends the connection. */
static int obey(struct ss_handler *h, char *line)
{
    uint64_t before = written(h);
    line[strcspn(line, "\n")] = 0;
    char *argument = line + strcspn(line, " ");
    int rc = -ENOSYS;
    if (*argument)
        *argument++ = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(line, commands[i].name) == 0)
            rc = commands[i].run(h, argument);
    return rc < 0 && written(h) == before ? ss_printf(h->wfile, "error %s\n", strerrorname_np(-rc)) : rc;
}

static int handle(struct ss_handler *h)
{
    char line[LINE];
    ssize_t n = 1;
    int rc = 0;
    while (rc == 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0)
        rc = obey(h, line);
    return rc == DONE ? 0 : rc ? rc : (int)n;
}

/* A client that has sent nothing yet is greeted. */
static int handle_raw(struct ss_handler *h)
{
    char data[100] = "hello\n";
    int rc = ss_wait(h, SS_INPUT, 0);
    ssize_t n = rc == 0 ? (ssize_t)strlen(data) : rc < 0 ? rc : recv(h->request->fd, data, sizeof data, 0);
    if (n > 0 && send(h->request->fd, data, (size_t)n, MSG_NOSIGNAL) != n)
        n = -ECONNRESET;
    return n > 0 ? SS_PARK : (int)n;
}

/* ---------------------------------------------------------------- the server */

static const struct ss_class Rig = {
    .name = "Rig", .shared_size = sizeof(unsigned long), .handle_message = handle_message, .adopt = adopt};

#include "rig_ways.h"

static int once(struct ss_server *server, void *argument)
{
    (void)server, (void)argument;
    return 1;
}

static int rest(struct ss_server *server, void *argument)
{
    (void)argument;
    return ss_sleep(server, 1);
}

static int serve(struct ss_server *server, const char *way)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_server_bind(server);
    if (rc == 0 && (rc = ss_address_format(&server->server_address, text, sizeof text)) > 0) {
        puts(text);
        fflush(stdout);
        rc = run_as(server, way);
    }
    return rc;
}

static void set(struct ss_server *server, const char *name, unsigned value)
{
    const struct {
        const char *name;
        unsigned *setting;
    } settings[] = {{"workers", &server->workers},
                    {"max_requests", &server->max_requests},
                    {"mode", (unsigned *)&server->socket_mode},
                    {"timeout", (unsigned *)&server->request_timeout},
                    {"write_timeout", (unsigned *)&server->write_timeout},
                    {"rate_window", (unsigned *)&server->rate_window}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(name, settings[i].name) == 0)
            *settings[i].setting = value;
    if (strcmp(name, "reuse_port") == 0)
        server->allow_reuse_port = value;
    if (strcmp(name, "options") == 0) {
        static const char *const groups[] = {"239.255.77.3%lo", NULL};
        server->multicast_groups = groups;
        server->multicast_interface = "lo";
        server->multicast_ttl = server->keepalive = server->keepalive_interval = server->keepalive_probes = 2;
        server->receive_buffer = server->send_buffer = 100000;
        server->allow_broadcast = true;
    }
}

int main(int argc, char **argv)
{
    static const struct ss_handler_class lines = {.handle = handle},
                                         raw = {.base = &BaseRequestHandler, .handle = handle_raw};
    static const struct ss_class circle = {.name = "Circle", .base = &circle};
    const struct ss_class *bases[SS_MAX_BASES] = {&Rig, &circle};
    const struct ss_class *const *named = argc > 2 ? ss_bases(argv[1]) : NULL;
    struct ss_test_server memory = {.thread = NULL};
    struct ss_server *server = &memory.server;
    for (int i = 0; named && named[i] && i < SS_MAX_BASES - 2; i++)
        bases[i + 1] = named[i];
    if (!named && (argc < 3 || strcmp(argv[1], circle.name) != 0))
        return 2;
    bool is_raw = strcmp(argv[argc - 1], "raw=1") == 0;
    int rc = ss_server_init(server, bases, argv[2], is_raw ? &raw : &lines);
    for (int i = 3; i < argc && rc == 0; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals) {
            *equals = 0;
            set(server, argv[i], (unsigned)strtoul(equals + 1, NULL, 0));
        }
    }
    if (rc == 0 && (rc = ss_background(server, rest, NULL)) == 0 &&
        (rc = ss_every(server, 1, once, NULL)) == 0)
        rc = serve(server, argv[argc - 1]);
    ss_server_close(server);
    if (rc < 0)
        fprintf(stderr, "rig: %s: %s\n", argv[2], strerror(-rc));
    return rc < 0 ? 1 : rc;
}
