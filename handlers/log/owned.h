/* SPDX-License-Identifier: MIT */
/* The files that are logs of this server. A log tells who has asked for what, so none is served, listed or
   replaced, whatever its name is by now. */
#ifndef HTTP_LOG_OWNED_H
#define HTTP_LOG_OWNED_H

#include <stdbool.h>
#include <sys/stat.h>

#define HTTP_LOG_OWNED 64 /* files that are remembered; older ones were logs so many rotations ago */

/* Remembers the file that is open as `fd`, if it is a regular one. 0 or -errno. Async-signal-safe. */
int http_log_own(int fd);
/* Remembers the place of the log, where it will be made again: its directory and its name there. NULL: it has
   none. From then on all processes that come from this one know what one of them remembers. For the program,
   while no server runs. 0 or -errno. */
int http_log_own_name(const char *path);

/* True if the file `name` in the open directory, which has this status, is or was a log of this process or
   its parent; stderr is one. With "" for the file that is open as `directory`. Any thread. */
bool http_log_owns(int directory, const char *name, const struct stat *status);
/* 1 if no file may be stored under this name, because a log has it or will have it, or 0; -errno: that is not
   known. Any thread. */
int http_log_reserves(int directory, const char *name);

#endif
