/* SPDX-License-Identifier: MIT */
/* What classes based on SimpleHTTPRequestHandler share. */
#ifndef HTTP_SIMPLE_HTTP_H
#define HTTP_SIMPLE_HTTP_H

#include "files/cache.h"

/* Its slots. */
const char *http_translate_path(struct ss_handler *h, const char *path);
void http_simple_inherit(struct http_handler_class *table, const struct http_handler_class *base);

/* The files that are sent for a directory, the first that is there; ended by NULL. */
extern const char *const http_index_pages[];

/* The name of the file that the request asks for, as from translate_path. -ENOENT: there is no such file, or
   clients may not ask for it. */
int http_name_of(struct ss_handler *h, const char **name);
/* The answer when http_name_of has failed: 404, or 400. 0 or -errno. */
int http_refuse_path(struct ss_handler *h, int error);

/* The URL of the directory that the request's path names, with or without a slash at its end, on this host,
   for a Location field. `behind` (a file's name from http_quote, a query, or "") is put behind it. NULL if
   out of memory. */
char *http_directory_url(struct ss_handler *h, const char *behind);

/* What the conditions of a request are compared with; points into `file`. */
struct http_validators http_file_validators(const struct http_file *file);

#endif
