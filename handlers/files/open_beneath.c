/* SPDX-License-Identifier: MIT */
/* openat2(2) with RESOLVE_BENEATH; what it cannot do, the walk does. */
#include "files/open_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>

static int open_resolved(int root, const char *name, int flags, unsigned long long resolve)
{
    enum { ATTEMPTS = 8 };
    static atomic_bool missing; /* no such system call, or a filter that forbids it */
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };

    /* EAGAIN: somebody renames at this moment, and the kernel cannot be sure that nothing got out. */
    for (int i = 0; i < ATTEMPTS && !atomic_load_explicit(&missing, memory_order_relaxed); i++) {
        long fd = TEMP_FAILURE_RETRY(syscall(SYS_openat2, root, name, &how, sizeof how));
        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS)
            atomic_store_explicit(&missing, true, memory_order_relaxed);
        if (errno != EAGAIN)
            return -errno;
    }
    return -ENOSYS;
}

/* True where the walk may know better: no openat2, or a link that is absolute or goes out and in again. */
static bool needs_walk(int rc, enum http_symlinks symlinks)
{
    return rc == -ENOSYS || rc == -EPERM || (rc == -EXDEV && symlinks == HTTP_SYMLINKS_INSIDE);
}

static int open_confined(int root, const char *name, int flags, enum http_symlinks symlinks)
{
    int rc = open_resolved(root, *name ? name : ".", flags,
                           symlinks == HTTP_SYMLINKS_NEVER ? RESOLVE_NO_SYMLINKS : 0);
    return needs_walk(rc, symlinks) ? http_open_walk(root, name, flags, symlinks) : rc;
}
#else
#define open_confined http_open_walk
#endif

int http_open_beneath(int root, const char *name, int flags, enum http_symlinks symlinks)
{
    if (symlinks != HTTP_SYMLINKS_FOLLOW)
        return open_confined(root, name, flags, symlinks);
    int fd = (int)TEMP_FAILURE_RETRY(openat(root, *name ? name : ".", flags | O_CLOEXEC));
    return fd >= 0 ? fd : -errno;
}
