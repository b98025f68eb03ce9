/* SPDX-License-Identifier: MIT */
/* The calls that can fail, of the C library and of what is linked beside it. test_wraps.py fails when
   framework/ or handlers/ calls something that is neither here nor in its list of what cannot fail. */
#include "calls.h"
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct z_stream_s;
struct statx;

/* The linker's names, and a list of arguments that the analyzer does not see in a macro.
   NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,clang-analyzer-valist.Uninitialized)
 */

/* ---- memory ---------------------------------------------------------------------------------------------
 */

FAILS_NULL(void *, malloc, (size_t size), (size))
FAILS_NULL(void *, calloc, (size_t count, size_t size), (count, size))
FAILS_NULL(void *, realloc, (void *old, size_t size), (old, size))
FAILS_NULL(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size))
FAILS_NULL(char *, strdup, (const char *text), (text))
FAILS_NULL(char *, strndup, (const char *text, size_t size), (text, size))
FAILS_NULL(char *, realpath, (const char *path, char *resolved), (path, resolved))
FAILS_NULL(char *, getcwd, (char *path, size_t size), (path, size))
FAILS_WITH(MAP_FAILED, void *, mmap,
           (void *address, size_t size, int protection, int flags, int fd, off_t offset),
           (address, size, protection, flags, fd, offset))
FAILS(int, mprotect, (void *address, size_t size, int protection), (address, size, protection))
FAILS(int, madvise, (void *address, size_t size, int advice), (address, size, advice))
DONE_AND_FAILS(int, munmap, (void *address, size_t size), (address, size))

/* With a format and arguments for it, which `call` takes as a list; `undo`: what else a failure means. */
#define FORMATS(name, symbol, parameters, undo, call) \
    FAULT_WRAP(int, name, symbol, parameters, {       \
        va_list arguments;                            \
        if (failed) {                                 \
            errno = failed;                           \
            undo;                                     \
            return -1;                                \
        }                                             \
        va_start(arguments, format);                  \
        int size = call;                              \
        va_end(arguments);                            \
        return size;                                  \
    })
FORMATS(asprintf, asprintf, (char **text, const char *format, ...), *text = NULL,
        vasprintf(text, format, arguments))
FORMATS(asprintf, __asprintf_chk, (char **text, __attribute__((unused)) int flag, const char *format, ...),
        *text = NULL, vasprintf(text, format, arguments))

/* ---- streams of the C library ------------------------------------------------------------------------- */

FORMATS(fprintf, fprintf, (FILE * stream, const char *format, ...), (void)0,
        vfprintf(stream, format, arguments))
FORMATS(fprintf, __fprintf_chk, (FILE * stream, __attribute__((unused)) int flag, const char *format, ...),
        (void)0, vfprintf(stream, format, arguments))
FAILS_WITH(EOF, int, fflush, (FILE * stream), (stream))
FAILS_WITH(EOF, int, fflush_unlocked, (FILE * stream), (stream))
FAILS_WITH(0, size_t, fwrite, (const void *data, size_t size, size_t count, FILE *stream),
           (data, size, count, stream))
RETURNS(int, ftrylockfile, (FILE * stream), (stream))

/* ---- files ------------------------------------------------------------------------------------------------
 */

FAILS(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
FAULT_WRAP(int, openat, __openat_2, (int directory, const char *path, int flags), {
    if (failed) {
        errno = failed;
        return -1;
    }
    return __real___openat_2(directory, path, flags);
})
DONE_AND_FAILS(int, close, (int fd), (fd))
FAILS(int, fcntl, (int fd, int command, long argument), (fd, command, argument))
FAILS(int, ioctl, (int fd, unsigned long request, void *argument), (fd, request, argument))
FAILS(int, flock, (int fd, int operation), (fd, operation))
FAILS(int, fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
FAILS(int, dup3, (int old, int new, int flags), (old, new, flags))
FAILS(int, pipe2, (int *fds, int flags), (fds, flags))
MOVES(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
MOVES_AS(ssize_t, read, __read_chk, (int fd, void *data, size_t size, size_t room), (fd, data, size, room))
MOVES(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
MOVES(ssize_t, pread, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
MOVES_AS(ssize_t, pread, __pread_chk, (int fd, void *data, size_t size, off_t offset, size_t room),
         (fd, data, size, offset, room))
MOVES(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))
FAILS_NULL(struct passwd *, getpwnam, (const char *name), (name))
FAILS(int, stat, (const char *path, struct stat *status), (path, status))
FAILS(int, lstat, (const char *path, struct stat *status), (path, status))
FAILS(int, fstat, (int fd, struct stat *status), (fd, status))
/* A directory's never fails: what a program says when a file has its name already is its own affair. */
#define SPARES_DIRECTORIES                                         \
    struct stat status;                                            \
    if (__real_fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) \
        return __real_fsync(fd);
FAULT_WRAP_AFTER(int, fsync, fsync, (int fd), SPARES_DIRECTORIES, {
    if (failed) {
        errno = failed;
        return -1;
    }
    return __real_fsync(fd);
})
FAILS(int, fstatat, (int directory, const char *path, struct stat *status, int flags),
      (directory, path, status, flags))
FAILS(int, statx, (int directory, const char *path, int flags, unsigned mask, struct statx *status),
      (directory, path, flags, mask, status))
FAILS(int, fstatvfs, (int fd, struct statvfs *status), (fd, status))
FAILS(int, access, (const char *path, int mode), (path, mode))
FAILS(int, faccessat, (int directory, const char *path, int mode, int flags), (directory, path, mode, flags))
FAILS(int, chmod, (const char *path, mode_t mode), (path, mode))
FAILS(int, fchmod, (int fd, mode_t mode), (fd, mode))
FAILS(ssize_t, readlinkat, (int directory, const char *path, char *target, size_t size),
      (directory, path, target, size))
FAILS(int, linkat, (int from, const char *old, int to, const char *new, int flags),
      (from, old, to, new, flags))
FAILS(int, rename, (const char *old, const char *new), (old, new))
FAILS(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new))
FAILS(int, renameat2, (int from, const char *old, int to, const char *new, unsigned flags),
      (from, old, to, new, flags))
FAILS(int, unlink, (const char *path), (path))
FAILS(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
FAULT_WRAP(int, openat, openat, (int directory, const char *path, int flags, mode_t mode), {
    if (failed > 0) {
        errno = failed;
        return -1;
    }
    int fd = __real_openat(directory, path, flags, mode);
    if (failed == FAULT_GONE)
        (void)__real_unlinkat(directory, path, 0);
    return fd;
})
FAILS_NULL(DIR *, fdopendir, (int fd), (fd))
FAILS_NULL(struct dirent *, readdir, (DIR * directory), (directory))
DONE_AND_FAILS(int, closedir, (DIR * directory), (directory))
FAILS_NULL(FTS *, fts_open,
           (char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **)),
           (paths, options, compare))
FAILS_NULL(FTSENT *, fts_read, (FTS * walk), (walk))
FAILS(int, inotify_init1, (int flags), (flags))
FAILS(int, inotify_add_watch, (int fd, const char *path, uint32_t events), (fd, path, events))

/* ---- sockets ----------------------------------------------------------------------------------------------
 */

FAILS(int, socket, (int family, int type, int protocol), (family, type, protocol))
FAILS(int, socketpair, (int family, int type, int protocol, int *fds), (family, type, protocol, fds))
FAILS(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
FAILS(int, listen, (int fd, int backlog), (fd, backlog))
FAILS(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
      (fd, address, size, flags))
FAILS(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
FAILS(int, shutdown, (int fd, int how), (fd, how))
FAILS(int, getsockname, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size))
FAILS(int, getpeername, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size))
FAILS(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
      (fd, level, name, value, size))
FAILS(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
      (fd, level, name, value, size))

/* What a short read has left comes later: it is announced as if it came now. With TCP the kernel never keeps
   back what has come, and who waits for a change relies on that. */
static ssize_t announce_rest(int fd, int failed, ssize_t n)
{
    int error = errno;
    if (failed == FAULT_SHORT)
        __real_setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int));
    errno = error;
    return n;
}

/* Nothing comes any more from a client that has answered nothing for so long. */
static void break_connection(int fd, int failed)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (failed == ETIMEDOUT && __real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
        type == SOCK_STREAM)
        __real_shutdown(fd, SHUT_RD);
}

#define RECEIVES(type, name, symbol, parameters, arguments)                \
    MOVES_BY(type, name, symbol, parameters, break_connection(fd, failed), \
             announce_rest(fd, failed, __real_##symbol arguments))
RECEIVES(ssize_t, recv, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
RECEIVES(ssize_t, recv, __recv_chk, (int fd, void *data, size_t size, size_t room, int flags),
         (fd, data, size, room, flags))
FAILS(ssize_t, recvfrom,
      (int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *length),
      (fd, data, size, flags, address, length))
MOVES_AS(ssize_t, recvfrom, __recvfrom_chk,
         (int fd, void *data, size_t size, size_t room, int flags, struct sockaddr *address,
          socklen_t *length),
         (fd, data, size, room, flags, address, length))
FAILS(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
FAILS(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
      (fd, messages, count, flags, timeout))
MOVES(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
FAILS(ssize_t, sendto,
      (int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length),
      (fd, data, size, flags, address, length))
MOVES(ssize_t, sendfile, (int to, int from, off_t *offset, size_t size), (to, from, offset, size))
FAILS_WITH(0, unsigned, if_nametoindex, (const char *name), (name))
FAILS(int, getifaddrs, (struct ifaddrs * *all), (all))
FAILS_NULL(char *, if_indextoname, (unsigned index, char *name), (index, name))
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

/* A name that only the tests know: at its first address nobody answers, as they see to. */
static int find_known(const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    struct addrinfo numbers = *hints;
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    numbers.ai_flags |= AI_NUMERICHOST;
    int rc = __real_getaddrinfo("127.0.0.2", service, &numbers, found);
    return rc ? rc : __real_getaddrinfo("127.0.0.3", service, &numbers, &(*found)->ai_next);
}

/* With EAI_SYSTEM, errno says why. */
FAULT_WRAP(int, getaddrinfo, getaddrinfo,
           (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found), {
               if (failed == EAI_SYSTEM)
                   errno = EMFILE;
               return failed                                ? failed
                      : host && !strcmp(host, "known.test") ? find_known(service, hints, found)
                                                            : __real_getaddrinfo(host, service, hints, found);
           })
FAULT_WRAP(int, getnameinfo, getnameinfo,
           (const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size, char *service,
            socklen_t service_size, int flags),
           {
               if (failed == EAI_SYSTEM)
                   errno = EMFILE;
               return failed ? failed
                             : __real_getnameinfo(address, length, host, host_size, service, service_size,
                                                  flags & ~NI_NAMEREQD);
           })

/* Of several pieces only the first one leaves. */
FAULT_WRAP(ssize_t, sendmsg, sendmsg, (int fd, const struct msghdr *message, int flags), {
    struct msghdr first = *message;
    if (failed > 0) {
        errno = failed;
        return -1;
    }
    if (failed == FAULT_SHORT && first.msg_iovlen > 1)
        first.msg_iovlen = 1;
    return __real_sendmsg(fd, &first, flags);
})

/* ---- waiting ----------------------------------------------------------------------------------------------
 */

/* A look at what is ready now is interrupted only where nothing is, and takes no memory. */
#define LOOKS(call)       \
    if (ms == 0) {        \
        int ready = call; \
        if (ready != 0)   \
            return ready; \
    }
#define POLLS(symbol, parameters, call)                            \
    FAULT_WRAP_AFTER(int, poll, symbol, parameters, LOOKS(call), { \
        if (failed) {                                              \
            errno = failed;                                        \
            return -1;                                             \
        }                                                          \
        return call;                                               \
    })
POLLS(poll, (struct pollfd * fds, nfds_t count, int ms), __real_poll(fds, count, ms))
POLLS(__poll_chk, (struct pollfd * fds, nfds_t count, int ms, size_t room),
      __real___poll_chk(fds, count, ms, room))
FAILS(int, epoll_create1, (int flags), (flags))
/* Only a new registration takes memory: one that is there can always be changed. */
FAULT_WRAP(int, epoll_ctl, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event), {
    if (failed && operation != EPOLL_CTL_MOD) {
        errno = failed;
        return -1;
    }
    return __real_epoll_ctl(epoll, operation, fd, event);
})
FAILS(int, epoll_wait, (int epoll, struct epoll_event *events, int count, int ms), (epoll, events, count, ms))
FAILS(int, eventfd, (unsigned count, int flags), (count, flags))
FAILS(int, timerfd_create, (int clock, int flags), (clock, flags))
FAILS(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left))

/* ---- processes and threads --------------------------------------------------------------------------------
 */

FAILS(pid_t, fork, (void), ())
FAILS(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
FAILS(int, kill, (pid_t pid, int signal), (pid, signal))
FAILS(int, prctl, (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
      (option, a, b, c, d))
FAILS(long, syscall, (long number, long a, long b, long c, long d, long e, long f),
      (number, a, b, c, d, e, f))
FAILS(int, getrlimit, (int resource, struct rlimit *limit), (resource, limit))
FAILS(int, setrlimit, (int resource, const struct rlimit *limit), (resource, limit))
FAILS(int, getentropy, (void *data, size_t size), (data, size))
FAILS(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags))
FAILS(int, sigaltstack, (const stack_t *stack, stack_t *before), (stack, before))
FAILS(int, sigtimedwait, (const sigset_t *set, siginfo_t *info, const struct timespec *time),
      (set, info, time))
FAILS(int, atexit, (void (*function)(void)), (function))
RETURNS(int, pthread_atfork, (void (*before)(void), void (*parent)(void), void (*child)(void)),
        (before, parent, child))
RETURNS(int, pthread_create,
        (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument),
        (thread, attributes, start, argument))
RETURNS(int, pthread_attr_init, (pthread_attr_t * attributes), (attributes))
RETURNS(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
        (mutex, attributes))
RETURNS(int, pthread_mutexattr_init, (pthread_mutexattr_t * attributes), (attributes))
RETURNS(int, pthread_mutex_clocklock, (pthread_mutex_t * mutex, clockid_t clock, const struct timespec *time),
        (mutex, clock, time))
RETURNS(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *time), (mutex, time))
RETURNS(int, pthread_cond_init, (pthread_cond_t * condition, const pthread_condattr_t *attributes),
        (condition, attributes))
RETURNS(int, pthread_condattr_init, (pthread_condattr_t * attributes), (attributes))
RETURNS(int, pthread_cond_timedwait,
        (pthread_cond_t * condition, pthread_mutex_t *mutex, const struct timespec *time),
        (condition, mutex, time))
RETURNS(int, pthread_cond_clockwait,
        (pthread_cond_t * condition, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time),
        (condition, mutex, clock, time))

/* ---- other libraries: they have run out of memory
 * ----------------------------------------------------------- */

/* zlib: its own numbers. */
#ifdef HTTP_ZLIB
RETURNS(int, deflateInit2_,
        (struct z_stream_s * stream, int level, int method, int bits, int memory, int strategy,
         const char *version, int size),
        (stream, level, method, bits, memory, strategy, version, size))
RETURNS(int, deflate, (struct z_stream_s * stream, int flush), (stream, flush))
RETURNS(int, inflateInit2_, (struct z_stream_s * stream, int bits, const char *version, int size),
        (stream, bits, version, size))
RETURNS(int, inflate, (struct z_stream_s * stream, int flush), (stream, flush))
#endif
#ifdef HTTP_BROTLI_ENCODER
FAILS_NULL(void *, BrotliEncoderCreateInstance, (void *allocate, void *release, void *opaque),
           (allocate, release, opaque))
FAILS_WITH(0, int, BrotliEncoderSetParameter, (void *encoder, int parameter, uint32_t value),
           (encoder, parameter, value))
FAILS_WITH(0, int, BrotliEncoderCompressStream,
           (void *encoder, int operation, size_t *available_in, const uint8_t **next_in,
            size_t *available_out, uint8_t **next_out, size_t *total_out),
           (encoder, operation, available_in, next_in, available_out, next_out, total_out))
#endif
#ifdef HTTP_LIBZSTD
FAILS_NULL(void *, ZSTD_createCCtx, (void), ())
/* zstd: the number of an error, negative. */
FAULT_WRAP(size_t, ZSTD_CCtx_setParameter, ZSTD_CCtx_setParameter, (void *context, int parameter, int value),
           { return failed ? (size_t)-failed : __real_ZSTD_CCtx_setParameter(context, parameter, value); })
FAULT_WRAP(size_t, ZSTD_compressStream2, ZSTD_compressStream2,
           (void *context, void *output, void *input, int operation), {
               return failed ? (size_t)-failed
                             : __real_ZSTD_compressStream2(context, output, input, operation);
           })
#endif
#ifdef HTTP_LIBCRYPTO
FAILS_WITH(0, int, EVP_Digest,
           (const void *data, size_t count, unsigned char *digest, unsigned *size, const void *type,
            void *engine),
           (data, count, digest, size, type, engine))
#endif
#ifdef HTTP_LIBCRYPT
FAILS_NULL(char *, crypt_r, (const char *password, const char *salt, void *data), (password, salt, data))
FAILS_NULL(char *, crypt_gensalt_rn,
           (const char *prefix, unsigned long count, const char *bytes, int size, char *salt, int room),
           (prefix, count, bytes, size, salt, room))
#endif
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,clang-analyzer-valist.Uninitialized) */
