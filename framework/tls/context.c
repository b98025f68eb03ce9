/* SPDX-License-Identifier: MIT */
/* What the connections of a server have in common. */
#include "server/reason.h"
#include "tls/tls.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* Of private keys, so that they are in no core dump: X25519's of 16,384 handshakes at once fit, too. */
enum { SECURE_MEMORY = 1 << 21, SECURE_PIECE = 32 };

/* Those that keep what was sent a secret when a key becomes known later, and that notice each change. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

static void begin_openssl(void)
{
    /* without its function for the end of the program, which would free what other threads still use */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
#ifndef __SANITIZE_ADDRESS__ /* LeakSanitizer does not look into it, and takes what that points to for lost \
                              */
    (void)CRYPTO_secure_malloc_init(SECURE_MEMORY, SECURE_PIECE);
#endif
}

SSL_CTX *tls_context_new(const SSL_METHOD *method, int minimum_version)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_openssl);
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    int version = minimum_version == SS_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (SSL_CTX_set_min_proto_version(ctx, version) != 1 || SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* ---------------------------------------------------------------- protocols (ALPN) */

int tls_alpn_encode(const char *const *names, unsigned char encoded[ALPN_BYTES])
{
    size_t used = 0;
    for (; *names; names++) {
        size_t size = strlen(*names);
        if (size == 0 || size > 255 || used + 1 + size > ALPN_BYTES)
            return ss_set_reason(-EINVAL,
                                 "alpn_protocols: a name has 1 to 255 bytes, and all together %d at most",
                                 ALPN_BYTES);
        encoded[used++] = (unsigned char)size;
        memcpy(encoded + used, *names, size);
        used += size;
    }
    return (int)used;
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *size,
                           const unsigned char *theirs, unsigned theirs_size, void *context)
{
    unsigned char ours[ALPN_BYTES], *found;
    int n = tls_alpn_encode(context, ours);
    (void)ssl;
    if (n <= 0 ||
        SSL_select_next_proto(&found, size, ours, (unsigned)n, theirs, theirs_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    /* `found` is in `ours`, which ends here: the client has sent the same bytes */
    for (unsigned at = 0; at < theirs_size; at += 1U + theirs[at])
        if (theirs[at] == *size && memcmp(theirs + at + 1, found, *size) == 0)
            *chosen = theirs + at + 1;
    return SSL_TLSEXT_ERR_OK;
}

/* ---------------------------------------------------------------- which certificate (SNI) */

static int choose_certificate(SSL *ssl, int *alert, void *argument)
{
    const struct tls_context *context = argument;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (unsigned i = 0; host && i < context->count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(context->each[i]);
        if (X509_check_host(certificate, host, 0, 0, NULL) == 1) {
            SSL_set_SSL_CTX(ssl, context->each[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    ERR_clear_error();
    return SSL_TLSEXT_ERR_OK; /* the first one, whose name the client may not mind */
}

/* ---------------------------------------------------------------- clients' certificates */

static int ask_clients(SSL_CTX *ctx, const struct ss_tls *tls)
{
    STACK_OF(X509) *trusted = sk_X509_new_null();
    int rc = trusted ? tls_pem_all(tls->client_ca, trusted) : -ENOMEM;
    for (int i = 0; rc == 0 && i < sk_X509_num(trusted); i++) {
        X509 *one = sk_X509_value(trusted, i);
        if (SSL_CTX_add_client_CA(ctx, one) != 1 ||
            X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), one) != 1)
            rc = ss_set_reason(-EBADMSG, "cannot use %s: %s", tls->client_ca, tls_pem_openssl_says());
    }
    sk_X509_pop_free(trusted, X509_free);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (tls->client_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
                       NULL);
    return rc;
}

/* ---------------------------------------------------------------- all of it */

static int use_made_certificate(SSL_CTX *ctx)
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    int rc = tls_issue_make(&(struct ss_tls_issue){.days = 0}, &certificate, &key);
    if (rc == 0 && SSL_CTX_use_cert_and_key(ctx, certificate, key, NULL, 1) != 1)
        rc = -ENOMEM;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return rc;
}

static int set_protocols(SSL_CTX *ctx, const struct ss_tls *tls)
{
    unsigned char encoded[ALPN_BYTES];
    if (!tls->alpn_protocols)
        return 0;
    int n = tls_alpn_encode(tls->alpn_protocols, encoded);
    if (n <= 0)
        return n < 0 ? n : ss_set_reason(-EINVAL, "alpn_protocols: there is no name in the list");
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, (void *)(uintptr_t)tls->alpn_protocols);
    return 0;
}

static int load_one(struct tls_context *context, const struct ss_tls *tls, const struct ss_certificate *files,
                    struct ticket_keys *keys)
{
    static const unsigned char id[] = "socketserver";
    SSL_CTX *ctx = tls_context_new(TLS_server_method(), tls->minimum_version);
    if (!ctx)
        return -ENOMEM;
    context->each[context->count++] = ctx;
    int rc = files ? tls_pem_load(ctx, files) : use_made_certificate(ctx);
    if (rc == 0)
        rc = set_protocols(ctx, tls);
    if (rc == 0 && tls->client_ca)
        rc = ask_clients(ctx, tls);
    if (rc == 0)
        rc = tls_tickets_use(ctx, keys);
    if (rc == 0 && SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) != 1)
        rc = -ENOMEM;
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(ctx, context);
    if (rc == 0 && EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_CTX_get0_certificate(ctx))) == EVP_PKEY_RSA)
        context->slow = true;
    return rc;
}

static unsigned count_certificates(const struct ss_tls *tls)
{
    unsigned count = 0;
    while (tls->certificates && tls->certificates[count].certfile)
        count++;
    return count;
}

static int check_settings(const struct ss_tls *tls)
{
    if (tls->certificates && !tls->certificates->certfile)
        return ss_set_reason(-EINVAL, "there is no certificate: name the file of one in struct ss_tls");
    if (tls->minimum_version && tls->minimum_version != SS_TLS_1_2 && tls->minimum_version != SS_TLS_1_3)
        return ss_set_reason(-EINVAL, "minimum_version is SS_TLS_1_2 or SS_TLS_1_3, and not %d",
                             tls->minimum_version);
    return 0;
}

int tls_context_load(const struct ss_tls *tls, struct ticket_keys *keys, struct tls_context **context)
{
    unsigned count = count_certificates(tls);
    int rc = check_settings(tls);
    struct tls_context *made =
        rc < 0 ? NULL : calloc(1, sizeof *made + (count ? count : 1) * sizeof *made->each);
    if (!made)
        return rc < 0 ? rc : -ENOMEM;
    atomic_init(&made->users, 1);
    for (unsigned i = 0; rc == 0 && i < (count ? count : 1); i++)
        rc = load_one(made, tls, count ? &tls->certificates[i] : NULL, keys);
    if (rc < 0)
        tls_context_release(made);
    else
        *context = made;
    return rc;
}

void tls_context_release(struct tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->users, 1) != 1)
        return;
    for (unsigned i = 0; i < context->count; i++)
        SSL_CTX_free(context->each[i]);
    free(context);
}
