/* SPDX-License-Identifier: MIT */
/* The command line of httpserver. An option is a line of the table in settings.c, from which the parser and
   --help come:

     options.c   reads the command line by the table, prints --help
     settings.c  the table, and the options that have a grammar of their own
     guard.c     the options that say who may ask, and what they do
     values.c    numbers, sizes, words: what the arguments of the others are */
#ifndef HTTPSERVER_OPTIONS_H
#define HTTPSERVER_OPTIONS_H

#include "http_server.h"
#include "httpserver/user.h"

enum { NOT_SAID = -1 };
enum { MAX_NAMES = 64 }; /* as often as --allow-host may be given, and --allow, --deny and --trust-proxy */
enum { UPLOAD_NOT, UPLOAD_KNOWN, UPLOAD_ANYONE };
enum { AUTH_FOR_ALL, AUTH_FOR_UPLOAD };
enum { MAX_CERTIFICATES = 16 };
enum { PROTOCOL_1_1, PROTOCOL_1_0 };
enum { TOKENS_ON, TOKENS_NAME, TOKENS_OFF };
enum { SANDBOX_AUTO, SANDBOX_REQUIRE, SANDBOX_OFF };
enum { EXPLAIN_NOT, EXPLAIN_TEXT, EXPLAIN_JSON };
enum { FORMAT_PYTHON, FORMAT_COMMON, FORMAT_COMBINED, FORMAT_JSON };

/* Of --allow, --deny or --trust-proxy; the texts are ended by NULL. */
struct networks {
    unsigned count;
    struct ss_network list[MAX_NAMES];
    const char *texts[MAX_NAMES + 1];
};

/* What was said, as it was said. Numbers and words are int64_t all of them, so that one function reads
   them. */
struct options {
    char address[300]; /* of `bind` and `port`, as ss_server_init takes it */
    struct ss_certificate certificates[MAX_CERTIFICATES + 1]; /* of --tls-cert, ended by one without a file */
    const char *tls_client_ca;                                /* NULL: clients need no certificate */
    int64_t tls;                                              /* 1: yes */
    const char *bind, *directory, *access_log;                /* access_log NULL: stderr */
    const struct ss_class *mixins[SS_MAX_BASES];              /* leftmost first, ended by NULL */
    int64_t port, workers;                       /* workers 0: as many as the mix-in thinks right */
    int64_t protocol, server_tokens, log_format; /* one of the enums above */
    int64_t quiet, live, stats, chroot;          /* 1: yes */
    int64_t upload, explain, sandbox;            /* one of the enums above */
    struct user user;                            /* whom to become */
    int64_t cache;                               /* seconds; 0: browsers ask for a file each time */
    /* As in the tables of the classes; 0: not said. */
    int64_t symlinks, dotfiles, compress, siblings, on_duplicate, reserved, max_upload, max_uploads,
        max_receiving;
    /* NOT_SAID, or 0: none. Seconds, bytes a second, connections, bytes. */
    int64_t write_timeout, min_rate, per_client, min_free, connections;
    int64_t max_rate;                                 /* requests a second; 0: no limit */
    int64_t head_timeout, idle_timeout, body_timeout; /* seconds; 0: not said */
    const char *names[MAX_NAMES + 1];                 /* of --allow-host, ended by NULL */
    struct networks allow, deny, proxies;
    int64_t proxy_protocol;    /* 1: yes */
    struct http_auth *auth;    /* of --auth and --auth-file; NULL: there are no passwords */
    int64_t auth_for;          /* one of the enums above */
    const char *auth_file;     /* the last one */
    int64_t upload_scripts;    /* 1: what clients have stored may run scripts */
    const char *upload_option; /* the last one that is for uploads only, without its dashes; NULL: none */
};

/* Reads the command line. Returns -1 if the server is to be started, else the status to exit with; what
   there was to say has been said. */
int options_parse(int argc, char **argv, struct options *options);

/* ---------------------------------------------------------------- shared by the files above */

struct word {
    const char *word;
    int64_t value;
};

/* An option. */
struct setting {
    const char *name;
    const char *argument; /* as --help calls it; NULL: there is none */
    const char *help;     /* --help breaks it into lines */
    /* Takes the argument; -1, or the status to exit with when it has complained. */
    int (*take)(const struct setting *setting, const char *text, struct options *options);
    size_t offset;            /* in struct options: where a value goes */
    int64_t least, most;      /* a number or a size; what an option without argument sets is `most` */
    const struct word *words; /* ended by {NULL} */
    char letter;              /* -p; 0: none */
    bool is_optional;         /* the argument, in the place of which stands the first word */
    bool for_uploads;         /* goes with --upload */
    const char *group;        /* the heading above it in --help; NULL: it belongs to those before */
};

extern const struct setting settings[]; /* ended by one without a name */

/* Functions for `take`. */
int take_text(const struct setting *setting, const char *text, struct options *options);
int take_number(const struct setting *setting, const char *text, struct options *options);
/* "20M": bytes, with K, M or G behind them 1024, its square or its cube of them. */
int take_size(const struct setting *setting, const char *text, struct options *options);
int take_word(const struct setting *setting, const char *text, struct options *options);
int take_flag(const struct setting *setting, const char *text, struct options *options);

/* Says what is wrong; the status to exit with. */
int complain(const char *text, const char *what);
/* Reads a number from 0 to `limit`; false for anything else. */
bool read_number(const char *text, int64_t limit, int64_t *value);

#endif
