/* SPDX-License-Identifier: MIT */
/* What the arguments of options are: numbers, sizes, words. */
#include "httpserver/options.h"
#include "text/number.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int complain(const char *text, const char *what)
{
    fprintf(stderr, "httpserver: %s%s; httpserver --help shows what there is\n", text, what);
    return 2;
}

static int64_t *value_of(const struct setting *setting, struct options *options)
{
    return (int64_t *)(void *)((char *)options + setting->offset);
}

int take_text(const struct setting *setting, const char *text, struct options *options)
{
    *(const char **)(void *)((char *)options + setting->offset) = text;
    return -1;
}

int take_flag(const struct setting *setting, const char *text, struct options *options)
{
    (void)text;
    *value_of(setting, options) = setting->most;
    return -1;
}

bool read_number(const char *text, int64_t limit, int64_t *value)
{
    int64_t n;
    if (!http_read_number(&text, &n) || *text || n > limit)
        return false;
    *value = n;
    return true;
}

int take_number(const struct setting *setting, const char *text, struct options *options)
{
    char message[120];
    int64_t n;
    if (!read_number(text, setting->most, &n) || n < setting->least) {
        snprintf(message, sizeof message, "--%s %s is a number from %" PRId64 " to %" PRId64 ", not ",
                 setting->name, setting->argument, setting->least, setting->most);
        return complain(message, text);
    }
    *value_of(setting, options) = n;
    return -1;
}

static bool parse_bytes(const char *text, int64_t *value)
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

int take_size(const struct setting *setting, const char *text, struct options *options)
{
    char message[100];
    int64_t size;
    if (!parse_bytes(text, &size) || size < setting->least) {
        snprintf(message, sizeof message, "--%s is a number of bytes, or of K, M or G, not ", setting->name);
        return complain(message, text);
    }
    *value_of(setting, options) = size;
    return -1;
}

/* "--name is this, that or other, not ". */
static void list_words(const struct setting *setting, char *message, size_t size)
{
    int at = snprintf(message, size, "--%s is ", setting->name);
    for (const struct word *w = setting->words; w->word; w++)
        at += snprintf(message + at, size - (size_t)at, "%s%s", w->word,
                       !w[1].word  ? ", not "
                       : w[2].word ? ", "
                                   : " or ");
}

int take_word(const struct setting *setting, const char *text, struct options *options)
{
    char message[200];
    for (const struct word *w = setting->words; w->word; w++) {
        if (strcmp(text, w->word) == 0) {
            *value_of(setting, options) = w->value;
            return -1;
        }
    }
    list_words(setting, message, sizeof message);
    return complain(message, text);
}
