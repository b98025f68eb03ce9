/* SPDX-License-Identifier: MIT */
/* What ss_run says when a server cannot start, or go on: one line, with what to do about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};
static char said[2000];

/* As ss_run, with what it says in `said`. */
static int run_and_listen(const struct ss_class *const *bases, const char *address,
                          const struct ss_handler_class *handler)
{
    int before = dup(STDERR_FILENO), told = memfd_create("told", MFD_CLOEXEC);
    assert_true(before >= 0 && told >= 0);
    dup2(told, STDERR_FILENO);
    int rc = ss_run(bases, address, handler);
    dup2(before, STDERR_FILENO);
    close(before);
    ssize_t n = pread(told, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = 0;
    close(told);
    return rc;
}

static void check_said(const char *first, const char *address, int error, const char *more)
{
    char expected[500];
    snprintf(expected, sizeof expected, "socketserver: %s%s: %s%s", first, address, ss_strerror(error), more);
    const char *end = strchr(said, '\n');
    if (!end || end[1] || strncmp(said, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" instead of \"%s\"", said, expected);
}

/* ---- it cannot listen ---- */

static int bind_error;

static int fail_to_bind(struct ss_server *self)
{
    (void)self;
    return bind_error;
}

static const struct ss_class Failing = {.name = "Failing", .server_bind = fail_to_bind};

static const struct {
    const char *address;
    int error;
    const char *advice;
} refusals[] = {
    {"localhost:80", -EADDRINUSE, "; another program has this address: stop it, or choose another one"},
    {"unix:/tmp/x", -EADDRINUSE, "; another program has this address"},
    {"localhost:80", -EACCES, "; ports below 1024 are for root: choose a higher one"},
    {"unix:/tmp/x", -EACCES, "; look at the permissions of its directory"},
    {"nowhere:80", -ENOENT, "; no host has this name: check its spelling"},
    {"unix:/no/x", -ENOENT, "; its directory must exist"},
    {"unix:/dev/null/x", -ENOTDIR, "; its directory must be one"},
    {"unix:/long", -ENAMETOOLONG, "; the kernel takes a path of up to 107 bytes"},
    {"somewhere:80", -ENONET, "; try again, or write the host as a number"},
    {"somewhere:htpt", -EPROTONOSUPPORT, "; write the port as a number"},
    {"localhost:x", -EINVAL, "; write host:port, [ipv6]:port, :port, unix:/path, unix:@name or fd:number"},
    {"192.0.2.1:80", -EADDRNOTAVAIL, "; no interface of this machine has it"},
    {"unix:/tmp/x", -EAFNOSUPPORT, "; unix: is for UnixStreamServer and UnixDatagramServer, host:port for"},
    {"fd:3", -EBADF, "; it is not open: systemd passes its sockets from fd:3 on"},
    {"fd:3", -EPROTOTYPE, "; it is not a socket of the server's type"},
    {"fd:3", -ENOTSOCK, "; it is not a socket of the server's type"},
    {"localhost:80", -EMFILE, "; raise the limit of open files (ulimit -n)"},
    {"localhost:80", -ENFILE, "; raise the limit of open files (ulimit -n)"},
    {"localhost:80", -ENOMEM, "\n"}, /* no advice is better than a wrong one */
};

static void test_cannot_listen(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        bind_error = refusals[i].error;
        assert_int_equal(run_and_listen(SS_BASES(&Failing, &TCPServer), refusals[i].address, &EchoHandler),
                         1);
        check_said("cannot listen on ", refusals[i].address, bind_error, refusals[i].advice);
    }
}

/* ---- it cannot be made ---- */

static void test_cannot_be_made(void **state)
{
    static const struct ss_class *const none[] = {NULL};
    (void)state;
    assert_int_equal(run_and_listen(NULL, "localhost:0", &EchoHandler), 1);
    check_said("cannot make the server", "", -EINVAL, "; there are no bases");
    assert_int_equal(run_and_listen(SS_BASES(&TCPServer), NULL, &EchoHandler), 1);
    check_said("cannot make the server", "", -EINVAL, "; there is no address");
    assert_int_equal(run_and_listen(SS_BASES(&TCPServer), "localhost:0", NULL), 1);
    check_said("cannot make the server", "", -EINVAL, "; there is no handler");
    static const char in_order[] = "; name the mix-ins first, PreforkingMixIn",
                      not_last[] = "; ThreadingMixIn is the last of the bases, and no server class";
    const struct {
        const struct ss_class *const *bases;
        const char *advice;
    } bad[] = {{none, in_order},
               {SS_BASES(&ThreadingMixIn), not_last},
               {SS_BASES(&TCPServer, &ThreadingMixIn), not_last},
               {SS_BASES(&EventLoopMixIn, &PreforkingMixIn, &TCPServer), in_order}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(run_and_listen(bad[i].bases, "localhost:0", &EchoHandler), 1);
        check_said("cannot make the server", "", -EINVAL, bad[i].advice);
    }
}

/* `left`: how many descriptors may still be opened. */
static void without_descriptors(int left, const char *first)
{
    struct rlimit before, few;
    int told = memfd_create("told", MFD_CLOEXEC), next = dup(told), after;
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)next + (rlim_t)left;
    fflush(stderr);
    after = dup2(STDERR_FILENO, next) < 0 ? -1 : next;
    dup2(told, STDERR_FILENO);
    few.rlim_cur++;
    setrlimit(RLIMIT_NOFILE, &few);
    int rc = ss_run(SS_BASES(&TCPServer), "127.0.0.1:0", &EchoHandler);
    setrlimit(RLIMIT_NOFILE, &before);
    dup2(after, STDERR_FILENO);
    close(after);
    ssize_t n = pread(told, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = 0;
    close(told);
    assert_int_equal(rc, 1);
    check_said(first, "", -EMFILE, "; raise the limit of open files (ulimit -n)");
}

static void test_no_descriptors(void **state)
{
    (void)state;
    for (int left = 0; left < 3; left++)
        without_descriptors(left, "cannot make the server");
}

/* ---- it cannot go on ---- */

static int fail_to_serve(struct ss_server *self)
{
    (void)self;
    return -EIO;
}

static void test_cannot_go_on(void **state)
{
    static const struct ss_class Stopping = {.name = "Stopping", .serve_forever = fail_to_serve};
    (void)state;
    assert_int_equal(run_and_listen(SS_BASES(&Stopping, &TCPServer), "127.0.0.1:0", &EchoHandler), 1);
    check_said("cannot go on serving ", "127.0.0.1:0", -EIO, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cannot_listen),
        cmocka_unit_test(test_cannot_be_made),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_cannot_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
