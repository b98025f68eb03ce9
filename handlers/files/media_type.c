/* SPDX-License-Identifier: MIT */
/* What a media type is, what the ending of a name is, and which types are worth compressing. */
#include "files/media_type.h"
#include "text/chars.h"
#include <string.h>
#include <strings.h>

int http_compare_endings(const char *a, const char *b)
{
    while (*a && http_lower(*a) == http_lower(*b))
        a++, b++;
    return http_lower(*a) - http_lower(*b);
}

bool http_copy_ending(const char *text, size_t size, char ending[HTTP_ENDING_SIZE])
{
    size_t dot = size > 0 && text[0] == '.';
    text += dot;
    size -= dot;
    if (size == 0 || size >= HTTP_ENDING_SIZE)
        return false;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == '/')
            return false;
        ending[i] = (char)http_lower(text[i]);
    }
    ending[size] = 0;
    return true;
}

/* A token or a quoted string; its length, 0: neither. */
static size_t value_size(const char *text)
{
    return *text == '"' ? http_quoted_span(text) : http_span(text, strlen(text), HTTP_TOKEN);
}

bool http_is_media_type(const char *text)
{
    size_t size = strlen(text), type = http_span(text, size, HTTP_TOKEN), n;
    if (size >= HTTP_TYPE_SIZE || type == 0 || text[type] != '/')
        return false;
    text += type + 1;
    n = http_span(text, strlen(text), HTTP_TOKEN);
    while (n > 0 && *(text += n) != '\0') {
        text += strspn(text, " \t");
        if (*text++ != ';')
            return false;
        text += strspn(text, " \t");
        n = http_span(text, strlen(text), HTTP_TOKEN);
        if (n == 0 || text[n] != '=')
            return false;
        text += n + 1;
        n = value_size(text);
    }
    return n > 0;
}

bool http_is_compressible(const char *type)
{
    static const char *const types[] = {
        "text/",
        "application/javascript",
        "application/json",
        "application/postscript",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "font/collection",
        "font/otf",
        "font/ttf",
        "image/bmp",
    };
    size_t size = strcspn(type, "; \t");

    if (http_ends_with(type, size, "+json") || http_ends_with(type, size, "+xml"))
        return true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t length = strlen(types[i]);
        if (strncasecmp(type, types[i], length) == 0 && (types[i][length - 1] == '/' || size == length))
            return true;
    }
    return false;
}
