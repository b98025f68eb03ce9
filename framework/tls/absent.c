/* SPDX-License-Identifier: MIT */
/* TLS in a build without OpenSSL: what there is says so. */
#ifndef SS_LIBSSL
#include "server/reason.h"
#include "tls/connect.h"
#include <errno.h>

static int is_absent(void)
{
    return ss_set_reason(-EOPNOTSUPP,
                         "this was built without OpenSSL: install libssl-dev, and build it again");
}

static int server_bind(struct ss_server *self)
{
    (void)self;
    return is_absent();
}

int tls_connect(const char *host, const struct ss_connect_options *options, int ms, struct ss_stream **s)
{
    (void)host, (void)options, (void)ms, (void)s;
    return is_absent();
}

int ss_tls_reload(struct ss_server *self)
{
    (void)self;
    return is_absent();
}

int ss_tls_info(const struct ss_handler *h, struct ss_tls_info *info)
{
    (void)h, (void)info;
    return -EOPNOTSUPP;
}

int ss_tls_stream_info(const struct ss_stream *s, struct ss_tls_info *info)
{
    (void)s, (void)info;
    return -EOPNOTSUPP;
}

int ss_tls_make_certificate(const struct ss_tls_issue *issue, const char *path,
                            char fingerprint[SS_TLS_FINGERPRINT])
{
    (void)issue, (void)path, (void)fingerprint;
    return is_absent();
}

int ss_tls_look_at(const char *path, char fingerprint[SS_TLS_FINGERPRINT], int *days, bool *covers)
{
    (void)path, (void)fingerprint, (void)days, (void)covers;
    return is_absent();
}

const struct ss_class ss_TLSMixIn = {.name = "TLSMixIn", .server_bind = server_bind};
#endif
