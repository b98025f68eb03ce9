/* SPDX-License-Identifier: MIT */
/* Media types by the ending of a file's name: first those that were added, then the table of what a browser
   or its user may want to know exactly, then the system's list. */
#include "files/mimetypes.h"
#include "files/media_type.h"
#include "http_server.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define UTF8 "; charset=utf-8"

struct media_type {
    const char *ending, *type;
};

/* Sorted by ending. A compressed file is what it is compressed with, as in http.server, so that clients
   save it as it is; but for "svgz", which is sent with its Content-Encoding. XML says its own encoding and
   gets no charset. "ts" is a part of a stream of video, as players need it, not TypeScript, which no browser
   runs. */
static const struct media_type table[] = {
    {"3gp", "video/3gpp"},
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"ai", "application/postscript"},
    {"aif", "audio/x-aiff"},
    {"aiff", "audio/x-aiff"},
    {"apk", "application/vnd.android.package-archive"},
    {"apng", "image/apng"},
    {"appcache", "text/cache-manifest" UTF8},
    {"atom", "application/atom+xml"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bat", "text/plain" UTF8},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/x-brotli"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/x-c" UTF8},
    {"cc", "text/x-c++" UTF8},
    {"cfg", "text/plain" UTF8},
    {"cjs", "text/javascript" UTF8},
    {"conf", "text/plain" UTF8},
    {"cpp", "text/x-c++" UTF8},
    {"css", "text/css" UTF8},
    {"csv", "text/csv" UTF8},
    {"deb", "application/vnd.debian.binary-package"},
    {"diff", "text/x-diff" UTF8},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eml", "message/rfc822"},
    {"eot", "application/vnd.ms-fontobject"},
    {"eps", "application/postscript"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"glb", "model/gltf-binary"},
    {"gltf", "model/gltf+json"},
    {"gz", "application/gzip"},
    {"h", "text/x-c" UTF8},
    {"heic", "image/heic"},
    {"heif", "image/heif"},
    {"hpp", "text/x-c++" UTF8},
    {"htm", "text/html" UTF8},
    {"html", "text/html" UTF8},
    {"ico", "image/x-icon"},
    {"ics", "text/calendar" UTF8},
    {"ini", "text/plain" UTF8},
    {"iso", "application/x-iso9660-image"},
    {"jar", "application/java-archive"},
    {"jfif", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript" UTF8},
    {"json", "application/json" UTF8},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"log", "text/plain" UTF8},
    {"lz", "application/lzip"},
    {"m3u", "audio/x-mpegurl"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4s", "video/iso.segment"},
    {"m4v", "video/mp4"},
    {"map", "application/json" UTF8},
    {"markdown", "text/markdown" UTF8},
    {"md", "text/markdown" UTF8},
    {"mid", "audio/midi"},
    {"midi", "audio/midi"},
    {"mjs", "text/javascript" UTF8},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"patch", "text/x-diff" UTF8},
    {"pdf", "application/pdf"},
    {"php", "application/x-httpd-php"},
    {"pl", "text/plain" UTF8},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"py", "text/x-python" UTF8},
    {"rar", "application/vnd.rar"},
    {"rdf", "application/rdf+xml"},
    {"rs", "text/x-rust" UTF8},
    {"rss", "application/rss+xml"},
    {"rst", "text/x-rst" UTF8},
    {"rtf", "application/rtf"},
    {"sh", "text/x-sh" UTF8},
    {"sql", "application/sql"},
    {"srt", "application/x-subrip"},
    {"svg", "image/svg+xml"},
    {"svgz", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"text", "text/plain" UTF8},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "video/mp2t"},
    {"tsv", "text/tab-separated-values" UTF8},
    {"ttc", "font/collection"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain" UTF8},
    {"vcf", "text/vcard" UTF8},
    {"vtt", "text/vtt" UTF8},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"wmv", "video/x-ms-wmv"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xht", "application/xhtml+xml"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xsl", "application/xslt+xml"},
    {"xslt", "application/xslt+xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

/* The types that were added, the latest first. An ending is also the whole name of one file. The list only
   grows, so that no lock is needed to look something up. */
struct added_type {
    struct added_type *next;
    char ending[HTTP_ENDING_SIZE];
    char type[];
};

static _Atomic(struct added_type *) added;

/* ---------------------------------------------------------------- looking up and adding */

static const char *find_added(const char *ending)
{
    const struct added_type *type = atomic_load_explicit(&added, memory_order_acquire);
    while (type && http_compare_endings(ending, type->ending) != 0)
        type = type->next;
    return type ? type->type : NULL;
}

static int compare(const void *ending, const void *element)
{
    return http_compare_endings(ending, ((const struct media_type *)element)->ending);
}

static const char *find_built_in(const char *ending)
{
    const struct media_type *found =
        bsearch(ending, table, sizeof table / sizeof *table, sizeof *table, compare);
    return found ? found->type : NULL;
}

static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The type that was added for a whole name, with or without a dot in front. */
static const char *find_whole(const char *path)
{
    const char *name = name_in(path);
    return find_added(name + (*name == '.'));
}

/* The longest ending counts: "tar.gz" before "gz". Dots in front of a name begin none, as with
   os.path.splitext. */
static const char *find_by_ending(const char *path, const char *(*look_up)(const char *))
{
    const char *at = name_in(path), *type = NULL;
    at += strspn(at, ".");
    while (!type && (at = strchr(at, '.')))
        type = look_up(++at);
    return type;
}

const char *http_guess_type(const char *name)
{
    const char *type = find_whole(name);
    if (!type)
        type = find_by_ending(name, find_added);
    if (!type)
        type = find_by_ending(name, find_built_in);
    if (!type)
        type = find_by_ending(name, http_mime_file_find);
    return type ? type : "application/octet-stream";
}

int http_add_type(const char *type, const char *ext)
{
    char ending[HTTP_ENDING_SIZE];
    if (!http_is_media_type(type) || !http_copy_ending(ext, strlen(ext), ending))
        return -EINVAL;
    struct added_type *item = malloc(sizeof *item + strlen(type) + 1);
    if (!item)
        return -ENOMEM;
    strcpy(item->ending, ending);
    strcpy(item->type, type);
    item->next = atomic_load_explicit(&added, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&added, &item->next, item))
        ;
    return 0;
}
