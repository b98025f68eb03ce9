/* SPDX-License-Identifier: MIT */
/* lookups CLASS ADDRESS [explain]: looks up and connects for its clients. It prints its address once clients
   can connect. A line says what to do, with which address, and for how many milliseconds:
     connect ADDRESS MS    what the first line is that comes from there, and how the connection is bound
     from LOCAL ADDRESS MS the same with ss_connect_with
     find ADDRESS MS       its addresses
     name ADDRESS MS       the names of a number */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say_error(struct ss_handler *h, int rc)
{
    return ss_printf(h->wfile, "error %s: %s\n", strerrorname_np(-rc), ss_strerror(rc));
}

static int connect_to(struct ss_handler *h, const char *address, int ms, const char *from)
{
    const struct ss_connect_options options = {.from = from};
    char line[100] = "";
    struct ss_stream *s;
    int rc = ss_connect_with(h->server, address, SOCK_STREAM, ms, from ? &options : NULL, &s);
    if (rc < 0)
        return say_error(h, rc);
    ssize_t n = ss_readline(s, line, sizeof line);
    rc = ss_close(s);
    return n < 0 || rc < 0 ? say_error(h, n < 0 ? (int)n : rc) : ss_printf(h->wfile, "connected %s", line);
}

static int find(struct ss_handler *h, const char *address, int ms)
{
    struct ss_address found[4];
    char text[SS_ADDRESS_TEXT];
    int n = ss_getaddrinfo(h->server, address, SOCK_STREAM, ms, found, 4);
    if (n < 0)
        return say_error(h, n);
    ss_printf(h->wfile, "found");
    for (int i = 0; i < n; i++)
        if (ss_address_format(&found[i], text, sizeof text) > 0)
            ss_printf(h->wfile, " %s", text);
    return ss_write(h->wfile, "\n", 1);
}

static int name(struct ss_handler *h, const char *address, int ms)
{
    struct ss_address number;
    struct ss_names names;
    int rc = ss_getaddrinfo(h->server, address, SOCK_STREAM, 0, &number, 1);
    if (rc == 1)
        rc = ss_getnameinfo(h->server, &number, SOCK_STREAM, ms, &names);
    return rc < 0 ? say_error(h, rc) : ss_printf(h->wfile, "named %s %s\n", names.host, names.service);
}

static int obey(struct ss_handler *h, char *line)
{
    char *words[4] = {""}, *rest = line;
    int count = 0;
    while (count < 4 && (words[count] = strsep(&rest, " \n")) && *words[count])
        count++;
    if (count < 3)
        return say_error(h, -EINVAL);
    int ms = (int)strtol(words[count - 1], NULL, 10);
    return !strcmp(words[0], "connect") ? connect_to(h, words[1], ms, NULL)
           : !strcmp(words[0], "from")  ? connect_to(h, words[2], ms, words[1])
           : !strcmp(words[0], "find")  ? find(h, words[1], ms)
                                        : name(h, words[1], ms);
}

static int handle(struct ss_handler *h)
{
    char line[400];
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0)
        rc = obey(h, line);
    return rc < 0 ? rc : (int)n;
}

static const struct ss_handler_class Names = {.handle = handle};

static int serve(struct ss_server *server)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_server_bind(server);
    if (rc == 0 && (rc = ss_address_format(&server->server_address, text, sizeof text)) > 0) {
        puts(text);
        fflush(stdout);
        rc = ss_run_server(server);
    }
    return rc;
}

int main(int argc, char **argv)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {&ExplainMixIn};
    const struct ss_class *const *named = argc > 2 ? ss_bases(argv[1]) : NULL;
    struct ss_server server;
    int rc = named ? 0 : -EINVAL;
    for (int i = 0; named && named[i] && i < SS_MAX_BASES - 1; i++)
        bases[i + 1] = named[i];
    if (rc == 0)
        rc = ss_server_init(&server, argc > 3 ? bases : bases + 1, argv[2], &Names);
    if (rc < 0) {
        fprintf(stderr, "usage: lookups CLASS ADDRESS [explain]\n");
        return 2;
    }
    server.workers = 2;
    server.shutdown_timeout = 1000;
    rc = serve(&server);
    ss_server_close(&server);
    if (rc < 0)
        fprintf(stderr, "lookups: %s: %s\n", argv[2], strerror(-rc));
    return rc < 0 ? 1 : rc;
}
