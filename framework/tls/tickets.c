/* SPDX-License-Identifier: MIT */
/* The keys by which sessions are resumed. A ticket is a session, encrypted by one of them, that the client
   keeps: so each process of the server can resume it. */
#include "server/robust.h"
#include "tls/tls.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/mman.h>

enum {
    KEYS = 3,
    LIFE = 3600
}; /* how many are known, the newest one first; seconds until there is a new one */

struct ticket_key {
    unsigned char name[16], aes[32], hmac[32];
};

struct ticket_keys {
    struct robust lock; /* who holds it when it dies has at worst left a key that is good for nothing */
    uint64_t born;      /* when the first one was made: ms, as ss_now counts */
    unsigned count;
    struct ticket_key keys[KEYS];
};

struct ticket_keys *tls_tickets_new(void)
{
    struct ticket_keys *keys =
        mmap(NULL, sizeof *keys, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (keys == MAP_FAILED)
        return NULL;
    (void)madvise(keys, sizeof *keys, MADV_DONTDUMP);
    int rc = robust_init(&keys->lock);
    if (rc < 0) {
        (void)munmap(keys, sizeof *keys);
        errno = -rc;
        return NULL;
    }
    return keys;
}

void tls_tickets_free(struct ticket_keys *keys)
{
    if (keys)
        (void)munmap(keys, sizeof *keys);
}

/* Under the lock. False: there are no random numbers. */
static bool rotate(struct ticket_keys *keys)
{
    struct ticket_key fresh;
    uint64_t now = ss_now();
    if (keys->count && now - keys->born < LIFE * 1000ULL)
        return true;
    if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 || RAND_priv_bytes(fresh.aes, sizeof fresh.aes) != 1 ||
        RAND_priv_bytes(fresh.hmac, sizeof fresh.hmac) != 1)
        return keys->count > 0;
    memmove(&keys->keys[1], &keys->keys[0], (KEYS - 1) * sizeof *keys->keys);
    keys->keys[0] = fresh;
    keys->count += keys->count < KEYS;
    keys->born = now;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return true;
}

/* Copies the newest key, or the one of that name. Returns its place, -1: it is not known (any more). */
static int take_key(struct ticket_keys *keys, const unsigned char *name, struct ticket_key *key)
{
    int found = -1, rc = robust_lock(&keys->lock);
    if (rc < 0 && rc != -EOWNERDEAD)
        return -1;
    bool usable = rotate(keys);
    for (unsigned i = 0; usable && found < 0 && i < keys->count; i++)
        if (!name || !CRYPTO_memcmp(keys->keys[i].name, name, sizeof keys->keys[i].name))
            found = (int)i;
    if (found >= 0)
        *key = keys->keys[found];
    (void)robust_unlock(&keys->lock);
    return found;
}

static int use_key(struct ticket_key *key, unsigned char iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int encrypts)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    int done = EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
               EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, encrypts) == 1;
    OPENSSL_cleanse(key, sizeof *key);
    return done;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb has it: -1 an error, 0 no ticket, 1 done, 2 done, and a new ticket
   is to be sent. */
static int ticket_key(SSL *ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH],
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
    struct ticket_keys *keys = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key key;
    int place = take_key(keys, encrypts ? NULL : name, &key);
    if (place < 0)
        return 0;
    if (encrypts) {
        memcpy(name, key.name, sizeof key.name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            return -1;
    }
    if (!use_key(&key, iv, cipher, mac, encrypts))
        return -1;
    return !encrypts && (place > 0 || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

int tls_tickets_use(SSL_CTX *ctx, struct ticket_keys *keys)
{
    SSL_CTX_set_timeout(ctx, (KEYS - 1) * LIFE);
    return SSL_CTX_set_app_data(ctx, keys) && SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) ? 0
                                                                                                    : -ENOMEM;
}
