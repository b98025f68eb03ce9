/* SPDX-License-Identifier: MIT */
#include "websocket/extension.h"
#include "compress/deflate.h"
#include "text/chars.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_VALUE = 7, LEAST_BITS = 8, ASKED = -1 };

/* A parameter of an extension. */
struct parameter {
    const char *name;
    size_t name_size;
    bool has_value;
    char value[MAX_VALUE + 1]; /* without quotes; "" for one that is longer than any that we know */
};

/* What a client offers: 0 where the parameter is missing, else its value or ASKED. */
struct offer {
    bool good;
    int server_no_context, client_no_context, server_bits, client_bits;
};

/* ---------------------------------------------------------------- the grammar (RFC 6455 9.1) */

struct reader {
    const char *at, *end; /* NUL stands at the end */
};

/* The token that stands here, with white space around it; NULL: there is none. */
static const char *read_token(struct reader *r, size_t *size)
{
    const char *token = http_skip_space(r->at, r->end);
    *size = http_span(token, (size_t)(r->end - token), HTTP_TOKEN);
    r->at = http_skip_space(token + *size, r->end);
    return *size > 0 ? token : NULL;
}

/* What stands in the quotes is a token, too. */
static bool read_quoted(struct reader *r, char value[MAX_VALUE + 1])
{
    size_t span = http_quoted_span(r->at), size = 0;
    if (span <= 2)
        return false;
    for (const char *from = r->at + 1; from < r->at + span - 1; from++, size++) {
        from += *from == '\\';
        if (!http_is_token(from, 1))
            return false;
        if (size < MAX_VALUE)
            value[size] = *from;
    }
    value[size <= MAX_VALUE ? size : 0] = 0;
    r->at = http_skip_space(r->at + span, r->end);
    return true;
}

static bool read_value(struct reader *r, char value[MAX_VALUE + 1])
{
    size_t size;
    r->at = http_skip_space(r->at, r->end);
    if (*r->at == '"')
        return read_quoted(r, value);
    const char *token = read_token(r, &size);
    if (!token)
        return false;
    size = size <= MAX_VALUE ? size : 0;
    memcpy(value, token, size);
    value[size] = 0;
    return true;
}

static bool read_parameter(struct reader *r, struct parameter *p)
{
    *p = (struct parameter){0};
    p->name = read_token(r, &p->name_size);
    p->has_value = p->name && *r->at == '=';
    if (!p->has_value)
        return p->name;
    r->at++;
    return read_value(r, p->value);
}

/* ---------------------------------------------------------------- an offer (RFC 7692 7.1) */

/* 8 to 15, without zeros in front; 0: it is no such number. */
static int read_bits(const char *value)
{
    if (strlen(value) == 1 && (*value == '8' || *value == '9'))
        return *value - '0';
    return strlen(value) == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5' ? 10 + value[1] - '0'
                                                                                       : 0;
}

/* Stores what a parameter asks for; nothing may be asked for twice. */
static void add_parameter(struct offer *offer, const struct parameter *p)
{
    const struct {
        const char *name;
        int *asked;
        bool may_have, must_have; /* a value */
    } known[] = {{"server_no_context_takeover", &offer->server_no_context, false, false},
                 {"client_no_context_takeover", &offer->client_no_context, false, false},
                 {"server_max_window_bits", &offer->server_bits, true, true},
                 {"client_max_window_bits", &offer->client_bits, true, false}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) != p->name_size || memcmp(known[i].name, p->name, p->name_size) != 0)
            continue;
        int asked = p->has_value ? read_bits(p->value) : ASKED;
        if (*known[i].asked || !asked || (p->has_value ? !known[i].may_have : known[i].must_have))
            break;
        *known[i].asked = asked;
        return;
    }
    offer->good = false;
}

/* zlib cannot compress with a window of 256 bytes, and inflates what others have compressed so. */
static bool accept_offer(const struct offer *offer, bool context, struct ws_terms *agreed)
{
    if (!offer->good || offer->server_bits == LEAST_BITS)
        return false;
    int server_bits =
        offer->server_bits && offer->server_bits < HTTP_DEFLATE_BITS ? offer->server_bits : HTTP_DEFLATE_BITS;
    int client_bits = offer->client_bits > 0 && offer->client_bits < HTTP_DEFLATE_BITS ? offer->client_bits
                                                                                       : HTTP_DEFLATE_BITS;
    *agreed = (struct ws_terms){.server_bits = (unsigned char)server_bits,
                                .client_bits = HTTP_DEFLATE_MAX_BITS,
                                .server_context = context && !offer->server_no_context,
                                .client_context = context && !offer->client_no_context,
                                .says_server_bits = offer->server_bits};
    agreed->says_client_bits = agreed->client_context && offer->client_bits;
    if (agreed->says_client_bits)
        agreed->client_bits = (unsigned char)client_bits;
    return true;
}

/* False: what stands here is no extension. */
static bool read_offer(struct reader *r, struct offer *offer)
{
    static const char name[] = "permessage-deflate";
    struct parameter p;
    size_t size;
    const char *token = read_token(r, &size);
    *offer = (struct offer){.good = token && size == strlen(name) && memcmp(token, name, size) == 0};
    while (token && *r->at == ';') {
        r->at++;
        if (!read_parameter(r, &p))
            return false;
        add_parameter(offer, &p);
    }
    return token && (*r->at == ',' || r->at == r->end);
}

int ws_terms_choose(const char *field, bool context, struct ws_terms *agreed)
{
    struct reader r = {field, field + strlen(field)};
    struct ws_terms found;
    struct offer offer;
    bool chosen = false;
    while ((r.at = http_skip_space(r.at, r.end)) < r.end) {
        if (*r.at == ',') { /* an element may be empty (RFC 9110 5.6.1) */
            r.at++;
            continue;
        }
        if (!read_offer(&r, &offer))
            return -EPROTO;
        chosen = chosen || accept_offer(&offer, context, &found);
    }
    if (chosen)
        *agreed = found;
    return chosen;
}

void ws_terms_write(const struct ws_terms *agreed, char answer[WS_TERMS_SIZE])
{
    int size = snprintf(answer, WS_TERMS_SIZE, "permessage-deflate%s%s",
                        agreed->server_context ? "" : "; server_no_context_takeover",
                        agreed->client_context ? "" : "; client_no_context_takeover");
    if (agreed->says_server_bits)
        size += snprintf(answer + size, WS_TERMS_SIZE - (size_t)size, "; server_max_window_bits=%d",
                         agreed->server_bits);
    if (agreed->says_client_bits)
        snprintf(answer + size, WS_TERMS_SIZE - (size_t)size, "; client_max_window_bits=%d",
                 agreed->client_bits);
}

/* ---------------------------------------------------------------- the client's side */

const char *ws_terms_offer(bool context)
{
    return context ? "permessage-deflate; client_max_window_bits"
                   : "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                     "client_max_window_bits";
}

/* A server that was asked not to refer to messages before must say that it does not (RFC 7692 7.1.1.1). */
int ws_terms_take(const char *field, bool context, struct ws_terms *agreed)
{
    struct reader r = {field, field + strlen(field)};
    struct offer answer;
    if (!read_offer(&r, &answer) || r.at < r.end || !answer.good || answer.client_bits == ASKED ||
        (!context && !answer.server_no_context))
        return -EPROTO;
    *agreed = (struct ws_terms){
        .server_bits = (unsigned char)(answer.server_bits ? answer.server_bits : HTTP_DEFLATE_MAX_BITS),
        .client_bits = HTTP_DEFLATE_BITS,
        .server_context = !answer.server_no_context,
        .client_context = context && !answer.client_no_context,
    };
    if (answer.client_bits && answer.client_bits < HTTP_DEFLATE_BITS)
        agreed->client_bits = (unsigned char)answer.client_bits;
    return 0;
}
