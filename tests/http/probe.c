/* SPDX-License-Identifier: MIT */
/* probe [NAME=VALUE...]: the handlers that the tests talk to; GET and POST do what their path says. For the
   settings see settings.h. */
#include "settings.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- bodies */

static int text_reply(struct ss_handler *h, const char *text)
{
    return http_reply(h, 200, "text/plain", text, strlen(text));
}

/* The whole body, read before anything is answered. */
static int echo(struct ss_handler *h)
{
    size_t size = 0, room = 1 << 16;
    char *data = ss_alloc(h, room);
    ssize_t n;
    while (data && (n = ss_read(h->rfile, data + size, room - size)) > 0) {
        size += (size_t)n;
        if (size == room) {
            char *more = ss_alloc(h, room * 2);
            if (more)
                memcpy(more, data, size);
            data = more;
            room *= 2;
        }
    }
    if (!data)
        return -ENOMEM;
    return n < 0 ? (int)n : http_reply(h, 200, "application/octet-stream", data, size);
}

/* The body, given back while it comes, without Content-Length. */
static int stream(struct ss_handler *h)
{
    char data[4096];
    ssize_t n;
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ss_write(h->wfile, data, (size_t)n);
    return (int)n;
}

/* The first bytes of the body only. */
static int half(struct ss_handler *h)
{
    char data[5] = "";
    ssize_t n = ss_readexactly(h->rfile, data, 4);
    return n < 0 ? (int)n : text_reply(h, data);
}

/* Both files the wrong way round, before there is a head and behind it. */
static int wrong_direction(struct ss_handler *h)
{
    char data[5] = "";
    const char *peeked;
    bool refused = true;
    for (int i = 0; i < 2; i++) {
        refused &= ss_read(h->wfile, data, 4) == -EBADF && ss_peek_now(h->wfile, &peeked, 1) == -EBADF;
        refused &= ss_readline(h->wfile, data, 4) == -EBADF && ss_peek(h->wfile, &peeked, 1) == -EBADF;
        refused &= ss_write(h->rfile, "x", 1) == -EBADF && ss_printf(h->rfile, "x") == -EBADF;
        refused &= ss_sendfile(h->rfile, 0, 0, 1) == -EBADF && ss_write_eof(h->rfile) == -EBADF;
        if (i == 0) {
            http_send_response(h, 200, NULL);
            http_end_headers(h);
        }
    }
    ssize_t n = ss_readexactly(h->rfile, data, 4);
    return n < 0 ? (int)n : ss_printf(h->wfile, "%s %s", refused ? "refused" : "done", data);
}

static int ignore(struct ss_handler *h)
{
    return text_reply(h, "ignored");
}

/* What ss_readline, ss_readexactly and the end of the body look like from inside. */
static int lines(struct ss_handler *h)
{
    char line[64];
    ssize_t n;
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ss_printf(h->wfile, "%zd:%s", n, line);
    return ss_printf(h->wfile, "end:%zd", ss_readexactly(h->rfile, line, 1));
}

static int print_hex(struct ss_handler *h, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ss_printf(h->wfile, "%02x", (unsigned char)data[i]);
    return ss_printf(h->wfile, " ");
}

/* A line for each field of a form: name, file name, type and value in hexadecimal, "-" for what is not there.
   Nothing is read of values whose name is "skip", and the first 3 bytes of "half". */
static int print_field(struct ss_handler *h, struct http_form *form, const struct http_part *part)
{
    const char *strings[] = {part->name, part->filename, part->type};
    char *value = "", some[3];
    size_t size = 0;
    int rc = 0;
    if (strcmp(part->name, "half") == 0)
        rc = (int)ss_readexactly(part->stream, value = some, size = sizeof some);
    else if (strcmp(part->name, "skip") != 0)
        rc = http_form_value(form, 100000, &value, &size);
    for (size_t i = 0; i < 3; i++) {
        if (strings[i])
            print_hex(h, strings[i], strlen(strings[i]));
        else
            ss_printf(h->wfile, "- ");
    }
    print_hex(h, value, size);
    ss_printf(h->wfile, "\n");
    return rc < 0 ? rc : 0;
}

/* The number of fields, once they have all been read. */
static int count(struct ss_handler *h)
{
    struct http_form *form;
    struct http_part part;
    int fields = 0, rc = http_form_open(h, &form);
    while (rc >= 0 && (rc = http_form_next(form, &part)) > 0) {
        char *value;
        rc = http_form_value(form, 100000, &value, NULL);
        fields++;
    }
    return rc < 0 ? rc : text_reply(h, ss_format(h, "%d", fields));
}

/* Answered while the form comes. */
static int form(struct ss_handler *h)
{
    struct http_form *form;
    struct http_part part;
    int rc = http_form_open(h, &form);
    if (rc < 0)
        return rc;
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    while (rc >= 0 && (rc = http_form_next(form, &part)) > 0)
        rc = print_field(h, form, &part);
    return rc;
}

/* A JSON body of at most 1,000 bytes. */
static int json(struct ss_handler *h)
{
    char *data;
    size_t size;
    if (!http_content_type_is(h, "application/json"))
        return http_send_error(h, 415, NULL, NULL);
    int rc = http_read_body(h, 1000, &data, &size);
    if (rc < 0)
        return rc;
    return data[size] ? -EINVAL : http_reply(h, 200, "application/json", data, size);
}

/* ---------------------------------------------------------------- answers of all kinds */

static long argument(struct ss_handler *h)
{
    const char *query = strchr(http_request(h)->path, '?');
    return query ? strtol(query + 1, NULL, 10) : 0;
}

static int reflect(struct ss_handler *h)
{
    const struct http_request *r = http_request(h);
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", "text/plain");
    http_end_headers(h);
    ss_printf(h->wfile, "command=%s\npath=%s\nversion=%s\nline=%s\nhost=%s\nlength=%lld\n", r->command,
              r->path, r->request_version, r->requestline, r->host, (long long)r->content_length);
    for (size_t i = 0; i < r->field_count; i++)
        ss_printf(h->wfile, "[%s][%s]\n", r->fields[i].name, r->fields[i].value);
    return 0;
}

/* "0123456789..." without Content-Length; "?N" bytes. */
static int big(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    int rc = 0;
    for (long left = argument(h); left > 0 && rc == 0; left -= 1000) {
        char data[1000];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (char)('0' + i % 10);
        rc = ss_write(h->wfile, data, left < 1000 ? (size_t)left : sizeof data);
    }
    return rc;
}

/* A little is read, much is written. */
static int half_big(struct ss_handler *h)
{
    char data[4];
    ssize_t n = ss_readexactly(h->rfile, data, sizeof data);
    return n < 0 ? (int)n : big(h);
}

static void send_lines(struct ss_handler *h, long count)
{
    for (long i = 0; i < count; i++)
        ss_printf(h->wfile, "line %ld of %ld\n", i, count);
}

/* "?N" lines, compressed if the client likes. */
static int compressed(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", "text/plain");
    http_compress(h);
    http_end_headers(h);
    send_lines(h, argument(h));
    return 0;
}

/* The same with a flush in the middle, and then nothing until the client has sent its body. */
static int compressed_halves(struct ss_handler *h)
{
    char byte;
    http_send_response(h, 200, NULL);
    http_compress(h);
    http_end_headers(h);
    ss_printf(h->wfile, "first");
    ss_flush(h->wfile);
    ssize_t n = ss_readexactly(h->rfile, &byte, 1);
    return n < 0 ? (int)n : ss_printf(h->wfile, "other");
}

/* Responses that are not compressed, though they ask for it; by status. */
static int not_compressed(struct ss_handler *h)
{
    int status = (int)argument(h);
    http_send_response(h, status, NULL);
    if (status == 200)
        http_send_header(h, "Content-Encoding", "x-own");
    http_compress(h);
    http_end_headers(h);
    if (status != 204 && status != 304)
        send_lines(h, 1000);
    return 0;
}

/* Compressed, and then it fails: before anything has left, or after. */
static int compressed_fail(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_compress(h);
    http_end_headers(h);
    send_lines(h, argument(h));
    return -EIO;
}

/* Something else is answered in the end. */
static int compressed_other(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_compress(h);
    http_end_headers(h);
    send_lines(h, 100);
    return http_send_error(h, 404, NULL, NULL);
}

/* Content-Length is that of the plain body, and goes. */
static int compressed_counted(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Length", "3000");
    http_compress(h);
    http_end_headers(h);
    for (int i = 0; i < 100; i++)
        ss_write(h->wfile, "abcdefghijklmnopqrstuvwxyz 12\n", 30);
    return 0;
}

static int slow(struct ss_handler *h)
{
    int rc = ss_sleep(h->server, (int)argument(h));
    return rc < 0 ? rc : text_reply(h, "slept");
}

/* Half of the response, then the rest after a while. */
static int two_halves(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Length", "10");
    http_end_headers(h);
    ss_write(h->wfile, "first", 5);
    ss_flush(h->wfile);
    int rc = ss_sleep(h->server, (int)argument(h));
    return rc < 0 ? rc : ss_write(h->wfile, "other", 5);
}

static int fail(struct ss_handler *h)
{
    (void)h;
    return -EIO;
}

/* "?N": fails with that errno. */
static int fail_with(struct ss_handler *h)
{
    return -(int)argument(h);
}

static int fail_late(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Length", "100");
    http_end_headers(h);
    ss_write(h->wfile, "some of it", 10);
    ss_flush(h->wfile);
    return -EIO;
}

/* A head was made, but nothing has left: the client gets 500. */
static int fail_begun(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "X-Of-The-First", "1");
    http_end_headers(h);
    ss_write(h->wfile, "some of it", 10);
    return -EIO;
}

static int nothing(struct ss_handler *h)
{
    (void)h;
    return 0;
}

/* "?N": a head that is not ended, with status N; with a body that has nowhere to go when the query ends in
 * "b". */
static int not_ended(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    http_send_response(h, (int)argument(h), NULL);
    http_send_header(h, "Content-Type", "text/plain");
    if (path[strlen(path) - 1] == 'b')
        ss_printf(h->wfile, "a body");
    return 0;
}

/* Mistakes that are refused and change nothing: fields and a response behind the end of the head. */
static int too_late(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    int refused = http_send_header(h, "X-Late", "1") == -EINVAL;
    refused += http_end_headers(h) == -EINVAL;
    ss_printf(h->wfile, "%d refused", refused);
    ss_flush(h->wfile);
    refused = http_send_response(h, 404, NULL) == -EALREADY;
    return ss_printf(h->wfile, ", then %d", refused);
}

/* The head of the first one has left, so the others are refused, and leave it as it is. */
static int too_many(struct ss_handler *h)
{
    text_reply(h, "first");
    int rc = ss_flush(h->wfile);
    const struct http_content content = {.type = "text/plain", .data = "third one", .size = 9};
    bool refused = text_reply(h, "the second") == -EALREADY && http_send_content(h, &content) == -EALREADY;
    return refused ? rc : -EIO;
}

/* A status that there is not is refused, and its length with it. */
static int no_status(struct ss_handler *h)
{
    int refused = http_reply(h, 1000, "text/plain", "much too long", 13) == -EINVAL;
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    return ss_printf(h->wfile, "%d", refused);
}

/* The second one counts. */
static int two_responses(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "X-First", "1");
    http_end_headers(h);
    ss_printf(h->wfile, "first");
    return text_reply(h, "second");
}

static int announced(struct ss_handler *h, const char *length, const char *text)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Length", length);
    http_end_headers(h);
    return ss_write(h->wfile, text, strlen(text));
}

static int too_short(struct ss_handler *h)
{
    return announced(h, "10", "12345");
}

static int too_long(struct ss_handler *h)
{
    return announced(h, "5", "1234567890");
}

/* "?N": an answer with status N and a body, whether it may have one or not. */
static int status(struct ss_handler *h)
{
    http_send_response(h, (int)argument(h), NULL);
    http_end_headers(h);
    return ss_write(h->wfile, "body", 4);
}

/* A whole reply, which leaves when it is told to; then nothing until the client has sent its body. */
static int replied_early(struct ss_handler *h)
{
    struct pollfd body = {.fd = h->request->fd, .events = POLLIN};
    char byte;
    int rc = text_reply(h, "early");
    if (rc == 0)
        rc = ss_flush(h->wfile);
    if (rc == 0)
        rc = ss_poll(h->server, &body, 1, 20000);
    return rc < 0 ? rc : (int)ss_readexactly(h->rfile, &byte, 1);
}

static int counted_status(struct ss_handler *h)
{
    http_send_response(h, (int)argument(h), NULL);
    http_send_header(h, "Content-Length", "4");
    http_end_headers(h);
    return ss_write(h->wfile, "body", 4);
}

static int closing(struct ss_handler *h)
{
    http_close_connection(h);
    return text_reply(h, "bye");
}

static int processing(struct ss_handler *h)
{
    http_send_response(h, 102, NULL);
    http_end_headers(h);
    return text_reply(h, "done");
}

/* What may not be sent is refused, and is not sent. */
static int headers(struct ss_handler *h)
{
    static const char *const pairs[][2] = {
        {"X-Cr", "a\rb"},
        {"X-Lf", "a\nSet-Cookie: x"},
        {"X-Crlf", "a\r\nSet-Cookie: x"},
        {"X-Control", "a\001b"},
        {"X-Del", "a\177"},
        {"X\r\nSet-Cookie", "x"},
        {"X Space", "x"},
        {"X:", "x"},
        {"", "x"},
        {"Content-Length", "-1"},
        {"Content-Length", "1 2"},
        {"Content-Length", "x"},
    };
    int refused = 0;
    http_send_response(h, 200, NULL);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        refused += http_send_header(h, pairs[i][0], pairs[i][1]) == -EINVAL;
    refused += http_send_response(h, 200, "O\r\nK") == -EINVAL;
    refused += http_send_response(h, 1000, NULL) == -EINVAL;
    refused += http_send_response(h, 99, NULL) == -EINVAL;
    http_send_header(h, "X-Good", "tab\tand \xc3\xa9");
    http_end_headers(h);
    return ss_printf(h->wfile, "%d of 15 refused", refused);
}

/* A handler's own Date and Server, before and behind other fields, of which there are so many that they are
   moved. */
static int own_fields(struct ss_handler *h)
{
    bool first = strstr(http_request(h)->path, "?first");
    http_send_response(h, 200, NULL);
    if (first)
        http_send_header(h, "Server", "own");
    for (int i = 0; !first && i < 40; i++)
        http_send_headerf(h, "X-Long", "%d %0300d", i, i);
    http_send_header(h, "Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for (int i = 0; first && i < 40; i++)
        http_send_headerf(h, "X-Long", "%d %0300d", i, i);
    if (!first)
        http_send_header(h, "Server", "own");
    int refused = http_send_header(h, "Transfer-Encoding", "chunked") == -EINVAL;
    http_end_headers(h);
    return ss_printf(h->wfile, "%d", refused);
}

static int log_text(struct ss_handler *h)
{
    http_class_of(h)->log_message(h, "/\033bar \x7f\xc2\x9f\xc2\xa0"
                                     "beans \"GET /foo\\b\"ar\007 \r\nforged");
    return text_reply(h, "logged");
}

static int translate(struct ss_handler *h)
{
    const char *path = http_simple_class_of(h)->translate_path(h, http_request(h)->path);
    return text_reply(h, path ? ss_format(h, "name=%s", path) : "none");
}

static int date(struct ss_handler *h)
{
    char text[HTTP_DATE_SIZE];
    return text_reply(h, http_format_date(argument(h), text));
}

static const struct {
    const char *path;
    int (*run)(struct ss_handler *h);
} paths[] = {
    {"/echo", echo},
    {"/stream", stream},
    {"/half", half},
    {"/ignore", ignore},
    {"/wrong-direction", wrong_direction},
    {"/lines", lines},
    {"/form", form},
    {"/count", count},
    {"/json", json},
    {"/reflect", reflect},
    {"/big", big},
    {"/half-big", half_big},
    {"/slow", slow},
    {"/fail", fail},
    {"/errno", fail_with},
    {"/fail-late", fail_late},
    {"/fail-begun", fail_begun},
    {"/nothing", nothing},
    {"/not-ended", not_ended},
    {"/too-late", too_late},
    {"/too-many", too_many},
    {"/no-status", no_status},
    {"/two-responses", two_responses},
    {"/short", too_short},
    {"/long", too_long},
    {"/close", closing},
    {"/status", status},
    {"/counted", counted_status},
    {"/replied-early", replied_early},
    {"/processing", processing},
    {"/headers", headers},
    {"/own-fields", own_fields},
    {"/log", log_text},
    {"/halves", two_halves},
    {"/date", date},
    {"/compressed", compressed},
    {"/compressed-halves", compressed_halves},
    {"/compressed-fail", compressed_fail},
    {"/compressed-other", compressed_other},
    {"/compressed-counted", compressed_counted},
    {"/not-compressed", not_compressed},
};

static int by_path(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    size_t size = strcspn(path, "?");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strlen(paths[i].path) == size && memcmp(paths[i].path, path, size) == 0)
            return paths[i].run(h);
    if (strncmp(path, "/reflect/", 9) == 0)
        return reflect(h);
    return strcmp(http_request(h)->command, "POST") == 0 ? http_send_error(h, 404, NULL, NULL)
                                                         : http_do_GET(h);
}

/* POST that insists on a Content-Length. */
static int need_length(struct ss_handler *h)
{
    return http_header(h, "Content-Length") ? echo(h) : http_send_error(h, 411, NULL, NULL);
}

static const struct http_handler_class Paths = {
    .handler = {.base = &SimpleHTTPRequestHandler.http.handler},
    .table_size = sizeof Paths,
    .methods = HTTP_METHODS({"GET", by_path}, {"HEAD", by_path}, {"POST", by_path}, {"PUT", need_length},
                            {"TRANSLATE", translate}, {"M-SEARCH", reflect}, {"PRI", reflect},
                            {"get", reflect}, {"CONNECT", closing}, {"!#$%&'*+-.^_`|~09azAZ", reflect}),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Paths);
}
