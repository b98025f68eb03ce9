/* SPDX-License-Identifier: MIT */
/* TLS of ss_connect, in builds with OpenSSL and without. */
#ifndef SS_TLS_CONNECT_H
#define SS_TLS_CONNECT_H

#include "socketserver.h"

/* Puts TLS over *s, a stream that is connected to `host`, and stores the stream over it, within `ms`
   milliseconds. When it fails, *s is as it was. 0, or -errno with a reason. */
int tls_connect(const char *host, const struct ss_connect_options *options, int ms, struct ss_stream **s);

#endif
