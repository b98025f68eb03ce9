/* SPDX-License-Identifier: MIT */
/* The names of a directory in their order, a batch at a time, in bounded memory however many there are. */
#ifndef HTTP_LISTING_NAMES_H
#define HTTP_LISTING_NAMES_H

#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ss_server;

/* Bytes for the names of one listing. Most listings need no more than HTTP_NAMES_SMALL; a few at a time,
   which take HTTP_NAMES_TOTAL together in the process, get HTTP_NAMES_LARGE, to go over a large directory
   less often. */
#define HTTP_NAMES_SMALL (64 << 10)
#define HTTP_NAMES_LARGE (4 << 20)
#define HTTP_NAMES_TOTAL (32 << 20)
#define HTTP_NAMES_FEW 1000 /* entries that are read without letting others run */
#define HTTP_NAME_SIZE 256  /* a name with its NUL */

struct http_names {
    DIR *directory;
    char *text;       /* the names of this batch, one behind the other */
    uint32_t *offset; /* where each begins, in order */
    size_t used, room, count, slots;
    size_t limit;              /* bytes for both */
    bool shares;               /* limit counts as part of HTTP_NAMES_TOTAL */
    bool no_dotfiles;          /* set before reading: names that begin with a dot are left out */
    bool cut;                  /* names behind `bound` were left to the next batch */
    char last[HTTP_NAME_SIZE]; /* the last name of the batch before; "": none */
    char bound[HTTP_NAME_SIZE];
};

/* Opens the directory `fd`, which stays the caller's. 0 or -errno. http_names_close either way. */
int http_names_open(struct http_names *names, int fd);
void http_names_close(struct http_names *names);

/* Reads the next batch: names->count names behind the last one, 0 at the end. Whatever comes and goes
   meanwhile, no name appears twice, and one that is there all the time appears once. Returns 0 or -errno.
   Waits. */
int http_names_read(struct http_names *names, struct ss_server *server);

static inline const char *http_names_at(const struct http_names *names, size_t i)
{
    assert(names->offset != NULL); /* there are names */
    return names->text + names->offset[i];
}

/* The order: as Python's sort by name.lower(), for letters of ASCII; names equal in this, by their bytes. */
int http_names_compare(const char *a, const char *b);

#endif
