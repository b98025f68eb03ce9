/* SPDX-License-Identifier: MIT */
/* TLSMixIn: a session for each connection, and what they have in common. */
#include "memory/arena.h"
#include "server/core.h"
#include "server/reason.h"
#include "tls/tls.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKE_TIME = 10000 };  /* ms */
enum { HANDSHAKE_RECORD = 0x16 }; /* what a client begins with: RFC 8446 section 5.1 */

/* Of a process. */
struct tls_state {
    pthread_mutex_t lock;
    struct tls_context *context;
    unsigned generation; /* of the context */
    struct ticket_keys *keys;
    struct tls_files *files; /* of the newest generation, under ss_lock */
};

/* Of all processes. */
struct tls_shared {
    atomic_uint generation; /* how often ss_tls_reload has found good files */
};

static struct tls_state *state_of(const struct ss_server *self)
{
    return ss_state(self, &TLSMixIn);
}

static struct tls_session **session_of(struct ss_server *self, struct ss_request *request)
{
    return ss_request_state(self, request, &TLSMixIn);
}

static const struct ss_tls *settings_of(const struct ss_server *self)
{
    static const struct ss_tls none;
    return self->tls ? self->tls : &none;
}

/* ---------------------------------------------------------------- what all connections have in common */

static void tls_init(struct ss_server *self)
{
    pthread_mutex_init(&state_of(self)->lock, NULL);
}

static int check_server(const struct ss_server *self)
{
    if (self->socket_type != SOCK_STREAM)
        return ss_set_reason(-EPROTOTYPE,
                             "TLSMixIn is for servers of connections: TCPServer, UnixStreamServer");
    if (!self->core->has_streams)
        return ss_set_reason(-EINVAL,
                             "TLSMixIn encrypts streams, which a BaseRequestHandler does not have: base the "
                             "handler class on StreamRequestHandler");
    return 0;
}

static void use_context(struct tls_state *state, struct tls_context *context, unsigned generation)
{
    struct tls_context *before = state->context;
    state->context = context;
    state->generation = generation;
    tls_context_release(before);
}

/* Reads the files, and keeps them for other processes. */
static int load_files(struct ss_server *self, struct tls_files *into, struct tls_context **context)
{
    tls_files_use(NULL, into);
    int rc = tls_context_load(settings_of(self), state_of(self)->keys, context);
    tls_files_use(NULL, NULL);
    return rc;
}

static int share(struct tls_state *state)
{
    if (!state->keys && !(state->keys = tls_tickets_new()))
        return -errno;
    if (!state->files && !(state->files = tls_files_new()))
        return -errno;
    return 0;
}

static int server_bind(struct ss_server *self)
{
    struct tls_state *state = state_of(self);
    struct tls_shared *shared = ss_shared(self, &TLSMixIn);
    struct tls_context *context = NULL;
    reason_clear();
    int rc = check_server(self);
    if (rc == 0)
        rc = share(state);
    if (rc == 0)
        rc = load_files(self, state->files, &context);
    if (rc < 0)
        return rc;
    use_context(state, context, atomic_load(&shared->generation));
    return ss_super(self, &TLSMixIn)->server_bind(self);
}

static bool lock_files(const struct ss_server *self)
{
    int rc = ss_lock(self, &TLSMixIn);
    return rc == 0 || rc == -EOWNERDEAD;
}

/* Under the lock of the process. When another process has found new files: takes them from it. */
static void catch_up(struct ss_server *self)
{
    struct tls_state *state = state_of(self);
    struct tls_shared *shared = ss_shared(self, &TLSMixIn);
    struct tls_context *context = NULL;
    if (state->generation == atomic_load(&shared->generation) || !lock_files(self))
        return;
    unsigned now = state->generation = atomic_load(&shared->generation);
    tls_files_use(state->files, NULL);
    int rc = tls_context_load(settings_of(self), state->keys, &context);
    tls_files_use(NULL, NULL);
    (void)ss_unlock(self, &TLSMixIn);
    if (rc == 0)
        use_context(state, context, now);
    else
        fprintf(stderr, "socketserver: the certificates stay as they were: %s\n", ss_reason());
}

/* The caller releases it. */
static struct tls_context *current_context(struct ss_server *self)
{
    struct tls_state *state = state_of(self);
    pthread_mutex_lock(&state->lock);
    catch_up(self);
    struct tls_context *context = state->context;
    atomic_fetch_add(&context->users, 1);
    pthread_mutex_unlock(&state->lock);
    return context;
}

/* All processes get what this one has read and found to be good. */
static void publish_files(struct ss_server *self, const struct tls_files *files, struct tls_context *context)
{
    struct tls_state *state = state_of(self);
    struct tls_shared *shared = ss_shared(self, &TLSMixIn);
    pthread_mutex_lock(&state->lock);
    bool locked = lock_files(self);
    memcpy(state->files->data, files->data, files->used);
    state->files->used = files->used;
    use_context(state, context, atomic_fetch_add(&shared->generation, 1) + 1);
    if (locked)
        (void)ss_unlock(self, &TLSMixIn);
    pthread_mutex_unlock(&state->lock);
}

int ss_tls_reload(struct ss_server *self)
{
    struct tls_state *state = state_of(self);
    struct tls_context *context = NULL;
    reason_clear();
    if (!state || !state->context)
        return ss_set_reason(-EINVAL, "the server has no TLSMixIn, or is not bound");
    if (!settings_of(self)->certificates)
        return 0; /* the one that was made stays: another process would make another one */
    struct tls_files *files = tls_files_new();
    int rc = files ? load_files(self, files, &context) : -ENOMEM;
    if (rc == 0)
        publish_files(self, files, context);
    tls_files_free(files);
    return rc;
}

/* So that processes which are forked for a connection each need not read the files. */
static void service_actions(struct ss_server *self)
{
    tls_context_release(current_context(self));
    ss_super(self, &TLSMixIn)->service_actions(self);
}

static void forked(struct ss_server *self)
{
    ss_super(self, &TLSMixIn)->forked(self);
    pthread_mutex_init(&state_of(self)->lock, NULL); /* a thread of the parent may have had it */
}

static void server_close(struct ss_server *self)
{
    struct tls_state *state = state_of(self);
    ss_super(self, &TLSMixIn)->server_close(self);
    tls_context_release(state->context);
    tls_tickets_free(state->keys);
    tls_files_free(state->files);
    state->context = NULL;
    state->files = NULL;
    state->keys = NULL;
}

/* ---------------------------------------------------------------- connections */

static void explain_handshake(const struct ss_handler *h, const struct tls_session *session)
{
    const SSL *ssl = session->ssl;
    char note[200];
    snprintf(note, sizeof note, "%s, %s%s", SSL_get_version(ssl), SSL_get_cipher_name(ssl),
             SSL_session_reused(ssl) ? ", resumed" : "");
    h->server->explained->noted(h, "handshake", note);
}

static int answer_plainly(struct ss_handler *h, struct ss_stream *below, const struct ss_tls *tls)
{
    h->rfile = h->wfile = below;
    int rc = tls->not_tls(h), flushed = ss_flush(below);
    h->rfile = h->wfile = NULL;
    h->request->linger = true;
    return rc < 0 ? rc : flushed < 0 ? flushed : -ECONNRESET;
}

/* The client's first bytes have come. */
static int begin_session(struct ss_server *self, struct ss_handler *h, struct ss_stream *below, int ms)
{
    struct tls_session **kept = session_of(self, h->request);
    struct tls_context *context = current_context(self);
    *kept = tls_session_new(context->each[0]);
    if (!*kept) {
        tls_context_release(context);
        return -ENOMEM;
    }
    (*kept)->context = context;
    SSL_set_accept_state((*kept)->ssl);
    h->request->busy = true; /* a client that has begun is to be served, also in a drain */
    int rc = tls_shake_hands(context->slow ? self : NULL, *kept, below, ms);
    h->request->busy = false;
    if (rc == 0 && self->explained)
        explain_handshake(h, *kept);
    return rc;
}

static int begin_connection(struct ss_server *self, struct ss_handler *h, struct ss_stream *below)
{
    const struct ss_tls *tls = settings_of(self);
    const char *first;
    int ms = tls->handshake_timeout ? tls->handshake_timeout : HANDSHAKE_TIME;
    ss_set_deadline(below, ms);
    uint64_t end = below->deadline, now;
    ssize_t n = ss_peek(below, &first, 1);
    if (n <= 0) /* a client that never says a word is no failure */
        return n == 0 ? -ECONNRESET : n == -ETIMEDOUT ? -ECANCELED : (int)n;
    if (*first != HANDSHAKE_RECORD && tls->not_tls)
        return answer_plainly(h, below, tls);
    now = ss_now();
    return begin_session(self, h, below, end > now ? (int)(end - now) : 0);
}

static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    size_t size = self->buffer_size ? self->buffer_size : 1;
    struct tls_session **kept = session_of(self, h->request);
    struct ss_stream *below;
    int rc = ss_super(self, &TLSMixIn)->open_stream(self, h, &below);
    if (rc < 0)
        return rc;
    struct tls_stream *t = ss_alloc(h, sizeof *t);
    char *buffers = t ? arena_lend(h->arena, 2 * size) : NULL;
    rc = !buffers ? -ENOMEM : *kept ? 0 : begin_connection(self, h, below);
    if (rc < 0) {
        (void)ss_close(below);
        return rc;
    }
    tls_stream_init(t, *kept, below, buffers, size);
    t->stream.lent = true;
    *stream = &t->stream;
    return 0;
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    struct tls_session **kept = session_of(self, request);
    tls_session_release(*kept);
    *kept = NULL;
    ss_super(self, &TLSMixIn)->close_request(self, request);
}

static void handle_error(struct ss_server *self, struct ss_request *request, int error)
{
    const struct tls_session *session = *session_of(self, request);
    const char *why = session ? session->failure : NULL;
    char text[SS_ADDRESS_TEXT] = "a client";
    struct ss_address client;
    if (session && !session->ready && error == -ETIMEDOUT)
        why = "the client has not finished it in time";
    if (!why || request->told || (error != -EPROTO && error != -ETIMEDOUT)) {
        ss_super(self, &TLSMixIn)->handle_error(self, request, error);
        return;
    }
    if (ss_client_address(request, &client) == 0 && client.length && client.u.any.sa_family != AF_UNIX)
        (void)ss_address_format(&client, text, sizeof text);
    fprintf(stderr, "socketserver: %s with %s failed: %s\n", session->ready ? "TLS" : "TLS handshake", text,
            why);
}

/* ---------------------------------------------------------------- what handlers ask */

int ss_tls_info(const struct ss_handler *h, struct ss_tls_info *info)
{
    struct tls_session **kept = session_of(h->server, h->request);
    if (!kept || !*kept)
        return -EOPNOTSUPP;
    tls_session_describe(*kept, info);
    return 0;
}

/* An answer that is not encrypted would be none, and a handshake takes a place. */
static void turn_away_silently(struct ss_server *self, struct ss_request *request)
{
    (void)self;
    (void)request;
}

const struct ss_class ss_TLSMixIn = {
    .name = "TLSMixIn",
    .state_size = sizeof(struct tls_state),
    .shared_size = sizeof(struct tls_shared),
    .request_state_size = sizeof(struct tls_session *),
    .defaults = tls_init,
    .server_bind = server_bind,
    .server_close = server_close,
    .turn_away = turn_away_silently,
    .open_stream = open_stream,
    .close_request = close_request,
    .handle_error = handle_error,
    .forked = forked,
    .service_actions = service_actions,
};
