/* SPDX-License-Identifier: MIT */
/* Opening files that cannot lie outside of a directory, whatever their name and the symbolic links on the
   way say. */
#ifndef HTTP_OPEN_BENEATH_H
#define HTTP_OPEN_BENEATH_H

#include "http_server.h"

#define HTTP_OPEN_LINKS 40 /* symbolic links on the way to one file, as many as Linux follows */

/* Opens `name` (as from http_normalize_path; "" is the directory itself) below the directory whose
   descriptor is `root`. How far symbolic links are followed: see enum http_symlinks. Returns a descriptor or
   -errno: -EXDEV or -ELOOP for a name that leads outside, or through a link where none is followed. Any
   thread. */
int http_open_beneath(int root, const char *name, int flags, enum http_symlinks symlinks);

/* The same without openat2, and without HTTP_SYMLINKS_FOLLOW: component by component, reading the links.
   For kernels that lack it, for links that are absolute or go out and in again, and for the tests. */
int http_open_walk(int root, const char *name, int flags, enum http_symlinks symlinks);

#endif
