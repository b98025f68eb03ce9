/* SPDX-License-Identifier: MIT */
/* Streams: a buffer for input and one for output, over the methods of a class. Here they are made and read;
   stream_output.c writes them. */
#include "server/stream.h"
#include "memory/arena.h"
#include "server/core.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* The pages that lie in it whole. */
static void give_back(char *buffer, size_t size)
{
    uintptr_t page = (uintptr_t)getpagesize(), begin = ((uintptr_t)buffer + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)buffer + size) / page * page;
    if (buffer && end > begin)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* A stream's two buffers lie one behind the other, as a rule. */
static void rest_one(const struct ss_stream *s)
{
    bool in = s->rpos == s->rend, out = s->wend == 0, together = in && out && s->rbuf + s->rsize == s->wbuf;
    if (in)
        give_back(s->rbuf, s->rsize + (together ? s->wsize : 0));
    if (out && !together)
        give_back(s->wbuf, s->wsize);
}

void stream_rest(const struct ss_stream *s)
{
    for (; s; s = s->below)
        rest_one(s);
}

void stream_return(struct ss_stream *s, struct ss_arena *arena)
{
    for (; s; s = s->below) {
        if (s->lent && s->rbuf && s->rpos == s->rend && s->wend == 0) {
            arena_return(arena, s->rbuf);
            s->rbuf = s->wbuf = NULL;
        }
    }
}

int stream_borrow(struct ss_stream *s, struct ss_arena *arena)
{
    int rc = 0;
    for (; s; s = s->below) {
        if (!s->lent || s->rbuf)
            continue;
        s->rbuf = arena_lend(arena, s->rsize + s->wsize);
        s->wbuf = s->rbuf ? s->rbuf + s->rsize : NULL;
        rc = s->rbuf ? rc : stream_failed(s, -ENOMEM);
    }
    return rc;
}

/* ---------------------------------------------------------------- input */

/* Not a stream that only writes, nor NULL. */
static bool can_read(const struct ss_stream *s)
{
    return s && (s->methods->read || s->eof || s->rpos < s->rend);
}

/* Was a stream flushed, before `s` waited, that has this error? It is that stream's, then, and sticks there.
 */
static bool is_anothers(const struct ss_stream *s, ssize_t error)
{
    bool found = s->tied && s->tied->error == error;
    while (!found && (s = s->above))
        found = s->error == error || (s->tied && s->tied->error == error);
    return found;
}

/* Does the error not stick, because output can still be written? An answer to a client that was too slow; or
   the good-bye of the stream above, when the server stops. */
static bool passes(const struct ss_stream *s, ssize_t error)
{
    return !s->error && (error == -ETIMEDOUT || (error == -ECANCELED && s->above) || is_anothers(s, error));
}

/* What a read has returned. */
static ssize_t remember(struct ss_stream *s, ssize_t n)
{
    if (n < 0)
        return passes(s, n) ? n : stream_failed(s, n);
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

/* Reads more input into the buffer, which is empty, or has room at its end. */
static ssize_t fill(struct ss_stream *s)
{
    if (s->rpos == s->rend)
        s->rpos = s->rend = 0;
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

/* As fill(), but it never waits. */
static ssize_t fill_now(struct ss_stream *s)
{
    if (s->error || s->eof)
        return s->error;
    if (!s->methods->read_now)
        return -EAGAIN;
    if (s->has_lost_input)
        return -ETIMEDOUT;
    if (s->rpos) {
        memmove(s->rbuf, s->rbuf + s->rpos, s->rend - s->rpos);
        s->rend -= s->rpos;
        s->rpos = 0;
    }
    if (s->rend == s->rsize)
        return -EAGAIN;
    ssize_t n = s->methods->read_now(s, s->rbuf + s->rend, s->rsize - s->rend);
    if (n == -EAGAIN)
        return n;
    s->rend += n > 0 ? (size_t)n : 0;
    return remember(s, n);
}

/* Streams below may have a part of a record in their buffers: reads what has come of the rest. */
static void fill_below(struct ss_stream *s)
{
    if (!s)
        return;
    fill_below(s->below);
    if (s->rpos < s->rend)
        (void)fill_now(s);
}

bool stream_has_news(struct ss_stream *s)
{
    size_t there = s->rend - s->rpos;
    if (!can_read(s))
        return false;
    fill_below(s->below);
    bool news = s->error || s->eof || there != s->part || there == s->rsize || fill_now(s) != -EAGAIN;
    if (news)
        s->part = 0;
    return news;
}

ssize_t ss_readline_now(struct ss_stream *s, char *line, size_t size)
{
    size_t done = 0;
    ssize_t n = 1;
    if (!can_read(s))
        return -EBADF;
    while (size && n > 0) {
        size_t there = s->rend - s->rpos;
        bool whole = there >= size - 1 || there == s->rsize || memchr(s->rbuf + s->rpos, '\n', there);
        if (whole || (n = fill_now(s)) == 0) {
            (void)take_line(s, line, size - 1, &done);
            break;
        }
        if (n == -EAGAIN)
            s->part = there;
    }
    if (size)
        line[done] = '\0';
    return n < 0 ? n : (ssize_t)done;
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

ssize_t ss_peek_now(struct ss_stream *s, const char **data, size_t want)
{
    ssize_t n = 1;
    if (!can_read(s))
        return -EBADF;
    while (n > 0 && s->rend - s->rpos < want && !s->eof && !s->error) {
        if (want > s->rsize)
            return -ENOBUFS;
        if (!s->methods->read_now)
            return ss_flush(s) < 0 ? s->error : ss_peek(s, data, want);
        s->part = s->rend - s->rpos;
        n = fill_now(s);
    }
    *data = s->rbuf + s->rpos;
    if (n < 0)
        return n;
    if (s->error && s->rend - s->rpos < want)
        return s->error;
    s->part = 0;
    return (ssize_t)(s->rend - s->rpos);
}

void ss_skip(struct ss_stream *s, size_t size)
{
    if (s)
        s->rpos += size < s->rend - s->rpos ? size : s->rend - s->rpos;
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
        s->debts++;
    }
}
