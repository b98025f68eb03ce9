/* SPDX-License-Identifier: MIT */
/* httpserver: serves a directory, as `python3 -m http.server` does. A server class, a mix-in and a handler
   class, put together by the command line. */
#include "http_server.h"
#include "httpserver/guard.h"
#include "httpserver/live.h"
#include "httpserver/options.h"
#include "httpserver/sandbox.h"
#include "httpserver/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ms that clients wait for a place; then they are told that there is none */
enum { FULL_TIMEOUT = 1000 };

static struct options options;
static char *served;                /* its whole path; NULL: that cannot be told */
static struct upload_class Handler; /* the class of the files, with what the options say */

/* "EventLoopMixIn" as "event loop" */
static void print_mixin(const struct ss_class *mixin)
{
    size_t size = strlen(mixin->name) - strlen("MixIn");
    for (size_t i = 0; i < size; i++) {
        char c = mixin->name[i];
        bool upper = c >= 'A' && c <= 'Z';
        printf("%s%c", upper && i > 0 ? " " : "", upper ? c | 0x20 : c);
    }
}

/* A URL that works in a browser here, also for a server that listens on every interface. */
static void print_url(const struct ss_server *self)
{
    const struct ss_address *address = &self->server_address;
    bool any4 = address->u.any.sa_family == AF_INET && address->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
    bool any6 = address->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr);
    char text[SS_ADDRESS_TEXT];
    const char *scheme = options.tls ? "https" : "http";
    if (any4 || any6)
        printf("%s://%s:%u/ (every interface; ", scheme, any4 ? "127.0.0.1" : "localhost",
               ss_address_port(address));
    else if (!strncasecmp(self->address, "localhost:", 10)) /* is two addresses */
        printf("%s://localhost:%u/ (", scheme, ss_address_port(address));
    else if (ss_address_format(address, text, sizeof text) < 0 || ss_address_port(address) == 0)
        printf("%s (", text);
    else
        printf("%s://%s/ (", scheme, text);
}

/* Prints the URL when signals are already handled: who reads it may send one at once. */
static int serve_forever(struct ss_server *self);
static const struct ss_class BannerMixIn = {.name = "BannerMixIn", .serve_forever = serve_forever};

static int serve_forever(struct ss_server *self)
{
    printf("Serving %s on ", served ? served : options.directory);
    print_url(self);
    for (size_t i = 0; options.mixins[i]; i++) {
        printf("%s", i > 0 ? " + " : "");
        print_mixin(options.mixins[i]);
    }
    printf("%s; Ctrl-C stops)\n", !options.mixins[0] ? "sequential" : "");
    tls_print_certificate();
    fflush(stdout);
    return ss_super(self, &BannerMixIn)->serve_forever(self);
}

static void no_message(struct ss_handler *h, const char *text)
{
    (void)h;
    (void)text;
}

/* -q silences stderr only: the file of --access-log is written all the same. */
static void choose_log(struct http_handler_class *handler)
{
    static void (*const formats[])(struct ss_handler *, int,
                                   int64_t) = {[FORMAT_PYTHON] = http_log_python,
                                               [FORMAT_COMMON] = http_log_common,
                                               [FORMAT_COMBINED] = http_log_combined,
                                               [FORMAT_JSON] = http_log_json};
    handler->log_request = formats[options.log_format];
    if (options.quiet && !options.access_log)
        handler->log_request = http_log_nothing;
    if (options.quiet)
        handler->log_message = no_message;
}

/* --compress precompressed sends the files beside a file with --upload, too, as it would do nothing else. */
static enum http_siblings choose_siblings(void)
{
    return options.compress == HTTP_COMPRESS_PRECOMPRESSED ? HTTP_SIBLINGS_SENT
                                                           : (enum http_siblings)options.siblings;
}

/* NULL: the library's own. */
static const char *choose_server_version(void)
{
    static const char *const versions[] = {
        [TOKENS_ON] = NULL, [TOKENS_NAME] = "httpserver", [TOKENS_OFF] = ""};
    return versions[options.server_tokens];
}

static const struct http_method live_methods[] = {{"GET", live_do_GET}, {NULL, NULL}};

static void make_simple(struct simple_http_class *simple)
{
    *simple = (struct simple_http_class){
        .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
                 .table_size = sizeof *simple,
                 .max_body = options.max_upload,
                 .head_timeout = (int)options.head_timeout * 1000,
                 .idle_timeout = (int)options.idle_timeout * 1000,
                 .protocol_version = options.protocol == PROTOCOL_1_0 ? "HTTP/1.0" : "HTTP/1.1",
                 .server_version = choose_server_version()},
        .directory = options.chroot ? "." : options.directory, /* to which that changes */
        .symlinks = (enum http_symlinks)options.symlinks,
        .dotfiles = (enum http_dotfiles)options.dotfiles,
        .cache_seconds = (int)options.cache,
        .compress = (enum http_compression)options.compress,
        .siblings = choose_siblings(),
    };
    choose_log(&simple->http);
    guard_begin(&options, &simple->http);
    if (options.live) {
        simple->page_script = LIVE_SCRIPT;
        simple->http.methods = live_methods;
        live_begin(&options);
    }
}

static const struct ss_handler_class *make_handler(void)
{
    make_simple(&Handler.simple);
    if (!options.upload)
        return &Handler.simple.http.handler;
    Handler.simple.http.handler.base = &UploadHTTPRequestHandler.simple.http.handler;
    Handler.simple.http.table_size = sizeof Handler;
    Handler.on_duplicate = (enum http_on_duplicate)options.on_duplicate;
    Handler.simple.page_policy = options.upload_scripts ? "" : NULL;
    Handler.reserved = (enum http_reserved)options.reserved;
    Handler.max_uploads = (unsigned)options.max_uploads;
    Handler.max_receiving = options.max_receiving;
    Handler.min_free = options.min_free == NOT_SAID ? 0 : options.min_free == 0 ? -1 : options.min_free;
    return &Handler.simple.http.handler;
}

/* Handles SIGHUP, which logrotate sends when it has moved the log away. */
static void reopen_log(int signal)
{
    static const char text[] =
        "httpserver: SIGHUP: the access log cannot be opened anew, and goes on in the old file; look at the "
        "permissions of its directory\n";
    int saved = errno;
    (void)signal;
    if (options.access_log && http_access_log_reopen() < 0)
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    tls_hang_up();
    errno = saved;
}

/* Opens the access log. Without one, and without certificates to read anew, SIGHUP does what it did before,
 * as nohup needs it. */
static int open_log(const char *path)
{
    struct sigaction action = {.sa_handler = reopen_log, .sa_flags = SA_RESTART};
    int rc = path ? http_access_log_open(path) : 0;
    if (rc < 0)
        fprintf(stderr,
                "httpserver: cannot write the access log %s: %s; name a file with --access-log FILE\n", path,
                strerror(-rc));
    else if (path || options.tls)
        sigaction(SIGHUP, &action, NULL);
    return rc;
}

static int check_directory(const char *directory)
{
    int fd = (int)TEMP_FAILURE_RETRY(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd >= 0) {
        (void)close(fd);
        return 0;
    }
    fprintf(stderr, "httpserver: cannot serve %s: %s; name a directory with -d DIR\n", directory,
            strerror(errno));
    return -1;
}

/* Says what happened, and what to do next. */
static void report_bind(int error)
{
    const char *reason = strerror(-error), *advice = "";
    if (*ss_reason()) {
        fprintf(stderr, "httpserver: %s\n", ss_reason());
        return;
    }
    bool is_path = strncmp(options.address, "unix:", 5) == 0;
    if (error == -EADDRINUSE)
        advice = is_path ? "; another program listens there"
                         : "; choose another port with -p PORT, -p 0 takes any free one";
    else if (is_path && (error == -EACCES || error == -ENOENT || error == -ENOTDIR))
        advice = "; its directory must exist, with permission to write";
    else if (error == -EBADF || error == -ENOTSOCK || error == -EPROTOTYPE)
        advice = "; it is not an open stream socket: systemd passes its sockets from fd:3 on";
    else if (error == -EACCES)
        advice = "; ports below 1024 need privileges, choose a higher one with -p PORT";
    else if (error == -EADDRNOTAVAIL)
        advice = "; no interface here has this address, see --bind";
    else if (error == -ENOENT)
        reason = "no such host", advice = "; see --bind";
    else if (error == -EINVAL)
        reason = "not an address", advice = "; see --bind";
    fprintf(stderr, "httpserver: cannot listen on %s: %s%s\n", options.address, reason, advice);
}

/* 0 stands for none on the command line; in struct ss_server it is the default. */
static void set_limits(struct ss_server *server)
{
    server->workers = (unsigned)options.workers;
    server->full_timeout = FULL_TIMEOUT;
    if (options.connections != NOT_SAID)
        server->max_requests = (unsigned)options.connections;
    if (options.body_timeout)
        server->request_timeout = (int)options.body_timeout * 1000;
    if (options.write_timeout != NOT_SAID)
        server->write_timeout = options.write_timeout == 0 ? -1 : (int)options.write_timeout * 1000;
    if (options.per_client != NOT_SAID)
        server->max_requests_per_client = options.per_client == 0 ? UINT_MAX : (unsigned)options.per_client;
    else if (options.proxies.count)
        server->max_requests_per_client = UINT_MAX; /* all come from a few addresses */
    server->proxies = options.proxies.texts;
    if (options.min_rate != NOT_SAID)
        server->min_rate = (unsigned)options.min_rate;
}

static int serve(const struct ss_class *const *bases, const struct ss_handler_class *handler)
{
    struct ss_server server;
    int rc = ss_server_init(&server, bases, options.address, handler);
    if (rc < 0) {
        fprintf(stderr, "httpserver: cannot make the server: %s%s\n", strerror(-rc),
                rc == -EINVAL ? "; of several mix-ins preforking comes first" : "");
        return rc == -EINVAL ? 2 : 1;
    }
    set_limits(&server);
    server.tls = tls_settings();
    rc = ss_server_bind(&server);
    if (rc < 0)
        report_bind(rc);
    else if ((rc = ss_run_server(&server)) < 0)
        fprintf(stderr, "httpserver: stopped: %s\n", strerror(-rc));
    ss_server_close(&server);
    return rc < 0 ? 1 : rc;
}

static bool is_unix(const char *address)
{
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    if (strncmp(address, "fd:", 3) == 0)
        getsockopt((int)strtol(address + 3, NULL, 10), SOL_SOCKET, SO_DOMAIN, &family, &size);
    return strncmp(address, "unix:", 5) == 0 || family == AF_UNIX;
}

int main(int argc, char **argv)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {NULL};
    size_t count = 0;
    int rc = options_parse(argc, argv, &options);
    if (rc >= 0)
        return rc;
    if (check_directory(options.directory) < 0 || open_log(options.access_log) < 0)
        return 1;
    if (options.tls && tls_begin(&options) < 0)
        return 1;
    served = realpath(options.directory, NULL);
    sandbox_begin(&options);
    http_init_types(NULL); /* once for all processes; there need be none */
    if (options.explain)
        bases[count++] = options.explain == EXPLAIN_JSON ? &ExplainJSONMixIn : &ExplainMixIn;
    if (options.stats)
        bases[count++] = &StatsMixIn;
    bases[count++] = &BannerMixIn;
    if (options.live)
        bases[count++] = &LiveMixIn;
    bases[count++] = &SandboxMixIn;
    if (options.tls)
        bases[count++] = &ReloadMixIn, bases[count++] = &TLSMixIn;
    if (options.proxy_protocol)
        bases[count++] = &ProxyProtocolMixIn;
    for (size_t i = 0; options.mixins[i]; i++)
        bases[count++] = options.mixins[i];
    bases[count++] = &HTTPServer;
    if (is_unix(options.address))
        bases[count++] = &UnixStreamServer;
    rc = serve(bases, make_handler());
    http_access_log_close();
    free(served);
    return rc;
}
