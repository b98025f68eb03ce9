/* Reading the command line: that of `python3 -m http.server`, and what we have besides. */
#include "httpserver/options.h"

#include "http_server.h"
#include "text/number.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { /* options without a letter */
       PROTOCOL = 256,
       MIXIN,
       WORKERS,
       CGI,
       MIME,
       CACHE,
       COMPRESS,
       SYMLINKS,
       HIDDEN,
       ACCESS_LOG,
       LOG_FORMAT,
       SERVER_TOKENS,
};
enum { MAX_MIXINS = SS_MAX_BASES - 3, MAX_WORKERS = 1024, MAX_CACHE = 0x7fffffff };

static const char usage[] =
    "usage: httpserver [-h] [-V] [-b ADDRESS] [-p PORT] [-d DIR] [--protocol VERSION]\n"
    "                  [--mixin NAME[,NAME]] [--workers N] [-q] [OPTION]... [PORT]\n";

static const char help[] =
    "\n"
    "Serves the files of a directory over HTTP.\n"
    "\n"
    "  PORT, -p, --port PORT   listen on this port (default: 8000; 0: any free one)\n"
    "  -b, --bind ADDRESS      on this address: a name or number, 0.0.0.0 or :: for every\n"
    "                          interface, unix:/path, unix:@name or fd:3 (default: 127.0.0.1)\n"
    "  -d, --directory DIR     serve this directory (default: the current one)\n"
    "  --protocol VERSION      HTTP/1.1, or HTTP/1.0 for a connection per request\n"
    "                          (default: HTTP/1.1)\n"
    "  --mixin NAME[,NAME]     who runs requests: eventloop, threading, threadpool, forking,\n"
    "                          preforking, two of them as in preforking,eventloop, or\n"
    "                          sequential (default: eventloop)\n"
    "  --workers N             loops of eventloop, threads of threadpool, processes of\n"
    "                          preforking\n"
    "  --mime EXT=TYPE         the media type of files that end in EXT or have it as their whole\n"
    "                          name, as in --mime log=text/plain or --mime README=text/plain;\n"
    "                          may be given several times\n"
    "  --cache SECONDS         how long browsers and caches may use a file without asking\n"
    "                          again (default: 0, they always ask)\n"
    "  --compress WHAT         for clients that accept it: off, precompressed (name.zst, name.br,\n"
    "                          name.gz for name), small (text up to 64 KiB, too, once for all), or\n"
    "                          all (longer text, too, each time) (default: small)\n"
    "  --symlinks WHICH        follow symbolic links: never, inside (those that lead to something\n"
    "                          in the directory), follow (to any file on this machine)\n"
    "                          (default: inside)\n"
    "  --hidden                serve and list names that begin with a dot, too; without it only\n"
    "                          /.well-known/ is served\n"
    "  --access-log FILE       append the log of requests to this file, which is opened anew\n"
    "                          at SIGHUP and never served (default: stderr)\n"
    "  --log-format NAME       python, common, combined (Apache's), or json, which alone has\n"
    "                          the time that each request took (default: python)\n"
    "  --upload                let clients store files: a form on each listing, POST of\n"
    "                          multipart/form-data to a directory, and PUT; to be used among\n"
    "                          people who trust each other\n"
    "  --on-duplicate WHAT     when a file is sent whose name is taken: error, overwrite or rename\n"
    "                          (default: error for POST, overwrite for PUT)\n"
    "  --max-upload SIZE       the most that a request may send, as in 500K, 20M or 4G\n"
    "                          (default: 1G)\n"
    "  --max-uploads N         how many requests may send files at once (default: 256)\n"
    "  --max-receiving SIZE    the most that they may send all together (default: 8 times\n"
    "                          --max-upload)\n"
    "  --min-free SIZE         what is to be left on the disk (default: 64M, but nothing on a\n"
    "                          disk of less than 1G)\n"
    "  --upload-index          let clients store index pages and what lies below /.well-known/\n"
    "  --upload-siblings       send name.zst, name.br or name.gz for name with --upload, too, as does\n"
    "                          --compress precompressed, though a client may have stored it\n"
    "  --write-timeout SECONDS how long a client may pause before it takes more of its answer, as\n"
    "                          players do; 0: for ever (default: 300)\n"
    "  --min-rate BYTES        what a client sends of a request, and takes of an answer, in a second,\n"
    "                          a minute of waiting taken together; slower ones are given up; 0: none\n"
    "                          (default: 240)\n"
    "  --max-connections-per-client N\n"
    "                          how many connections of one address are served at once; more wait;\n"
    "                          0: no limit (default: 256 of threading, 40 of forking, else 0)\n"
    "  --server-tokens WHAT    what the Server field of each answer says: on (name and version),\n"
    "                          name, or off: there is none (default: on)\n"
    "  -q, --quiet             log nothing on stderr\n"
    "  -h, --help              show this and exit\n"
    "  -V, --version           show the version and what is in, and exit\n";

static const struct option long_options[] = {
    {"bind", required_argument, NULL, 'b'},
    {"port", required_argument, NULL, 'p'},
    {"directory", required_argument, NULL, 'd'},
    {"protocol", required_argument, NULL, PROTOCOL},
    {"mixin", required_argument, NULL, MIXIN},
    {"workers", required_argument, NULL, WORKERS},
    {"cache", required_argument, NULL, CACHE},
    {"compress", required_argument, NULL, COMPRESS},
    {"cgi", no_argument, NULL, CGI},
    {"mime", required_argument, NULL, MIME},
    {"symlinks", required_argument, NULL, SYMLINKS},
    {"hidden", no_argument, NULL, HIDDEN},
    {"access-log", required_argument, NULL, ACCESS_LOG},
    {"log-format", required_argument, NULL, LOG_FORMAT},
    {"upload", no_argument, NULL, OPTION_UPLOAD},
    {"on-duplicate", required_argument, NULL, OPTION_ON_DUPLICATE},
    {"max-upload", required_argument, NULL, OPTION_MAX_UPLOAD},
    {"max-uploads", required_argument, NULL, OPTION_MAX_UPLOADS},
    {"max-receiving", required_argument, NULL, OPTION_MAX_RECEIVING},
    {"min-free", required_argument, NULL, OPTION_MIN_FREE},
    {"upload-index", no_argument, NULL, OPTION_UPLOAD_INDEX},
    {"upload-siblings", no_argument, NULL, OPTION_UPLOAD_SIBLINGS},
    {"write-timeout", required_argument, NULL, OPTION_WRITE_TIMEOUT},
    {"min-rate", required_argument, NULL, OPTION_MIN_RATE},
    {"max-connections-per-client", required_argument, NULL, OPTION_PER_CLIENT},
    {"server-tokens", required_argument, NULL, SERVER_TOKENS},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

int complain(const char *text, const char *what)
{
    fprintf(stderr, "httpserver: %s%s; httpserver --help shows what there is\n", text, what);
    return 2;
}

bool number(const char *text, unsigned long limit, unsigned *value)
{
    int64_t n;
    if (!http_read_number(&text, &n) || *text || (uint64_t)n > limit)
        return false;
    *value = (unsigned)n;
    return true;
}

static bool is_none(const char *name)
{
    return strcasecmp(name, "sequential") == 0 || strcasecmp(name, "none") == 0;
}

/* "preforking,eventloop"; "sequential" and "none" stand for no mix-in at all. */
static int parse_mixins(const char *argument, struct options *options)
{
    char copy[256], *names = copy, *name;
    size_t count = 0;

    if (snprintf(copy, sizeof copy, "%s", argument) >= (int)sizeof copy)
        return complain("too many mix-ins: ", argument);

    if (!is_none(names)) {
        while ((name = strsep(&names, ",")) != NULL) {
            const struct ss_class *mixin = ss_mixin(name);

            if (mixin == NULL)
                return is_none(name) ? complain("this stands alone: ", name)
                                     : complain("no such mix-in (eventloop, threading, threadpool, forking, "
                                                "preforking, sequential): ",
                                                name);
            if (count == MAX_MIXINS)
                return complain("too many mix-ins before ", name);
            options->mixins[count++] = mixin;
        }
    }
    options->mixins[count] = NULL;
    return -1;
}

static int parse_symlinks(const char *argument, struct options *options)
{
    static const char *const names[] = {[HTTP_SYMLINKS_NEVER] = "never",
                                        [HTTP_SYMLINKS_INSIDE] = "inside",
                                        [HTTP_SYMLINKS_FOLLOW] = "follow"};

    for (unsigned i = HTTP_SYMLINKS_NEVER; i <= HTTP_SYMLINKS_FOLLOW; i++) {
        if (strcmp(argument, names[i]) == 0) {
            options->symlinks = (enum http_symlinks)i;
            return -1;
        }
    }
    return complain("--symlinks is never, inside or follow, not ", argument);
}

static int parse_format(const char *name, struct options *options)
{
    static const struct {
        const char *name;
        void (*log_request)(struct ss_handler *h, int status, int64_t size);
    } formats[] = {{"python", http_log_python},
                   {"common", http_log_common},
                   {"combined", http_log_combined},
                   {"json", http_log_json}};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            options->log_request = formats[i].log_request;
            return -1;
        }
    }
    return complain("--log-format is python, common, combined or json, not ", name);
}

/* Bind address and port as one string. */
static int compose_address(struct options *options, const char *bind, unsigned port)
{
    const char *format = strchr(bind, ':') != NULL && bind[0] != '[' ? "[%s]:%u" : "%s:%u";
    const char *colon = strrchr(bind, ':');
    int size;

    if (colon != NULL && strchr(bind, ':') == colon && colon > bind && colon[1] != '\0' &&
        strspn(colon + 1, "0123456789") == strlen(colon + 1) && strncmp(bind, "fd:", 3) != 0)
        return complain("the port goes to -p, not behind the address: ", bind);
    if (strncmp(bind, "unix:", 5) == 0 || strncmp(bind, "fd:", 3) == 0)
        size = snprintf(options->address, sizeof options->address, "%s", bind);
    else
        size = snprintf(options->address, sizeof options->address, format, bind, port);
    if (size >= (int)sizeof options->address)
        return complain("too long an address: ", bind);
    return -1;
}

/* "log=text/plain" */
static int add_type(const char *argument)
{
    const char *equals = strchr(argument, '=');
    char *ext = equals != NULL ? strndup(argument, (size_t)(equals - argument)) : NULL;
    int rc = ext != NULL ? http_add_type(equals + 1, ext) : -EINVAL;

    free(ext);
    return rc < 0 ? complain("--mime is EXT=TYPE, as in log=text/plain, not ", argument) : -1;
}

static int parse_compress(const char *argument, struct options *options)
{
    static const char *const words[] = {[HTTP_COMPRESS_OFF] = "off",
                                        [HTTP_COMPRESS_PRECOMPRESSED] = "precompressed",
                                        [HTTP_COMPRESS_SMALL] = "small",
                                        [HTTP_COMPRESS_ALL] = "all"};

    for (int i = HTTP_COMPRESS_OFF; i <= HTTP_COMPRESS_ALL; i++)
        if (strcmp(argument, words[i]) == 0) {
            options->compress = (enum http_compression)i;
            if (i == HTTP_COMPRESS_PRECOMPRESSED) /* that is all there is to it */
                options->siblings = HTTP_SIBLINGS_SENT;
            return -1;
        }
    return complain("--compress is off, precompressed, small or all, not ", argument);
}

static int parse_tokens(struct options *options)
{
    static const struct {
        const char *word, *field; /* NULL: the library's own */
    } tokens[] = {{"on", NULL}, {"name", "httpserver"}, {"off", ""}};

    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        if (strcmp(optarg, tokens[i].word) == 0) {
            options->server_version = tokens[i].field;
            return -1;
        }
    }
    return complain("--server-tokens is on, name or off, not ", optarg);
}

static int parse_port(const char *text, unsigned *port)
{
    if (number(text, 65535, port))
        return -1;
    return strncmp(text, "HTTP/", 5) == 0
               ? complain("-p is the port here, the version of HTTP is --protocol ", text)
               : complain("no port number from 0 to 65535: ", text);
}

static int parse_protocol(const char *text, struct options *options)
{
    options->protocol = text;
    if (strcmp(text, "HTTP/1.1") != 0 && strcmp(text, "HTTP/1.0") != 0)
        return complain("--protocol is HTTP/1.0 or HTTP/1.1, not ", text);
    return -1;
}

static int parse_option(int option, struct options *options, const char **bind, unsigned *port)
{
    if (option >= OPTION_WRITE_TIMEOUT)
        return options_limits(option, options);
    if (option >= OPTION_UPLOAD)
        return options_upload(option, options);
    switch (option) {
    case 'b':
        *bind = optarg;
        return -1;
    case 'p':
        return parse_port(optarg, port);
    case 'd':
        options->directory = optarg;
        return -1;
    case 'q':
        options->quiet = true;
        return -1;
    case PROTOCOL:
        return parse_protocol(optarg, options);
    case MIXIN:
        return parse_mixins(optarg, options);
    case WORKERS:
        if (!number(optarg, MAX_WORKERS, &options->workers) || options->workers == 0)
            return complain("--workers is a number from 1 to 1024, not ", optarg);
        return -1;
    case MIME:
        return add_type(optarg);
    case SYMLINKS:
        return parse_symlinks(optarg, options);
    case HIDDEN:
        options->hidden = true;
        return -1;
    case ACCESS_LOG:
        options->access_log = optarg;
        return -1;
    case LOG_FORMAT:
        return parse_format(optarg, options);
    case CACHE:
        return number(optarg, MAX_CACHE, &options->cache)
                   ? -1
                   : complain("--cache is a number of seconds up to 2147483647, not ", optarg);
    case COMPRESS:
        return parse_compress(optarg, options);
    case SERVER_TOKENS:
        return parse_tokens(options);
    case CGI:
        return complain("--cgi is not supported: write a handler, which is faster and safer", "");
    case 'h':
        printf("%s%s", usage, help);
        return 0;
    case 'V':
        printf("httpserver %s\n%s%s", http_version(), http_features(), ss_features());
        return 0;
    default:
        fputs("httpserver --help shows what there is\n", stderr); /* getopt has said what is wrong */
        return 2;
    }
}

static bool takes_workers(const struct options *options)
{
    for (size_t i = 0; options->mixins[i] != NULL; i++)
        if (options->mixins[i] != &ThreadingMixIn && options->mixins[i] != &ForkingMixIn)
            return true;
    return false;
}

int options_parse(int argc, char **argv, struct options *options)
{
    const char *bind = "127.0.0.1";
    unsigned port = 8000;
    int option, rc = -1;

    *options = (struct options){.directory = ".",
                                .min_rate = -1,
                                .protocol = "HTTP/1.1",
                                .mixins = {&EventLoopMixIn},
                                .log_request = http_log_python};
    while (rc < 0 && (option = getopt_long(argc, argv, "b:p:d:qhV", long_options, NULL)) != -1)
        rc = parse_option(option, options, &bind, &port);
    if (rc >= 0)
        return rc;
    if (options->workers != 0 && !takes_workers(options))
        return complain("--workers is for eventloop, threadpool and preforking", "");
    if (!options->upload && options->upload_option)
        return complain("this goes with --upload: --", options->upload_option);
    if (optind < argc && !number(argv[optind], 65535, &port))
        return complain("no port number from 0 to 65535: ", argv[optind]);
    if (optind + 1 < argc)
        return complain("one port is enough, what is ", argv[optind + 1]);
    return compose_address(options, bind, port);
}
