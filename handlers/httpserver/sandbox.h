/* SPDX-License-Identifier: MIT */
/* What the program gives up when it listens: --sandbox, --user, --chroot. */
#ifndef HTTPSERVER_SANDBOX_H
#define HTTPSERVER_SANDBOX_H

#include "httpserver/options.h"

/* Stands on the right of mix-ins that make threads when the server is activated. ss_server_bind fails with
   -ECANCELED when it has said what is wrong. */
extern const struct ss_class SandboxMixIn;

/* `options` is kept, and its directory becomes "/" with --chroot. To be called once, before the server is
   bound. */
void sandbox_begin(struct options *options);

#endif
