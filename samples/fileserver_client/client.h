/* SPDX-License-Identifier: MIT */
/* What the files of fileserver_client share. */
#ifndef FILESERVER_CLIENT_H
#define FILESERVER_CLIENT_H

#include "fileserver/digest.h"
#include "socketserver.h"

enum { LINE = 1000 /* bytes */ };

struct transfer {
    const char *name; /* of the file, on both sides */
    int fd;
    int64_t size, done; /* bytes; `done`: how many are on this side (get), or the other one (put) */
    bool again;         /* what is here is not of this file: begin anew */
    struct digest digest;
};

/* Reads an answer that begins with `word`. 0; -EREMOTEIO: the server's words were shown; or -errno. */
int read_answer(struct ss_stream *s, const char *word, char line[LINE]);

/* One attempt. 0; -EAGAIN: what has come is not the file, begin anew; -EREMOTEIO; -EPROTO: this is no
   fileserver; or -errno. */
int get(struct ss_stream *s, struct transfer *t);
int put(struct ss_stream *s, struct transfer *t);

#endif
