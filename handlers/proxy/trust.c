/* SPDX-License-Identifier: MIT */
/* Which of the clients that proxies tell of is the one that has asked. */
#include "http/exchange.h"
#include "proxy.h"
#include "proxy/forwarded.h"
#include "text/chars.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* All that the fields of one kind say, in their order. */
struct told {
    unsigned count;
    struct forwarded elements[HTTP_MAX_PROXIES];
};

/* ---------------------------------------------------------------- reading */

static int take_forwarded(struct told *told, const char *value)
{
    int rc = 1;
    while (rc > 0) {
        struct forwarded element;
        rc = forwarded_next(&value, &element);
        if (rc > 0 && told->count == HTTP_MAX_PROXIES)
            return -EPROTO;
        if (rc > 0)
            told->elements[told->count++] = element;
    }
    return rc;
}

static int take_addresses(struct told *told, const char *value)
{
    const char *text;
    size_t size;
    while (http_list_next(&value, &text, &size)) {
        if (told->count == HTTP_MAX_PROXIES)
            return -EPROTO;
        struct forwarded *element = &told->elements[told->count++];
        *element = (struct forwarded){.scheme = ""};
        if (!forwarded_address(text, size, &element->client))
            return -EPROTO;
    }
    return 0;
}

/* Reads all lines of a field. */
static int take_fields(const struct http_request *request, const char *name, struct told *told,
                       int (*take)(struct told *told, const char *value))
{
    int rc = 0;
    told->count = 0;
    for (size_t i = 0; rc == 0 && i < request->field_count; i++)
        if (strcasecmp(request->fields[i].name, name) == 0)
            rc = take(told, request->fields[i].value);
    return rc;
}

/* The last element of a list, which the proxy has added that is next to us. */
static const char *last_element(const struct http_request *request, const char *name, size_t *size)
{
    const char *last = NULL, *text;
    size_t n;
    for (size_t i = 0; i < request->field_count; i++) {
        const char *list = request->fields[i].value;
        if (strcasecmp(request->fields[i].name, name) != 0)
            continue;
        while (http_list_next(&list, &text, &n)) {
            last = text;
            *size = n;
        }
    }
    return last;
}

/* ---------------------------------------------------------------- deciding */

/* The last one that is no proxy of ours; NULL: nothing was told. */
static const struct forwarded *find_client_told(const struct ss_handler *h, const struct told *told,
                                                const struct ss_network *proxies, unsigned count)
{
    const struct forwarded *found = NULL;
    for (unsigned i = told->count; i > 0; i--) {
        found = &told->elements[i - 1];
        if (!found->client.length || !ss_networks_have_client(proxies, count, h->request, &found->client))
            break;
    }
    return found;
}

static bool are_same_clients(const struct ss_address *a, const struct ss_address *b)
{
    if (a->length != b->length || a->u.any.sa_family != b->u.any.sa_family)
        return false;
    if (!a->length)
        return true;
    return a->u.any.sa_family == AF_INET
               ? a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr
               : memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof a->u.in6.sin6_addr) == 0;
}

static int refuse_fields(struct ss_handler *h, const char *explain)
{
    return http_send_error(h, 400, NULL, explain);
}

static int set_host(struct ss_handler *h, const char *host, size_t size)
{
    if (size == 0)
        return 0;
    if (!http_is_authority(host, size, false))
        return refuse_fields(h, "X-Forwarded-Host is malformed");
    const char *copy = ss_format(h, "%.*s", (int)size, host);
    if (!copy)
        return -ENOMEM;
    http_exchange_of(h)->head.request.host = copy;
    return 0;
}

static void set_scheme(struct ss_handler *h, const char *scheme)
{
    if (*scheme)
        http_exchange_of(h)->head.request.scheme = scheme[4] ? "https" : "http";
}

/* X-Forwarded-Proto and -Host, where Forwarded says nothing. */
static int take_x_forwarded(struct ss_handler *h)
{
    size_t size = 0;
    char scheme[6] = "";
    const char *text = last_element(http_request(h), "X-Forwarded-Proto", &size);
    if (text && !forwarded_scheme(text, size, scheme))
        return refuse_fields(h, "X-Forwarded-Proto is malformed");
    set_scheme(h, scheme);
    size = 0;
    text = last_element(http_request(h), "X-Forwarded-Host", &size);
    return text ? set_host(h, text, size) : 0;
}

static int take_told(struct ss_handler *h, const struct forwarded *forwarded,
                     const struct forwarded *extended)
{
    const struct forwarded *found = forwarded ? forwarded : extended;
    if (forwarded && extended && !are_same_clients(&forwarded->client, &extended->client))
        return refuse_fields(h,
                             "Forwarded and X-Forwarded-For tell of different clients; have the proxy delete "
                             "the one that it does not set");
    if (found) {
        h->client_address = found->client;
        http_exchange_of(h)->forwarded = true;
    }
    if (!forwarded)
        return take_x_forwarded(h);
    set_scheme(h, forwarded->scheme);
    return set_host(h, forwarded->host, strlen(forwarded->host));
}

/* In a function of its own, as it takes some kilobytes of the stack. */
__attribute__((noinline)) static int read_fields(struct ss_handler *h, const struct ss_network *proxies,
                                                 unsigned count)
{
    struct told *told = ss_alloc(h, 2 * sizeof *told);
    if (!told)
        return -ENOMEM;
    if (take_fields(http_request(h), "Forwarded", &told[0], take_forwarded) < 0)
        return refuse_fields(h, "Forwarded is malformed");
    if (take_fields(http_request(h), "X-Forwarded-For", &told[1], take_addresses) < 0)
        return refuse_fields(h, "X-Forwarded-For is malformed");
    return take_told(h, find_client_told(h, &told[0], proxies, count),
                     find_client_told(h, &told[1], proxies, count));
}

int http_trust_proxies(struct ss_handler *h, const struct ss_network *proxies, unsigned count)
{
    return ss_networks_have_client(proxies, count, h->request, &h->client_address)
               ? read_fields(h, proxies, count)
               : 0;
}
