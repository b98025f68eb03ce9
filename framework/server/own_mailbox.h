/* SPDX-License-Identifier: MIT */
/* The mailbox of the server itself, in the process that serves. All functions belong to the thread that
   serves. */
#ifndef SS_OWN_MAILBOX_H
#define SS_OWN_MAILBOX_H

#include "server/core.h"

/* Opens it, if a class overrides handle_message. Without memory or descriptors there is none. */
void own_mailbox_open(struct ss_server *self);
/* Does nothing when it is not open. */
void own_mailbox_close(struct ss_server *self);
/* Its descriptor, which can be read when own_mailbox_empty is to be called; -1: it is not open, or another
   thread's. */
int own_mailbox_descriptor(const struct ss_server *self);
/* Has handle_message called for what is in it. */
void own_mailbox_empty(struct ss_server *self);

#endif
