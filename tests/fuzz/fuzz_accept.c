/* SPDX-License-Identifier: MIT */
/* Accept fields and media types: whatever is sent, what is made of it is in range, and the order of lines has
   no meaning. */
#include "files/media_type.h"
#include "http/accept.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_accept find(const char *field, const char *type)
{
    struct http_accept accept = {0, 0};

    http_accept_find(field, type, &accept);
    assert(accept.quality >= 0 && accept.quality <= 1000);
    assert(accept.precision >= 0 && accept.precision <= 3);
    assert(accept.precision > 0 || accept.quality == 0);
    return accept;
}

/* Two lines mean the same in either order (RFC 9110 5.3), and as one list when no quote is left open. */
static void check_halves(const char *first, const char *second, const char *type)
{
    struct http_accept forth = find(first, type), back = find(second, type);

    http_accept_find(second, type, &forth);
    http_accept_find(first, type, &back);
    assert(forth.quality == back.quality && forth.precision == back.precision);
    if (strpbrk(first, "\"\\") == NULL) {
        size_t room = strlen(first) + strlen(second) + 2;
        char *both = malloc(room);
        struct http_accept joined;

        assert(both != NULL);
        stpcpy(stpcpy(stpcpy(both, first), ","), second);
        joined = find(both, type);
        assert(joined.quality == forth.quality && joined.precision == forth.precision);
        free(both);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *second;

    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    second = strchr(text, '\n');
    if (second != NULL)
        *second++ = '\0';
    check_halves(text, second != NULL ? second : "", "text/html");
    check_halves(text, second != NULL ? second : "", "application/json");
    if (http_is_media_type(text)) {
        size_t type = strcspn(text, "; \t");

        assert(strlen(text) < HTTP_TYPE_SIZE && memchr(text, '/', type) != NULL);
        for (const char *p = text; *p != '\0'; p++)
            assert(*p == '\t' || ((unsigned char)*p >= ' ' && *p != 0x7f));
    }
    free(text);
    return 0;
}
