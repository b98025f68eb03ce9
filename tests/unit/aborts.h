/* SPDX-License-Identifier: MIT */
/* For unit tests: mistakes in a program that end it. To be included behind cmocka.h. */
#ifndef ABORTS_H
#define ABORTS_H

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* abort(3) ends a process that does this, after a line that names the mistake. */
static inline void check_aborts(void (*run)(const void *), const void *argument, const char *mistake)
{
    char text[1000] = "";
    int told[2], status;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction act = {.sa_handler = SIG_DFL};
        dup2(told[1], STDERR_FILENO);
        sigaction(SIGABRT, &act, NULL);
        sigaction(SIGSEGV, &act, NULL);
        alarm(10);
        run(argument);
        _exit(1);
    }
    close(told[1]);
    ssize_t n = read(told[0], text, sizeof text - 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (n <= 0 || !strstr(text, mistake))
        fail_msg("\"%s\" instead of \"%s\"", text, mistake);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close(told[0]);
}

#endif
