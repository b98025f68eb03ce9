/* SPDX-License-Identifier: MIT */
/* processes CLASS ADDRESS [NAME=VALUE...]: a server whose handlers fork, exec, die, and close what is not
   theirs. Each line that a client sends is a command of the table below; the answer is a line. It prints its
   address once clients can connect. */
#include "socketserver.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- helpers */

/* A process that a handler forks, without the connection and in a process group of its own; returns only in
   the one that serves. */
static pid_t helper(struct ss_handler *h, void (*work)(void))
{
    pid_t pid = fork();
    if (pid > 0)
        setpgid(pid, 0);
    if (pid)
        return pid;
    setpgid(0, 0);
    close(h->request->fd);
    work();
    _exit(0);
}

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

/* One that outlives the request, and that the test ends. */
static int leave_helper(struct ss_handler *h)
{
    return ss_printf(h->wfile, "%d\n", helper(h, wait_for_ever));
}

static int answer_status(struct ss_handler *h, pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return ss_printf(h->wfile, WIFSIGNALED(status) ? "signal %d\n" : "status %d\n",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void write_to_nobody(void)
{
    int ends[2];
    sigset_t mask;
    if (pipe(ends) == 0 && close(ends[0]) == 0 && sigprocmask(SIG_BLOCK, NULL, &mask) == 0)
        _exit(write(ends[1], "x", 1) < 0 ? 1 : 2);
}

static int break_pipe(struct ss_handler *h)
{
    return answer_status(h, helper(h, write_to_nobody));
}

/* A file that has reached its limit. */
static int exceed_limit(struct ss_handler *h)
{
    struct rlimit before, none = {0};
    int fd = memfd_create("limited", MFD_CLOEXEC), rc = fd < 0 ? errno : 0;
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    if (rc == 0 && write(fd, "x", 1) < 0)
        rc = errno;
    setrlimit(RLIMIT_FSIZE, &before);
    close(fd);
    return ss_printf(h->wfile, "%s\n", rc == EFBIG ? "EFBIG" : "no limit");
}

/* "term": a helper gets this signal, and should end by it. */
static int term_helper(struct ss_handler *h)
{
    pid_t pid = helper(h, wait_for_ever);
    kill(pid, SIGTERM);
    for (int ms = 0; ms < 2000; ms += 10) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
            return answer_status(h, pid);
        usleep(10000);
    }
    kill(pid, SIGKILL);
    return answer_status(h, pid);
}

/* ---------------------------------------------------------------- programs */

/* What a program finds ignored and blocked, in one line of hexadecimal numbers. */
static char *const program[] = {"/bin/sh", "-c",
                                "echo $(sed -n 's/^Sig\\(Blk\\|Ign\\):.//p' /proc/self/status)", NULL};

static void exec_program(void)
{
    execv(program[0], program);
}

static int run(struct ss_handler *h, pid_t (*start)(struct ss_handler *h))
{
    char line[200] = "";
    int ends[2], before = dup(STDOUT_FILENO);
    if (before < 0 || pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        return -errno;
    pid_t pid = start(h);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return ss_write(h->wfile, line, n > 0 ? (size_t)n : 0);
}

static pid_t start_with_fork(struct ss_handler *h)
{
    return helper(h, exec_program);
}

static pid_t start_with_spawn(struct ss_handler *h)
{
    (void)h;
    pid_t pid;
    return posix_spawn(&pid, program[0], NULL, NULL, program, NULL) == 0 ? pid : -1;
}

static pid_t start_with_system(struct ss_handler *h)
{
    (void)h;
    return system(program[2]) == 0 ? 0 : -1; /* NOLINT(cert-env33-c): a constant */
}

static int run_with_fork(struct ss_handler *h)
{
    return run(h, start_with_fork);
}

static int run_with_spawn(struct ss_handler *h)
{
    return run(h, start_with_spawn);
}

static int run_with_system(struct ss_handler *h)
{
    return run(h, start_with_system);
}

/* ---------------------------------------------------------------- the process itself */

static int tell_process(struct ss_handler *h)
{
    return ss_printf(h->wfile, "%d\n", getpid());
}

static int abort_process(struct ss_handler *h)
{
    (void)h;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int exit_process(struct ss_handler *h)
{
    (void)h;
    _exit(3);
}

/* Closes what it does not know, and goes on for a while. */
static int close_all(struct ss_handler *h)
{
    int rc = ss_printf(h->wfile, "%d\n", getpid());
    for (int fd = 3; fd < 1024 && rc == 0; fd++)
        if (fd != h->request->fd)
            close(fd);
    rc = rc < 0 ? rc : ss_flush(h->wfile);
    usleep(700000);
    return rc < 0 ? rc : ss_printf(h->wfile, "closed\n");
}

static int take_time(struct ss_handler *h)
{
    int rc = ss_printf(h->wfile, "%d\n", getpid());
    if (rc == 0)
        rc = ss_flush(h->wfile);
    return rc < 0 ? rc : ss_sleep(h->server, 300);
}

static int shut_down(struct ss_handler *h)
{
    ss_shutdown(h->server);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct ss_handler *h);
} commands[] = {
    {"process", tell_process}, {"slow", take_time},       {"helper", leave_helper},
    {"term", term_helper},     {"pipe", break_pipe},      {"limit", exceed_limit},
    {"fork", run_with_fork},   {"spawn", run_with_spawn}, {"system", run_with_system},
    {"abort", abort_process},  {"exit", exit_process},    {"close", close_all},
    {"shutdown", shut_down},
};

static int handle(struct ss_handler *h)
{
    char line[20];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        line[strcspn(line, "\n")] = 0;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
            if (strcmp(line, commands[i].name) == 0)
                rc = commands[i].run(h);
    }
    return rc < 0 ? rc : (int)n;
}

/* ---------------------------------------------------------------- settings */

/* From now on pidfd_open(2) fails, as on a kernel that has none, or in a container that forbids it. */
static int forbid_pidfds(int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog all = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) < 0
               ? -errno
               : 0;
}

static int spare = -1; /* descriptors that the server has from when it listens; -1: no such limit */

static int limit_descriptors(void)
{
    int lowest = spare < 0 ? -1 : dup(STDIN_FILENO);
    if (lowest < 0)
        return spare < 0 ? 0 : -errno;
    close(lowest);
    struct rlimit limit = {(rlim_t)(lowest + spare), (rlim_t)(lowest + spare)};
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int set(struct ss_server *server, const char *name, int number)
{
    if (strcmp(name, "workers") == 0)
        server->workers = (unsigned)number;
    else if (strcmp(name, "max_requests") == 0)
        server->max_requests = (unsigned)number;
    else if (strcmp(name, "shutdown_timeout") == 0)
        server->shutdown_timeout = number;
    else if (strcmp(name, "spare") == 0)
        spare = number;
    else if (strcmp(name, "forbid_pidfds") == 0)
        return forbid_pidfds(number);
    else
        return -EINVAL;
    return 0;
}

static int serve(struct ss_server *server)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_server_bind(server);
    if (rc == 0 && (rc = ss_address_format(&server->server_address, text, sizeof text)) > 0) {
        puts(text);
        fflush(stdout);
        rc = limit_descriptors();
        rc = rc < 0 ? rc : ss_run_server(server);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static const struct ss_handler_class handler = {.handle = handle};
    struct ss_server server;
    const struct ss_class *const *bases = argc > 2 ? ss_bases(argv[1]) : NULL;
    if (!bases || ss_server_init(&server, bases, argv[2], &handler) < 0)
        return 2;
    int rc = 0;
    for (int i = 3; i < argc && rc == 0; i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = 0;
        rc = value ? set(&server, argv[i], (int)strtol(value, NULL, 10)) : -EINVAL;
    }
    if (rc == 0)
        rc = serve(&server);
    ss_server_close(&server);
    if (rc < 0)
        fprintf(stderr, "processes: %s\n", strerror(-rc));
    return rc < 0 ? 1 : rc;
}
