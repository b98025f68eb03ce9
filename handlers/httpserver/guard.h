/* SPDX-License-Identifier: MIT */
/* Who may ask httpserver: what its options say of that, and the slots of its handler class that see to it. */
#ifndef HTTPSERVER_GUARD_H
#define HTTPSERVER_GUARD_H

#include "httpserver/options.h"

/* Functions for `take`. */
int take_host(const struct setting *setting, const char *text, struct options *options);

/* Sets the slots. The options live as long as the program. */
void guard_begin(const struct options *options, struct http_handler_class *cls);

#endif
