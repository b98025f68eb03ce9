/* SPDX-License-Identifier: MIT */
/* Makes a certificate for this machine, for who has none yet. */
#include "server/reason.h"
#include "tls/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAYS = 397 /* browsers take none that is good for longer */, MAX_NAMES = 128, SERIAL = 16 };

static int add_name(GENERAL_NAMES *names, const char *name)
{
    ASN1_OCTET_STRING *number = a2i_IPADDRESS(name);
    ASN1_IA5STRING *host = number ? NULL : ASN1_IA5STRING_new();
    GENERAL_NAME *entry = GENERAL_NAME_new();
    bool good = entry && (number || (host && ASN1_STRING_set(host, name, -1) == 1));
    if (good) {
        GENERAL_NAME_set0_value(entry, number ? GEN_IPADD : GEN_DNS, number ? (void *)number : (void *)host);
        number = host = NULL;
        good = sk_GENERAL_NAME_num(names) < MAX_NAMES && sk_GENERAL_NAME_push(names, entry);
    }
    if (!good) {
        GENERAL_NAME_free(entry);
        ASN1_OCTET_STRING_free(number);
        ASN1_IA5STRING_free(host);
    }
    return good ? 0 : -ENOMEM;
}

/* Those that others reach it by; the loopback's are there already. */
static int add_interfaces(GENERAL_NAMES *names)
{
    struct ifaddrs *all, *one;
    int rc = 0;
    if (getifaddrs(&all) < 0)
        return 0;
    for (one = all; rc == 0 && one; one = one->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        int family = one->ifa_addr ? one->ifa_addr->sa_family : AF_UNSPEC;
        const void *in = family == AF_INET
                             ? (void *)&((struct sockaddr_in *)(void *)one->ifa_addr)->sin_addr
                             : (void *)&((struct sockaddr_in6 *)(void *)one->ifa_addr)->sin6_addr;
        bool wanted =
            (family == AF_INET || (family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL((struct in6_addr *)in))) &&
            !(one->ifa_flags & IFF_LOOPBACK);
        if (wanted && sk_GENERAL_NAME_num(names) < MAX_NAMES && inet_ntop(family, in, text, sizeof text))
            rc = add_name(names, text);
    }
    freeifaddrs(all);
    return rc;
}

static int add_own_names(GENERAL_NAMES *names)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    char host[256] = "";
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof always / sizeof *always; i++)
        rc = add_name(names, always[i]);
    if (rc == 0 && gethostname(host, sizeof host - 1) == 0 && *host && strcmp(host, "localhost") != 0)
        rc = add_name(names, host);
    return rc < 0 ? rc : add_interfaces(names);
}

static int set_names(X509 *certificate, const char *const *wanted)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    int rc = !names ? -ENOMEM : wanted ? 0 : add_own_names(names);
    for (; rc == 0 && wanted && *wanted; wanted++)
        rc = add_name(names, *wanted);
    if (rc == 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1)
        rc = -ENOMEM;
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return rc;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return good;
}

static bool set_subject(X509 *certificate, const char *name)
{
    const unsigned char *text = (const unsigned char *)name;
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8, text,
                                      -1, -1, 0) == 1;
}

/* Everything but the names and the signature. */
static bool fill_in(X509 *certificate, X509 *issuer, EVP_PKEY *key, const struct ss_tls_issue *issue)
{
    long days = issue->days ? issue->days : DAYS;
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           set_subject(certificate, issue->names ? *issue->names : "localhost") &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) &&
           X509_set_pubkey(certificate, key) == 1 &&
           add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
}

/* Who signs; without a certificate authority it is the certificate itself. */
static int find_signer(const struct ss_tls_issue *issue, X509 **signer, EVP_PKEY **signer_key)
{
    int rc = 0;
    if (issue->ca_certfile)
        *signer = tls_pem_certificate(issue->ca_certfile, &rc);
    if (rc == 0 && issue->ca_keyfile)
        *signer_key = tls_pem_key(issue->ca_keyfile, NULL, &rc);
    if (rc == 0 && *signer && (!*signer_key || X509_check_private_key(*signer, *signer_key) != 1))
        rc = ss_set_reason(-EKEYREJECTED, "the key of %s is missing, or another one's", issue->ca_certfile);
    return rc;
}

int tls_issue_make(const struct ss_tls_issue *issue, X509 **certificate, EVP_PKEY **key)
{
    X509 *made = X509_new(), *signer = NULL;
    EVP_PKEY *fresh = EVP_EC_gen("P-256"), *signer_key = NULL;
    int rc = made && fresh ? find_signer(issue, &signer, &signer_key) : -ENOMEM;
    if (rc == 0 && issue->names && !*issue->names)
        rc = ss_set_reason(-EINVAL, "a certificate is for one name at least");
    if (rc == 0 && !fill_in(made, signer ? signer : made, fresh, issue))
        rc = ss_set_reason(-EINVAL, "OpenSSL cannot make the certificate: %s", tls_pem_openssl_says());
    if (rc == 0)
        rc = set_names(made, issue->names);
    if (rc == 0 && signer && !add_extension(made, signer, NID_authority_key_identifier, "keyid"))
        (void)tls_pem_openssl_says(); /* the signer has no identifier */
    if (rc == 0 && X509_sign(made, signer_key ? signer_key : fresh, EVP_sha256()) == 0)
        rc = ss_set_reason(-EINVAL, "OpenSSL cannot sign the certificate: %s", tls_pem_openssl_says());
    X509_free(signer);
    EVP_PKEY_free(signer_key);
    if (rc == 0) {
        *certificate = made;
        *key = fresh;
        return 0;
    }
    X509_free(made);
    EVP_PKEY_free(fresh);
    return rc;
}

/* ---------------------------------------------------------------- in a file */

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, data, size));
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Under another name first: whoever reads `path` finds all of it. */
static int put_bytes(const char *path, const char *data, size_t size)
{
    char *aside = NULL;
    if (asprintf(&aside, "%s.%d~", path, (int)getpid()) < 0)
        return -ENOMEM;
    (void)unlink(aside); /* what a process of that number has left when it was killed */
    int fd = (int)TEMP_FAILURE_RETRY(open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    int rc = fd < 0 ? -errno : write_all(fd, data, size);
    if (fd >= 0 && close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(aside, path) < 0)
        rc = -errno;
    if (rc < 0 && fd >= 0)
        (void)unlink(aside);
    free(aside);
    return rc;
}

static int put_file(const char *path, X509 *certificate, EVP_PKEY *key)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    bool good = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                PEM_write_bio_X509(bio, certificate) == 1;
    long size = good ? BIO_get_mem_data(bio, &text) : 0;
    int rc = good ? put_bytes(path, text, (size_t)size) : -ENOMEM;
    BIO_free(bio);
    return rc < 0 ? ss_set_reason(rc, "cannot write %s: %s", path, ss_strerror(rc)) : 0;
}

int ss_tls_make_certificate(const struct ss_tls_issue *issue, const char *path,
                            char fingerprint[SS_TLS_FINGERPRINT])
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    reason_clear();
    int rc = tls_issue_make(issue, &certificate, &key);
    if (rc == 0)
        rc = put_file(path, certificate, key);
    if (rc == 0 && fingerprint)
        tls_pem_fingerprint(certificate, fingerprint);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return rc;
}

/* ---------------------------------------------------------------- one that was made before */

static bool is_for(X509 *certificate, const GENERAL_NAME *name)
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    const unsigned char *data = ASN1_STRING_get0_data(value);
    size_t size = (size_t)ASN1_STRING_length(value);
    return (kind == GEN_IPADD ? X509_check_ip(certificate, data, size, 0)
                              : X509_check_host(certificate, (const char *)data, size, 0, NULL)) == 1;
}

static int check_names(X509 *certificate, bool *covers)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    int rc = names ? add_own_names(names) : -ENOMEM;
    *covers = rc == 0;
    for (int i = 0; *covers && i < sk_GENERAL_NAME_num(names); i++)
        *covers = is_for(certificate, sk_GENERAL_NAME_value(names, i));
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return rc;
}

int ss_tls_look_at(const char *path, char fingerprint[SS_TLS_FINGERPRINT], int *days, bool *covers)
{
    int rc, left = 0, seconds = 0;
    reason_clear();
    X509 *certificate = tls_pem_certificate(path, &rc);
    if (!certificate)
        return rc;
    tls_pem_fingerprint(certificate, fingerprint);
    (void)ASN1_TIME_diff(&left, &seconds, NULL, X509_get0_notAfter(certificate));
    *days = seconds < 0 && left == 0 ? -1 : left;
    rc = check_names(certificate, covers);
    X509_free(certificate);
    return rc;
}
