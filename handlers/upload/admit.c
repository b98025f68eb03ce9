/* SPDX-License-Identifier: MIT */
/* Who may store what: what is refused before anything is received, and how. */
#include "files/cache.h"
#include "http/error.h"
#include "http/exchange.h"
#include "text/chars.h"
#include "text/url.h"
#include "upload/upload.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { RECEIVING = 8 }; /* times max_body, where max_receiving is not said */

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
    default: /* an error of the body is answered by whoever called do_X */
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
    if (!allow)
        return -ENOMEM;
    *at = 0;
    while (http_list_next(&list, &element, &size)) {
        if (size == strlen(method) && memcmp(element, method, size) == 0)
            continue;
        at += sprintf(at, "%s%.*s", between, (int)size, element);
        between = ", ";
    }
    http_error_header(h, "Allow", allow);
    return http_send_error(h, 405, NULL, NULL);
}

/* ---------------------------------------------------------------- what the options say */

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

/* ---------------------------------------------------------------- requests */

/* The value of a field that browsers send once; NULL: there is none. If there are two, no browser has sent
   them like this: "", which is no valid value. */
static const char *single_field(const struct ss_handler *h, const char *name)
{
    const struct http_request *request = http_request(h);
    const char *value = NULL;
    for (size_t i = 0; i < request->field_count; i++)
        if (http_is_named(&request->fields[i], name, strlen(name)))
            value = !value ? request->fields[i].value : "";
    return value;
}

/* True if a page of another site has made the browser send this request, in the name of the user who looks at
   that page. Browsers tell in Sec-Fetch-Site, older ones in Origin. */
static bool is_cross_site(const struct ss_handler *h)
{
    const char *site = single_field(h, "Sec-Fetch-Site"), *origin = single_field(h, "Origin");
    if (origin && !*origin)
        return true;
    if (site)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    return origin && !http_is_same_origin(origin, http_request(h)->scheme, http_request(h)->host);
}

/* True if the body has a content coding (RFC 9110 8.4), in which it would be stored. "identity" is none. */
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

struct http_limits http_upload_limits(const struct ss_handler *h)
{
    const struct upload_class *cls = http_upload_class_of(h);
    int64_t most = cls->simple.http.max_body,
            all = most < INT64_MAX / RECEIVING ? most * RECEIVING : INT64_MAX;
    return (struct http_limits){.uploads = cls->max_uploads,
                                .receiving = cls->max_receiving ? cls->max_receiving : all};
}

int http_upload_enter(struct ss_handler *h, int directory, struct http_share *share)
{
    const struct http_limits limits = http_upload_limits(h);
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
