/* SPDX-License-Identifier: MIT */
/* Handler classes with options of their own: what they inherit, and mistakes in their tables, which are named
   before anything is read that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "http/class.h"
#include "http/exchange.h"
#include "server_thread.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int do_GET(struct ss_handler *h)
{
    return http_reply(h, 204, NULL, NULL, 0);
}

/* ---- a class of one's own with options of its own ---- */

struct map_class {
    struct simple_http_class files;
    int zoom;
    const char *tiles;
};

static void map_inherit(struct http_handler_class *table, const struct http_handler_class *base)
{
    struct map_class *to = (struct map_class *)table;
    const struct map_class *from = (const struct map_class *)base;
    HTTP_INHERIT(to, from, zoom);
    HTTP_INHERIT(to, from, tiles);
}

static const struct map_class MapHandler = {
    .files = {.http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
                       .table_size = sizeof MapHandler,
                       .name = "MapHandler",
                       .methods = HTTP_METHODS({"GET", do_GET}),
                       .inherit = map_inherit},
              .directory = "tiles"},
    .zoom = 5,
    .tiles = "png",
};
static const struct map_class Near = {
    .files.http = {.handler = {.base = &MapHandler.files.http.handler},
                   .table_size = sizeof Near,
                   .max_body = 7},
    .zoom = 9,
};
/* A table that is smaller than that of a base has no more than it says. */
static const struct simple_http_class Elsewhere = {
    .http = {.handler = {.base = &Near.files.http.handler}, .table_size = sizeof Elsewhere},
    .directory = "elsewhere",
};
static const struct http_handler_class Short = {
    .handler = {.base = &Elsewhere.http.handler}, .table_size = sizeof Short, .max_head = 100};
static const struct map_class Last = {
    .files.http = {.handler = {.base = &Short.handler}, .table_size = sizeof Last}, .tiles = "webp"};

static void check_map(const struct http_handler_class *cls, int zoom, const char *tiles,
                      const char *directory)
{
    const struct http_class *found = http_class_get(&cls->handler);
    assert_non_null(found);
    assert_ptr_equal(found, http_class_get(&cls->handler));
    const struct map_class *table = (const struct map_class *)found->table;
    assert_int_equal(table->files.http.table_size, sizeof *table);
    assert_int_equal(table->zoom, zoom);
    assert_string_equal(table->tiles, tiles);
    assert_string_equal(table->files.directory, directory);
    assert_int_equal(table->files.cache_seconds, -1);
    assert_ptr_equal(table->files.translate_path, SimpleHTTPRequestHandler.translate_path);
    assert_string_equal(table->files.http.protocol_version, "HTTP/1.1");
    assert_int_equal(table->files.http.handler.size, sizeof(struct http_handler));
    assert_ptr_equal(http_class_find(found, "GET"), do_GET);
    assert_ptr_equal(http_class_find(found, "HEAD"), do_GET);
}

static void test_options_are_inherited(void **state)
{
    (void)state;
    check_map(&MapHandler.files.http, 5, "png", "tiles");
    check_map(&Near.files.http, 9, "png", "tiles");
    check_map(&Elsewhere.http, 9, "png", "elsewhere");
    check_map(&Short, 9, "png", "elsewhere");
    check_map(&Last.files.http, 9, "webp", "elsewhere");
    assert_int_equal(http_class_get(&Last.files.http.handler)->table->max_body, 7);
    assert_int_equal(http_class_get(&Last.files.http.handler)->table->max_head, 100);
}

static void test_accessors(void **state)
{
    static const struct upload_class Upload = {
        .simple.http = {.handler = {.base = &UploadHTTPRequestHandler.simple.http.handler},
                        .table_size = sizeof Upload},
        .max_uploads = 3};
    struct http_exchange x = {.cls = http_class_get(&Upload.simple.http.handler)};
    struct http_handler handler = {.exchange = &x};
    const struct ss_handler *h = (const struct ss_handler *)&handler;
    (void)state;
    assert_int_equal(http_upload_class_of(h)->max_uploads, 3);
    assert_int_equal(http_upload_class_of(h)->reserved, HTTP_RESERVED_REFUSED);
    assert_int_equal(http_simple_class_of(h)->siblings, HTTP_SIBLINGS_IGNORED);
    assert_ptr_equal(http_class_of(h), &http_simple_class_of(h)->http);
    assert_ptr_equal(http_class_of(h), x.cls->table);
}

/* ---- mistakes ---- */

static void get(const void *cls)
{
    (void)http_class_get(cls);
}

static const struct simple_http_class Hen,
    Egg = {.http.handler = {.base = &Hen.http.handler}, .directory = "nest"},
    Hen = {.http.handler = {.base = &Egg.http.handler}};
static const struct http_handler_class Self = {.handler = {.base = &Self.handler}};

static void test_circle(void **state)
{
    (void)state;
    check_aborts(get, &Hen, "http_server: a handler class is based on itself");
    check_aborts(get, &Egg, "http_server: a handler class is based on itself");
    check_aborts(get, &Self, "http_server: a handler class is based on itself");
}

static void test_no_http_class(void **state)
{
    static const struct http_handler_class Stream = {.handler = {.base = &StreamRequestHandler}};
    static const struct http_handler_class Nothing = {.max_head = 1};
    (void)state;
    check_aborts(get, &Stream, "is not based on BaseHTTPRequestHandler");
    check_aborts(get, &Nothing, "is not based on BaseHTTPRequestHandler");
}

/* Whose table would be read past its end, or not as far as it goes. */
static void test_table_sizes(void **state)
{
    static const struct http_handler_class Plain = {
        .handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .name = "Plain"};
    static const struct simple_http_class Unsaid = {
        .http.handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .directory = "www"};
    static const struct http_handler_class OverUnsaid = {
        .handler = {.base = &Unsaid.http.handler}, .table_size = sizeof OverUnsaid, .name = "OverUnsaid"};
    static const struct simple_http_class Baseless = {
        .http = {.handler = {.base = &BaseHTTPRequestHandler.handler}, .table_size = sizeof Baseless},
        .directory = "www"};
    static const struct upload_class NoUpload = {
        .simple.http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
                        .table_size = sizeof NoUpload,
                        .name = "NoUpload"}};
    static const struct http_handler_class Tiny = {
        .handler = {.base = &BaseHTTPRequestHandler.handler}, .table_size = 8, .name = "Tiny"};
    static const struct http_handler_class Shrunk = {
        .handler = {.base = &SimpleHTTPRequestHandler.http.handler},
        .table_size = sizeof Shrunk,
        .name = "Shrunk",
        .inherit = map_inherit};
    (void)state;
    check_aborts(get, &Plain,
                 "http_server: Plain has a base with options of its own, and does not say its table_size");
    check_aborts(get, &Unsaid,
                 "http_server: a class based on SimpleHTTPRequestHandler has a base with options");
    check_aborts(get, &OverUnsaid,
                 "http_server: a class based on SimpleHTTPRequestHandler has a base with options");
    check_aborts(
        get, &Baseless,
        "http_server: a class based on BaseHTTPRequestHandler has a table_size that is not the size");
    check_aborts(get, &NoUpload, "http_server: NoUpload has a table_size that is not the size");
    check_aborts(get, &Tiny, "http_server: Tiny has a table_size that is not the size");
    check_aborts(get, &Shrunk, "http_server: Shrunk has a slot inherit, and a smaller table than its base");
}

/* ---- delegates ---- */

static const struct simple_http_class Manuals = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .table_size = sizeof Manuals}};
static const struct http_handler_class Site = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                               .delegates = HTTP_DELEGATES(&Manuals.http)};
static const struct http_handler_class Derived = {.handler = {.base = &Site.handler}};

static void test_delegates_are_inherited(void **state)
{
    const struct http_class *cls = http_class_get(&Derived.handler);
    (void)state;
    assert_ptr_equal(http_class_delegate(cls, &Manuals.http.handler), http_class_get(&Manuals.http.handler));
    assert_null(http_class_delegate(cls, &Site.handler));
    assert_null(http_class_delegate(http_class_get(&Manuals.http.handler), &Site.handler));
}

static const struct http_handler_class Ping,
    Pong = {.handler = {.base = &BaseHTTPRequestHandler.handler},
            .name = "Pong",
            .delegates = HTTP_DELEGATES(&Ping)},
    Ping = {.handler = {.base = &BaseHTTPRequestHandler.handler},
            .name = "Ping",
            .delegates = HTTP_DELEGATES(&Pong)},
    Lonely = {.handler = {.base = &BaseHTTPRequestHandler.handler},
              .name = "Lonely",
              .delegates = HTTP_DELEGATES(&Lonely)},
    Visitor = {.handler = {.base = &BaseHTTPRequestHandler.handler}, .delegates = HTTP_DELEGATES(&Pong)};

static void test_circle_of_delegates(void **state)
{
    (void)state;
    check_aborts(get, &Ping, "http_server: Ping delegates to itself");
    check_aborts(get, &Pong, "http_server: Pong delegates to itself");
    check_aborts(get, &Lonely, "http_server: Lonely delegates to itself");
    check_aborts(get, &Visitor, "http_server: Pong delegates to itself");
}

static int set_up(struct ss_handler *h)
{
    (void)h;
    return 0;
}

static void tear_down(struct ss_handler *h)
{
    (void)h;
}

static const struct http_handler_class Sized = {
    .handler = {.base = &BaseHTTPRequestHandler.handler, .size = 1000}, .name = "Sized"};
static const struct http_handler_class OverSized = {.handler = {.base = &Sized.handler}, .name = "OverSized"};
static const struct http_handler_class SetUp = {
    .handler = {.base = &BaseHTTPRequestHandler.handler, .setup = set_up}, .name = "SetUp"};
static const struct http_handler_class Finished = {
    .handler = {.base = &BaseHTTPRequestHandler.handler, .finish = tear_down}, .name = "Finished"};
static const struct http_handler_class ToSized = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                  .delegates = HTTP_DELEGATES(&Sized)};
static const struct http_handler_class ToOverSized = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                      .delegates = HTTP_DELEGATES(&OverSized)};
static const struct http_handler_class ToSetUp = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                  .delegates = HTTP_DELEGATES(&SetUp)};
static const struct http_handler_class ToFinished = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                     .delegates = HTTP_DELEGATES(&Finished)};
static const struct http_handler_class Sister = {.handler = {.base = &Sized.handler},
                                                 .delegates = HTTP_DELEGATES(&OverSized, &Sized)};

/* A delegate's methods would take the instance for their own. */
static void test_instance_of_a_delegate(void **state)
{
    (void)state;
    check_aborts(get, &ToSized, "http_server: Sized is a delegate, but has an instance");
    check_aborts(get, &ToOverSized, "http_server: OverSized is a delegate, but has an instance");
    check_aborts(get, &ToSetUp, "http_server: SetUp is a delegate, but has an instance");
    check_aborts(get, &ToFinished, "http_server: Finished is a delegate, but has an instance");
    assert_non_null(http_class_get(&Sister.handler));
}

/* ---- what a class needs while a server runs ---- */

static struct {
    atomic_int count;
    char letters[1000];
} * shared; /* with children, too */

static void note(char letter)
{
    shared->letters[atomic_fetch_add(&shared->count, 1)] = letter;
}

static int common_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    note('c');
    return 0;
}

static int site_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    note('s');
    return self->context && cls->max_head == 5000 ? -EACCES : 0;
}

static int files_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    const struct simple_http_class *files = (const struct simple_http_class *)cls;
    (void)self;
    note(strcmp(files->directory, "/tmp") == 0 ? 'f' : '?');
    return 0;
}

static void common_close(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    note('C');
}

static void site_close(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self;
    note(cls->max_head == 5000 ? 'S' : '?');
}

static void files_close(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)self, (void)cls;
    note('F');
}

static const struct simple_http_class TemporaryFiles = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof TemporaryFiles,
             .server_activate = files_activate,
             .server_close = files_close},
    .directory = "/tmp"};
static const struct http_handler_class CommonSite = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                     .server_activate = common_activate,
                                                     .server_close = common_close};

static int hand_over(struct ss_handler *h)
{
    return http_delegate(h, &TemporaryFiles.http);
}

static const struct http_handler_class ServedSite = {.handler = {.base = &CommonSite.handler},
                                                     .methods = HTTP_METHODS({"GET", hand_over}),
                                                     .max_head = 5000,
                                                     .log_request = http_log_nothing,
                                                     .server_activate = site_activate,
                                                     .server_close = site_close,
                                                     .delegates = HTTP_DELEGATES(&TemporaryFiles.http)};
static const struct http_handler_class DerivedSite = {.handler = {.base = &ServedSite.handler}};

static const char *const mixins[] = {"", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop"};

/* Those of the chain, the base's first, then the delegates'; at the end the other way round. */
static void test_server_slots(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        char name[40];
        memset(shared, 0, sizeof *shared);
        const struct ss_class *bases[SS_MAX_BASES + 1] = {&HTTPServer};
        snprintf(name, sizeof name, "%sMixIn", mixins[i]);
        if (*mixins[i])
            bases[0] = ss_mixin(name), bases[1] = &HTTPServer;
        assert_non_null(bases[0]);
        prepare(&r, bases, "127.0.0.1:0", &DerivedSite.handler);
        assert_string_equal(shared->letters, "");
        launch(&r);
        assert_memory_equal(shared->letters, "csf", 3);
        int fd = client_of(&r.server);
        say(fd, "GET /there-is-none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        expect(fd, "HTTP/1.1 404");
        close(fd);
        stop(&r);
        int count = atomic_load(&shared->count);
        assert_true(count >= 6 && count % 3 == 0);
        assert_string_equal(shared->letters + count - 3, "FSC");
        assert_null(strchr(shared->letters, '?'));
    }
}

/* Though each thread of the loop has a socket of its own, which is activated as well. */
static void test_server_slots_of_several_loops(void **state)
{
    struct running r;
    (void)state;
    memset(shared, 0, sizeof *shared);
    prepare(&r, SS_BASES(&EventLoopMixIn, &HTTPServer), "127.0.0.1:0", &DerivedSite.handler);
    r.server.workers = 3;
    r.server.allow_reuse_port = true;
    launch(&r);
    stop(&r);
    assert_string_equal(shared->letters, "csfFSC");
}

static void test_server_slot_fails(void **state)
{
    struct ss_server server;
    (void)state;
    memset(shared, 0, sizeof *shared);
    assert_int_equal(ss_server_init(&server, SS_BASES(&HTTPServer), "127.0.0.1:0", &DerivedSite.handler), 0);
    server.context = &server;
    assert_int_equal(ss_server_bind(&server), -EACCES);
    assert_int_equal(server.socket, -1);
    assert_string_equal(shared->letters, "cs");
    ss_server_close(&server);
    assert_string_equal(shared->letters, "csFSC");
}

/* No file of a delegate's stays open. */
static void test_delegates_files_are_closed(void **state)
{
    enum { LARGE = 100000 };
    struct running r;
    char path[] = "/tmp/handler-class-XXXXXX", request[200];
    static char body[LARGE];
    (void)state;
    int file = mkstemp(path), before = count_descriptors();
    assert_int_equal(write(file, body, LARGE), LARGE);
    start(&r, SS_BASES(&HTTPServer), "127.0.0.1:0", &ServedSite.handler);
    int fd = client_of(&r.server);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
             strrchr(path, '/'));
    say(fd, request);
    expect(fd, "HTTP/1.1 200");
    while (recv(fd, body, LARGE, 0) > 0)
        ;
    close(fd);
    stop(&r);
    assert_int_equal(count_descriptors(), before);
    close(file);
    unlink(path);
}

/* Mistakes are named when the server is bound. */
static void bind_server(const void *cls)
{
    struct ss_server server;
    if (ss_server_init(&server, SS_BASES(&HTTPServer), "127.0.0.1:0", cls) == 0)
        (void)ss_server_bind(&server);
}

static void test_mistakes_are_named_at_the_start(void **state)
{
    (void)state;
    check_aborts(bind_server, &Ping, "http_server: Ping delegates to itself");
    check_aborts(bind_server, &Self, "is based on itself");
    check_aborts(bind_server, &ToSized, "http_server: Sized is a delegate, but has an instance");
}

/* A handler class that is not for HTTP is nobody's mistake. */
static void test_server_without_http(void **state)
{
    static const struct ss_handler_class Echo = {.handle = echo_lines};
    struct running r;
    (void)state;
    start(&r, SS_BASES(&HTTPServer), "127.0.0.1:0", &Echo);
    int fd = client_of(&r.server);
    say(fd, "hello\n");
    shutdown(fd, SHUT_WR);
    expect(fd, "hello\n");
    close(fd);
    stop(&r);
}

/* ---- options that a class does not have ---- */

static void ask_for_files(const void *cls)
{
    struct http_exchange x = {.cls = http_class_get(cls)};
    struct http_handler handler = {.exchange = &x};
    (void)http_simple_class_of((const struct ss_handler *)&handler);
}

static void ask_for_uploads(const void *cls)
{
    struct http_exchange x = {.cls = http_class_get(cls)};
    struct http_handler handler = {.exchange = &x};
    (void)http_upload_class_of((const struct ss_handler *)&handler);
}

static void test_options_that_a_class_does_not_have(void **state)
{
    static const struct http_handler_class Plain = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                    .name = "Plain"};
    (void)state;
    check_aborts(ask_for_files, &Plain, "http_server: Plain is not based on SimpleHTTPRequestHandler");
    check_aborts(ask_for_uploads, &Near, "is not based on UploadHTTPRequestHandler");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_inherited),
        cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_no_http_class),
        cmocka_unit_test(test_table_sizes),
        cmocka_unit_test(test_delegates_are_inherited),
        cmocka_unit_test(test_circle_of_delegates),
        cmocka_unit_test(test_instance_of_a_delegate),
        cmocka_unit_test(test_server_slots),
        cmocka_unit_test(test_server_slots_of_several_loops),
        cmocka_unit_test(test_server_slot_fails),
        cmocka_unit_test(test_delegates_files_are_closed),
        cmocka_unit_test(test_mistakes_are_named_at_the_start),
        cmocka_unit_test(test_server_without_http),
        cmocka_unit_test(test_options_that_a_class_does_not_have),
    };
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
