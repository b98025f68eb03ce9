/* SPDX-License-Identifier: MIT */
/* Certificates and keys from files. What is wrong with them is said before a server is bound. */
#include "server/reason.h"
#include "tls/tls.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 1000, MAX_FILE = 1 << 20 /* bytes of certificates and keys */ };

const char *tls_pem_openssl_says(void)
{
    unsigned long code = ERR_get_error();
    const char *words = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return words ? words : "OpenSSL does not say why";
}

void tls_pem_fingerprint(const X509 *certificate, char text[SS_TLS_FINGERPRINT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    *text = '\0';
    if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1 || 2 * size >= SS_TLS_FINGERPRINT)
        return;
    for (unsigned i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

/* A file in memory, for close_pem. NULL: the reason is said, and *rc is -errno. */
struct pem {
    BIO *bio;
    size_t size;
    char text[];
};

static void close_pem(struct pem *pem)
{
    BIO_free(pem->bio);
    OPENSSL_cleanse(pem->text, pem->size); /* it may be a key */
    free(pem);
}

static struct pem *open_pem(const char *path, int *rc)
{
    struct pem *pem = malloc(sizeof *pem + MAX_FILE);
    ssize_t n = pem ? tls_files_read(path, pem->text, MAX_FILE) : -ENOMEM;
    *rc = n < 0 ? (int)n : n == MAX_FILE ? -EFBIG : 0;
    if (pem) {
        pem->size = n > 0 ? (size_t)n : 0;
        pem->bio = *rc < 0 ? NULL : BIO_new_mem_buf(pem->text, (int)n);
        if (*rc == 0 && !pem->bio)
            *rc = -ENOMEM;
    }
    if (*rc == 0)
        return pem;
    if (pem)
        close_pem(pem);
    (void)ss_set_reason(0, "cannot read %s: %s", path, ss_strerror(*rc));
    return NULL;
}

/* ---------------------------------------------------------------- keys */

struct password {
    const char *file;
    bool asked;
    int rc;
};

/* OpenSSL's own function would ask at the terminal. */
static int tell_password(char *buffer, int size, int writing, void *context)
{
    struct password *password = context;
    (void)writing;
    password->asked = true;
    ssize_t n = password->file ? tls_files_read(password->file, buffer, (size_t)size) : -EKEYREJECTED;
    if (n < 0)
        password->rc = (int)n;
    for (ssize_t i = 0; i < n; i++)
        if (buffer[i] == '\n' || buffer[i] == '\r')
            return (int)i;
    return n < 0 ? -1 : (int)n;
}

/* Why the key could not be read. */
static int refuse_key(const char *path, const struct password *password)
{
    if (!password->asked)
        return ss_set_reason(-EBADMSG,
                             "there is no private key in %s (%s): it begins with -----BEGIN PRIVATE KEY-----",
                             path, tls_pem_openssl_says());
    ERR_clear_error();
    if (!password->file)
        return ss_set_reason(-EKEYREJECTED, "the key in %s is encrypted: name the file of its password",
                             path);
    if (password->rc < 0)
        return ss_set_reason(password->rc, "cannot read the password in %s: %s", password->file,
                             ss_strerror(password->rc));
    return ss_set_reason(-EKEYREJECTED, "the password in %s is not that of the key in %s", password->file,
                         path);
}

EVP_PKEY *tls_pem_key(const char *path, const char *password_file, int *rc)
{
    struct password password = {.file = password_file};
    struct pem *pem = open_pem(path, rc);
    if (!pem)
        return NULL;
    ERR_clear_error();
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem->bio, NULL, tell_password, &password);
    close_pem(pem);
    *rc = key ? 0 : refuse_key(path, &password);
    return key;
}

/* ---------------------------------------------------------------- certificates */

static X509 *next_certificate(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static int refuse_file(const char *path)
{
    return ss_set_reason(-EBADMSG,
                         "there is no certificate in %s (%s): it begins with -----BEGIN CERTIFICATE-----",
                         path, tls_pem_openssl_says());
}

X509 *tls_pem_certificate(const char *path, int *rc)
{
    struct pem *pem = open_pem(path, rc);
    if (!pem)
        return NULL;
    ERR_clear_error();
    X509 *found = next_certificate(pem->bio);
    close_pem(pem);
    *rc = found ? 0 : refuse_file(path);
    return found;
}

static const char *name_of(X509_NAME *name, char text[SS_TLS_NAME])
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = 0;
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        n = BIO_read(bio, text, SS_TLS_NAME - 1);
    BIO_free(bio);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void format_day(const ASN1_TIME *time, char text[16])
{
    struct tm tm = {0};
    if (!ASN1_TIME_to_tm(time, &tm) || !strftime(text, 16, "%Y-%m-%d", &tm))
        strcpy(text, "?");
}

static int check_days(const char *path, const X509 *certificate)
{
    char day[16];
    const ASN1_TIME *begins = X509_get0_notBefore(certificate), *ends = X509_get0_notAfter(certificate);
    if (X509_cmp_current_time(ends) < 0) {
        format_day(ends, day);
        return ss_set_reason(-EKEYEXPIRED, "a certificate in %s has expired on %s: have it renewed", path,
                             day);
    }
    if (X509_cmp_current_time(begins) > 0) {
        format_day(begins, day);
        return ss_set_reason(-EKEYREJECTED,
                             "a certificate in %s is good from %s on only: is the clock right?", path, day);
    }
    return 0;
}

/* Is it the one that has signed the certificate before it? */
static int check_order(const char *path, X509 *before, X509 *signer)
{
    char what[SS_TLS_NAME], who[SS_TLS_NAME];
    if (X509_check_issued(signer, before) == X509_V_OK)
        return 0;
    return ss_set_reason(
        -EKEYREJECTED,
        "the chain in %s is in the wrong order: behind %s there is to be what has signed it, and not %s",
        path, name_of(X509_get_subject_name(before), what), name_of(X509_get_subject_name(signer), who));
}

static int check_pair(const struct ss_certificate *files, X509 *first, EVP_PKEY *key, STACK_OF(X509) * chain)
{
    const char *keyfile = files->keyfile ? files->keyfile : files->certfile;
    if (X509_check_private_key(first, key) == 1)
        return 0;
    ERR_clear_error();
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (X509_check_private_key(sk_X509_value(chain, i), key) == 1)
            return ss_set_reason(
                -EKEYREJECTED,
                "the chain in %s is in the wrong order: the server's own certificate comes first",
                files->certfile);
    ERR_clear_error();
    return ss_set_reason(-EKEYREJECTED, "the key in %s is not that of the certificate in %s", keyfile,
                         files->certfile);
}

int tls_pem_all(const char *path, STACK_OF(X509) * all)
{
    int rc = 0;
    struct pem *pem = open_pem(path, &rc);
    if (!pem)
        return rc;
    ERR_clear_error();
    for (X509 *next; rc == 0 && (next = next_certificate(pem->bio));) {
        if (sk_X509_num(all) == MAX_LIST || !sk_X509_push(all, next)) {
            X509_free(next);
            rc = ss_set_reason(-E2BIG, "there are more than %d certificates in %s", MAX_LIST, path);
        }
    }
    close_pem(pem);
    unsigned long last = ERR_peek_last_error();
    bool ended = sk_X509_num(all) > 0 && (!last || ERR_GET_REASON(last) == PEM_R_NO_START_LINE);
    return rc < 0 || ended ? (ERR_clear_error(), rc) : refuse_file(path);
}

/* The first one, and the chain. */
static int read_chain(const char *path, X509 **first, STACK_OF(X509) * chain)
{
    int rc = tls_pem_all(path, chain);
    if (rc == 0)
        *first = sk_X509_shift(chain);
    return rc;
}

static int check_chain(const char *path, X509 *first, STACK_OF(X509) * chain)
{
    int rc = check_days(path, first);
    X509 *before = first;
    for (int i = 0; rc == 0 && i < sk_X509_num(chain); i++) {
        X509 *signer = sk_X509_value(chain, i);
        rc = check_order(path, before, signer);
        if (rc == 0)
            rc = check_days(path, signer);
        before = signer;
    }
    return rc;
}

int tls_pem_load(SSL_CTX *ctx, const struct ss_certificate *files)
{
    X509 *first = NULL;
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *chain = sk_X509_new_null();
    int rc = chain ? read_chain(files->certfile, &first, chain) : -ENOMEM;
    if (rc == 0)
        key = tls_pem_key(files->keyfile ? files->keyfile : files->certfile, files->password_file, &rc);
    if (rc == 0)
        rc = check_pair(files, first, key, chain);
    if (rc == 0)
        rc = check_chain(files->certfile, first, chain);
    if (rc == 0 && SSL_CTX_use_cert_and_key(ctx, first, key, chain, 1) != 1)
        rc = ss_set_reason(-EKEYREJECTED, "OpenSSL does not take the certificate in %s: %s", files->certfile,
                           tls_pem_openssl_says());
    sk_X509_pop_free(chain, X509_free);
    X509_free(first);
    EVP_PKEY_free(key);
    return rc;
}
