/* list_directory: the names come in order, in batches; what is known about each is asked and written one by
   one. The memory of a listing does not grow with the directory. */
#include "listing.h"

#include "accept.h"
#include "http_internal.h"
#include "listing_names.h"
#include "log_owned.h"
#include "url.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

enum { PAUSE = 256 }; /* entries between two pauses for others */

void http_format_time(time_t when, char text[HTTP_TIME_SIZE])
{
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900 ||
        strftime(text, HTTP_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text[0] = '\0';
}

/* True for U+0080 to U+009F, and for the marks that turn text round, with which "exe.txt" can be made of a
   name that ends in ".exe": U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. Also U+2028 and
   U+2029, which are line ends. */
static bool misleads(const unsigned char *s)
{
    if (s[0] == 0xc2)
        return s[1] < 0xa0;
    if (s[0] == 0xd8)
        return s[1] == 0x9c;
    if (s[0] != 0xe2)
        return false;
    return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
           (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

enum http_oddity http_oddity_at(const char *text, size_t *size)
{
    unsigned char c = (unsigned char)*text;
    size_t length = http_utf8_length(text);

    *size = length > 0 ? length : 1;
    if (length == 0)
        return HTTP_NOT_UTF8;
    if (c < ' ' || c == 0x7f)
        return HTTP_CONTROL;
    return misleads((const unsigned char *)text) ? HTTP_MISLEADING : HTTP_ORDINARY;
}

/* ---------------------------------------------------------------- which form */

/* True if the query has this parameter, with or without a value. */
static bool has_parameter(const char *path, const char *name)
{
    const char *at = path + strcspn(path, "?#");
    size_t size = strlen(name);

    while (*at == '?' || *at == '&') {
        at++;
        if (strncmp(at, name, size) == 0 && strchr("=&#", at[size]) != NULL)
            return true;
        at += strcspn(at, "&#");
    }
    return false;
}

/* JSON is for who asks for it: by the query, or by an Accept field that has it before HTML. */
static const struct http_listing *choose(struct ss_handler *h)
{
    static const char *const types[] = {"text/html", "application/json"};

    if (has_parameter(http_request(h)->path, "json") || http_accept_best(h, types, 2) == 1)
        return &http_listing_json;
    return &http_listing_html;
}

static int send_head(struct ss_handler *h, const struct http_listing *form)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", form->type);
    http_send_header(h, "Cache-Control", "no-cache");
    http_send_header(h, "Vary", "Accept");
    http_send_header(h, "X-Content-Type-Options", "nosniff"); /* others have chosen the names */
    if (form->send_headers != NULL)
        form->send_headers(h);
    return http_end_headers(h);
}

/* ---------------------------------------------------------------- the entries */

/* Also a link that leads to one. */
static bool is_log(int directory, const char *name, const struct stat *status)
{
    struct stat target;

    if (!S_ISLNK(status->st_mode))
        return S_ISREG(status->st_mode) && http_log_owns(directory, name, status);
    return fstatat(directory, name, &target, 0) == 0 && S_ISREG(target.st_mode) &&
           http_log_owns(directory, name, &target);
}

static int write_entry(struct ss_handler *h, const struct http_listing *form, int directory, const char *name,
                       bool *empty)
{
    struct stat status;
    struct http_entry entry = {name, &status};
    struct ss_mark mark = ss_mark(h);
    int rc;

    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) /* it is gone */
            return 0;
        entry.status = NULL;
    }
    if (entry.status != NULL && is_log(directory, name, &status))
        return 0;
    rc = form->entry(h, &entry, *empty);
    *empty = false;
    ss_release(h, mark);
    return rc;
}

/* True when nothing that is written from now on changes the answer: to HEAD, once it is known that the body
   is too long for a Content-Length. */
static bool is_enough(const struct ss_handler *h)
{
    const struct http_response *response = &http_exchange_of(h)->response;

    return response->headless && response->committed;
}

static int write_batch(struct ss_handler *h, const struct http_listing *form, const struct http_names *names,
                       bool *empty)
{
    int directory = dirfd(names->directory), rc = 0;

    for (size_t i = 0; i < names->count && rc >= 0 && !is_enough(h); i++) {
        rc = write_entry(h, form, directory, http_names_at(names, i), empty);
        if (rc >= 0 && i % PAUSE == PAUSE - 1)
            rc = ss_sleep(h->server, 0);
    }
    return rc;
}

static int write_listing(struct ss_handler *h, const struct http_listing *form, struct http_names *names,
                         const char *name)
{
    bool empty = true;
    int rc = form->begin(h, name);

    while (rc >= 0 && names->count > 0 && !is_enough(h)) {
        rc = write_batch(h, form, names, &empty);
        if (rc >= 0 && !is_enough(h))
            rc = http_names_read(names, h->server);
    }
    return rc < 0 || is_enough(h) ? rc : form->end(h, empty);
}

/* For HEAD a few names tell whether all of them would fit into the buffer, which makes a Content-Length. */
int http_list_directory(struct ss_handler *h, int fd, const char *name)
{
    const struct http_listing *form = choose(h);
    struct http_names names;
    int rc = http_names_open(&names, fd);

    names.no_dotfiles = http_class_of(h)->dotfiles != HTTP_DOTFILES_SERVED;
    if (rc == 0 && strcmp(http_request(h)->command, "HEAD") == 0)
        rc = http_names_read_few(&names);
    else if (rc == 0)
        rc = http_names_read(&names, h->server); /* before the head: it may fail */
    if (rc == 0)
        rc = send_head(h, form);
    if (rc == 0)
        rc = write_listing(h, form, &names, name);
    http_names_close(&names);
    return rc;
}
