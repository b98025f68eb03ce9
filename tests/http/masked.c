/* SPDX-License-Identifier: MIT */
/* httpserver, with a mix-in that masks every byte of its connections. The environment's MASKED says where the
   mix-in stands: on the "left" of those that run requests, or on the "right" of them. */
#include "../masked.h"
#include "http_server.h"
#include <stdlib.h>

static int init_masked(struct ss_server *self, const struct ss_class *const *bases, const char *address,
                       const struct ss_handler_class *handler)
{
    const char *side = getenv("MASKED");
    const struct ss_class *all[SS_MAX_BASES + 1];
    int count = 0;
    bool is_in = false;
    for (; *bases; bases++) {
        if (!is_in && (!side || strcmp(side, "right") != 0 || *bases == &HTTPServer)) {
            all[count++] = &Masking;
            is_in = true;
        }
        all[count++] = *bases;
    }
    all[count] = NULL;
    return ss_server_init(self, all, address, handler);
}

#define ss_server_init init_masked
#include "../../handlers/httpserver/main.c" /* NOLINT(bugprone-suspicious-include) */
