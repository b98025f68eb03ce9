/* SPDX-License-Identifier: MIT */
/* The lines of --explain. */
#ifndef PROGRAM_COMMENTARY_H
#define PROGRAM_COMMENTARY_H

#include "server/core.h"

/* A call and what has come of it. What is zero is left out. */
struct remark {
    const char *call; /* "recv" */
    int fd;           /* -1: none */
    const char *with; /* further arguments, as text */
    bool returns;     /* it has a result: */
    long result;      /* a number, or -errno */
    const char *data; /* the first `size` bytes that were received or sent */
    size_t size;
    const char *note; /* in words */
};

/* What ExplainMixIn keeps. */
struct explaining {
    struct ss_explaining below;
    uint64_t since;             /* the time from which lines count */
    pid_t process;              /* that has made the server */
    const struct ss_class *own; /* whose super() goes on */
    int listening;              /* the server's own socket, as it was bound */
    bool json;
};

static inline struct explaining *explaining_of(const struct ss_server *self)
{
    return container_of(self->explained, struct explaining, below);
}

/* Writes a line on stderr, at once and as a whole. */
void explain_say(const struct ss_server *self, struct remark remark);
/* The same for a call with nothing but a note, and for one with a result. */
void explain_note(const struct ss_server *self, const char *call, int fd, const char *note);
void explain_result(const struct ss_server *self, const char *call, int fd, const char *with, int rc,
                    const char *note);
/* super() */
const struct ss_class *explain_next(const struct ss_server *self);

/* Microseconds on a clock that never goes back. */
uint64_t comment_time(void);

/* A text as it grows; what does not fit is left out. */
struct commentary {
    char text[3000];
    size_t size;
};
void comment_add(struct commentary *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void comment_write(const struct commentary *text);

#endif
