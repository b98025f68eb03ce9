/* SPDX-License-Identifier: MIT */
/* The files that are being served, ready to be sent: opened, described and, when small, read.

   One cache for the process, shared by its threads. It is never stale: before an entry is used for the
   first time in a turn of the loop (see ss_turn) its path is looked at with one stat, and another file, or
   the same one changed, is opened anew. Opening is confined to the directory; the stat is not, but only
   tells whether the file that was opened is still the one. A directory on the way may have been moved
   outside, with a link in its place that leads to the same file: so a file is opened anew, confined, when
   that was last done HTTP_FILE_CACHE_TRUST ago. What is sent was inside when it was read, in any case.

   An entry can have other forms: its compressed content, which is made when a client first asks for it, and
   kept as long as the entry. A file that somebody has compressed (name.gz) is an entry of its own, described
   as the one it stands for; see coding.h.

   A file that was changed a moment before it is opened cannot be trusted: the clock of file systems is
   coarse, so the next change may leave the same time. Such an entry lasts for one turn.

   So does a file whose size stat(2) does not know (in /proc, /sys, and where FUSE makes up the content): the
   bytes that were read are sent. If they do not fit into memory, the file is sent to its end, without a
   length, a tag, a date or parts, and only reading it again tells what is in it.

   Its entity tag is the subject of tag.h. */
#ifndef HTTP_FILE_CACHE_H
#define HTTP_FILE_CACHE_H

#include "compress/coding.h"
#include "http_server.h"
#include <stdatomic.h>
#include <sys/stat.h>

#define HTTP_FILE_CACHE_ENTRIES 1024
#define HTTP_FILE_CACHE_DESCRIPTORS 256          /* of files too large to be kept in memory */
#define HTTP_FILE_CACHE_BYTES (16 * 1024 * 1024) /* of contents together */
#define HTTP_FILE_CACHE_SMALL (64 * 1024)        /* a file up to this size is kept in memory */
#define HTTP_FILE_SCRIPTED (4 * 1024 * 1024)     /* a page up to this size gets a script, see page_script */
#define HTTP_FILE_CACHE_TRUST 10                 /* seconds; then a file is opened anew */
#define HTTP_FILE_CACHE_IDLE 60                  /* seconds without use; then a file may go */

#define HTTP_FILE_ETAG 56 /* bytes of an entity tag, with NUL */

typedef const char *http_guess_function(struct ss_handler *h, const char *name);

/* These stay the same as long as somebody holds the file. */
struct http_file {
    size_t size;         /* 0 if `unsized` */
    time_t modified;     /* as in Last-Modified: never later than when it was loaded */
    const char *content; /* `size` bytes, or NULL: use fd */
    int fd;              /* -1 when there is content */
    const char *fields;  /* Content-Type, Accept-Ranges, Last-Modified, ETag: each line with its end */
    size_t fields_size;
    size_t type_size;    /* of the first line */
    size_t content_size; /* of the first lines that are no part of a 304 */
    char etag[HTTP_FILE_ETAG];
    bool unsized;             /* nobody knows the size: it is sent to its end; there is no etag */
    bool undated;             /* `modified` tells nothing */
    const char *type;         /* the media type, of what is in the coding */
    enum http_coding coding;  /* of content or file; HTTP_IDENTITY: none */
    struct http_file *source; /* the file, held, when this form of it is to be compressed while it is sent */

    /* Only cache.c and load.c use these. */
    atomic_uint references;
    _Atomic uint64_t checked; /* ns: when the path was last found to lead to this file */
    uint64_t used;            /* ns */
    uint64_t opened;          /* ns */
    bool settled;             /* false: changed so recently that `status` proves nothing */
    bool fleeting;            /* true: `status` never proves anything */
    enum http_coding wanted;  /* the coding that was asked for; `coding`, except for an .svgz */
    struct stat status;
    struct http_file *next;          /* in its bucket */
    struct http_file *newer, *older; /* in order of use */
    enum http_symlinks symlinks;
    http_guess_function *guess;
    const char *script; /* the class's page_script */
    bool scripted;      /* content has it at its end */
    unsigned hash;
    bool cached;

    /* Only coding.c uses these. */
    struct http_file *_Atomic coded[HTTP_CODINGS]; /* compressed forms, each held once */
    size_t coded_bytes;                            /* of them together, guarded by the cache's lock */
    bool compressible;                             /* the type is one that is worth it */
    atomic_uint hopeless;                          /* codings that make it no shorter */
    atomic_uint making;                            /* codings into which somebody compresses it just now */
    atomic_uint siblings;                          /* codings for which there is a file beside this one */
    _Atomic uint64_t probed;                       /* ns: when these were looked for; 0: never */

    size_t directory_size; /* of the directory's part of `path` */
    char path[];           /* directory, slash, name */
};

/* Opens the regular file `name` below the directory of a class, or finds it open, for the request in h. What
   the class says of symbolic links and types holds. Stores a file for http_file_release. Returns 0 or -errno:
   -EISDIR for a directory, -ENOENT for what is no regular file either, -EXDEV or -ELOOP for what lies
   outside. Any thread. */
int http_file_open(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                   struct http_file **file);
/* The same for a file that is another one in a coding, whose name it has, with http_coding_ending behind. */
int http_file_open_coded(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                         enum http_coding coding, struct http_file **file);
/* Takes the file out of the cache, since this process has just changed it: the next look finds the new one.
   Any thread. */
void http_file_forget(const struct simple_http_class *cls, const char *name);
/* Holds a file once more for another user. Returns it. */
struct http_file *http_file_hold(struct http_file *file);
/* Keeps a compressed form with a file, both held, unless it has one for this coding by now. */
void http_file_keep(struct http_file *file, struct http_file *coded);
void http_file_release(struct http_file *file);

/* True if both are of the same file, with the same content as far as size and times tell. */
bool http_file_is_same(const struct stat *a, const struct stat *b);

/* Opens the directory `name` below `directory` for reading. Returns a descriptor or -errno. */
int http_open_directory(const char *directory, enum http_symlinks symlinks, const char *name);

/* Empties the cache, as a server does that closes. A file that somebody holds is closed when it is released.
   Any thread. */
void http_file_cache_clear(void);

#endif
