/* SPDX-License-Identifier: MIT */
/* Compression: one interface over the libraries that this build has. Each coding is one file,
   compress/NAME.c, and nobody else sees its library. */
#ifndef HTTP_COMPRESS_H
#define HTTP_COMPRESS_H

#include "compress/coding.h"

/* Where a coder takes its input and puts its output; both ends move on as it works. */
struct http_coder_buffers {
    const char *in;
    size_t in_size;
    char *out;
    size_t out_room;
};

enum http_coder_step {
    HTTP_CODER_GO,    /* take the input; what comes out of it may come later */
    HTTP_CODER_FLUSH, /* everything so far can be decoded from what comes out */
    HTTP_CODER_END,   /* that was all */
};

/* How much work is put into it. */
enum http_coder_effort {
    HTTP_CODER_FAST, /* for each request anew: as much as a network takes */
    HTTP_CODER_GOOD, /* once, for many requests */
};

struct http_coder_class {
    const char *(*version)(void); /* "zlib 1.2.13" */
    /* Makes a coder for one body of about `size` bytes; 0: its size is not known. It takes about 1 MiB. NULL
       if out of memory. */
    void *(*open)(enum http_coder_effort effort, size_t size);
    /* Works until all input is taken and the step is done, and returns 0; or until `out` is full, and returns
       1: call it again with the same step and more room. -EIO if it cannot go on. */
    int (*run)(void *coder, struct http_coder_buffers *buffers, enum http_coder_step step);
    void (*close)(void *coder);
};

/* NULL where the library is missing. */
extern const struct http_coder_class *const http_gzip_coder, *const http_brotli_coder, *const http_zstd_coder;

/* The coders of this process that may be at work at once. A request for which there is none gets its answer
   as it is, or 503 if the client takes it in no other form than a coded one. */
#define HTTP_CODERS 64

/* To be called before a coder is opened. False: there are as many as may be. */
bool http_coder_enter(void);
/* To be called when it is closed. */
void http_coder_leave(void);

const struct http_coder_class *http_coder_of(enum http_coding coding);
/* Bits of the codings that can be made here; HTTP_IDENTITY always. */
unsigned http_codings(void);
/* A line for http_features: "compression: zlib 1.2.13, brotli 1.0.9, zstd 1.5.4\n". */
const char *http_coding_features(void);

/* Compresses all of `data` at once, and stores memory from malloc with *result_size bytes. 0, -ENOMEM, -EIO,
   or -ENOSPC for a result of more than `room` bytes. Takes so long that a loop's thread must not call it. */
int http_compress_whole(enum http_coding coding, const char *data, size_t size, size_t room, char **result,
                        size_t *result_size);

#endif
