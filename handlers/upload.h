/* UploadHTTPRequestHandler; see http_server.h. Its parts:

     upload_post.c    POST of a form with files
     upload_put.c     PUT of a file
     upload.c         what both have in common
     upload_file.c    a file that appears whole or not at all
     upload_name.c    the names that it may have */
#ifndef HTTP_UPLOAD_H
#define HTTP_UPLOAD_H

#include "http_server.h"
#include <limits.h>

/* True if a POST to a directory stores files there, for this request's class. */
bool http_takes_uploads(const struct ss_handler *h);

/* ---------------------------------------------------------------- names (pure) */

/* The name under which a file that the client calls `filename` may be stored: its last component, backslashes
   being slashes where it looks like a path of Windows (C:\a, \\host\a, ..\a). NULL if that is empty, "." or "..", has a control character, is longer than NAME_MAX
   bytes, or begins with a dot and `dotfiles` is false. Whether it is UTF-8 does not matter. */
const char *http_upload_name(const char *filename, bool dotfiles);

/* "name (2).ext" for "name.ext" and 2, the name cut where it would become too long. */
void http_number_name(const char *name, unsigned number, char numbered[NAME_MAX + 1]);

/* ---------------------------------------------------------------- files

   The file has no name until it is complete (O_TMPFILE), so that nothing is left behind whatever happens.
   Where that is not to be had it has a hidden one, which http_upload_end removes. Nothing here waits for the
   network; any thread. */

struct http_upload {
    int directory; /* borrowed */
    int fd;
    int64_t size;
    char temporary[40]; /* its name for the time being; "": none */
};

/* Begins a file in the open directory. 0 or -errno; after an error there is nothing to end. */
int http_upload_begin(struct http_upload *upload, int directory);
/* The way without O_TMPFILE, for file systems that lack it and for the tests. */
int http_upload_begin_named(struct http_upload *upload, int directory);

/* Adds to it. 0 or -errno. */
int http_upload_write(struct http_upload *upload, const void *data, size_t size);

/* Sees the file through to the disk and gives it its name, in one step, `name` having room for another one
   (HTTP_DUPLICATE_RENAME). What is replaced leaves its permissions to the file, if it is a file that may be
   written to; a symbolic link is replaced itself. Blocks. 0 or -errno: -EEXIST, -EISDIR for a directory of
   that name, -EACCES for a file that may not be written to. */
int http_upload_publish(struct http_upload *upload, char name[NAME_MAX + 1], enum http_on_duplicate how,
                        bool *replaced);

/* Lets go of it; what was not published is gone. */
void http_upload_end(struct http_upload *upload);

/* ---------------------------------------------------------------- requests */

/* Whether the request may store anything. 0: go on; 1: it was answered; -errno. */
int http_upload_check(struct ss_handler *h);
/* As http_upload_name, for the class of the request. */
const char *http_upload_storable(struct ss_handler *h, const char *filename);
/* Opens the directory `name` below the class's. A descriptor or -errno. */
int http_upload_directory(struct ss_handler *h, const char *name);

/* The name of a file to be, which may become another one, and what comes of it. */
struct http_publishing {
    char *name; /* room for NAME_MAX + 1 bytes */
    enum http_on_duplicate how;
    bool replaced;
    int64_t size;
};
/* Stores what the stream has until its end. 0 or -errno. Waits. */
int http_upload_store(struct ss_handler *h, int directory, struct ss_stream *from, struct http_publishing *p);

/* Answers for what the file system says about `name`; returns the error if it is another. */
int http_upload_refuse(struct ss_handler *h, int error, const char *name);
/* 405 for a resource that knows one method less than the class (RFC 9110 15.5.6). 0 or -errno. */
int http_upload_refuse_method(struct ss_handler *h, const char *method);

#endif
