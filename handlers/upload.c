/* UploadHTTPRequestHandler: what POST and PUT have in common. */
#include "upload.h"

#include "file_cache.h"
#include "http_internal.h"
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 }; /* bytes that are written at once */

bool http_takes_uploads(const struct ss_handler *h)
{
    return http_class_find(http_exchange_of(h)->cls, "POST") == http_do_POST;
}

/* ---------------------------------------------------------------- refusals */

int http_upload_refuse(struct ss_handler *h, int error, const char *name)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return http_send_error(h, 403, NULL, "This may not be written here");
    case -EISDIR:
        return http_send_error(h, 409, NULL, ss_format(h, "There is a directory of this name: %s", name));
    case -EEXIST:
        return http_send_error(h, 409, NULL,
                               ss_format(h, "There is something of this name already: %s", name));
    case -ENAMETOOLONG:
        return http_send_error(h, 400, NULL, "The name is too long");
    case -EFBIG:
        return http_send_errno(h, error, NULL);
    default: /* what reading the body says is left to whoever called the handler */
        return http_errno_status(error) > 500 ? http_send_errno(h, error, NULL) : error;
    }
}

int http_upload_refuse_method(struct ss_handler *h, const char *method)
{
    const char *list = http_allow(h), *element, *between = "";
    char *allow = ss_alloc(h, strlen(list) + 1), *at = allow;
    size_t size;

    if (allow == NULL)
        return -ENOMEM;
    *at = '\0';
    while (http_list_next(&list, &element, &size)) {
        if (size == strlen(method) && memcmp(element, method, size) == 0)
            continue;
        at += sprintf(at, "%s%.*s", between, (int)size, element);
        between = ", ";
    }
    http_error_header(h, "Allow", allow);
    return http_send_error(h, 405, NULL, NULL);
}

const char *http_upload_storable(struct ss_handler *h, const char *filename)
{
    return http_upload_name(filename, http_class_of(h)->dotfiles == HTTP_DOTFILES_SERVED);
}

int http_upload_directory(struct ss_handler *h, const char *name)
{
    const struct http_handler_class *cls = http_class_of(h);

    return http_open_directory(cls->directory, cls->symlinks, name);
}

/* A page of another site can have a browser send a form to here, in the name of whoever looks at it. Browsers
   say so: in Sec-Fetch-Site, and older ones in Origin. */
static bool is_cross_site(const struct ss_handler *h)
{
    const char *site = http_header(h, "Sec-Fetch-Site"), *origin = http_header(h, "Origin");

    if (site != NULL)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    if (origin == NULL)
        return false;
    origin = strstr(origin, "://");
    return origin == NULL || strcasecmp(origin + 3, http_request(h)->host) != 0;
}

int http_upload_check(struct ss_handler *h)
{
    int rc = 0;

    if (is_cross_site(h))
        rc = http_send_error(h, 403, NULL, "Pages of other sites may not store files here");
    else if (http_header(h, "Content-Encoding") != NULL) /* RFC 9110 8.4: it would be stored coded */
        rc = http_send_error(h, 415, NULL, "A body with a Content-Encoding cannot be stored");
    else
        return 0;
    return rc < 0 ? rc : 1;
}

/* ---------------------------------------------------------------- storing */

struct job {
    struct http_upload *upload;
    struct http_publishing *p;
    int rc;
};

static int publish(void *argument)
{
    struct job *job = argument;

    job->rc = http_upload_publish(job->upload, job->p->name, job->p->how, &job->p->replaced);
    return 0;
}

/* Copies the stream to its end. */
static int fill(struct ss_handler *h, struct http_upload *upload, struct ss_stream *from)
{
    struct ss_mark mark = ss_mark(h);
    char *data = ss_alloc(h, PIECE);
    ssize_t n = data != NULL ? 1 : -ENOMEM;

    while (n > 0 && (n = ss_read(from, data, PIECE)) > 0) {
        int rc = http_upload_write(upload, data, (size_t)n);

        n = rc < 0 ? rc : n;
    }
    ss_release(h, mark);
    return (int)n;
}

int http_upload_store(struct ss_handler *h, int directory, struct ss_stream *from, struct http_publishing *p)
{
    struct http_upload upload;
    struct job job = {.upload = &upload, .p = p};
    int rc = http_upload_begin(&upload, directory);

    if (rc < 0)
        return rc;
    rc = fill(h, &upload, from);
    if (rc == 0) {
        if (ss_offload(h->server, publish, &job) < 0) /* no thread for it */
            publish(&job);
        rc = job.rc;
    }
    p->size = upload.size;
    http_upload_end(&upload);
    return rc;
}

const struct http_handler_class http_UploadHTTPRequestHandler = {
    .handler = {.base = &http_SimpleHTTPRequestHandler.handler,
                .size = 0,
                .setup = NULL,
                .handle = NULL,
                .finish = NULL},
    .methods = HTTP_METHODS({"POST", http_do_POST}, {"PUT", http_do_PUT}),
    .protocol_version = NULL,
    .server_version = NULL,
    .directory = NULL,
    .symlinks = 0,
    .dotfiles = 0,
    .max_request_line = 0,
    .max_head = 0,
    .max_headers = 0,
    .max_body = 0,
    .head_timeout = 0,
    .idle_timeout = 0,
    .cache_seconds = 0,
    .compress = 0,
    .send_error = NULL,
    .log_request = NULL,
    .log_error = NULL,
    .log_message = NULL,
    .translate_path = NULL,
    .guess_type = NULL,
    .list_directory = NULL,
    .on_duplicate = HTTP_DUPLICATE_ERROR,
};
