/* SPDX-License-Identifier: MIT */
/* handlers/http/content_coding.c: any field, in any number of lines, gives weights in range and a choice that
   the client accepts and the server has. The first byte says what the server has; line feeds part the lines.
 */
#include "http/content_coding.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_choice(const struct http_accepted *accepted, unsigned available)
{
    int chosen = http_choose_coding(accepted, available);

    for (int coding = 0; coding < HTTP_CODINGS; coding++) {
        assert(accepted->weight[coding] >= 0 && accepted->weight[coding] <= 1000);
        if ((available & HTTP_CODING_BIT(coding)) == 0)
            continue;
        assert(chosen >= 0 || accepted->weight[coding] == 0);
        assert(chosen < 0 || accepted->weight[chosen] >= accepted->weight[coding]);
    }
    if (chosen >= 0)
        assert((available & HTTP_CODING_BIT(chosen)) != 0 && accepted->weight[chosen] > 0);
}

/* The same elements as one line are the same list. */
static void check_joined(char *text, const struct http_accepted *expected)
{
    struct http_accept_list list;
    struct http_accepted accepted;

    for (char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        *at = ',';
    http_accept_begin(&list);
    http_accept_line(&list, text);
    http_accept_end(&list, &accepted);
    assert(memcmp(&accepted, expected, sizeof accepted) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_accept_list list;
    struct http_accepted accepted;
    char *text, *copy, *lines, *line;

    if (size == 0)
        return 0;
    text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    copy = lines = strdup(text);
    http_accept_begin(&list);
    while (copy != NULL && (line = strsep(&lines, "\n")) != NULL)
        http_accept_line(&list, line);
    http_accept_end(&list, &accepted);
    check_choice(&accepted, data[0]);
    if (copy != NULL)
        check_joined(text, &accepted);
    free(copy);
    free(text);
    return 0;
}
