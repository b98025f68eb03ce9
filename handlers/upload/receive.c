/* SPDX-License-Identifier: MIT */
/* Receives a file, and gives it its name. */
#include "http/exchange.h"
#include "log/owned.h"
#include "upload/upload.h"
#include <errno.h>
#include <unistd.h>

enum {
    PIECE = 64 * 1024,     /* bytes that are written at once */
    COUNTED = 1024 * 1024, /* bytes that are counted together; as many need no reservation */
};

struct job {
    struct ss_handler *h;
    struct http_storing *s;
    struct http_upload *upload;
    int64_t size; /* to be reserved */
    int rc;
};

/* Calls a function that blocks in a helper thread, so that a loop goes on. */
static int run(struct job *job, int (*function)(void *))
{
    if (ss_offload(job->h->server, function, job) < 0) /* there is no thread for it */
        function(job);
    return job->rc;
}

static int reserve(void *argument)
{
    struct job *job = argument;
    job->rc = http_upload_reserve(job->upload, job->size, http_upload_class_of(job->h)->min_free);
    return 0;
}

/* A log is not replaced. */
static int check_name(int directory, const char *name)
{
    int rc = http_log_reserves(directory, name);
    return rc > 0 ? -EPERM : rc;
}

static int publish(void *argument)
{
    struct job *job = argument;
    struct http_publishing *p = &job->s->p;
    int directory = http_upload_directory(job->h, job->s->directory);
    job->rc = directory < 0 ? directory : check_name(directory, p->name);
    if (job->rc == 0)
        job->rc = http_upload_publish(job->upload, directory, p);
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
    int rc = check_name(directory, s->p.name);
    if (rc == 0)
        rc = http_upload_begin(upload, directory);
    close(directory);
    if (rc < 0)
        return rc;
    upload->min_free = http_upload_class_of(h)->min_free;
    if (job.size <= COUNTED) {
        upload->reserved = job.size; /* http_upload_enter has found room for it; -1: for nothing */
        return 0;
    }
    rc = run(&job, reserve);
    if (rc < 0)
        http_upload_end(upload);
    return rc;
}

/* Counts a body that comes in chunks while it comes, since its size was not announced. */
static int count(struct ss_handler *h, const struct http_storing *s)
{
    const struct http_limits limits = http_upload_limits(h);
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
    ssize_t n = data ? 1 : -ENOMEM;
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
