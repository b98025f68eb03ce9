# SPDX-License-Identifier: MIT
"""What each call may plausibly fail with, at a moment when the program has made no mistake. What only a mistake or a
file's own nature brings about (EBADF, EINVAL of most calls, ENOENT, EACCES) is not the machine's failure; nor is what comes
of a file system, as EPERM of fchmod where there are no modes; nor EAGAIN where a datagram waits, as that says that none
does."""

import errno

import state

FILE = "EIO ENOMEM"
NUMBERS = "EMFILE ENFILE ENOMEM"
OUTPUT = "ENOBUFS ENOMEM ECONNRESET EPIPE EINTR"
INPUT = "ECONNRESET ETIMEDOUT ENOMEM EINTR"

ERRORS = {
    "malloc": "ENOMEM", "calloc": "ENOMEM", "realloc": "ENOMEM", "reallocarray": "ENOMEM", "strdup": "ENOMEM",
    "strndup": "ENOMEM", "asprintf": "ENOMEM", "realpath": "ENOMEM EIO", "getcwd": "ENOMEM ENOENT", "mmap": "ENOMEM",
    "mprotect": "ENOMEM", "madvise": "ENOMEM EAGAIN", "munmap": "ENOMEM",
    "fprintf": "EIO ENOSPC", "fflush": "EIO ENOSPC", "fflush_unlocked": "EIO", "fwrite": "EIO ENOSPC", "ftrylockfile": "EBUSY",
    "open": FILE + " EMFILE ENFILE EINTR", "openat": FILE + " EMFILE ENFILE EINTR", "close": "EIO EINTR",
    "fcntl": "EMFILE ENOMEM EINTR", "ioctl": "ENOTTY", "flock": "EINTR ENOLCK", "fsync": "EIO ENOSPC EDQUOT",
    "fallocate": "ENOSPC EOPNOTSUPP EINTR EIO", "dup3": "EMFILE EBUSY EINTR", "pipe2": NUMBERS,
    "read": FILE + " EINTR SHORT", "write": "EIO ENOSPC EINTR EAGAIN SHORT", "pread": FILE + " EINTR SHORT",
    "pwrite": "EIO ENOSPC EDQUOT EINTR SHORT",
    "stat": FILE, "lstat": FILE, "fstat": FILE, "fstatat": FILE, "statx": FILE, "fstatvfs": "EIO ENOSYS EINTR",
    "access": FILE, "faccessat": FILE, "chmod": "EIO EPERM", "fchmod": "EIO", "readlinkat": FILE,
    "linkat": "EIO ENOSPC EDQUOT EPERM ENOMEM", "rename": "EIO ENOSPC", "renameat": "EIO ENOSPC ENOMEM",
    "renameat2": "EIO ENOSPC EINVAL ENOSYS", "unlink": "EIO EROFS", "unlinkat": "EIO EROFS", "fdopendir": "ENOMEM",
    "readdir": "EIO", "closedir": "EIO EINTR", "fts_open": "ENOMEM", "fts_read": "ENOMEM",
    "inotify_init1": NUMBERS, "inotify_add_watch": "ENOSPC ENOMEM",
    "socket": NUMBERS + " ENOBUFS", "socketpair": NUMBERS, "bind": "ENOMEM EADDRINUSE", "listen": "EADDRINUSE",
    "accept4": NUMBERS + " ENOBUFS ECONNABORTED EPERM EINTR", "connect": "ETIMEDOUT ECONNREFUSED ENETUNREACH ENOBUFS EINTR",
    "shutdown": "ENOTCONN", "getsockname": "ENOBUFS", "getpeername": "ENOTCONN ENOBUFS", "getsockopt": "ENOBUFS ENOPROTOOPT",
    "setsockopt": "ENOMEM ENOPROTOOPT", "recv": INPUT + " SHORT", "recvfrom": INPUT, "recvmsg": "ENOMEM EINTR ECONNREFUSED",
    "recvmmsg": "ENOMEM EINTR ECONNREFUSED",
    "send": OUTPUT + " SHORT", "sendto": "ENOBUFS ENOMEM EINTR EAGAIN", "sendmsg": OUTPUT + " SHORT", "sendfile": "EINVAL EIO ENOMEM EPIPE SHORT",
    "getifaddrs": NUMBERS, "if_indextoname": "ENXIO", "if_nametoindex": "ENODEV EMFILE", "getaddrinfo": "EAI_MEMORY EAI_AGAIN EAI_SYSTEM",
    "getnameinfo": "EAI_MEMORY EAI_AGAIN EAI_SYSTEM",
    "poll": "EINTR ENOMEM", "epoll_create1": NUMBERS, "epoll_ctl": "ENOMEM ENOSPC", "epoll_wait": "EINTR", "eventfd": NUMBERS, "timerfd_create": NUMBERS,
    "nanosleep": "EINTR",
    "fork": "EAGAIN ENOMEM", "waitpid": "EINTR", "kill": "EPERM ESRCH", "prctl": "EINVAL", "syscall": "EMFILE ENOMEM EIO EINTR ENOSYS",
    "getrlimit": "EPERM", "setrlimit": "EPERM", "getentropy": "ENOSYS EINTR", "getrandom": "ENOSYS EINTR",
    "sigaltstack": "ENOMEM", "sigtimedwait": "EINTR EAGAIN", "atexit": "ENOMEM", "pthread_atfork": "ENOMEM",
    "pthread_create": "EAGAIN", "pthread_attr_init": "ENOMEM", "pthread_mutex_init": "ENOMEM EAGAIN",
    "pthread_mutexattr_init": "ENOMEM", "pthread_mutex_timedlock": "ETIMEDOUT", "pthread_mutex_clocklock": "ETIMEDOUT", "pthread_cond_init": "ENOMEM EAGAIN",
    "pthread_condattr_init": "ENOMEM", "pthread_cond_timedwait": "ETIMEDOUT", "pthread_cond_clockwait": "ETIMEDOUT",
    "deflateInit2_": "Z_MEM_ERROR", "deflate": "Z_STREAM_ERROR", "inflateInit2_": "Z_MEM_ERROR", "inflate": "Z_MEM_ERROR",
    "BrotliEncoderCreateInstance": "ENOMEM",
    "BrotliEncoderSetParameter": "ENOMEM", "BrotliEncoderCompressStream": "ENOMEM", "ZSTD_createCCtx": "ENOMEM",
    "ZSTD_CCtx_setParameter": "ZSTD_MEMORY", "ZSTD_compressStream2": "ZSTD_MEMORY", "EVP_Digest": "ENOMEM",
    "getpwnam": "EIO EMFILE ENOMEM", "crypt_r": "ENOMEM", "crypt_gensalt_rn": "ENOMEM",
}

# Numbers that are no errno.
OTHERS = {"SHORT": state.SHORT, "EAI_AGAIN": -3, "EAI_MEMORY": -10, "EAI_SYSTEM": -11, "Z_STREAM_ERROR": -2, "Z_MEM_ERROR": -4,
          "ZSTD_MEMORY": 64, "GONE": state.GONE}

# Not sixteen times: a queue that is full has woken the other end; and what TCP gives in part is all there is, or urgent data
# is among it.
ONCE = {("sendto", "EAGAIN"), ("recv", "SHORT")}

# When one of these fails, what was asked for is not done, and somebody has to be told.
LOST = {"fsync"}

# What the server itself tries again: after a pause, as what it lacks does not come back sooner.
PAUSED = {("accept4", "EMFILE"), ("accept4", "ENFILE"), ("accept4", "ENOMEM"), ("accept4", "ENOBUFS"), ("poll", "ENOMEM"),
          ("fork", "EAGAIN"), ("fork", "ENOMEM"), ("pthread_create", "EAGAIN")}

# What comes from the other end: nobody needs to be told.
OF_PEERS = {"ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTCONN", "ECONNABORTED", "ECONNREFUSED"}


def number(name):
    return OTHERS[name] if name in OTHERS else getattr(errno, name)


def of(call):
    return ERRORS[call].split()
