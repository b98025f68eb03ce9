/* SPDX-License-Identifier: MIT */
/* rest [ADDRESS [CLASS [FILE]]]: users as resources of HTTP. /users is all of them, /users/{id} is one; GET,
   POST, PUT, PATCH and DELETE do what their names say, in JSON, on a database of SQLite in FILE. Whoever
   sends back what he has read, with If-Match and the entity tag, changes nothing that somebody else has
   changed meanwhile.

   Try:  build/samples/rest localhost:8093 EventLoop users.db
   and:  curl http://localhost:8093/users --json '{"name": "Ann", "email": "ann@example.org"}'
         curl http://localhost:8093/users */
#include "http_server.h"
#include "rest/store.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BODY = 16384 /* bytes */, PAGE = 20, MAX_PAGE = 100 /* users in one answer */ };

#define JSON "application/json"
#define PROBLEM "application/problem+json"
#define MERGE_PATCH "application/merge-patch+json"

static const char *file = "users.db";

/* ---------------------------------------------------------------- answers */

/* Under an event loop a query that waits for the disk, or for others who write, would stop all connections of
   the loop: so a thread beside it does that. Elsewhere this is a plain call. */
static int do_job(struct ss_handler *h, struct job *job)
{
    return ss_offload(h->server, store_do, job);
}

static int reply_json(struct ss_handler *h, const char *type, char *json)
{
    if (!json)
        return -ENOMEM;
    size_t size = strlen(json);
    http_send_header(h, "Content-Type", type);
    http_send_headerf(h, "Content-Length", "%zu", size);
    int rc = http_end_headers(h);
    if (rc == 0)
        rc = ss_write(h->wfile, json, size);
    free(json);
    return rc;
}

/* All errors look like this, also those that the library answers: it calls this slot. */
static int send_error(struct ss_handler *h, int status, const char *message, const char *explain)
{
    const char *title = message ? message : http_status_phrase(status);
    int rc = http_send_response(h, status, message);
    if (rc < 0 || status < 400)
        return rc < 0 ? rc : http_end_headers(h);
    return reply_json(h, PROBLEM, problem_as_json(status, title, explain ? explain : "", NULL));
}

static int send_findings(struct ss_handler *h, int status, const struct findings *findings)
{
    if (*findings->malformed)
        return http_send_error(h, 400, NULL, findings->malformed);
    http_send_response(h, status, NULL);
    return reply_json(h, PROBLEM, problem_as_json(status, http_status_phrase(status), "", findings));
}

static void tag_of(const struct user *user, char tag[24])
{
    snprintf(tag, 24, "\"%lld\"", (long long)user->version);
}

static int send_user(struct ss_handler *h, int status, const struct user *user)
{
    char tag[24];
    tag_of(user, tag);
    http_send_response(h, status, NULL);
    http_send_header(h, "ETag", tag);
    if (status == 201)
        http_send_headerf(h, "Location", "/users/%lld", (long long)user->id);
    return reply_json(h, JSON, user_as_json(user));
}

/* What a job has come to. */
static int send_result(struct ss_handler *h, const struct job *job)
{
    if (job->status == 200 || job->status == 201)
        return send_user(h, job->status, job->users);
    if (job->status == 204)
        return http_send_response(h, 204, NULL);
    if (job->findings.count)
        return send_findings(h, job->status, &job->findings);
    return http_send_error(h, job->status, NULL,
                           job->status == 412 ? "The user is not as you know it: GET it again." : NULL);
}

/* ---------------------------------------------------------------- what requests say */

/* Returns 1; 0: the client was told what is wrong; or -errno. */
static int read_change(struct ss_handler *h, const char *type, struct change *change)
{
    char *text;
    size_t size;
    struct findings findings = {0};
    const char *coding = http_header(h, "Content-Encoding");
    if (!http_content_type_is(h, type) || (coding && strcmp(coding, "identity") != 0)) {
        http_error_header(h, strcmp(type, MERGE_PATCH) ? "Accept" : "Accept-Patch", type);
        return http_send_error(h, 415, NULL, ss_format(h, "Send it as %s.", type));
    }
    int rc = http_read_body(h, MAX_BODY, &text, &size);
    if (rc < 0)
        return rc; /* answered with 413, 400 or 408 */
    return change_read(text, size, change, &findings) ? 1 : send_findings(h, 422, &findings);
}

/* A number of up to 18 digits; -1: this is none. */
static int64_t read_number(const char *text, size_t size)
{
    if (size == 0 || size > 18 || strspn(text, "0123456789") < size)
        return -1;
    return strtoll(text, NULL, 10);
}

/* "limit=20&after=7", in any order. */
static bool read_query(const char *query, int64_t *limit, int64_t *after)
{
    while (*query) {
        size_t size = strcspn(query, "&"), name = strcspn(query, "=&") + 1;
        int64_t *number = !strncmp(query, "limit=", 6) ? limit : !strncmp(query, "after=", 6) ? after : NULL;
        if (!number || (*number = read_number(query + name, size - name)) < 0)
            return false;
        query += size + (query[size] == '&');
    }
    return *limit >= 1 && *limit <= MAX_PAGE;
}

/* ---------------------------------------------------------------- /users */

static int list(struct ss_handler *h, int64_t unused)
{
    int64_t limit = PAGE, after = 0;
    const char *query = strchr(http_request(h)->path, '?'), *next = NULL;
    (void)unused;
    if (query && !read_query(query + 1, &limit, &after))
        return http_send_error(h, 400, NULL, "There are limit=1 to limit=100, and after=ID.");
    struct job job = {.run = store_list, .id = after, .room = (int)limit + 1}; /* one more: is there more? */
    job.users = ss_alloc(h, (size_t)job.room * sizeof *job.users);
    int rc = job.users ? do_job(h, &job) : -ENOMEM;
    if (rc < 0)
        return rc;
    int count = job.count > limit ? (int)limit : job.count;
    http_send_response(h, 200, NULL);
    if (job.count > limit) {
        next = ss_format(h, "/users?limit=%d&after=%lld", (int)limit, (long long)job.users[count - 1].id);
        http_send_headerf(h, "Link", "<%s>; rel=\"next\"", next ? next : "");
    }
    return reply_json(h, JSON, users_as_json(job.users, count, next));
}

static int add(struct ss_handler *h, int64_t unused)
{
    struct change change = {0};
    struct user user = {0};
    struct job job = {.run = store_add, .writes = true, .change = &change, .users = &user};
    (void)unused;
    int rc = read_change(h, JSON, &change);
    if (rc <= 0)
        return rc;
    rc = do_job(h, &job);
    return rc < 0 ? rc : send_result(h, &job);
}

/* ---------------------------------------------------------------- /users/{id} */

static int show(struct ss_handler *h, int64_t id)
{
    struct user user;
    char tag[24];
    struct job job = {.run = store_get, .id = id, .users = &user};
    int rc = do_job(h, &job);
    if (rc < 0 || job.status != 200)
        return rc < 0 ? rc : send_result(h, &job);
    char *json = user_as_json(&user);
    if (!json)
        return -ENOMEM;
    tag_of(&user, tag); /* a client that has this one already gets 304 */
    rc = http_send_content(
        h, &(struct http_content){
               .type = JSON, .data = json, .size = (int64_t)strlen(json), .validators = {.etag = tag}});
    free(json);
    return rc;
}

static int change_as(struct ss_handler *h, int64_t id, const char *type, bool whole)
{
    struct change change = {0};
    struct user user;
    struct job job = {.run = store_change,
                      .writes = true,
                      .id = id,
                      .request = http_request(h),
                      .change = &change,
                      .whole = whole,
                      .users = &user};
    int rc = read_change(h, type, &change);
    if (rc <= 0)
        return rc;
    rc = do_job(h, &job);
    return rc < 0 ? rc : send_result(h, &job);
}

static int replace(struct ss_handler *h, int64_t id)
{
    return change_as(h, id, JSON, true);
}

static int patch(struct ss_handler *h, int64_t id)
{
    return change_as(h, id, MERGE_PATCH, false);
}

static int remove_user(struct ss_handler *h, int64_t id)
{
    struct user user;
    struct job job = {
        .run = store_remove, .writes = true, .id = id, .request = http_request(h), .users = &user};
    int rc = do_job(h, &job);
    return rc < 0 ? rc : send_result(h, &job);
}

/* ---------------------------------------------------------------- which of them? */

struct route {
    const char *method;
    int (*run)(struct ss_handler *h, int64_t id); /* NULL: OPTIONS */
};
static const struct route collection[5], item[7];

static const char *allowed(struct ss_handler *h, const struct route *routes)
{
    const char *text = "";
    for (; text && routes->method; routes++)
        text = ss_format(h, "%s%s%s", text, *text ? ", " : "", routes->method);
    return text ? text : "";
}

static int answer_options(struct ss_handler *h, const struct route *routes)
{
    http_send_response(h, 204, NULL);
    http_send_header(h, "Allow", allowed(h, routes));
    if (routes == item)
        http_send_header(h, "Accept-Patch", MERGE_PATCH);
    return http_end_headers(h);
}

static int serve(struct ss_handler *h)
{
    const struct http_request *request = http_request(h);
    const char *path = request->path;
    size_t size = strcspn(path, "?");
    bool all = size == 6 && !strncmp(path, "/users", 6);
    int64_t id = size > 7 && !strncmp(path, "/users/", 7) ? read_number(path + 7, size - 7) : -1;
    if (!all && (id < 1 || path[7] == '0') && strcmp(path, "*") != 0)
        return http_send_error(h, 404, NULL, "There are /users and /users/{id}.");
    const struct route *routes = all ? collection : item, *route = routes;
    while (route->method && strcmp(route->method, request->command) != 0)
        route++;
    if (route->method)
        return route->run ? route->run(h, id) : answer_options(h, routes);
    http_error_header(h, "Allow", allowed(h, routes));
    return http_send_error(h, 405, NULL, NULL);
}

/* ---------------------------------------------------------------- the server */

static int activate(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    return store_begin(file);
}

static void end(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    store_end();
}

static const struct route collection[5] = {
    {"GET", list}, {"HEAD", list}, {"POST", add}, {"OPTIONS", NULL}, {NULL, NULL}};
static const struct route item[7] = {{"GET", show},    {"HEAD", show},          {"PUT", replace},
                                     {"PATCH", patch}, {"DELETE", remove_user}, {"OPTIONS", NULL},
                                     {NULL, NULL}};

static const struct http_handler_class Rest = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", serve}, {"POST", serve}, {"PUT", serve}, {"PATCH", serve},
                            {"DELETE", serve}, {"OPTIONS", serve}),
    .send_error = send_error,
    .server_activate = activate,
    .server_close = end,
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Users as resources of HTTP, in JSON, kept by SQLite in FILE (users.db).",
        .address = "localhost:8093",
        .cls = "EventLoopHTTPServer",
        .own = &HTTPServer,
        .scheme = "http",
        .argument = "FILE",
        .value = &file,
        .handler = &Rest.handler,
    };
    return ss_main(argc, argv, &program);
}
