/* SPDX-License-Identifier: MIT */
/* Lists of networks, as fields of a server have them. */
#ifndef SS_NETWORK_H
#define SS_NETWORK_H

#include "socketserver.h"

/* Reads a list, which NULL ends, into SS_MAX_NETWORKS places. 0; or -errno as ss_network_parse, or -ENOBUFS.
 */
int network_list(const char *const *texts, struct ss_network *networks, unsigned *count);

#endif
