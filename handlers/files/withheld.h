/* SPDX-License-Identifier: MIT */
/* What lies among the files that are served, and is none of them: it is neither served nor listed. */
#ifndef HTTP_WITHHELD_H
#define HTTP_WITHHELD_H

#include <stdbool.h>
#include <sys/stat.h>

/* A file that is being stored, and has to have a name meanwhile, has a hidden one: this, 16 hexadecimal
   digits, and that. Nobody else gives such a name to a file. */
#define HTTP_PART_FRONT ".httpserver-"
#define HTTP_PART_DIGITS 16
#define HTTP_PART_BACK ".part"
#define HTTP_PART_SIZE (sizeof HTTP_PART_FRONT HTTP_PART_BACK + HTTP_PART_DIGITS)

bool http_is_part(const char *name);

/* 1 if the file that is open as `fd` is a log of this server, or 0; -errno: that is not known. */
int http_is_withheld(int fd);
/* True for the file `name` in the open directory, which has this status itself; also if it is a link to
   one. */
bool http_is_withheld_at(int directory, const char *name, const struct stat *status);

#endif
