/* SPDX-License-Identifier: MIT */
/* Gives out the names in order without holding all of them: each pass over the directory keeps the smallest
   names that fit and come behind the last one that was given out. With room for K of N names that takes N / K
   passes over N names, and N log K comparisons in each. The order depends on the name alone, so that an entry
   that changes between two passes keeps its place. */
#include "files/listing_names.h"

#include "files/withheld.h"
#include "socketserver.h"
#include "text/chars.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP = 16384 }; /* entries that a helper thread reads without a break, behind the first few */

static atomic_size_t shared; /* bytes of HTTP_NAMES_TOTAL in use */

/* ---------------------------------------------------------------- which names, in which order */

static bool is_listed(const struct http_names *names, const char *name)
{
    if (names->no_dotfiles)
        return name[0] != '.';
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !http_is_part(name);
}

int http_names_compare(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && http_lower(a[i]) == http_lower(b[i]))
        i++;
    if (!a[i] && !b[i])
        return strcmp(a, b);
    return http_lower(a[i]) - http_lower(b[i]);
}

static int compare_names(const void *a, const void *b, void *text)
{
    return http_names_compare((char *)text + *(const uint32_t *)a, (char *)text + *(const uint32_t *)b);
}

static int compare_offsets(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Also drops what was read twice: a file may have gone and come back elsewhere in the directory. */
static void sort(struct http_names *names)
{
    size_t kept = 0;
    if (names->count > 1)
        qsort_r(names->offset, names->count, sizeof names->offset[0], compare_names, names->text);
    for (size_t i = 0; i < names->count; i++)
        if (i == 0 || strcmp(http_names_at(names, i), http_names_at(names, i - 1)) != 0)
            names->offset[kept++] = names->offset[i];
    names->count = kept;
}

/* ---------------------------------------------------------------- memory */

/* A quarter of the memory is for the offsets. */
static size_t text_limit(const struct http_names *names)
{
    return names->limit / 4 * 3;
}

static size_t slot_limit(const struct http_names *names)
{
    return names->limit / 4 / sizeof names->offset[0];
}

/* Asks once for the larger limit. True: it was granted. */
static bool extend(struct http_names *names)
{
    if (names->limit > HTTP_NAMES_SMALL)
        return false;
    if (atomic_fetch_add(&shared, HTTP_NAMES_LARGE) > HTTP_NAMES_TOTAL - HTTP_NAMES_LARGE) {
        atomic_fetch_sub(&shared, HTTP_NAMES_LARGE);
        return false;
    }
    names->shares = true;
    names->limit = HTTP_NAMES_LARGE;
    return true;
}

/* The array with room for `need` elements, at most `limit`; NULL if out of memory. */
static void *grow(void *array, size_t *room, size_t need, size_t limit, size_t size)
{
    size_t more = *room * 2 + 1024 < limit ? *room * 2 + 1024 : limit;
    if (need <= *room)
        return array;
    array = reallocarray(array, more, size);
    if (array)
        *room = more;
    return array;
}

static int make_name_room(struct http_names *names, size_t size)
{
    char *text = grow(names->text, &names->room, names->used + size, text_limit(names), 1);
    if (!text)
        return -ENOMEM;
    names->text = text;
    uint32_t *offset =
        grow(names->offset, &names->slots, names->count + 1, slot_limit(names), sizeof *offset);
    if (!offset)
        return -ENOMEM;
    names->offset = offset;
    return 0;
}

/* Leaves the greater half of the names to the next batch. */
static void halve(struct http_names *names)
{
    char *end = names->text;
    assert(names->count > 1); /* the limits hold several names of any size */
    sort(names);
    names->count /= 2;
    names->cut = true;
    strcpy(names->bound, http_names_at(names, names->count - 1));
    qsort(names->offset, names->count, sizeof names->offset[0], compare_offsets);
    for (size_t i = 0; i < names->count; i++) {
        const char *name = http_names_at(names, i);
        size_t size = strlen(name) + 1;
        names->offset[i] = (uint32_t)(end - names->text);
        memmove(end, name, size);
        end += size;
    }
    names->used = (size_t)(end - names->text);
}

static int add_name(struct http_names *names, const char *name)
{
    size_t size = strlen(name) + 1;
    if (size > HTTP_NAME_SIZE)
        return -ENAMETOOLONG;
    if ((names->used + size > text_limit(names) || names->count == slot_limit(names)) && !extend(names)) {
        halve(names);
        if (http_names_compare(name, names->bound) > 0)
            return 0;
    }
    int rc = make_name_room(names, size);
    if (rc < 0)
        return rc;
    memcpy(names->text + names->used, name, size);
    names->offset[names->count++] = (uint32_t)names->used;
    names->used += size;
    return 0;
}

/* ---------------------------------------------------------------- a pass */

/* NULL with errno 0: that was the last entry; NULL with another errno: an error. */
static const struct dirent *next_entry(DIR *directory)
{
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(directory);
    } while (!entry && errno == EINTR);
    return entry;
}

/* Reads up to `most` entries. 1 if there may be more, 0 at the end, -errno. */
static int read_entries(struct http_names *names, int most)
{
    const struct dirent *entry;
    int rc;
    assert(names->directory); /* http_names_open went well */
    while (most-- > 0) {
        entry = next_entry(names->directory);
        if (!entry)
            return -errno;
        if (!is_listed(names, entry->d_name) || http_names_compare(entry->d_name, names->last) <= 0 ||
            (names->cut && http_names_compare(entry->d_name, names->bound) > 0))
            continue;
        rc = add_name(names, entry->d_name);
        if (rc < 0)
            return rc;
    }
    return 1;
}

static int read_step(void *names)
{
    int rc = read_entries(names, STEP);
    if (rc == 0)
        sort(names);
    return rc;
}

static void remember_last(struct http_names *names)
{
    if (names->count > 0)
        strcpy(names->last, http_names_at(names, names->count - 1));
}

int http_names_read(struct http_names *names, struct ss_server *server)
{
    bool first = !names->last[0];
    if (!first && !names->cut) {
        names->count = 0;
        return 0;
    }
    names->used = names->count = 0;
    names->cut = false;
    if (!first)
        rewinddir(names->directory);
    int rc = read_entries(names, HTTP_NAMES_FEW + 2);
    if (rc == 0)
        sort(names);
    while (rc > 0) {
        rc = ss_sleep(server, 0);
        if (rc == 0)
            rc = ss_offload(server, read_step, names);
        if (rc == -EAGAIN) /* no thread */
            rc = read_step(names);
    }
    if (rc == 0)
        remember_last(names);
    return rc;
}

int http_names_open(struct http_names *names, int fd)
{
    /* a descriptor of its own: fdopendir keeps it, and reading moves its position */
    int own = (int)TEMP_FAILURE_RETRY(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int rc = 0;

    memset(names, 0, sizeof *names);
    names->limit = HTTP_NAMES_SMALL;
    if (own < 0)
        return -errno;
    do
        names->directory = fdopendir(own); /* calls fcntl */
    while (!names->directory && errno == EINTR);
    if (!names->directory) {
        rc = -errno;
        close(own);
    }
    return rc;
}

void http_names_close(struct http_names *names)
{
    free(names->text);
    free(names->offset);
    if (names->directory)
        closedir(names->directory);
    if (names->shares)
        atomic_fetch_sub(&shared, HTTP_NAMES_LARGE);
}
