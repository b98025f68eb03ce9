/* openat2(2) with RESOLVE_BENEATH, and its twin: a walk that follows no symbolic link. */
#include "open_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#ifdef O_PATH
#define O_WALK (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#else
#define O_WALK (O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#endif

/* One component: never up, never through a link. */
static int open_component(int directory, const char *name, size_t size, int flags)
{
    char component[NAME_MAX + 1];
    int fd;

    if (size > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(component, name, size);
    component[size] = '\0';
    if (strcmp(component, "..") == 0)
        return -EXDEV;
    fd = openat(directory, component, flags | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int http_open_walk(int root, const char *name, int flags)
{
    int directory = root;

    if (name[0] == '/')
        return -EXDEV;
    for (;;) {
        size_t size = strcspn(name, "/");
        const char *next = name + size + strspn(name + size, "/");
        bool last = *next == '\0';
        int how = name[size] == '/' ? flags | O_DIRECTORY : flags;
        int fd;

        if (size == 0)
            fd = open_component(directory, ".", 1, flags);
        else
            fd = open_component(directory, name, size, last ? how : O_WALK);
        if (directory != root)
            close(directory);
        if (fd < 0 || last)
            return fd;
        directory = fd;
        name = next;
    }
}

#ifdef SYS_openat2
int http_open_beneath(int root, const char *name, int flags)
{
    enum { ATTEMPTS = 8 };
    static atomic_bool missing; /* no such system call, or a filter that forbids it */
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };

    /* EAGAIN: somebody renames at this moment, and the kernel cannot be sure that nothing got out. */
    for (int i = 0; i < ATTEMPTS && !atomic_load_explicit(&missing, memory_order_relaxed); i++) {
        long fd = syscall(SYS_openat2, root, *name != '\0' ? name : ".", &how, sizeof how);

        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS || errno == EPERM)
            break;
        if (errno != EAGAIN)
            return -errno;
    }
    if (errno == ENOSYS)
        atomic_store_explicit(&missing, true, memory_order_relaxed);
    return http_open_walk(root, name, flags);
}
#else
int http_open_beneath(int root, const char *name, int flags)
{
    return http_open_walk(root, name, flags);
}
#endif
