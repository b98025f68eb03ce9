/* The options that go with --upload. */
#include "httpserver/options.h"
#include "text/number.h"
#include <getopt.h>
#include <string.h>

static int parse_duplicate(const char *name, struct options *options)
{
    static const char *const names[] = {[HTTP_DUPLICATE_ERROR] = "error",
                                        [HTTP_DUPLICATE_OVERWRITE] = "overwrite",
                                        [HTTP_DUPLICATE_RENAME] = "rename"};
    for (unsigned i = HTTP_DUPLICATE_ERROR; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        options->on_duplicate = (enum http_on_duplicate)i;
        return -1;
    }
    return complain("--on-duplicate is error, overwrite or rename, not ", name);
}

/* "20M": bytes, with K, M or G behind them 1024, its square or its cube of them. False for what is none. */
static bool parse_size(const char *text, int64_t *value)
{
    static const char units[] = "KMG";
    int64_t size;
    if (!http_read_number(&text, &size))
        return false;
    char letter = (char)(*text & ~0x20);
    const char *unit = letter ? strchr(units, letter) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (text[unit != NULL] || size > (INT64_MAX - 1) >> shift)
        return false;
    *value = size << shift;
    return true;
}

static int parse_free(struct options *options)
{
    if (!parse_size(optarg, &options->min_free))
        return complain("--min-free is a number of bytes, or of K, M or G, not ", optarg);
    if (options->min_free == 0)
        options->min_free = -1; /* none, which is not the default */
    return -1;
}

int options_upload(int option, struct options *options)
{
    static const char *const names[] = {"upload",        "on-duplicate", "max-upload",   "max-uploads",
                                        "max-receiving", "min-free",     "upload-index", "upload-siblings"};
    if (option != OPTION_UPLOAD)
        options->upload_option = names[option - OPTION_UPLOAD];
    switch (option) {
    case OPTION_ON_DUPLICATE:
        return parse_duplicate(optarg, options);
    case OPTION_MAX_UPLOAD:
        if (!parse_size(optarg, &options->max_upload) || options->max_upload == 0)
            return complain("--max-upload is a number of bytes, or of K, M or G, not ", optarg);
        return -1;
    case OPTION_MAX_UPLOADS:
        if (!number(optarg, MAX_UPLOADS, &options->max_uploads) || options->max_uploads == 0)
            return complain("--max-uploads is a number from 1 to 4096, not ", optarg);
        return -1;
    case OPTION_MAX_RECEIVING:
        if (!parse_size(optarg, &options->max_receiving) || options->max_receiving == 0)
            return complain("--max-receiving is a number of bytes, or of K, M or G, not ", optarg);
        return -1;
    case OPTION_MIN_FREE:
        return parse_free(options);
    case OPTION_UPLOAD_INDEX:
        options->reserved = HTTP_RESERVED_STORED;
        return -1;
    case OPTION_UPLOAD_SIBLINGS:
        options->siblings = HTTP_SIBLINGS_SENT;
        return -1;
    default:
        options->upload = true;
        return -1;
    }
}
