/* SPDX-License-Identifier: MIT */
/* PUT: what comes is kept under the name of its digest until all of it is there. */
#include "fileserver/fileserver.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>

enum { SPARE = 64 << 20 /* bytes that uploads leave free on the disk */ };
enum { UNFINISHED = 64 /* uploads that are kept; of more, the oldest one goes */ };
enum { ATTEMPTS = 8, AT_ONCE = 65536 /* bytes */ };
#define BEGINNING ".upload-"

struct upload {
    const struct request *request;
    char part[sizeof BEGINNING + DIGEST_TEXT]; /* the name of its file for now */
    int fd;
    off_t size; /* how much is there */
    struct digest digest;
};

/* ---------------------------------------------------------------- unfinished ones */

/* Somebody begins, and does not come back: that must not fill the directory. */
static void forget_the_oldest(void)
{
    char oldest[LONGEST_NAME + 1] = "";
    struct timespec when = {0};
    int count = 0, fd = openat(directory_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        struct stat s;
        if (strncmp(entry->d_name, BEGINNING, strlen(BEGINNING)) != 0 ||
            fstatat(directory_fd(), entry->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (count++ == 0 || s.st_mtim.tv_sec < when.tv_sec ||
            (s.st_mtim.tv_sec == when.tv_sec && s.st_mtim.tv_nsec < when.tv_nsec)) {
            when = s.st_mtim;
            strcpy(oldest, entry->d_name);
        }
    }
    if (entries)
        closedir(entries);
    else if (fd >= 0)
        close(fd);
    if (count >= UNFINISHED)
        unlinkat(directory_fd(), oldest, 0);
}

/* Between opening and locking, whoever had the lock may have finished, and then what was opened is the file
   that he has made. */
static int open_and_lock(struct upload *u)
{
    struct stat opened, named;
    for (int i = 0; i < ATTEMPTS; i++) {
        u->fd = openat(directory_fd(), u->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (u->fd < 0)
            return -errno;
        if (flock(u->fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK ? -EBUSY : -errno;
        if (fstat(u->fd, &opened) < 0)
            return -errno;
        u->size = opened.st_size;
        if (fstatat(directory_fd(), u->part, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            named.st_ino == opened.st_ino)
            return 0;
        close(u->fd);
        u->fd = -1;
    }
    return -EBUSY;
}

/* Opens what was left of this upload, or an empty file. Returns NULL, or what is wrong; then *rc says why. */
static const char *begin(struct ss_handler *h, struct upload *u, int *rc)
{
    const struct request *r = u->request;
    struct statvfs disk;
    *rc = 0;
    if (strlen(r->digest) != DIGEST_TEXT || strspn(r->digest, "0123456789abcdef") != DIGEST_TEXT)
        return "the third word must be a SHA-256 digest";
    (void)snprintf(u->part, sizeof u->part, BEGINNING "%s", r->digest);
    if (faccessat(directory_fd(), u->part, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        forget_the_oldest();
    *rc = open_and_lock(u);
    if (*rc < 0)
        return *rc == -EBUSY ? "somebody is sending this at the moment; try again later" : r->name;
    if (u->size > r->number && ftruncate(u->fd, u->size = 0) < 0) /* there was another SIZE: one is wrong */
        *rc = -errno;
    uint64_t free = fstatvfs(u->fd, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
    if (*rc == 0 && (uint64_t)(r->number - u->size) + SPARE > free)
        *rc = -ENOSPC;
    if (*rc == 0)
        *rc = digest_begin(&u->digest);
    if (*rc == 0)
        *rc = digest_part(h, &u->digest, u->fd, 0, u->size);
    return *rc < 0 ? r->name : NULL;
}

/* ---------------------------------------------------------------- receiving */

struct bytes {
    struct upload *upload;
    const char *data;
    size_t size;
};

static int store(void *argument)
{
    const struct bytes *bytes = argument;
    struct upload *u = bytes->upload;
    for (size_t done = 0; done < bytes->size;) {
        ssize_t n = pwrite(u->fd, bytes->data + done, bytes->size - done, u->size);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
        u->size += n > 0 ? n : 0;
    }
    return digest_add(&u->digest, bytes->data, bytes->size);
}

/* 0; 1 and *rc: the disk does not take it; or -errno: the client has gone. */
static int receive(struct ss_handler *h, struct upload *u, int *rc)
{
    char data[AT_ONCE];
    ss_set_owed(h->rfile, true);
    h->request->busy = true; /* a server that stops waits for the rest */
    while (u->size < u->request->number) {
        off_t left = u->request->number - u->size;
        ssize_t n = ss_read(h->rfile, data, left < AT_ONCE ? (size_t)left : AT_ONCE);
        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        struct bytes bytes = {u, data, (size_t)n};
        *rc = ss_offload(h->server, store, &bytes);
        if (*rc < 0)
            return 1;
    }
    ss_set_owed(h->rfile, false);
    h->request->busy = false;
    return 0;
}

/* Its name comes last: whoever sees it sees all of it, also after a power failure. */
static int finish(void *argument)
{
    struct upload *u = argument;
    if (fsync(u->fd) < 0 || renameat(directory_fd(), u->part, directory_fd(), u->request->name) < 0 ||
        fsync(directory_fd()) < 0)
        return -errno;
    return 0;
}

static int receive_and_finish(struct ss_handler *h, struct upload *u)
{
    char text[DIGEST_TEXT + 1];
    int rc = 0, end = receive(h, u, &rc);
    if (end < 0)
        return end;
    if (end > 0) { /* what is still on its way is no line */
        refuse(h, u->request->name, rc);
        h->request->linger = true;
        return rc;
    }
    rc = digest_text(&u->digest, text);
    if (rc == 0 && strcmp(text, u->request->digest) != 0) {
        unlinkat(directory_fd(), u->part, 0);
        return refuse(h, "these are not the bytes of that digest; send them anew", 0);
    }
    if (rc == 0)
        rc = ss_offload(h->server, finish, u);
    return rc < 0 ? refuse(h, u->request->name, rc) : ss_printf(h->wfile, "DONE %s\n", text);
}

int serve_put(struct ss_handler *h, const struct request *r)
{
    struct upload u = {.request = r, .fd = -1};
    int rc;
    const char *wrong = begin(h, &u, &rc);
    if (wrong && rc != -ECANCELED)
        rc = refuse(h, wrong, rc == -EBUSY ? 0 : rc);
    if (!wrong) {
        ss_printf(h->wfile, "OK %jd\n", (intmax_t)u.size);
        rc = receive_and_finish(h, &u);
    }
    digest_end(&u.digest);
    if (u.fd >= 0)
        close(u.fd); /* gives the lock back, too */
    return rc;
}
