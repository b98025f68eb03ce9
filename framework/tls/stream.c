/* SPDX-License-Identifier: MIT */
/* The stream that encrypts: it lies over another one, which does the waiting. */
#include "server/stream.h"
#include "server/reason.h"
#include "tls/tls.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM_BUFFER = 16384 }; /* bytes, each way, of a client's stream and of copies */
enum { TURN_PAUSE = 1 };        /* ms until a second writer asks again whether it is its turn */
/* What a record takes besides its data, and the least room with which a record is worth sending. */
enum { OVERHEAD = 64, LEAST_ROOM = 512 };

static struct tls_stream *tls_of(struct ss_stream *s)
{
    return (struct tls_stream *)(void *)s;
}

/* ---------------------------------------------------------------- sending records */

/* One stream sends at a time: a record that overtakes another one ends the connection. */
static int take_turn(struct ss_stream *s)
{
    int rc = 0;
    while (rc == 0 && !tls_session_begin_writing(tls_of(s)->session))
        rc = s->server ? ss_sleep(s->server, TURN_PAUSE) : (poll(NULL, 0, TURN_PAUSE), 0);
    return rc;
}

/* Passes on what there is. A second stream has a buffer of its own, so nothing may stay in this one's. */
static int pass_on(struct tls_session *session, struct ss_stream *below, bool last)
{
    size_t size;
    int rc = 0;
    char *out;
    while ((out = tls_session_take(session, &size, last))) {
        if (rc == 0)
            rc = ss_write(below, out, size);
        if (rc == 0 && atomic_load(&session->streams) > 1)
            rc = ss_flush(below);
        free(out);
    }
    return rc;
}

/* What a read has to say, or the end of the output. If another stream is sending it takes that along. */
static int pass_on_if_free(struct tls_session *session, struct ss_stream *below)
{
    if (!tls_session_has_output(session) || !tls_session_begin_writing(session))
        return 0;
    return pass_on(session, below, true);
}

static int encrypt(struct ss_stream *s, const char *data, size_t size, unsigned *records)
{
    struct tls_session *session = tls_of(s)->session;
    int rc = 0;
    while (rc == 0 && size > 0) {
        ssize_t n = tls_session_write(session, s->below, data, size);
        if (n > 0) {
            s->sent += (uint64_t)n;
            data += n;
            size -= (size_t)n;
        }
        if (n == -ENOBUFS || (n > 0 && ++*records % TURN == 0))
            rc = pass_on(session, s->below, false);
        else if (n <= 0)
            rc = n == -EAGAIN || n == 0 ? -EPROTO : (int)n;
    }
    return rc;
}

static int tls_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    unsigned records = 0;
    int rc = take_turn(s);
    (void)more;
    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < count; i++)
        rc = encrypt(s, vector[i].iov_base, vector[i].iov_len, &records);
    int passed = pass_on(tls_of(s)->session, s->below, true);
    return rc < 0 ? rc : passed;
}

/* A record that is in the buffer below has left, as far as this stream is concerned. */
static ssize_t write_record_now(struct ss_stream *s, const void *data, size_t size)
{
    unsigned records = 0;
    int rc = take_turn(s);
    if (rc == 0)
        rc = encrypt(s, data, size, &records);
    int passed = rc == 0 ? pass_on(tls_of(s)->session, s->below, true) : rc;
    return passed < 0 ? passed : (ssize_t)size;
}

/* As large a record as goes into the buffer below without that being sent at once. */
static ssize_t tls_write_now(struct ss_stream *s, const void *data, size_t size)
{
    struct ss_stream *below = s->below;
    size_t most = below->wsize / 2;
    if (most < LEAST_ROOM || !below->methods->write_now) /* then it waits */
        return write_record_now(s, data, size);
    if (below->wsize - below->wend < LEAST_ROOM + OVERHEAD) {
        int rc = ss_flush_now(below);
        if (rc < 0 && rc != -EAGAIN)
            return rc;
    }
    size_t room = below->wsize - below->wend;
    if (room < LEAST_ROOM)
        return -EAGAIN;
    if (room > most - 1)
        room = most - 1;
    return write_record_now(s, data, size < room - OVERHEAD ? size : room - OVERHEAD);
}

/* Reads some records' worth at a time. */
static int tls_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    char *data = malloc((size_t)TURN * RECORD);
    int rc = data ? 0 : -ENOMEM;
    while (rc == 0 && size > 0) {
        size_t want = size < (size_t)TURN * RECORD ? size : (size_t)TURN * RECORD;
        ssize_t n = TEMP_FAILURE_RETRY(pread(fd, data, want, offset));
        if (n <= 0) {
            rc = n < 0 ? -errno : -EIO;
            break;
        }
        rc = tls_write(s, &(struct iovec){data, (size_t)n}, 1, false);
        offset += n;
        size -= (size_t)n;
    }
    free(data);
    return rc;
}

/* ---------------------------------------------------------------- receiving */

static ssize_t tls_read_now(struct ss_stream *s, void *data, size_t size)
{
    struct tls_session *session = tls_of(s)->session;
    const char *there;
    for (;;) {
        ssize_t n = tls_session_read(session, s->below, data, size);
        int rc = pass_on_if_free(session, s->below);
        if (n > 0)
            s->received += (uint64_t)n;
        if (n >= 0 || (n != -EAGAIN && n != -ENOBUFS))
            return n;
        ssize_t more = rc < 0 ? rc : n == -ENOBUFS ? 1 : ss_peek_now(s->below, &there, 1);
        if (more <= 0)
            return more == 0 ? -ECONNRESET : more; /* it has ended without saying so */
    }
}

static ssize_t tls_read(struct ss_stream *s, void *data, size_t size)
{
    const char *there;
    for (;;) {
        ssize_t n = tls_read_now(s, data, size);
        if (n != -EAGAIN)
            return n;
        bool before = s->amid_read;
        s->amid_read = before || tls_session_is_amid_record(tls_of(s)->session);
        n = ss_peek(s->below, &there, 1);
        s->amid_read = before;
        if (n <= 0)
            return n == 0 ? -ECONNRESET : n;
    }
}

/* ---------------------------------------------------------------- the end */

static int tls_write_eof(struct ss_stream *s)
{
    tls_session_end_output(tls_of(s)->session, s->below);
    return pass_on_if_free(tls_of(s)->session, s->below);
}

/* What was cut short must not end like what is whole. (-ECANCELED is an idle connection's, in a drain.) */
static bool ends_well(const struct ss_stream *s)
{
    return !s->below->error && (!s->error || s->error == -ECANCELED);
}

static int tls_close(struct ss_stream *s)
{
    struct tls_stream *t = tls_of(s);
    int rc = ends_well(s) && atomic_load(&t->session->streams) == 1 ? tls_write_eof(s) : 0;
    if (t->owned) {
        tls_session_release(t->session);
        free(t);
    }
    return rc;
}

/* ---------------------------------------------------------------- the beginning */

struct shaking {
    struct tls_session *session;
    struct ss_stream *below;
};

static int shake_aside(void *argument)
{
    struct shaking *shaking = argument;
    return tls_session_shake_hands(shaking->session, shaking->below);
}

int tls_shake_hands(struct ss_server *self, struct tls_session *session, struct ss_stream *below, int ms)
{
    struct shaking shaking = {session, below};
    const char *there;
    ss_set_deadline(below, ms);
    int rc, passed = 0;
    for (;;) {
        rc = self ? ss_offload(self, shake_aside, &shaking) : shake_aside(&shaking);
        if (!tls_session_begin_writing(session)) /* nobody else writes yet */
            rc = -EBUSY;
        passed = pass_on(session, below, true);
        if (rc == 1 || passed < 0 || (rc != -EAGAIN && rc != -ENOBUFS))
            break; /* what is in the buffer now leaves with what the handler writes, or before it waits */
        ssize_t n = rc == -ENOBUFS ? 1 : ss_peek(below, &there, 1);
        if (n <= 0) {
            rc = n == 0 ? -ECONNRESET : (int)n;
            break;
        }
    }
    ss_set_deadline(below, -1);
    return passed < 0 ? passed : rc == 1 ? 0 : rc == 0 ? -ECONNRESET : rc;
}

void tls_stream_init(struct tls_stream *t, struct tls_session *session, struct ss_stream *below,
                     char *buffers, size_t size)
{
    ss_stream_init(&t->stream, &tls_stream_class, NULL, buffers, size, buffers + size, size);
    ss_stream_over(&t->stream, below);
    t->session = session;
    t->owned = false;
}

struct tls_stream *tls_stream_new(struct tls_session *session, struct ss_stream *below)
{
    struct tls_stream *t = malloc(sizeof *t + 2 * STREAM_BUFFER);
    if (!t)
        return NULL;
    tls_stream_init(t, session, below, (char *)(t + 1), STREAM_BUFFER);
    t->owned = true;
    return t;
}

static int tls_dup(struct ss_stream *s, struct ss_stream *below, struct ss_stream **copy)
{
    struct tls_session *session = tls_of(s)->session;
    int rc = ss_flush(s->below); /* from now on each of both has a buffer of its own for records */
    if (rc == 0)
        rc = tls_session_share(session, s->below);
    if (rc < 0)
        return rc;
    struct tls_stream *t = tls_stream_new(session, below);
    if (!t) {
        tls_session_release(session);
        return -ENOMEM;
    }
    *copy = &t->stream;
    return 0;
}

const struct tls_session *tls_session_under(const struct ss_stream *s)
{
    while (s && s->methods != &tls_stream_class)
        s = s->below;
    return s ? ((const struct tls_stream *)(const void *)s)->session : NULL;
}

const struct ss_stream_class tls_stream_class = {
    .name = "TLS",
    .read = tls_read,
    .read_now = tls_read_now,
    .write = tls_write,
    .write_now = tls_write_now,
    .sendfile = tls_sendfile,
    .write_eof = tls_write_eof,
    .close = tls_close,
    .dup = tls_dup,
};
