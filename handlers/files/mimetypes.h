/* SPDX-License-Identifier: MIT */
/* Media types by the system's own list (mime_file.c). */
#ifndef HTTP_MIMETYPES_H
#define HTTP_MIMETYPES_H

#define HTTP_MIME_FILE_SIZE (1 << 20) /* bytes of a list; a longer one is not read */

/* The type of an ending by the list of http_init_types, which is read now if it was not before. NULL:
   unknown. */
const char *http_mime_file_find(const char *ending);

#endif
