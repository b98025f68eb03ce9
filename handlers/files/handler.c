/* SPDX-License-Identifier: MIT */
/* SimpleHTTPRequestHandler: the class. What it does is in simple_http.c and listing.c. */
#include "files/cache.h"
#include "files/listing.h"
#include "files/simple_http.h"
#include "files/tag.h"

static const char *guess_type(struct ss_handler *h, const char *name)
{
    (void)h;
    return http_guess_type(name);
}

/* Makes the memory that the processes of a server share, before they are forked. */
static int server_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    http_file_digests_share();
    return 0;
}

/* Closes the files that were served: they stay open no longer than the server. */
static void server_close(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    http_file_cache_clear();
}

const struct simple_http_class http_SimpleHTTPRequestHandler = {
    .http = {.handler = {.base = &BaseHTTPRequestHandler.handler},
             .table_size = sizeof(struct simple_http_class),
             .name = "SimpleHTTPRequestHandler",
             .methods = HTTP_METHODS({"GET", http_do_GET}),
             .server_activate = server_activate,
             .server_close = server_close,
             .inherit = http_simple_inherit},
    .directory = ".",
    .symlinks = HTTP_SYMLINKS_INSIDE,
    .dotfiles = HTTP_DOTFILES_HIDDEN,
    .cache_seconds = -1,
    .compress = HTTP_COMPRESS_SMALL,
    .siblings = HTTP_SIBLINGS_SENT,
    .file_fields = "",
    .page_policy = "",
    .page_script = "",
    .translate_path = http_translate_path,
    .guess_type = guess_type,
    .list_directory = http_list_directory,
};
