/* SPDX-License-Identifier: MIT */
/* SimpleHTTPRequestHandler's list_directory; see http_server.h. Its parts:

     listing.c         which form, and the loop over the entries
     listing_names.c   the names in order
     listing_text.c    what is kept of it before it is sent
     listing_html.c    a page for people
     listing_json.c    the same for programs */
#ifndef HTTP_LISTING_H
#define HTTP_LISTING_H

#include "socketserver.h"
#include <sys/stat.h>

int http_list_directory(struct ss_handler *h, int fd, const char *name);

struct http_entry {
    const char *name;
    const struct stat *status; /* the entry's own, not that of what a link points to; NULL: not known */
};

/* A form of the listing. `name` is that of the directory, as translate_path has it. Each returns 0 or
   -errno. */
struct http_listing {
    const char *type;
    int (*send_headers)(struct ss_handler *h); /* NULL: no more than all forms have */
    int (*begin)(struct ss_handler *h, const char *name);
    int (*write_entry)(struct ss_handler *h, const struct http_entry *entry, bool first);
    int (*end)(struct ss_handler *h, bool empty);
};

extern const struct http_listing http_listing_html, http_listing_json;

/* The inside of a string of RFC 8259. From ss_alloc, or NULL. */
const char *http_json_text(struct ss_handler *h, const char *text);

#endif
