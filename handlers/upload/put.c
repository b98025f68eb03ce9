/* SPDX-License-Identifier: MIT */
/* PUT of a file. */
#include "files/cache.h"
#include "files/simple_http.h"
#include "http/error.h"
#include "upload/upload.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ATTEMPTS = 16 }; /* at storing a file that others store, too */

static bool is_conditional(struct ss_handler *h)
{
    return http_header(h, "If-Match") || http_header(h, "If-None-Match") ||
           http_header(h, "If-Unmodified-Since");
}

/* Evaluates the conditions (RFC 9110 13) against the file that GET would send, and notes which one that was.
   0: go on, 1: answered, -errno. */
static int check_against_file(struct ss_handler *h, const char *name, struct http_seen *seen)
{
    const struct simple_http_class *cls = http_simple_class_of(h);
    struct http_file *file;
    struct http_validators current;
    struct http_decision decision;
    int rc = http_file_open(h, cls, name, &file);
    if (rc < 0 && http_errno_status(rc) != 404)
        return rc;
    *seen = (struct http_seen){.exists = rc == 0};
    if (seen->exists) {
        seen->status = file->status;
        current = http_file_validators(file);
    }
    int status = http_evaluate(http_request(h), seen->exists ? &current : NULL, -1, &decision);
    if (seen->exists)
        http_file_release(file);
    rc = status == 412 ? http_send_error(h, 412, NULL, NULL) : 0;
    return rc < 0 ? rc : status == 412;
}

static bool is_stored(const struct stat *a, const struct stat *stored)
{
    return a->st_dev == stored->st_dev && a->st_ino == stored->st_ino && a->st_size == stored->st_size &&
           a->st_mtim.tv_sec == stored->st_mtim.tv_sec && a->st_mtim.tv_nsec == stored->st_mtim.tv_nsec;
}

/* Sends the tag that GET would send now, if the file is still the one that was stored (RFC 9110 9.3.4). A
   weak tag is left out, since it is never given twice. The cache forgets the file before, as it may know the
   old one, and afterwards, so that it does not keep a descriptor for each file that is stored. */
static void send_etag(struct ss_handler *h, const struct http_storing *s)
{
    const struct simple_http_class *cls = http_simple_class_of(h);
    const char *name = ss_format(h, "%s%s", s->directory, s->p.name);
    struct http_file *file;
    if (!name)
        return;
    http_file_forget(cls, name);
    if (http_file_open(h, cls, name, &file) < 0)
        return;
    if (is_stored(&file->status, &s->p.status) && file->etag[0] == '"')
        http_send_header(h, "ETag", file->etag);
    if (file->fd >= 0)
        http_file_forget(cls, name);
    http_file_release(file);
}

static int send_stored_file(struct ss_handler *h, const struct http_storing *s, const char *wanted)
{
    http_send_response(h, s->p.replaced ? 204 : 201, NULL);
    if (strcmp(s->p.name, wanted) != 0) {
        const char *location = http_quote(h, s->p.name); /* beside the one that was asked for */
        if (!location)
            return -ENOMEM;
        http_send_header(h, "Location", location);
    }
    send_etag(h, s);
    return http_end_headers(h);
}

/* Evaluates the conditions again each time that somebody else has stored the same file in between. */
static int store(struct ss_handler *h, struct http_storing *s, struct http_upload *upload, const char *name)
{
    struct http_seen seen;
    int rc = -ESTALE;
    for (int i = 0; rc == -ESTALE && i < ATTEMPTS; i++) {
        if (is_conditional(h) && (rc = check_against_file(h, name, &seen)) != 0)
            return rc;
        s->p.seen = is_conditional(h) ? &seen : NULL;
        rc = http_upload_store(h, s, upload);
    }
    return rc;
}

static bool is_only_new(struct ss_handler *h)
{
    const char *none = http_header(h, "If-None-Match");
    return none && strcmp(none, "*") == 0;
}

static void choose_how(struct ss_handler *h, struct http_storing *s)
{
    enum http_on_duplicate how = http_upload_class_of(h)->on_duplicate;
    s->p.how = is_only_new(h) ? HTTP_DUPLICATE_ERROR : how ? how : HTTP_DUPLICATE_OVERWRITE;
}

/* Receives the body and stores it. 0 or -errno. */
static int receive(struct ss_handler *h, struct http_storing *s, const char *name)
{
    const char *file = name + strlen(s->directory);
    struct http_upload upload;
    int rc = http_upload_receive(h, s, &upload);
    if (rc == 0)
        rc = store(h, s, &upload, name);
    if (rc == 0)
        rc = send_stored_file(h, s, file);
    else if (rc == -EEXIST && is_only_new(h)) /* meanwhile, or a link that GET does not follow */
        rc = http_send_error(h, 412, NULL, NULL);
    else if (rc < 0)
        rc = http_upload_refuse(h, rc, file);
    http_upload_end(&upload);
    return rc;
}

static bool is_directory(int directory, const char *file)
{
    struct stat status;
    return fstatat(directory, file, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Refuses what can be refused before the body is read. 0: go on; 1: answered; -errno. */
static int admit_put(struct ss_handler *h, int directory, struct http_storing *s, const char *name,
                     struct http_share *share)
{
    struct http_seen seen;
    int rc = is_directory(directory, s->p.name) ? http_upload_refuse_method(h, "PUT") : 1;
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    rc = is_conditional(h) ? check_against_file(h, name, &seen) : 0;
    if (rc == 0)
        rc = http_upload_look(directory, &s->p);
    if (rc == -EEXIST && is_only_new(h))
        rc = http_send_error(h, 412, NULL, NULL);
    else if (rc < 0)
        rc = http_upload_refuse(h, rc, s->p.name);
    else if (rc == 0)
        return http_upload_enter(h, directory, share);
    return rc < 0 ? rc : 1;
}

/* `file` is the last component of `name`. */
static int put_below(struct ss_handler *h, const char *name, const char *file)
{
    struct http_share share;
    struct http_storing s = {.directory = ss_format(h, "%.*s", (int)(file - name), name),
                             .from = h->rfile,
                             .share = &share,
                             .alone = true};
    int directory = s.directory ? http_upload_directory(h, s.directory) : -ENOMEM;
    if (directory < 0 && http_errno_status(directory) == 404)
        return http_send_error(h, 409, NULL, "There is no such directory to store it in");
    if (directory < 0)
        return http_upload_refuse(h, directory, file);
    strcpy(s.p.name, file);
    s.p.siblings = http_upload_pairs(h);
    choose_how(h, &s);
    int rc = admit_put(h, directory, &s, name, &share);
    close(directory);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = receive(h, &s, name);
    http_limits_leave(&share);
    return rc;
}

/* RFC 9110 9.3.4. Where that leaves a choice, as RFC 4918 9.7 has it: a directory cannot be replaced (405),
   and the directory of a new file must exist (409). */
int http_do_PUT(struct ss_handler *h)
{
    const char *name;
    int named = http_name_of(h, &name), rc = http_upload_check(h);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (http_header(h, "Content-Range")) /* RFC 9110 14.5 */
        return http_send_error(h, 400, NULL, "A part of a file cannot be stored");
    if (named < 0)
        return http_refuse_path(h, named);
    const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;
    if (!*file)
        return http_upload_refuse_method(h, "PUT");
    if (http_upload_storable(h, file) != file ||
        http_upload_forbids(h, ss_format(h, "%.*s", (int)(file - name), name), file))
        return http_send_error(h, 403, NULL, "Files of such names are not stored");
    return put_below(h, name, file);
}
