/* SPDX-License-Identifier: MIT */
#include "smtp_sink/smtp.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char syntax[] = ""; /* the reply depends on the command */

static const struct {
    const char *name;
    enum verb verb;
} verbs[] = {
    {"EHLO", EHLO},       {"HELO", HELO},    {"MAIL", MAIL},        {"RCPT", RCPT},    {"DATA", DATA},
    {"RSET", RSET},       {"NOOP", NOOP},    {"VRFY", VRFY},        {"HELP", HELP},    {"QUIT", QUIT},
    {"EXPN", MISSING},    {"AUTH", MISSING}, {"STARTTLS", MISSING}, {"BDAT", MISSING}, {"TURN", MISSING},
    {"ETRN", MISSING},    {"SEND", MISSING}, {"SOML", MISSING},     {"SAML", MISSING}, {"LHLO", MISSING},
    {"GET", FOREIGN},     {"POST", FOREIGN}, {"PUT", FOREIGN},      {"HEAD", FOREIGN}, {"CONNECT", FOREIGN},
    {"OPTIONS", FOREIGN}, {"PRI", FOREIGN},  {"Host:", FOREIGN},
};

/* ---------------------------------------------------------------- characters */

/* Bytes of the character beyond ASCII that begins here; 0: there is none, or it is no UTF-8. */
static size_t utf8(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    unsigned least = *c == 0xe0   ? 0xa0
                     : *c == 0xf0 ? 0x90
                                  : 0x80,
             most = *c == 0xed   ? 0x9f
                    : *c == 0xf4 ? 0x8f
                                 : 0xbf;
    size_t size = *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < size; i++, least = 0x80, most = 0xbf)
        if (c[i] < least || c[i] > most)
            return 0;
    return size;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Skips characters of names: letters, digits, those in `more`, and what is beyond ASCII. */
static const char *skip_name(const char *at, const char *more)
{
    size_t size;
    while (*at && (is_alphanumeric(*at) || strchr(more, *at) || utf8(at))) {
        size = utf8(at);
        at += size ? size : 1;
    }
    return at;
}

static bool has_control(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            return true;
    return false;
}

/* ---------------------------------------------------------------- paths */

/* These return what stands behind, or NULL when there is none of it here. */

static const char *skip_domain(const char *at)
{
    const char *end = *at == '[' ? skip_name(at + 1, ".:-") : skip_name(at, ".-");
    if (*at == '[')
        return end > at + 1 && *end == ']' ? end + 1 : NULL;
    return end > at && *at != '.' && *at != '-' ? end : NULL;
}

static const char *skip_quoted(const char *at)
{
    for (at++; *at && *at != '"'; at += utf8(at) ? utf8(at) : 1) {
        if (*at == '\\' && at[1])
            at++;
        if ((unsigned char)*at >= 128 && !utf8(at))
            return NULL;
    }
    return *at ? at + 1 : NULL;
}

static const char *skip_local_part(const char *at)
{
    if (*at == '"')
        return skip_quoted(at);
    const char *end = skip_name(at, ".!#$%&'*+-/=?^_`{|}~");
    return end > at ? end : NULL;
}

/* "@one,@two:", which says by which way a message is to come, is to be ignored (RFC 5321 C). */
static const char *skip_route(const char *at)
{
    if (*at != '@')
        return at;
    do
        at = *at == '@' ? skip_domain(at + 1) : NULL;
    while (at && *at == ',' && at++);
    return at && *at == ':' ? at + 1 : NULL;
}

static const char *skip_mailbox(const char *at)
{
    const char *end = skip_local_part(at);
    if (end && *end == '@')
        return skip_domain(end + 1);
    return end && end - at == 10 && !strncasecmp(at, "postmaster", 10) ? end : NULL;
}

/* "<local@domain>"; with `empty` also "<>", who wants no answer. */
static const char *read_path(const char *at, bool empty, struct command *command)
{
    if (*at != '<')
        return NULL;
    const char *begin = skip_route(at + 1), *end = begin;
    if (!begin)
        return NULL;
    if (*begin != '>' || !empty || begin != at + 1)
        end = skip_mailbox(begin);
    if (!end || *end != '>' || end - begin > PATH - 2)
        return NULL;
    memcpy(command->path, begin, (size_t)(end - begin));
    command->path[end - begin] = '\0';
    for (const char *c = command->path; *c; c++)
        command->needs_utf8 |= (unsigned char)*c >= 128;
    return end + 1;
}

/* ---------------------------------------------------------------- parameters */

static bool is_word(const char *text, size_t size, const char *word)
{
    return size == strlen(word) && !strncasecmp(text, word, size);
}

static const char *read_size(const char *text, size_t size, struct command *command)
{
    if (size < 1 || size > 19 || strspn(text, "0123456789") < size)
        return "501 5.5.4 SIZE is a number of bytes";
    command->size = strtoull(text, NULL, 10);
    return NULL;
}

/* " SIZE=1000 BODY=8BITMIME SMTPUTF8". Returns what is wrong, or NULL. */
static const char *read_parameters(const char *at, struct command *command)
{
    const char *wrong = NULL;
    while (!wrong && *at == ' ') {
        at += strspn(at, " ");
        size_t size = strcspn(at, " "), name = strcspn(at, "= ");
        const char *value = at + name + 1;
        if (size == 0)
            break;
        if (is_word(at, name, "SIZE") && name < size)
            wrong = read_size(value, size - name - 1, command);
        else if (is_word(at, size, "BODY=8BITMIME") || is_word(at, size, "BODY=7BIT"))
            command->is_8bit = value[0] == '8';
        else if (is_word(at, size, "SMTPUTF8"))
            command->utf8 = true;
        else
            wrong = "555 5.5.4 There are SIZE=, BODY= and SMTPUTF8";
        at += size;
    }
    return wrong ? wrong : *at ? syntax : NULL;
}

/* ---------------------------------------------------------------- commands */

static const char *read_mail(const char *at, struct command *command)
{
    static const char wrong[] = "501 5.5.4 Write MAIL FROM:<local@domain>";
    if (strncasecmp(at, "FROM:", 5) != 0)
        return wrong;
    at += 5 + strspn(at + 5, " ");
    at = read_path(at, true, command);
    const char *parameters = at ? read_parameters(at, command) : wrong;
    return parameters == syntax ? wrong : parameters;
}

static const char *read_rcpt(const char *at, struct command *command)
{
    static const char wrong[] = "501 5.5.4 Write RCPT TO:<local@domain>";
    if (strncasecmp(at, "TO:", 3) != 0)
        return wrong;
    at += 3 + strspn(at + 3, " ");
    at = read_path(at, false, command);
    if (at && at[strspn(at, " ")])
        return *at == ' ' ? "555 5.5.4 RCPT has no parameters here" : wrong;
    return at ? NULL : wrong;
}

/* The name that a client gives itself goes into a header, and need not be true. */
static const char *read_name(const char *at, struct command *command)
{
    size_t size = strcspn(at, " ");
    const char *end = skip_name(at, ".-_:[]");
    if (size == 0 || size > NAME || end < at + size || at[size + strspn(at + size, " ")])
        return "501 5.5.4 Write EHLO and your name";
    memcpy(command->name, at, size);
    command->name[size] = '\0';
    return NULL;
}

static const char *read_argument(const char *at, struct command *command)
{
    switch (command->verb) {
    case EHLO:
    case HELO:
        return read_name(at, command);
    case MAIL:
        return read_mail(at, command);
    case RCPT:
        return read_rcpt(at, command);
    case VRFY:
        return *at ? NULL : "501 5.5.4 Write VRFY and whom";
    case DATA:
    case RSET:
    case QUIT:
        return *at ? "501 5.5.4 Nothing may stand behind this command" : NULL;
    default:
        return NULL;
    }
}

void command_read(const char *line, size_t size, struct command *command)
{
    char text[COMMAND + 1];
    memset(command, 0, sizeof *command);
    if (size > COMMAND - 2) {
        command->wrong = "500 5.5.2 The line is too long";
        return;
    }
    memcpy(text, line, size);
    text[size] = '\0';
    size_t word = strcspn(text, " ");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (is_word(text, word, verbs[i].name))
            command->verb = verbs[i].verb;
    if (has_control(line, size))
        command->wrong = "500 5.5.2 There is a control character in the line";
    else
        command->wrong = read_argument(text + word + strspn(text + word, " "), command);
}

/* ---------------------------------------------------------------- data */

/* What one byte does; returns whether it is a byte of the text. */
static bool step(struct data *data, char c)
{
    switch (data->state) {
    case AT_START:
        data->line = 0;
        data->state = c == '\r' ? AFTER_CR : c == '.' ? AFTER_DOT : c == '\n' ? BROKEN : IN_LINE;
        break;
    case IN_LINE:
        data->state = c == '\r' ? AFTER_CR : c == '\n' ? BROKEN : IN_LINE;
        break;
    case AFTER_CR:
        data->state = c == '\n' ? AT_START : BROKEN;
        break;
    case AFTER_DOT:
        data->state = c == '\r' ? AFTER_DOT_CR : c == '\n' ? BROKEN : IN_LINE;
        break;
    case AFTER_DOT_CR:
        data->state = c == '\n' ? AT_END : BROKEN;
        break;
    default:
        return false;
    }
    return data->state == IN_LINE || data->state == AT_START;
}

size_t data_read(struct data *data, const char *bytes, size_t size, char *text, size_t *used)
{
    size_t at = 0;
    *used = 0;
    for (; at < size && data->state != AT_END && data->state != BROKEN; at++) {
        if (step(data, bytes[at]))
            text[(*used)++] = bytes[at];
        if (data->state != AFTER_DOT && ++data->line > TEXT_LINE)
            data->long_line = true;
    }
    return at;
}
