/* SPDX-License-Identifier: MIT */
/* http_server: HTTP servers in C, after Python's module http.server, on top of socketserver.h.

   A handler class has a function for each method that it knows. By custom the functions are called do_GET,
   do_POST and so on; below, do_X stands for any of them:

     static int do_GET(struct ss_handler *h)
     {
         http_send_response(h, 200, NULL);
         http_send_header(h, "Content-Type", "text/plain; charset=utf-8");
         http_end_headers(h);
         return ss_printf(h->wfile, "You asked for %s\n", http_request(h)->path);
     }
     static const struct http_handler_class Hello = {
         .handler = {.base = &BaseHTTPRequestHandler.handler},
         .methods = HTTP_METHODS({"GET", do_GET}),
     };

     int main(void)
     {
         return ss_run(SS_BASES(&EventLoopMixIn, &HTTPServer), "localhost:8000", &Hello.handler);
     }

   In do_X, h->rfile is the request's body: do_X reads it without the framing of chunks, and the stream ends
   where the body ends. A client that waits for "100 Continue" is sent it when do_X first reads. A read fails
   with -EPROTO when the body is malformed, with -EMSGSIZE when it is too long, and with -ETIMEDOUT when it
   comes too late.

   h->wfile is the response's body. When do_X has sent a Content-Length, it must write just that many bytes;
   more is -EOVERFLOW. Without Content-Length, a short body gets one by itself, and a longer one is sent in
   chunks. What is written in answer to HEAD is dropped. Before http_end_headers a write fails with -EINVAL.

   do_X need not read the request's body. What it has not read is skipped before the response leaves, as long
   as that is at most 64 KiB and comes within a second. Otherwise the connection is closed after the response,
   which says so with "Connection: close" (RFC 9112 9.6). If do_X writes more than the buffer of h->wfile
   holds, the head leaves before do_X has returned, when nobody knows yet how much do_X is going to read. Then
   the connection is kept if do_X has read about as much as it has written, or has called ss_flush before.
   Before an error response or a file is sent, chunks that do_X has not read are skipped, so that a request
   with a malformed body is refused and not answered.

   do_X returns 0 or -errno. If it returns 0 and has not called http_end_headers, the library does that for
   it. Three mistakes count as an error, too. First, do_X has begun no response. Second, it has not called
   http_end_headers, although it has written something, or although the status is 200, which promises a body
   unless Content-Length is 0. Third, it has written less than its Content-Length says, or has tried to write
   more: that is found when the head has left, and the client gets a body that is cut short.

   Messages belong to the request. When its response has ended, its ref is stale (ss_post returns -ESTALE),
   and its subscriptions are over: the next request of the connection may be another user's. While do_X waits
   for a message, SS_INPUT is about h->rfile, which is the body: it is true at once when the body has ended.
   That the client has left do_X learns when it writes. A drain lets it go on, unless ss_wait has SS_IDLE.

   A do_X that has to wait for others can leave its answer to a function that is called later, see http_later.

   A do_X that calls http_upgrade leaves HTTP: from then on h->rfile and h->wfile are the connection's own
   streams, and the rules above hold no more.

   After an error the connection is closed. If nothing of the response has left yet, the client gets
     400, 413 or 408     for a request body that is malformed, too long or too late
     503 with Retry-After for -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS and -EAGAIN: the machine is short of
                         something for a moment
     507                 for -ENOSPC and -EDQUOT
     500                 for all others, and for the first two mistakes.
   handle_error is called, unless the client was to blame.

   The rules of socketserver.h about errors, owners, threads and waiting hold here too. Strings of
   the request live until do_X returns. Status codes are data, never return values. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "socketserver.h"
#include <sys/stat.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- class */

/* HTTPServer: TCPServer for HTTP. Its buffers hold a whole request head, and a connection is accepted
   when its first bytes are there, or after 5 seconds (http.server.HTTPServer). So its buffer_size is 32,768,
   and its defer_accept is 5. */
extern SS_API const struct ss_class http_HTTPServer;

/* For struct ss_tls.not_tls of a server that speaks HTTP behind TLSMixIn: answers a client that begins with
   "http://" where it should be "https://". GET and HEAD are sent to the same place by https (307), and
   everything else gets a 400 that says why. Returns 0 or -errno. */
SS_API int http_not_tls(struct ss_handler *h);
#define HTTPServer http_HTTPServer

struct http_method {
    const char *name;                 /* "GET"; any token, methods are case-sensitive */
    int (*run)(struct ss_handler *h); /* do_GET */
};
/* The methods and the delegates of a class; the macros add the element that ends the array. Use them in
   tables outside of functions, so that the arrays live as long as the program. C++ has no such macros, and
   before C++20 no designators, so there a function makes the table:

     static const http_method methods[] = {{"GET", do_GET}, {nullptr, nullptr}};
     static const http_handler_class Hello = [] {
         http_handler_class cls{};
         cls.handler.base = &BaseHTTPRequestHandler.handler;
         cls.methods = methods;
         return cls;
     }(); */
#ifndef __cplusplus
#define HTTP_METHODS(...) ((const struct http_method[]){__VA_ARGS__, {NULL, NULL}})
#define HTTP_DELEGATES(...) ((const struct http_handler_class *const[]){__VA_ARGS__, NULL})
#endif

/* A handler class: a table of what it does otherwise than its base. NULL and 0 mean inherited, unless a
   comment says "not inherited". Tables are const and live as long as the program. The chain of a class is
   the class itself, its base, the base of that, and so on to BaseHTTPRequestHandler. The comment on a number
   ends with what BaseHTTPRequestHandler has. */
struct http_handler_class {
    struct ss_handler_class handler;   /* .base: &BaseHTTPRequestHandler.handler, or that of a class
                                          based on it. .size: of an instance that begins with struct
                                          http_handler */
    size_t table_size;                 /* bytes of the table: `sizeof Files`. A class that is based on
                                          one with options of its own, such as
                                          SimpleHTTPRequestHandler, must say it, so that no table is
                                          read past its end. 0: sizeof(struct http_handler_class). Not
                                          inherited */
    const char *name;                  /* for messages about mistakes; NULL: none. Not inherited */
    const struct http_method *methods; /* do_X, ended by {NULL, NULL}, see HTTP_METHODS. They are
                                          searched base by base; run NULL hides the base's. HEAD falls
                                          back on GET. A method that no class of the chain has is
                                          answered with 405 and Allow if it is PATCH or one of RFC
                                          9110's, else with 501, which Python answers always. */

    const char *protocol_version; /* protocol_version: "HTTP/1.1"; "HTTP/1.0" closes after each request */
    const char *server_version;   /* server_version: the Server field; "": there is none */
    size_t max_request_line;      /* bytes; a longer one is answered with 414. 8,192 */
    size_t max_head;              /* bytes of request line and header fields; more: 431. 32,768, and at
                                     most the server's buffer_size */
    size_t max_headers;           /* number of header fields; more: 431. 100 */
    int64_t max_body;             /* bytes; more: 413. 1 GiB */
    int head_timeout;             /* ms from the first byte of a request to the end of its head; later:
                                     408. 20,000 */
    int idle_timeout;             /* ms that a kept-alive connection may be silent. 60,000 */

    /* An override of these four can call what it overrides: BaseHTTPRequestHandler.send_error and so on. */

    /* send_error: sends an error response with its page; http_send_error calls it, and says what the
       arguments mean. Returns 0 or -errno. */
    int (*send_error)(struct ss_handler *h, int status, const char *message, const char *explain);
    /* log_request: called once for each request, when its response has gone to the connection or cannot go
       on, also for requests that were refused. After http_upgrade it is called when do_X has returned, so for
       a connection that goes on parked, when it is parked first. `status` is that of the final response; 0:
       none has left, as when the client went away. `size`: bytes of its body that were sent, without what
       frames chunks; 0 for HEAD and 304; after http_upgrade all bytes of h->wfile.
       http_request, http_header and http_duration tell the rest; what was not understood of a request that
       was refused is "". The section "log" has functions for this slot. */
    void (*log_request)(struct ss_handler *h, int status, int64_t size);
    /* log_error: gets a text that says what has gone wrong with the request, without a line's end: for each
       error response its status and message, for instance. The default keeps it for the line of the request
       where log_request is one of the four functions of the section "log" that write a line, and else calls
       log_message. */
    void (*log_error)(struct ss_handler *h, const char *text);
    /* log_message: gets one line without its end. The default writes it to stderr behind client and date,
       with control characters escaped. */
    void (*log_message)(struct ss_handler *h, const char *text);

    /* before: runs ahead of do_X, whatever the method is, known or not. It decides who may ask, and how
       often. It is not inherited; instead every class of the chain that has one is called, the base's
       first, so that no class evades what its base forbids. It returns 0 to go on. If it begins a response
       (return http_send_error(h, 403, NULL, NULL)), that is the answer: neither the slots of further
       classes nor do_X are called. Nor are they called after -errno, which counts as do_X's. Meanwhile
       http_class_of returns the table of the class that the request is for, not that of the base. */
    int (*before)(struct ss_handler *h);
    /* The classes to which do_X may hand requests over, see http_delegate and HTTP_DELEGATES. They are
       inherited, all or none; ended by NULL */
    const struct http_handler_class *const *delegates;
    /* What the class needs while a server runs, and gives back: a database is opened, left-over files
       are removed. An HTTPServer calls these slots in every class of the chain, and of its delegates'
       chains, each with the complete table. Not inherited. server_activate: when the server is bound,
       before it has threads or processes; the base's first. 0 or -errno, which ss_server_bind returns.
       server_close: when the server is closed, and when a process that it has forked ends; the base's
       last. */
    int (*server_activate)(struct ss_server *self, const struct http_handler_class *cls);
    void (*server_close)(struct ss_server *self, const struct http_handler_class *cls);

    /* inherit: for a class with options of its own, whose struct begins with that of its base. It converts
       `to` and `from` to that struct; both are large enough. `to` is a table that is being completed, and
       `from` is that of a class in its chain. For each option of this class it calls HTTP_INHERIT, which
       takes the value from `from` if it is NULL or 0 in `to`. The options of the base are left to the
       base's `inherit`. NULL: the class has no options of its own. Not inherited */
    void (*inherit)(struct http_handler_class *to, const struct http_handler_class *from);
};
#define HTTP_INHERIT(to, from, slot) ((to)->slot = (to)->slot ? (to)->slot : (from)->slot)

/* A mistake in the tables, such as a circle of bases or of delegates, or a table_size that no base has,
   is printed on stderr when the server is bound, with the name of the class, and ends the program by
   abort(3). */

/* An instance; own ones begin with it. */
struct http_handler {
    struct ss_handler handler;
    struct http_exchange *exchange; /* private */
};

/* BaseHTTPRequestHandler: parses requests and calls do_X; answers OPTIONS itself, with Allow. */
extern SS_API const struct http_handler_class http_BaseHTTPRequestHandler;
#define BaseHTTPRequestHandler http_BaseHTTPRequestHandler

/* Returns the complete table of h's class: everything that it inherits is filled in, and what is not
   inherited is as the class has it. The table is as large as the largest one in the chain, so it can be
   converted to the struct of a class with options of its own, if h's class is based on that one. It lives
   as long as the program. */
SS_API const struct http_handler_class *http_class_of(const struct ss_handler *h);

/* Hands the request over to `other`, one of the `delegates` of h's class. The slots `before` in the
   chain of `other` run, and then its do_X, with the options and the error pages of `other`; if it has
   no do_X for the method, the answer is 405 or 501. Meanwhile http_class_of returns the table of
   `other`. Two directories of one server are two delegates:

     static int do_GET(struct ss_handler *h)
     {
         bool picture = strncmp(http_request(h)->path, "/pictures/", 10) == 0;
         return http_delegate(h, picture ? &Pictures.http : &Manuals.http);
     }
     static const struct http_handler_class Site = {
         .handler = {.base = &BaseHTTPRequestHandler.handler},
         .methods = HTTP_METHODS({"GET", do_GET}),
         .delegates = HTTP_DELEGATES(&Pictures.http, &Manuals.http),
     };

   The class that hands over needs a do_X for each method that its delegates are to serve: Site above
   answers a POST with 405 by itself.

   The server's class keeps what happens before do_X and after it: the limits of the head, idle_timeout,
   log_request, and the page for an -errno that do_X returns. A body of announced size must keep to
   max_body of both classes, one in chunks to that of the delegate. The instance, h, is the one that the
   server's class has made. So a delegate may not have a size, setup, handle or finish of its own.
   Call http_delegate before a response was begun. Returns what do_X returns: 0 or -errno, or after
   http_upgrade SS_PARK, which the caller's do_X has to return, too; -EINVAL for a class that is not among the
   delegates, and then log_error is called; -EALREADY when a response was begun. */
SS_API int http_delegate(struct ss_handler *h, const struct http_handler_class *other);

/* ---------------------------------------------------------------- request */

struct http_field {
    const char *name, *value; /* the value has no white space around it; both end with NUL */
    size_t name_size, value_size;
};

/* The names in front are those that Python has for the same. All strings end with NUL. */
struct http_request {
    const char *command;         /* the method, "GET" */
    const char *path;            /* path and query as the client has sent them, "/a%20b?c=d"; what follows the
                                    authority when the target is a whole URL; "*"; "host:port" for CONNECT. Bytes
                                    from 0x80 up, which no URI may have, are percent-encoded. Several slashes at
                                    the beginning become one, as in Python: "//x" would name another host */
    const char *request_version; /* "HTTP/1.1" */
    const char *requestline;     /* the first line without its end; for logs */
    const char *host; /* the authority of the target when that is a whole URL, else the Host field. It
                         is valid as RFC 9110 7.2 has it; "" when an HTTP/1.0 client has sent none */
    size_t path_size;
    int minor;                       /* 1 for HTTP/1.1 and later, 0 for HTTP/1.0 */
    int64_t content_length;          /* bytes of the body; -1 when it comes in chunks, 0 without a body */
    const struct http_field *fields; /* the header fields in the order in which they came */
    size_t field_count;
    const char *scheme; /* "https" or "http", as a proxy that is trusted says (proxy.h); "": nobody has */
    const char *user;   /* who has asked, see http_set_user; "": nobody has said, or proved it */
};

/* Returns the request that do_X is called for; never NULL. It lives until do_X has returned, and until
   log_request has returned. Python keeps these members on the handler itself. */
SS_API const struct http_request *http_request(const struct ss_handler *h);

/* Returns the value of the first header field that has this name, or NULL when there is none. Upper and lower
   case of the name do not matter. The string lives as long as the request. (headers.get) */
SS_API const char *http_header(const struct ss_handler *h, const char *name);

/* True if `token` is an element of the field's list, "upgrade" in "Connection: keep-alive, Upgrade". All
   lines of the field count as one list, and upper and lower case do not matter. */
SS_API bool http_header_has(const struct ss_handler *h, const char *name, const char *token);

/* Says that this user has asked, who has proved that (http_authenticate of access.h calls this). The access
   log names him (REMOTE_USER; the third word of a line), and so does http_request(h)->user. The name is
   copied. Returns 0 or -ENOMEM. For `before` and do_X. */
SS_API int http_set_user(struct ss_handler *h, const char *name);

/* Returns the methods of h's class as the Allow field lists them, "GET, HEAD, OPTIONS". The string lives as
   long as the program. */
SS_API const char *http_allow(const struct ss_handler *h);

/* ---------------------------------------------------------------- reply */

/* Begins a response with status line, Server and Date. `message` NULL: the usual phrase of the status. A
   response that was begun before, and of which nothing has left, is forgotten. An interim response (100, 102,
   103) leaves with http_end_headers, and another response follows it. 101 leaves with http_upgrade. Returns 0
   or -errno: -EINVAL when the status is not within 100..999 or `message` has a control character, -EALREADY
   when a response has left. (send_response; RFC 9112 4) */
SS_API int http_send_response(struct ss_handler *h, int status, const char *message);

/* Adds a header field. Some have an effect of their own: after "Connection: close" the connection is closed
   when the response has left, "Content-Length" tells how much do_X is going to write, "Date" and "Server"
   replace the usual ones. The library itself sees to keep-alive and chunks, and to what 1xx, 204, 205 and 304
   may not have. `name` and `value` are copied. Returns 0 or -errno. It is -EINVAL, and nothing is added, when
   no response was begun, when its head has ended, when the name is no token (RFC 9110 5.1), when the value
   has a control character other than the tab, and for a second Content-Length or any Transfer-Encoding.
   http_send_headerf makes the value as printf(3) does, and is else the same. (send_header) */
SS_API int http_send_header(struct ss_handler *h, const char *name, const char *value);
SS_API int http_send_headerf(struct ss_handler *h, const char *name, const char *format, ...) SS_PRINTF(3, 4);

/* Compresses the body if the client accepts that (Accept-Encoding, RFC 9110 12.5.3) and this build can. To be
   called between http_send_response and http_end_headers, for types that are worth it; do_X then writes the
   body to h->wfile as always. Vary and Content-Encoding are added, and a Content-Length is left out, as
   nobody knows the compressed size in advance. ss_flush sends all that was written so far in a form that the
   client can decode.

   Not compressed are a body of less than 1 KiB that ends before it is flushed, one that has a
   Content-Encoding already, a 206, and any body while 64 others are being compressed. A client that refuses
   the plain form gets 503 with Retry-After in the last case.

   The ETag of a compressed response must be a weak one, or another one than that of the plain form. Do not
   compress a page that has both a secret and something that a stranger can choose: the length of the result
   tells him the secret (BREACH). Returns 0, also when the body is not going to be compressed; -EINVAL when no
   response was begun or its head has ended. */
SS_API int http_compress(struct ss_handler *h);

/* Ends the head; from now on h->wfile takes the body. A 405 without Allow gets one. The head leaves together
   with the body: when the buffer of h->wfile is full, at ss_flush, or when do_X has returned. Returns 0;
   -EINVAL when no response was begun, its head has ended already, or its status is 101 (see http_upgrade); or
   the error of a call before.
   (end_headers) */
SS_API int http_end_headers(struct ss_handler *h);

/* Sends a whole error response with a small page. `message` and `explain` are escaped for HTML; NULL means
   the status's usual phrase and explanation. After 400, 408, 411, 413, 414, 417, 431, 501 and 505 the
   connection is closed, as nobody can tell where the next request would begin. do_X returns after this call,
   as in "return http_send_error(h, 404, NULL, NULL);". Returns 0 or -errno; -EALREADY when a response has
   left, and then the connection is closed, too. (send_error) */
SS_API int http_send_error(struct ss_handler *h, int status, const char *message, const char *explain);

/* Sends a whole response in one call: the status, a Content-Type, and `size` bytes of body, which are
   borrowed for the call. Returns 0 or -errno as http_send_response and http_send_header do. May wait. */
SS_API int http_reply(struct ss_handler *h, int status, const char *type, const void *body, size_t size);

/* Keeps a field for the next error response to this request, whoever makes its page: Retry-After for a 503,
   WWW-Authenticate for a 401. Both strings are copied. Call http_send_error afterwards. Returns 0, -EINVAL
   for a name or a value that http_send_header refuses, or -ENOMEM. */
SS_API int http_error_header(struct ss_handler *h, const char *name, const char *value);

/* Closes the connection when this response has left. May be called at any time in do_X. (close_connection =
   True) */
SS_API void http_close_connection(struct ss_handler *h);

/* Returns the status of the response that was begun; 0: there is none yet. */
SS_API int http_status(const struct ss_handler *h);

/* ---------------------------------------------------------------- other protocols */

/* Ends HTTP on this connection, which goes on in the protocol `name`, "websocket" or "name/version": sends
   101 with "Connection: Upgrade" and "Upgrade: name". A do_X that answers CONNECT passes NULL for `name`:
   then 200 is sent, and the tunnel begins (RFC 9110 7.8, 9.3.6). From the next byte on h->rfile and h->wfile
   are the connection's own streams. What the client has sent behind its request already, before it knew of
   the answer, is the first that h->rfile reads. (Who works with request->fd itself takes that out first:
   ss_peek with `want` 0.)

   do_X goes on in straight code, and returns 0 or -errno: then the connection is closed.

     static int do_GET(struct ss_handler *h)
     {
         char line[200];
         ssize_t n;
         int rc = http_upgrade(h, "echo");
         if (rc < 0)
             return rc;
         while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
             ss_write(h->wfile, line, (size_t)n);
         return (int)n;
     }

   Or it sets h->request->resume and returns SS_PARK, as suits a protocol whose connections are mostly idle.
   What `resume` has to know of the request, do_X keeps in request->data: functions about a request or its
   response, such as http_header, must not be called by `resume`. SS_PARK without request->resume is a
   mistake: log_error is called, and the connection is closed.

   All time limits of HTTP are taken off. h->timeout is as do_X has it, and now limits each wait for input, or
   the idle time; set it as the protocol needs. request->busy is cleared, so a drain ends an idle wait at
   once.

   The client must have asked for just this protocol: with "name/version" in full if it has a version, in
   upper or lower case. Who speaks several protocols calls http_upgrade for one after another until one is
   not refused. To add fields to the head (Sec-WebSocket-Accept), call http_send_response(h, 101, NULL) and
   http_send_header before. ("Connection: Upgrade" and "Upgrade" need not be among them.) For CONNECT the
   status may be any of 200 to 299. http_end_headers is not called: that is done here. An unread body of the
   request is read first, and dropped; a client that waits for "100 Continue" gets that.

   Returns 0 when the head has left. Otherwise HTTP goes on:
     - -EPROTO: the client has not asked for this protocol. HTTP/1.0 and HEAD cannot ask. If do_X returns this
       error, the client gets 426 with "Upgrade: name", or with all names that were tried, and the connection
       is kept; this counts as no failure. do_X can answer otherwise, too.
     - -EINVAL: `name` is not a valid one, or the class speaks HTTP/1.0 only (protocol_version), or `name` is
       NULL and the request no CONNECT, or the other way round.
     - -EALREADY: another response was begun.
     - Another -errno of reading the body, for do_X to return, or of writing.
   May wait. */
SS_API int http_upgrade(struct ss_handler *h, const char *name);

/* ---------------------------------------------------------------- answers that come later

   Long polling, and work that others do: do_X leaves the answer to another function, which is called when a
   message has come for the request, or when the time is over. Until then the connection is parked: it needs
   neither a thread nor a stack. This GET is answered with the next news:

     static int tell(struct ss_handler *h, const struct ss_message *message)
     {
         if (!message)
             return http_send_response(h, 204, NULL);
         return http_reply(h, 200, "text/plain", message->data, message->size);
     }
     static int do_GET(struct ss_handler *h)
     {
         int rc = ss_subscribe(h, "news", SS_DROP_OLDEST);
         return rc < 0 ? rc : http_later(h, 30000, tell);
     }

   (A client that asks again after each answer misses what is sent meanwhile. The handler has to know what it
   has, and answer at once when there is more; or see event_source.h.) */

/* To be called by do_X as the last thing that it does, before any response is begun, with a mailbox (ss_ref
   or ss_subscribe). Skips what is left of the request's body. Returns SS_PARK, which do_X returns, too;
   -EALREADY when a response was begun, or this was called before; -ENOMEM; or -EPROTO or -EMSGSIZE when the
   body is malformed.

   `answer` is called once, in place of do_X, with the first message (see ss_receive), or with NULL when none
   has come in `ms` milliseconds (-1: no limit), and when the server drains or somebody else needs the place
   of the connection: then that is closed after the answer. It answers as do_X does and returns the same,
   SS_PARK of http_later for the next message included. http_request, http_header and so on tell of the same
   request, whose body is empty now; what ss_alloc has given is gone, as is what http_error_header has kept.
   h->timeout and its like are as at first. request->data is kept for `answer`.

   When the client closes its side of the connection, it has left: `answer` is not called. Further requests
   that it has sent by then are answered afterwards; meanwhile the connection waits in place and is not
   parked. */
SS_API int http_later(struct ss_handler *h, int ms,
                      int (*answer)(struct ss_handler *h, const struct ss_message *message));

/* ---------------------------------------------------------------- body and forms

   A form is read field by field while it arrives, so its size does not matter:

     struct http_form *form;
     struct http_part part;
     char *message = "";
     int rc = http_form_open(h, &form);
     while (rc >= 0 && (rc = http_form_next(form, &part)) > 0)
         if (strcmp(part.name, "message") == 0)
             rc = http_form_value(form, 1000, &message, NULL);
     if (rc < 0)
         return rc;

   When do_X returns the error, as here, the client gets the answer that fits it: 400 for -EPROTO (the form is
   malformed), 413 for -EMSGSIZE (something is beyond a limit), 415 for -EINVAL (the body has another type).
   do_X may answer by itself instead. The whole body is limited by max_body. */

#define HTTP_FORM_MAX_FIELDS 1000  /* fields of a form */
#define HTTP_FORM_MAX_NAME 1024    /* bytes of a field's name */
#define HTTP_FORM_MAX_HEAD 4096    /* bytes of what stands in front of a value in multipart/form-data */
#define HTTP_FORM_MAX_PADDING 1024 /* bytes of white space behind a boundary, which transports may add */

struct http_form;

/* A field of a form. The strings are what the client has sent, and may hold any bytes but NUL. They live
   until the next call of http_form_next. */
struct http_part {
    const char *name;
    const char *filename; /* the name of a file; "" when the user has chosen none; NULL when the field is no
                             file. It comes from filename*, if that is UTF-8 coded as RFC 8187 says, else
                             from filename. Never use it as a path: see UploadHTTPRequestHandler */
    const char *type;     /* the field's Content-Type; NULL when none was sent */
    struct ss_stream *stream; /* the decoded value. It belongs to the form, which skips what is not read of
                                 it. The stream ends only when all of what ends the value has arrived, in
                                 multipart/form-data a delimiter's whole line (RFC 2046 5.1.1). So a value
                                 that was read to its end is the one that was sent */
};

/* Begins to read the body as a form, in the coding that its Content-Type names:
   application/x-www-form-urlencoded, as the WHATWG's URL standard parses it, or multipart/form-data (RFC
   7578). Stores a form, which lives as long as the request. 0; -EINVAL when there is another Content-Type or
   none, -EPROTO when the boundary is malformed, -ENOMEM. */
SS_API int http_form_open(struct ss_handler *h, struct http_form **form);

/* Steps to the next field. Returns 1 when `part` is filled in; 0 when there are no more fields, and the body
   has been read to its end; -EPROTO, -EMSGSIZE or -ENOMEM, or an error of reading the body. After an error
   all further calls return it again. Waits. */
SS_API int http_form_next(struct http_form *form, struct http_part *part);

/* Reads the rest of the field's value, at most `limit` bytes, into memory as from ss_alloc, and puts a NUL
   behind it. Stores its address, and its size unless `size` is NULL. 0 or -errno; -EMSGSIZE for a longer
   value. Waits. */
SS_API int http_form_value(struct http_form *form, size_t limit, char **value, size_t *size);

/* Reads the rest of the request's body in the same way. -EMSGSIZE comes without waiting when Content-Length
   is more than `limit`. (rfile.read()) */
SS_API int http_read_body(struct ss_handler *h, size_t limit, char **data, size_t *size);

/* True if the body's Content-Type is `type`, as "application/json", with whatever parameters. */
SS_API bool http_content_type_is(const struct ss_handler *h, const char *type);

/* ---------------------------------------------------------------- content and ranges */

/* What tells one representation of a resource from another one (RFC 9110 8.8). */
struct http_validators {
    const char *etag;            /* the entity tag with its quotes, "\"v7\"" or "W/\"v7\""; a strong tag, one
                                    without W/, is another one whenever a byte has changed. NULL: none */
    const time_t *last_modified; /* what Last-Modified says; NULL: none */
    bool strong_date; /* the representation has not changed twice within the second of last_modified: a
                         client may resume a download by the date alone (RFC 9110 8.8.2.2) */
};

struct http_range {
    int64_t first, size; /* bytes; size > 0 */
};

#define HTTP_MAX_RANGES 32 /* of one response */

struct http_decision {
    int status;         /* 200: go on; 206, 304, 412, 416 */
    size_t range_count; /* > 0 with 206 only */
    struct http_range ranges[HTTP_MAX_RANGES];
};

/* Decides what becomes of a request that would be answered with a 2xx if it had no conditions. Looks at
   If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, and for GET at If-Range and Range, in
   the order of RFC 9110 13.2.2. `current` describes the representation that there is now; NULL: there is
   none, as when a PUT with "If-None-Match: *" makes a new one. `size` is its size in bytes; -1: it is not
   known, or no parts of it can be sent. Stores the decision and returns its status. Pure: no I/O, any thread.

   The ranges of a 206 stand in the order in which the client asks for them; those that overlap or adjoin have
   been joined. A malformed field counts as if it were not there; but a malformed If-Match or If-Range is not
   fulfilled. A malformed Range, or one with more than HTTP_MAX_RANGES ranges, is answered with the whole,
   200.

     case for a PUT:   if (http_evaluate(http_request(h), &current, -1, &decision) == 412)
                           return http_send_error(h, 412, NULL, NULL); */
SS_API int http_evaluate(const struct http_request *request, const struct http_validators *current,
                         int64_t size, struct http_decision *decision);

/* A representation that a handler can send. */
struct http_content {
    const char *type; /* Content-Type */
    struct http_validators validators;
    int64_t size;     /* bytes */
    const void *data; /* the bytes; NULL: they are in `fd` */
    int fd;           /* a file of at least `size` bytes */
    /* More fields for 200 and 206, ended by {NULL}; their sizes need not be set. A 304 has them too, but of
       Content-* only Content-Location. NULL: none */
    const struct http_field *fields;
};

/* Answers a GET or HEAD as http_evaluate decides: 200 with the whole, 206 with a part, or with several as
   multipart/byteranges, 304, or an error page with 412 or 416. Adds ETag, Last-Modified and Accept-Ranges.
   `content` and all that it points to are borrowed for the call. 0 or -errno: -EINVAL for a type or tag that
   cannot be sent, -EIO when the file is shorter than `size`, in which case the connection is closed. May
   wait.

     return http_send_content(h, &(struct http_content){.type = "image/png", .data = blob, .size = n,
                                                        .validators = {.etag = "\"v7\""}}); */
SS_API int http_send_content(struct ss_handler *h, const struct http_content *content);

/* ---------------------------------------------------------------- files */

/* Which symbolic links below `directory` are followed. (The directory itself may always be one.) */
enum http_symlinks {
    HTTP_SYMLINKS_NEVER = 1, /* none: a name with a link in it does not exist */
    HTTP_SYMLINKS_INSIDE,    /* those that lead to something inside, be they relative or absolute */
    HTTP_SYMLINKS_FOLLOW,    /* all, to wherever the server may read: who can make a link below
                                `directory` can publish any such file. ".." in a URL still stays inside */
};

/* What is done about names that begin with a dot: .git, .htpasswd, .ssh. */
enum http_dotfiles {
    HTTP_DOTFILES_HIDDEN = 1, /* they are answered as if they did not exist, and are not listed; except
                                 for /.well-known/ (RFC 8615), which is served and not listed */
    HTTP_DOTFILES_SERVED,     /* they are names like any other */
};

/* What is compressed for a client whose Accept-Encoding allows it; each includes the one before. */
enum http_compression {
    HTTP_COMPRESS_OFF = 1,       /* nothing: files are sent as they are */
    HTTP_COMPRESS_PRECOMPRESSED, /* name.zst, name.br or name.gz is sent for `name` if it is not older,
                                    and its first bytes are those of such a file */
    HTTP_COMPRESS_SMALL,         /* text from 1 KiB to 64 KiB is compressed once and kept */
    HTTP_COMPRESS_ALL,           /* longer text is compressed each time, without Content-Length */
};

/* What is done about compressed files beside a file: name.zst, name.br, name.gz. */
enum http_siblings {
    HTTP_SIBLINGS_IGNORED = 1, /* they are files like any other */
    HTTP_SIBLINGS_SENT,        /* they are sent for `name`, see enum http_compression */
};

/* The options of SimpleHTTPRequestHandler and of classes based on it:

     static const struct simple_http_class Files = {
         .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .table_size = sizeof Files},
         .directory = "www",
     };

   A class that changes none of them may as well be a struct http_handler_class. */
struct simple_http_class {
    struct http_handler_class http;
    const char *directory;          /* the files below it are served; "." */
    enum http_symlinks symlinks;    /* HTTP_SYMLINKS_INSIDE */
    enum http_dotfiles dotfiles;    /* HTTP_DOTFILES_HIDDEN */
    int cache_seconds;              /* how long browsers and caches may use a file without asking again
                                       (Cache-Control: max-age). -1: they ask each time, and get a 304
                                       (no-cache). -1 */
    enum http_compression compress; /* HTTP_COMPRESS_SMALL */
    enum http_siblings siblings;    /* HTTP_SIBLINGS_SENT. UploadHTTPRequestHandler's is
                                       HTTP_SIBLINGS_IGNORED, as who may store name.gz would decide
                                       what others get for `name` */
    const char *file_fields;        /* more header fields of each file: lines that end with "\r\n". "":
                                       none */
    const char *page_policy;        /* the Content-Security-Policy of files: what a browser lets them do
                                       that shows them. Those of application/pdf have none: browsers do not
                                       start their viewers in a sandbox, and no viewer runs what is in such a
                                       file in the name of the site. "": none, and UploadHTTPRequestHandler's
                                       is "sandbox" */
    const char *page_script;        /* the path of a script, as in "/live.js", that each listing loads (it
                                       has the attribute data-listing there), and each file of text/html up
                                       to 4 MiB, as its last element; so that file has another length and
                                       ETag, no form beside it (name.gz) is sent for it, and HTML in UTF-16
                                       stays as it is. Characters of a URL. "": none */
    const char *all_fields;         /* private */

    /* translate_path: returns the file name below `directory` for a request path, from ss_alloc. The name
       is relative, without a slash in front ("" is the directory itself), and with one at its end if a
       directory is meant. `path` is http_request(h)->path as it is: escapes, query and all. NULL: there is
       no such file (404; 400 when the path has a malformed escape or %00), or, with errno ENOMEM, no
       memory (503). The default decodes the path once, an encoded slash being a slash, and then resolves
       dot segments, never above the root. Whatever it returns, nothing outside of `directory` is opened,
       through symbolic links only as `symlinks` says, and dotfiles only as `dotfiles` says.
       guess_type: the media type for a file name, always the same one; it lives as long as the program.
       list_directory: answers with a listing of the directory `name` (translate_path's), which is open
       as `fd` and belongs to the caller. The default sends a page, or JSON to a client that prefers it
       in Accept or asks with ?json (listing_json.c describes it). It is sorted by name in any case,
       takes memory that does not grow with the directory, is compressed if `compress` has
       HTTP_COMPRESS_SMALL, and has a weak ETag that changes with anything that is shown. A listing of
       more than 512 KiB, or one while many others are sent, is sent while it is made, without an ETag.
       listing_extra: writes to h->wfile what stands on that page between heading and table: HTML for
       this directory, as the form for uploads. NULL, the default: nothing. 0 or -errno. */
    const char *(*translate_path)(struct ss_handler *h, const char *path);
    const char *(*guess_type)(struct ss_handler *h, const char *name);
    int (*list_directory)(struct ss_handler *h, int fd, const char *name);
    int (*listing_extra)(struct ss_handler *h);
};

/* SimpleHTTPRequestHandler: do_GET (and so HEAD) serves the regular files below `directory`. For a
   directory it sends index.html or index.htm, else a listing; the URL of a directory ends with a slash
   or is redirected there. A FIFO, a device or a socket is never opened (404); a file that may not be
   read is a 403. Files have ETag, Last-Modified and Cache-Control; conditions and ranges are decided by
   http_evaluate.
   The ETag is made of the content, so that chmod, a link, mv, touch or a restart do not change it. That
   of a file of more than 16 MiB is made of inode, size and times, the time of change among them; that of
   a file that is being written to is weak. The size is what could be read, whatever stat(2) says: a
   small file in /proc is as long as it is when it is read, and a large one of unknown size is sent
   without length, tag and parts. */
extern SS_API const struct simple_http_class http_SimpleHTTPRequestHandler;
#define SimpleHTTPRequestHandler http_SimpleHTTPRequestHandler

/* Returns the complete table as http_class_of does, converted to this struct. If h's class is not based on
   SimpleHTTPRequestHandler, that is printed on stderr, and abort(3) ends the program. */
SS_API const struct simple_http_class *http_simple_class_of(const struct ss_handler *h);

/* do_GET of SimpleHTTPRequestHandler: answers with the file or listing that the path names, or with the
   error page for it. The do_X of a class that is based on SimpleHTTPRequestHandler can call it for what
   it does not answer itself. Returns 0 when it has answered, also with an error page, or -errno, which
   do_X returns in turn. */
SS_API int http_do_GET(struct ss_handler *h);

/* ---------------------------------------------------------------- upload */

/* Whether clients may store files that mean more to browsers and other programs. */
enum http_reserved {
    HTTP_RESERVED_REFUSED = 1, /* 403 for index.html and index.htm, in any case, also compressed, and
                                  for what lies below /.well-known/ (RFC 8615) */
    HTTP_RESERVED_STORED,      /* they are stored, too */
};

/* What is done when the name of a file that is sent is taken. Where a compressed form of a file
   (name.gz) is sent for it, see enum http_siblings, the name of the form is taken if the file is there. */
enum http_on_duplicate {
    HTTP_DUPLICATE_ERROR = 1, /* the new file is refused, 409 */
    HTTP_DUPLICATE_OVERWRITE, /* it takes the place of the other */
    HTTP_DUPLICATE_RENAME,    /* it becomes "name (1).ext", or has the next number that is free */
};

/* The options of UploadHTTPRequestHandler and of classes based on it. The limits hold for all threads
   and processes of an HTTPServer together. */
struct upload_class {
    struct simple_http_class simple;
    enum http_on_duplicate on_duplicate; /* 0 (default): HTTP_DUPLICATE_ERROR for POST,
                                            HTTP_DUPLICATE_OVERWRITE for PUT. A PUT that is renamed
                                            gets a Location */
    enum http_reserved reserved;         /* HTTP_RESERVED_REFUSED */
    unsigned max_uploads;                /* requests that store files at the same time; more: 503. 256,
                                            at most 4,096 */
    int64_t max_receiving;               /* bytes of them together: what was announced, or what has
                                            come in chunks; more: 503, and 413 if one alone has more. 0
                                            (default): 8 times max_body */
    int64_t min_free;                    /* bytes to be left on the file system; else 507. 0 (default):
                                            64 MiB, but none on one of less than 1 GiB in all; -1: none */
};

/* UploadHTTPRequestHandler: SimpleHTTPRequestHandler that also takes files, at most max_body bytes a
   request.

   do_POST stores each file of a multipart/form-data body in the directory that the path names, under the
   last component of its filename (a backslash is a part of a name, unless it looks like a path of
   Windows), whatever the field is called; other fields are ignored. Then it answers 303 back to the
   directory, or 201 and {"files": [{"name", "href", "size"}]} to a client that prefers application/json
   to text/html. If one file fails or does not come to its end, nothing of it is stored, and those before
   it stay.

   do_PUT stores the body under the name that the path says. It answers 201, or 204 if there was such a
   file, with the ETag that GET then has; the new file keeps the permissions of the old one. A request
   with Content-Range gets 400, and one for a directory that does not exist gets 409. If-Match,
   If-None-Match and If-Unmodified-Since are evaluated before the body is read, and again when the file
   gets its name; the answer is 412 when they do not hold. While a file gets its name, no other upload
   gives names in that directory. So of several uploads with the same If-Match one wins.

   on_duplicate says what both do when a name is taken. A file has no name while it is received, or a
   hidden one where the file system demands one; it is written to the disk (fsync) and then gets its name
   in one step: readers see the old or the new file whole, and nothing is left of an upload that fails.
   Hidden names (.httpserver-*.part) are neither served nor stored; those that a killed server has left
   in `directory` are removed when an HTTPServer is bound. Room for a body of known size is reserved
   before it is read.

   Nothing outside of `directory` is written to, except through links to directories that `symlinks`
   follows; a link that has the file's own name is replaced. Names that begin with a dot or hold control
   characters are refused. The answer is 507 when there is no room, 403 when the permission is missing, and
   415 for a Content-Encoding other than identity.

   Files are served with X-Content-Type-Options: nosniff and Content-Security-Policy: sandbox (see
   page_policy): what somebody has stored runs no scripts in the name of this site. Requests that a browser
   sends for a page of another origin (Sec-Fetch-Site, Origin) are refused with 403. Who else may store files
   is for `before` or verify_request to say. */
extern SS_API const struct upload_class http_UploadHTTPRequestHandler;
#define UploadHTTPRequestHandler http_UploadHTTPRequestHandler

/* Returns the complete table as http_class_of does, converted to this struct. If h's class is not based on
   UploadHTTPRequestHandler, that is printed on stderr, and abort(3) ends the program. */
SS_API const struct upload_class *http_upload_class_of(const struct ss_handler *h);

/* do_POST and do_PUT of UploadHTTPRequestHandler: store what the request sends, and answer. The do_X of a
   class that is based on it can call them. They return what http_do_GET returns; -errno also for a body
   that is malformed or does not come. They wait. */
SS_API int http_do_POST(struct ss_handler *h);
SS_API int http_do_PUT(struct ss_handler *h);

/* ---------------------------------------------------------------- log

   Functions for log_request: .log_request = http_log_combined. The time in a line is when the response ended.
     http_log_python    as http.server's, but with the size:
                        127.0.0.1 - - [21/Nov/2026 13:25:17] "GET / HTTP/1.1" 200 1024
     http_log_common    the Common Log Format of NCSA and Apache:
                        127.0.0.1 - - [21/Nov/2026:13:25:17 +0100] "GET / HTTP/1.1" 200 1024
     http_log_combined  Apache's "combined": the same, and "Referer" "User-Agent"
     http_log_json      a JSON object a line, in UTF-8: time (RFC 3339, UTC), client, user (if it is known),
                        method, path, version,
                        status, bytes, duration_ms (with three decimals), referer, user_agent; null for what
                        there is none of. A request that was not understood has its first line as `request`,
                        one that has gone wrong has the reason as `error`.
     http_log_nothing   no line
   BaseHTTPRequestHandler's own log_request writes Python's line, by log_message where that is overridden;
   errors get lines of their own before it.

   With the functions above each request has exactly one line, whatever becomes of it, also one whose client
   goes away before its head is complete. The reason of a failure stands in that line: what log_error was told
   during the request, and the -errno that ended it. http_log_python puts it behind the size, http_log_json
   into `error`. Apache's forms have no place for it: they get one more quoted text at the end, and only when
   the server has failed. Neither log_message nor handle_error's default says the same again.

   In the first three forms a dash stands for what there is none of, also for a size of 0. A client can
   neither forge a line nor speak to a terminal, because these are escaped: control characters, what is no
   UTF-8, what cannot be seen, and what turns the direction of text round (U+202E); in Apache's forms also
   quotes, backslashes and all that is not ASCII (\xHH). The same holds for log_message and log_error. In
   JSON, what is no UTF-8 becomes U+FFFD. A text of more than 8 KiB is cut and ends with "...".

   The lines go to stderr, or to one file for the whole process. They are gathered and written in large
   pieces: to a file 0.9 s after the first line at the latest, to a terminal or a pipe after 20 ms. The first
   few lines of each process are written at once. The library makes a thread for this while lines wait; it
   takes no signals. Only whole lines are written, at the file's end, so several processes can share a file; a
   pipe takes lines of up to PIPE_BUF whole. A forked child has none of its parent's lines, and writes its
   own. What waits is written by HTTPServer's server_close, which ForkingMixIn and PreforkingMixIn call in
   each child, and by exit(3); other server classes call http_access_log_flush there. A process that a signal
   kills loses up to 0.9 s of lines. Neither a reader that takes nothing nor a full disk stops the server: at
   most 128 KiB of lines wait; more are lost and counted, and log_error is told so once. */
SS_API void http_log_python(struct ss_handler *h, int status, int64_t size);
SS_API void http_log_common(struct ss_handler *h, int status, int64_t size);
SS_API void http_log_combined(struct ss_handler *h, int status, int64_t size);
SS_API void http_log_json(struct ss_handler *h, int status, int64_t size);
SS_API void http_log_nothing(struct ss_handler *h, int status, int64_t size);

/* Returns the microseconds from the first byte of the request until now. It is 0 where log_request is
   http_log_nothing: that needs no clock, so none is read. For handlers and log_request. */
SS_API int64_t http_duration(const struct ss_handler *h);

/* Makes the functions above write to this file from now on; log_message stays with stderr. The file is made
   (0640) if it is not there, else appended to, so one that is copied and truncated (logrotate's copytruncate)
   loses only what is written in between. The path is copied. Returns 0 or -errno. The program calls this
   while no server runs in this process; its children have the same file. Waits until the lines for a file
   that was open are written. Any file that is or was the log, or stderr, is not served, listed or replaced by
   an upload, whatever its name and wherever it lies; copies of it are files like any other. */
SS_API int http_access_log_open(const char *path);
/* Opens a file of that name anew, after somebody (logrotate) has moved the old one away: in this process at
   once, and before their next line in all other processes, parents and children, that were forked since
   http_access_log_open. Lines that a process has gathered before may go to either file. Returns 0, also when
   no file is open. After -errno lines go on to the old file, and each tries to open the new one again. Any
   thread may call this, and a signal handler may, too: it is async-signal-safe. The library itself installs
   no handler of SIGHUP. */
SS_API int http_access_log_reopen(void);
/* Writes the lines that wait and closes the file; from now on lines go to stderr again. Harmless when no file
   is open. Waits. */
SS_API void http_access_log_close(void);
/* Writes the lines that wait. Gives up after 0.5 s when a pipe or a terminal takes nothing. Any thread.
   Waits. */
SS_API void http_access_log_flush(void);
/* Returns the number of lines that this process could not write since the file was opened. Any thread. */
SS_API uint64_t http_access_log_lost(void);

/* ---------------------------------------------------------------- helpers

   Any thread may call those that take no `h`. */

/* Return the phrase of a status ("Not Found") and its explanation; "" for an unknown status. The strings live
   as long as the program. (http.HTTPStatus) */
SS_API const char *http_status_phrase(int status);
SS_API const char *http_status_description(int status);

#define HTTP_DATE_SIZE 30
/* Writes a time as HTTP's headers have it (IMF-fixdate, RFC 9110 5.6.7), "Sun, 06 Nov 1994 08:49:37 GMT",
   with a NUL. Returns `text`. (date_time_string) */
SS_API char *http_format_date(time_t t, char text[HTTP_DATE_SIZE]);
/* Reads a date in any of the three forms of RFC 9110 5.6.7, and stores it in *t. Returns 0 or -EINVAL. */
SS_API int http_parse_date(const char *text, time_t *t);

/* Undoes percent-encoding, once and in place; '+' stays. Returns the new length, or -EINVAL for a malformed
   escape and for an encoded NUL: then a part of `text` may be decoded already. (urllib.parse.unquote) */
SS_API ssize_t http_unquote(char *text);
/* Percent-encodes what may not stand in a segment of a path; '/' stays. From ss_alloc, or NULL.
   (urllib.parse.quote) */
SS_API const char *http_quote(struct ss_handler *h, const char *text);
/* Escapes & < > " ' for HTML. From ss_alloc, or NULL. (html.escape) */
SS_API const char *http_escape(struct ss_handler *h, const char *text);

/* Returns the media type for the longest ending of a file's name that is known ("tar.gz" before "gz"), in
   upper or lower case; "application/octet-stream" if none is known. It looks first at the types that were
   added, then at a built-in table of what is in use on the web, then at the file of http_init_types. The
   string lives as long as the program. (mimetypes.guess_type) */
SS_API const char *http_guess_type(const char *name);
/* Adds a type, with the parameters that it is to have ("text/plain; charset=utf-8"), for names that end in
   `ext` (".log", "log" or "tar.gz"), and for the name that is `ext` as a whole ("README"), which counts
   before endings. What was added last counts. Both strings are copied. To be called before serving: a file
   that was served already may keep its type. 0, -ENOMEM, or -EINVAL when `type` is no media type (RFC
   9110 8.3.1) or `ext` no ending. (mimetypes.add_type) */
SS_API int http_add_type(const char *type, const char *ext);
/* Reads a list of types, at most 1 MiB; NULL: the system's, /etc/mime.types. The library does this by itself
   when it first meets an ending that is not in its table. Call it before serving to name another file, or to
   read the list once for all processes. Only the first call reads; later ones return what it did. text/...
   types get charset=utf-8. 0 or -errno; without a list there is still the table. (mimetypes.init) */
SS_API int http_init_types(const char *path);

/* Return the version of this library, "0.1.0", and what was built into it, a line for each part. (For the
   framework's parts there is ss_features.) The first string lives as long as the program, the second one
   until the calling thread calls http_features again, or ends. */
SS_API const char *http_version(void);
SS_API const char *http_features(void);

#ifdef __cplusplus
}
#endif
#endif
