/* Log lines as Python's http.server writes them: client - - [date] text. */
#include "http_internal.h"
#include <stdio.h>
#include <unistd.h>

/* The local time; this thread's, made once a second. */
static const char *log_time(void)
{
    static _Thread_local char text[32];
    static _Thread_local time_t when;
    time_t now = time(NULL);
    if (now != when) {
        static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct tm tm = {0};
        localtime_r(&now, &tm);
        snprintf(text, sizeof text, "%02d/%s/%04d %02d:%02d:%02d", tm.tm_mday, months[tm.tm_mon % 12],
                 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        when = now;
    }
    return text;
}

/* The client's address without its port; "-" for a Unix socket without a name. */
static void client_text(const struct ss_handler *h, char text[SS_ADDRESS_TEXT])
{
    if (ss_address_format(&h->client_address, text, SS_ADDRESS_TEXT) <= 0) {
        strcpy(text, "-");
        return;
    }
    if (ss_address_port(&h->client_address) > 0)
        *strrchr(text, ':') = 0;
    if (text[0] == '[') {
        text[strcspn(text, "]")] = 0;
        memmove(text, text + 1, strlen(text));
    }
}

/* What would let a client forge lines, or speak to the terminal, becomes \xNN. */
static char *escape(char *to, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            to += sprintf(to, "\\x%02x", c);
        else if (c == '\\')
            to = stpcpy(to, "\\\\");
        else
            *to++ = (char)c;
    }
    return to;
}

void http_default_log_message(struct ss_handler *h, const char *text)
{
    char client[SS_ADDRESS_TEXT];
    client_text(h, client);
    struct ss_mark mark = ss_mark(h);
    char *line = ss_alloc(h, SS_ADDRESS_TEXT + 64 + 4 * strlen(text));
    if (!line)
        return;
    char *at = stpcpy(stpcpy(stpcpy(stpcpy(line, client), " - - ["), log_time()), "] ");
    at = escape(at, text);
    *at++ = '\n';
    /* in one call, so that lines of several processes do not mix */
    (void)!write(STDERR_FILENO, line, (size_t)(at - line));
    ss_release(h, mark);
}

void http_default_log_request(struct ss_handler *h, int status, int64_t size)
{
    const char *line = http_request(h)->requestline;
    size_t line_size = strlen(line);
    struct ss_mark mark = ss_mark(h);
    char *text = ss_alloc(h, line_size + sizeof "\"\" -2147483648 -9223372036854775808");
    if (text) {
        char *at = text;
        *at++ = '"';
        memcpy(at, line, line_size);
        at = http_append_number(stpcpy(at + line_size, "\" "), status);
        *at++ = ' ';
        if (size < 0)
            *at++ = '-';
        else
            at = http_append_number(at, size);
        *at = 0;
        http_class_of(h)->log_message(h, text);
    }
    ss_release(h, mark);
}

void http_default_log_error(struct ss_handler *h, const char *text)
{
    http_class_of(h)->log_message(h, text);
}
