/* SPDX-License-Identifier: MIT */
/* UploadHTTPRequestHandler: SimpleHTTPRequestHandler that takes files, too; see upload.h for its parts. */
#include "upload/upload.h"
#include "http/exchange.h"
#include "upload/class.h"

/* Makes what the processes of the server share, and removes what a killed one has left. */
static int server_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    const struct simple_http_class *files = (const void *)cls;
    (void)self;
    (void)http_limits_share(); /* or each process counts for itself */
    (void)http_parts_remove(files->directory);
    return 0;
}

/* The form of a listing, where a POST to the directory stores files there. */
static int write_form(struct ss_handler *h)
{
    static const char form[] =
        "<form method=post enctype=\"multipart/form-data\"><input type=file name=file multiple "
        "required aria-label=\"Files to upload\"> <button>Upload</button></form>\n";
    bool stores = http_class_find(http_exchange_of(h)->cls, "POST") == http_do_POST;
    return stores ? ss_write(h->wfile, form, sizeof form - 1) : 0;
}

/* Browsers take a file that somebody has stored for nothing but its media type, and a page that somebody has
   stored runs no scripts in the name of this site. */
static const char nosniff[] = "X-Content-Type-Options: nosniff\r\n";
static const char sandbox[] = "sandbox";

const struct upload_class http_UploadHTTPRequestHandler = {
    .simple = {.http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
                        .table_size = sizeof(struct upload_class),
                        .name = "UploadHTTPRequestHandler",
                        .methods = HTTP_METHODS({"POST", http_do_POST}, {"PUT", http_do_PUT}),
                        .server_activate = server_activate,
                        .inherit = http_upload_inherit},
               .siblings = HTTP_SIBLINGS_IGNORED,
               .file_fields = nosniff,
               .page_policy = sandbox,
               .listing_extra = write_form},
    .reserved = HTTP_RESERVED_REFUSED,
    .max_uploads = 256,
};
