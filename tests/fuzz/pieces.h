/* SPDX-License-Identifier: MIT */
/* A stream that hands out an input in pieces of any size, as a network does. */
#ifndef FUZZ_PIECES_H
#define FUZZ_PIECES_H

#include "fuzz.h"
#include "memory/arena.h"
#include "socketserver.h"

struct pieces {
    const uint8_t *data;
    size_t size;
    uint32_t seed; /* of the pieces' sizes; 0: one byte at a time, UINT32_MAX: all at once */
};

static inline size_t pieces_next(struct pieces *p, void *data, size_t room)
{
    size_t n = p->size < room ? p->size : room;
    if (p->seed != UINT32_MAX && n > 0) {
        size_t most = p->seed == 0 ? 1 : fuzz_random(&p->seed) % 4 ? 1 + p->seed % 8 : 1 + p->seed % 500;
        n = n < most ? n : most;
    }
    if (n > 0)
        memcpy(data, p->data, n);
    p->data += n;
    p->size -= n;
    return n;
}

static inline ssize_t pieces_read(struct ss_stream *s, void *data, size_t size)
{
    return (ssize_t)pieces_next(s->context, data, size);
}

#endif
