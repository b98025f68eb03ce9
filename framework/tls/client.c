/* SPDX-License-Identifier: MIT */
/* The client's side: it believes no server whose certificate it cannot check. */
#include "server/reason.h"
#include "tls/connect.h"
#include "tls/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static SSL_CTX *system_context; /* trusts whom the system trusts; read once */

static void make_system_context(void)
{
    system_context = tls_context_new(TLS_client_method(), SS_TLS_1_2);
    if (system_context)
        (void)SSL_CTX_set_default_verify_paths(system_context);
}

/* The caller frees it. */
static int make_client_context(const struct ss_connect_options *options, SSL_CTX **made)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_system_context);
    bool own = options->cafile || options->certificate;
    SSL_CTX *ctx = own ? tls_context_new(TLS_client_method(), SS_TLS_1_2) : system_context;
    if (!ctx)
        return -ENOMEM;
    int rc = 0;
    if (!own)
        SSL_CTX_up_ref(ctx);
    if (options->cafile) {
        X509 *first = tls_pem_certificate(options->cafile, &rc); /* for the reason that it gives */
        X509_free(first);
        if (rc == 0 && SSL_CTX_load_verify_file(ctx, options->cafile) != 1)
            rc = ss_set_reason(-EBADMSG, "cannot use %s: %s", options->cafile, tls_pem_openssl_says());
    } else if (own) {
        (void)SSL_CTX_set_default_verify_paths(ctx);
    }
    if (rc == 0 && options->certificate)
        rc = tls_pem_load(ctx, options->certificate);
    if (rc < 0)
        SSL_CTX_free(ctx);
    else
        *made = ctx;
    return rc;
}

/* Is it an address, without what names the interface? */
static bool is_number(const char *host, char number[INET6_ADDRSTRLEN])
{
    struct in6_addr address;
    size_t size = strcspn(host, "%");
    if (size >= INET6_ADDRSTRLEN)
        return false;
    memcpy(number, host, size);
    number[size] = '\0';
    return inet_pton(AF_INET6, number, &address) == 1 || inet_pton(AF_INET, number, &address) == 1;
}

/* Whose certificate it is to be. (A number is no name that a server could be told: RFC 6066 section 3.) */
static int expect(SSL *ssl, const char *host, bool trusts_all)
{
    char number[INET6_ADDRSTRLEN];
    bool numbered = is_number(host, number);
    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (!numbered && SSL_set_tlsext_host_name(ssl, host) != 1)
        return -EINVAL;
    SSL_set_verify(ssl, trusts_all ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (trusts_all)
        return 0;
    return (numbered ? X509_VERIFY_PARAM_set1_ip_asc(expected, number) : SSL_set1_host(ssl, host)) == 1
               ? 0
               : -EINVAL;
}

static int prepare_session(struct tls_session *session, const char *host,
                           const struct ss_connect_options *options)
{
    unsigned char encoded[ALPN_BYTES];
    const char *name = options->server_hostname ? options->server_hostname : host;
    int n = options->alpn_protocols ? tls_alpn_encode(options->alpn_protocols, encoded) : 0;
    if (n < 0)
        return n;
    if (!*name || expect(session->ssl, name, options->trusts_all) < 0)
        return ss_set_reason(-EINVAL,
                             "the server's name is needed to check its certificate: set server_hostname");
    if (n > 0 && SSL_set_alpn_protos(session->ssl, encoded, (unsigned)n) != 0)
        return -ENOMEM;
    SSL_set_connect_state(session->ssl);
    return 0;
}

static int explain_failure(struct tls_session *session, const char *host, int rc)
{
    long verified = SSL_get_verify_result(session->ssl);
    if (rc == -EPROTO && verified != X509_V_OK)
        return ss_set_reason(verified == X509_V_ERR_CERT_HAS_EXPIRED ? -EKEYEXPIRED : -EKEYREJECTED,
                             "the certificate of %s is not to be trusted: %s", host,
                             X509_verify_cert_error_string(verified));
    if (rc == -EPROTO)
        return ss_set_reason(rc, "no TLS with %s: %s", host,
                             session->failure ? session->failure : "it has ended");
    if (rc == -ECONNRESET)
        return ss_set_reason(rc, "%s has ended the connection in the handshake", host);
    return rc;
}

int tls_connect(const char *host, const struct ss_connect_options *options, int ms, struct ss_stream **s)
{
    SSL_CTX *ctx = NULL;
    reason_clear();
    int rc = make_client_context(options, &ctx);
    if (rc < 0)
        return rc;
    struct tls_session *session = tls_session_new(ctx);
    SSL_CTX_free(ctx);
    rc = session ? prepare_session(session, host, options) : -ENOMEM;
    if (rc == 0 && (rc = tls_shake_hands(NULL, session, *s, ms)) < 0)
        rc = explain_failure(session, host, rc);
    struct tls_stream *t = rc == 0 ? tls_stream_new(session, *s) : NULL;
    if (rc == 0 && !t)
        rc = -ENOMEM;
    if (t)
        *s = &t->stream;
    else
        tls_session_release(session);
    return rc;
}

int ss_tls_stream_info(const struct ss_stream *s, struct ss_tls_info *info)
{
    const struct tls_session *session = tls_session_under(s);
    if (!session)
        return -EOPNOTSUPP;
    tls_session_describe(session, info);
    return 0;
}
