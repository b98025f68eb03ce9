/* SPDX-License-Identifier: MIT */
/* SHA-256 of what comes piece by piece, for both sides of fileserver. libcrypto does it; a build without that
   has no checksums, and its programs say so when they start. */
#ifndef FILESERVER_DIGEST_H
#define FILESERVER_DIGEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIGEST_TEXT = 64 /* hexadecimal digits */, DIGEST_PIECE = 65536 /* bytes of a file at a time */ };

#define NO_DIGEST "this build has no SHA-256: install libssl-dev, and make it again"

#ifdef HTTP_LIBCRYPTO
#include <openssl/evp.h>

struct digest {
    EVP_MD_CTX *context;
};

static inline bool digest_is_there(void)
{
    return true;
}

/* Begins, or begins anew. 0 or -ENOMEM; in both cases digest_end follows. */
static inline int digest_begin(struct digest *d)
{
    if (!d->context)
        d->context = EVP_MD_CTX_new();
    return d->context && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static inline int digest_add(struct digest *d, const void *data, size_t size)
{
    return EVP_DigestUpdate(d->context, data, size) == 1 ? 0 : -ENOMEM;
}

/* Of all that was added until now; more may be added afterwards. 0 or -ENOMEM. */
static inline int digest_text(const struct digest *d, char text[DIGEST_TEXT + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool good =
        copy && EVP_MD_CTX_copy_ex(copy, d->context) == 1 && EVP_DigestFinal_ex(copy, bytes, NULL) == 1;
    EVP_MD_CTX_free(copy);
    for (int i = 0; good && i < DIGEST_TEXT / 2; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return good ? 0 : -ENOMEM;
}

static inline void digest_end(struct digest *d)
{
    EVP_MD_CTX_free(d->context);
}
#else
struct digest {
    char none;
};

static inline bool digest_is_there(void)
{
    return false;
}

static inline int digest_begin(struct digest *d)
{
    (void)d;
    return -ENOTSUP;
}

static inline int digest_add(struct digest *d, const void *data, size_t size)
{
    (void)d, (void)data, (void)size;
    return -ENOTSUP;
}

static inline int digest_text(const struct digest *d, char text[DIGEST_TEXT + 1])
{
    (void)d;
    text[0] = '\0';
    return -ENOTSUP;
}

static inline void digest_end(struct digest *d)
{
    (void)d;
}
#endif

/* Adds `size` bytes of a file, from `offset` on. 0; -EIO: it has fewer; or -errno. */
static inline int digest_add_file(struct digest *d, int fd, off_t offset, size_t size)
{
    char data[DIGEST_PIECE];
    int rc = 0;
    while (rc == 0 && size > 0) {
        ssize_t n = pread(fd, data, size < sizeof data ? size : sizeof data, offset);
        if (n < 0 && errno == EINTR)
            continue;
        rc = n > 0 ? digest_add(d, data, (size_t)n) : n < 0 ? -errno : -EIO;
        offset += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return rc;
}

#endif
