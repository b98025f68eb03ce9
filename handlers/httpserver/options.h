/* The command line of httpserver. */
#ifndef HTTPSERVER_OPTIONS_H
#define HTTPSERVER_OPTIONS_H

#include "http_server.h"

struct options {
    char address[300];                           /* as ss_server_init takes it */
    const char *directory;                       /* as given */
    const char *protocol;                        /* "HTTP/1.1" */
    const char *server_version;                  /* "": no Server field; NULL: not said */
    const struct ss_class *mixins[SS_MAX_BASES]; /* leftmost first, ended by NULL */
    unsigned cache;                              /* seconds, 0: files are asked for each time */
    unsigned workers;                            /* 0: as many as the mix-in thinks right */
    enum http_symlinks symlinks;                 /* 0: the default */
    bool hidden;                                 /* serve dotfiles */
    enum http_compression compress;
    bool quiet;
    bool upload;
    enum http_on_duplicate on_duplicate; /* 0: not said */
    const char *upload_option;           /* one that is for uploads only, without its dashes; NULL: none */
    int64_t max_upload;                  /* bytes; 0: not said */
    unsigned max_uploads;                /* 0: not said */
    int64_t max_receiving, min_free;     /* as in struct http_handler_class */
    enum http_reserved reserved;
    enum http_siblings siblings;
    const char *access_log; /* a file's name, NULL: stderr */
    int write_timeout;      /* as struct ss_server's */
    int64_t min_rate;       /* as struct ss_server's; -1: not said */
    unsigned per_client;    /* as max_requests_per_client there */
    void (*log_request)(struct ss_handler *h, int status, int64_t size);
};

/* Reads the command line. Returns -1 if the server is to be started, else the status to exit with; what
   there was to say has been said. */
int options_parse(int argc, char **argv, struct options *options);

/* What the files of the command line share. The options for uploads, and the largest number of them at once:
 */
enum {
    OPTION_UPLOAD = 512,
    OPTION_ON_DUPLICATE,
    OPTION_MAX_UPLOAD,
    OPTION_MAX_UPLOADS,
    OPTION_MAX_RECEIVING,
    OPTION_MIN_FREE,
    OPTION_UPLOAD_INDEX,
    OPTION_UPLOAD_SIBLINGS,
    MAX_UPLOADS = 4096
};
/* Takes one of them, with optarg as its argument. -1, or the status to exit with. */
int options_upload(int option, struct options *options);
/* Those that keep slow and greedy clients within limits. */
enum { OPTION_WRITE_TIMEOUT = 640, OPTION_MIN_RATE, OPTION_PER_CLIENT };
int options_limits(int option, struct options *options);
/* Says what is wrong; the status to exit with. */
int complain(const char *text, const char *what);
/* Reads a number from 0 to `limit`; false for anything else. */
bool number(const char *text, unsigned long limit, unsigned *value);

#endif
