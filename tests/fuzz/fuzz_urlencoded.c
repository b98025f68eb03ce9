/* SPDX-License-Identifier: MIT */
/* application/x-www-form-urlencoded: however the body is cut into pieces and read, the same fields come of
   it, and no more than was sent; what is wrong can only be a name. Two bytes before the body choose the
   pieces. */
#include "unit/form_rig.h"

#include <assert.h>
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char type[] = "application/x-www-form-urlencoded";
    struct events whole = {0}, pieces = {0};
    struct source source;
    int rc;

    if (size < 2)
        return 0;
    source = (struct source){(const char *)data + 2, size - 2, 0, SIZE_MAX};
    rc = run_form(type, source, 64, &whole);
    assert(rc == 0 || rc == -EPROTO || rc == -EMSGSIZE);
    source.first = data[0];
    source.step = data[1] % 128 + 1;
    assert(run_form(type, source, data[1] % 64 + 1, &pieces) == rc);
    assert(whole.size == pieces.size && memcmp(whole.text, pieces.text, whole.size) == 0);
    assert(whole.size <= 2 * size + 8); /* "a" is "a=;" */
    free(whole.text);
    free(pieces.text);
    return 0;
}
