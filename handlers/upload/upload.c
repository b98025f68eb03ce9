/* UploadHTTPRequestHandler: what POST and PUT have in common. */
#include "upload/upload.h"

#include "files/cache.h"
#include "http/error.h"
#include "http/exchange.h"
#include "log/owned.h"
#include "text/chars.h"
#include "text/url.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    PIECE = 64 * 1024,     /* bytes that are written at once */
    COUNTED = 1024 * 1024, /* bytes that are counted together; as many need no reservation */
    RECEIVING = 8,         /* times max_body, where max_receiving is not said */
};

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
    case -E2BIG: /* for max_receiving, which no system call says */
        return http_send_error(h, 413, NULL, NULL);
    case -EAGAIN:
    case -ESTALE:
        return http_send_busy(h, "Too many files are being stored for now");
    default: /* what reading the body says is left to whoever called the handler */
        if (http_errno_status(error) == 404)
            return http_send_error(h, 409, NULL, "There is no such directory to store it in");
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
    return http_upload_name(filename, http_simple_class_of(h)->dotfiles == HTTP_DOTFILES_SERVED);
}

bool http_upload_forbids(struct ss_handler *h, const char *directory, const char *file)
{
    return http_upload_class_of(h)->reserved != HTTP_RESERVED_STORED && http_is_reserved(directory, file);
}

bool http_upload_pairs(struct ss_handler *h)
{
    const struct simple_http_class *cls = http_simple_class_of(h);
    return cls->siblings == HTTP_SIBLINGS_SENT && cls->compress >= HTTP_COMPRESS_PRECOMPRESSED;
}

int http_upload_directory(struct ss_handler *h, const char *name)
{
    const struct simple_http_class *cls = http_simple_class_of(h);

    return http_open_directory(cls->directory, cls->symlinks, name);
}

/* The value of a field that browsers send once; NULL: none. With two of them the request is none of a
   browser's, or somebody on the way has meddled: "", which is no good value. */
static const char *single_field(const struct ss_handler *h, const char *name)
{
    const struct http_request *request = http_request(h);
    const char *value = NULL;

    for (size_t i = 0; i < request->field_count; i++)
        if (http_is_named(&request->fields[i], name, strlen(name)))
            value = value == NULL ? request->fields[i].value : "";
    return value;
}

/* A page of another site can have a browser send a form to here, in the name of whoever looks at it. Browsers
   say so: in Sec-Fetch-Site, and older ones in Origin. */
static bool is_cross_site(const struct ss_handler *h)
{
    const char *site = single_field(h, "Sec-Fetch-Site"), *origin = single_field(h, "Origin");

    if (origin != NULL && *origin == '\0')
        return true;
    if (site != NULL)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    return origin != NULL && !http_is_same_origin(origin, http_request(h)->host);
}

/* RFC 9110 8.4: the body would be stored coded. "identity" is no coding. */
static bool is_coded(const struct ss_handler *h)
{
    const struct http_request *request = http_request(h);
    static const char name[] = "Content-Encoding";
    const char *element;
    size_t size;
    for (size_t i = 0; i < request->field_count; i++) {
        const char *list = request->fields[i].value;
        if (!http_is_named(&request->fields[i], name, sizeof name - 1))
            continue;
        while (http_list_next(&list, &element, &size))
            if (!http_is_word(element, size, "identity"))
                return true;
    }
    return false;
}

static int refuse_coding(struct ss_handler *h)
{
    http_error_header(h, "Accept-Encoding", "identity"); /* RFC 9110 15.5.16 */
    return http_send_error(h, 415, NULL, "A body with a Content-Encoding cannot be stored");
}

int http_upload_check(struct ss_handler *h)
{
    int rc = 0;

    if (is_cross_site(h))
        rc = http_send_error(h, 403, NULL, "Pages of other sites may not store files here");
    else if (is_coded(h))
        rc = refuse_coding(h);
    else
        return 0;
    return rc < 0 ? rc : 1;
}

/* ---------------------------------------------------------------- limits */

static struct http_limits limits_of(const struct ss_handler *h)
{
    const struct upload_class *cls = http_upload_class_of(h);
    int64_t most = cls->simple.http.max_body,
            all = most < INT64_MAX / RECEIVING ? most * RECEIVING : INT64_MAX;
    return (struct http_limits){.uploads = cls->max_uploads,
                                .receiving = cls->max_receiving ? cls->max_receiving : all};
}

int http_upload_enter(struct ss_handler *h, int directory, struct http_share *share)
{
    const struct http_limits limits = limits_of(h);
    int64_t announced = http_request(h)->content_length > 0 ? http_request(h)->content_length : 0;
    share->slot = -1;
    int rc = announced > limits.receiving ? -E2BIG : http_limits_enter(&limits, announced, share);
    if (rc == 0 && (rc = http_upload_room(directory, announced, http_upload_class_of(h)->min_free)) < 0)
        http_limits_leave(share);
    if (rc < 0)
        rc = http_upload_refuse(h, rc, "");
    else
        return 0;
    return rc < 0 ? rc : 1;
}

/* ---------------------------------------------------------------- storing */

struct job {
    struct ss_handler *h;
    struct http_storing *s;
    struct http_upload *upload;
    int64_t size; /* to be reserved */
    int rc;
};

/* Calls a function that blocks. */
static int run(struct job *job, int (*function)(void *))
{
    if (ss_offload(job->h->server, function, job) < 0) /* no thread for it */
        function(job);
    return job->rc;
}

static int reserve(void *argument)
{
    struct job *job = argument;
    job->rc = http_upload_reserve(job->upload, job->size, http_upload_class_of(job->h)->min_free);
    return 0;
}

static int publish(void *argument)
{
    struct job *job = argument;
    struct http_publishing *p = &job->s->p;
    int directory = http_upload_directory(job->h, job->s->directory);
    job->rc = directory;
    if (directory >= 0)
        job->rc =
            http_log_reserves(directory, p->name) ? -EPERM : http_upload_publish(job->upload, directory, p);
    if (directory >= 0)
        close(directory);
    return 0;
}

static int begin(struct ss_handler *h, struct http_storing *s, struct http_upload *upload)
{
    struct job job = {.h = h, .upload = upload, .size = s->alone ? http_request(h)->content_length : -1};
    int directory = http_upload_directory(h, s->directory);
    upload->fd = -1;
    if (directory < 0)
        return directory;
    int rc = http_log_reserves(directory, s->p.name) ? -EPERM : http_upload_begin(upload, directory);
    close(directory);
    if (rc < 0)
        return rc;
    upload->min_free = http_upload_class_of(h)->min_free;
    if (job.size > COUNTED)
        return run(&job, reserve);
    upload->reserved = job.size; /* http_upload_enter has found room for it; -1: for nothing */
    return 0;
}

/* What comes in chunks is counted as it comes. */
static int count(struct ss_handler *h, const struct http_storing *s)
{
    const struct http_limits limits = limits_of(h);
    const struct http_body *body = &http_exchange_of(h)->body;
    int64_t size = (body->total | (COUNTED - 1)) + 1, most = http_class_of(h)->max_body;
    if (!body->chunked || body->total > limits.receiving)
        return body->chunked ? -E2BIG : 0;
    return http_limits_grow(&limits, s->share, size < most ? size : most);
}

/* Copies the stream to its end. */
static int fill(struct ss_handler *h, struct http_storing *s, struct http_upload *upload)
{
    struct ss_mark mark = ss_mark(h);
    char *data = ss_alloc(h, PIECE);
    ssize_t n = data != NULL ? 1 : -ENOMEM;

    while (n > 0 && (n = ss_read(s->from, data, PIECE)) > 0) {
        int rc = count(h, s);
        if (rc == 0)
            rc = http_upload_write(upload, data, (size_t)n);
        n = rc < 0 ? rc : n;
    }
    ss_release(h, mark);
    return (int)n;
}

int http_upload_receive(struct ss_handler *h, struct http_storing *s, struct http_upload *upload)
{
    int rc = begin(h, s, upload);
    if (rc < 0) {
        upload->fd = -1;
        return rc;
    }
    return fill(h, s, upload);
}

int http_upload_store(struct ss_handler *h, struct http_storing *s, struct http_upload *upload)
{
    struct job job = {.h = h, .s = s, .upload = upload};
    return run(&job, publish);
}

/* Makes what the processes of the server share, and removes what a killed one has left. */
static int server_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    const struct simple_http_class *files = (const void *)cls;
    (void)self;
    (void)http_limits_share(); /* or each process counts for itself */
    (void)http_parts_remove(files->directory);
    return 0;
}

static void inherit(struct http_handler_class *table, const struct http_handler_class *base)
{
    struct upload_class *to = (void *)table;
    const struct upload_class *from = (const void *)base;
    HTTP_INHERIT(to, from, on_duplicate);
    HTTP_INHERIT(to, from, reserved);
    HTTP_INHERIT(to, from, max_uploads);
    HTTP_INHERIT(to, from, max_receiving);
    HTTP_INHERIT(to, from, min_free);
}

SS_API const struct upload_class *http_upload_class_of(const struct ss_handler *h)
{
    return (const void *)http_class_as(h, &UploadHTTPRequestHandler.simple.http);
}

/* The form of a listing, where a POST to the directory stores files there. */
static int write_form(struct ss_handler *h)
{
    static const char form[] =
        "<form method=post enctype=\"multipart/form-data\"><input type=file name=file multiple "
        "required aria-label=\"Files to upload\"> <button>Upload</button></form>\n";
    bool stores = http_class_find(http_exchange_of(h)->cls, "POST") == http_do_POST;
    return stores ? ss_write(h->wfile, form, sizeof form - 1) : 0;
}

/* What others have stored is taken for nothing but what its type says, and as a page it runs nothing in the
   name of this site. */
static const char sandbox[] = "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: sandbox\r\n";

const struct upload_class http_UploadHTTPRequestHandler = {
    .simple = {.http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
                        .table_size = sizeof(struct upload_class),
                        .name = "UploadHTTPRequestHandler",
                        .methods = HTTP_METHODS({"POST", http_do_POST}, {"PUT", http_do_PUT}),
                        .server_activate = server_activate,
                        .inherit = inherit},
               .siblings = HTTP_SIBLINGS_IGNORED,
               .file_fields = sandbox,
               .listing_extra = write_form},
    .reserved = HTTP_RESERVED_REFUSED,
    .max_uploads = 256,
};
