/* SPDX-License-Identifier: MIT */
/* The names of files that others send. Pure functions. */
#include "compress/coding.h"
#include "files/simple_http.h"
#include "text/chars.h"
#include "upload/upload.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* True for a path of Windows: it has backslashes, and begins with a drive or a backslash or has a part "." or
   "..". Elsewhere a backslash is a character of a name. */
static bool is_windows_path(const char *text)
{
    if (!strchr(text, '\\'))
        return false;
    if (*text == '\\' || (is_letter(text[0]) && text[1] == ':' && text[2] == '\\'))
        return true;
    for (size_t size; *text; text += size + (text[size] != 0)) {
        size = strcspn(text, "/\\");
        if (size > 0 && size <= 2 && memcmp(text, "..", size) == 0)
            return true;
    }
    return false;
}

const char *http_upload_name(const char *filename, bool dotfiles)
{
    const char *name = filename, *slashes = is_windows_path(filename) ? "/\\" : "/";
    for (const char *p = filename; *p; p++) {
        if (strchr(slashes, *p))
            name = p + 1;
        else if ((unsigned char)*p < ' ' || *p == 0x7f)
            return NULL;
    }
    if (*name == '.' && (!dotfiles || strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
        return NULL;
    return *name && strlen(name) <= NAME_MAX && !http_is_part(name) ? name : NULL;
}

void http_number_name(const char *name, unsigned number, char numbered[NAME_MAX + 1])
{
    enum { MAX_EXTENSION = 32 }; /* bytes; what is longer is no extension */
    size_t size = strlen(name), stem = size, end_size;
    const char *dot = strrchr(name, '.');
    char end[16 + MAX_EXTENSION];
    if (dot && dot > name && strlen(dot) <= MAX_EXTENSION)
        stem = (size_t)(dot - name);
    end_size = (size_t)snprintf(end, sizeof end, " (%u)%s", number, name + stem);
    if (stem + end_size > NAME_MAX) {
        stem = NAME_MAX - end_size;
        while (stem > 0 && (name[stem] & 0xc0) == 0x80) /* not in the middle of a character */
            stem--;
    }
    memmove(numbered, name, stem);
    memcpy(numbered + stem, end, end_size + 1);
}

size_t http_sibling_ending(const char *name)
{
    size_t size = strlen(name);
    for (int coding = HTTP_GZIP; coding < HTTP_CODINGS; coding++) {
        const char *ending = http_coding_ending((enum http_coding)coding);
        size_t length = strlen(ending);
        if (size > length && strcmp(name + size - length, ending) == 0)
            return length;
    }
    return 0;
}

/* In any case: there are file systems for which "INDEX.HTML" is the same name. */
bool http_is_reserved(const char *directory, const char *file)
{
    static const char known[] = ".well-known";
    size_t size = strcspn(directory, "/"), stem = strlen(file);
    if (http_is_word(directory, size, known))
        return true;
    if (!*directory && strcasecmp(file, known) == 0)
        return true;
    for (int coding = HTTP_GZIP; coding < HTTP_CODINGS; coding++) {
        const char *ending = http_coding_ending((enum http_coding)coding);
        if (http_ends_with(file, stem, ending))
            stem -= strlen(ending);
    }
    for (const char *const *page = http_index_pages; *page; page++)
        if (http_is_word(file, stem, *page))
            return true;
    return false;
}
