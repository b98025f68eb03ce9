/* list_directory: a directory as a page of HTML. The names are read and sorted first; what is known about
   each is asked and written one by one. */
#include "listing.h"

#include "http_server.h"
#include "url.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LARGE = 4096, /* entries; more are sorted while others run */
    PAUSE = 256,  /* entries between two pauses for others */
};

/* One column of cards on a phone. Folders and files are told apart by their icon and the slash. */
static const char style[] =
    ":root{--ink:#1d2433;--dim:#626c80;--line:#e3e7ee;--page:#f6f7f9;--card:#fff;--link:#1257c4;--hover:#"
    "eef4ff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e3e8f2;--dim:#97a2b6;--line:#2b3240;--page:#12151b;"
    "--card:#1a1f28;--link:#8ab8ff;--hover:#222a37}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:60rem;background:var(--page);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}"
    "nav{color:var(--dim);font-size:.9rem}h1{margin:.25rem 0 "
    "1.25rem;font-size:1.35rem;overflow-wrap:anywhere}"
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}"
    "nav a[aria-current]{color:inherit}"
    "table{width:100%;border-collapse:collapse;background:var(--card);box-shadow:0 0 0 1px var(--line);"
    "border-radius:.6rem;overflow:hidden}"
    "th,td{padding:.45rem 1rem;text-align:left;border-top:1px solid var(--line);vertical-align:top}"
    "th{border:0;color:var(--dim);font-size:.8rem;font-weight:600;white-space:nowrap}"
    "td:first-child{overflow-wrap:anywhere}"
    "td+td{color:var(--dim);white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}"
    "td:nth-child(2),th:nth-child(2){text-align:right}"
    "tbody tr:hover{background:var(--hover)}"
    "td a{display:inline-block;padding-left:1.6rem;text-indent:-1.6rem}"
    "td "
    "a::before{content:'';display:inline-block;width:1rem;height:1rem;margin-right:.6rem;vertical-align:-."
    "15rem;"
    "background:var(--dim);clip-path:polygon(15% 0,60% 0,85% 25%,85% 100%,15% 100%)}"
    "td a.d::before{background:#e0a526;clip-path:polygon(0 12%,38% 12%,48% 25%,100% 25%,100% 90%,0 90%)}"
    "td a.l::before{background:var(--link);clip-path:polygon(0 42%,60% 42%,60% 15%,100% 55%,60% 95%,60% "
    "68%,0 68%)}"
    "@media(max-width:36rem){body{padding:1.25rem .75rem 3rem}thead{display:none}"
    "tr{display:grid;grid-template-columns:1fr auto;border-top:1px solid var(--line);padding:.5rem .75rem}"
    "td{border:0;padding:0}td:first-child{grid-column:1/3}td+td{width:auto;font-size:.8rem}"
    "td:nth-child(2){grid-column:2;grid-row:2}td:nth-child(3){grid-column:1;padding-left:1.6rem}}";

/* Names one behind the other, and where each begins. */
struct names {
    char *text;
    size_t used, room;
    size_t *offset;
    size_t count, slots;
};

static int names_add(struct names *names, const char *name)
{
    size_t size = strlen(name) + 1;

    if (names->used + size > names->room) {
        size_t room = (names->room + size) * 2;
        char *text = realloc(names->text, room);

        if (text == NULL)
            return -ENOMEM;
        names->text = text;
        names->room = room;
    }
    if (names->count == names->slots) {
        size_t slots = names->slots * 2 + 64;
        size_t *offset = reallocarray(names->offset, slots, sizeof *offset);

        if (offset == NULL)
            return -ENOMEM;
        names->offset = offset;
        names->slots = slots;
    }
    memcpy(names->text + names->used, name, size);
    names->offset[names->count++] = names->used;
    names->used += size;
    return 0;
}

static void names_free(struct names *names)
{
    free(names->text);
    free(names->offset);
}

static int lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* As Python's sort by name.lower(); names that are equal then, by their bytes. */
static int compare(const void *a, const void *b, void *text)
{
    const char *x = (char *)text + *(const size_t *)a, *y = (char *)text + *(const size_t *)b;
    size_t i = 0;

    while (x[i] != '\0' && lower((unsigned char)x[i]) == lower((unsigned char)y[i]))
        i++;
    if (x[i] == '\0' && y[i] == '\0')
        return strcmp(x, y);
    return lower((unsigned char)x[i]) - lower((unsigned char)y[i]);
}

static int names_sort(void *argument)
{
    struct names *names = argument;

    if (names->count > 1)
        qsort_r(names->offset, names->count, sizeof names->offset[0], compare, names->text);
    return 0;
}

static int names_read(struct ss_server *server, DIR *directory, struct names *names)
{
    struct dirent *entry;
    int rc = 0;

    while (rc >= 0 && (errno = 0, entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = names_add(names, entry->d_name);
        if (rc == 0 && names->count % PAUSE == 0)
            rc = ss_sleep(server, 0);
    }
    if (rc < 0)
        return rc;
    if (errno != 0)
        return -errno;
    if (names->count <= LARGE || ss_offload(server, names_sort, names) == -EAGAIN)
        names_sort(names);
    return 0;
}

/* A name as it may stand in a page: valid UTF-8, control characters by their pictures, & < > escaped. */
static const char *displayed(struct ss_handler *h, const char *text)
{
    char *start = ss_alloc(h, 5 * strlen(text) + 1), *out = start;

    if (start == NULL)
        return NULL;
    while (*text != '\0') {
        size_t size = http_utf8_length(text);
        unsigned char c = (unsigned char)*text;

        if (size == 0)
            out = stpcpy(out, "\xef\xbf\xbd");
        else if (c < ' ' || c == 0x7f)
            out += sprintf(out, "\xe2\x90%c", c < ' ' ? 0x80 + c : 0xa1);
        else if (c == '&' || c == '<' || c == '>')
            out = stpcpy(out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
        else
            out = mempcpy(out, text, size);
        text += size > 0 ? size : 1;
    }
    *out = '\0';
    return start;
}

static void format_size(off_t bytes, char text[16])
{
    static const char units[] = "KMGTPE";
    double size = (double)bytes;
    int unit = -1;

    for (; size >= 1023.5 && unit < 5; unit++)
        size /= 1024;
    if (unit < 0)
        snprintf(text, 16, "%d B", (int)bytes);
    else
        snprintf(text, 16, size < 9.95 ? "%.1f %cB" : "%.0f %cB", size, units[unit]);
}

static void format_time(time_t when, char text[24])
{
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL || strftime(text, 24, "%Y-%m-%d %H:%M", &tm) == 0)
        text[0] = '\0';
}

/* One row: what the entry is, is asked of the entry itself and not of what a symbolic link points to, which
   may lie outside. */
static int write_row(struct ss_handler *h, int directory, const char *name)
{
    struct ss_mark mark = ss_mark(h);
    const char *href = http_quote(h, name), *text = displayed(h, name), *kind = "", *class = "";
    char size[16] = "", when[24] = "";
    struct stat status = {0};
    int rc = 0;

    if (href == NULL || text == NULL)
        return -ENOMEM;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        format_time(status.st_mtim.tv_sec, when);
    else if (errno == ENOENT)
        goto out;
    if (S_ISDIR(status.st_mode)) {
        kind = "/";
        class = " class=d";
    } else if (S_ISLNK(status.st_mode)) {
        kind = "@";
        class = " class=l";
    } else if (S_ISREG(status.st_mode)) {
        format_size(status.st_size, size);
    }
    rc = ss_printf(h->wfile, "<tr><td><a%s href=\"%s%s\">%s%s</a><td>%s<td>%s\n", class, href,
                   *kind == '/' ? "/" : "", text, kind, size, when);
out:
    ss_release(h, mark);
    return rc;
}

static int write_rows(struct ss_handler *h, int directory, const struct names *names)
{
    int rc = 0;

    for (size_t i = 0; i < names->count && rc >= 0; i++) {
        rc = write_row(h, directory, names->text + names->offset[i]);
        if (rc >= 0 && i % PAUSE == PAUSE - 1)
            rc = ss_sleep(h->server, 0);
    }
    return rc;
}

static int write_up(struct ss_stream *s, size_t levels)
{
    int rc = 0;

    if (levels == 0)
        return ss_printf(s, "./");
    while (levels-- > 0)
        rc = ss_printf(s, "../");
    return rc;
}

/* The way back: a link for each directory above, relative, so that it holds behind a proxy too. */
static int write_trail(struct ss_handler *h, const char *name)
{
    size_t depth = 0;

    for (const char *p = name; *p != '\0'; p++)
        depth += *p == '/';
    ss_printf(h->wfile, "<nav aria-label=\"Directories above\"><a href=\"");
    write_up(h->wfile, depth);
    ss_printf(h->wfile, "\">Home</a>");
    while (depth-- > 0) {
        size_t size = strcspn(name, "/");
        char *segment = ss_format(h, "%.*s", (int)size, name);
        const char *text = segment != NULL ? displayed(h, segment) : NULL;

        if (text == NULL)
            return -ENOMEM;
        ss_printf(h->wfile, " / <a href=\"");
        write_up(h->wfile, depth);
        ss_printf(h->wfile, "\"%s>%s</a>", depth == 0 ? " aria-current=page" : "", text);
        name += size + 1;
    }
    return ss_printf(h->wfile, "</nav>\n");
}

static int write_page(struct ss_handler *h, int directory, const char *name, const struct names *names)
{
    const char *text = displayed(h, name);
    int rc;

    if (text == NULL)
        return -ENOMEM;
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", "text/html; charset=utf-8");
    rc = http_end_headers(h);
    if (rc < 0)
        return rc;
    ss_printf(h->wfile,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
              "<meta name=\"color-scheme\" content=\"light dark\">\n"
              "<title>Directory listing for /%s</title>\n<style>%s</style>\n</head>\n<body>\n",
              text, style);
    write_trail(h, name);
    rc = ss_printf(h->wfile, "<h1>Directory listing for /%s</h1>\n<table>\n", text);
    if (rc >= 0 && names->count > 0) {
        ss_printf(h->wfile,
                  "<thead><tr><th scope=col>Name<th scope=col>Size<th scope=col>Modified (UTC)\n<tbody>\n");
        rc = write_rows(h, directory, names);
    } else if (rc >= 0) {
        rc = ss_printf(h->wfile, "<tr><td>This directory is empty.\n");
    }
    return rc < 0 ? rc : ss_printf(h->wfile, "</table>\n</body>\n</html>\n");
}

int http_list_directory(struct ss_handler *h, int fd, const char *name)
{
    /* a descriptor of its own: fdopendir keeps it, and reading moves its position */
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = own >= 0 ? fdopendir(own) : NULL;
    struct names names = {0};
    int rc;

    if (directory == NULL) {
        rc = -errno;
        if (own >= 0)
            close(own);
        return rc;
    }
    rc = names_read(h->server, directory, &names);
    if (rc >= 0)
        rc = write_page(h, own, name, &names);
    names_free(&names);
    closedir(directory);
    return rc;
}
