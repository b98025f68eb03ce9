/* SPDX-License-Identifier: MIT */
/* The system calls that a confined program needs: what the framework calls under every mix-in, and what the C
   library, threads, timers and an ordinary handler call besides. Not among them is what reaches beyond the
   process and what it has open: programs, other processes' memory, name spaces, mounts, keys, io_uring, eBPF,
   the machine's clock and modules, users and groups. */
#include "confine/confine.h"
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* All of them but threads and plain children. */
#define NAME_SPACES                                                                                         \
    ((uint32_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)
enum { TYPE_OF_SOCKET = 0xf, OF_SOCKETS = 0x8900, WHICH_KIND = 0xffffff00 };
#define WHOLE 0xffffffff

#define CALL(name)         \
    {                      \
        .call = SYS_##name \
    }
#define ONLY_FOR(who, name)                  \
    {                                        \
        .call = SYS_##name, .purpose = (who) \
    }
#define WHERE(name, number, bits, is)                                           \
    {                                                                           \
        .call = SYS_##name, .argument = (number), .mask = (bits), .value = (is) \
    }
/* With the zero ioctl numbers of terminals only those that ask. TIOCSTI would type into the user's shell. */
#define ASKS(request) WHERE(ioctl, 1, WHOLE, request)

static const struct call_rule rules[] = {
/* for each request */
#ifdef SYS_epoll_wait
    CALL(epoll_wait),
#endif
    CALL(epoll_pwait),
    CALL(recvfrom),
    CALL(sendto),
    CALL(sendmsg),
    CALL(recvmsg),
    CALL(read),
    CALL(write),
    CALL(writev),
    CALL(close),
    CALL(accept4),
    CALL(epoll_ctl),
    CALL(sendfile),
    CALL(openat2),
    CALL(openat),
    CALL(newfstatat),
    CALL(fstat),
    CALL(statx),
    CALL(futex),
    CALL(setsockopt),
    CALL(getsockopt),
    CALL(shutdown),
    CALL(ppoll),
    CALL(madvise),
    CALL(munmap),
    CALL(mmap),
    CALL(mprotect),
    CALL(fcntl),
    CALL(getdents64),
    CALL(rt_sigprocmask),
    CALL(exit),
    CALL(exit_group),

    /* descriptors */
    CALL(readv),
    CALL(pread64),
    CALL(preadv),
    CALL(preadv2),
    CALL(pwrite64),
    CALL(pwritev),
    CALL(pwritev2),
    CALL(lseek),
    CALL(dup),
    CALL(dup3),
    CALL(close_range),
    CALL(pipe2),
    CALL(splice),
    CALL(tee),
    CALL(vmsplice),
    CALL(copy_file_range),
    CALL(flock),
    CALL(fsync),
    CALL(fdatasync),
    CALL(sync_file_range),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fadvise64),
    CALL(readahead),
    CALL(memfd_create),
    CALL(eventfd2),
    CALL(signalfd4),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(epoll_create1),
    CALL(epoll_pwait2),
    CALL(pselect6),
    CALL(inotify_init1),
    CALL(inotify_add_watch),
    CALL(inotify_rm_watch),
    ASKS(FIONREAD),
    ASKS(FIONBIO),
    ASKS(FIOCLEX),
    ASKS(FIONCLEX),
    ASKS(TCGETS),
    ASKS(TIOCGWINSZ),
    ASKS(TIOCOUTQ),
    ASKS(FICLONE),
    WHERE(ioctl, 1, WHICH_KIND, OF_SOCKETS),

    /* files: Landlock says which */
    CALL(statfs),
    CALL(fstatfs),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlinkat),
    CALL(getcwd),
    CALL(chdir),
    CALL(fchdir),
    CALL(umask),
    CALL(getxattr),
    CALL(lgetxattr),
    CALL(fgetxattr),
    CALL(listxattr),
    CALL(llistxattr),
    CALL(flistxattr),

    /* sockets: the framework wakes its processes by datagrams */
    CALL(accept),
    CALL(bind),
    CALL(getsockname),
    CALL(getpeername),
    CALL(socketpair),
    CALL(recvmmsg),
    CALL(sendmmsg),
    WHERE(socket, 0, WHOLE, AF_UNIX),
    {.call = SYS_socket, .purpose = FOR_PORT, .argument = 1, .mask = TYPE_OF_SOCKET, .value = SOCK_STREAM},
    {.call = SYS_socket, .purpose = FOR_CONNECT, .mask = WHOLE, .value = AF_INET},
    {.call = SYS_socket, .purpose = FOR_CONNECT, .mask = WHOLE, .value = AF_INET6},
    {.call = SYS_socket, .purpose = FOR_CONNECT, .mask = WHOLE, .value = AF_NETLINK},
    ONLY_FOR(FOR_CONNECT, connect),
    ONLY_FOR(FOR_PORT, listen),

    /* memory */
    CALL(brk),
    CALL(mremap),
    CALL(msync),
    CALL(mlock),
    CALL(mlock2),
    CALL(munlock),
    CALL(mincore),
    CALL(membarrier),

    /* threads and processes */
    {.call = SYS_clone, .mask = NAME_SPACES, .value = 0},
    CALL(wait4),
    CALL(waitid),
    CALL(getpid),
    CALL(getppid),
    CALL(gettid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getresuid),
    CALL(getresgid),
    CALL(getgroups),
    CALL(getpgid),
    CALL(getsid),
    CALL(setpgid),
    CALL(setsid),
    CALL(kill),
    CALL(tkill),
    CALL(tgkill),
    CALL(pidfd_open),
    CALL(pidfd_send_signal),
    CALL(set_tid_address),
    CALL(set_robust_list),
    CALL(rseq),
    CALL(prctl),
    WHERE(prlimit64, 0, WHOLE, 0),
    CALL(getrlimit),
    CALL(setrlimit),
    CALL(getrusage),
    CALL(times),
    CALL(uname),
    CALL(sysinfo),
    CALL(getcpu),
    CALL(capget),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(sched_setaffinity),
    CALL(sched_getparam),
    CALL(sched_getscheduler),
    CALL(sched_get_priority_max),
    CALL(sched_get_priority_min),
    CALL(getpriority),
    CALL(setpriority),
    CALL(futex_waitv),
    ONLY_FOR(FOR_EXECUTE, execve),
    ONLY_FOR(FOR_EXECUTE, execveat),

    /* signals and time */
    CALL(rt_sigaction),
    CALL(rt_sigreturn),
    CALL(rt_sigpending),
    CALL(rt_sigtimedwait),
    CALL(rt_sigsuspend),
    CALL(sigaltstack),
    CALL(restart_syscall),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(timer_create),
    CALL(timer_settime),
    CALL(timer_gettime),
    CALL(timer_getoverrun),
    CALL(timer_delete),
    CALL(setitimer),
    CALL(getitimer),
    CALL(getrandom),

    /* less than there is */
    CALL(seccomp),
    CALL(landlock_create_ruleset),
    CALL(landlock_add_rule),
    CALL(landlock_restrict_self),

    /* Changes of directories, where Landlock permits some. Of a file's modes, owner and times Landlock knows
       nothing: so that is for files that are open, and not by a path. */
    ONLY_FOR(FOR_CHANGE, mkdirat),
    ONLY_FOR(FOR_CHANGE, unlinkat),
    ONLY_FOR(FOR_CHANGE, renameat),
    ONLY_FOR(FOR_CHANGE, renameat2),
    ONLY_FOR(FOR_CHANGE, linkat),
    ONLY_FOR(FOR_CHANGE, symlinkat),
    ONLY_FOR(FOR_CHANGE, mknodat),
    ONLY_FOR(FOR_CHANGE, truncate),
    ONLY_FOR(FOR_CHANGE, fchmod),
    ONLY_FOR(FOR_CHANGE, fchown),
    ONLY_FOR(FOR_CHANGE, fsetxattr),
    ONLY_FOR(FOR_CHANGE, fremovexattr),
    {.call = SYS_utimensat, .purpose = FOR_CHANGE, .argument = 1, .mask = WHOLE, .value = 0},

#ifdef __x86_64__ /* has calls that newer machines do without */
    CALL(open),
    CALL(stat),
    CALL(lstat),
    CALL(access),
    CALL(readlink),
    CALL(poll),
    CALL(select),
    CALL(pipe),
    CALL(dup2),
    CALL(getdents),
    CALL(eventfd),
    CALL(signalfd),
    CALL(epoll_create),
    CALL(inotify_init),
    CALL(fork),
    CALL(vfork),
    CALL(getpgrp),
    CALL(time),
    CALL(alarm),
    CALL(pause),
    CALL(arch_prctl),
    ONLY_FOR(FOR_CHANGE, creat),
    ONLY_FOR(FOR_CHANGE, mkdir),
    ONLY_FOR(FOR_CHANGE, rmdir),
    ONLY_FOR(FOR_CHANGE, rename),
    ONLY_FOR(FOR_CHANGE, link),
    ONLY_FOR(FOR_CHANGE, unlink),
    ONLY_FOR(FOR_CHANGE, symlink),
    ONLY_FOR(FOR_CHANGE, mknod),
#endif
};

const struct call_rule *call_rules(size_t *count)
{
    *count = sizeof rules / sizeof *rules;
    return rules;
}
