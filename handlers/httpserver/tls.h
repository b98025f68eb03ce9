/* SPDX-License-Identifier: MIT */
/* httpserver's certificates. */
#ifndef HTTPSERVER_TLS_H
#define HTTPSERVER_TLS_H

#include "httpserver/options.h"

/* Chooses the certificates, and makes one when none was named. 0; -1 when it has complained. */
int tls_begin(const struct options *options);
/* For struct ss_server; NULL: no TLS. */
const struct ss_tls *tls_settings(void);
/* Says on stdout how the certificate that was made is recognised; nothing about others. */
void tls_print_certificate(void);
/* Stores what SIGHUP needs of the file system when the server is confined, and returns how many permits that
 * is. */
enum { MOST_TLS_PERMITS = 2 * MAX_CERTIFICATES + 2 };
size_t tls_permit(const struct options *options, struct ss_permit *permits);
/* For a signal handler: the certificates are to be read anew. */
void tls_hang_up(void);
/* Reads them anew then. */
extern const struct ss_class ReloadMixIn;

#endif
