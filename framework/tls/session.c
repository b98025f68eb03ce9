/* SPDX-License-Identifier: MIT */
/* One connection's part of OpenSSL. It never waits and calls no system: what it reads was put into the buffer
   of a stream before, and what it writes is put aside for the caller. So it may be called by any thread, one
   at a time. */
#include "server/core.h"
#include "tls/tls.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- bytes in and out */

static size_t take_stash(struct tls_session *session, char *data, size_t size)
{
    size_t there = session->stash_end - session->stash_at, n = size < there ? size : there;
    memcpy(data, session->stash + session->stash_at, n);
    session->stash_at += n;
    if (session->stash_at == session->stash_end) {
        free(session->stash);
        session->stash = NULL;
        session->stash_at = session->stash_end = 0;
    }
    return n;
}

static int bio_read(BIO *bio, char *data, size_t size, size_t *got)
{
    struct tls_session *session = BIO_get_data(bio);
    const char *there = NULL;
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (session->stash) {
        *got = take_stash(session, data, size);
        return 1;
    }
    ssize_t n = session->in ? ss_peek_now(session->in, &there, 0) : 0;
    if (n <= 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *got = (size_t)n < size ? (size_t)n : size;
    memcpy(data, there, *got);
    ss_skip(session->in, *got);
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *written = 0;
    if (!session->out)
        session->out = malloc(OUT_SIZE);
    if (!session->out)
        return 0;
    size_t room = OUT_SIZE - session->used;
    *written = size < room ? size : room;
    memcpy(session->out + session->used, data, *written);
    session->used += *written;
    if (*written == 0)
        BIO_set_retry_write(bio);
    return *written > 0;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socketserver");
    if (method && BIO_meth_set_read_ex(method, bio_read) == 1 &&
        BIO_meth_set_write_ex(method, bio_write) == 1 && BIO_meth_set_ctrl(method, bio_ctrl) == 1)
        bio_method = method;
    else
        BIO_meth_free(method);
}

/* ---------------------------------------------------------------- its life */

struct tls_session *tls_session_new(SSL_CTX *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    struct tls_session *session = calloc(1, sizeof *session);
    BIO *bio = session && bio_method ? BIO_new(bio_method) : NULL;
    SSL *ssl = bio ? SSL_new(ctx) : NULL;
    if (!ssl) {
        BIO_free(bio);
        free(session);
        return NULL;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    session->ssl = ssl;
    atomic_init(&session->streams, 1);
    pthread_mutex_init(&session->lock, NULL);
    return session;
}

void tls_session_release(struct tls_session *session)
{
    if (!session || atomic_fetch_sub(&session->streams, 1) > 1)
        return;
    SSL_free(session->ssl);
    tls_context_release(session->context);
    pthread_mutex_destroy(&session->lock);
    free(session->out);
    free(session->stash);
    free(session);
}

/* ---------------------------------------------------------------- one step at a time */

/* From here to tls_session_leave the calling thread is the only one that uses it. */
static void tls_session_enter(struct tls_session *session, struct ss_stream *in)
{
    pthread_mutex_lock(&session->lock);
    session->in = in;
    ERR_clear_error();
}

/* Several streams take input: what one of them has in its buffer is for whichever reads next. */
static int put_aside(struct tls_session *session)
{
    const char *there;
    ssize_t n = ss_peek_now(session->in, &there, 0);
    if (n <= 0 || session->stash)
        return 0;
    session->stash = malloc((size_t)n);
    if (!session->stash)
        return -ENOMEM;
    memcpy(session->stash, there, (size_t)n);
    session->stash_end = (size_t)n;
    ss_skip(session->in, (size_t)n);
    return 0;
}

static void tls_session_leave(struct tls_session *session)
{
    if (atomic_load(&session->streams) > 1 && put_aside(session) < 0)
        session->broken = true;
    session->in = NULL;
    pthread_mutex_unlock(&session->lock);
}

int tls_session_share(struct tls_session *session, struct ss_stream *in)
{
    tls_session_enter(session, in);
    atomic_fetch_add(&session->streams, 1);
    int rc = put_aside(session);
    if (rc < 0)
        atomic_fetch_sub(&session->streams, 1);
    tls_session_leave(session);
    return rc;
}

/* What has become of a call that has returned `rc`. */
static int judge_step(struct tls_session *session, int rc)
{
    switch (SSL_get_error(session->ssl, rc)) {
    case SSL_ERROR_NONE:
        return 1;
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        return -ENOBUFS;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        session->broken = true;
        session->failure = tls_pem_openssl_says();
        return -EPROTO;
    }
}

static ssize_t step_done(struct tls_session *session, int rc, size_t n)
{
    ssize_t result = session->broken ? -EPROTO : judge_step(session, rc);
    tls_session_leave(session);
    return result == 1 ? (ssize_t)n : result;
}

int tls_session_shake_hands(struct tls_session *session, struct ss_stream *in)
{
    tls_session_enter(session, in);
    int rc = SSL_do_handshake(session->ssl);
    session->ready = rc == 1;
    return (int)step_done(session, rc, 1);
}

ssize_t tls_session_read(struct tls_session *session, struct ss_stream *in, void *data, size_t size)
{
    size_t n = 0;
    tls_session_enter(session, in);
    int rc = session->broken ? 0 : SSL_read_ex(session->ssl, data, size, &n);
    return step_done(session, rc, n);
}

ssize_t tls_session_write(struct tls_session *session, struct ss_stream *in, const void *data, size_t size)
{
    size_t n = 0;
    tls_session_enter(session, in);
    int rc = session->broken ? 0 : SSL_write_ex(session->ssl, data, size, &n);
    return step_done(session, rc, n);
}

void tls_session_end_output(struct tls_session *session, struct ss_stream *in)
{
    tls_session_enter(session, in);
    if (session->ready && !session->broken && !(SSL_get_shutdown(session->ssl) & SSL_SENT_SHUTDOWN))
        (void)SSL_shutdown(session->ssl); /* that the other side has not ended its output yet is no failure */
    ERR_clear_error();
    tls_session_leave(session);
}

bool tls_session_begin_writing(struct tls_session *session)
{
    pthread_mutex_lock(&session->lock);
    bool free_now = !session->writing;
    session->writing = true;
    pthread_mutex_unlock(&session->lock);
    return free_now;
}

char *tls_session_take(struct tls_session *session, size_t *size, bool last)
{
    pthread_mutex_lock(&session->lock);
    char *taken = session->out;
    *size = session->used;
    session->out = NULL;
    session->used = 0;
    if (last && !taken)
        session->writing = false;
    pthread_mutex_unlock(&session->lock);
    return taken;
}

bool tls_session_has_output(struct tls_session *session)
{
    pthread_mutex_lock(&session->lock);
    bool has = session->used > 0;
    pthread_mutex_unlock(&session->lock);
    return has;
}

bool tls_session_is_amid_record(struct tls_session *session)
{
    pthread_mutex_lock(&session->lock);
    bool amid =
        session->stash || SSL_has_pending(session->ssl) || strcmp(SSL_rstate_string(session->ssl), "RB") == 0;
    pthread_mutex_unlock(&session->lock);
    return amid;
}

/* ---------------------------------------------------------------- what is known of it */

static void describe_peer(const SSL *ssl, struct ss_tls_info *info)
{
    X509 *peer = SSL_get1_peer_certificate(ssl);
    BIO *bio = peer ? BIO_new(BIO_s_mem()) : NULL;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0)
        (void)BIO_read(bio, info->subject, sizeof info->subject - 1);
    if (peer)
        tls_pem_fingerprint(peer, info->fingerprint);
    BIO_free(bio);
    X509_free(peer);
}

void tls_session_describe(const struct tls_session *session, struct ss_tls_info *info)
{
    const unsigned char *protocol = NULL;
    unsigned size = 0;
    const char *host = SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);
    *info = (struct ss_tls_info){.version = SSL_get_version(session->ssl),
                                 .cipher = SSL_get_cipher_name(session->ssl),
                                 .resumed = SSL_session_reused(session->ssl)};
    SSL_get0_alpn_selected(session->ssl, &protocol, &size);
    if (size < sizeof info->alpn)
        memcpy(info->alpn, size ? (const char *)protocol : "", size);
    if (host && strlen(host) < sizeof info->server_name)
        memcpy(info->server_name, host, strlen(host));
    describe_peer(session->ssl, info);
}
