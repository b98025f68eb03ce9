/* SPDX-License-Identifier: MIT */
/* Names, endings and first bytes of the content codings. */
#include "compress/coding.h"

const char *http_coding_name(enum http_coding coding)
{
    static const char *const names[HTTP_CODINGS] = {
        [HTTP_IDENTITY] = "identity", [HTTP_GZIP] = "gzip", [HTTP_BROTLI] = "br", [HTTP_ZSTD] = "zstd"};
    return names[coding];
}

const char *http_coding_ending(enum http_coding coding)
{
    static const char *const endings[HTTP_CODINGS] = {
        [HTTP_IDENTITY] = "", [HTTP_GZIP] = ".gz", [HTTP_BROTLI] = ".br", [HTTP_ZSTD] = ".zst"};
    return endings[coding];
}

/* RFC 1952 2.3.1; DEFLATE is the only method. */
static bool is_gzip(const unsigned char *data, size_t size)
{
    return size >= 3 && data[0] == 0x1f && data[1] == 0x8b && data[2] == 8;
}

/* A frame (RFC 8878 3.1.1), or one that is to be skipped (3.1.2). */
static bool is_zstd(const unsigned char *data, size_t size)
{
    if (size < 4 || data[3] != (data[0] == 0x28 ? 0xfd : 0x18))
        return false;
    return (data[0] == 0x28 && data[1] == 0xb5 && data[2] == 0x2f) ||
           ((data[0] & 0xf0) == 0x50 && data[1] == 0x2a && data[2] == 0x4d);
}

/* A window size that does not exist (RFC 7932 9.1). */
static bool is_no_brotli(const unsigned char *data, size_t size)
{
    return size == 0 || (data[0] & 0x7f) == 0x11;
}

bool http_is_coded(enum http_coding coding, const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    switch (coding) {
    case HTTP_GZIP:
        return is_gzip(bytes, size);
    case HTTP_ZSTD:
        return is_zstd(bytes, size);
    case HTTP_BROTLI:
        return !is_no_brotli(bytes, size) && !is_gzip(bytes, size) && !is_zstd(bytes, size);
    default:
        return true;
    }
}
