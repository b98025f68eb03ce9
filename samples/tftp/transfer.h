/* SPDX-License-Identifier: MIT */
/* One file on its way to one client. */
#ifndef TFTP_TRANSFER_H
#define TFTP_TRANSFER_H

#include "tftp/packet.h"
#include "tftp/source.h"

/* What has become of it. */
struct outcome {
    uint64_t blocks, again; /* how many the client has got, and how many packets were sent more than once */
};

/* Sends the file through `fd`, which is bound to the transfer's own port. Returns 0: the client has all of
   it; -ECONNABORTED: the client has ended it; -ECONNREFUSED: it is not there any more; -ETIMEDOUT: it does
   not answer, or is too slow; -ECANCELED: the server stops; -EPROTO, or another -errno. */
int transfer_run(struct ss_handler *h, int fd, const struct read_request *r, struct source *source,
                 struct outcome *outcome);

#endif
