/* SPDX-License-Identifier: MIT */
/* Reading a question. Names in it are never followed to where they point: a question's own name cannot point
   anywhere, and of the other ones only the end matters. So no message makes this take long. */
#include "dns/message.h"
#include <string.h>

enum { QR = 0x8000, OPCODE = 0x7800, FIXED = 10 /* bytes of a record behind its name */, OPTION_COOKIE = 10 };

/* The place behind the name at `at`; 0: there is none. */
static size_t skip_name(const uint8_t *message, size_t size, size_t at)
{
    while (at < size && message[at] != 0) {
        if (message[at] >= 0xc0)
            return at + 2 <= size ? at + 2 : 0;
        if (message[at] > LONGEST_LABEL)
            return 0;
        at += message[at] + 1u;
    }
    return at < size ? at + 1 : 0;
}

/* Takes the name in lower case, and notes where its labels begin. */
static bool take_name(const uint8_t *message, size_t size, struct question *q)
{
    const uint8_t *from = message + HEADER;
    size_t left = size - HEADER, at = 0;
    q->labels = 0;
    for (;;) {
        if (at >= left || at >= LONGEST_NAME || from[at] > LONGEST_LABEL || at + from[at] >= left ||
            at + from[at] >= LONGEST_NAME)
            return false;
        unsigned length = from[at];
        q->offsets[q->labels] = (uint8_t)at;
        q->name[at] = (uint8_t)length;
        for (unsigned i = 1; i <= length; i++)
            q->name[at + i] = lower(from[at + i]);
        at += length + 1;
        if (length == 0)
            break;
        q->labels++;
    }
    q->name_size = (uint8_t)at;
    return left - at >= 4;
}

static bool take_options(const uint8_t *at, size_t size, struct question *q)
{
    while (size > 0) {
        if (size < 4 || get16(at + 2) > size - 4)
            return false;
        size_t length = get16(at + 2);
        if (get16(at) == OPTION_COOKIE && !q->cookie_size) {
            if (length != COOKIE && (length < COOKIE + 8 || length > LONGEST_COOKIE))
                return false;
            q->cookie = at + 4;
            q->cookie_size = length;
        }
        at += 4 + length;
        size -= 4 + length;
    }
    return true;
}

/* The record OPT says what the client can do (RFC 6891). */
static bool take_opt(const uint8_t *fixed, bool is_root, struct question *q)
{
    if (q->has_edns || !is_root)
        return false;
    q->has_edns = true;
    q->payload = get16(fixed + 2);
    q->version = fixed[5];
    q->dnssec_ok = fixed[6] & 0x80;
    return take_options(fixed + FIXED, get16(fixed + 8), q);
}

static bool take_additional(const uint8_t *message, size_t size, size_t at, struct question *q)
{
    for (unsigned count = get16(message + 10); count > 0; count--) {
        size_t name = at;
        at = skip_name(message, size, at);
        if (at == 0 || size - at < FIXED || get16(message + at + 8) > size - at - FIXED)
            return false;
        if (get16(message + at) == TYPE_OPT && !take_opt(message + at, message[name] == 0, q))
            return false;
        at += (size_t)FIXED + get16(message + at + 8);
    }
    return at == size;
}

static enum rcode read_sections(const uint8_t *message, size_t size, struct question *q)
{
    unsigned questions = get16(message + 4);
    size_t at = HEADER;
    if (questions == 1) {
        if (!take_name(message, size, q))
            return FORMERR;
        q->type = get16(message + HEADER + q->name_size);
        q->cls = get16(message + HEADER + q->name_size + 2);
        q->size = (uint16_t)(q->name_size + 4);
        at += q->size;
    }
    if (questions > 1 || get16(message + 6) || get16(message + 8) || !take_additional(message, size, at, q))
        return FORMERR;
    if (q->version > 0)
        return BADVERS;
    return questions == 1 || q->cookie_size ? NOERROR : FORMERR; /* to ask for a cookie alone: RFC 7873 5.4 */
}

enum rcode question_read(const uint8_t *message, size_t size, struct question *q)
{
    if (size < HEADER || get16(message + 2) & QR)
        return NO_REPLY; /* two servers that answer answers would never end */
    q->id = get16(message);
    q->flags = get16(message + 2);
    q->size = q->payload = 0;
    q->labels = q->name_size = q->version = 0;
    q->has_edns = q->dnssec_ok = false;
    q->cookie_size = 0;
    enum rcode rcode = read_sections(message, size, q);
    return q->flags & OPCODE ? NOTIMP : rcode;
}
