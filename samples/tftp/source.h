/* SPDX-License-Identifier: MIT */
/* A file, as the bytes that go over the network. */
#ifndef TFTP_SOURCE_H
#define TFTP_SOURCE_H

#include "socketserver.h"

struct source {
    struct ss_server *server;
    int fd;
    bool netascii;     /* a line ends with CR LF, and CR is CR NUL (RFC 764) */
    off_t size, at;    /* bytes of the file as it was opened, and how many of them were read */
    size_t taken, end; /* of what was read ahead */
    int owed;          /* the second byte of such a pair, that the last block had no room for; -1: none */
    char ahead[16384];
};

/* Opens a file below the directory `root` for everybody: regular, and readable by all, as there are no
   passwords. Returns 0 or -errno. */
int source_open(struct source *s, int root, const char *name);

/* Stores the next `size` bytes, or fewer at the end. Returns how many, or -errno; -EIO: somebody has made the
   file shorter. */
ssize_t source_read(struct source *s, char *data, size_t size);

#endif
