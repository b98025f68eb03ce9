/* Sends a file of the cache, a part of it, or says that the client has it already. */
#include "files/response.h"

#include "http/content.h"
#include "text/number.h"
#include <errno.h>
#include <string.h>

/* RFC 9110 8.8.2.2: who saw the file in the second in which it was changed may have seen another one. */
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

/* The fields of all files of a class: how long they may be kept, and file_fields. -ENOMEM. */
static int class_fields(struct ss_handler *h, const struct simple_http_class *cls, struct http_source *source)
{
    static const char no_cache[] = "Cache-Control: no-cache\r\n", max_age[] = "Cache-Control: max-age=";
    size_t more = strlen(cls->file_fields);
    bool ask = cls->cache_seconds <= 0;
    source->more = no_cache;
    source->more_size = sizeof no_cache - 1;
    if (ask && more == 0)
        return 0;
    char *text = ss_alloc(h, sizeof max_age + sizeof "2147483647\r\n" + more), *end = text;
    if (!text)
        return -ENOMEM;
    if (ask)
        end = mempcpy(end, no_cache, sizeof no_cache - 1);
    else
        end = mempcpy(http_append_number(mempcpy(end, max_age, sizeof max_age - 1), cls->cache_seconds),
                      "\r\n", 2);
    source->more = text;
    source->more_size = (size_t)((char *)mempcpy(end, cls->file_fields, more) - text);
    return 0;
}

/* In this order: the representation, its validators, what the request makes of them, the answer. */
int http_send_file(struct ss_handler *h, const struct http_file *file)
{
    struct http_source source = {
        .fields = file->fields,
        .fields_size = file->fields_size,
        .type_size = file->type_size,
        .content_size = file->content_size,
        .coding = file->source != NULL ? file->coding : HTTP_IDENTITY,
        .data = file->content,
        .fd = file->fd,
        .size = file->unsized ? -1 : (int64_t)file->size,
    };
    struct http_validators current = http_file_validators(file);
    struct http_decision decision;
    int rc = class_fields(h, http_simple_class_of(h), &source);

    if (rc < 0)
        return rc;
    http_evaluate_for(h, &current, source.size, &decision);
    if (file->source != NULL && decision.status == 206) /* how long it will be is not known */
        decision.status = 200;
    return http_send_source(h, &source, &decision);
}
