/* SPDX-License-Identifier: MIT */
/* fileserver_client ADDRESS list, or ADDRESS get NAME, or ADDRESS put FILE: the other side of fileserver.
   What comes is kept in NAME.part until all of it is there, so that whoever was killed goes on where he was;
   and if the file has changed meanwhile, the client begins anew by itself. A connection that breaks is made
   again. At the end it shows the file's SHA-256, as sha256sum(1) does.

   Try:  build/samples/fileserver localhost:8021 ThreadingTCPServer www
   and:  build/samples/fileserver_client localhost:8021 get style.css
   and:  build/samples/fileserver_client localhost:8021 list */
#include "fileserver_client/client.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>

enum { PATIENCE = 60000, PAUSE = 500 /* ms: for an answer, and before a new connection */ };
enum { TRIES = 6 /* in a row that have brought nothing */ };

static bool may_be_better(int rc)
{
    return rc == -EAGAIN || rc == -ECONNRESET || rc == -ECONNREFUSED || rc == -EPIPE || rc == -ETIMEDOUT;
}

/* One that has never been connected does not try again: there may be no server of that address. */
static int transfer(const char *address, struct transfer *t,
                    int (*once)(struct ss_stream *, struct transfer *))
{
    bool connected = false;
    int rc = -ECONNREFUSED;
    for (int tries = 0; tries < TRIES && may_be_better(rc); tries++) {
        struct ss_stream *s;
        int64_t before = t->done;
        if (tries > 0)
            poll(NULL, 0, PAUSE);
        rc = ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s);
        if (rc < 0 && !connected)
            return rc;
        connected = true;
        if (rc == 0)
            rc = once(s, t);
        ss_close(s);
        tries = t->done > before && !t->again ? 0 : tries;
    }
    return rc;
}

/* The server has the last word about it. But it must be one line of the protocol, and no path on this side.
 */
static bool is_name(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < ' ' || *c == 127 || *c == '/')
            return false;
    return *name;
}

/* As sha256sum(1) does. */
static int show_digest(const struct transfer *t)
{
    char text[DIGEST_TEXT + 1];
    int rc = digest_text(&t->digest, text);
    return rc < 0 ? rc : printf("%s  %s\n", text, t->name);
}

static int get_file(const char *address, const char *name)
{
    char part[LINE];
    struct transfer t = {.name = name};
    int size = snprintf(part, sizeof part, "%s.part", name);
    if (!is_name(name) || size >= LINE)
        return -EINVAL;
    t.fd = open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    int rc = t.fd < 0 ? -errno : flock(t.fd, LOCK_EX | LOCK_NB) < 0 ? -EBUSY : transfer(address, &t, get);
    if (rc == 0 && (fsync(t.fd) < 0 || rename(part, name) < 0))
        rc = -errno;
    if (rc == 0)
        rc = show_digest(&t);
    if (rc < 0 && rc != -EBUSY && t.fd >= 0 && lseek(t.fd, 0, SEEK_END) == 0)
        unlink(part); /* nothing to go on with */
    digest_end(&t.digest);
    if (t.fd >= 0)
        close(t.fd);
    return rc;
}

static int put_file(const char *address, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct transfer t = {.name = slash ? slash + 1 : path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
    int rc = t.fd < 0 ? -errno : !is_name(t.name) ? -EINVAL : transfer(address, &t, put);
    if (rc == 0)
        rc = show_digest(&t);
    digest_end(&t.digest);
    if (t.fd >= 0)
        close(t.fd);
    return rc;
}

static int list(const char *address)
{
    char line[LINE];
    struct ss_stream *s;
    int rc = ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s);
    if (rc == 0)
        rc = ss_printf(s, "LIST\n");
    while (rc == 0 && (rc = read_answer(s, "", line)) == 0 && !strncmp(line, "FILE ", 5))
        puts(line + 5);
    ss_close(s);
    return rc < 0 ? rc : !strcmp(line, "DONE") ? 0 : -EPROTO;
}

/* What went wrong, and what to do. */
static const char *explain(int rc)
{
    return rc == -EAGAIN   ? "the file was changed whenever it came; try again later"
           : rc == -EBUSY  ? "another client is writing to its .part; wait until that has ended"
           : rc == -EPROTO ? "this is no fileserver; look at the address"
           : rc == -EINVAL
               ? "the address must be host:port, and the name have no slash and no control characters"
               : strerror(-rc);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[2] : "";
    bool is_list = argc == 3 && !strcmp(verb, "list"), is_get = argc == 4 && !strcmp(verb, "get");
    if (!is_list && !is_get && (argc != 4 || strcmp(verb, "put") != 0)) {
        fprintf(stderr, "usage: %s ADDRESS list | get NAME | put FILE\n", argv[0]);
        return 2;
    }
    if (!digest_is_there()) {
        fprintf(stderr, "%s: " NO_DIGEST "\n", argv[0]);
        return 1;
    }
    int rc = is_list ? list(argv[1]) : is_get ? get_file(argv[1], argv[3]) : put_file(argv[1], argv[3]);
    if (rc < 0 && rc != -EREMOTEIO)
        fprintf(stderr, "%s: %s: %s%s%s\n", argv[0], argv[1], is_list ? "" : argv[3], is_list ? "" : ": ",
                explain(rc));
    return rc < 0;
}
