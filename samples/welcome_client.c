/* SPDX-License-Identifier: MIT */
/* welcome_client [ADDRESS [NAME]]: welcome_raw_client with the library: it takes names, tries IPv6 and IPv4,
   and does not wait for ever.

   Try:  build/samples/welcome localhost:8090
   and:  build/samples/welcome_client localhost:8090 Ada */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>

enum { PATIENCE = 5000 /* ms */ };

static int show_line(struct ss_stream *s)
{
    char line[200];
    ssize_t n = ss_readline(s, line, sizeof line);
    if (n <= 0)
        return n < 0 ? (int)n : -ECONNRESET;
    fputs(line, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8090";
    struct ss_stream *s = NULL;
    int rc = ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s);
    if (rc == 0)
        rc = show_line(s);
    if (rc == 0)
        rc = ss_printf(s, "%.90s\n", argc > 2 ? argv[2] : "nobody");
    if (rc == 0)
        rc = show_line(s);
    if (rc < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], address, ss_strerror(rc));
    ss_close(s);
    return rc < 0;
}
