/* SPDX-License-Identifier: MIT */
/* GET and PUT over one connection. */
#include "fileserver_client/client.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/* What a stranger sends must not steer this terminal. */
static void make_harmless(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

int read_answer(struct ss_stream *s, const char *word, char line[LINE])
{
    ssize_t n;
    do
        n = ss_readline(s, line, LINE);
    while (n > 0 && !strcmp(line, "BUSY\n"));
    if (n <= 0 || line[n - 1] != '\n')
        return n < 0 ? (int)n : -ECONNRESET;
    line[n - 1] = '\0';
    make_harmless(line);
    if (!strncmp(line, word, strlen(word)))
        return 0;
    fprintf(stderr, "the server says: %s\n", line);
    return -EREMOTEIO;
}

/* Takes " 123" off the text. */
static bool read_number(char **text, int64_t *number)
{
    if (**text != ' ' || (*text)[1] < '0' || (*text)[1] > '9')
        return false;
    *number = strtoll(*text + 1, text, 10);
    return true;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* ---------------------------------------------------------------- get */

/* The digest of what is here shows the server whether it is a beginning of the file. */
static int ask(struct ss_stream *s, struct transfer *t)
{
    char text[DIGEST_TEXT + 1], line[LINE] = "OK", *rest = line + 2;
    off_t here = lseek(t->fd, 0, SEEK_END);
    int rc = here < 0 ? -errno : digest_begin(&t->digest);
    if (rc == 0)
        rc = digest_add_file(&t->digest, t->fd, 0, (size_t)here);
    if (rc == 0)
        rc = digest_text(&t->digest, text);
    if (rc == 0)
        rc = ss_printf(s, "GET %jd %s %s\n", (intmax_t)here, text, t->name);
    if (rc == 0)
        rc = read_answer(s, "OK ", line);
    if (rc < 0)
        return rc;
    if (!read_number(&rest, &t->done) || !read_number(&rest, &t->size) || *rest ||
        (t->done != 0 && t->done != here) || t->size < t->done)
        return -EPROTO;
    if (here > 0)
        fprintf(stderr,
                t->done ? "going on behind %jd bytes\n" : "these %jd bytes are not of that file: anew\n",
                (intmax_t)here);
    if (t->done == here)
        return 0;
    return lseek(t->fd, 0, SEEK_SET) < 0 || ftruncate(t->fd, 0) < 0 ? -errno : digest_begin(&t->digest);
}

int get(struct ss_stream *s, struct transfer *t)
{
    char data[DIGEST_PIECE], text[DIGEST_TEXT + 1] = "";
    int rc = ask(s, t);
    while (rc == 0 && t->done < t->size) {
        int64_t left = t->size - t->done;
        ssize_t n = ss_read(s, data, left < DIGEST_PIECE ? (size_t)left : DIGEST_PIECE);
        rc = n > 0 ? digest_add(&t->digest, data, (size_t)n) : n < 0 ? (int)n : -ECONNRESET;
        if (rc == 0)
            rc = write_all(t->fd, data, (size_t)n);
        t->done += rc == 0 ? n : 0;
    }
    if (rc == 0)
        rc = read_answer(s, "", data);
    if (rc == 0)
        rc = digest_text(&t->digest, text);
    if (rc < 0 || (!strncmp(data, "DONE ", 5) && !strcmp(data + 5, text)))
        return rc;
    t->again = true;
    return ftruncate(t->fd, 0) < 0 ? -errno : -EAGAIN;
}

/* ---------------------------------------------------------------- put */

int put(struct ss_stream *s, struct transfer *t)
{
    char line[LINE] = "OK", text[DIGEST_TEXT + 1], *rest = line + 2;
    struct stat status;
    int rc = fstat(t->fd, &status) < 0 ? -errno : digest_begin(&t->digest);
    if (rc == 0)
        rc = digest_add_file(&t->digest, t->fd, 0, (size_t)status.st_size);
    if (rc == 0)
        rc = digest_text(&t->digest, text);
    if (rc == 0)
        rc = ss_printf(s, "PUT %jd %s %s\n", (intmax_t)status.st_size, text, t->name);
    if (rc == 0)
        rc = read_answer(s, "OK ", line);
    if (rc == 0 && (!read_number(&rest, &t->done) || *rest || t->done > status.st_size))
        return -EPROTO;
    if (rc == 0 && t->done > 0)
        fprintf(stderr, "going on behind %jd bytes\n", (intmax_t)t->done);
    if (rc == 0)
        rc = ss_sendfile(s, t->fd, t->done, (size_t)(status.st_size - t->done));
    return rc < 0 ? rc : read_answer(s, "DONE ", line);
}
