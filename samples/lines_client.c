/* SPDX-License-Identifier: MIT */
/* lines_client [ADDRESS]: sends the same two lines in three ways: at once, cut where they should not be, and
   one byte at a time.

   Try:  build/samples/lines localhost:8091
   and:  build/samples/lines_client localhost:8091 */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>

enum { PATIENCE = 5000 /* ms */, PAUSE = 20 /* ms, in which a piece arrives by itself */ };

static const char text[] = "first line\nand the second\n";

/* Flushing sends what was written as one piece; the server gets it so if it reads before the next one comes.
 */
static int send_in_pieces(struct ss_stream *s, size_t step)
{
    size_t size = sizeof text - 1;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < size; at += step) {
        ss_write(s, text + at, step < size - at ? step : size - at);
        rc = ss_flush(s);
        poll(NULL, 0, PAUSE);
    }
    return rc;
}

static int show_answers(struct ss_stream *s)
{
    char line[200];
    for (int i = 0; i < 2; i++) {
        ssize_t n = ss_readline(s, line, sizeof line);
        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        printf("    %s", line);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        size_t step;
    } ways[] = {{"both at once", sizeof text}, {"cut in the middle of each", 7}, {"byte by byte", 1}};
    const char *address = argc > 1 ? argv[1] : "localhost:8091";
    struct ss_stream *s = NULL;
    int rc = ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s);
    for (size_t i = 0; rc == 0 && i < sizeof ways / sizeof *ways; i++) {
        printf("%s:\n", ways[i].name);
        rc = send_in_pieces(s, ways[i].step);
        if (rc == 0)
            rc = show_answers(s);
    }
    if (rc < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], address, ss_strerror(rc));
    ss_close(s);
    return rc < 0;
}
