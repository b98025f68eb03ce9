/* SPDX-License-Identifier: MIT */
/* How much of a file there is, and what: not always what stat(2) says. */
#ifndef HTTP_FILE_READ_H
#define HTTP_FILE_READ_H

#include "files/cache.h"

/* Sets status, size and content of a file whose descriptor is open. What is small is read, and then has the
   size of what was read: /proc says 0 bytes, /sys a page, and FUSE what it likes. Of a larger one that is not
   as long as stat says nothing is known but that it ends somewhere (`unsized`). Closes the descriptor when
   all of it is in memory. 0 or -errno; -EISDIR, -ENOENT for what is no regular file. */
int http_file_take_in(struct http_file *file);

/* The type of what is open: 0 for a regular file, with its status; else as above. */
int http_file_check(int fd, struct stat *status);

/* The first `room` bytes of what is open, or fewer where it ends before; a short read is not the end. Their
   number, or -errno. */
ssize_t http_file_read(int fd, char *data, size_t room);

#endif
