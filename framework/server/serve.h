/* SPDX-License-Identifier: MIT */
/* BaseServer's serve_forever. */
#ifndef SS_SERVE_H
#define SS_SERVE_H

#include "socketserver.h"

int base_serve_forever(struct ss_server *self);

#endif
