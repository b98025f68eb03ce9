/* SPDX-License-Identifier: MIT */
#include "syslog/message.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a stranger sends must not steer this terminal. */
static void make_harmless(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = ' ';
}

int message_read(char *message, const char **text)
{
    char *end = message;
    bool is_one = message[0] == '<' && message[1] >= '0' && message[1] <= '9';
    long code = is_one ? strtol(message + 1, &end, 10) : -1;
    if (code < 0 || code >= FACILITIES * SEVERITIES || *end != '>' || end > message + 4)
        return -1;
    make_harmless(end + 1);
    *text = end + 1;
    return (int)code;
}

/* Returns the number of bytes, 0 at the end, or -errno. */
static ssize_t read_counted(struct ss_stream *s, char *message)
{
    char digit;
    size_t size = 0;
    ssize_t n;
    while ((n = ss_read(s, &digit, 1)) == 1 && digit >= '0' && digit <= '9' && size <= LONGEST)
        size = size * 10 + (size_t)(digit - '0');
    if (n != 1 || digit != ' ' || size == 0 || size > LONGEST)
        return n < 0 ? n : -EBADMSG;
    return ss_readexactly(s, message, size);
}

int message_next(struct ss_stream *s, char *message)
{
    const char *first;
    ssize_t n = ss_peek(s, &first, 1);
    if (n > 0 && *first >= '0' && *first <= '9')
        n = read_counted(s, message);
    else if (n > 0)
        n = ss_readline(s, message, LONGEST + 2);
    if (n <= 0 || n > LONGEST)
        return n > 0 ? -EMSGSIZE : (int)n;
    message[n] = '\0';
    message[strcspn(message, "\r\n")] = '\0';
    return 1;
}
