/* SPDX-License-Identifier: MIT */
/* The options of httpserver, a line each, and those that have a grammar of their own. */
#include "access.h"
#include "httpserver/guard.h"
#include "httpserver/options.h"
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_MIXINS = SS_MAX_BASES - 12 };
enum { DAY = 86400 };

static int take_port(const struct setting *setting, const char *text, struct options *options)
{
    if (strncmp(text, "HTTP/", 5) == 0)
        return complain("-p is the port here, the version of HTTP is --protocol ", text);
    return take_number(setting, text, options);
}

static bool is_none(const char *name)
{
    return strcasecmp(name, "sequential") == 0 || strcasecmp(name, "none") == 0;
}

static int refuse_mixin(const char *name)
{
    if (is_none(name))
        return complain("this stands alone: ", name);
    return complain("no such mix-in (eventloop, threading, threadpool, forking, preforking, sequential): ",
                    name);
}

/* "preforking,eventloop"; "sequential" and "none" stand for no mix-in at all. */
static int take_mixins(const struct setting *setting, const char *text, struct options *options)
{
    char copy[256], *names = copy, *name;
    size_t count = 0;
    (void)setting;
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
        return complain("too many mix-ins: ", text);
    while (!is_none(text) && (name = strsep(&names, ","))) {
        const struct ss_class *mixin = ss_mixin(name);
        if (!mixin)
            return refuse_mixin(name);
        if (count == MAX_MIXINS)
            return complain("too many mix-ins before ", name);
        options->mixins[count++] = mixin;
    }
    options->mixins[count] = NULL;
    return -1;
}

/* "log=text/plain" */
static int take_type(const struct setting *setting, const char *text, struct options *options)
{
    const char *equals = strchr(text, '=');
    char *ext = equals ? strndup(text, (size_t)(equals - text)) : NULL;
    int rc = ext ? http_add_type(equals + 1, ext) : equals ? -ENOMEM : -EINVAL;
    (void)setting, (void)options;
    free(ext);
    if (rc == -ENOMEM) {
        fprintf(stderr, "httpserver: cannot take --mime %s: %s\n", text, strerror(-rc));
        return 1;
    }
    return rc < 0 ? complain("--mime is EXT=TYPE, as in log=text/plain, not ", text) : -1;
}

static int take_user(const struct setting *setting, const char *text, struct options *options)
{
    const char *wrong = user_read(text, &options->user);
    (void)setting;
    return wrong ? complain(wrong, text) : -1;
}

/* The first --tls-key belongs to the first --tls-cert, whichever stands first, and so on. */
static int take_certificate(const struct setting *setting, const char *text, struct options *options)
{
    for (struct ss_certificate *c = options->certificates; c < options->certificates + MAX_CERTIFICATES;
         c++) {
        const char **file = strcmp(setting->name, "tls-cert") == 0  ? &c->certfile
                            : strcmp(setting->name, "tls-key") == 0 ? &c->keyfile
                                                                    : &c->password_file;
        if (!*file) {
            *file = text;
            options->tls = 1;
            return -1;
        }
    }
    return complain("too many certificates before ", text);
}

static int refuse_cgi(const struct setting *setting, const char *text, struct options *options)
{
    (void)setting, (void)text, (void)options;
    return complain("--cgi is not supported: write a handler, which is faster and safer", "");
}

static const struct word protocols[] = {{"HTTP/1.0", PROTOCOL_1_0}, {"HTTP/1.1", PROTOCOL_1_1}, {NULL, 0}};
static const struct word symlinks[] = {{"never", HTTP_SYMLINKS_NEVER},
                                       {"inside", HTTP_SYMLINKS_INSIDE},
                                       {"follow", HTTP_SYMLINKS_FOLLOW},
                                       {NULL, 0}};
static const struct word compressions[] = {{"off", HTTP_COMPRESS_OFF},
                                           {"precompressed", HTTP_COMPRESS_PRECOMPRESSED},
                                           {"small", HTTP_COMPRESS_SMALL},
                                           {"all", HTTP_COMPRESS_ALL},
                                           {NULL, 0}};
static const struct word formats[] = {{"python", FORMAT_PYTHON},
                                      {"common", FORMAT_COMMON},
                                      {"combined", FORMAT_COMBINED},
                                      {"json", FORMAT_JSON},
                                      {NULL, 0}};
static const struct word duplicates[] = {{"error", HTTP_DUPLICATE_ERROR},
                                         {"overwrite", HTTP_DUPLICATE_OVERWRITE},
                                         {"rename", HTTP_DUPLICATE_RENAME},
                                         {NULL, 0}};
static const struct word uploads[] = {{"known", UPLOAD_KNOWN}, {"anyone", UPLOAD_ANYONE}, {NULL, 0}};
static const struct word auth_for[] = {{"all", AUTH_FOR_ALL}, {"upload", AUTH_FOR_UPLOAD}, {NULL, 0}};
static const struct word explanations[] = {{"text", EXPLAIN_TEXT}, {"json", EXPLAIN_JSON}, {NULL, 0}};
static const struct word sandboxes[] = {
    {"auto", SANDBOX_AUTO}, {"require", SANDBOX_REQUIRE}, {"off", SANDBOX_OFF}, {NULL, 0}};
static const struct word tokens[] = {
    {"on", TOKENS_ON}, {"name", TOKENS_NAME}, {"off", TOKENS_OFF}, {NULL, 0}};

#define TEXT(field) .take = take_text, .offset = offsetof(struct options, field)
#define NUMBER(field, from, to) \
    .take = take_number, .offset = offsetof(struct options, field), .least = (from), .most = (to)
#define SIZE(field, from) .take = take_size, .offset = offsetof(struct options, field), .least = (from)
#define WORD(field, list) .take = take_word, .offset = offsetof(struct options, field), .words = (list)
#define FLAG(field, value) .take = take_flag, .offset = offsetof(struct options, field), .most = (value)
#define UPLOADS .for_uploads = true

/* clang-format off */
const struct setting settings[] = {
    {"port", "PORT", "listen on this port (default: 8000; 0: any free one)",
     .take = take_port, .offset = offsetof(struct options, port), .most = 65535, .letter = 'p'},
    {"bind", "ADDRESS", "on this address: a name or number, 0.0.0.0 or :: for every interface, unix:/path, "
     "unix:@name or fd:3 (default: 127.0.0.1)", TEXT(bind), .letter = 'b'},
    {"directory", "DIR", "serve this directory (default: the current one)", TEXT(directory), .letter = 'd'},
    {"protocol", "VERSION", "HTTP/1.1, or HTTP/1.0 for a connection per request (default: HTTP/1.1)",
     WORD(protocol, protocols)},
    {"mixin", "NAME[,NAME]", "who runs requests: eventloop, threading, threadpool, forking, preforking, two of them "
     "as in preforking,eventloop, or sequential (default: eventloop)", .take = take_mixins},
    {"workers", "N", "loops of eventloop, threads of threadpool, processes of preforking", NUMBER(workers, 1, 1024)},
    {"mime", "EXT=TYPE", "the media type of files that end in EXT or have it as their whole name, as in --mime "
     "log=text/plain or --mime README=text/plain; may be given several times", .take = take_type},
    {"cache", "SECONDS", "how long browsers and caches may use a file without asking again (default: 0, they always "
     "ask)", NUMBER(cache, 0, INT_MAX)},
    {"compress", "WHAT", "for clients that accept it: off, precompressed (name.zst, name.br, name.gz for name), small "
     "(text up to 64 KiB, too, once for all), or all (longer text, too, each time) (default: small)",
     WORD(compress, compressions)},
    {"symlinks", "WHICH", "follow symbolic links: never, inside (those that lead to something in the directory), "
     "follow (to any file on this machine) (default: inside)", WORD(symlinks, symlinks)},
    {"hidden", NULL, "serve and list names that begin with a dot, too; without it only /.well-known/ is served",
     FLAG(dotfiles, HTTP_DOTFILES_SERVED)},
    {"access-log", "FILE", "append the log of requests to this file, which is opened anew at SIGHUP and never served "
     "(default: stderr)", TEXT(access_log)},
    {"log-format", "NAME", "python, common, combined (Apache's), or json, which alone has the time that each request "
     "took (default: python)", WORD(log_format, formats)},
    {"tls", NULL, "serve https. Without --tls-cert it is with a certificate that is made for this machine, and kept in "
     "the user's cache directory: signed by mkcert's root where there is one, else by itself", FLAG(tls, 1)},
    {"tls-cert", "FILE", "serve https with this certificate (PEM), and those that have signed it behind it; may be "
     "given several times, for several hosts; read anew at SIGHUP", .take = take_certificate},
    {"tls-key", "FILE", "its key (default: in the same file); of several the first is that of the first "
     "certificate", .take = take_certificate},
    {"tls-password-file", "FILE", "the password of an encrypted key", .take = take_certificate},
    {"tls-client-ca", "FILE", "let in only clients that have a certificate which one of these (PEM) has signed",
     TEXT(tls_client_ca)},
    {"live", NULL, "pages and listings that are open in a browser load themselves anew when something below the "
     "directory changes, and take new stylesheets as they are; for this a script is put at the end of each page",
     FLAG(live, 1)},
    {"upload", "anyone", "let clients store files: a form on each listing, POST of multipart/form-data to a directory, "
     "and PUT; where other machines reach the server, it is for those who have a password (--auth), or for =anyone",
     WORD(upload, uploads), .is_optional = true,
     .group = "Uploads"},
    {"on-duplicate", "WHAT", "when a file is sent whose name is taken: error, overwrite or rename (default: error for "
     "POST, overwrite for PUT)", WORD(on_duplicate, duplicates), UPLOADS},
    {"upload-index", NULL, "let clients store index pages and what lies below /.well-known/",
     FLAG(reserved, HTTP_RESERVED_STORED), UPLOADS},
    {"upload-siblings", NULL, "send name.zst, name.br or name.gz for name with --upload, too, as does --compress "
     "precompressed, though a client may have stored it", FLAG(siblings, HTTP_SIBLINGS_SENT), UPLOADS},
    {"upload-scripts", NULL, "let pages and pictures that clients have stored run scripts in the name of this site; "
     "without it browsers show them in a sandbox", FLAG(upload_scripts, 1), UPLOADS},
    {"max-connections", "N", "how many are served at once, by each process and each loop; more wait for a second, and "
     "are answered 503 then; 0: no limit (default: 16384 of eventloop and threadpool, 1024 of threading, 160 of "
     "forking)", NUMBER(connections, 0, 1000000), .group = "Limits"},
    {"max-connections-per-client", "N", "how many connections of one address are served at once; more wait; 0: no "
     "limit (default: 256 of threading, 40 of forking, else 0)", NUMBER(per_client, 0, 1000000)},
    {"max-rate", "N", "requests that a client may make in a second, ten seconds taken together; more are answered 429; 0: "
     "no limit (default: 0)", NUMBER(max_rate, 0, HTTP_MAX_RATE)},
    {"head-timeout", "SECONDS", "in which the head of a request must be there, from its first byte on (default: 20)",
     NUMBER(head_timeout, 1, DAY)},
    {"idle-timeout", "SECONDS", "how long a connection may be idle between two requests (default: 60)",
     NUMBER(idle_timeout, 1, DAY)},
    {"body-timeout", "SECONDS", "how long a client may pause while it sends what belongs to its request (default: 60)",
     NUMBER(body_timeout, 1, DAY)},
    {"write-timeout", "SECONDS", "how long a client may pause before it takes more of its answer, as players do; 0: "
     "for ever (default: 300)", NUMBER(write_timeout, 0, INT_MAX / 1000)},
    {"min-rate", "BYTES", "what a client sends of a request, and takes of an answer, in a second, a minute of waiting "
     "taken together; slower ones are given up; 0: none (default: 240)", NUMBER(min_rate, 0, 1000000)},
    {"max-upload", "SIZE", "the most that a request may send, as in 500K, 20M or 4G (default: 1G)",
     SIZE(max_upload, 1), UPLOADS},
    {"max-uploads", "N", "how many requests may send files at once (default: 256)", NUMBER(max_uploads, 1, 4096),
     UPLOADS},
    {"max-receiving", "SIZE", "the most that they may send all together (default: 8 times --max-upload)",
     SIZE(max_receiving, 1), UPLOADS},
    {"min-free", "SIZE", "what is to be left on the disk (default: 64M, but nothing on a disk of less than 1G)",
     SIZE(min_free, 0), UPLOADS},
    {"allow-host", "NAME", "answer for this name, too, or with *.NAME for all names that end in it; a server that only "
     "this machine reaches refuses (421) all but localhost and numbers, as other sites' pages could else use it; any "
     "server does so when a name is given; * stands for every name; may be given several times", .take = take_host,
     .group = "Access"},
    {"auth", "USER:PASSWORD", "ask for a password (HTTP's basic authentication); ps does not show it for longer than a "
     "moment, but --auth-file is better; may be given several times", .take = take_auth},
    {"auth-file", "FILE", "the same, for the users of a file: lines USER:HASH as --hash makes them", .take = take_auth_file},
    {"auth-for", "WHAT", "what the password is for: all, or upload, so that reading takes none (default: all)",
     WORD(auth_for, auth_for)},
    {"hash", "USER", "ask for a password, or read it from stdin, print a line for --auth-file, and exit", .take = take_hash},
    {"allow", "NET", "serve clients of this network only (others get 403), as 192.0.2.0/24, 2001:db8::/32 or 127.0.0.1; "
     "of a Unix socket: user:NAME; may be given several times", .take = take_networks, .offset = offsetof(struct options, allow)},
    {"deny", "NET", "do not serve clients of this network, whatever --allow says", .take = take_networks,
     .offset = offsetof(struct options, deny)},
    {"trust-proxy", "NET", "believe proxies of this network (unix: on a Unix socket) who their client is: Forwarded, "
     "X-Forwarded-For, -Proto and -Host; may be given several times", .take = take_networks,
     .offset = offsetof(struct options, proxies)},
    {"proxy-protocol", NULL, "each connection of these proxies begins with a header of the PROXY protocol, version 1 or 2",
     FLAG(proxy_protocol, 1)},
    {"sandbox", "WHAT", "when it listens the program gives up all files but those of the directory, and all system "
     "calls that serving does not need: auto (what the kernel can do of this; a line tells if that is not all), require "
     "(all of it, or the program ends) or off (default: auto)", WORD(sandbox, sandboxes), .group = "Confinement"},
    {"user", "NAME[:GROUP]", "when it listens become this user, of that group, and nobody's privileges are left; takes "
     "root", .take = take_user},
    {"chroot", NULL, "make the directory the root of all that the program can see; takes root, and a log cannot be opened "
     "anew", FLAG(chroot, 1)},
    {"server-tokens", "WHAT", "what the Server field of each answer says: on (name and version), name, or off: there "
     "is none (default: on)", WORD(server_tokens, tokens), .group = "Others"},
    {"cgi", NULL, NULL, .take = refuse_cgi},
    {"explain", "json", "a running commentary on stderr: each call on a socket, with what has come of it and what "
     "the parser has found; with =json an object of JSON in each line", WORD(explain, explanations), .is_optional = true},
    {"stats", NULL, "a table on stderr at the end: how much, how fast, with how much", FLAG(stats, 1)},
    {"quiet", NULL, "log nothing on stderr", FLAG(quiet, 1), .letter = 'q'},
    {"help", NULL, "show this and exit", .letter = 'h'},
    {"version", NULL, "show the version and what is in, and exit", .letter = 'V'},
    {.name = NULL},
};
/* clang-format on */
