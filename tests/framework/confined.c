/* SPDX-License-Identifier: MIT */
/* confined CLASS ADDRESS [SETTING=VALUE...]: a server of ConfineMixIn whose handlers try what they may not.
   Each line that a client sends is a deed, with an argument: the answer is "done", or the name of an error.
   Settings: read, change, write, execute (=PATH), connect=1, required=1, late=1 (a thread is made before),
   reuse=1 (two loops with a socket each).
   It prints its address once clients can connect. */
#include "socketserver.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 8 };

static struct ss_permit permits[MOST + 1];
static struct ss_confinement confinement = {.paths = permits};
static bool reuse;

static int result(long rc)
{
    return rc < 0 ? -errno : 0;
}

static int close_if(int fd)
{
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* A process that a handler forks, and what it says by its status. */
static int in_child(int (*work)(const char *argument), const char *argument)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(-work(argument));
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EFAULT;
}

static void *do_nothing(void *argument)
{
    return argument;
}

/* ---------------------------------------------------------------- deeds */

static int do_read(struct ss_handler *h, const char *path)
{
    (void)h;
    return close_if(open(path, O_RDONLY | O_CLOEXEC));
}

static int do_openat2(struct ss_handler *h, const char *path)
{
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY | O_CLOEXEC, 0, 0};
    (void)h;
    return close_if((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

static int do_write(struct ss_handler *h, const char *path)
{
    (void)h;
    return close_if(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int do_truncate(struct ss_handler *h, const char *path)
{
    (void)h;
    return result(truncate(path, 0));
}

static int do_remove(struct ss_handler *h, const char *path)
{
    (void)h;
    return result(unlink(path));
}

static int do_mkdir(struct ss_handler *h, const char *path)
{
    (void)h;
    return result(mkdir(path, 0700));
}

static int do_chmod(struct ss_handler *h, const char *path)
{
    (void)h;
    return result(chmod(path, 0777));
}

static int do_fchmod(struct ss_handler *h, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = fd < 0 ? -errno : result(fchmod(fd, 0600));
    (void)h;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int do_rename(struct ss_handler *h, const char *path)
{
    char to[500];
    (void)h;
    snprintf(to, sizeof to, "%s.renamed", path);
    return result(rename(path, to));
}

static int execute(const char *path)
{
    char *const arguments[] = {(char *)path, NULL};
    execv(path, arguments);
    return -errno;
}

static int do_exec(struct ss_handler *h, const char *path)
{
    (void)h;
    return in_child(execute, path);
}

static int do_connect(struct ss_handler *h, const char *address)
{
    struct ss_stream *s;
    int rc = ss_connect(h->server, address, SOCK_STREAM, 5000, &s);
    return rc < 0 ? rc : ss_close(s);
}

static int do_socket(struct ss_handler *h, const char *family)
{
    (void)h;
    return close_if(socket(!strcmp(family, "inet")    ? AF_INET
                           : !strcmp(family, "inet6") ? AF_INET6
                                                      : AF_NETLINK,
                           SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* A local socket by connect(2), as Docker's would be. */
static int do_local(struct ss_handler *h, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)h;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int rc = fd < 0 ? -errno : result(connect(fd, (struct sockaddr *)&address, sizeof address));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int do_ptrace(struct ss_handler *h, const char *pid)
{
    (void)h;
    return result(ptrace(PTRACE_ATTACH, (pid_t)strtol(pid, NULL, 10), NULL, NULL));
}

static int do_peek(struct ss_handler *h, const char *pid)
{
    char data[8];
    struct iovec here = {data, sizeof data}, there = {permits, sizeof data};
    (void)h;
    return result(process_vm_readv((pid_t)strtol(pid, NULL, 10), &here, 1, &there, 1, 0));
}

static int do_kill(struct ss_handler *h, const char *pid)
{
    (void)h;
    return result(kill((pid_t)strtol(pid, NULL, 10), 0));
}

static int do_unshare(struct ss_handler *h, const char *none)
{
    (void)h, (void)none;
    return result(unshare(CLONE_NEWUSER));
}

static int do_clone(struct ss_handler *h, const char *none)
{
    (void)h, (void)none;
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return result(pid);
}

static int do_uring(struct ss_handler *h, const char *none)
{
    char parameters[120] = {0};
    (void)h, (void)none;
    return close_if((int)syscall(425, 4, parameters));
}

static int do_bpf(struct ss_handler *h, const char *none)
{
    (void)h, (void)none;
    return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int do_type(struct ss_handler *h, const char *none)
{
    (void)h, (void)none;
    return result(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int do_setuid(struct ss_handler *h, const char *none)
{
    (void)h, (void)none;
    return result(setuid(1));
}

static int do_limit(struct ss_handler *h, const char *pid)
{
    (void)h;
    return result(syscall(SYS_prlimit64, strtol(pid, NULL, 10), 7, NULL, NULL));
}

/* What is newer than the filter. */
static int do_unknown(struct ss_handler *h, const char *none)
{
    (void)h, (void)none;
    return result(syscall(900));
}

/* What an ordinary handler does: all of it works. */
static int fork_again(const char *none)
{
    (void)none;
    return 0;
}

static int do_ordinary(struct ss_handler *h, const char *none)
{
    struct tm tm;
    time_t now = time(NULL);
    pthread_t thread;
    (void)none;
    if (!localtime_r(&now, &tm) || sysconf(_SC_NPROCESSORS_ONLN) < 1)
        return -ENOTSUP;
    int rc = -pthread_create(&thread, NULL, do_nothing, NULL);
    if (rc == 0)
        rc = -pthread_join(thread, NULL);
    if (rc == 0)
        rc = in_child(fork_again, NULL);
    if (rc == 0)
        rc = ss_sleep(h->server, 1);
    void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    munmap(memory, 1 << 20);
    return rc < 0 ? rc : do_read(h, "/dev/null");
}

static const struct {
    const char *name;
    int (*function)(struct ss_handler *h, const char *argument);
} deeds[] = {
    {"read", do_read},         {"openat2", do_openat2}, {"write", do_write},     {"truncate", do_truncate},
    {"remove", do_remove},     {"mkdir", do_mkdir},     {"chmod", do_chmod},     {"fchmod", do_fchmod},
    {"rename", do_rename},     {"exec", do_exec},       {"connect", do_connect}, {"socket", do_socket},
    {"local", do_local},       {"ptrace", do_ptrace},   {"peek", do_peek},       {"kill", do_kill},
    {"unshare", do_unshare},   {"clone", do_clone},     {"uring", do_uring},     {"bpf", do_bpf},
    {"type", do_type},         {"setuid", do_setuid},   {"limit", do_limit},     {"unknown", do_unknown},
    {"ordinary", do_ordinary},
};

static int obey(struct ss_handler *h, char *line)
{
    char *deed = strtok(line, " \n"), *argument = strtok(NULL, " \n");
    for (size_t i = 0; deed && i < sizeof deeds / sizeof *deeds; i++) {
        if (strcmp(deeds[i].name, deed) != 0)
            continue;
        int rc = deeds[i].function(h, argument ? argument : "");
        return ss_printf(h->wfile, "%s\n", rc < 0 ? strerrorname_np(-rc) : "done");
    }
    return ss_printf(h->wfile, "no such deed\n");
}

static int handle(struct ss_handler *h)
{
    char line[1000];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        if ((n = obey(h, line)) < 0)
            break;
    return (int)n;
}

static const struct ss_handler_class Deeds = {.handle = handle};

/* ---------------------------------------------------------------- the server */

static void *wait_for_ever(void *none)
{
    for (;;)
        pause();
    return none;
}

static bool set(const char *setting)
{
    static const struct {
        const char *name;
        unsigned rights;
    } rights[] = {{"read=", SS_MAY_READ},
                  {"change=", SS_MAY_CHANGE},
                  {"write=", SS_MAY_WRITE},
                  {"execute=", SS_MAY_READ | SS_MAY_EXECUTE}};
    static int count;
    pthread_t thread;
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        size_t size = strlen(rights[i].name);
        if (strncmp(setting, rights[i].name, size) == 0 && count < MOST)
            permits[count++] = (struct ss_permit){setting + size, rights[i].rights};
    }
    confinement.connect |= !strcmp(setting, "connect=1");
    confinement.required |= !strcmp(setting, "required=1");
    reuse |= !strcmp(setting, "reuse=1");
    return strcmp(setting, "late=1") != 0 || pthread_create(&thread, NULL, wait_for_ever, NULL) == 0;
}

static int serve(struct ss_server *server)
{
    char text[SS_ADDRESS_TEXT];
    server->confinement = &confinement;
    server->allow_reuse_port = reuse;
    if (reuse)
        server->workers = 2;
    int rc = ss_server_bind(server);
    if (rc < 0)
        return rc;
    ss_address_format(&server->server_address, text, sizeof text);
    printf("%s\n", text);
    fflush(stdout);
    return ss_run_server(server);
}

int main(int argc, char **argv)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {&ConfineMixIn};
    const struct ss_class *const *named = argc > 2 ? ss_bases(argv[1]) : NULL;
    struct ss_server server;
    for (int i = 0; named && named[i]; i++)
        bases[i + 1] = named[i];
    for (int i = 3; i < argc; i++)
        if (!set(argv[i]))
            return 2;
    int rc = named ? ss_server_init(&server, bases, argv[2], &Deeds) : -EINVAL;
    if (rc == 0)
        rc = serve(&server);
    if (rc < 0)
        fprintf(stderr, "confined: cannot serve: %s\n", *ss_reason() ? ss_reason() : ss_strerror(rc));
    ss_server_close(&server);
    return rc < 0 ? 1 : rc;
}
