/* Which files are logs of this server. They tell who has asked for what, and anybody could write into what is
   served: so they are not served, not listed, and not replaced, whatever their names are by now. */
#ifndef HTTP_LOG_OWNED_H
#define HTTP_LOG_OWNED_H

#include <stdbool.h>
#include <sys/stat.h>

#define HTTP_LOG_OWNED 64 /* files that are remembered: what is beyond were logs so many rotations ago */

/* Remembers the file that is open as `fd`, if it is a regular one. Async-signal-safe. */
void http_log_own(int fd);
/* Remembers the place where the log is to be, and will be made again: its directory and its name there. From
   then on what is remembered is known to all processes that come from this one. For the program, while no
   server runs. NULL: none. 0 or -errno. */
int http_log_own_name(const char *path);

/* True if the file `name` in the open directory, or with "" what is open as `directory` itself, with this
   status, is or was a log of this process or its parent. stderr is one. Any thread. */
bool http_log_owns(int directory, const char *name, const struct stat *status);
/* True if no file may be stored under this name: it is that of a log, or the place of one. Any thread. */
bool http_log_reserves(int directory, const char *name);

#endif
