/* SPDX-License-Identifier: MIT */
/* What proves that a server has understood the handshake (RFC 6455 4.2.2), by libcrypto. */
#include "websocket/ws.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

bool ws_is_key(const char *key)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    /* of the last character four bits are left over, which are zero */
    return strspn(key, alphabet) == 22 && strchr("AQgw", key[21]) && strcmp(key + 22, "==") == 0;
}

int ws_random(void *data, size_t size)
{
    ssize_t n = getrandom(data, size, 0); /* never less than was asked for, up to 256 bytes */
    return n < 0 ? -errno : 0;
}

#ifdef HTTP_LIBCRYPTO
#include <openssl/evp.h>

int ws_make_key(char key[WS_KEY_SIZE])
{
    unsigned char number[16];
    int rc = ws_random(number, sizeof number);
    if (rc == 0)
        EVP_EncodeBlock((unsigned char *)key, number, sizeof number);
    return rc;
}

int ws_accept_key(const char *key, char accept[WS_ACCEPT_SIZE])
{
    static const char id[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char both[24 + sizeof id], digest[EVP_MAX_MD_SIZE];
    unsigned size;
    memcpy(both, key, 24);
    memcpy(both + 24, id, sizeof id);
    if (!EVP_Digest(both, sizeof both - 1, digest, &size, EVP_sha1(), NULL))
        return -ENOMEM;
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)size);
    return 0;
}
#else
int ws_make_key(char key[WS_KEY_SIZE])
{
    (void)key;
    return -ENOTSUP;
}

int ws_accept_key(const char *key, char accept[WS_ACCEPT_SIZE])
{
    (void)key;
    (void)accept;
    return -ENOTSUP;
}
#endif
