/* SPDX-License-Identifier: MIT */
/* main() of a program that runs one server: its arguments, --help, and the line that says that it serves. */
#include "mixins/names.h"
#include "server/run.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the program's user has chosen. One of a kind: ss_main is called once. */
static struct {
    const struct ss_program *program;
    const struct ss_class *bases[SS_MAX_BASES + 1];
    unsigned workers;
    const struct ss_class *explain, *stats; /* NULL: not asked for */
    char name[200];                         /* of the class */
} chosen;

/* ---------------------------------------------------------------- the line when it serves */

#define LOCALHOST "localhost:" /* is two addresses, and may be just one of them */

/* An address that works on this machine, also for a server that listens on every interface. */
static void print_address(const struct ss_server *self, const char *scheme)
{
    const struct ss_address *address = &self->server_address;
    char text[SS_ADDRESS_TEXT];
    bool any4 = address->u.any.sa_family == AF_INET && address->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
    bool any6 = address->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr);
    if (any4 || any6)
        snprintf(text, sizeof text, "%s:%u", any4 ? "127.0.0.1" : "localhost", ss_address_port(address));
    else if (!strncasecmp(self->address, LOCALHOST, sizeof LOCALHOST - 1))
        snprintf(text, sizeof text, LOCALHOST "%u", ss_address_port(address));
    else
        ss_address_format(address, text, sizeof text);
    bool url = scheme && ss_address_port(address) != 0;
    bool encrypted = ss_state(self, &TLSMixIn);
    printf("%s%s%s%s%s%s", url ? scheme : "", url && encrypted ? "s" : "", url ? "://" : "", text,
           url ? "/" : "", any4 || any6 ? " and every other interface" : "");
}

/* Printed when signals are already handled: who reads it may send one at once. */
static int announce_and_serve(struct ss_server *self);
static const struct ss_class Announcing;

static void set_workers(struct ss_server *self)
{
    if (chosen.workers)
        self->workers = chosen.workers;
}

static int announce_and_serve(struct ss_server *self)
{
    printf("Serving %s on ", program_invocation_short_name);
    print_address(self, chosen.program->scheme);
    printf(" (%s; Ctrl-C stops)\n", chosen.name);
    fflush(stdout);
    return ss_super(self, &Announcing)->serve_forever(self);
}

static const struct ss_class Announcing = {
    .name = "Announcing",
    .init = set_workers,
    .serve_forever = announce_and_serve,
};

/* ---------------------------------------------------------------- its arguments */

static const struct ss_class *own_server(const struct ss_program *program)
{
    const struct ss_class *cls = program->own;
    while (cls && cls != &BaseServer)
        cls = cls->base;
    return cls ? program->own : NULL;
}

static bool may_be(const struct ss_program *program, const struct ss_class *server)
{
    size_t size = strlen(server->name);
    for (const char *at = program->servers; at; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == size && !strncmp(at, server->name, size))
            return true;
    }
    return !program->servers;
}

/* Puts together what the user has named. */
static bool choose_bases(const struct ss_program *program, const char *name)
{
    const struct ss_class *own = own_server(program);
    int count = 0, mixins;
    if (chosen.explain)
        chosen.bases[count++] = chosen.explain;
    if (chosen.stats)
        chosen.bases[count++] = chosen.stats;
    chosen.bases[count++] = &Announcing;
    if (program->own && !own)
        chosen.bases[count++] = program->own;
    const char *rest = name;
    const struct ss_class *named[SS_MAX_BASES], *server = names_mixins(&rest, named, &mixins);
    if (own && (!*rest || !strcmp(rest, own->name)))
        server = own;
    else if (own || !server || !may_be(program, server))
        return false;
    snprintf(chosen.name, sizeof chosen.name, "%.*s%s", (int)(rest - name), name, server->name);
    for (int i = 0; i < mixins && count < SS_MAX_BASES - 1; i++)
        chosen.bases[count++] = named[i];
    chosen.bases[count] = server;
    return true;
}

static int complain(const char *what, const char *argument)
{
    fprintf(stderr, "%s: %s%s; %s --help shows what there is\n", program_invocation_short_name, what,
            argument, program_invocation_name);
    return 2;
}

static void show_help(const struct ss_program *program)
{
    const struct ss_class *own = own_server(program);
    const char *more = program->argument;
    printf("usage: %s [-h] [--workers N] [--explain[=json]] [--stats] [ADDRESS [CLASS%s%s%s]]\n\n%s\n\n",
           program_invocation_short_name, more ? " [" : "", more ? more : "", more ? "]" : "",
           program->about);
    printf("  ADDRESS      host:port, :port (every interface), [ipv6]:port, unix:/path, unix:@name or fd:N;\n"
           "               port 0: any free one (default: %s)\n",
           program->address);
    printf(
        "  CLASS        [MIXIN...]%s, as in %s (the default)\n"
        "               MIXIN: Threading ThreadPool Forking Preforking EventLoop; none: one request after\n"
        "               the other; TLS before it: encrypted, with a certificate that is made for this\n"
        "               machine\n",
        own ? own->name : "SERVER", program->cls);
    if (!own)
        printf("               SERVER: %s\n",
               program->servers ? program->servers
                                : "TCPServer UDPServer UnixStreamServer UnixDatagramServer");
    printf("  --workers N  threads of ThreadPool, processes of Preforking, loops of EventLoop\n"
           "  --explain    a running commentary on stderr: each call on a socket, with what has come of it;\n"
           "               --explain=json: as JSON, an object in each line\n"
           "  --stats      a table on stderr at the end: how much, how fast, with how much\n"
           "  -h, --help   show this and exit\n");
}

static int take_option(const struct ss_program *program, int option, const char *argument)
{
    char *end;
    unsigned long workers;
    switch (option) {
    case 'w':
        workers = strtoul(optarg, &end, 10);
        if (*optarg < '0' || *optarg > '9' || *end || workers < 1 || workers > 100000)
            return complain("no number of workers from 1 to 100000: ", optarg);
        chosen.workers = (unsigned)workers;
        return 0;
    case 'e':
        if (optarg && strcmp(optarg, "json") != 0)
            return complain("--explain can be json, and not ", optarg);
        chosen.explain = optarg ? &ExplainJSONMixIn : &ExplainMixIn;
        return 0;
    case 's':
        chosen.stats = &StatsMixIn;
        return 0;
    case 'h':
        show_help(program);
        return -1;
    case ':':
        return complain("a value is missing after ", argument);
    default:
        return complain("there is no option ", argument);
    }
}

/* 0; -1 when there is nothing left to do; or the exit status. */
static int take_options(int argc, char **argv, const struct ss_program *program)
{
    static const struct option options[] = {
        {"explain", optional_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {"stats", no_argument, NULL, 's'},
        {"workers", required_argument, NULL, 'w'},
        {0},
    };
    int option, rc = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
        rc = take_option(program, option, argv[optind - 1]);
    return rc;
}

int ss_main(int argc, char **argv, const struct ss_program *program)
{
    chosen.program = program;
    int rc = take_options(argc, argv, program);
    if (rc != 0)
        return rc < 0 ? 0 : rc;
    argc -= optind;
    argv += optind;
    int most = program->argument ? 3 : 2;
    if (argc > most)
        return complain("there is nothing to do with ", argv[most]);
    const char *cls = argc > 1 && *argv[1] ? argv[1] : program->cls;
    if (!choose_bases(program, cls))
        return complain("no class for this program is called ", cls);
    if (argc > 2)
        *program->value = argv[2];
    return run_prepared(chosen.bases, argc > 0 ? argv[0] : program->address, program->handler,
                        program->prepare);
}
