/* SPDX-License-Identifier: MIT */
/* Users in a file of SQLite. */
#ifndef REST_STORE_H
#define REST_STORE_H

#include "http_server.h"
#include "rest/user.h"

struct store;

/* Something to be done with the database, all of it or nothing; see store_do. */
struct job {
    int (*run)(struct store *store, struct job *job); /* one of those below */
    bool writes;
    int64_t id;
    const struct http_request *request; /* its conditions must hold; NULL: there are none */
    const struct change *change;
    bool whole;
    struct user *users; /* the result: one of them, or up to `room` */
    int room, count;
    struct findings findings;
    int status; /* what the client is to be told: 2xx, 404, 409, 412 or 422 */
};

int store_add(struct store *store, struct job *job);
int store_get(struct store *store, struct job *job);
int store_change(struct store *store, struct job *job);
int store_remove(struct store *store, struct job *job);
int store_list(struct store *store, struct job *job); /* those behind `id` */

/* Does a `struct job`, in a transaction if it writes. Blocks: for ss_offload. 0 or -errno: -EAGAIN when
   others write for too long, -ENOSPC; errors that need a look are told on stderr. Any thread. */
int store_do(void *job);

/* Makes the tables. 0 or -errno, and then a line was written that says what is wrong. */
int store_begin(const char *file);
/* Closes the connections of this process. */
void store_end(void);

#endif
