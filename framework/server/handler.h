/* SPDX-License-Identifier: MIT */
/* Handler classes and their instances. */
#ifndef SS_HANDLER_H
#define SS_HANDLER_H

#include "socketserver.h"

/* Puts the server's handler class together from `cls` and what it is based on. */
void handler_resolve(struct ss_server *self, const struct ss_handler_class *cls);
/* BaseServer's finish_request. */
int handler_finish_request(struct ss_server *self, struct ss_request *request);

#endif
