/* SPDX-License-Identifier: MIT */
/* A listing for people: one page, without scripts but page_script, light or dark, for screens of any width.
 */
#include "files/listing.h"
#include "http_server.h"
#include "text/date.h"
#include "text/url.h"
#include "text/utf8.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Should a name get past its escapes, it still starts nothing. */
static const char policy[] = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; "
                             "form-action 'self'; base-uri 'none'";
/* For page_script, and what that fetches. */
static const char policy_of_scripts[] = "; script-src 'self'; connect-src 'self'";

/* On a phone, name above date and size. Folders and files are told apart by their icon and the slash. */
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2433;--dim:#5f697d;--line:#e6e9ef;--page:#f6f7f9;--card:#fff;"
    "--link:#1257c4;--hover:#f3f7ff;--folder:#d99a1c;--file:#98a2b3}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e3e8f2;--dim:#97a2b6;--line:#272e3b;--page:#12151b;"
    "--card:#1a1f28;--link:#8ab8ff;--hover:#212936;--folder:#d3a244;--file:#6d788c}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:2.25rem 1.25rem 4rem;max-width:60rem;background:var(--page);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}"
    "nav{color:var(--dim);font-size:.9rem;overflow-wrap:anywhere}"
    "h1{margin:.25rem 0 1.25rem;font-size:1.3rem;line-height:1.3;overflow-wrap:anywhere}"
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}"
    "a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:.15rem}"
    "nav a[aria-current]{color:inherit}"
    "table{width:100%;border-collapse:collapse;background:var(--card);box-shadow:0 0 0 1px var(--line);"
    "border-radius:.6rem;overflow:hidden}"
    "th,td{padding:.45rem 1rem;text-align:left;border-top:1px solid var(--line);vertical-align:top}"
    "th{border:0;color:var(--dim);font-size:.8rem;font-weight:600;white-space:nowrap}"
    "td:first-child{overflow-wrap:anywhere;white-space:pre-wrap}"
    "td+td{color:var(--dim);white-space:nowrap;font-size:.9rem;line-height:1.5rem;font-variant-numeric:"
    "tabular-nums;width:1%}"
    "td:nth-child(2),th:nth-child(2){text-align:right}"
    "tbody tr:hover{background:var(--hover)}"
    "form{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;margin:0 0 1.25rem;font-size:.9rem}"
    "form *{font:inherit;color:inherit;max-width:100%}"
    "button,::file-selector-button{font:inherit;color:inherit;background:var(--card);padding:.35rem .9rem;"
    "border:1px solid var(--dim);border-radius:.4rem;cursor:pointer}"
    "button:hover,::file-selector-button:hover{background:var(--hover)}"
    ".none{padding:1.5rem 1rem;color:var(--dim)}"
    "i{font-style:normal;font-size:.8em;color:var(--dim);border:1px solid;border-radius:.2em;padding:0 .2em;"
    "margin:0 .1em}"
    "td a{display:inline-block;padding-left:1.6rem;text-indent:-1.6rem}td a i{text-indent:0}"
    "td a::before{content:'';display:inline-block;width:1rem;height:1rem;margin-right:.6rem;"
    "vertical-align:-.15rem;background:var(--file);"
    "clip-path:polygon(15% 0,60% 0,85% 25%,85% 100%,15% 100%)}"
    "td a.d::before{background:var(--folder);clip-path:polygon(0 12%,38% 12%,48% 25%,100% 25%,100% 90%,0 "
    "90%)}"
    "td a.l::before{background:var(--link);clip-path:polygon(0 42%,60% 42%,60% 15%,100% 55%,60% 95%,60% 68%,"
    "0 68%)}"
    "td a.u::before{background:var(--dim);clip-path:polygon(50% 12%,95% 55%,62% 55%,62% 92%,38% 92%,38% 55%,"
    "5% 55%)}"
    "@media(max-width:36rem){body{padding:1.25rem .75rem 3rem}thead{display:none}"
    "tr{display:grid;grid-template-columns:1fr auto;border-top:1px solid var(--line);padding:.5rem .75rem}"
    "tr:first-child{border:0}td{border:0;padding:0}td:first-child{grid-column:1/3}"
    "td+td{width:auto;font-size:.8rem}.none{padding:1rem 0}"
    "td:nth-child(2){grid-column:2;grid-row:2}td:nth-child(3){grid-column:1;grid-row:2;padding-left:1.6rem}}";

/* The character at `text`, of *size bytes; 0: a byte that is no part of UTF-8. */
static uint32_t character_at(const char *text, size_t *size)
{
    size_t bytes = http_utf8_size(text);
    *size = bytes > 0 ? bytes : 1;
    return bytes > 0 ? http_utf8_decode(text, bytes) : 0;
}

/* A name as it may stand in a page, all of it to be seen: escaped, with U+FFFD for what is not UTF-8, and the
   bytes of characters that cannot be seen in hexadecimal. A title has no marks for those, so there they are
   U+FFFD too. NULL if out of memory. */
static const char *displayed(struct ss_handler *h, const char *text, bool marks)
{
    char *start = ss_alloc(h, 11 * strlen(text) + 1), *out = start;
    if (!start)
        return NULL;
    for (size_t size; *text; text += size) {
        uint32_t c = character_at(text, &size);
        bool odd = c < ' ' || c == 0x7f || http_is_misleading(c);
        if (c == 0 || (odd && !marks))
            out = stpcpy(out, "\xef\xbf\xbd");
        else if (odd)
            for (size_t i = 0; i < size; i++)
                out += sprintf(out, "<i>%02X</i>", (unsigned char)text[i]);
        else
            out = size == 1 ? http_append_html(out, *text) : mempcpy(out, text, size);
    }
    *out = 0;
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

/* ---------------------------------------------------------------- above the entries */

static int send_headers(struct ss_handler *h)
{
    return http_send_headerf(h, "Content-Security-Policy", "%s%s", policy,
                             *http_simple_class_of(h)->page_script ? policy_of_scripts : "");
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
    for (const char *p = name; *p; p++)
        depth += *p == '/';
    ss_printf(h->wfile, "<nav aria-label=\"Directories above\"><a href=\"");
    write_up(h->wfile, depth);
    ss_printf(h->wfile, "\"%s>Home</a>", depth == 0 ? " aria-current=page" : "");
    while (depth-- > 0) {
        size_t size = strcspn(name, "/");
        char *segment = ss_format(h, "%.*s", (int)size, name);
        const char *text = segment ? displayed(h, segment, true) : NULL;
        if (!text)
            return -ENOMEM;
        ss_printf(h->wfile, " / <a href=\"");
        write_up(h->wfile, depth);
        ss_printf(h->wfile, "\"%s>%s</a>", depth == 0 ? " aria-current=page" : "", text);
        name += size + 1;
    }
    return ss_printf(h->wfile, "</nav>\n");
}

/* What stands between the heading and the table: what can be done with this directory. */
static int write_table_head(struct ss_handler *h, const char *name)
{
    int (*extra)(struct ss_handler *) = http_simple_class_of(h)->listing_extra;
    int rc = extra ? extra(h) : 0;
    if (rc < 0)
        return rc;
    ss_printf(h->wfile, "<table>\n<thead><tr><th scope=col>Name<th scope=col>Size<th scope=col>"
                        "Modified (UTC)\n<tbody>\n");
    if (!*name)
        return 0;
    return ss_printf(h->wfile, "<tr><td><a class=u href=\"../\">Parent directory</a><td><td>\n");
}

static int begin(struct ss_handler *h, const char *name)
{
    const char *title = displayed(h, name, false), *heading = displayed(h, name, true);
    if (!title || !heading)
        return -ENOMEM;
    ss_printf(h->wfile,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
              "<title>Directory listing for /%s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n",
              title, style);
    int rc = write_trail(h, name);
    if (rc < 0)
        return rc;
    ss_printf(h->wfile, "<h1>Directory listing for /%s</h1>\n", heading);
    return write_table_head(h, name);
}

/* ---------------------------------------------------------------- entries */

static int write_row(struct ss_handler *h, const char *name, const char *class, const char *mark)
{
    const char *href = http_quote(h, name), *text = displayed(h, name, true);
    if (!href || !text)
        return -ENOMEM;
    return ss_printf(h->wfile, "<tr><td><a%s href=\"%s%s\">%s%s</a>", class, href, *mark == '/' ? "/" : "",
                     text, mark);
}

/* http_quote leaves no colon, so that no name is taken for a scheme. */
static int write_entry(struct ss_handler *h, const struct http_entry *entry, bool first)
{
    const struct stat *status = entry->status;
    mode_t mode = status ? status->st_mode : 0;
    bool directory = S_ISDIR(mode), link = S_ISLNK(mode);
    char size[16] = "", when[HTTP_RFC3339_SIZE] = "";
    int rc = write_row(h, entry->name,
                       directory ? " class=d"
                       : link    ? " class=l"
                                 : "",
                       directory ? "/"
                       : link    ? "@"
                                 : "");
    (void)first;
    if (rc < 0)
        return rc;
    if (S_ISREG(mode)) {
        format_size(status->st_size, size);
        ss_printf(h->wfile, "<td title=\"%jd bytes\">%s", (intmax_t)status->st_size, size);
    } else {
        ss_printf(h->wfile, "<td>");
    }
    if (status)
        http_format_rfc3339(status->st_mtim.tv_sec, when);
    if (!*when)
        return ss_printf(h->wfile, "<td>\n");
    return ss_printf(h->wfile, "<td><time datetime=\"%s\">%.10s %.5s</time>\n", when, when, when + 11);
}

static int end(struct ss_handler *h, bool empty)
{
    const char *script = http_simple_class_of(h)->page_script;
    if (empty)
        ss_printf(h->wfile, "<tr><td class=none colspan=3>This directory is empty.\n");
    ss_printf(h->wfile, "</table>\n");
    if (*script)
        ss_printf(h->wfile, "<script src=\"%s\" data-listing></script>\n", script);
    return ss_printf(h->wfile, "</main>\n</body>\n</html>\n");
}

const struct http_listing http_listing_html = {
    .type = "text/html; charset=utf-8",
    .send_headers = send_headers,
    .begin = begin,
    .write_entry = write_entry,
    .end = end,
};
