/* SPDX-License-Identifier: MIT */
/* tls_client ADDRESS [NAME=VALUE...]: sends its stdin, ends its output, and writes what comes to stdout. On
   stderr it says what it has got for a connection, or why it has got none. */
#include "socketserver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int talk(struct ss_stream *s)
{
    char data[16384];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = read(STDIN_FILENO, data, sizeof data)) > 0)
        rc = ss_write(s, data, (size_t)n);
    if (rc == 0)
        rc = ss_write_eof(s);
    while (rc == 0 && (n = ss_read(s, data, sizeof data)) != 0) {
        rc = n < 0 ? (int)n : 0;
        if (n > 0)
            fwrite(data, 1, (size_t)n, stdout);
    }
    return rc;
}

static const char *value_of(char **arguments, const char *name)
{
    size_t size = strlen(name);
    for (; *arguments; arguments++)
        if (strncmp(*arguments, name, size) == 0 && (*arguments)[size] == '=')
            return *arguments + size + 1;
    return NULL;
}

int main(int argc, char **argv)
{
    struct ss_stream *s;
    struct ss_tls_info info;
    if (argc < 2)
        return 2;
    char **more = argv + 2;
    const char *alpn[] = {value_of(more, "alpn"), NULL};
    struct ss_certificate own = {.certfile = value_of(more, "cert"), .keyfile = value_of(more, "key")};
    struct ss_connect_options options = {.cafile = value_of(more, "cafile"),
                                         .server_hostname = value_of(more, "name"),
                                         .trusts_all = value_of(more, "trusts_all"),
                                         .alpn_protocols = *alpn ? alpn : NULL,
                                         .certificate = own.certfile ? &own : NULL};
    const char *ms = value_of(more, "ms");
    int rc =
        ss_connect_with(NULL, argv[1], SOCK_STREAM, ms ? (int)strtol(ms, NULL, 10) : 30000, &options, &s);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", ss_strerror(rc), ss_reason());
        return 1;
    }
    if (ss_tls_stream_info(s, &info) == 0)
        fprintf(stderr, "%s|%s|%s\n", info.version, info.alpn, info.subject);
    rc = talk(s);
    int closed = ss_close(s);
    rc = rc < 0 ? rc : closed;
    if (rc < 0)
        fprintf(stderr, "%s\n", ss_strerror(rc));
    return rc < 0;
}
