/* Where log lines go: stderr, and the file of the access log. Lines are gathered in a buffer of the process
   and written in few pieces, whole lines only, so that those of several processes do not mix.

     char *at = http_log_begin(log);
     http_log_end(log, at ? stpcpy(at, "a line\n") : NULL, false);

   - A regular file gets the lines when its buffer is full, and 0.9 s after the first of them at the latest;
   anything else (a terminal, a pipe) after 20 ms. A thread sees to that, which is made when it is needed and
   sleeps while there is nothing to write. The first lines of each process are written at once: who tries
   something sees it, and a child that serves one connection needs no thread.
   - Nobody waits for a reader: when a pipe or terminal takes nothing, lines stay in the buffer, and when that
   is full they are lost, and counted. The same when a file cannot be written.
   - After fork the child has none of the parent's lines.
   Any thread may call any of this. */
#ifndef HTTP_LOG_FILE_H
#define HTTP_LOG_FILE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_LOG_BUFFER = 128 * 1024, /* bytes of each file's buffer */
    HTTP_LOG_LINE = 64 * 1024,    /* that a line may have at most: seven texts of HTTP_LOG_ITEM, and more */
};

struct http_log_file;
extern struct http_log_file http_log_stderr, http_log_access;

/* Room for a line of up to HTTP_LOG_LINE bytes; nobody else writes until http_log_end. NULL: there is none.
 */
char *http_log_begin(struct http_log_file *log);
/* The line, with its newline, goes up to `end`; NULL: there is none. `now`: it is written at once, and what
   is before it. Returns 0, or the first -errno that lines were lost by, once for each file: somebody should
   be told. */
int http_log_end(struct http_log_file *log, const char *end, bool now);

/* The descriptor of http_log_access; -1: it is not open. Async-signal-safe. */
int http_log_descriptor(void);
/* Writes what is there, and gives http_log_access another descriptor, which is its own from now on. */
void http_log_exchange(int fd);

/* log_open.c: true if some process has called http_access_log_reopen and this one has not renewed the file
   since. Async-signal-safe. */
bool http_log_must_renew(void);
/* Opens the file of the same name in place of the one that is open. 0 or -errno: it goes on to the one that
   it has. Async-signal-safe. */
int http_log_renew(void);

/* Writes what is in the buffers and ends their threads, as at the end of a server; a reader that takes
   nothing is waited for 0.5 s. The next line begins anew. */
void http_log_settle(void);

#endif
