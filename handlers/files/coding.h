/* The form in which a file is sent: as it is, as a file beside it that somebody has compressed before
   (name.zst, name.br, name.gz), or compressed here. */
#ifndef HTTP_FILE_CODING_H
#define HTTP_FILE_CODING_H

#include "files/cache.h"

#define HTTP_FILE_COMPRESS_MINIMUM \
    1024 /* bytes; a shorter file is not worth it: it is one packet all the same */
#define HTTP_FILE_PROBE_INTERVAL 100 /* ms for which "nothing beside it" is believed; see coding.c */

/* Exchanges *file, the identity form of the file `name`, which is held, for the form that the client likes
   best. To be called before http_send_response: whatever is answered then has its Vary. 0; -ENOTSUP when
   the client refuses all there are (406); -EAGAIN, -ENOMEM, -EMFILE when the one that it takes cannot be had
   for now (503). *file is held in any case. May wait. */
int http_file_negotiate(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                        struct http_file **file);

#endif
