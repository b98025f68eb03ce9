/* SPDX-License-Identifier: MIT */
/* What clients send: commands in RESP ("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), or as a line ("GET k"). The bytes
   stay where they are: an argument is a place in them. */
#ifndef KVSTORE_RESP_H
#define KVSTORE_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESP_ARGS = 1024 * 1024,  /* arguments of a command */
    RESP_BULK = 64 << 20,     /* bytes of an argument */
    RESP_COMMAND = 128 << 20, /* bytes of a command */
    RESP_LINE = 64 * 1024,    /* bytes of a command that is a line */
    RESP_FEW = 16             /* arguments for which no memory is allocated */
};

struct resp_arg {
    uint32_t at, size;
};

/* A command that is being read. All zero but for what resp_begin sets: nothing has come yet. */
struct resp {
    size_t size;       /* bytes that were understood; of all of it, when it is whole */
    size_t need;       /* it cannot be whole before so many bytes are there */
    unsigned argc;     /* arguments that are there */
    unsigned count;    /* that it is to have, once that is known */
    bool counted;      /* it is */
    char *line;        /* for a line: its arguments without quotes, and what `at` counts from; else NULL */
    const char *error; /* what is wrong with it */
    char wrong[48];    /* memory for that */
    struct resp_arg *args;
    unsigned room; /* of `args` */
    struct resp_arg few[RESP_FEW];
};

void resp_begin(struct resp *r);
/* Frees what it has allocated, and begins anew. */
void resp_end(struct resp *r);

/* Reads on in a command of which `size` bytes are at `data`: all that there were before, perhaps in another
   place, and more. Returns 1: it is whole, and r->size bytes long (without arguments it is nothing, and to be
   skipped); 0: more bytes are needed; -EPROTO: it is none, and r->error says why; or -ENOMEM. */
int resp_parse(struct resp *r, const char *data, size_t size);

/* The bytes of its arguments are places in this. */
static inline const char *resp_base(const struct resp *r, const char *data)
{
    return r->line ? r->line : data;
}

#endif
