/* SPDX-License-Identifier: MIT */
/* For tests: a mix-in that changes every byte of a connection or a datagram, and each one by its place. So
   the client sees at once when a byte is lost, repeated, moved, or goes round the streams. What it knows of a
   connection, how many bytes have gone each way, outlives parking. */
#ifndef TESTS_MASKED_H
#define TESTS_MASKED_H

#include "socketserver.h"
#include <errno.h>
#include <string.h>

/* What the server reads and what it writes have different keys, of one length, which is no buffer's size. */
enum mask_way { MASK_INPUT = 0, MASK_OUTPUT = 30011 };
enum { MASK_PERIOD = 65521 };

static inline void mask(enum mask_way way, uint32_t *place, char *data, size_t size)
{
    uint32_t at = (*place + (uint32_t)way) % MASK_PERIOD;
    *place = (uint32_t)((*place + size) % MASK_PERIOD);
    for (size_t i = 0; i < size; i++) {
        data[i] ^= (char)(((at + 1) * 2654435761U) >> 24 | 1);
        at = at + 1 < MASK_PERIOD ? at + 1 : 0;
    }
}

struct mask_places {
    uint32_t in, out;
};

static inline ssize_t masked_read(struct ss_stream *s, void *data, size_t size)
{
    struct mask_places *places = s->context;
    ssize_t n = ss_read(s->below, data, size);
    if (n > 0) {
        mask(MASK_INPUT, &places->in, data, (size_t)n);
        s->received += (size_t)n;
    }
    return n;
}

static inline ssize_t masked_read_now(struct ss_stream *s, void *data, size_t size)
{
    const char *there;
    ssize_t n = ss_peek_now(s->below, &there, 1);
    return n <= 0 ? n : masked_read(s, data, size);
}

static inline int masked_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct mask_places *places = s->context;
    char data[4096];
    int rc = 0;
    (void)more;
    for (int i = 0; i < count; i++)
        for (size_t done = 0, n; done < vector[i].iov_len && rc == 0; done += n) {
            n = vector[i].iov_len - done < sizeof data ? vector[i].iov_len - done : sizeof data;
            memcpy(data, (char *)vector[i].iov_base + done, n);
            mask(MASK_OUTPUT, &places->out, data, n);
            rc = ss_write(s->below, data, n);
            s->sent += rc == 0 ? n : 0;
        }
    return rc;
}

static const struct ss_stream_class masked_stream = {
    .name = "masked", .read = masked_read, .read_now = masked_read_now, .write = masked_write};

static const struct ss_class Masking;

static inline int open_masked(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    size_t size = self->buffer_size;
    struct ss_stream *below, *s = ss_alloc(h, sizeof *s + 2 * size);
    int rc = s ? ss_super(self, &Masking)->open_stream(self, h, &below) : -ENOMEM;
    if (rc < 0)
        return rc;
    char *buffers = (char *)(s + 1);
    ss_stream_init(s, &masked_stream, ss_request_state(self, h->request, &Masking), buffers, size,
                   buffers + size, size);
    ss_stream_over(s, below);
    *stream = s;
    return 0;
}

static const struct ss_class Masking = {
    .name = "Masking", .request_state_size = sizeof(struct mask_places), .open_stream = open_masked};

#endif
