/* The command line of httpserver. */
#ifndef HTTPSERVER_OPTIONS_H
#define HTTPSERVER_OPTIONS_H

#include "http_server.h"

struct options {
    char address[300];                           /* as ss_server_init takes it */
    const char *directory;                       /* as given */
    const char *protocol;                        /* "HTTP/1.1" */
    const struct ss_class *mixins[SS_MAX_BASES]; /* leftmost first, ended by NULL */
    unsigned cache;                              /* seconds, 0: files are asked for each time */
    unsigned workers;                            /* 0: as many as the mix-in thinks right */
    enum http_symlinks symlinks;                 /* 0: the default */
    bool hidden;                                 /* serve dotfiles */
    enum http_compression compress;
    bool quiet;
    bool upload;
    enum http_on_duplicate on_duplicate; /* 0: not said */
    int64_t max_upload;                  /* bytes; 0: not said */
    const char *access_log;              /* a file's name, NULL: stderr */
    int write_timeout;                   /* as struct ss_server's */
    void (*log_request)(struct ss_handler *h, int status, int64_t size);
};

/* Reads the command line. Returns -1 if the server is to be started, else the status to exit with; what
   there was to say has been said. */
int options_parse(int argc, char **argv, struct options *options);

#endif
