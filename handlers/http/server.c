/* SPDX-License-Identifier: MIT */
/* HTTPServer: TCPServer for clients that speak first, and at some length. */
#include "compress/compress.h"
#include "http/class.h"
#include "http/head.h"
#include "text/date.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST_BYTES = 5 /* seconds */, BUFFER_SIZE = 32768 };
enum { SCRATCHES = 16 }; /* how often a client that is turned away is read from */

struct state {
    const struct http_class *cls; /* of the handlers; NULL: none, or one that is not for HTTP */
    bool active;                  /* the slots server_activate of all its classes were called */
};

static void init(struct ss_server *self)
{
    self->defer_accept = FIRST_BYTES;
    self->buffer_size = BUFFER_SIZE;
}

/* The slots of a chain, the base's first. */
static int activate_chain(struct ss_server *self, const struct http_class *cls,
                          const struct http_handler_class *from)
{
    const struct http_handler_class *base = http_class_base(from);
    int rc = base ? activate_chain(self, cls, base) : 0;
    return rc == 0 && from->server_activate ? from->server_activate(self, cls->table) : rc;
}

static int activate_class(struct ss_server *self, const struct http_class *cls)
{
    int rc = activate_chain(self, cls, http_class_key(cls));
    for (const struct http_class **delegate = cls->delegates; rc == 0 && delegate && *delegate; delegate++)
        rc = activate_class(self, *delegate);
    return rc;
}

static void close_class(struct ss_server *self, const struct http_class *cls)
{
    for (const struct http_class **delegate = cls->delegates; delegate && *delegate; delegate++)
        close_class(self, *delegate);
    for (const struct http_handler_class *from = http_class_key(cls); from; from = http_class_base(from))
        if (from->server_close)
            from->server_close(self, cls->table);
}

/* Only who has the address may tidy up. The further sockets of an event loop with several threads are
   activated, too: for them the classes have nothing left to do. */
static int server_activate(struct ss_server *self)
{
    struct state *state = ss_state(self, &HTTPServer);
    int rc = ss_super(self, &HTTPServer)->server_activate(self);
    if (rc < 0 || state->active ||
        !http_class_is_based_on(self->RequestHandlerClass, &BaseHTTPRequestHandler.handler))
        return rc;
    state->cls = http_class_get(self->RequestHandlerClass);
    rc = state->cls ? activate_class(self, state->cls) : -ENOMEM;
    state->active = rc == 0;
    return rc;
}

/* What was logged is to be read when the server has gone. */
static void server_close(struct ss_server *self)
{
    const struct state *state = ss_state(self, &HTTPServer);
    ss_super(self, &HTTPServer)->server_close(self);
    if (state->cls)
        close_class(self, state->cls);
    http_access_log_flush();
}

/* Reads what the client has sent: a connection that is closed with input in it is reset, and the client may
   never see its answer. True: it asks for no body. */
static bool read_away(int fd)
{
    char scratch[4096];
    ssize_t n = recv(fd, scratch, sizeof scratch, MSG_DONTWAIT);
    bool is_head = n >= 5 && memcmp(scratch, "HEAD ", 5) == 0;
    for (int i = 1; i < SCRATCHES && n > 0; i++)
        n = recv(fd, scratch, sizeof scratch, MSG_DONTWAIT);
    return is_head;
}

/* RFC 9110 15.6.4 */
static void turn_away(struct ss_server *self, struct ss_request *request)
{
    static const char body[] = "The server has no place for you now. Please come again.\n";
    char answer[400];
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 503 Service Unavailable\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: %zu\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s",
                        http_date_field(), sizeof body - 1, read_away(request->fd) ? "" : body);
    (void)!send(request->fd, answer, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    ss_super(self, &HTTPServer)->turn_away(self, request);
}

#ifndef SS_VERSION
#define SS_VERSION "0"
#endif

const char *http_version(void)
{
    return SS_VERSION;
}

const char *http_features(void)
{
    static _Thread_local char text[256];

    snprintf(text, sizeof text, "%s%s", http_parser_feature(), http_coding_features());
    return text;
}

const struct ss_class http_HTTPServer = {
    .name = "HTTPServer",
    .base = &TCPServer,
    .state_size = sizeof(struct state),
    .init = init,
    .server_activate = server_activate,
    .server_close = server_close,
    .turn_away = turn_away,
};
