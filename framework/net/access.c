/* SPDX-License-Identifier: MIT */
/* Who may connect (AccessMixIn), and for whom a proxy speaks (ProxyProtocolMixIn). */
#include "net/network.h"
#include "net/proxy_header.h"
#include <errno.h>
#include <string.h>

/* ---------------------------------------------------------------- the proxy's clients */

struct proxies {
    unsigned count;
    struct ss_network networks[SS_MAX_NETWORKS];
};

/* All connections come from proxies, so how many one address may have means nothing. */
static void init_proxies(struct ss_server *self)
{
    self->max_requests_per_client = UINT32_MAX;
}

static int bind_with_proxies(struct ss_server *self)
{
    struct proxies *proxies = ss_state(self, &ProxyProtocolMixIn);
    int rc = network_list(self->proxies, proxies->networks, &proxies->count);
    return rc < 0 ? rc : ss_super(self, &ProxyProtocolMixIn)->server_bind(self);
}

static bool comes_from_proxy(const struct ss_server *self, const struct ss_request *request)
{
    const struct proxies *proxies = ss_state(self, &ProxyProtocolMixIn);
    struct ss_address peer;
    return proxies && ss_client_address(request, &peer) == 0 &&
           ss_networks_have_client(proxies->networks, proxies->count, request, &peer);
}

/* What stands behind the addresses is skipped. */
static int skip_header(struct ss_stream *s, size_t size)
{
    const char *data;
    while (size > 0) {
        ssize_t n = ss_peek(s, &data, 1);
        if (n <= 0)
            return n < 0 ? (int)n : -EPROTO;
        size_t part = (size_t)n < size ? (size_t)n : size;
        ss_skip(s, part);
        size -= part;
    }
    return 0;
}

static int read_header(struct ss_stream *s, struct proxy_header *header)
{
    const char *data;
    ssize_t n = ss_peek(s, &data, 1);
    int rc =
        n < 0 ? (int)n : -ECONNRESET; /* nothing at all: somebody has only looked whether there is a server */
    while (n > 0 && (rc = proxy_header_parse(data, (size_t)n, header)) == -EAGAIN) {
        size_t needed = header->size;
        n = ss_peek(s, &data, needed);
        if (n < (ssize_t)needed)
            return n < 0 ? (int)n : -EPROTO;
    }
    return rc < 0 ? rc : skip_header(s, header->size);
}

/* From now on the request's client is the one for whom the proxy speaks, also when it was parked. */
static void take_client(struct ss_handler *h, const struct ss_address *client)
{
    memset(&h->request->client, 0, sizeof h->request->client);
    if (client->length)
        memcpy(&h->request->client, &client->u, sizeof h->request->client);
    h->request->proxied = true;
    (void)ss_client_address(h->request, &h->client_address);
}

static int meet_client(struct ss_handler *h, struct ss_stream *s)
{
    struct proxy_header header;
    ss_set_deadline(s, SS_PROXY_TIME);
    int rc = read_header(s, &header);
    ss_set_deadline(s, -1);
    if (rc == 0 && !header.is_local)
        take_client(h, &header.client);
    return rc;
}

/* The header comes once, however often a stream is made for the connection. */
static int open_proxied_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    bool *met = ss_request_state(self, h->request, &ProxyProtocolMixIn);
    int rc = ss_super(self, &ProxyProtocolMixIn)->open_stream(self, h, stream);
    if (rc < 0 || *met || h->request->datagram)
        return rc;
    *met = true;
    rc = comes_from_proxy(self, h->request) ? meet_client(h, *stream) : 0;
    if (rc < 0)
        ss_close(*stream);
    return rc;
}

const struct ss_class ss_ProxyProtocolMixIn = {
    .name = "ProxyProtocolMixIn",
    .state_size = sizeof(struct proxies),
    .request_state_size = sizeof(bool),
    .init = init_proxies,
    .server_bind = bind_with_proxies,
    .open_stream = open_proxied_stream,
};

/* ---------------------------------------------------------------- who may connect */

struct access {
    unsigned allowed, denied;
    struct ss_network allow[SS_MAX_NETWORKS], deny[SS_MAX_NETWORKS];
};

static int bind_with_access(struct ss_server *self)
{
    struct access *access = ss_state(self, &AccessMixIn);
    int rc = network_list(self->allow, access->allow, &access->allowed);
    if (rc == 0)
        rc = network_list(self->deny, access->deny, &access->denied);
    return rc < 0 ? rc : ss_super(self, &AccessMixIn)->server_bind(self);
}

static bool may_connect(const struct ss_server *self, const struct ss_request *request,
                        const struct ss_address *address)
{
    const struct access *access = ss_state(self, &AccessMixIn);
    if (ss_networks_have_client(access->deny, access->denied, request, address))
        return false;
    return !access->allowed || ss_networks_have_client(access->allow, access->allowed, request, address);
}

/* A proxy may come in: it is its clients that are looked at, when it has said who they are. */
static bool verify_client(struct ss_server *self, struct ss_request *request)
{
    struct ss_address address;
    bool good = ss_client_address(request, &address) == 0 &&
                (comes_from_proxy(self, request) || may_connect(self, request, &address));
    return good && ss_super(self, &AccessMixIn)->verify_request(self, request);
}

static int open_allowed_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    int rc = ss_super(self, &AccessMixIn)->open_stream(self, h, stream);
    if (rc < 0 || h->request->datagram || may_connect(self, h->request, &h->client_address))
        return rc;
    h->request->told = true;
    ss_close(*stream);
    return -EACCES;
}

const struct ss_class ss_AccessMixIn = {
    .name = "AccessMixIn",
    .state_size = sizeof(struct access),
    .server_bind = bind_with_access,
    .verify_request = verify_client,
    .open_stream = open_allowed_stream,
};
