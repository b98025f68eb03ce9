/* SPDX-License-Identifier: MIT */
/* The one file that knows libcrypt. */
#include "access/password.h"
#include "access.h"
#include "access/credentials.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HTTP_LIBCRYPT
#include <crypt.h>

_Static_assert(HTTP_HASH_SIZE >= CRYPT_OUTPUT_SIZE, "each hash has room");

bool http_has_crypt(void)
{
    return true;
}

/* The oldest hashes have no mark at all, so that each word would be one. */
bool http_is_hash(const char *text)
{
    int salt = *text == '$' && strlen(text) < CRYPT_OUTPUT_SIZE ? crypt_checksalt(text) : CRYPT_SALT_INVALID;
    return salt != CRYPT_SALT_INVALID && salt != CRYPT_SALT_METHOD_DISABLED;
}

int http_hash_like(const char *password, const char *hash, char *result, size_t size)
{
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return -ENOMEM;
    errno = EINVAL;
    const char *made = crypt_r(password, hash, data);
    int rc = made && *made != '*' ? 0 : -errno;
    if (rc == 0)
        snprintf(result, size, "%s", made);
    explicit_bzero(data, sizeof *data);
    free(data);
    return rc;
}

int http_hash_password(const char *password, char hash[HTTP_HASH_SIZE])
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    if (http_has_control(password))
        return -EINVAL;
    if (strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
        return -EMSGSIZE;
    if (!crypt_gensalt_rn(NULL, 0, NULL, 0, salt, (int)sizeof salt))
        return -errno;
    return http_hash_like(password, salt, hash, HTTP_HASH_SIZE);
}

#else

bool http_has_crypt(void)
{
    return false;
}

bool http_is_hash(const char *text)
{
    (void)text;
    return false;
}

int http_hash_like(const char *password, const char *hash, char *result, size_t size)
{
    (void)password, (void)hash, (void)result, (void)size;
    return -ENOTSUP;
}

int http_hash_password(const char *password, char hash[HTTP_HASH_SIZE])
{
    (void)password, (void)hash;
    return -ENOTSUP;
}

#endif
