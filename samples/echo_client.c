/* SPDX-License-Identifier: MIT */
/* echo_client [-u] ADDRESS: sends each line of its input and shows what comes back; with -u each line is a
   datagram. The client tries every address that a name has, IPv6 and IPv4.

   Try:  echo hello | build/samples/echo_client localhost:8007
         echo hello | build/samples/echo_client -u localhost:8007
         echo hello | build/samples/echo_client unix:/tmp/echo */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TIMEOUT = 5000 /* ms */ };

/* ss_write fills a buffer, and the buffer leaves when ss_read begins to wait for the answer. The answer to a
   datagram comes in one piece, that on a stream in as many as the network makes of it. */
static int converse(struct ss_stream *s, int datagrams)
{
    char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        size_t size = strlen(line);
        ss_write(s, line, size);
        for (size_t got = 0; got < size;) {
            ssize_t n = ss_read(s, line, sizeof line);
            if (n <= 0)
                return n < 0 ? (int)n : -ECONNRESET;
            fwrite(line, 1, (size_t)n, stdout);
            got += datagrams ? size : (size_t)n;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    int datagrams = argc == 3 && !strcmp(argv[1], "-u");
    struct ss_stream *s = NULL;
    if (argc != 2 + datagrams) {
        fprintf(stderr, "usage: %s [-u] ADDRESS\n", argv[0]);
        return 2;
    }
    const char *address = argv[argc - 1];
    int rc = ss_connect(NULL, address, datagrams ? SOCK_DGRAM : SOCK_STREAM, TIMEOUT, &s);
    if (rc == 0)
        rc = converse(s, datagrams);
    if (rc < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], address, ss_strerror(rc));
    ss_close(s);
    return rc < 0;
}
