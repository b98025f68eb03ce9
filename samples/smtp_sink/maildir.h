/* SPDX-License-Identifier: MIT */
/* A Maildir: a message is written in tmp/, and appears in new/ when all of it is on the disk. */
#ifndef SMTP_SINK_MAILDIR_H
#define SMTP_SINK_MAILDIR_H

#include <stddef.h>

enum { PIECE = 32768 /* bytes that are written at once */, FILE_NAME = 200 };

/* Makes what is missing of the Maildir. 0 or -errno, and then a line was written that says what is wrong. To
   be called before there are processes. */
int maildir_begin(const char *path);
void maildir_end(void);

struct delivery {
    int fd; /* in tmp/; -1: nothing was written yet */
    char name[FILE_NAME];
    char *piece; /* PIECE bytes of memory, the first `used` of which are to be written */
    size_t used;
};

/* These three block: for ss_offload. The argument is a struct delivery. 0 or -errno. */
int delivery_write(void *delivery);  /* what is in the piece */
int delivery_finish(void *delivery); /* the rest; and then the message is there, also after a power failure */
int delivery_undo(void *delivery);

#endif
