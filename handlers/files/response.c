/* Sends a file of the cache, a part of it, or says that the client has it already. */
#include "files/response.h"

#include "http/content.h"
#include "http/exchange.h"

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

/* In this order: the representation, its validators, what the request makes of them, the answer. */
int http_send_file(struct ss_handler *h, const struct http_file *file)
{
    const struct http_class *cls = http_exchange_of(h)->cls;
    struct http_source source = {
        .fields = file->fields,
        .fields_size = file->fields_size,
        .whole_size = file->whole_size,
        .type_size = file->type_size,
        .content_size = file->content_size,
        .more = cls->cache_field,
        .more_size = cls->cache_field_size,
        .extra = NULL,
        .coding = file->source != NULL ? file->coding : HTTP_IDENTITY,
        .data = file->content,
        .fd = file->fd,
        .size = file->unsized ? -1 : (int64_t)file->size,
    };
    struct http_validators current = http_file_validators(file);
    struct http_decision decision;

    http_evaluate_for(h, &current, source.size, &decision);
    if (file->source != NULL && decision.status == 206) /* how long it will be is not known */
        decision.status = 200;
    return http_send_source(h, &source, &decision);
}
