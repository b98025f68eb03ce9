/* SPDX-License-Identifier: MIT */
/* The append-only file: what was changed, as commands in RESP, which redis-server reads as well. A command
   stands for its effect (INCR is written as SET, EXPIRE as PEXPIREAT), so that to apply some of them twice
   changes nothing. That lets the file be written anew while clients go on: what is there, key by key, and
   behind it all that was appended meanwhile. */
#ifndef KVSTORE_LOG_H
#define KVSTORE_LOG_H

#include "kvstore/db.h"
#include "kvstore/resp.h"
#include "socketserver.h"

enum log_policy {               /* when what was written is also on the disk */
                  LOG_ALWAYS,   /* before a client is answered */
                  LOG_EVERYSEC, /* a second later, or so */
                  LOG_NO        /* when the system pleases */
};

enum {
    REWRITE_LEAST = 1 << 20, /* bytes: a shorter file is not rewritten by itself */
    REWRITE_FACTOR = 2       /* it is when it has become so many times as long */
};

/* Applies a command of which `data` are the bytes. NULL, or what is wrong with it, until the next one. */
typedef const char *log_apply(const struct resp *command, const char *data);

/* Opens FILE, FILE:always, FILE:everysec or FILE:no, and applies what is in it. 0 or -errno, after a line on
   stderr that says what to do. */
int log_open(const char *argument, log_apply *apply);
/* Starts and ends the thread that syncs and rewrites the file. */
int log_start(void);
void log_stop(void);
/* Writes and syncs what is left, and closes the file. */
void log_close(void);

/* ---- with the store's lock ---- */

/* What has happened. Between log_begin and log_end all of it happens at once, or nothing. log_begin returns
   false where that has begun already; log_end is given what it has returned. */
void log_set(const struct entry *entry);
void log_write(struct text key, size_t offset, struct text data);
void log_expire(const struct entry *entry);
void log_delete(struct text key);
void log_flush(void);
bool log_begin(void);
void log_end(bool begun);
/* Why nothing may be changed now: an error of the file, as -errno. 0: all is well. */
int log_failure(void);

/* ---- without it ---- */

/* How much was appended: log_commit waits for that. */
uint64_t log_position(void);

bool log_is_committed(uint64_t position);
/* Writes all up to `position` to the file, and to the disk if the policy is so. 0 or -errno. Waits. */
int log_commit(struct ss_server *self, uint64_t position);
/* Has the file rewritten soon. False: there is none. */
bool log_rewrite(void);

struct log_figures {
    bool on, rewriting;
    const char *policy;
    int64_t size, base_size; /* bytes: now, and when it was rewritten */
    unsigned rewrites;
    int error;
};
void log_count(struct log_figures *figures);

#endif
