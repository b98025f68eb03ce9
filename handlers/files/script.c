/* SPDX-License-Identifier: MIT */
/* Puts a script at the end of a page, where browsers take it for the last element of the body. */
#include "files/script.h"
#include "files/read.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char element[] = "<script src=\"%s\"></script>\n";

static bool is_html(const char *type)
{
    size_t size = strlen("text/html");
    return strncasecmp(type, "text/html", size) == 0 && strchr("; \t", type[size]);
}

/* True if the page begins as one does whose characters are no bytes: UTF-16. */
static bool is_wide(const char *data, size_t size)
{
    return size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0);
}

/* Reads a file that is too long to be kept, but for its script. What it has become meanwhile is what is sent,
   once. */
static int read_page(struct http_file *file)
{
    char *content = malloc(file->size);
    ssize_t n = content ? http_file_read(file->fd, content, file->size) : -ENOMEM;
    if (n < 0) {
        free(content);
        return (int)n;
    }
    if ((size_t)n != file->size)
        file->fleeting = true;
    file->content = content;
    file->size = (size_t)n;
    close(file->fd);
    file->fd = -1;
    return 0;
}

static int append(struct http_file *file)
{
    size_t size = strlen(element) - strlen("%s") + strlen(file->script);
    char *content = realloc((char *)(uintptr_t)file->content, file->size + size + 1);
    if (!content)
        return -ENOMEM;
    snprintf(content + file->size, size + 1, element, file->script);
    file->content = content;
    file->size += size;
    file->scripted = true;
    return 0;
}

int http_file_add_script(struct http_file *file)
{
    if (!file->script || !*file->script || file->unsized || file->coding != HTTP_IDENTITY ||
        file->size > HTTP_FILE_SCRIPTED || !is_html(file->type))
        return 0;
    int rc = file->content ? 0 : read_page(file);
    return rc < 0 || is_wide(file->content, file->size) ? rc : append(file);
}
