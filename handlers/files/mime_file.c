/* SPDX-License-Identifier: MIT */
/* The system's list of media types, in the form of /etc/mime.types: lines of a type and its endings. It is
   read once, kept for ever, and then only looked into. */
#include "files/media_type.h"
#include "files/mimetypes.h"

#include "http_server.h"
#include "text/chars.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pair {
    const char *ending, *type;
};

static struct {
    char *text; /* the file's; endings and types point into it */
    struct pair *pairs;
    size_t count, room;
} list;

static struct {
    pthread_once_t once;
    const char *path;
    int rc;
} loading = {.once = PTHREAD_ONCE_INIT, .path = "/etc/mime.types"};

/* Orders by ending; of equal endings the one that stands later in the text comes later. */
static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int rc = http_compare_endings(x->ending, y->ending);
    return rc != 0 ? rc : (x->ending > y->ending) - (x->ending < y->ending);
}

static int compare_ending(const void *ending, const void *pair)
{
    return http_compare_endings(ending, ((const struct pair *)pair)->ending);
}

static int add_pair(const char *ending, const char *type)
{
    if (list.count == list.room) {
        size_t room = list.room * 2 + 256;
        struct pair *pairs = reallocarray(list.pairs, room, sizeof *pairs);
        if (!pairs)
            return -ENOMEM;
        list.pairs = pairs;
        list.room = room;
    }
    list.pairs[list.count++] = (struct pair){ending, type};
    return 0;
}

/* Adds charset=utf-8 to a text type, as the built-in table does, but not to XML, which declares its own
   encoding. NULL if out of memory. */
static const char *with_charset(const char *type)
{
    size_t size = strlen(type);
    char *text;
    if (strncasecmp(type, "text/", 5) != 0 || strchr(type, ';') || http_ends_with(type, size, "xml"))
        return type;
    return asprintf(&text, "%s; charset=utf-8", type) >= 0 ? text : NULL;
}

static int take_line(char *line)
{
    static const char space[] = " \t\r\f\v";
    const char *word = strsep(&line, space), *type = NULL;
    char *ending, copy[HTTP_ENDING_SIZE];
    int rc = 0;
    if (!http_is_media_type(word))
        return 0;
    while (rc == 0 && (ending = strsep(&line, space)) != NULL && *ending != '#') {
        if (!http_copy_ending(ending, strlen(ending), copy))
            continue;
        if (!type)
            type = with_charset(word);
        rc = type ? add_pair(strcpy(ending, copy), type) : -ENOMEM;
    }
    return rc;
}

/* Makes the list out of text[0..size), into which it points from then on; there is room for a NUL behind it.
   0 or -errno. */
static int parse_list(char *text, size_t size)
{
    size_t kept = 0;
    char *line;
    int rc = 0;
    for (size_t i = 0; i < size; i++)
        if (!text[i])
            text[i] = '?';
    text[size] = 0;
    while (rc == 0 && (line = strsep(&text, "\n")))
        rc = take_line(line + strspn(line, " \t\r"));
    if (list.count > 0)
        qsort(list.pairs, list.count, sizeof *list.pairs, compare_pairs);
    for (size_t i = 0; i < list.count; i++)
        if (i + 1 == list.count || http_compare_endings(list.pairs[i].ending, list.pairs[i + 1].ending) != 0)
            list.pairs[kept++] = list.pairs[i];
    list.count = kept;
    return rc;
}

/* The whole of a file of a bounded size, with room for a NUL behind it. NULL and errno. */
static char *read_file(int fd, size_t *size)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return NULL;
    if (!S_ISREG(status.st_mode) || status.st_size > HTTP_MIME_FILE_SIZE) {
        errno = S_ISREG(status.st_mode) ? EFBIG : EINVAL;
        return NULL;
    }
    char *text = malloc((size_t)status.st_size + 1);
    ssize_t n = text ? read(fd, text, (size_t)status.st_size) : -1;
    if (n < 0) {
        free(text);
        return NULL;
    }
    *size = (size_t)n;
    return text;
}

static void load(void)
{
    int fd = (int)TEMP_FAILURE_RETRY(open(loading.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    size_t size = 0;
    list.text = fd >= 0 ? read_file(fd, &size) : NULL;
    loading.rc = list.text ? parse_list(list.text, size) : -errno;
    if (fd >= 0)
        close(fd);
}

int http_init_types(const char *path)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (path)
        loading.path = path;
    pthread_once(&loading.once, load);
    int rc = loading.rc;
    pthread_mutex_unlock(&lock);
    return rc;
}

const char *http_mime_file_find(const char *ending)
{
    pthread_once(&loading.once, load);
    if (list.count == 0)
        return NULL;
    const struct pair *found = bsearch(ending, list.pairs, list.count, sizeof *list.pairs, compare_ending);
    return found ? found->type : NULL;
}
