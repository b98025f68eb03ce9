/* SimpleHTTPRequestHandler's list_directory; see http_server.h. */
#ifndef HTTP_LISTING_H
#define HTTP_LISTING_H

struct ss_handler;

int http_list_directory(struct ss_handler *h, int fd, const char *name);

#endif
