/* SPDX-License-Identifier: MIT */
/* load_http: asks an HTTP/1.1 server for one thing again and again; see load.h.

   load_http [-c CONNECTIONS] [-s SECONDS | -n REQUESTS] [-p DEPTH] [-1] [-H FIELD]... [-b BYTES] [-g KIND]
   [-f FILE] PORT PATH

     -p  so many requests at once on each connection (pipelining)
     -1  a connection for each request: "Connection: close", and the next one when the server has closed
     -H  a further header field; each @ in it: 4 to 16 hexadecimal digits of the connection's own
     -b  POST with a body of so many bytes
     -g  one client more, whose requests do not count: pipeline:/path asks for it without end and takes all
         answers, slow:/path asks once and reads a byte a second, upload:/path posts chunks without end
     -f  the body of every answer has the length of this file, and that of a connection's first answer its
   content

   Every answer must be a 200 with a Content-Length and a body of that length. */
#include "greedy.h"
#include "load.h"
#include <strings.h>
#include <unistd.h>

enum { HEAD_SIZE = 4096, BUFFER_SIZE = 64 * 1024 };

struct connection {
    int fd;
    unsigned owed; /* answers to the requests sent */
    bool connected;
    bool checking; /* the content of this answer's body */
    bool ending;   /* answered, and the server has yet to close */
    char *batch;   /* of requests, one behind the other */
    size_t request_size;
    size_t sent;      /* of the batch */
    size_t body;      /* bytes that this answer's body still has */
    size_t head_size; /* of a head that is not yet complete */
    uint64_t began;
    char head[HEAD_SIZE];
};

static struct load load = {.connections = 64, .seconds = 1};
static struct {
    unsigned depth;
    bool one_each;
    const char *port, *path;
    char fields[HEAD_SIZE];
    long body;           /* bytes of a POST; < 0: GET */
    const char *content; /* NULL: any */
    size_t content_size;
} want = {.depth = 1, .body = -1};
static struct greedy greedy = {.fd = -1};
static bool has_greedy;

/* Sends the next batch of requests, if there is to be one. */
static void ask(struct connection *c)
{
    for (c->owed = 0; c->owed < want.depth && load_begin(&load); c->owed++)
        ;
    if (c->owed == 0)
        return;
    c->sent = 0;
    c->began = nanoseconds();
    load_send(c->fd, c->batch, c->request_size * c->owed, &c->sent);
}

static void dial(struct connection *c)
{
    c->fd = load_connect(&load, SOCK_STREAM, c);
    c->head_size = c->body = 0;
    c->owed = 0;
    c->connected = c->ending = false;
    c->checking = want.content != NULL;
}

static void redial(struct connection *c)
{
    close(c->fd);
    dial(c);
}

static const char *field(const char *head, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line))) != NULL;)
        if ((size_t)(end - ++line) > length && strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    return NULL;
}

/* The head from `head` to `end`, blank line included. */
static void begin_answer(struct connection *c, const char *head, const char *end)
{
    const char *length = field(head, end, "Content-Length");
    if (end - head < 17 || memcmp(head, "HTTP/1.", 7) != 0 || memcmp(head + 8, " 200 ", 5) != 0)
        DIE("not a good answer: %.*s", (int)strcspn(head, "\r\n"), head);
    if (!length)
        DIE("no Content-Length");
    c->body = strtoull(length, NULL, 10);
    if (want.content && c->body != want.content_size)
        DIE("Content-Length is %zu, not %zu", c->body, want.content_size);
}

static void end_answer(struct connection *c)
{
    load_done(&load, c->began);
    c->checking = false;
    if (c->owed == 0)
        DIE("an answer that nobody has asked for");
    if (--c->owed > 0)
        return;
    if (want.one_each)
        c->ending = true;
    else
        ask(c);
}

/* Takes a head, or the part of one that is here; how many bytes that is. */
static size_t take_head(struct connection *c, const char *data, size_t size)
{
    const char *end = c->head_size ? NULL : memmem(data, size, "\r\n\r\n", 4);
    if (end) {
        begin_answer(c, data, end + 4);
        return (size_t)(end + 4 - data);
    }
    size_t before = c->head_size, room = HEAD_SIZE - before, part = size < room ? size : room;
    memcpy(c->head + before, data, part);
    c->head_size += part;
    end = memmem(c->head, c->head_size, "\r\n\r\n", 4);
    if (!end && c->head_size == HEAD_SIZE)
        DIE("a head of more than %d bytes", HEAD_SIZE);
    if (!end)
        return part;
    c->head_size = 0;
    begin_answer(c, c->head, end + 4);
    return (size_t)(end + 4 - c->head) - before;
}

static size_t take_body(struct connection *c, const char *data, size_t size)
{
    size_t part = size < c->body ? size : c->body;
    if (c->checking && memcmp(data, want.content + want.content_size - c->body, part) != 0)
        DIE("wrong content");
    c->body -= part;
    return part;
}

static void take(struct connection *c, const char *data, size_t size)
{
    load.bytes += size;
    for (size_t part; size > 0; data += part, size -= part) {
        if (c->owed == 0)
            DIE("%zu bytes that nobody has asked for", size);
        part = c->body ? take_body(c, data, size) : take_head(c, data, size);
        if (c->body == 0 && c->head_size == 0)
            end_answer(c);
    }
}

/* A body whose content was checked before is dropped by the kernel; whether more can be read at once. */
static bool drop_body(struct connection *c)
{
    size_t size = c->body;
    ssize_t n = recv(c->fd, NULL, size, MSG_TRUNC);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0)
        DIE("%zu bytes before the end: %s", size, n ? strerror(errno) : "closed");
    load.bytes += (size_t)n;
    c->body -= (size_t)n;
    if (c->body == 0)
        end_answer(c);
    return (size_t)n == size;
}

/* Readiness is told once, so all is read that is there. */
static void receive(struct connection *c)
{
    static char buffer[BUFFER_SIZE];
    for (;;) {
        if (c->body > BUFFER_SIZE / 2 && !c->checking) {
            if (!drop_body(c))
                return;
            continue;
        }
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            DIE("recv: %s", strerror(errno));
        if (n == 0 && !c->ending)
            DIE("closed with %u answers owed", c->owed);
        if (n == 0) {
            redial(c);
            return;
        }
        take(c, buffer, (size_t)n);
        if ((size_t)n < sizeof buffer && !c->ending)
            return;
    }
}

/* Requests follow when the connection is there, as those of clients further away do. */
static void writable(struct connection *c)
{
    if (c->connected) {
        load_send(c->fd, c->batch, c->request_size * c->owed, &c->sent);
    } else {
        c->connected = true;
        ask(c);
    }
}

static void happened(struct connection *c, uint32_t events)
{
    if (events & EPOLLOUT)
        writable(c);
    if (events & ~(uint32_t)EPOLLOUT)
        receive(c);
}

/* Another number for each `value` (splitmix64). */
static uint64_t scatter(uint64_t value)
{
    value *= 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static void write_fields(FILE *out, uint64_t connection)
{
    uint64_t value = connection * HEAD_SIZE; /* there are fewer '@' in a head */
    char digits[32];
    for (const char *at = want.fields; *at; at++) {
        if (*at == '@') {
            snprintf(digits, sizeof digits, "%016llx", (unsigned long long)scatter(++value));
            digits[4 + value % 13] = '\0';
            fputs(digits, out);
        } else {
            putc(*at, out);
        }
    }
}

static void write_request(FILE *out, uint64_t connection)
{
    fprintf(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n", want.body < 0 ? "GET" : "POST", want.path,
            want.port);
    if (want.one_each)
        fputs("Connection: close\r\n", out);
    write_fields(out, connection);
    if (want.body >= 0)
        fprintf(out, "Content-Length: %ld\r\n", want.body);
    fputs("\r\n", out);
    for (long i = 0; i < want.body; i++)
        putc('x', out);
}

/* Connections that send the same share it. */
static void make_batch(struct connection *connections, int i)
{
    struct connection *c = &connections[i];
    if (i > 0 && !strchr(want.fields, '@')) {
        c->batch = connections[0].batch;
        c->request_size = connections[0].request_size;
        return;
    }
    size_t size;
    FILE *out = open_memstream(&c->batch, &size);
    if (!out)
        DIE("no memory for the requests");
    write_request(out, (uint64_t)i);
    c->request_size = (size_t)ftell(out);
    for (unsigned n = 1; n < want.depth; n++)
        write_request(out, (uint64_t)i);
    if (fclose(out) != 0)
        DIE("no memory for the requests");
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    struct connection *connections = calloc((size_t)load.connections, sizeof *connections);
    if (!connections)
        DIE("no memory for %d connections", load.connections);
    for (int i = 0; i < load.connections; i++) {
        make_batch(connections, i);
        dial(&connections[i]);
    }
    if (has_greedy)
        greedy_dial(&greedy, &load);
    while (!load_over(&load)) {
        int n = epoll_wait(load.epoll, events, EVENTS, 0);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &greedy)
                greedy_event(&greedy, events[i].events);
            else
                happened(events[i].data.ptr, events[i].events);
        }
        if (has_greedy)
            greedy_turn(&greedy);
    }
    load.greedy = greedy.given + greedy.received;
    free(connections);
}

static void expect(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) < 0)
        DIE("%s: %s", path, strerror(errno));
    want.content_size = (size_t)ftell(file);
    rewind(file);
    char *content = malloc(want.content_size + 1);
    if (!content || fread(content, 1, want.content_size, file) != want.content_size)
        DIE("%s: cannot be read", path);
    want.content = content;
    fclose(file);
}

int main(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "c:s:n:p:1H:b:g:f:")) != -1;) {
        size_t used = strlen(want.fields);
        if (option == 'p')
            want.depth = (unsigned)number(optarg, 1, 1000);
        else if (option == '1')
            want.one_each = true;
        else if (option == 'H')
            snprintf(want.fields + used, sizeof want.fields - used, "%s\r\n", optarg);
        else if (option == 'b')
            want.body = (long)number(optarg, 0, 1e9);
        else if (option == 'g')
            greedy_parse(&greedy, optarg), has_greedy = true;
        else if (option == 'f')
            expect(optarg);
        else if (!load_option(&load, option, optarg))
            return 2;
    }
    if (argc - optind != 2 || (want.one_each && want.depth > 1))
        DIE("usage: load_http [OPTION]... PORT PATH");
    want.port = argv[optind];
    want.path = argv[optind + 1];
    load_start(&load, want.port);
    run();
    load_report(&load);
}
