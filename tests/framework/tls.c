/* SPDX-License-Identifier: MIT */
/* tls CLASS ADDRESS MODE [NAME=VALUE...]: handlers behind TLSMixIn; the modes and the settings are in tables
   below. It prints its address once clients can connect. SIGHUP has the certificates read anew. */
#include "socketserver.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ss_certificate certificates[4];
static const char *protocols[4];
static struct ss_tls tls;

/* ---------------------------------------------------------------- handlers */

static int echo(struct ss_handler *h)
{
    char data[32768];
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ss_write(h->wfile, data, (size_t)n);
    return (int)n;
}

/* One read each time that it is called. */
static int park(struct ss_handler *h)
{
    char data[32768];
    ssize_t n = ss_read(h->rfile, data, sizeof data);
    if (n <= 0)
        return (int)n;
    ss_write(h->wfile, data, (size_t)n);
    return SS_PARK;
}

/* Never waits but in ss_wait. */
static int now(struct ss_handler *h)
{
    char data[32768];
    size_t at = 0, end = 0;
    bool over = false;
    while (!over || at < end) {
        const char *there;
        ssize_t n = at == end ? ss_peek_now(h->rfile, &there, 1) : -EAGAIN;
        if (n == 0)
            over = true;
        if (n > 0) {
            n = n < (ssize_t)sizeof data ? n : (ssize_t)sizeof data;
            memcpy(data, there, (size_t)n);
            ss_skip(h->rfile, (size_t)n);
            at = 0;
            end = (size_t)n;
        }
        ssize_t sent = at < end ? ss_write_now(h->wfile, data + at, end - at) : 0;
        at += sent > 0 ? (size_t)sent : 0;
        int rc = n < 0 && n != -EAGAIN         ? (int)n
                 : sent < 0 && sent != -EAGAIN ? (int)sent
                 : at < end && sent == -EAGAIN ? ss_wait(h, SS_ROOM, 30000)
                 : at == end && !over          ? ss_wait(h, SS_INPUT | SS_REST, 30000)
                                               : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Reads to the end, and says then how much that was, or on stderr how it failed. */
static int count(struct ss_handler *h)
{
    char data[32768];
    size_t all = 0;
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        all += (size_t)n;
    if (n < 0) {
        fprintf(stderr, "failed after %zu: %s\n", all, ss_strerror((int)n));
        return (int)n;
    }
    return ss_printf(h->wfile, "%zu\n", all);
}

/* Says hello, ends its output, and reads on. */
static int half(struct ss_handler *h)
{
    ss_printf(h->wfile, "hello\n");
    int rc = ss_write_eof(h->wfile);
    char line[100] = "";
    ssize_t n = rc < 0 ? rc : ss_readline(h->rfile, line, sizeof line);
    fprintf(stderr, "after the end: %s", line);
    return n < 0 ? (int)n : 0;
}

static int info(struct ss_handler *h)
{
    struct ss_tls_info t;
    char line[10];
    int rc = ss_tls_info(h, &t);
    if (rc < 0)
        return ss_printf(h->wfile, "%s\n", ss_strerror(rc));
    ss_printf(h->wfile, "%s|%s|%s|%s|%s|%s|%s|%d\n", t.version, t.cipher, t.resumed ? "resumed" : "new",
              t.alpn, t.server_name, t.subject, t.fingerprint, (int)getpid());
    return (int)ss_readline(h->rfile, line, sizeof line); /* so that a client's ticket has come */
}

/* One task writes letters all the time, the handler answers lines besides. */
static int write_letters(struct ss_handler *h, void *argument)
{
    int rc = 0;
    (void)argument;
    for (int i = 0; rc >= 0 && i < 200; i++) {
        rc = ss_printf(h->wfile, "%c%05d\n", 'a' + i % 26, i);
        if (rc >= 0)
            rc = ss_flush(h->wfile);
    }
    return rc;
}

static int spawn(struct ss_handler *h)
{
    char line[100];
    ssize_t n = 0;
    int rc = ss_spawn(h, write_letters, NULL);
    while (rc >= 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        rc = ss_printf(h->wfile, "got %s", line);
        if (rc >= 0)
            rc = ss_flush(h->wfile);
    }
    int joined = rc < 0 ? 0 : ss_join(h);
    return rc < 0 ? rc : n < 0 ? (int)n : joined;
}

/* The task reads, and the handler writes what it has read. */
static int read_aside(struct ss_handler *h, void *argument)
{
    char data[32768];
    size_t *all = argument;
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        *all += (size_t)n;
    return (int)n;
}

static int spawn_reader(struct ss_handler *h)
{
    size_t all = 0;
    char line[8];
    ssize_t n = ss_readline(h->rfile, line, sizeof line); /* more may have come in the same piece */
    int rc = n <= 0 ? (int)n : ss_spawn(h, read_aside, &all);
    if (rc >= 0)
        rc = ss_printf(h->wfile, "go\n") < 0 ? -EIO : ss_flush(h->wfile);
    if (rc >= 0)
        rc = ss_join(h);
    const char *there;
    ssize_t kept = ss_peek_now(h->rfile, &there, 0);
    return rc < 0 ? rc : ss_printf(h->wfile, "%zu\n", all + (size_t)(kept > 0 ? kept : 0));
}

/* Parked until somebody has a message, or its client has. "say WORD" is for all. */
static int talk(struct ss_handler *h, int why)
{
    struct ss_message message;
    char line[100];
    if (why < 0)
        return ss_printf(h->wfile, "bye\n");
    if (why == 0)
        return ss_printf(h->wfile, "idle\n");
    while (ss_receive(h, &message) == 0)
        ss_write(h->wfile, message.data, message.size);
    ssize_t n = 1;
    while (n > 0 && (n = ss_readline_now(h->rfile, line, sizeof line)) > 0)
        if (strncmp(line, "say ", 4) == 0)
            ss_publish(h->server, "room", line + 4, strlen(line + 4));
    if (n != -EAGAIN)
        return (int)n;
    h->timeout = 60000;
    return SS_PARK;
}

static int chat(struct ss_handler *h)
{
    int rc = ss_subscribe(h, "room", SS_DROP_OLDEST);
    h->request->resume = talk;
    h->timeout = 60000;
    ss_printf(h->wfile, "in\n");
    return rc < 0 ? rc : SS_PARK;
}

static int file(struct ss_handler *h)
{
    char line[300];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    line[strcspn(line, "\n")] = '\0';
    int fd = n > 0 ? open(line, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return -EINVAL;
    off_t size = lseek(fd, 0, SEEK_END);
    ss_printf(h->wfile, "%ld\n", (long)size);
    int rc = ss_sendfile(h->wfile, fd, 0, (size_t)size);
    close(fd);
    return rc;
}

static int answer_plain(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    return n < 0 ? (int)n : ss_printf(h->wfile, "this is TLS, and not %s", line);
}

static const struct mode {
    const char *name;
    struct ss_handler_class class;
} modes[] = {
    {"echo", {.handle = echo}},
    {"park", {.handle = park}},
    {"now", {.handle = now}},
    {"count", {.handle = count}},
    {"half", {.handle = half}},
    {"info", {.handle = info}},
    {"spawn", {.handle = spawn}},
    {"spawn_reader", {.handle = spawn_reader}},
    {"chat", {.handle = chat}},
    {"file", {.handle = file}},
    {"raw", {.base = &BaseRequestHandler}},
};

static const struct ss_handler_class *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i].class;
    return NULL;
}

/* ---------------------------------------------------------------- settings */

static bool begins(const char *text, const char *name, const char **value)
{
    size_t size = strlen(name);
    if (strncmp(text, name, size) != 0 || text[size] != '=')
        return false;
    *value = text + size + 1;
    return true;
}

static int set(struct ss_server *server, const char *text)
{
    static unsigned count, named;
    const char *value = strchr(text, '=');
    long number = value ? strtol(value + 1, NULL, 10) : 0;
    if (begins(text, "cert", &value) && count < 3)
        certificates[count++].certfile = value;
    else if (begins(text, "key", &value) && count)
        certificates[count - 1].keyfile = value;
    else if (begins(text, "password", &value) && count)
        certificates[count - 1].password_file = value;
    else if (begins(text, "client_ca", &value))
        tls.client_ca = value;
    else if (begins(text, "optional", &value))
        tls.client_optional = true;
    else if (begins(text, "alpn", &value) && named < 3)
        protocols[named++] = value;
    else if (begins(text, "min", &value))
        tls.minimum_version = (int)number;
    else if (begins(text, "handshake", &value))
        tls.handshake_timeout = (int)number;
    else if (begins(text, "plain", &value))
        tls.not_tls = answer_plain;
    else if (begins(text, "workers", &value))
        server->workers = (unsigned)number;
    else if (begins(text, "buffer", &value))
        server->buffer_size = (size_t)number;
    else
        return -1;
    return 0;
}

static volatile sig_atomic_t hangups;

static void hang_up(int signal)
{
    (void)signal;
    hangups++;
}

static int look_for_hangups(struct ss_server *self, void *argument)
{
    static sig_atomic_t seen;
    (void)argument;
    if (seen == hangups)
        return 0;
    seen = hangups;
    int rc = ss_tls_reload(self);
    fprintf(stderr, "reloaded: %s\n", rc < 0 ? ss_reason() : "good");
    return 0;
}

static int serve(struct ss_server *server)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_server_bind(server);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", ss_strerror(rc), ss_reason());
        return rc;
    }
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = hang_up, .sa_flags = SA_RESTART}, NULL);
    rc = ss_every(server, 20, look_for_hangups, NULL);
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
    int rc = 0;
    for (int i = 4; rc == 0 && i < argc; i++)
        rc = set(&server, argv[i]);
    tls.certificates = certificates->certfile ? certificates : NULL;
    tls.alpn_protocols = *protocols ? protocols : NULL;
    server.tls = &tls;
    rc = rc < 0 ? 2 : serve(&server);
    ss_server_close(&server);
    return rc < 0 ? 1 : rc;
}
