/* SPDX-License-Identifier: MIT */
/* When each client came and was served: time to the right. */
#ifndef MANY_TIMELINE_H
#define MANY_TIMELINE_H

#include "many/clients.h"

/* clients[0] is the slow one. Below the time line is a sentence that says what there is to be seen in it. */
void timeline_show(const char *mixin, const char *who, const struct client *clients, int count);

#endif
