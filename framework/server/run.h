/* SPDX-License-Identifier: MIT */
/* A whole server in one call. */
#ifndef SS_RUN_H
#define SS_RUN_H

#include "socketserver.h"

/* As ss_run, but `prepare`, unless it is NULL, is called before the server is bound: 0, or the status to exit
   with. */
int run_prepared(const struct ss_class *const *bases, const char *address,
                 const struct ss_handler_class *handler, int (*prepare)(struct ss_server *self));

#endif
