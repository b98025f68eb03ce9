/* SPDX-License-Identifier: MIT */
/* Reading the command line: that of `python3 -m http.server`, and what we have besides. */
#include "httpserver/options.h"
#include "httpserver/guard.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_SETTINGS = 64,
    UNNAMED = 256, /* what getopt_long says of the first setting, and then of the others */
    COLUMN = 26,   /* where --help's explanations begin ... */
    WIDTH = 98,    /* ... and before which they end */
};

/* ---------------------------------------------------------------- --help */

/* Breaks the text between words. The cursor is at `at`. */
static void print_folded(const char *text, int at)
{
    printf("%*s", at < COLUMN ? COLUMN - at : 0, "");
    at = at < COLUMN ? COLUMN : WIDTH;
    while (*text) {
        int size = (int)strcspn(text, " ");
        if (at + 1 + size >= WIDTH)
            at = printf("\n%*s", COLUMN, "") - 1;
        else if (at > COLUMN)
            at += printf(" ");
        at += printf("%.*s", size, text);
        text += size + (text[size] == ' ');
    }
    putchar('\n');
}

static void print_setting(const struct setting *s)
{
    char letter[] = {'-', s->letter, ',', ' ', 0};
    if (s->group)
        printf("\n%s:\n", s->group);
    int at = printf("  %s%s--%s%s%s%s", s->letter == 'p' ? "PORT, " : "", s->letter ? letter : "", s->name,
                    !s->argument     ? ""
                    : s->is_optional ? "[="
                                     : " ",
                    s->argument ? s->argument : "", s->is_optional ? "]" : "");
    print_folded(s->help, at);
}

static int print_help(void)
{
    printf("usage: httpserver [-h] [-V] [-b ADDRESS] [-p PORT] [-d DIR] [--protocol VERSION]\n"
           "                  [--mixin NAME[,NAME]] [--workers N] [-q] [OPTION]... [PORT]\n\n"
           "Serves the files of a directory over HTTP.\n\n");
    for (const struct setting *s = settings; s->name; s++)
        if (s->help)
            print_setting(s);
    return 0;
}

static int print_version(void)
{
    printf("httpserver %s\n%s%spasswords: %s\n", http_version(), http_features(), ss_features(),
           guard_feature());
    return 0;
}

/* ---------------------------------------------------------------- reading */

/* The table as getopt_long wants it. */
static void list_settings(struct option *options, char *letters)
{
    for (const struct setting *s = settings; s->name; s++) {
        int argument = !s->argument ? no_argument : s->is_optional ? optional_argument : required_argument;
        *options++ = (struct option){s->name, argument, NULL, UNNAMED + (int)(s - settings)};
        if (s->letter)
            *letters++ = s->letter;
        if (s->letter && s->argument)
            *letters++ = ':';
    }
    *options = (struct option){NULL, 0, NULL, 0};
    *letters = 0;
}

static const struct setting *find_setting(int option)
{
    const struct setting *s = settings;
    if (option >= UNNAMED)
        return s + (option - UNNAMED);
    while (s->name && s->letter != option)
        s++;
    return s;
}

static int take_option(int option, struct options *options)
{
    const struct setting *s = find_setting(option);
    if (!s->name) {
        fputs("httpserver --help shows what there is\n", stderr); /* getopt has said what is wrong */
        return 2;
    }
    if (!s->take)
        return s->letter == 'h' ? print_help() : print_version();
    if (s->for_uploads)
        options->upload_option = s->name;
    return s->take(s, !optarg && s->is_optional ? s->words->word : optarg, options);
}

static bool takes_workers(const struct options *options)
{
    for (size_t i = 0; options->mixins[i]; i++)
        if (options->mixins[i] != &ThreadingMixIn && options->mixins[i] != &ForkingMixIn)
            return true;
    return false;
}

/* A page that follows what changes has a connection of its own for that. */
static bool serves_one_by_one(const struct options *options)
{
    return !options->mixins[0] || (options->mixins[0] == &PreforkingMixIn && !options->mixins[1]);
}

/* "::1", which is to stand in brackets, has more than one colon; with one there is a port behind it. */
static bool has_port(const char *bind)
{
    const char *colon = strchr(bind, ':');
    return colon && colon > bind && !strchr(colon + 1, ':') && colon[1] &&
           strspn(colon + 1, "0123456789") == strlen(colon + 1) && strncmp(bind, "fd:", 3) != 0;
}

/* Bind address and port as one string. */
static int compose_address(struct options *options)
{
    const char *bind = options->bind;
    bool whole = strncmp(bind, "unix:", 5) == 0 || strncmp(bind, "fd:", 3) == 0;
    bool bare = !whole && strchr(bind, ':') && *bind != '[';
    if (has_port(bind))
        return complain("the port goes to -p, not behind the address: ", bind);
    int size = snprintf(options->address, sizeof options->address,
                        whole  ? "%s"
                        : bare ? "[%s]:%d"
                               : "%s:%d",
                        bind, (int)options->port);
    return size < (int)sizeof options->address ? -1 : complain("too long an address: ", bind);
}

int options_parse(int argc, char **argv, struct options *options)
{
    struct option list[MAX_SETTINGS];
    char letters[2 * MAX_SETTINGS];
    int option, rc = -1;
    *options = (struct options){.bind = "127.0.0.1",
                                .port = 8000,
                                .directory = ".",
                                .mixins = {&EventLoopMixIn},
                                .write_timeout = NOT_SAID,
                                .min_rate = NOT_SAID,
                                .per_client = NOT_SAID,
                                .connections = NOT_SAID,
                                .min_free = NOT_SAID};
    list_settings(list, letters);
    while (rc < 0 && (option = getopt_long(argc, argv, letters, list, NULL)) != -1)
        rc = take_option(option, options);
    if (rc >= 0)
        return rc;
    for (const struct ss_certificate *c = options->certificates; c->keyfile || c->password_file; c++)
        if (!c->certfile)
            return complain("this goes with --tls-cert FILE: ",
                            c->keyfile ? "--tls-key" : "--tls-password-file");
    if (options->tls_client_ca && !options->tls)
        return complain("--tls-client-ca goes with --tls or --tls-cert FILE", "");
    if (options->workers && !takes_workers(options))
        return complain("--workers is for eventloop, threadpool and preforking", "");
    if (options->live && serves_one_by_one(options))
        return complain(
            "--live needs a mix-in that serves several clients at once, as does --mixin eventloop", "");
    if (options->live && options->upload && !options->upload_scripts)
        return complain("--live needs pages that may run scripts; with --upload that takes --upload-scripts",
                        "");
    if (!options->upload && options->upload_option)
        return complain("this goes with --upload: --", options->upload_option);
    if (optind < argc && !read_number(argv[optind], 65535, &options->port))
        return complain("no port number from 0 to 65535: ", argv[optind]);
    if (optind + 1 < argc)
        return complain("one port is enough, what is ", argv[optind + 1]);
    rc = compose_address(options);
    return rc < 0 ? guard_check(options) : rc;
}
