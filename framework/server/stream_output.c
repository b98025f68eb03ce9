/* SPDX-License-Identifier: MIT */
/* The output of streams: what is written waits in the buffer until that is full, or the stream is flushed or
   closed. */
#include "server/stream.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_SIZE = 16384 }; /* bytes that are read at once of a file that has to be copied */

int stream_failed(struct ss_stream *s, ssize_t rc)
{
    if (!s->error && !s->methods->datagrams)
        s->error = (int)rc;
    return s->error ? s->error : (int)rc;
}

/* Not a stream that only reads, nor NULL. One with a buffer and without `write` keeps its output there. */
static bool can_write(const struct ss_stream *s)
{
    return s && (s->methods->write || s->wsize);
}

/* Writes past the buffer. */
static int write_below(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    if (s->error)
        return s->error;
    if (!s->methods->write)
        return stream_failed(s, -EMSGSIZE);
    int rc = s->methods->write(s, vector, count, more);
    return rc < 0 ? stream_failed(s, rc) : 0;
}

/* Not inlined: a vector costs the function around it the stack protector's check, and most have nothing to
   flush. */
__attribute__((noinline)) static int write_buffer(struct ss_stream *s, bool more)
{
    struct iovec all = {s->wbuf, s->wend};
    s->wend = 0;
    return write_below(s, &all, 1, more);
}

static int flush(struct ss_stream *s, bool more)
{
    return s->error || !s->wend || !s->methods->write ? s->error : write_buffer(s, more);
}

/* Not the streams below. */
static int flush_own(struct ss_stream *s)
{
    int rc = flush(s, false);
    if (rc == 0 && s->methods->flush)
        rc = s->methods->flush(s);
    return rc < 0 ? stream_failed(s, rc) : 0;
}

static int flush_through(struct ss_stream *s)
{
    int rc = flush_own(s);
    if (rc == 0 && s->below)
        rc = ss_flush(s->below);
    return rc < 0 ? stream_failed(s, rc) : 0;
}

int ss_flush(struct ss_stream *s)
{
    if (!s)
        return -EBADF;
    return s->methods->flush || s->below ? flush_through(s) : flush(s, false);
}

int ss_flush_now(struct ss_stream *s)
{
    if (!s)
        return -EBADF;
    if (!s->methods->write_now)
        return ss_flush(s);
    size_t sent = 0;
    ssize_t n = s->error;
    while (n >= 0 && sent < s->wend) { /* until EAGAIN: that there is room again is told only after that */
        n = s->methods->write_now(s, s->wbuf + sent, s->wend - sent);
        sent += n > 0 ? (size_t)n : 0;
    }
    s->wend -= sent;
    if (sent && s->wend)
        memmove(s->wbuf, s->wbuf + sent, s->wend);
    if (n >= 0 && s->below)
        n = ss_flush_now(s->below);
    return n >= 0 ? 0 : n == -EAGAIN ? -EAGAIN : stream_failed(s, n);
}

int stream_flush_above(struct ss_stream *s)
{
    int rc = 0;
    for (; s && rc == 0; s = s->above) {
        rc = ss_flush(s);
        if (rc == 0 && s->tied)
            rc = ss_flush(s->tied);
    }
    return rc;
}

static void copy_out(struct ss_stream *s, const struct iovec *vector, int count)
{
    for (int i = 0; i < count; i++) {
        if (vector[i].iov_len)
            memcpy(s->wbuf + s->wend, vector[i].iov_base, vector[i].iov_len);
        s->wend += vector[i].iov_len;
    }
}

/* Is a piece of this size put into the buffer? Copying a large one may cost more than the write that it
   saves. */
static bool worth_copying(const struct ss_stream *s, size_t size)
{
    return size < s->wsize / 2 || !s->methods->direct;
}

/* Writes what does not fit, together with what is in the buffer, without copying it. Not inlined, as
   write_buffer: most of what is written fits. */
__attribute__((noinline)) static int write_through(struct ss_stream *s, const struct iovec *vector, int count)
{
    struct iovec all[8];
    if (count > 7) {
        int rc = write_through(s, vector, 7);
        return rc < 0 ? rc : ss_writev(s, vector + 7, count - 7);
    }
    all[0] = (struct iovec){s->wbuf, s->wend};
    memcpy(all + 1, vector, (size_t)count * sizeof *vector);
    if (s->methods->write)
        s->wend = 0;
    return all[0].iov_len ? write_below(s, all, count + 1, false) : write_below(s, all + 1, count, false);
}

int ss_writev(struct ss_stream *s, const struct iovec *vector, int count)
{
    size_t size = 0;
    if (!can_write(s))
        return -EBADF;
    for (int i = 0; i < count; i++)
        size += vector[i].iov_len;
    if (s->error)
        return s->error;
    if (size <= s->wsize - s->wend && worth_copying(s, size)) {
        copy_out(s, vector, count);
        return 0;
    }
    return write_through(s, vector, count);
}

__attribute__((noinline)) static int write_one(struct ss_stream *s, const void *data, size_t size)
{
    return ss_writev(s, &(struct iovec){(void *)(uintptr_t)data, size}, 1);
}

int ss_write(struct ss_stream *s, const void *data, size_t size)
{
    if (s && size && !s->error && size <= s->wsize - s->wend && worth_copying(s, size)) {
        memcpy(s->wbuf + s->wend, data, size);
        s->wend += size;
        return 0;
    }
    return write_one(s, data, size);
}

/* What does not fit, where the buffer is to be passed by. */
static ssize_t write_past_now(struct ss_stream *s, const void *data, size_t size)
{
    int rc = ss_flush_now(s);
    if (rc < 0 && rc != -EAGAIN)
        return rc;
    size_t room = s->wsize - s->wend;
    if (rc == 0 && !(size <= room && worth_copying(s, size))) {
        ssize_t n = s->methods->write_now(s, data, size);
        return n >= 0 || n == -EAGAIN ? n : stream_failed(s, n);
    }
    if (size > room)
        size = room;
    memcpy(s->wbuf + s->wend, data, size);
    s->wend += size;
    return size ? (ssize_t)size : -EAGAIN;
}

ssize_t ss_write_now(struct ss_stream *s, const void *data, size_t size)
{
    bool fits = s && size <= s->wsize - s->wend && worth_copying(s, size);
    if (s && s->methods->write_now && size && !fits && !s->error)
        return write_past_now(s, data, size);
    int rc = ss_write(s, data, size);
    return rc < 0 ? rc : (ssize_t)size;
}

int ss_vprintf(struct ss_stream *s, const char *format, va_list args)
{
    char small[256], *text = small;
    va_list again;
    if (!can_write(s))
        return -EBADF;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    int rc = n < 0 ? -EINVAL : 0;
    if (n >= (int)sizeof small) {
        text = malloc((size_t)n + 1);
        if (text)
            vsnprintf(text, (size_t)n + 1, format, again);
        else
            rc = -ENOMEM;
    }
    va_end(again);
    rc = rc < 0 ? stream_failed(s, rc) : ss_write(s, text, (size_t)n);
    if (text != small)
        free(text);
    return rc;
}

int ss_printf(struct ss_stream *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = ss_vprintf(s, format, args);
    va_end(args);
    return rc;
}

int stream_copy_file(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    char data[COPY_SIZE];
    while (size > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(pread(fd, data, size < sizeof data ? size : sizeof data, offset));
        if (n <= 0)
            return stream_failed(s, n < 0 ? -errno : -EIO);
        int rc = ss_write(s, data, (size_t)n);
        if (rc < 0)
            return rc;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

int ss_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    if (!can_write(s))
        return -EBADF;
    if (!s->methods->sendfile)
        return stream_copy_file(s, fd, offset, size);
    if (size == 0 || flush(s, true) < 0)
        return s->error;
    int rc = s->methods->sendfile(s, fd, offset, size);
    return rc < 0 ? stream_failed(s, rc) : 0;
}

int ss_write_eof(struct ss_stream *s)
{
    if (!can_write(s))
        return -EBADF;
    int rc = ss_flush(s);
    if (rc == 0 && s->methods->write_eof)
        rc = s->methods->write_eof(s);
    if (rc == 0 && s->below)
        rc = ss_write_eof(s->below);
    return rc < 0 ? stream_failed(s, rc) : 0;
}

bool stream_holds_input(const struct ss_stream *s)
{
    while (s && s->rpos == s->rend)
        s = s->below;
    return s;
}

/* Has the other side sent what nobody has looked at? A part of a line is no more than that: the handler knows
   it, and has waited for the rest. */
static bool has_unread(const struct ss_stream *s)
{
    return stream_holds_input(s) && !(s->part && s->part == s->rend - s->rpos);
}

int ss_close(struct ss_stream *s)
{
    int rc = 0;
    if (s && s->request && !s->request->datagram && has_unread(s))
        s->request->linger = true;
    for (struct ss_stream *below; s; s = below) {
        below = s->below;           /* before s is freed */
        int flushed = flush_own(s); /* `below` is flushed in its turn, with the good-bye */
        int closed = s->methods->close ? s->methods->close(s) : 0;
        if (rc == 0)
            rc = flushed < 0 ? flushed : closed;
        if (below)
            below->above = NULL;
    }
    return rc;
}
