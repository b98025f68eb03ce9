/* SPDX-License-Identifier: MIT */
/* The options of UploadHTTPRequestHandler (class.c). */
#ifndef HTTP_UPLOAD_CLASS_H
#define HTTP_UPLOAD_CLASS_H

#include "http_server.h"

/* Its slot inherit. */
void http_upload_inherit(struct http_handler_class *table, const struct http_handler_class *base);

#endif
