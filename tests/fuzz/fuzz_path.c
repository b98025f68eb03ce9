/* SPDX-License-Identifier: MIT */
/* handlers/text/url.c: from the path of a request to the name of a file, and what goes into a Location. */
#include "http_server.h"
#include "memory/arena.h"
#include "text/url.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No way up, no empty segment, none of one dot, no NUL; a slash at most at the end. */
static void check_name(const char *name, size_t size)
{
    assert(strlen(name) == size);
    for (const char *segment = name; *segment != '\0';) {
        size_t length = strcspn(segment, "/");

        assert(length > 0);
        assert(strspn(segment, ".") != length || length > 2);
        segment += length + (segment[length] == '/');
    }
}

/* A name, quoted, is a path that leads to that name again. */
static void check_round_trip(struct ss_handler *h, const char *name, size_t size)
{
    char *again = malloc(3 * size + 2), *text;
    const char *quoted = http_quote(h, name);

    assert(again != NULL && quoted != NULL);
    assert(http_is_well_escaped(quoted));
    assert(http_normalize_path(quoted, again) == (ssize_t)size);
    assert(strcmp(again, name) == 0);
    text = strdup(quoted);
    assert(http_unquote(text) == (ssize_t)size && strcmp(text, name) == 0);
    free(text);
    free(again);
}

/* What is sent behind a slash as Location: nothing in it ends the field, and the path is the same one. */
static void check_location(const char *path, const char *name)
{
    const char *rest = http_skip_slashes(path);
    size_t size = strcspn(rest, "?#");
    char *location = malloc(3 * size + 2), *again = malloc(3 * size + 3);

    assert(location != NULL && again != NULL);
    location[0] = '/';
    http_requote(rest, size, location + 1);
    assert(location[1] != '/' && location[1] != '\\');
    for (const char *c = location; *c != '\0'; c++)
        assert(*c > ' ' && *c < 0x7f && *c != '"' && *c != '<' && *c != '\\');
    assert(http_normalize_path(location, again) >= 0);
    assert(strcmp(again, name) == 0);
    free(location);
    free(again);
}

static void check_path(struct ss_handler *h, const char *path)
{
    size_t room = strlen(path) + 2;
    char *name = malloc(room);
    ssize_t size;

    assert(name != NULL);
    size = http_normalize_path(path, name);
    assert((size >= 0) == http_is_well_escaped(path));
    if (size >= 0) {
        assert((size_t)size < room);
        check_name(name, (size_t)size);
        check_round_trip(h, name, (size_t)size);
        check_location(path, name);
        if (!http_has_dotfile(name))
            assert(name[0] != '.' || strncmp(name, ".well-known", 11) == 0);
    }
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_arena arena = {0};
    struct ss_handler h = {.arena = &arena};
    char *path = malloc(size + 1);

    assert(path != NULL);
    memcpy(path, data, size);
    path[size] = '\0';
    check_path(&h, path);
    http_escape(&h, path);
    arena_free(&arena);
    free(path);
    return 0;
}
