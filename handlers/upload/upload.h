/* SPDX-License-Identifier: MIT */
/* UploadHTTPRequestHandler; see http_server.h. Its parts:

     upload.c    the class; its options are in class.c
     post.c      POST of a form with files
     put.c       PUT of a file
     admit.c     what is refused, and how much is taken at once
     limits.c    which all threads and processes count together
     receive.c   from the connection to the disk
     file.c      a file that nobody sees until it is complete
     publish.c   how it gets its name
     link.c      in one step, whatever the file system can do
     parts.c     the hidden names that it has before, where it must have one
     name.c      the names that it may have */
#ifndef HTTP_UPLOAD_H
#define HTTP_UPLOAD_H

#include "files/withheld.h"
#include "http_server.h"
#include <limits.h>

/* ---------------------------------------------------------------- names (pure) */

/* The name under which a file that the client calls `filename` may be stored: its last component, backslashes
   being slashes where it looks like a path of Windows (C:\a, \\host\a, ..\a). NULL if that is empty, "." or
   "..", has a control character, is longer than NAME_MAX bytes, is one of http_is_part, or begins with a dot
   and `dotfiles` is false. Whether it is UTF-8 does not matter. */
const char *http_upload_name(const char *filename, bool dotfiles);

/* "name (2).ext" for "name.ext" and 2, the name cut where it would become too long. */
void http_number_name(const char *name, unsigned number, char numbered[NAME_MAX + 1]);

/* True for what a browser or another program takes for more than a file: the page of a directory, also
   compressed, in any case, and what lies below /.well-known/ (RFC 8615). `directory`: the name of the
   directory, as from translate_path, with or without a slash at its end. */
bool http_is_reserved(const char *directory, const char *file);

/* How many bytes at the end of `name` make it a compressed form of another file ("a.gz": 3); 0: none. */
size_t http_sibling_ending(const char *name);

/* ---------------------------------------------------------------- parts

   A file that must have a name while it is received has a hidden one (files/withheld.h). The process that
   receives it locks it (flock), so that the parts that a killed server has left can be told from those of a
   running one. */

/* Makes a new one. 0 or -errno. */
int http_part_choose(char name[HTTP_PART_SIZE]);
/* Removes those below `directory` that nobody holds, for a few seconds at most. Follows no symbolic links.
   Returns their number. */
unsigned http_parts_remove(const char *directory);

/* ---------------------------------------------------------------- limits

   All processes of a server count together, in shared memory that http_limits_share makes before they are
   forked. The uploads of a process that has died are discounted when others need the room. Any thread. */

#define HTTP_UPLOADS 4096 /* uploads at once, whatever max_uploads says */

struct http_limits {
    unsigned uploads;  /* at once */
    int64_t receiving; /* bytes of them all */
};

/* An upload, or none: -1. */
struct http_share {
    int slot;
};

int http_limits_share(void);
/* Counts an upload of `size` bytes if it is within the limits. 0; -EAGAIN: it is not until others end. */
int http_limits_enter(const struct http_limits *limits, int64_t size, struct http_share *share);
/* The upload has become larger. 0 or -EAGAIN. */
int http_limits_grow(const struct http_limits *limits, const struct http_share *share, int64_t size);
void http_limits_leave(struct http_share *share);

/* Locks the giving of names for all processes, where the file system has no locks. 0, or -EAGAIN while
   somebody else has it. */
int http_naming_try_lock(void);
void http_naming_unlock(void);

/* ---------------------------------------------------------------- files

   The file has no name until it is complete (O_TMPFILE), so that nothing is left behind whatever happens.
   Where the file system does not support that it is a part, which http_upload_end removes. Nothing here waits
   for the network; any thread. */

struct http_upload {
    int fd;
    int directory; /* that of the temporary name; -1 without one */
    int64_t size;
    int64_t reserved; /* bytes whose room need not be looked for any more */
    int64_t min_free;
    char temporary[HTTP_PART_SIZE]; /* its name for the time being; "": none */
};

/* Begins a file in the open directory, which is borrowed for the call. 0 or -errno; after an error there is
   nothing to end. */
int http_upload_begin(struct http_upload *upload, int directory);
/* The way without O_TMPFILE, for file systems that lack it and for the tests. */
int http_upload_begin_named(struct http_upload *upload, int directory);

/* Checks that the descriptor's file system has room for `size` bytes and for min_free, as the class says. 0
   or -ENOSPC. */
int http_upload_room(int fd, int64_t size, int64_t min_free);
/* Reserves room for a file of this size, -1: not known; `min_free` holds from now on. 0; -ENOSPC, -EDQUOT or
   -EFBIG when it does not fit. Blocks. */
int http_upload_reserve(struct http_upload *upload, int64_t size, int64_t min_free);

/* Adds to it. 0 or -errno. */
int http_upload_write(struct http_upload *upload, const void *data, size_t size);

/* What there was under a name when it was last looked at. */
struct http_seen {
    bool exists;
    struct stat status;
};

/* The name of a file to be, and what comes of it. */
struct http_publishing {
    char name[NAME_MAX + 1]; /* may become another one */
    enum http_on_duplicate how;
    bool siblings;                /* name.gz is sent for `name`: it counts as the same name */
    const struct http_seen *seen; /* what must still be there; NULL: anything may */
    bool replaced;
    struct stat status; /* of the new file; all 0: not known */
};

/* Writes the file to the disk (fsync) and gives it its name in `directory`, in one step, while nobody else
   gives names there. A file that is replaced must be writable, and leaves its permissions to the new one; a
   symbolic link is replaced itself. Blocks. 0 or -errno: -EEXIST, -EISDIR for a directory of that name,
   -EACCES for a file that may not be written to, -ESTALE when there is something else than `seen`, -EAGAIN
   when others hold the directory too long. */
int http_upload_publish(struct http_upload *upload, int directory, struct http_publishing *p);
/* Whether it could be published if that were now: 0 or -errno as above. */
int http_upload_look(int directory, const struct http_publishing *p);
/* The steps of it that link.c takes: to a name that is free, or in place of what has it. */
int http_upload_link(struct http_upload *upload, int directory, const char *name);
int http_upload_replace(struct http_upload *upload, int directory, const char *name);
/* fsync(2), where the file system has it. 0 or -errno. */
int http_upload_sync(int fd);
/* Gives the file this mode. 0, also where a file system has no modes and gives the same one to all, or
 * -errno. */
int http_upload_give_mode(int fd, mode_t mode);

/* Lets go of it; what was not published is gone. */
void http_upload_end(struct http_upload *upload);

/* ---------------------------------------------------------------- requests */

/* Whether the request may store anything. 0: go on; 1: it was answered; -errno. */
int http_upload_check(struct ss_handler *h);
/* As http_upload_name, for the class of the request. */
const char *http_upload_storable(struct ss_handler *h, const char *filename);
/* True for a file that the class does not let clients store; see http_is_reserved. */
bool http_upload_forbids(struct ss_handler *h, const char *directory, const char *file);
/* True if a compressed form of a file (name.gz) is sent for it. */
bool http_upload_pairs(struct ss_handler *h);
/* Opens the directory `name` below the class's. A descriptor or -errno. */
int http_upload_directory(struct ss_handler *h, const char *name);

/* Counts the request's upload, and looks for room for what the client has announced, on the file system of
   the open directory. 0: go on, and call http_limits_leave in the end; 1: it was answered; -errno. */
int http_upload_enter(struct ss_handler *h, int directory, struct http_share *share);

/* What all uploads of the class may come to at once. */
struct http_limits http_upload_limits(const struct ss_handler *h);

/* A file to be received. */
struct http_storing {
    const char *directory; /* its name */
    struct ss_stream *from;
    const struct http_share *share;
    bool alone; /* the body is nothing but the file: its size may be known */
    struct http_publishing p;
};
/* Receives what the stream has until its end; `upload` is to be ended by the caller in any case. 0 or -errno.
   Waits. */
int http_upload_receive(struct ss_handler *h, struct http_storing *s, struct http_upload *upload);
/* http_upload_publish, without keeping others from running. Waits. */
int http_upload_store(struct ss_handler *h, struct http_storing *s, struct http_upload *upload);

/* Answers an error of the file system about `name`. 0 or -errno: the error itself if it is of another
   kind. */
int http_upload_refuse(struct ss_handler *h, int error, const char *name);
/* 405 for a resource that knows one method less than the class (RFC 9110 15.5.6). 0 or -errno. */
int http_upload_refuse_method(struct ss_handler *h, const char *method);

#endif
