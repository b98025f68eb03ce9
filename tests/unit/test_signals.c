/* SPDX-License-Identifier: MIT */
/* Signals under ss_serve_forever, which sets no handler: none that a client or a limit can raise ends the
   process, and programs that a handler starts know nothing of that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *const classes[] = {"TCPServer",           "ThreadingTCPServer",
                                      "ThreadPoolTCPServer", "ForkingTCPServer",
                                      "PreforkingTCPServer", "PreforkingForkingTCPServer",
                                      "EventLoopTCPServer",  "PreforkingEventLoopTCPServer"};

static void ask_each(int (*handle)(struct ss_handler *), const char *answer)
{
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct ss_handler_class handler = {.handle = handle};
        struct running r;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        r.server.workers = 1;
        launch(&r);
        for (int times = 0; times < 2; times++) {
            int fd = client_of(&r.server);
            expect(fd, answer);
            close(fd);
        }
        stop(&r);
    }
}

/* Ends by SIGPIPE, if it can. */
static int run_yes(struct ss_handler *h)
{
    int ends[2], status = 0;
    char byte;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execlp("yes", "yes", (char *)NULL);
        _exit(9);
    }
    close(ends[1]);
    (void)!read(ends[0], &byte, 1);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return ss_printf(h->wfile, "%d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void test_programs_find_sigpipe_as_it_was(void **state)
{
    char answer[10];
    (void)state;
    snprintf(answer, sizeof answer, "%d\n", SIGPIPE);
    ask_each(run_yes, answer);
}

static int write_to_nobody(struct ss_handler *h)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -errno;
    close(ends[0]);
    int rc = write(ends[1], "x", 1) < 0 ? errno : 0;
    close(ends[1]);
    return ss_printf(h->wfile, "%d\n", rc);
}

static int exceed_limit(struct ss_handler *h)
{
    struct rlimit before, none = {0};
    int fd = memfd_create("limited", MFD_CLOEXEC), rc = 0;
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    if (write(fd, "x", 1) < 0)
        rc = errno;
    setrlimit(RLIMIT_FSIZE, &before);
    close(fd);
    return ss_printf(h->wfile, "%d\n", rc);
}

static void test_neither_ends_the_server(void **state)
{
    char answer[10];
    (void)state;
    snprintf(answer, sizeof answer, "%d\n", EPIPE);
    ask_each(write_to_nobody, answer);
    snprintf(answer, sizeof answer, "%d\n", EFBIG);
    ask_each(exceed_limit, answer);
}

/* Afterwards the thread is as it was, and no signal comes late. */
static void test_given_back(void **state)
{
    static const struct ss_handler_class handlers[] = {{.handle = write_to_nobody}, {.handle = exceed_limit}};
    sigset_t mask;
    (void)state;
    for (size_t i = 0; i < COUNT(handlers); i++) {
        struct ss_server server;
        assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &handlers[i]), 0);
        assert_int_equal(ss_server_bind(&server), 0);
        int fd = client_of(&server);
        assert_int_equal(ss_handle_request(&server), 0);
        close(fd);
        ss_server_close(&server);
    }
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGPIPE));
    assert_false(sigismember(&mask, SIGXFSZ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_find_sigpipe_as_it_was),
        cmocka_unit_test(test_neither_ends_the_server),
        cmocka_unit_test(test_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
