/* SPDX-License-Identifier: MIT */
/* Makes an entry of the file cache: opens, reads and describes a file. */
#ifndef HTTP_FILE_LOAD_H
#define HTTP_FILE_LOAD_H

#include "files/cache.h"

/* By this an entry is found. */
struct http_file_key {
    const char *directory, *name;
    size_t directory_size;
    enum http_symlinks symlinks;
    http_guess_function *guess;
    const char *script;
    unsigned hash;
    enum http_coding coding;
};

/* Opens a file with one reference, in no cache. Returns 0 or -errno, see http_file_open. */
int http_file_load(struct ss_handler *h, const struct http_file_key *key, struct http_file **file);
/* Makes a form of `file` in a coding, with one reference: its fields, not its content. NULL if out of
   memory. */
struct http_file *http_file_form(const struct http_file *file, enum http_coding coding);
void http_file_free(struct http_file *file);

#endif
