/* SPDX-License-Identifier: MIT */
/* Listens to what goes over a connection, as a stand-in for the methods of its lowest stream: that of the
   socket. */
#ifndef PROGRAM_TAP_H
#define PROGRAM_TAP_H

#include "socketserver.h"

enum { TAP_SHOWN = 64 /* bytes of output that are kept to be shown */ };

enum tap_kind { TAP_READ, TAP_WRITE, TAP_FILE, TAP_EOF };
struct tap_event {
    enum tap_kind kind;
    ssize_t result;   /* bytes, 0 for the end of the input, or -errno */
    const char *data; /* the first `size` bytes of what was read or was to be written */
    size_t size;
};

struct tap {
    struct ss_stream_class methods;
    const struct ss_stream_class *inner;
    struct tap *next; /* who listens to the same stream */
    void (*heard)(struct ss_stream *s, struct tap *tap, const struct tap_event *event);
    uint64_t received, sent; /* bytes */
};

/* Calls `heard` after each call of the lowest of the streams under `s`. The tap lives as long as the stream.
 */
void tap_open(struct tap *tap, struct ss_stream *s,
              void (*heard)(struct ss_stream *s, struct tap *tap, const struct tap_event *event));

#endif
