/* A whole server in one call, for main(): the only part that touches signals. */
#include "core.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ss_server *running;
static pid_t running_in;
static volatile sig_atomic_t signals;

/* A signal that reaches a whole group of processes must not cut short what its children have in progress:
   they hear of the end through the server, and only an orphan decides for itself. */
static void stop(int signal)
{
    if (getpid() != running_in) {
        if (getppid() != running_in)
            _exit(128 + signal);
    } else if (signals++ == 0) {
        ss_shutdown(running);
    } else {
        ss_cancel(running);
    }
}

static void overflow(int signal, siginfo_t *info, void *context)
{
    static const char text[] = "socketserver: a handler has overflowed its coroutine's stack: "
                               "raise stack_size, or use ThreadingMixIn\n";
    (void)context;
    if (loop_overflow(info->si_addr))
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    struct sigaction act = {.sa_handler = SIG_DFL};
    sigaction(signal, &act, NULL);
    if (info->si_code <= 0)
        raise(signal); /* somebody has sent it; a fault happens again on return, and ends the process */
}

/* Somebody's own handler stays; a sanitizer has one, too. */
static void report_overflows(struct sigaction *before)
{
    struct sigaction act = {.sa_sigaction = overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (sigaction(SIGSEGV, NULL, before) == 0 && before->sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &act, NULL);
}

int ss_run_server(struct ss_server *self)
{
    struct sigaction act = {.sa_handler = stop}, before[3];
    running = self;
    running_in = getpid();
    signals = 0;
    report_overflows(&before[0]);
    sigaction(SIGINT, &act, &before[1]);
    sigaction(SIGTERM, &act, &before[2]);
    int rc = ss_serve_forever(self);
    sigaction(SIGSEGV, &before[0], NULL);
    sigaction(SIGINT, &before[1], NULL);
    sigaction(SIGTERM, &before[2], NULL);
    return rc == 0 && signals > 1 ? 130 : rc;
}

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

int ss_run(const struct ss_class *const *bases, const char *address, const struct ss_handler_class *handler)
{
    struct ss_server server;
    char text[128];
    int rc = ss_server_init(&server, bases, address, handler);
    if (rc < 0) {
        fprintf(stderr, "socketserver: cannot make the server: %s%s\n", strerror_r(-rc, text, sizeof text),
                rc == -EINVAL ? mistake(bases, address, handler) : "");
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
