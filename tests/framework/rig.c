/* SPDX-License-Identifier: MIT */
/* rig CLASS ADDRESS MODE [NAME=VALUE...]: the handlers that the tests of the framework talk to; the modes are
   in a table below, the settings at the end. It prints its address once clients can connect. */
#include "socketserver.h"
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int hold = -1; /* a descriptor: what waits for it goes on when it can be read */

/* ---------------------------------------------------------------- streams */

static int echo(struct ss_handler *h)
{
    char data[4096];
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ss_write(h->wfile, data, (size_t)n);
    return (int)n;
}

/* One read each time that it is called. */
static int park(struct ss_handler *h)
{
    char data[16384];
    ssize_t n = ss_read(h->rfile, data, sizeof data);
    if (n <= 0)
        return (int)n;
    ss_write(h->wfile, data, (size_t)n);
    return SS_PARK;
}

static int lines(struct ss_handler *h)
{
    char line[4096];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ss_write(h->wfile, line, (size_t)n);
    return (int)n;
}

/* The same with urgent bytes among the others, where they were sent. */
static int inline_lines(struct ss_handler *h)
{
    int on = 1;
    return setsockopt(h->request->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) < 0 ? -errno : lines(h);
}

/* Each line is the address of a datagram server, whose answer to "q" it gets. */
static int ask(struct ss_handler *h)
{
    char line[SS_ADDRESS_TEXT], answer[100];
    ssize_t n = 1;
    while (n >= 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        struct ss_stream *s;
        line[strcspn(line, "\n")] = 0;
        int rc = ss_connect(h->server, line, SOCK_DGRAM, 5000, &s);
        if (rc < 0)
            return rc;
        ss_write(s, "q", 1);
        n = ss_read(s, answer, sizeof answer - 1);
        answer[n > 0 ? n : 0] = 0;
        ss_printf(h->wfile, "%s\n", answer);
        ss_close(s);
    }
    return (int)n;
}

/* A request that takes a while. */
static int slow(struct ss_handler *h)
{
    char line[16];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    ss_write(h->wfile, "begun\n", 6);
    ss_flush(h->wfile);
    int rc = ss_sleep(h->server, 400);
    return rc < 0 ? rc : ss_write(h->wfile, "done\n", 5);
}

/* The pieces are so small that a client reads them faster than they are written. */
static int endless(struct ss_handler *h)
{
    int rc = 0;
    while (rc == 0) {
        ss_write(h->wfile, "x", 1);
        rc = ss_flush(h->wfile);
    }
    return rc;
}

/* As many bytes as a line says. */
static int big(struct ss_handler *h)
{
    static const char zeros[65536];
    char line[16];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    int rc = n < 0 ? (int)n : 0;
    for (long left = n > 0 ? strtol(line, NULL, 10) : 0; left > 0 && rc == 0; left -= (long)sizeof zeros)
        rc = ss_write(h->wfile, zeros, left < (long)sizeof zeros ? (size_t)left : sizeof zeros);
    return rc;
}

/* ---------------------------------------------------------------- waiting */

static int block(void *ms)
{
    return usleep(*(useconds_t *)ms * 1000);
}

/* Each line: a call that blocks for so many milliseconds. */
static int offload(struct ss_handler *h)
{
    char line[16];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        useconds_t ms = (useconds_t)strtoul(line, NULL, 10);
        if (ss_offload(h->server, block, &ms) < 0)
            return -EIO;
        ss_write(h->wfile, line, (size_t)n);
    }
    return (int)n;
}

/* A line each time that it is called: what blocks the thread for so many milliseconds, and tells nobody. */
static int nap(struct ss_handler *h)
{
    char line[16];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    useconds_t ms = (useconds_t)strtoul(line, NULL, 10);
    (void)block(&ms);
    ss_write(h->wfile, line, (size_t)n);
    return SS_PARK;
}

/* A byte each time that it is called: "w" lets others run. Then it tells the turn. */
static int turn(struct ss_handler *h)
{
    char byte;
    ssize_t n = ss_read(h->rfile, &byte, 1);
    if (n <= 0)
        return (int)n;
    uint64_t before = ss_turn(h->server);
    int rc = byte == 'w' ? ss_sleep(h->server, 0) : 0;
    if (rc < 0)
        return rc;
    ss_printf(h->wfile, "%" PRIu64 " %" PRIu64 "\n", before, ss_turn(h->server));
    return SS_PARK;
}

static int poll_input(struct ss_handler *h, int ms)
{
    struct pollfd fd = {.fd = h->request->fd, .events = POLLIN};
    return ss_poll(h->server, &fd, 1, ms);
}

static int answer(struct ss_handler *h, int number)
{
    return dprintf(h->request->fd, "%d\n", number) < 0 ? -errno : 0;
}

/* What comes after ss_poll has waited in vain is read without it: does it tell of that all the same? */
static int told_late(struct ss_handler *h)
{
    char data[16];
    int rc = poll_input(h, 10);
    if (rc == 0)
        rc = answer(h, 0);
    while (rc == 0 && recv(h->request->fd, data, sizeof data, 0) < 0)
        rc = ss_sleep(h->server, 10);
    return rc < 0 ? rc : answer(h, poll_input(h, 100));
}

/* What ss_poll tells of is there for a stream that had found nothing before. */
static int peek_polled(struct ss_handler *h)
{
    char data[16];
    const char *more = NULL;
    ssize_t n = ss_read(h->rfile, data, sizeof data);
    if (n <= 0)
        return (int)n;
    ss_write(h->wfile, data, (size_t)n);
    ss_flush(h->wfile);
    n = poll_input(h, -1);
    if (n > 0)
        n = ss_peek_now(h->rfile, &more, 1);
    return n < 0 ? (int)n : ss_write(h->wfile, more, (size_t)n);
}

/* Input in small bites; each '?' among it is answered. */
static int bites(struct ss_handler *h)
{
    char data[4];
    int rc = 0;
    while (rc == 0) {
        ssize_t n = recv(h->request->fd, data, sizeof data, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        if (n > 0 && memchr(data, '?', (size_t)n))
            rc = answer(h, 1);
        if (rc == 0 && poll_input(h, -1) < 0)
            rc = -ECANCELED;
    }
    return rc;
}

/* Waits for what each line says, and tells what has come: events as poll(2) numbers them. */
static int poll_as(struct ss_handler *h)
{
    char line[16], data[16];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        struct pollfd fd = {.fd = h->request->fd, .events = (short)strtol(line, NULL, 10)};
        ss_write(h->wfile, "waiting\n", 8);
        if ((n = ss_flush(h->wfile)) < 0 || (n = ss_poll(h->server, &fd, 1, 5000)) < 0)
            break;
        ss_printf(h->wfile, "%d %d\n", (int)n, fd.revents);
        if (recv(fd.fd, data, sizeof data, fd.revents & POLLPRI ? MSG_OOB | MSG_DONTWAIT : MSG_DONTWAIT) < 0)
            return -errno;
    }
    return (int)n;
}

/* As much as there is room for, and when there is more, another byte. */
static int fill(struct ss_handler *h)
{
    static const char zeros[65536];
    struct pollfd fd = {.fd = h->request->fd, .events = POLLWRNORM};
    while (send(fd.fd, zeros, sizeof zeros, MSG_NOSIGNAL) > 0)
        ;
    int rc = ss_poll(h->server, &fd, 1, 5000);
    return rc < 0 ? rc : ss_write(h->wfile, rc == 1 && fd.revents == POLLWRNORM ? "y" : "n", 1);
}

/* Answers a line, and does to its descriptor what that says: c closes it, f says so, p parks nevertheless, d
   goes on with another one, t opens its number again and waits there. */
static int closing(struct ss_handler *h)
{
    static atomic_int waited;
    char line[16];
    int *fd = &h->request->fd, own = *fd;
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    if (*line == '?')
        n = ss_printf(h->wfile, "%d\n", atomic_load(&waited));
    else
        n = ss_write(h->wfile, line, (size_t)n);
    if (n < 0 || ss_flush(h->wfile) < 0)
        return (int)n;
    if (*line == 'd')
        *fd = dup(own);
    if (strchr("cfpd", *line))
        close(own);
    if (strchr("fpt", *line))
        *fd = -1;
    if (*line == 't') {
        struct itimerspec soon = {.it_value = {.tv_nsec = 20000000}};
        struct pollfd timer = {.fd = own, .events = POLLIN};
        int other = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        timerfd_settime(other, 0, &soon, NULL);
        dup2(other, own);
        close(other);
        if (ss_poll(h->server, &timer, 1, 5000) == 1)
            atomic_fetch_add(&waited, 1);
        close(own);
    }
    return strchr("cfdt", *line) ? 0 : SS_PARK;
}

/* A process that has all which is open here until "hold" ends, and is no child of ours. */
static void leave_helper(void)
{
    char byte;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0)
            (void)!read(hold, &byte, 1);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* Each line is the last. */
static int helper(struct ss_handler *h)
{
    char line[16];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    if (strncmp(line, "help", 4) == 0)
        leave_helper();
    return ss_write(h->wfile, line, (size_t)n);
}

/* Which thread serves? */
static int thread(struct ss_handler *h)
{
    return ss_printf(h->wfile, "%d\n", (int)gettid());
}

/* ---------------------------------------------------------------- datagrams */

static int peek_datagram(struct ss_handler *h)
{
    const char *data;
    ssize_t n = ss_peek(h->rfile, &data, 10);
    return n < 0 ? (int)n : ss_write(h->wfile, data, (size_t)n);
}

/* Datagrams are counted; "?" asks how many there were. */
static int count(struct ss_handler *h)
{
    static atomic_int counted;
    const char *data;
    ssize_t n = ss_peek(h->rfile, &data, 1);
    if (n == 1 && *data == '?')
        return ss_printf(h->wfile, "%d", atomic_load(&counted));
    if (n == 4) {
        struct pollfd fd = {.fd = hold, .events = POLLIN};
        (void)ss_poll(h->server, &fd, 1, -1);
    }
    atomic_fetch_add(&counted, 1);
    return 0;
}

/* ---------------------------------------------------------------- modes */

static const struct mode {
    const char *name;
    struct ss_handler_class handler;
} modes[] = {
    {"echo", {.handle = echo}},
    {"park", {.handle = park}},
    {"lines", {.handle = lines}},
    {"inline_lines", {.handle = inline_lines}},
    {"ask", {.handle = ask}},
    {"poll_as", {.handle = poll_as}},
    {"fill", {.handle = fill}},
    {"closing", {.handle = closing}},
    {"helper", {.handle = helper}},
    {"thread", {.handle = thread}},
    {"slow", {.handle = slow}},
    {"endless", {.handle = endless}},
    {"big", {.handle = big}},
    {"offload", {.handle = offload}},
    {"nap", {.handle = nap}},
    {"turn", {.handle = turn}},
    {"told_late", {.base = &BaseRequestHandler, .handle = told_late}},
    {"peek_polled", {.handle = peek_polled}},
    {"bites", {.base = &BaseRequestHandler, .handle = bites}},
    {"peek_datagram", {.handle = peek_datagram}},
    {"count", {.handle = count}},
};

static const struct ss_handler_class *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i].handler;
    return NULL;
}

/* ---------------------------------------------------------------- a thread in getchar() */

static int typist[2] = {-1, -1}; /* the standard input, and who types */
static pthread_t reader;

static void *read_input(void *argument)
{
    (void)getchar();
    return argument;
}

/* Returns when the thread sits there. */
static int start_reader(void)
{
    if (pipe(typist) < 0 || dup2(typist[0], STDIN_FILENO) < 0 ||
        pthread_create(&reader, NULL, read_input, NULL))
        return -1;
    while (ftrylockfile(stdin) == 0) {
        funlockfile(stdin);
        usleep(1000);
    }
    return 0;
}

static void stop_reader(void)
{
    if (typist[1] >= 0 && write(typist[1], "\n", 1) == 1)
        pthread_join(reader, NULL);
}

/* ---------------------------------------------------------------- settings */

/* The last byte of a group's address, 239.255.77.x on the loopback interface; 0: none. */
static int group;

static int set(struct ss_server *server, const char *name, int number)
{
    if (strcmp(name, "workers") == 0)
        server->workers = (unsigned)number;
    else if (strcmp(name, "max_requests") == 0)
        server->max_requests = (unsigned)number;
    else if (strcmp(name, "per_client") == 0)
        server->max_requests_per_client = (unsigned)number;
    else if (strcmp(name, "max_threads") == 0)
        server->max_threads = (unsigned)number;
    else if (strcmp(name, "max_waiting") == 0)
        server->max_waiting = (unsigned)number;
    else if (strcmp(name, "request_timeout") == 0)
        server->request_timeout = number;
    else if (strcmp(name, "shutdown_timeout") == 0)
        server->shutdown_timeout = number;
    else if (strcmp(name, "group") == 0)
        group = number;
    else if (strcmp(name, "hold") == 0)
        hold = number;
    else if (strcmp(name, "getchar") == 0)
        return start_reader();
    else
        return -1;
    return 0;
}

static int set_all(struct ss_server *server, char **settings)
{
    for (; *settings; settings++) {
        char *value = strchr(*settings, '=');
        if (!value)
            return -1;
        *value = 0;
        if (set(server, *settings, (int)strtol(value + 1, NULL, 10)) < 0)
            return -1;
    }
    return 0;
}

static int join_group(const struct ss_server *server)
{
    struct ip_mreqn where = {.imr_multiaddr.s_addr = htonl(0xefff4d00U + (unsigned)group),
                             .imr_address.s_addr = htonl(INADDR_LOOPBACK)};
    return setsockopt(server->socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &where, sizeof where) < 0 ? -errno : 0;
}

static int serve(struct ss_server *server)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_server_bind(server);
    if (rc == 0 && group)
        rc = join_group(server);
    if (rc == 0 && (rc = ss_address_format(&server->server_address, text, sizeof text)) > 0) {
        puts(text);
        fflush(stdout);
        rc = ss_run_server(server);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct ss_server server;
    const struct ss_handler_class *handler = argc > 3 ? find_mode(argv[3]) : NULL;
    const struct ss_class *const *bases = handler ? ss_bases(argv[1]) : NULL;
    if (!bases || ss_server_init(&server, bases, argv[2], handler) < 0)
        return 2;
    int rc = set_all(&server, argv + 4) < 0 ? -EINVAL : serve(&server);
    ss_server_close(&server);
    stop_reader();
    if (rc < 0)
        fprintf(stderr, "rig: %s\n", strerror(-rc));
    return rc < 0 ? 1 : rc;
}
