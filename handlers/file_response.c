/* Sends a file of the cache, or says that the client has it already. */
#include "file_response.h"

#include "http_internal.h"

/* As in Python: not when the client has an entity tag to compare, which is more exact. */
static bool is_not_modified(struct ss_handler *h, const struct http_file *file)
{
    const char *since = http_header(h, "If-Modified-Since");
    time_t when;

    return since != NULL && http_header(h, "If-None-Match") == NULL && http_parse_date(since, &when) == 0 &&
           file->modified <= when;
}

static int send_not_modified(struct ss_handler *h, const struct http_file *file)
{
    char date[HTTP_DATE_SIZE];

    http_send_response(h, 304, NULL);
    http_send_header(h, "Last-Modified", http_format_date(file->modified, date));
    return http_end_headers(h);
}

int http_send_file(struct ss_handler *h, const struct http_file *file)
{
    int rc;

    if (is_not_modified(h, file))
        return send_not_modified(h, file);
    http_send_response(h, 200, NULL);
    http_send_fields(h, file->fields, file->fields_size, (int64_t)file->size);
    rc = http_end_headers(h);
    if (rc < 0 || strcmp(http_request(h)->command, "HEAD") == 0)
        return rc;
    if (file->content != NULL)
        return ss_write(h->wfile, file->content, file->size);
    return ss_sendfile(h->wfile, file->fd, 0, file->size);
}
