/* SPDX-License-Identifier: MIT */
/* Opens the file, and applies what is in it. */
#include "kvstore/log_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- FILE:policy */

static int choose_policy(const char *argument, size_t *length)
{
    static const char *const names[] = {
        [LOG_ALWAYS] = "always", [LOG_EVERYSEC] = "everysec", [LOG_NO] = "no"};
    const char *colon = strrchr(argument, ':');
    *length = colon ? (size_t)(colon - argument) : strlen(argument);
    kv_log.policy = LOG_EVERYSEC;
    for (int i = LOG_ALWAYS; colon && i <= LOG_NO; i++) {
        if (strcmp(colon + 1, names[i]) == 0) {
            kv_log.policy = (enum log_policy)i;
            colon = NULL;
        }
    }
    if (!colon && *length > 0)
        return 0;
    fprintf(stderr,
            "kvstore: %s names no file and policy: write FILE, FILE:always, FILE:everysec or FILE:no\n",
            argument);
    return -EINVAL;
}

/* ---------------------------------------------------------------- what is in it */

struct contents {
    const char *data;
    size_t size;
    size_t good; /* bytes of whole commands; a transaction counts as one */
    unsigned long commands;
};

static void complain(size_t at, unsigned long command, const char *why)
{
    fprintf(
        stderr,
        "kvstore: %s: byte %zu (command %lu): %s; what is before that is good: keep a copy, and cut it there "
        "(truncate -s %zu %s)\n",
        kv_log.path, at, command, why, at, kv_log.path);
}

static bool is_named(const struct resp *r, const char *data, const char *name)
{
    return r->argc == 1 &&
           text_is_word((struct text){resp_base(r, data) + r->args[0].at, r->args[0].size}, name);
}

/* Finds where the last whole command ends. 0 or -errno. */
static int survey(struct contents *c)
{
    struct resp r;
    size_t at = 0;
    bool together = false;
    int rc = 1;
    resp_begin(&r);
    for (unsigned long n = 1; at < c->size; n++) {
        rc = c->data[at] == '*' ? resp_parse(&r, c->data + at, c->size - at) : -EPROTO;
        if (rc < 0)
            complain(at, n,
                     rc == -ENOMEM ? "there is not enough memory"
                     : r.error     ? r.error
                                   : "no command begins here");
        if (rc != 1)
            break;
        together = (together || is_named(&r, c->data + at, "multi")) && !is_named(&r, c->data + at, "exec");
        at += r.size;
        c->good = together ? c->good : at;
        resp_end(&r);
    }
    resp_end(&r);
    return rc < 0 ? rc : 0;
}

static int apply_all(struct contents *c, log_apply *apply)
{
    struct resp r;
    const char *why = NULL;
    resp_begin(&r);
    for (size_t at = 0; at < c->good && !why; at += r.size, resp_end(&r)) {
        c->commands++;
        if (resp_parse(&r, c->data + at, c->good - at) != 1)
            why = "there is not enough memory";
        else if (r.argc)
            why = apply(&r, c->data + at);
        if (why) {
            complain(at, c->commands, why);
            break;
        }
    }
    resp_end(&r);
    return why ? -EBADMSG : 0;
}

/* A program that was killed, or a machine that has failed, may have left a part of the last command. */
static int cut(const struct contents *c)
{
    if (c->good == c->size)
        return 0;
    fprintf(
        stderr,
        "kvstore: %s: the last %zu bytes are a part of a command, or of a transaction, as a crash leaves it: "
        "cut off at byte %zu\n",
        kv_log.path, c->size - c->good, c->good);
    return ftruncate(kv_log.fd, (off_t)c->good) < 0 || fsync(kv_log.fd) < 0 ? -errno : 0;
}

static int load(log_apply *apply)
{
    struct stat status;
    if (fstat(kv_log.fd, &status) < 0)
        return -errno;
    struct contents c = {.size = (size_t)status.st_size};
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    if (c.size == 0)
        return 0;
    void *data = mmap(NULL, c.size, PROT_READ, MAP_PRIVATE, kv_log.fd, 0);
    if (data == MAP_FAILED)
        return -errno;
    c.data = data;
    db_lock();
    db_set_loading(true);
    int rc = survey(&c);
    if (rc == 0)
        rc = apply_all(&c, apply);
    db_set_loading(false);
    db_unlock();
    (void)munmap(data, c.size);
    if (rc == 0 && (rc = cut(&c)) < 0)
        fprintf(stderr, "kvstore: cannot cut %s: %s\n", kv_log.path, strerror(-rc));
    kv_log.size = kv_log.base_size = (int64_t)c.good;
    return rc < 0 ? -EBADMSG : 0;
}

/* ---------------------------------------------------------------- opening */

static int open_file(void)
{
    kv_log.fd = open(kv_log.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (kv_log.fd < 0)
        return -errno;
    char *path = realpath(kv_log.path, NULL); /* of a link: what is behind it is to be replaced */
    if (!path)
        return -errno;
    free(kv_log.path);
    kv_log.path = path;
    log_sync_directory();
    return flock(kv_log.fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int log_open(const char *argument, log_apply *apply)
{
    size_t length;
    int rc = choose_policy(argument, &length);
    if (rc < 0)
        return rc;
    char *path = strndup(argument, length);
    if (!path)
        return -ENOMEM;
    kv_log.path = path;
    rc = open_file();
    if (rc == 0)
        rc = load(apply);
    kv_log.appends = rc == 0;
    if (rc < 0 && rc != -EBADMSG)
        fprintf(stderr, "kvstore: %s: %s\n", kv_log.path,
                rc == -EWOULDBLOCK ? "another process uses it: stop that one, or take another file"
                : rc == -EINVAL    ? "this is no file"
                                   : strerror(-rc));
    return rc;
}
