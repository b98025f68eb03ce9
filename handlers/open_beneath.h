/* Opening files that cannot lie outside of a directory, whatever their name and the symbolic links on the
   way say. */
#ifndef HTTP_OPEN_BENEATH_H
#define HTTP_OPEN_BENEATH_H

/* Opens `name` (as from http_normalize_path; "" is the directory itself) below the directory whose
   descriptor is `root`. Symbolic links that stay below it are followed where the kernel has openat2, else
   none are. Returns a descriptor or -errno: -EXDEV or -ELOOP for a name that leads outside. Any thread. */
int http_open_beneath(int root, const char *name, int flags);

/* The way without openat2, for kernels that lack it and for the tests. */
int http_open_walk(int root, const char *name, int flags);

#endif
