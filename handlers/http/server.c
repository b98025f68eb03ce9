/* HTTPServer: TCPServer for clients that speak first, and at some length. */
#include "http/head.h"

#include "compress/compress.h"
#include "files/cache.h"
#include "files/tag.h"
#include "upload/upload.h"
#include <stdio.h>

enum { FIRST_BYTES = 5 /* seconds */, BUFFER_SIZE = 32768 };

static void init(struct ss_server *self)
{
    self->defer_accept = FIRST_BYTES;
    self->buffer_size = BUFFER_SIZE;
    http_upload_prepare(self);
    http_file_digests_share();
}

/* Only who has the address may tidy up. */
static int server_activate(struct ss_server *self)
{
    int rc = ss_super(self, &HTTPServer)->server_activate(self);
    if (rc == 0)
        http_upload_tidy(self);
    return rc;
}

/* The files that were served stay open no longer than the server, and what it has logged is to be read. */
static void server_close(struct ss_server *self)
{
    ss_super(self, &HTTPServer)->server_close(self);
    http_file_cache_clear();
    http_access_log_flush();
}

#ifndef SS_VERSION
#define SS_VERSION "0"
#endif

const char *http_version(void)
{
    return SS_VERSION;
}

const char *http_features(void)
{
    static _Thread_local char text[256];

    snprintf(text, sizeof text, "%s%s", http_parser_feature(), http_coding_features());
    return text;
}

const struct ss_class http_HTTPServer = {
    .name = "HTTPServer",
    .base = &TCPServer,
    .state_size = 0,
    .init = init,
    .server_activate = server_activate,
    .server_close = server_close,
};
