/* SPDX-License-Identifier: MIT */
/* A listing for programs:

     {"path": "/music/", "entries": [
     {"name": "song.mp3", "href": "song.mp3", "type": "file", "size": 4096, "modified":
   "2024-02-29T12:00:00Z"},
     {"name": "old", "href": "old/", "type": "directory", "size": null, "modified": "2024-02-29T12:00:00Z"}
     ]}

   href, a relative URL, stands for the name exactly, whatever its bytes; name is for showing: what is not
   UTF-8 has become U+FFFD. type is file, directory, link or other; size (bytes) is null for all but files,
   modified for what cannot be asked. A line each, so that one can read it while it comes. */
#include "files/listing.h"
#include "http_server.h"
#include "text/date.h"
#include "text/escape.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *http_json_text(struct ss_handler *h, const char *text)
{
    size_t room = HTTP_ESCAPED_GROWTH * strlen(text) + HTTP_ESCAPED_MORE;
    char *out = ss_alloc(h, room + 1);
    if (out)
        *http_escaped(out, room, text, HTTP_AS_JSON) = 0;
    return out;
}

static int begin(struct ss_handler *h, const char *name)
{
    const char *path = http_json_text(h, name);
    return path ? ss_printf(h->wfile, "{\"path\": \"/%s\", \"entries\": [", path) : -ENOMEM;
}

static const char *type_of(const struct stat *status)
{
    if (!status)
        return "other";
    if (S_ISREG(status->st_mode))
        return "file";
    if (S_ISDIR(status->st_mode))
        return "directory";
    return S_ISLNK(status->st_mode) ? "link" : "other";
}

static int write_entry(struct ss_handler *h, const struct http_entry *entry, bool first)
{
    const struct stat *status = entry->status;
    const char *name = http_json_text(h, entry->name), *href = http_quote(h, entry->name),
               *type = type_of(status);
    char size[24] = "null", when[HTTP_RFC3339_SIZE] = "";
    if (!name || !href)
        return -ENOMEM;
    if (status && S_ISREG(status->st_mode))
        snprintf(size, sizeof size, "%jd", (intmax_t)status->st_size);
    if (status)
        http_format_rfc3339(status->st_mtim.tv_sec, when);
    ss_printf(h->wfile, "%s\n{\"name\": \"%s\", \"href\": \"%s%s\", \"type\": \"%s\", \"size\": %s, ",
              first ? "" : ",", name, href, strcmp(type, "directory") == 0 ? "/" : "", type, size);
    return *when ? ss_printf(h->wfile, "\"modified\": \"%s\"}", when)
                 : ss_printf(h->wfile, "\"modified\": null}");
}

static int end(struct ss_handler *h, bool empty)
{
    return ss_printf(h->wfile, "%s]}\n", empty ? "" : "\n");
}

const struct http_listing http_listing_json = {
    .type = "application/json",
    .begin = begin,
    .write_entry = write_entry,
    .end = end,
};
