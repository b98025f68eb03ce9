/* SPDX-License-Identifier: MIT */
/* From a question to its answer, whatever they travel in. */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns/cookie.h"

/* What answers are made of: the same for all threads and processes. */
struct service {
    const struct zone *zone;
    struct secret secret;
};

/* Where a question has come from. */
struct way {
    struct origin origin;
    struct limiter *limiter; /* NULL: a connection, whose client is where it says it is, and gets what fits */
};

/* Makes the answer to `size` bytes in `question`, and puts it into `reply`, which has room for at least
   PLAIN_SIZE bytes. Returns its size; 0: there is none. What did not fit is left out, and the answer says so.
 */
size_t dns_answer(const struct service *service, const struct way *way, const uint8_t *question, size_t size,
                  uint8_t *reply, size_t room);

/* Is the answer not whole? */
static inline bool is_truncated(const uint8_t *reply)
{
    return reply[2] & 2;
}

#endif
