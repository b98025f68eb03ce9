/* SPDX-License-Identifier: MIT */
/* list_directory. It reads the names in order, a batch at a time, asks for the status of each entry, and
   writes a row for it. A listing of ordinary length is sent when it is complete, a longer one while it is
   made, so that its memory does not grow with the directory. */
#include "files/listing.h"

#include "files/listing_names.h"
#include "files/listing_text.h"
#include "files/withheld.h"
#include "http/accept.h"
#include "http/content.h"
#include "http/exchange.h"
#include "text/url.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

enum { PAUSE = 256 }; /* entries between two pauses for others */

/* ---------------------------------------------------------------- which form */

/* True if the query has this parameter, with or without a value. */
static bool has_parameter(const char *path, const char *name)
{
    const char *at = path + strcspn(path, "?#");
    size_t size = strlen(name);
    while (*at == '?' || *at == '&') {
        at++;
        if (strncmp(at, name, size) == 0 && strchr("=&#", at[size]))
            return true;
        at += strcspn(at, "&#");
    }
    return false;
}

/* A client gets JSON if it asks for it in the query, or prefers it to HTML in its Accept field. */
static const struct http_listing *choose_listing(struct ss_handler *h)
{
    static const char *const types[] = {"text/html", "application/json"};
    if (has_parameter(http_request(h)->path, "json") || http_accept_best(h, types, 2) == 1)
        return &http_listing_json;
    return &http_listing_html;
}

/* Sends the head of a listing, or of the 304 that it has not changed. */
static int send_listing_head(struct ss_handler *h, const struct http_listing *form, int status,
                             const char *etag)
{
    int rc = http_send_response(h, status, NULL);
    if (status != 304)
        http_send_header(h, "Content-Type", form->type);
    http_send_header(h, "Cache-Control", "no-cache");
    http_send_header(h, "Vary", "Accept");
    if (*etag)
        http_send_header(h, "ETag", etag);
    http_send_header(h, "X-Content-Type-Options", "nosniff"); /* strangers may have chosen the names */
    if (form->send_headers)
        form->send_headers(h);
    if (rc == 0 && http_simple_class_of(h)->compress >= HTTP_COMPRESS_SMALL)
        rc = http_compress(h);
    return rc;
}

/* Sends a listing that is complete. */
static int send_kept(struct ss_handler *h, const struct http_listing *form, struct http_listing_text *text)
{
    struct http_decision decision;
    http_listing_text_tag(text);
    http_evaluate(http_request(h), &(struct http_validators){.etag = text->etag}, -1, &decision);
    if (decision.status == 412)
        return http_send_error(h, 412, NULL, NULL);
    int rc = send_listing_head(h, form, decision.status, text->etag);
    if (rc == 0 && decision.status == 200)
        rc = http_send_headerf(h, "Content-Length", "%zu", text->size);
    if (rc == 0)
        rc = http_end_headers(h);
    return rc < 0 || decision.status == 304 ? rc : ss_write(h->wfile, text->data, text->size);
}

/* Begins to send a listing that is too long to be kept, with what there is of it. */
static int send_begun(struct ss_handler *h, const struct http_listing *form, struct http_listing_text *text)
{
    http_listing_text_end(text);
    int rc = send_listing_head(h, form, 200, "");
    if (rc == 0)
        rc = http_end_headers(h);
    if (rc == 0)
        rc = ss_write(h->wfile, text->data, text->size);
    http_listing_text_free(text);
    return rc;
}

/* ---------------------------------------------------------------- the entries */

static int write_one(struct ss_handler *h, const struct http_listing *form, int directory, const char *name,
                     bool *empty)
{
    struct stat status;
    struct http_entry entry = {name, &status};
    struct ss_mark mark = ss_mark(h);
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) /* it is gone */
            return 0;
        entry.status = NULL;
    }
    if (entry.status && http_is_withheld_at(directory, name, &status))
        return 0;
    int rc = form->write_entry(h, &entry, *empty);
    *empty = false;
    ss_release(h, mark);
    return rc;
}

/* True if nothing that is written from now on changes the answer: that to HEAD, when the head has left since
   the body is too long for a Content-Length. */
static bool is_enough(const struct ss_handler *h)
{
    const struct http_response *response = &http_exchange_of(h)->response;
    return response->headless && response->committed;
}

/* A listing that is being made. */
struct making {
    const struct http_listing *form;
    struct http_names names;
    struct http_listing_text text;
    bool begun; /* the text is being sent, and no longer kept */
    bool empty;
};

static int write_batch(struct ss_handler *h, struct making *m)
{
    int directory = dirfd(m->names.directory), rc = 0;
    for (size_t i = 0; i < m->names.count && rc >= 0 && !is_enough(h); i++) {
        rc = write_one(h, m->form, directory, http_names_at(&m->names, i), &m->empty);
        if (rc >= 0 && m->text.full && !m->begun) {
            m->begun = true;
            rc = send_begun(h, m->form, &m->text);
        }
        if (rc >= 0 && i % PAUSE == PAUSE - 1)
            rc = ss_sleep(h->server, 0);
    }
    return rc;
}

static int write_listing(struct ss_handler *h, struct making *m, const char *name)
{
    int rc = m->form->begin(h, name);
    while (rc >= 0 && m->names.count > 0 && !is_enough(h)) {
        rc = write_batch(h, m);
        if (rc >= 0 && !is_enough(h))
            rc = http_names_read(&m->names, h->server);
    }
    return rc < 0 || is_enough(h) ? rc : m->form->end(h, m->empty);
}

int http_list_directory(struct ss_handler *h, int fd, const char *name)
{
    struct making m = {.form = choose_listing(h), .empty = true};
    int rc = http_names_open(&m.names, fd);
    m.names.no_dotfiles = http_simple_class_of(h)->dotfiles != HTTP_DOTFILES_SERVED;
    if (rc == 0)
        rc = http_names_read(&m.names, h->server);
    http_listing_text_begin(h, &m.text);
    if (rc == 0)
        rc = write_listing(h, &m, name);
    http_listing_text_end(&m.text);
    http_names_close(&m.names);
    if (rc == 0 && !m.begun)
        rc = send_kept(h, m.form, &m.text);
    http_listing_text_free(&m.text);
    return rc;
}
