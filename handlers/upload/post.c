/* SPDX-License-Identifier: MIT */
/* POST of a form with files to a directory. */
#include "files/listing.h"
#include "files/simple_http.h"
#include "http/accept.h"
#include "http/error.h"
#include "upload/upload.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct stored {
    struct stored *next;
    const char *name;
    int64_t size;
};

static int send_json(struct ss_handler *h, const struct stored *files)
{
    const char *first = http_quote(h, files->name), *location = first ? http_directory_url(h, first) : NULL;
    int rc = 0;
    if (!location)
        return -ENOMEM;
    http_send_response(h, 201, NULL);
    http_send_header(h, "Location", location);
    http_send_header(h, "Content-Type", "application/json");
    http_end_headers(h);
    ss_printf(h->wfile, "{\"files\": [");
    for (const struct stored *f = files; f && rc == 0; f = f->next) {
        const char *name = http_json_text(h, f->name), *href = http_quote(h, f->name);
        if (!name || !href)
            return -ENOMEM;
        rc = ss_printf(h->wfile, "%s\n{\"name\": \"%s\", \"href\": \"%s\", \"size\": %jd}",
                       f != files ? "," : "", name, href, (intmax_t)f->size);
    }
    return rc < 0 ? rc : ss_printf(h->wfile, "\n]}\n");
}

/* A browser goes back to the directory, so that reloading sends nothing again. */
static int send_stored_files(struct ss_handler *h, const struct stored *files)
{
    static const char *const types[] = {"text/html", "application/json"};
    if (!files)
        return http_send_error(h, 400, NULL, "The form has no file");
    if (http_accept_best(h, types, 2) == 1)
        return send_json(h, files);
    char *location = http_directory_url(h, "");
    if (!location)
        return -ENOMEM;
    http_send_response(h, 303, NULL);
    http_send_header(h, "Location", location);
    http_send_header(h, "Content-Length", "0");
    return http_end_headers(h);
}

static int refuse_name(struct ss_handler *h, const struct http_storing *s, const char *name)
{
    int rc = 0;
    if (!name)
        rc = http_send_error(h, 400, NULL, "A file of the form has a name that cannot be stored");
    else if (http_upload_forbids(h, s->directory, name))
        rc = http_send_error(h, 403, NULL, "Files of such names are not stored");
    else
        return 0;
    return rc < 0 ? rc : 1;
}

/* Checks the name before the file is read, so that it is refused at once. 0 or -errno. */
static int look_for_name(struct ss_handler *h, const struct http_storing *s)
{
    int directory = http_upload_directory(h, s->directory), rc;
    if (directory < 0)
        return directory;
    rc = http_upload_look(directory, &s->p);
    close(directory);
    return rc;
}

static enum http_on_duplicate on_duplicate(const struct ss_handler *h)
{
    enum http_on_duplicate how = http_upload_class_of(h)->on_duplicate;
    return how ? how : HTTP_DUPLICATE_ERROR;
}

/* Stores one file of the form. 0: `stored` is filled in; 1: answered; -errno. */
static int take_file(struct ss_handler *h, struct http_storing *s, const char *filename,
                     struct stored *stored)
{
    const char *wanted = http_upload_storable(h, filename);
    struct http_upload upload = {.fd = -1};
    int rc = refuse_name(h, s, wanted);
    if (rc != 0)
        return rc;
    strcpy(s->p.name, wanted);
    s->p.how = on_duplicate(h);
    s->p.siblings = http_upload_pairs(h);
    rc = look_for_name(h, s);
    if (rc == 0)
        rc = http_upload_receive(h, s, &upload);
    if (rc == 0)
        rc = http_upload_store(h, s, &upload);
    stored->size = upload.size;
    http_upload_end(&upload);
    if (rc < 0) {
        rc = http_upload_refuse(h, rc, s->p.name);
        return rc < 0 ? rc : 1;
    }
    stored->name = ss_format(h, "%s", s->p.name);
    return stored->name ? 0 : -ENOMEM;
}

static int take_files(struct ss_handler *h, struct http_storing *s)
{
    struct stored *files = NULL, **last = &files;
    struct http_form *form;
    struct http_part part;
    int rc = http_form_open(h, &form);
    while (rc == 0 && (rc = http_form_next(form, &part)) > 0) {
        rc = 0;
        if (!part.filename || !*part.filename)
            continue;
        *last = ss_alloc(h, sizeof **last);
        if (!*last)
            return -ENOMEM;
        **last = (struct stored){0};
        s->from = part.stream;
        rc = take_file(h, s, part.filename, *last);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        last = &(*last)->next;
    }
    return rc < 0 ? rc : send_stored_files(h, files);
}

static int post_to(struct ss_handler *h, const char *name, int directory)
{
    struct http_share share;
    struct http_storing s = {.directory = name, .share = &share};
    int rc = http_upload_enter(h, directory, &share);
    close(directory);
    if (rc == 0) {
        rc = take_files(h, &s);
        http_limits_leave(&share);
    }
    return rc < 0 ? rc : 0;
}

int http_do_POST(struct ss_handler *h)
{
    const char *name;
    int named = http_name_of(h, &name), rc = http_upload_check(h), directory;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (named < 0)
        return http_refuse_path(h, named);
    directory = http_upload_directory(h, name);
    if (directory == -ENOTDIR && name[strlen(name) - 1] != '/')
        return http_upload_refuse_method(h, "POST");
    if (directory < 0 && http_errno_status(directory) == 404)
        return http_send_error(h, 404, NULL, "There is no such directory");
    return directory < 0 ? http_upload_refuse(h, directory, name) : post_to(h, name, directory);
}
