/* SPDX-License-Identifier: MIT */
/* The messages that wait for a connection. */
#ifndef SS_MAIL_H
#define SS_MAIL_H

#include "server/request.h"

/* Has it a message that was not received? */
static inline bool mail_waits(const struct request *request)
{
    (void)request;
    return false;
}

#endif
