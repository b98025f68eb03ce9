/* SPDX-License-Identifier: MIT */
/* What goes over a connection, as others hear it. */
#include "program/tap.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>

static struct tap *tap_of(const struct ss_stream *s)
{
    return (struct tap *)(void *)((char *)(uintptr_t)s->methods - offsetof(struct tap, methods));
}

static void hear_all(struct ss_stream *s, enum tap_kind kind, ssize_t result, const char *data, size_t size)
{
    for (struct tap *tap = tap_of(s); tap; tap = tap->next) {
        if (result > 0)
            *(kind == TAP_READ ? &tap->received : &tap->sent) += (uint64_t)result;
        tap->heard(s, tap, &(struct tap_event){kind, result, data, size});
    }
}

static ssize_t tap_read(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = tap_of(s)->inner->read(s, data, size);
    hear_all(s, TAP_READ, n, data, n > 0 ? (size_t)n : 0);
    return n;
}

static ssize_t tap_read_now(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = tap_of(s)->inner->read_now(s, data, size);
    hear_all(s, TAP_READ, n, data, n > 0 ? (size_t)n : 0);
    return n;
}

/* Copies the beginning of the pieces, and returns the size of all. */
static size_t copy_pieces(const struct iovec *vector, int count, char *to, size_t *shown)
{
    size_t all = 0;
    *shown = 0;
    for (int i = 0; i < count; i++) {
        size_t size = vector[i].iov_len, room = TAP_SHOWN - *shown;
        if (size)
            memcpy(to + *shown, vector[i].iov_base, size < room ? size : room);
        *shown += size < room ? size : room;
        all += size;
    }
    return all;
}

static int tap_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    char beginning[TAP_SHOWN];
    size_t shown, all = copy_pieces(vector, count, beginning, &shown);
    int rc = tap_of(s)->inner->write(s, vector, count, more);
    hear_all(s, TAP_WRITE, rc < 0 ? rc : (ssize_t)all, beginning, shown);
    return rc;
}

static ssize_t tap_write_now(struct ss_stream *s, const void *data, size_t size)
{
    ssize_t n = tap_of(s)->inner->write_now(s, data, size);
    hear_all(s, TAP_WRITE, n, data, n > 0 ? (size_t)n : size);
    return n;
}

static int tap_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    int rc = tap_of(s)->inner->sendfile(s, fd, offset, size);
    hear_all(s, TAP_FILE, rc < 0 ? rc : (ssize_t)size, NULL, 0);
    return rc;
}

/* A datagram is what is in the buffer when that is flushed. */
static int tap_flush(struct ss_stream *s)
{
    char beginning[TAP_SHOWN];
    size_t shown, all = copy_pieces(&(struct iovec){s->wbuf, s->wend}, 1, beginning, &shown);
    int rc = tap_of(s)->inner->flush(s);
    if (all)
        hear_all(s, TAP_WRITE, rc < 0 ? rc : (ssize_t)all, beginning, shown);
    return rc;
}

static int tap_write_eof(struct ss_stream *s)
{
    int rc = tap_of(s)->inner->write_eof(s);
    hear_all(s, TAP_EOF, rc, NULL, 0);
    return rc;
}

static bool is_tapped(const struct ss_stream *s)
{
    return s->methods->read == tap_read || s->methods->flush == tap_flush;
}

void tap_open(struct tap *tap, struct ss_stream *s,
              void (*heard)(struct ss_stream *s, struct tap *tap, const struct tap_event *event))
{
    while (s->below)
        s = s->below;
    tap->heard = heard;
    tap->next = NULL;
    if (is_tapped(s)) {
        tap->next = tap_of(s)->next;
        tap_of(s)->next = tap;
        return;
    }
    const struct ss_stream_class *inner = tap->inner = s->methods;
    tap->methods = *inner;
    if (inner->read)
        tap->methods.read = tap_read;
    if (inner->read_now)
        tap->methods.read_now = tap_read_now;
    if (inner->write)
        tap->methods.write = tap_write;
    if (inner->write_now)
        tap->methods.write_now = tap_write_now;
    if (inner->sendfile)
        tap->methods.sendfile = tap_sendfile;
    if (inner->flush)
        tap->methods.flush = tap_flush;
    if (inner->write_eof)
        tap->methods.write_eof = tap_write_eof;
    s->methods = &tap->methods;
}
