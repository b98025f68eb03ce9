/* SPDX-License-Identifier: MIT */
/* Which log the lines of requests go to (open.c; the rest of it is public). */
#ifndef HTTP_LOG_OPEN_H
#define HTTP_LOG_OPEN_H

#include "log/file.h"

/* That of the file which http_access_log_open has opened, opened anew if some process has asked for that;
   else that of stderr. Any thread. */
struct http_log_file *http_log_current(void);

#endif
