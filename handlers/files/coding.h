/* SPDX-License-Identifier: MIT */
/* The form in which a file is sent: as it is, as a file beside it that somebody has compressed before
   (name.zst, name.br, name.gz), or compressed here. */
#ifndef HTTP_FILE_CODING_H
#define HTTP_FILE_CODING_H

#include "files/cache.h"

#define HTTP_FILE_COMPRESS_MINIMUM 1024 /* bytes; a shorter file leaves in one packet anyway */
#define HTTP_FILE_PROBE_INTERVAL 100    /* ms for which "nothing beside it" is believed; see coding.c */

/* Replaces *file, which is the file `name` as it is, by the form that the client likes best. Both are held
   for the caller, also after an error. To be called before http_send_response, so that the response has the
   field Vary. 0; -ENOTSUP when the client refuses all forms there are (406); -EAGAIN, -ENOMEM, -EMFILE when
   the one that it takes cannot be had for now (503). May wait. */
int http_file_negotiate(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                        struct http_file **file);

#endif
