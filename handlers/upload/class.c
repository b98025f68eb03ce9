/* SPDX-License-Identifier: MIT */
/* The options of UploadHTTPRequestHandler; its table is in upload.c. */
#include "upload/class.h"
#include "http/class.h"

void http_upload_inherit(struct http_handler_class *table, const struct http_handler_class *base)
{
    struct upload_class *to = (void *)table;
    const struct upload_class *from = (const void *)base;
    HTTP_INHERIT(to, from, on_duplicate);
    HTTP_INHERIT(to, from, reserved);
    HTTP_INHERIT(to, from, max_uploads);
    HTTP_INHERIT(to, from, max_receiving);
    HTTP_INHERIT(to, from, min_free);
}

const struct upload_class *http_upload_class_of(const struct ss_handler *h)
{
    return (const void *)http_class_with(h, http_upload_inherit, "UploadHTTPRequestHandler");
}
