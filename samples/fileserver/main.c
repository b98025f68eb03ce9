/* SPDX-License-Identifier: MIT */
/* fileserver [ADDRESS [CLASS [DIRECTORY]]]: sends and takes files. A transfer that was broken off goes on
   where it ended, and a checksum vouches for the whole. The protocol is described in fileserver.h.

   Try:  build/samples/fileserver localhost:8021 ThreadingTCPServer www
   and:  build/samples/fileserver_client localhost:8021 list
   and:  build/samples/fileserver_client localhost:8021 get style.css

   Whoever can connect can read and replace the files of DIRECTORY, the current one by default: so it is this
   machine alone that can, unless ADDRESS says otherwise. */
#include "fileserver/fileserver.h"
#include <fcntl.h>
#include <stdlib.h>

static const char *directory = ".";
static int root = -1;

int directory_fd(void)
{
    return root;
}

bool is_name(const char *name)
{
    size_t size = strlen(name);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < ' ' || *c == 127 || *c == '/')
            return false;
    return size > 0 && size <= LONGEST_NAME && name[0] != '.';
}

/* O_NONBLOCK: opening a FIFO would wait for somebody who writes to it. */
int open_file(const char *name, struct stat *status)
{
    int fd = openat(root, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -EACCES : -errno;
    int rc = fstat(fd, status) < 0 ? -errno : S_ISREG(status->st_mode) ? 0 : -EACCES;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int refuse(struct ss_handler *h, const char *what, int rc)
{
    char text[100] = "";
    return ss_printf(h->wfile, "ERROR %s%s%s\n", what, rc < 0 ? ": " : "",
                     rc < 0 ? strerror_r(-rc, text, sizeof text) : "");
}

/* ---------------------------------------------------------------- reading a part of a file */

enum { PART = 1 << 20 /* bytes at once */, SIGN_OF_LIFE = 1000 /* ms */ };

struct part {
    struct digest *digest;
    int fd;
    off_t from;
    size_t size;
};

static int digest_one(void *argument)
{
    const struct part *part = argument;
    return digest_add_file(part->digest, part->fd, part->from, part->size);
}

int digest_part(struct ss_handler *h, struct digest *d, int fd, off_t from, off_t to)
{
    uint64_t told = ss_now();
    int rc = 0;
    while (rc == 0 && from < to) {
        struct part part = {d, fd, from, to - from < PART ? (size_t)(to - from) : PART};
        rc = ss_offload(h->server, digest_one, &part);
        from += PART;
        if (rc == 0 && from < to)
            rc = ss_sleep(h->server, 0); /* it says, too, that the server cannot wait any longer */
        if (rc == 0 && ss_now() - told > SIGN_OF_LIFE) {
            told = ss_now();
            ss_printf(h->wfile, "BUSY\n");
            rc = ss_flush(h->wfile);
        }
    }
    return rc;
}

/* ---------------------------------------------------------------- a line */

/* Up to 18 digits. */
static bool read_number(const char *word, int64_t *number)
{
    size_t size = strspn(word, "0123456789");
    *number = size > 0 && size < 19 && !word[size] ? strtoll(word, NULL, 10) : -1;
    return *number >= 0;
}

/* OFFSET DIGEST NAME, or SIZE DIGEST NAME. Returns NULL, or what is wrong with it. */
static const char *read_request(char *rest, struct request *r)
{
    const char *number = strsep(&rest, " "), *digest = rest ? strsep(&rest, " ") : NULL;
    if (!number || !read_number(number, &r->number))
        return "the second word must be a number of bytes";
    if (!digest || !*digest || strlen(digest) > DIGEST_TEXT)
        return "the third word must be a SHA-256 digest";
    if (!rest || !is_name(rest))
        return "a name has 1 to 255 bytes, no slash, no control characters and no dot at its beginning";
    strcpy(r->digest, digest);
    strcpy(r->name, rest);
    return NULL;
}

static int answer(struct ss_handler *h, char *line)
{
    struct request r;
    char *rest = line;
    const char *verb = strsep(&rest, " ");
    if (!strcmp(verb, "LIST") && !rest)
        return serve_list(h, NULL);
    bool get = !strcmp(verb, "GET");
    if (!get && strcmp(verb, "PUT") != 0)
        return refuse(h, "the first word must be LIST, GET or PUT", 0);
    const char *wrong = read_request(rest, &r);
    return wrong ? refuse(h, wrong, 0) : get ? serve_get(h, &r) : serve_put(h, &r);
}

static int serve(struct ss_handler *h)
{
    char line[LONGEST_LINE];
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        if (line[n - 1] != '\n') /* it is too long, or the client has gone amid it */
            return refuse(h, "a line has up to 399 bytes", 0);
        line[n - 1] = '\0';
        rc = strlen(line) + 1 < (size_t)n ? refuse(h, "a line has no NUL", 0) : answer(h, line);
    }
    return rc < 0 ? rc : (int)n;
}

/* ---------------------------------------------------------------- the server */

static void open_directory(struct ss_server *self)
{
    (void)self;
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0 && digest_is_there())
        return;
    if (root < 0)
        fprintf(stderr, "fileserver: %s: %m: name a directory that is there\n", directory);
    else
        fprintf(stderr, "fileserver: " NO_DIGEST "\n");
    exit(1);
}

static const struct ss_class Directory = {.name = "Directory", .init = open_directory};
static const struct ss_handler_class Files = {.handle = serve};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends and takes the files of DIRECTORY (default: the current one).",
        .address = "localhost:8021",
        .cls = "ThreadingTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .own = &Directory,
        .handler = &Files,
        .argument = "DIRECTORY",
        .value = &directory,
    };
    return ss_main(argc, argv, &program);
}
