/* SPDX-License-Identifier: MIT */
/* LIST and GET. */
#include "fileserver/fileserver.h"
#include <dirent.h>
#include <fcntl.h>

enum { STRETCH = 1 << 20 /* bytes that are sent until it is looked whether the server stops */ };

/* ---------------------------------------------------------------- LIST */

static int list_one(struct ss_handler *h, const char *name)
{
    struct stat status;
    bool good = is_name(name) && fstatat(directory_fd(), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(status.st_mode);
    return good ? ss_printf(h->wfile, "FILE %jd %s\n", (intmax_t)status.st_size, name) : 0;
}

/* A descriptor of its own: the position in the directory belongs to it. */
int serve_list(struct ss_handler *h, const struct request *r)
{
    (void)r;
    int rc = 0, fd = openat(directory_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        rc = -errno;
        if (fd >= 0)
            close(fd);
        return refuse(h, "the directory cannot be read", rc);
    }
    for (struct dirent *entry; rc == 0 && (entry = readdir(entries));)
        rc = list_one(h, entry->d_name);
    closedir(entries);
    return rc < 0 ? rc : ss_printf(h->wfile, "DONE\n");
}

/* ---------------------------------------------------------------- GET */

/* Does the file begin with what the client has? Then it stores in *from how much that is, and `d` has it. 0
   or -errno. */
static int compare(struct ss_handler *h, const struct request *r, int fd, off_t size, struct digest *d,
                   off_t *from)
{
    char text[DIGEST_TEXT + 1];
    *from = 0;
    int rc = digest_begin(d);
    if (rc < 0 || r->number == 0 || r->number > size)
        return rc;
    rc = digest_part(h, d, fd, 0, r->number);
    if (rc == 0)
        rc = digest_text(d, text);
    if (rc == 0 && !strcmp(text, r->digest))
        *from = r->number;
    return rc < 0 || *from ? rc : digest_begin(d);
}

/* The bytes go from the file to the network inside of the kernel; what the digest is made of was read a
   moment before. If somebody writes in between, the client finds that the two do not agree. */
static int send_rest(struct ss_handler *h, int fd, off_t from, off_t size, struct digest *d)
{
    int rc = 0;
    while (rc == 0 && from < size) {
        size_t n = size - from < STRETCH ? (size_t)(size - from) : STRETCH;
        rc = digest_part(h, d, fd, from, from + (off_t)n);
        if (rc == 0)
            rc = ss_sendfile(h->wfile, fd, from, n);
        from += (off_t)n;
    }
    return rc;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The last line. Half of the old content and half of the new one would have a digest, too. */
static int vouch(struct ss_handler *h, int fd, const struct stat *before, const struct digest *d)
{
    struct stat after;
    char text[DIGEST_TEXT + 1];
    if (fstat(fd, &after) < 0)
        return -errno;
    if (after.st_size != before->st_size || !is_same_time(after.st_mtim, before->st_mtim))
        return ss_printf(h->wfile, "CHANGED\n");
    int rc = digest_text(d, text);
    return rc < 0 ? rc : ss_printf(h->wfile, "DONE %s\n", text);
}

int serve_get(struct ss_handler *h, const struct request *r)
{
    struct digest d = {0};
    struct stat before;
    off_t from;
    int fd = open_file(r->name, &before);
    if (fd < 0)
        return refuse(h, r->name, fd);
    int rc = compare(h, r, fd, before.st_size, &d, &from);
    if (rc < 0) {
        rc = rc == -ECANCELED ? rc : refuse(h, r->name, rc);
        goto out;
    }
    ss_printf(h->wfile, "OK %jd %jd\n", (intmax_t)from, (intmax_t)before.st_size);
    rc = send_rest(h, fd, from, before.st_size, &d);
    if (rc == 0)
        rc = vouch(h, fd, &before, &d);
out:
    digest_end(&d);
    close(fd);
    return rc;
}
