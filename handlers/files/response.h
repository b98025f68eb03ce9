/* The answer with a file of the cache. */
#ifndef HTTP_FILE_RESPONSE_H
#define HTTP_FILE_RESPONSE_H

#include "files/cache.h"

/* Answers the GET or HEAD in h with `file`, which the caller holds. Returns 0 or -errno. */
int http_send_file(struct ss_handler *h, const struct http_file *file);

/* What conditions are compared with; points into `file`. */
struct http_validators http_file_validators(const struct http_file *file);

#endif
