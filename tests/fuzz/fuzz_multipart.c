/* multipart/form-data: however the body is cut into pieces and read, the same fields come of it, and no more
   than was sent. The first line is the boundary, as the Content-Type has it; two bytes before it choose the
   pieces. */
#include "unit/form_rig.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fixed[] = "multipart/form-data; boundary=";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct events whole = {0}, pieces = {0};
    const char *text = (const char *)data + 2, *end;
    char type[sizeof fixed + 100];
    struct source source;
    int rc;

    if (size < 3 || (end = memchr(text, '\n', size - 2)) == NULL || end - text > 100)
        return 0;
    memcpy(mempcpy(type, fixed, sizeof fixed - 1), text, (size_t)(end - text));
    type[sizeof fixed - 1 + (size_t)(end - text)] = '\0';
    source = (struct source){end + 1, size - 3 - (size_t)(end - text), 0, SIZE_MAX};
    rc = run_form(type, source, 64, &whole);
    source.first = data[0];
    source.step = data[1] % 128 + 1;
    assert(run_form(type, source, data[1] % 64 + 1, &pieces) == rc);
    assert(whole.size == pieces.size && memcmp(whole.text, pieces.text, whole.size) == 0);
    assert(whole.size <= size + 8);
    free(whole.text);
    free(pieces.text);
    return 0;
}
