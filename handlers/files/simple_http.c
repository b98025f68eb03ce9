/* SPDX-License-Identifier: MIT */
/* GET and HEAD for the files below a directory; the class is in handler.c. */
#include "files/simple_http.h"
#include "files/cache.h"
#include "files/coding.h"
#include "files/withheld.h"
#include "http/body.h"
#include "http/class.h"
#include "http/content.h"
#include "http/error.h"
#include "http/exchange.h"
#include "text/url.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *const http_index_pages[] = {"index.html", "index.htm", NULL};

/* ---------------------------------------------------------------- options */

void http_simple_inherit(struct http_handler_class *table, const struct http_handler_class *base)
{
    struct simple_http_class *to = (void *)table;
    const struct simple_http_class *from = (const void *)base;
    HTTP_INHERIT(to, from, directory);
    HTTP_INHERIT(to, from, symlinks);
    HTTP_INHERIT(to, from, dotfiles);
    HTTP_INHERIT(to, from, cache_seconds);
    HTTP_INHERIT(to, from, compress);
    HTTP_INHERIT(to, from, siblings);
    HTTP_INHERIT(to, from, file_fields);
    HTTP_INHERIT(to, from, page_policy);
    HTTP_INHERIT(to, from, page_script);
    HTTP_INHERIT(to, from, translate_path);
    HTTP_INHERIT(to, from, guess_type);
    HTTP_INHERIT(to, from, list_directory);
    HTTP_INHERIT(to, from, listing_extra);
}

const struct simple_http_class *http_simple_class_of(const struct ss_handler *h)
{
    return (const void *)http_class_with(h, http_simple_inherit, "SimpleHTTPRequestHandler");
}

const char *http_translate_path(struct ss_handler *h, const char *path)
{
    char *name = ss_alloc(h, strlen(path) + 2);
    if (!name) {
        errno = ENOMEM;
        return NULL;
    }
    return http_normalize_path(path, name) >= 0 ? name : NULL;
}

/* ---------------------------------------------------------------- where a directory is */

/* Returns "http://host" of an absolute-form target, if the Host field names the same host, so that every
   proxy on the way has understood it in the same way; else "", and the client completes the URL (RFC
   9112 3.2.2). */
static const char *origin(struct ss_handler *h)
{
    const char *target = strchr(http_request(h)->requestline, ' ') + 1;
    const char *host = http_request(h)->host, *field = http_header(h, "Host");
    if (*target == '/' || !field || strcmp(host, field) != 0)
        return "";
    return ss_format(h, "%s://%s", strncasecmp(target, "https:", 6) == 0 ? "https" : "http", host);
}

/* The path is as the client has sent it, since translate_path may have been overridden. It must not lead to
   another host: browsers take "//host" and "/\host" for one, and a proxy may take the encoded forms for
   them. */
char *http_directory_url(struct ss_handler *h, const char *behind)
{
    const char *path = http_skip_slashes(http_request(h)->path), *front = origin(h);
    size_t size = strcspn(path, "?#"), behind_size = strlen(behind);
    char *url = front ? ss_alloc(h, strlen(front) + 3 * (size + behind_size) + 5) : NULL;
    if (!url)
        return NULL;
    char *end = stpcpy(url, front);
    end = stpcpy(end, *path == '\\' || strncasecmp(path, "%5c", 3) == 0 ? "/./" : "/");
    end += http_requote(path, size, end);
    if (size > 0 && path[size - 1] != '/')
        *end++ = '/';
    http_requote(behind, behind_size, end);
    return url;
}

/* Redirects to the same path with a slash at its end. */
static int redirect(struct ss_handler *h)
{
    const char *path = http_request(h)->path, *query = path + strcspn(path, "?#");
    char *behind = ss_format(h, "%.*s", (int)strcspn(query, "#"), query);
    char *location = behind ? http_directory_url(h, behind) : NULL;
    if (!location)
        return -ENOMEM;
    http_send_response(h, 301, NULL);
    http_send_header(h, "Location", location);
    http_send_header(h, "Content-Length", "0");
    return http_end_headers(h);
}

/* ---------------------------------------------------------------- sending a file */

/* RFC 9110 8.8.2.2: a client that got the file in the second in which it was changed may have got another
   content. */
static bool is_date_strong(const struct http_file *file)
{
    time_t now = time(NULL);
    return file->modified + 1 < now && file->status.st_ctim.tv_sec + 1 < now;
}

struct http_validators http_file_validators(const struct http_file *file)
{
    return (struct http_validators){
        .etag = file->unsized ? NULL : file->etag,
        .last_modified = file->undated ? NULL : &file->modified,
        .strong_date = is_date_strong(file),
    };
}

/* The text of class_fields begins with this line, if it has it: so who leaves it out begins behind it. */
static const char policy_name[] = "Content-Security-Policy: ";

static size_t policy_size(const struct simple_http_class *cls)
{
    return *cls->page_policy ? sizeof policy_name - 1 + strlen(cls->page_policy) + 2 : 0;
}

/* Makes the text of class_fields. Of several threads that do so at the same time one keeps its own. */
static const char *make_class_fields(const struct simple_http_class *cls, const char **place)
{
    char *text, control[sizeof "max-age=2147483647"] = "no-cache";
    const char *none = NULL;
    if (cls->cache_seconds > 0)
        snprintf(control, sizeof control, "max-age=%d", cls->cache_seconds);
    bool has_policy = *cls->page_policy;
    if (asprintf(&text, "%s%s%sCache-Control: %s\r\n%s", has_policy ? policy_name : "", cls->page_policy,
                 has_policy ? "\r\n" : "", control, cls->file_fields) < 0)
        return NULL;
    if (__atomic_compare_exchange_n(place, &none, text, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return text;
    free(text);
    return none;
}

/* Browsers have a viewer for these that is no part of the site, and refuse to start it in a sandbox. */
static bool is_pdf(const char *type)
{
    return strcspn(type, "; \t") == strlen("application/pdf") &&
           strncasecmp(type, "application/pdf", 15) == 0;
}

/* The fields that all files of the class have: how long they may be kept, file_fields and page_policy. They
   are made for the first file, and kept in the complete table, which lives as long as the program. NULL if
   out of memory. */
static const char *class_fields(const struct simple_http_class *cls, const char *type)
{
    const char **place = (const char **)(uintptr_t)&cls->all_fields;
    const char *text = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (!text)
        text = make_class_fields(cls, place);
    return text && *cls->page_policy && is_pdf(type) ? text + policy_size(cls) : text;
}

/* Describes the file, decides what its validators and the request's conditions come to, and answers so. */
static int send_file(struct ss_handler *h, const struct simple_http_class *cls, const struct http_file *file)
{
    struct http_source source = {
        .fields = file->fields,
        .fields_size = file->fields_size,
        .type_size = file->type_size,
        .content_size = file->content_size,
        .more = class_fields(cls, file->type),
        .coding = file->source ? file->coding : HTTP_IDENTITY,
        .data = file->content,
        .fd = file->fd,
        .size = file->unsized ? -1 : (int64_t)file->size,
    };
    struct http_decision decision;
    if (!source.more)
        return -ENOMEM;
    source.more_size = strlen(source.more);
    decision.status = 200;
    decision.range_count = 0;
    if (http_is_conditional(h)) {
        struct http_validators current = http_file_validators(file);
        http_evaluate(http_request(h), &current, source.size, &decision);
    }
    if (file->source && decision.status == 206)
        decision.status = 200; /* a form that is compressed now has no known length, and so no parts */
    return http_send_source(h, &source, &decision);
}

/* Answers with the file of that name, and stores what that returns. Returns 0, or the -errno with which it
   could not be opened: then nothing was answered. */
static int try_file(struct ss_handler *h, const struct simple_http_class *cls, const char *name, int *rc)
{
    struct http_file *file;
    int opened = http_file_open(h, cls, name, &file);
    if (opened < 0)
        return opened;
    *rc = http_file_negotiate(h, cls, name, &file);
    if (*rc == -ENOTSUP)
        *rc = http_send_error(h, 406, NULL, NULL);
    else
        *rc = *rc < 0 ? http_send_errno(h, *rc, NULL) : send_file(h, cls, file);
    http_file_release(file);
    return 0;
}

static int send_directory(struct ss_handler *h, const struct simple_http_class *cls, const char *name)
{
    for (const char *const *file = http_index_pages; *file; file++) {
        const char *page = ss_format(h, "%s%s", name, *file);
        if (!page)
            return -ENOMEM;
        int rc, opened = try_file(h, cls, page, &rc);
        if (opened == 0)
            return rc;
        if (http_errno_status(opened) != 404)
            return http_send_errno(h, opened, NULL);
    }
    int fd = http_open_directory(cls->directory, cls->symlinks, name);
    if (fd < 0)
        return http_send_errno(h, fd, NULL);
    int rc = cls->list_directory(h, fd, name);
    close(fd);
    return rc;
}

/* ---------------------------------------------------------------- GET */

static bool is_hidden(const struct simple_http_class *cls, const char *name)
{
    if (cls->dotfiles != HTTP_DOTFILES_SERVED)
        return http_has_dotfile(name);
    return http_is_part(strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
}

static int name_of(struct ss_handler *h, const struct simple_http_class *cls, const char **name)
{
    errno = 0;
    *name = cls->translate_path(h, http_request(h)->path);
    if (!*name)
        return errno == ENOMEM ? -ENOMEM : -ENOENT;
    return is_hidden(cls, *name) ? -ENOENT : 0;
}

int http_name_of(struct ss_handler *h, const char **name)
{
    return name_of(h, http_simple_class_of(h), name);
}

int http_refuse_path(struct ss_handler *h, int error)
{
    if (error != -ENOENT)
        return error;
    if (http_is_well_escaped(http_request(h)->path))
        return http_send_errno(h, -ENOENT, NULL);
    return http_send_error(h, 400, NULL, "The path has an escape that is malformed, or a NUL");
}

int http_do_GET(struct ss_handler *h)
{
    const struct simple_http_class *cls = http_simple_class_of(h);
    const char *name;
    int rc = http_body_inspect(h);
    if (rc < 0)
        return rc;
    rc = name_of(h, cls, &name);
    if (rc < 0)
        return http_refuse_path(h, rc);
    if (!*name || name[strlen(name) - 1] == '/')
        return send_directory(h, cls, name);
    int opened = try_file(h, cls, name, &rc);
    if (opened == -EISDIR)
        return redirect(h);
    return opened < 0 ? http_send_errno(h, opened, NULL) : rc;
}
