/* SPDX-License-Identifier: MIT */
/* Who may ask httpserver: what its options say of that, and the slots of its handler class that see to it. */
#ifndef HTTPSERVER_GUARD_H
#define HTTPSERVER_GUARD_H

#include "httpserver/options.h"

/* Functions for `take`. */
int take_host(const struct setting *setting, const char *text, struct options *options);

int take_networks(const struct setting *setting, const char *text, struct options *options);
int take_auth(const struct setting *setting, const char *text, struct options *options);
int take_auth_file(const struct setting *setting, const char *text, struct options *options);
/* hash.c. Asks for a password, prints a line of --auth-file, and returns the status to exit with. */
int take_hash(const struct setting *setting, const char *text, struct options *options);

/* For --version: what there is for passwords. */
const char *guard_feature(void);
/* Looks at all of what was said together; -1, or the status to exit with when it has complained. */
int guard_check(const struct options *options);

/* Sets the slots. The options live as long as the program. */
void guard_begin(const struct options *options, struct http_handler_class *cls);

#endif
