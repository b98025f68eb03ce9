/* SPDX-License-Identifier: MIT */
/* A connection to the database serves one thread at a time, and belongs to the process that has opened it: it
   must not be carried across a fork, not even to be closed there (https://www.sqlite.org/howtocorrupt.html).
   So each job takes one that nobody uses, or opens another one, and puts it back; and the process that forks
   does no jobs. What store_begin has opened is closed when it returns. */
#include "rest/store.h"
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 3000 /* ms, while others write */, KEPT = 8 /* connections that nobody uses */ };
enum { BEGIN, COMMIT, ROLLBACK, GET, ADD, CHANGE, REMOVE, LIST, STATEMENTS };

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS]; /* each is compiled when it is first needed */
    struct store *next;
};

static const char *path;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *idle;
static int idle_count;

/* IMMEDIATE takes the right to write at once: one who has read already, and then wants it, could not wait
   for it, since what he has read would be old by then. */
static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [GET] = "SELECT id, version, name, email, phone FROM users WHERE id = ?1",
    [ADD] = "INSERT INTO users (name, email, phone) VALUES (?2, ?3, ?4)",
    [CHANGE] = "UPDATE users SET name = ?2, email = ?3, phone = ?4, version = version + 1 WHERE id = ?1",
    [REMOVE] = "DELETE FROM users WHERE id = ?1",
    [LIST] = "SELECT id, version, name, email, phone FROM users WHERE id > ?1 ORDER BY id LIMIT ?2",
};

/* With a write-ahead log those who read do not wait for who writes. AUTOINCREMENT: the id of one who was
   removed is never another one's, so neither is his entity tag. */
static const char schema[] = "PRAGMA journal_mode = WAL;"
                             "CREATE TABLE IF NOT EXISTS users ("
                             "id INTEGER PRIMARY KEY AUTOINCREMENT,"
                             "version INTEGER NOT NULL DEFAULT 1,"
                             "name TEXT NOT NULL,"
                             "email TEXT NOT NULL COLLATE NOCASE UNIQUE,"
                             "phone TEXT NOT NULL);";

/* ---------------------------------------------------------------- connections */

static int error_of(struct store *store)
{
    int code = sqlite3_extended_errcode(store->db), error = sqlite3_system_errno(store->db);
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EAGAIN;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    default:
        fprintf(stderr, "rest: %s: %s\n", path, sqlite3_errmsg(store->db));
        return error == EMFILE || error == ENFILE || error == ENOSPC ? -error : -EIO;
    }
}

static void close_store(struct store *store)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store);
}

static int open_store(struct store **opened)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return -ENOMEM;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &store->db, flags, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(store->db, PATIENCE) == SQLITE_OK) {
        *opened = store;
        return 0;
    }
    int rc = store->db ? error_of(store) : -ENOMEM;
    close_store(store);
    return rc;
}

static int take(struct store **taken)
{
    pthread_mutex_lock(&lock);
    struct store *store = *taken = idle;
    if (store) {
        idle = store->next;
        idle_count--;
    }
    pthread_mutex_unlock(&lock);
    return store ? 0 : open_store(taken);
}

static void give(struct store *store, bool good)
{
    pthread_mutex_lock(&lock);
    bool kept = good && idle_count < KEPT;
    if (kept) {
        store->next = idle;
        idle = store;
        idle_count++;
    }
    pthread_mutex_unlock(&lock);
    if (!kept)
        close_store(store);
}

/* ---------------------------------------------------------------- statements */

/* Returns one that is ready to be given its values, or NULL: see error_of. */
static sqlite3_stmt *statement(struct store *store, int which)
{
    sqlite3_stmt **prepared = &store->statements[which];
    if (!*prepared)
        sqlite3_prepare_v3(store->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, prepared, NULL);
    return *prepared;
}

/* Returns 1: there is a row; 0: it is done; or -errno. */
static int step(struct store *store, sqlite3_stmt *s)
{
    int rc = s ? sqlite3_step(s) : SQLITE_ERROR;
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : error_of(store);
}

/* Ends a statement: one that is left half done would keep others from writing. */
static int finish(sqlite3_stmt *s, int rc)
{
    if (s)
        sqlite3_reset(s);
    return rc;
}

static int execute(struct store *store, int which)
{
    sqlite3_stmt *s = statement(store, which);
    return finish(s, step(store, s));
}

static int execute_for(struct store *store, int which, const struct user *user)
{
    sqlite3_stmt *s = statement(store, which);
    bool good = s && sqlite3_bind_int64(s, 1, user->id) == SQLITE_OK;
    for (int i = 0; good && which != REMOVE && i < FIELDS; i++)
        good = sqlite3_bind_text(s, 2 + i, user->text[i], -1, SQLITE_STATIC) == SQLITE_OK;
    return finish(s, good ? step(store, s) : error_of(store));
}

static void read_row(sqlite3_stmt *s, struct user *user)
{
    user->id = sqlite3_column_int64(s, 0);
    user->version = sqlite3_column_int64(s, 1);
    for (int i = 0; i < FIELDS; i++) {
        const unsigned char *text = sqlite3_column_text(s, 2 + i);
        snprintf(user->text[i], sizeof user->text[i], "%s", text ? (const char *)text : "");
    }
}

/* ---------------------------------------------------------------- jobs */

/* Whether the client's conditions hold (If-Match, If-None-Match): looked at here, where nobody can change the
   user between that and what is done then. */
static bool holds(const struct job *job)
{
    struct http_decision decision;
    char tag[24];
    snprintf(tag, sizeof tag, "\"%lld\"", (long long)job->users->version);
    return http_evaluate(job->request, &(struct http_validators){.etag = tag}, -1, &decision) != 412;
}

int store_get(struct store *store, struct job *job)
{
    sqlite3_stmt *s = statement(store, GET);
    int rc = s && sqlite3_bind_int64(s, 1, job->id) == SQLITE_OK ? step(store, s) : error_of(store);
    if (rc > 0)
        read_row(s, job->users);
    job->status = rc == 0 ? 404 : job->request && !holds(job) ? 412 : 200;
    return finish(s, rc < 0 ? rc : 0);
}

/* An address that another user has is told in the answer, and nothing is done. */
static int conflict(struct job *job, int rc)
{
    if (rc != -EEXIST)
        return rc;
    findings_add(&job->findings, "email", "is another user's");
    job->status = 409;
    return 0;
}

int store_add(struct store *store, struct job *job)
{
    job->status = 422;
    if (!change_apply(job->change, true, job->users, &job->findings))
        return 0;
    int rc = execute_for(store, ADD, job->users);
    job->status = 201;
    job->users->id = sqlite3_last_insert_rowid(store->db);
    job->users->version = 1;
    return conflict(job, rc);
}

int store_change(struct store *store, struct job *job)
{
    int rc = store_get(store, job);
    if (rc < 0 || job->status != 200)
        return rc;
    if (!change_apply(job->change, job->whole, job->users, &job->findings)) {
        job->status = 422;
        return 0;
    }
    job->users->version++;
    return conflict(job, execute_for(store, CHANGE, job->users));
}

int store_remove(struct store *store, struct job *job)
{
    int rc = store_get(store, job);
    if (rc < 0 || job->status != 200)
        return rc;
    job->status = 204;
    return execute_for(store, REMOVE, job->users);
}

int store_list(struct store *store, struct job *job)
{
    sqlite3_stmt *s = statement(store, LIST);
    bool good =
        s && sqlite3_bind_int64(s, 1, job->id) == SQLITE_OK && sqlite3_bind_int(s, 2, job->room) == SQLITE_OK;
    int rc = good ? 1 : error_of(store);
    while (rc > 0 && (rc = step(store, s)) > 0 && job->count < job->room)
        read_row(s, &job->users[job->count++]);
    job->status = 200;
    return finish(s, rc);
}

static int transact(struct store *store, struct job *job)
{
    int rc = execute(store, BEGIN);
    if (rc < 0)
        return rc;
    rc = job->run(store, job);
    if (rc == 0)
        rc = execute(store, COMMIT); /* from here on it outlives a power failure */
    if (rc < 0 && !sqlite3_get_autocommit(store->db))
        (void)execute(store, ROLLBACK); /* some errors have done so by themselves */
    return rc;
}

int store_do(void *argument)
{
    struct job *job = argument;
    struct store *store = NULL;
    int rc = take(&store);
    if (rc < 0)
        return rc;
    rc = job->writes ? transact(store, job) : job->run(store, job);
    give(store, rc == 0 || rc == -EAGAIN);
    return rc;
}

/* ---------------------------------------------------------------- begin and end */

int store_begin(const char *file)
{
    struct store *store = NULL;
    path = file;
    if (!*file || !strcmp(file, ":memory:")) {
        fprintf(stderr, "rest: each process opens the database by itself, so it has to be a file\n");
        return -EINVAL;
    }
    int rc = open_store(&store);
    if (rc == 0 && sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        rc = error_of(store);
    if (rc < 0)
        fprintf(stderr, "rest: %s cannot be used; name another file for the database\n", file);
    if (store)
        close_store(store);
    return rc;
}

void store_end(void)
{
    struct store *store;
    while ((store = idle)) {
        idle = store->next;
        close_store(store);
    }
    idle_count = 0;
}
