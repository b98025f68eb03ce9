/* SPDX-License-Identifier: MIT */
/* The protocol of fileserver, and what its files share.

   A client sends lines, and the server answers each of them before it reads the next one. Words are set apart
   by one space, a NAME goes to the end of the line, numbers are decimal, and a DIGEST is SHA-256 in 64 small
   hexadecimal digits.

     client                        server
     LIST                          FILE SIZE NAME      for each file
                                   DONE
     GET OFFSET DIGEST NAME        OK OFFSET SIZE      from where on, and how many bytes the file has
                                   SIZE - OFFSET bytes
                                   DONE DIGEST         of all SIZE bytes, or
                                   CHANGED             somebody has written to the file meanwhile
     PUT SIZE DIGEST NAME          OK OFFSET           so many of these bytes are here already
     SIZE - OFFSET bytes           DONE DIGEST         they are the file of that name now

   How a download goes on: the client says how many bytes it has, and the DIGEST of these. If the file begins
   with the same ones the server goes on behind them; if not (the file has changed, or the client's disk has
   lost something) OK has the OFFSET 0, and the client begins anew. With OFFSET 0 any word may stand for
   DIGEST. At the end DONE vouches for the whole file, the first part included.

   How an upload goes on: DIGEST says which bytes are to come, so what has come of them is kept under that
   name, and is a beginning of nothing else. A file appears under its NAME, or is replaced, when all of it has
   come and is on the disk.

   In place of each answer there may be ERROR and words for the user. Before OK, and before the DONE of PUT,
   there may be lines BUSY: the server reads what is there already, and a minute without any answer is a
   minute in which something is wrong.

   A NAME has no slash, no control characters, and no dot at its beginning: there is one directory, without
   those below it, and what begins with a dot is the server's own. Only regular files have a name. */
#ifndef FILESERVER_H
#define FILESERVER_H

#include "fileserver/digest.h"
#include "socketserver.h"
#include <sys/stat.h>

enum { LONGEST_NAME = 255, LONGEST_LINE = 400 /* bytes, its end included */ };

struct request {
    int64_t number; /* OFFSET or SIZE */
    char digest[DIGEST_TEXT + 1];
    char name[LONGEST_NAME + 1];
};

/* Whether a file may be called so. */
bool is_name(const char *name);

/* Opens a file of the directory, if it is a regular one. Returns the descriptor or -errno. */
int open_file(const char *name, struct stat *status);

/* The directory that is served. */
int directory_fd(void);

/* What a client is told in place of an answer; `rc` (-errno) is put into words. 0 or -errno. */
int refuse(struct ss_handler *h, const char *what, int rc);

/* Adds a part of a file to a digest. Others run meanwhile, and the client is told that it is not forgotten. 0
   or -errno. */
int digest_part(struct ss_handler *h, struct digest *d, int fd, off_t from, off_t to);

/* Each answers one line. They return 0 when the next one may come, or -errno when the connection has to end:
   the two sides would not agree any more about where it begins. */
int serve_list(struct ss_handler *h, const struct request *r);
int serve_get(struct ss_handler *h, const struct request *r);
int serve_put(struct ss_handler *h, const struct request *r);

#endif
