/* SimpleHTTPRequestHandler: GET and HEAD for the files below a directory. */
#include "files/simple_http.h"
#include "files/cache.h"
#include "files/coding.h"
#include "files/listing.h"
#include "files/response.h"
#include "files/tag.h"
#include "files/withheld.h"
#include "http/body.h"
#include "http/error.h"
#include "text/url.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *const http_index_pages[] = {"index.html", "index.htm", NULL};

static const char *translate_path(struct ss_handler *h, const char *path)
{
    char *name = ss_alloc(h, strlen(path) + 2);

    return name != NULL && http_normalize_path(path, name) >= 0 ? name : NULL;
}

static const char *guess_type(struct ss_handler *h, const char *name)
{
    (void)h;
    return http_guess_type(name);
}

/* "http://host" of an absolute-form target, as long as Host says the same, which is then what everybody on
   the way has understood; else "": the client knows where it is (RFC 9112 3.2.2). */
static const char *origin(struct ss_handler *h)
{
    const char *target = strchr(http_request(h)->requestline, ' ') + 1;
    const char *host = http_request(h)->host, *field = http_header(h, "Host");

    if (*target == '/' || field == NULL || strcmp(host, field) != 0)
        return "";
    return ss_format(h, "%s://%s", strncasecmp(target, "https:", 6) == 0 ? "https" : "http", host);
}

/* As sent otherwise, since translate_path may have been overridden. Never to another host: for browsers
   "//host" and "/\host" are one, for what stands between perhaps the encoded forms, too. */
char *http_directory_url(struct ss_handler *h, const char *behind)
{
    const char *path = http_skip_slashes(http_request(h)->path), *front = origin(h);
    size_t size = strcspn(path, "?#"), behind_size = strlen(behind);
    char *url = front != NULL ? ss_alloc(h, strlen(front) + 3 * (size + behind_size) + 5) : NULL, *end;

    if (url == NULL)
        return NULL;
    end = stpcpy(url, front);
    end = stpcpy(end, *path == '\\' || strncasecmp(path, "%5c", 3) == 0 ? "/./" : "/");
    end += http_requote(path, size, end);
    if (size > 0 && path[size - 1] != '/')
        *end++ = '/';
    http_requote(behind, behind_size, end);
    return url;
}

/* To the same place with a slash at its end. */
static int redirect(struct ss_handler *h)
{
    const char *path = http_request(h)->path, *query = path + strcspn(path, "?#");
    char *behind = ss_format(h, "%.*s", (int)strcspn(query, "#"), query);
    char *location = behind != NULL ? http_directory_url(h, behind) : NULL;

    if (location == NULL)
        return -ENOMEM;
    http_send_response(h, 301, NULL);
    http_send_header(h, "Location", location);
    http_send_header(h, "Content-Length", "0");
    return http_end_headers(h);
}

/* Answers with the file of that name. Returns what http_file_open returns when there is none. */
static int try_file(struct ss_handler *h, const struct simple_http_class *cls, const char *name, int *rc)
{
    struct http_file *file;
    int opened = http_file_open(h, cls->directory, cls->symlinks, name, cls->guess_type, &file);

    if (opened < 0)
        return opened;
    *rc = http_file_negotiate(h, cls, name, &file);
    if (*rc == -ENOTSUP)
        *rc = http_send_error(h, 406, NULL, NULL);
    else
        *rc = *rc < 0 ? http_send_errno(h, *rc, NULL) : http_send_file(h, file);
    http_file_release(file);
    return 0;
}

static int send_directory(struct ss_handler *h, const struct simple_http_class *cls, const char *name)
{
    int opened, rc, fd;

    for (const char *const *file = http_index_pages; *file != NULL; file++) {
        const char *page = ss_format(h, "%s%s", name, *file);

        if (page == NULL)
            return -ENOMEM;
        opened = try_file(h, cls, page, &rc);
        if (opened == 0)
            return rc;
        if (http_errno_status(opened) != 404)
            return http_send_errno(h, opened, NULL);
    }
    fd = http_open_directory(cls->directory, cls->symlinks, name);
    if (fd < 0)
        return http_send_errno(h, fd, NULL);
    rc = cls->list_directory(h, fd, name);
    close(fd);
    return rc;
}

const char *http_name_of(struct ss_handler *h)
{
    const struct simple_http_class *cls = http_simple_class_of(h);
    const char *name = cls->translate_path(h, http_request(h)->path);

    if (name == NULL || cls->dotfiles != HTTP_DOTFILES_SERVED)
        return name != NULL && http_has_dotfile(name) ? NULL : name;
    return http_is_part(strrchr(name, '/') ? strrchr(name, '/') + 1 : name) ? NULL : name;
}

int http_refuse_path(struct ss_handler *h)
{
    if (http_is_well_escaped(http_request(h)->path))
        return http_send_errno(h, -ENOENT, NULL);
    return http_send_error(h, 400, NULL, "The path has an escape that is malformed, or a NUL");
}

SS_API int http_do_GET(struct ss_handler *h)
{
    const struct simple_http_class *cls = http_simple_class_of(h);
    const char *name;
    int opened, rc;

    if ((rc = http_body_inspect(h)) < 0)
        return rc;
    name = http_name_of(h);
    if (name == NULL)
        return http_refuse_path(h);
    if (*name == '\0' || name[strlen(name) - 1] == '/')
        return send_directory(h, cls, name);
    opened = try_file(h, cls, name, &rc);
    if (opened == -EISDIR)
        return redirect(h);
    return opened < 0 ? http_send_errno(h, opened, NULL) : rc;
}

/* What the processes of a server share is made before they are forked. */
static int server_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    http_file_digests_share();
    return 0;
}

/* The files that were served stay open no longer than the server. */
static void server_close(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    http_file_cache_clear();
}

static void inherit(struct http_handler_class *table, const struct http_handler_class *base)
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
    HTTP_INHERIT(to, from, translate_path);
    HTTP_INHERIT(to, from, guess_type);
    HTTP_INHERIT(to, from, list_directory);
    HTTP_INHERIT(to, from, listing_extra);
}

SS_API const struct simple_http_class *http_simple_class_of(const struct ss_handler *h)
{
    return (const void *)http_class_as(h, &SimpleHTTPRequestHandler.http);
}

const struct simple_http_class http_SimpleHTTPRequestHandler = {
    .http = {.handler = {.base = &BaseHTTPRequestHandler.handler},
             .table_size = sizeof(struct simple_http_class),
             .name = "SimpleHTTPRequestHandler",
             .methods = HTTP_METHODS({"GET", http_do_GET}),
             .server_activate = server_activate,
             .server_close = server_close,
             .inherit = inherit},
    .directory = ".",
    .symlinks = HTTP_SYMLINKS_INSIDE,
    .dotfiles = HTTP_DOTFILES_HIDDEN,
    .cache_seconds = -1,
    .compress = HTTP_COMPRESS_SMALL,
    .siblings = HTTP_SIBLINGS_SENT,
    .file_fields = "",
    .translate_path = translate_path,
    .guess_type = guess_type,
    .list_directory = http_list_directory,
};
