/* The options of SimpleHTTPRequestHandler (class.c). */
#ifndef HTTP_FILES_CLASS_H
#define HTTP_FILES_CLASS_H

#include "http_server.h"

/* Its slot inherit. */
void http_simple_inherit(struct http_handler_class *table, const struct http_handler_class *base);

#endif
