/* SPDX-License-Identifier: MIT */
/* Opens the file of the access log, and opens it anew after somebody has moved it away. */
#include "log/open.h"
#include "http_server.h"
#include "log/owned.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[PATH_MAX]; /* absolute */
/* Requests to open the log anew: how many there were, in memory that all processes share, and how many of
   them this process has carried out. */
static atomic_uint *_Atomic asked;
static atomic_uint done;

/* Its mode is 0640, because a log tells who has asked for what. O_NONBLOCK: a FIFO must not make the server
   wait for somebody who reads it, now or later. */
static int open_to_append(const char *name)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = (int)TEMP_FAILURE_RETRY(open(name, flags, 0640));
    if (fd < 0)
        return -errno;
    int rc = http_log_own(fd);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* The program may have changed its directory when the log is opened anew. */
static int make_absolute(const char *name, char absolute[PATH_MAX])
{
    char directory[PATH_MAX] = "";
    if (*name != '/' && !getcwd(directory, sizeof directory))
        return -errno;
    int size = snprintf(absolute, PATH_MAX, "%s%s%s", directory, *directory ? "/" : "", name);
    return size < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int share_count(void)
{
    if (asked)
        return 0;
    void *page = mmap(NULL, sizeof *asked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    asked = page;
    return 0;
}

int http_access_log_open(const char *name)
{
    char absolute[PATH_MAX];
    int rc = share_count();
    if (rc == 0)
        rc = make_absolute(name, absolute);
    if (rc == 0)
        rc = http_log_own_name(absolute);
    int fd = rc == 0 ? open_to_append(absolute) : rc;
    if (fd < 0) {
        (void)http_log_own_name(http_log_descriptor() >= 0 ? path : NULL);
        return fd;
    }
    strcpy(path, absolute);
    done = *asked;
    http_log_exchange(fd);
    return 0;
}

void http_access_log_close(void)
{
    http_log_exchange(-1);
    (void)http_log_own_name(NULL);
}

/* Opens the file of the same name in place of the one that is open. In one step, so that no line of another
   thread is without a file. 0 or -errno: lines go on to the file that is open, and the next one tries again.
   Async-signal-safe. */
static int renew(void)
{
    unsigned count = *asked;
    int log = http_log_descriptor(), fd = log >= 0 ? open_to_append(path) : -EBADF;
    if (fd < 0)
        return fd;
    int rc = TEMP_FAILURE_RETRY(dup3(fd, log, O_CLOEXEC)) < 0 ? -errno : 0;
    close(fd);
    if (rc == 0)
        done = count;
    http_log_changed(&http_log_access);
    return rc;
}

int http_access_log_reopen(void)
{
    if (!asked || http_log_descriptor() < 0)
        return 0;
    atomic_fetch_add(asked, 1);
    return renew();
}

struct http_log_file *http_log_current(void)
{
    const atomic_uint *count = asked;
    if (count && *count != done)
        (void)renew();
    return http_log_descriptor() >= 0 ? &http_log_access : &http_log_stderr;
}
