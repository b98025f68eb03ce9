/* SPDX-License-Identifier: MIT */
/* For unit tests: a stream over another one that masks every byte. */
#ifndef MASKED_H
#define MASKED_H

#include "socketserver.h"
#include <string.h>

static inline void mask(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] ^= 0x55;
}

static inline ssize_t masked_read(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = ss_read(s->below, data, size);
    mask(data, n > 0 ? (size_t)n : 0);
    return n;
}

static inline ssize_t masked_read_now(struct ss_stream *s, void *data, size_t size)
{
    const char *there;
    ssize_t n = ss_peek_now(s->below, &there, 1);
    if (n <= 0)
        return n;
    if ((size_t)n < size)
        size = (size_t)n;
    memcpy(data, there, size);
    mask(data, size);
    ss_skip(s->below, size);
    return (ssize_t)size;
}

static inline int masked_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    int rc = 0;
    (void)more;
    for (int i = 0; i < count && rc == 0; i++) {
        char data[1024];
        for (size_t done = 0, n; done < vector[i].iov_len && rc == 0; done += n) {
            n = vector[i].iov_len - done < sizeof data ? vector[i].iov_len - done : sizeof data;
            memcpy(data, (char *)vector[i].iov_base + done, n);
            mask(data, n);
            rc = ss_write(s->below, data, n);
        }
        s->sent += vector[i].iov_len;
    }
    return rc;
}

static const struct ss_stream_class masked_stream = {
    .name = "masked", .read = masked_read, .read_now = masked_read_now, .write = masked_write};

#endif
