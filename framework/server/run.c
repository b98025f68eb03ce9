/* A whole server in one call, for main(): the only part that touches signals. */
#include "server/process.h"
#include "server/serving.h"
#include "server/signals.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct ss_server *running;
static atomic_int signals; /* two threads may each get one at the same time */

static void stop(int signal);

/* What we take, and from whom: who starts a program in the background, or for a session that will end, has it
   ignore signals; and somebody's own handler stays. */
enum { FROM_ANYBODY, UNLESS_IGNORED, UNLESS_CARED_FOR };
static const struct {
    void (*handler)(int);
    int number, taken;
} taken[] = {
    {stop, SIGTERM, FROM_ANYBODY},         {stop, SIGINT, UNLESS_IGNORED},
    {overlook, SIGPIPE, UNLESS_CARED_FOR}, {overlook, SIGXFSZ, UNLESS_CARED_FOR},
    {overlook, SIGXCPU, UNLESS_CARED_FOR},
};
enum { TAKEN = sizeof taken / sizeof *taken };
static struct sigaction before[TAKEN];

/* In a process that a handler has forked, and that has not called exec: it is none of ours. */
static void act_as_before(int signal)
{
    for (int i = 0; i < TAKEN; i++)
        if (taken[i].number == signal)
            sigaction(signal, &before[i], NULL);
    raise(signal);
}

/* A signal that reaches a whole group of processes must not cut short what its children have in progress:
   they hear of the end through the server, and only an orphan decides for itself. */
static void stop(int signal)
{
    switch (process_role()) {
    case PROCESS_SERVER:
        if (atomic_fetch_add(&signals, 1) == 0)
            ss_shutdown(running);
        else
            ss_cancel(running);
        break;
    case PROCESS_CHILD:
        break;
    case PROCESS_ORPHAN:
        _exit(128 + signal);
    case PROCESS_OTHER:
        act_as_before(signal);
    }
}

void overlook(int signal)
{
    if (process_role() == PROCESS_OTHER)
        act_as_before(signal);
}

static void take_signals(void)
{
    process_is_server();
    signals = 0;
    for (int i = 0; i < TAKEN; i++) {
        struct sigaction act = {.sa_handler = taken[i].handler};
        sigaction(taken[i].number, NULL, &before[i]);
        bool ignored = before[i].sa_handler == SIG_IGN, cared_for = before[i].sa_handler != SIG_DFL;
        if (taken[i].taken == FROM_ANYBODY || !(taken[i].taken == UNLESS_IGNORED ? ignored : cared_for))
            sigaction(taken[i].number, &act, NULL);
    }
}

static void give_signals_back(void)
{
    for (int i = 0; i < TAKEN; i++)
        sigaction(taken[i].number, &before[i], NULL);
}

static void overflow(int signal, siginfo_t *info, void *context)
{
    static const char text[] = "socketserver: a handler has overflowed its coroutine's stack: "
                               "raise stack_size, or use ThreadingMixIn\n";
    const struct serving *serving = serving_current();
    (void)context;
    if (serving && serving->overflowed(serving->loop, info->si_addr))
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    struct sigaction act = {.sa_handler = SIG_DFL};
    sigaction(signal, &act, NULL);
    if (info->si_code <= 0)
        raise(signal); /* somebody has sent it; a fault happens again on return, and ends the process */
}

/* Somebody's own handler stays; a sanitizer has one, too. */
static void report_overflows(struct sigaction *previous)
{
    struct sigaction act = {.sa_sigaction = overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (sigaction(SIGSEGV, NULL, previous) == 0 && previous->sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &act, NULL);
}

/* As many descriptors as the process may have: each connection takes one, and each file that is sent. The
   lower limit is for programs with select(2). */
static void raise_limit(struct rlimit *previous)
{
    if (getrlimit(RLIMIT_NOFILE, previous) == 0 && previous->rlim_cur < previous->rlim_max)
        (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){previous->rlim_max, previous->rlim_max});
}

int ss_run_server(struct ss_server *self)
{
    struct sigaction overflows;
    struct rlimit files = {0};
    running = self;
    raise_limit(&files);
    report_overflows(&overflows);
    take_signals();
    int rc = ss_serve_forever(self);
    give_signals_back();
    sigaction(SIGSEGV, &overflows, NULL);
    if (files.rlim_max)
        (void)setrlimit(RLIMIT_NOFILE, &files);
    return rc == 0 && signals > 1 ? 130 : rc;
}

static const char no_descriptors[] = "; raise the limit of open files (ulimit -n)";

static const char *advice(const char *address, int error)
{
    bool is_path = !strncmp(address, "unix:", 5);
    switch (error) {
    case -EADDRINUSE:
        return "; another program has this address: stop it, or choose another one";
    case -EACCES:
        return is_path ? "; look at the permissions of its directory"
                       : "; ports below 1024 are for root: choose a higher one";
    case -ENOENT:
        return is_path ? "; its directory must exist" : "; no host has this name: check its spelling";
    case -ENOTDIR:
        return "; its directory must be one";
    case -ENAMETOOLONG:
        return "; the kernel takes a path of up to 107 bytes: choose a shorter one";
    case -EHOSTUNREACH:
        return "; no name server answers: try again, or write the host as a number";
    case -EMFILE:
    case -ENFILE:
        return no_descriptors;
    case -EINVAL:
        return "; write host:port, [ipv6]:port, :port, unix:/path, unix:@name or fd:number";
    case -EADDRNOTAVAIL:
        return "; no interface of this machine has it";
    case -EAFNOSUPPORT:
        return "; unix: is for UnixStreamServer and UnixDatagramServer, host:port for TCPServer and "
               "UDPServer";
    case -EBADF:
        return "; it is not open: systemd passes its sockets from fd:3 on";
    case -EPROTOTYPE:
    case -ENOTSOCK:
        return "; it is not a socket of the server's type";
    default:
        return "";
    }
}

/* What is wrong with what a server was to be made of. */
static const char *mistake(const struct ss_class *const *bases, const char *address,
                           const struct ss_handler_class *handler)
{
    if (!bases)
        return "; there are no bases: ss_bases knows names like ThreadingTCPServer";
    if (!address)
        return "; there is no address: name one, as localhost:8000";
    if (!handler)
        return "; there is no handler class";
    return "; name the mix-ins first, PreforkingMixIn before others, then one server class";
}

static const char *init_advice(const struct ss_class *const *bases, const char *address,
                               const struct ss_handler_class *handler, int error)
{
    return error == -EINVAL                       ? mistake(bases, address, handler)
           : error == -EMFILE || error == -ENFILE ? no_descriptors
                                                  : "";
}

int ss_run(const struct ss_class *const *bases, const char *address, const struct ss_handler_class *handler)
{
    struct ss_server server;
    char text[128];
    int rc = ss_server_init(&server, bases, address, handler);
    if (rc < 0) {
        fprintf(stderr, "socketserver: cannot make the server: %s%s\n", strerror_r(-rc, text, sizeof text),
                init_advice(bases, address, handler, rc));
        return 1;
    }
    rc = ss_server_bind(&server);
    if (rc < 0) {
        fprintf(stderr, "socketserver: cannot listen on %s: %s%s\n", address,
                strerror_r(-rc, text, sizeof text), advice(address, rc));
    } else if ((rc = ss_run_server(&server)) < 0) {
        fprintf(stderr, "socketserver: cannot go on serving %s: %s\n", address,
                strerror_r(-rc, text, sizeof text));
    }
    ss_server_close(&server);
    return rc < 0 ? 1 : rc;
}
