/* SPDX-License-Identifier: MIT */
#include "compress/deflate.h"
#include <errno.h>

#ifdef HTTP_ZLIB
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LEVEL = 2, MEMORY_LEVEL = 5, KEPT = 4 };

/* What a sender leaves out at the end of each message (RFC 7692 7.2.1). */
static const char tail[] = {0, 0, (char)0xff, (char)0xff};

struct http_deflater {
    z_stream z;
    int bits;
};

struct http_inflater {
    z_stream z;
    int bits;
    bool begun;     /* this message has bytes */
    bool ended;     /* they end with a block that says that it is the last one */
    size_t of_tail; /* bytes of it that were put behind the message */
};

/* Moves the ends of the buffers on by what zlib has done. */
static int run(z_stream *z, bool inflates, struct http_coder_buffers *b, int flush)
{
    uInt in = b->in_size < UINT_MAX ? (uInt)b->in_size : UINT_MAX;
    uInt room = b->out_room < UINT_MAX ? (uInt)b->out_room : UINT_MAX;
    z->next_in = (Bytef *)(uintptr_t)b->in;
    z->avail_in = in;
    z->next_out = (Bytef *)b->out;
    z->avail_out = room;
    flush = in < b->in_size ? Z_NO_FLUSH : flush;
    int rc = inflates ? inflate(z, flush) : deflate(z, flush);
    b->in += in - z->avail_in;
    b->in_size -= in - z->avail_in;
    b->out += room - z->avail_out;
    b->out_room -= room - z->avail_out;
    return rc;
}

/* ---------------------------------------------------------------- kept ones */

/* Without a lock, so a process may fork at any time. */
static void *_Atomic deflaters[KEPT], *_Atomic inflaters[KEPT];

static void *take(void *_Atomic *kept)
{
    void *taken = NULL;
    for (int i = 0; i < KEPT && !taken; i++)
        taken = atomic_exchange(&kept[i], NULL);
    return taken;
}

static bool put_back(void *_Atomic *kept, void *it)
{
    for (int i = 0; i < KEPT; i++) {
        void *none = NULL;
        if (atomic_compare_exchange_strong(&kept[i], &none, it))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- compressing */

bool http_has_deflate(void)
{
    return true;
}

struct http_deflater *http_deflater_open(int bits)
{
    struct http_deflater *d = bits == HTTP_DEFLATE_BITS ? take(deflaters) : NULL;
    if (d) {
        deflateReset(&d->z);
        return d;
    }
    d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->bits = bits;
    if (deflateInit2(&d->z, LEVEL, Z_DEFLATED, -bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
        return d;
    free(d);
    return NULL;
}

int http_deflater_run(struct http_deflater *d, const char *data, size_t size, char *out, size_t room,
                      size_t *out_size)
{
    struct http_coder_buffers b = {data, size, out, room};
    int rc = Z_OK;
    while (rc == Z_OK && (b.in_size > 0 || b.out == out))
        rc = b.out_room > 0 ? run(&d->z, false, &b, Z_SYNC_FLUSH) : Z_BUF_ERROR;
    *out_size = (size_t)(b.out - out);
    /* There is room left when all has come out. */
    if (rc == Z_OK && b.out_room > 0 && *out_size > sizeof tail) {
        *out_size -= sizeof tail;
        return 0;
    }
    deflateReset(&d->z);
    return rc == Z_OK || rc == Z_BUF_ERROR ? -ENOSPC : -EIO;
}

void http_deflater_close(struct http_deflater *d)
{
    if (!d || (d->bits == HTTP_DEFLATE_BITS && put_back(deflaters, d)))
        return;
    deflateEnd(&d->z);
    free(d);
}

/* ---------------------------------------------------------------- inflating */

struct http_inflater *http_inflater_open(int bits)
{
    struct http_inflater *i = bits == HTTP_DEFLATE_MAX_BITS ? take(inflaters) : NULL;
    if (i) {
        inflateReset(&i->z);
        i->begun = i->ended = false;
        i->of_tail = 0;
        return i;
    }
    i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->bits = bits;
    if (inflateInit2(&i->z, -bits) == Z_OK)
        return i;
    free(i);
    return NULL;
}

/* More may follow a block that says that it is the last one (RFC 7692 7.2.3.4), and may refer to what was
   before it. */
static int inflate_blocks(struct http_inflater *i, struct http_coder_buffers *b)
{
    int rc;
    do {
        size_t before = b->in_size;
        rc = run(&i->z, true, b, Z_SYNC_FLUSH);
        i->begun |= b->in_size < before;
        i->ended = rc == Z_STREAM_END || (i->ended && b->in_size == before);
        if (rc == Z_STREAM_END)
            inflateResetKeep(&i->z);
    } while (rc == Z_STREAM_END && b->in_size > 0 && b->out_room > 0);
    if (rc == Z_MEM_ERROR)
        return -ENOMEM;
    return rc == Z_OK || rc == Z_BUF_ERROR || rc == Z_STREAM_END ? 0 : -EPROTO;
}

/* What zlib says in data_type when it waits for a block at the beginning of a byte. */
#define BEFORE_BLOCK 128

/* The message has no more bytes; what the sender has left out follows. An end is forgiven that leaves out
   all. */
static int inflate_tail(struct http_inflater *i, struct http_coder_buffers *b)
{
    if (!i->begun || (i->ended && !i->of_tail))
        return 1;
    struct http_coder_buffers t = {tail + i->of_tail, sizeof tail - i->of_tail, b->out, b->out_room};
    int rc = inflate_blocks(i, &t);
    i->of_tail = sizeof tail - t.in_size;
    b->out = t.out;
    b->out_room = t.out_room;
    if (rc < 0 || t.out_room == 0)
        return rc;
    return i->z.data_type == BEFORE_BLOCK ? 1 : -EPROTO;
}

int http_inflater_run(struct http_inflater *i, struct http_coder_buffers *b, bool last)
{
    int rc = i->of_tail ? 0 : inflate_blocks(i, b);
    if (rc == 0 && last && b->in_size == 0 && b->out_room > 0)
        rc = inflate_tail(i, b);
    if (rc == 1) {
        i->begun = i->ended = false;
        i->of_tail = 0;
    }
    return rc;
}

void http_inflater_close(struct http_inflater *i)
{
    if (!i || (i->bits == HTTP_DEFLATE_MAX_BITS && put_back(inflaters, i)))
        return;
    inflateEnd(&i->z);
    free(i);
}
#else
bool http_has_deflate(void)
{
    return false;
}

struct http_deflater *http_deflater_open(int bits)
{
    (void)bits;
    return NULL;
}

int http_deflater_run(struct http_deflater *deflater, const char *data, size_t size, char *out, size_t room,
                      size_t *out_size)
{
    (void)deflater, (void)data, (void)size, (void)out, (void)room, (void)out_size;
    return -ENOTSUP;
}

void http_deflater_close(struct http_deflater *deflater)
{
    (void)deflater;
}

struct http_inflater *http_inflater_open(int bits)
{
    (void)bits;
    return NULL;
}

int http_inflater_run(struct http_inflater *inflater, struct http_coder_buffers *b, bool last)
{
    (void)inflater, (void)b, (void)last;
    return -ENOTSUP;
}

void http_inflater_close(struct http_inflater *inflater)
{
    (void)inflater;
}
#endif
