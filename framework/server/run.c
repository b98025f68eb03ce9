/* SPDX-License-Identifier: MIT */
/* A whole server in one call, for main(): with signal handlers and without the soft limit of open files. */
#include "server/run.h"
#include "server/core.h"
#include "server/signal_handlers.h"
#include "socketserver.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Each connection takes a descriptor, and so does each file that is sent: the process gets as many as it may
   have. The soft limit is lower for the sake of programs that use select(2). */
static void raise_limit(struct rlimit *previous)
{
    if (getrlimit(RLIMIT_NOFILE, previous) == 0 && previous->rlim_cur < previous->rlim_max)
        (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){previous->rlim_max, previous->rlim_max});
}

int ss_run_server(struct ss_server *self)
{
    struct sigaction overflows;
    struct rlimit files = {0};
    raise_limit(&files);
    report_overflows(&overflows);
    take_signals(self);
    int rc = ss_serve_forever(self);
    int signals = give_signals_back();
    sigaction(SIGSEGV, &overflows, NULL);
    if (files.rlim_max)
        (void)setrlimit(RLIMIT_NOFILE, &files);
    return rc == 0 && signals > 1 ? 130 : rc;
}

static const char no_descriptors[] = "; raise the limit of open files (ulimit -n)";

/* What to do about an error of ss_server_bind; `of_path` is for Unix sockets, where that is something else.
 */
static const struct {
    int error;
    const char *advice, *of_path;
} advices[] = {
    {-EADDRINUSE, "; another program has this address: stop it, or choose another one", NULL},
    {-EACCES, "; ports below 1024 are for root: choose a higher one",
     "; look at the permissions of its directory"},
    {-ENOENT, "; no host has this name: check its spelling", "; its directory must exist"},
    {-ENOTDIR, "; its directory must be one", NULL},
    {-ENAMETOOLONG, "; the kernel takes a path of up to 107 bytes: choose a shorter one", NULL},
    {-ENONET, "; try again, or write the host as a number", NULL},
    {-EPROTONOSUPPORT, "; write the port as a number", NULL},
    {-EMFILE, no_descriptors, NULL},
    {-ENFILE, no_descriptors, NULL},
    {-EINVAL, "; write host:port, [ipv6]:port, :port, unix:/path, unix:@name or fd:number", NULL},
    {-EADDRNOTAVAIL, "; no interface of this machine has it", NULL},
    {-EAFNOSUPPORT,
     "; unix: is for UnixStreamServer and UnixDatagramServer, host:port for TCPServer and UDPServer", NULL},
    {-EBADF, "; it is not open: systemd passes its sockets from fd:3 on", NULL},
    {-EPROTOTYPE, "; it is not a socket of the server's type", NULL},
    {-ENOTSOCK, "; it is not a socket of the server's type", NULL},
};

static const char *advice(const char *address, int error)
{
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if (advices[i].error == error)
            return advices[i].of_path && !strncmp(address, "unix:", 5) ? advices[i].of_path
                                                                       : advices[i].advice;
    return "";
}

static bool is_server(const struct ss_class *cls)
{
    while (cls && cls != &BaseServer)
        cls = cls->base;
    return cls;
}

/* Why ss_server_init has returned -EINVAL. */
static const char *mistake(const struct ss_class *const *bases, const char *address,
                           const struct ss_handler_class *handler, char text[200])
{
    if (!bases)
        return "; there are no bases: ss_bases knows names like ThreadingTCPServer";
    if (!address)
        return "; there is no address: name one, as localhost:8000";
    if (!handler)
        return "; there is no handler class";
    while (*bases && bases[1])
        bases++;
    if (*bases && !is_server(*bases))
        snprintf(text, 200, "; %.100s is the last of the bases, and no server class", class_name(*bases));
    else
        strcpy(text, "; name the mix-ins first, PreforkingMixIn before others, then one server class");
    return text;
}

static const char *init_advice(const struct ss_class *const *bases, const char *address,
                               const struct ss_handler_class *handler, int error, char text[200])
{
    return error == -EINVAL                       ? mistake(bases, address, handler, text)
           : error == -EMFILE || error == -ENFILE ? no_descriptors
                                                  : "";
}

static int make(struct ss_server *server, const struct ss_class *const *bases, const char *address,
                const struct ss_handler_class *handler)
{
    char advised[200];
    int rc = ss_server_init(server, bases, address, handler);
    if (rc < 0)
        fprintf(stderr, "socketserver: cannot make the server: %s%s\n", ss_strerror(rc),
                init_advice(bases, address, handler, rc, advised));
    return rc;
}

static int bind_and_serve(struct ss_server *server, const char *address)
{
    int rc = ss_server_bind(server);
    if (rc < 0 && *ss_reason())
        fprintf(stderr, "socketserver: %s\n", ss_reason());
    else if (rc < 0)
        fprintf(stderr, "socketserver: cannot listen on %s: %s%s\n", address, ss_strerror(rc),
                advice(address, rc));
    else if (rc == 0 && (rc = ss_run_server(server)) < 0)
        fprintf(stderr, "socketserver: cannot go on serving %s: %s\n", address, ss_strerror(rc));
    return rc < 0 ? 1 : rc;
}

int run_prepared(const struct ss_class *const *bases, const char *address,
                 const struct ss_handler_class *handler, int (*prepare)(struct ss_server *self))
{
    struct ss_server server;
    if (make(&server, bases, address, handler) < 0)
        return 1;
    int rc = prepare ? prepare(&server) : 0;
    if (rc == 0)
        rc = bind_and_serve(&server, address);
    ss_server_close(&server);
    return rc;
}

int ss_run(const struct ss_class *const *bases, const char *address, const struct ss_handler_class *handler)
{
    return run_prepared(bases, address, handler, NULL);
}
