/* SPDX-License-Identifier: MIT */
/* The script that pages load, see page_script of struct simple_http_class. */
#ifndef HTTP_FILE_SCRIPT_H
#define HTTP_FILE_SCRIPT_H

#include "files/cache.h"

/* Puts the element that loads it at the end of a file that was just read, if it is a page, and not too long.
 * 0 or -errno. */
int http_file_add_script(struct http_file *file);

#endif
