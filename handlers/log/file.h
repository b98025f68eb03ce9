/* SPDX-License-Identifier: MIT */
/* Buffers of log lines: for stderr, and for the file of the access log. Lines are gathered in the process's
   memory and written in large pieces, whole lines only, so that those of several processes do not mix.

     char *at = http_log_begin(log);
     http_log_end(log, at ? stpcpy(at, "a line\n") : NULL, false);

   - A regular file gets the lines 0.9 s after the first of them, anything else (a terminal, a pipe) after 20
   ms, and both when their buffer is half full. A thread sees to that; it is made for the first line and ends
   when it has written them. The first lines of each process are written at once: who tries something sees it,
   and a child that serves one connection needs no thread.
   - Nobody waits for a reader: when a pipe or terminal takes nothing, lines stay in the buffer, and when that
   is full they are lost, and counted. The same when a file cannot be written.
   - exit(3) writes what is left. A forked child has none of its parent's lines.
   Gathering is what makes a log cheap: with a system call for each line a request for 1 KiB takes a fifth
   more of the processor's time. Any thread may call any of this. */
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

/* Room for a line of up to HTTP_LOG_LINE bytes; nobody else writes until http_log_end. NULL: there is
   none. */
char *http_log_begin(struct http_log_file *log);
/* The line, with its newline, goes up to `end`; NULL: there is none. `now`: it is written at once, and what
   is before it. Returns 0, or the first -errno that lines were lost by, once for each file: somebody should
   be told. */
int http_log_end(struct http_log_file *log, const char *end, bool now);

/* The descriptor of http_log_access; -1: it is not open. Async-signal-safe. */
int http_log_descriptor(void);
/* Writes what is there, and gives http_log_access another descriptor, which is its own from now on. */
void http_log_exchange(int fd);
/* Behind a log's descriptor there is another file than before. Async-signal-safe. */
void http_log_changed(struct http_log_file *log);

#endif
