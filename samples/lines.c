/* SPDX-License-Identifier: MIT */
/* lines [ADDRESS [CLASS]]: TCP is a stream of bytes. It keeps their order, and not the pieces in which
   they were sent: a message needs an end that can be seen, here a newline, and a limit. The server answers
   each line with its length, and with the pieces in which it has come.

   Try:  build/samples/lines localhost:8091
   and:  build/samples/lines_client localhost:8091 */
#include "socketserver.h"
#include <stdio.h>
#include <string.h>

enum { LONGEST = 1000 /* bytes of a line */ };

/* ss_readline does all of this in one call. Here is what it does: it asks for one byte more than there is
   until the end of the line has come; the pieces are what each wait has brought. */
static int answer_one(struct ss_handler *h)
{
    const char *data, *newline = NULL;
    size_t seen = 0, pieces = 0;
    while (!newline) {
        ssize_t n = ss_peek(h->rfile, &data, seen + 1);
        if (n < 0)
            return (int)n;
        if ((size_t)n <= seen && seen > 0)
            return ss_printf(h->wfile, "the end came in the middle of a line, after %zu bytes\n", seen);
        if (n == 0)
            return 0;
        newline = memchr(data + seen, '\n', (size_t)n - seen);
        seen = (size_t)n;
        pieces++;
        if (!newline && seen > LONGEST)
            return ss_printf(h->wfile, "a line has %d bytes at most: good-bye\n", LONGEST);
    }
    size_t size = (size_t)(newline - data);
    ss_printf(h->wfile, "%zu bytes in %zu piece%s: %.*s\n", size, pieces, pieces == 1 ? "" : "s",
              size < 60 ? (int)size : 60, data);
    ss_skip(h->rfile, size + 1); /* what is behind it may be the next line already */
    return 1;
}

static int answer(struct ss_handler *h)
{
    int rc;
    while ((rc = answer_one(h)) > 0)
        ;
    return rc;
}

static const struct ss_handler_class Lines = {.handle = answer};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Answers each line with its length, and with the pieces in which it has come.",
        .address = "localhost:8091",
        .cls = "TCPServer",
        .servers = "TCPServer UnixStreamServer",
        .handler = &Lines,
    };
    return ss_main(argc, argv, &program);
}
