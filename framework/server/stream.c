/* SPDX-License-Identifier: MIT */
/* Streams: a buffer for input and one for output, over the methods of a class. */
#include "server/stream.h"
#include "server/core.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_SIZE = 16384 }; /* bytes that are read at once of a file that has to be copied */

void ss_stream_init(struct ss_stream *s, const struct ss_stream_class *methods, void *context, char *rbuf,
                    size_t rsize, char *wbuf, size_t wsize)
{
    *s = (struct ss_stream){.methods = methods,
                            .context = context,
                            .fd = -1,
                            .rbuf = rbuf,
                            .rsize = rsize,
                            .wbuf = wbuf,
                            .wsize = wsize};
}

void ss_stream_over(struct ss_stream *s, struct ss_stream *below)
{
    const struct ss_stream *lowest = below;
    while (lowest != s && lowest->below)
        lowest = lowest->below;
    if (lowest == s)
        give_up("ss_stream_over: the stream \"%s\" would be over itself", s->methods->name);
    s->below = below;
    below->above = s;
    s->server = below->server;
    s->request = below->request;
    s->fd = below->fd;
    s->timeout = below->timeout;
    s->write_timeout = below->write_timeout;
    s->min_rate = below->min_rate;
}

void stream_serve(struct ss_stream *s, struct ss_handler *h)
{
    s->server = h->server;
    s->request = h->request;
    s->fd = h->request->fd;
    s->timeout = &h->timeout;
    s->write_timeout = &h->write_timeout;
    s->min_rate = &h->min_rate;
}

/* ---------------------------------------------------------------- input */

/* Remembers the first error, and returns it. */
static int failed(struct ss_stream *s, ssize_t rc)
{
    if (!s->error)
        s->error = (int)rc;
    return s->error;
}

/* Not a stream that only writes, nor NULL. */
static bool can_read(const struct ss_stream *s)
{
    return s && (s->methods->read || s->eof || s->rpos < s->rend);
}

/* Does the error not stick, because output can still be written? An answer to a client that was too slow; or
   the good-bye of the stream above, when the server stops. */
static bool passes(const struct ss_stream *s, ssize_t error)
{
    return !s->error && (error == -ETIMEDOUT || (error == -ECANCELED && s->above));
}

/* What a read has returned. */
static ssize_t remember(struct ss_stream *s, ssize_t n)
{
    if (n < 0)
        return passes(s, n) ? n : failed(s, n);
    s->eof = n == 0;
    return n;
}

/* Reads past the buffer. */
static ssize_t read_below(struct ss_stream *s, void *data, size_t size)
{
    if (s->error)
        return s->error;
    if (s->eof)
        return 0;
    if (!s->methods->read)
        return -EBADF;
    return s->has_lost_input ? -ETIMEDOUT : remember(s, s->methods->read(s, data, size));
}

/* Reads more input into the buffer. Where it is full, what is there moves to the front. */
static ssize_t fill(struct ss_stream *s)
{
    if (s->rpos == s->rend) {
        s->rpos = s->rend = 0;
    } else if (s->rend == s->rsize && s->rpos) {
        memmove(s->rbuf, s->rbuf + s->rpos, s->rend - s->rpos);
        s->rend -= s->rpos;
        s->rpos = 0;
    }
    ssize_t n = read_below(s, s->rbuf + s->rend, s->rsize - s->rend);
    if (n > 0)
        s->rend += (size_t)n;
    return n;
}

/* Takes up to `size` bytes out of the buffer. */
static size_t take_buffered(struct ss_stream *s, void *data, size_t size)
{
    size_t there = s->rend - s->rpos;
    if (size > there)
        size = there;
    if (size)
        memcpy(data, s->rbuf + s->rpos, size);
    s->rpos += size;
    return size;
}

ssize_t ss_read(struct ss_stream *s, void *data, size_t size)
{
    if (!s || size == 0)
        return can_read(s) ? s->error : -EBADF;
    if (s->rpos == s->rend) {
        if (s->error || size >= s->rsize / 2)
            return read_below(s, data, size);
        ssize_t n = fill(s);
        if (n <= 0)
            return n;
    }
    return (ssize_t)take_buffered(s, data, size);
}

/* A read that has ended with a time-out puts what it had got back into the buffer, which is empty, for the
   next read. When it does not fit it is lost, and later reads must not go on behind it. */
static void put_back(struct ss_stream *s, const void *data, size_t size)
{
    if (size > s->rsize) {
        s->has_lost_input = true;
        return;
    }
    memcpy(s->rbuf, data, size);
    s->rpos = 0;
    s->rend = size;
}

/* The result of a read that has got `done` bytes in several pieces: `n` is what the last piece returned. */
static ssize_t pieces_read(struct ss_stream *s, const void *data, size_t done, ssize_t n)
{
    if (!s)
        return n;
    s->amid_read = false;
    if (n == -ETIMEDOUT && done && !s->error)
        put_back(s, data, done);
    return n < 0 ? n : (ssize_t)done;
}

ssize_t ss_readexactly(struct ss_stream *s, void *data, size_t size)
{
    size_t done = 0;
    ssize_t n = can_read(s) ? 1 : -EBADF;
    while (done < size && n > 0) {
        s->amid_read = done > 0;
        n = ss_read(s, (char *)data + done, size - done);
        done += n > 0 ? (size_t)n : 0;
    }
    return pieces_read(s, data, done, n);
}

/* Takes what is in the buffer, up to and with the next newline. True when there was one. */
static bool take_line(struct ss_stream *s, char *line, size_t room, size_t *done)
{
    const char *from = s->rbuf + s->rpos;
    size_t there = s->rend - s->rpos < room ? s->rend - s->rpos : room;
    const char *newline = memchr(from, '\n', there);
    *done += take_buffered(s, line, newline ? (size_t)(newline - from) + 1 : there);
    return newline;
}

/* Without a buffer: one byte, so that nothing behind the newline is taken. True when it is one. */
static bool read_line(struct ss_stream *s, char *line, ssize_t *n, size_t *done)
{
    *n = read_below(s, line, 1);
    *done += *n > 0;
    return *n > 0 && *line == '\n';
}

ssize_t ss_readline(struct ss_stream *s, char *line, size_t size)
{
    size_t done = 0;
    ssize_t n = can_read(s) ? 1 : -EBADF;
    bool complete = size == 0;
    while (!complete && done + 1 < size && n > 0) {
        s->amid_read = done > 0;
        if (!s->rsize)
            complete = read_line(s, line + done, &n, &done);
        else if (s->rpos < s->rend || (n = fill(s)) > 0)
            complete = take_line(s, line + done, size - 1 - done, &done);
    }
    if (size)
        line[done] = '\0';
    return pieces_read(s, line, done, n);
}

ssize_t ss_peek(struct ss_stream *s, const char **data, size_t want)
{
    if (!can_read(s))
        return -EBADF;
    if (want > s->rsize && !s->eof)
        return -ENOBUFS;
    while (s->rend - s->rpos < want) {
        if (s->rsize - s->rpos < want) {
            memmove(s->rbuf, s->rbuf + s->rpos, s->rend - s->rpos);
            s->rend -= s->rpos;
            s->rpos = 0;
        }
        ssize_t n = fill(s);
        if (n < 0)
            return n;
        if (n == 0)
            break;
    }
    *data = s->rbuf + s->rpos;
    return (ssize_t)(s->rend - s->rpos);
}

ssize_t ss_peek_now(struct ss_stream *s, const char **data)
{
    if (!can_read(s))
        return -EBADF;
    *data = s->rbuf + s->rpos;
    if (s->rpos < s->rend)
        return (ssize_t)(s->rend - s->rpos);
    if (s->error || s->eof)
        return s->error;
    if (!s->rsize)
        return -ENOBUFS;
    if (!s->methods->read_now)
        return ss_flush(s) < 0 ? s->error : ss_peek(s, data, 1);
    if (s->has_lost_input)
        return -ETIMEDOUT;
    ssize_t n = s->methods->read_now(s, s->rbuf, s->rsize);
    if (n == -EAGAIN)
        return n;
    s->rpos = 0;
    s->rend = n > 0 ? (size_t)n : 0;
    *data = s->rbuf;
    return remember(s, n);
}

void ss_skip(struct ss_stream *s, size_t size)
{
    if (s)
        s->rpos += size < s->rend - s->rpos ? size : s->rend - s->rpos;
}

/* ---------------------------------------------------------------- output */

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
        return failed(s, -EMSGSIZE);
    int rc = s->methods->write(s, vector, count, more);
    return rc < 0 ? failed(s, rc) : 0;
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

static int flush_through(struct ss_stream *s)
{
    int rc = flush(s, false);
    if (rc == 0 && s->methods->flush)
        rc = s->methods->flush(s);
    if (rc == 0 && s->below)
        rc = ss_flush(s->below);
    return rc < 0 ? failed(s, rc) : 0;
}

int ss_flush(struct ss_stream *s)
{
    if (!s)
        return -EBADF;
    return s->methods->flush || s->below ? flush_through(s) : flush(s, false);
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
    rc = rc < 0 ? failed(s, rc) : ss_write(s, text, (size_t)n);
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
            return failed(s, n < 0 ? -errno : -EIO);
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
    return rc < 0 ? failed(s, rc) : 0;
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
    return rc < 0 ? failed(s, rc) : 0;
}

int ss_close(struct ss_stream *s)
{
    int rc = 0;
    for (struct ss_stream *below; s; s = below) {
        below = s->below; /* before s is freed */
        int flushed = s->methods->flush || below ? flush_through(s) : flush(s, false);
        int closed = s->methods->close ? s->methods->close(s) : 0;
        if (rc == 0)
            rc = flushed < 0 ? flushed : closed;
    }
    return rc;
}

/* ---------------------------------------------------------------- time limits: the lowest stream waits */

void ss_set_deadline(struct ss_stream *s, int ms)
{
    uint64_t deadline = ms < 0 ? 0 : ss_now() + (uint64_t)ms;
    for (; s; s = s->below)
        s->deadline = deadline;
}

void ss_set_owed(struct ss_stream *s, bool owed)
{
    for (; s; s = s->below) {
        s->owed = owed;
        s->in.waited = 0;
    }
}
