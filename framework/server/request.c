/* SPDX-License-Identifier: MIT */
/* Requests: their memory, how many there are, which are idle, and who their clients are. */
#include "server/request.h"
#include "memory/arena.h"
#include "server/core.h"
#include "server/mail.h"
#include "server/process.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { BUCKET_BITS = 8 };
_Static_assert(CLIENT_BUCKETS == 1 << BUCKET_BITS, "a bucket is a number of so many bits");

struct request *request_new(const struct ss_server *self)
{
    size_t size = self->core->request_size;
    struct request *request = spare_alloc(size);
    if (!request)
        return NULL;
    memset(request, 0, sizeof *request);
    if (size > sizeof *request)
        memset(request + 1, 0, size - sizeof *request);
    request->request.fd = request->number = -1;
    request->forks = forks_made(); /* before there is a connection, so a later fork is not missed */
    timer_init(&request->entry.timer);
    return request;
}

void request_free(const struct ss_server *self, struct request *request)
{
    spare_free(request, self->core->request_size);
}

/* ---------------------------------------------------------------- how many are in progress */

void ss_request_started(struct ss_server *self)
{
    serving_started(&self->core->serving);
}

void ss_request_ended(struct ss_server *self)
{
    serving_ended(&self->core->serving);
}

/* Here, as HTTP calls it for each request, and hardly any has a mailbox. */
void ss_unref(struct ss_handler *h)
{
    struct request *request = container_of(h->request, struct request, request);
    if (request->box)
        mail_close(h->server, request);
}

void request_failed(struct ss_server *self, struct ss_request *request, int error)
{
    if (error < 0)
        methods_of(self)->handle_error(self, request, error);
}

bool request_is_over(const struct request *request)
{
    return (request->expired || request->ending) && !request->request.resume && !request->has_good_bye;
}

int request_end(struct ss_server *self, struct request *request, int why)
{
    request->ending = true;
    int rc = request_is_over(request) ? 0 : methods_of(self)->finish_request(self, &request->request);
    return rc < 0 || why == -ECANCELED ? rc : why;
}

/* ---------------------------------------------------------------- which are idle */

static struct request *newer_than(const struct request *request)
{
    return request->entry.next ? container_of(request->entry.next, struct request, entry) : NULL;
}

void idle_add(struct idle *idle, struct request *request)
{
    request->older = idle->newest;
    request->entry.next = NULL;
    if (request->older)
        request->older->entry.next = &request->entry;
    else
        idle->oldest = request;
    idle->newest = request;
}

void idle_remove(struct idle *idle, const struct request *request)
{
    struct request *newer = newer_than(request);
    if (request->older)
        request->older->entry.next = request->entry.next;
    else
        idle->oldest = newer;
    *(newer ? &newer->older : &idle->newest) = request->older;
}

/* ---------------------------------------------------------------- who their clients are */

/* A socket of both families gives IPv4 clients a mapped IPv6 address: shows them as IPv4. */
static void unmap(struct ss_address *address)
{
    const struct sockaddr_in6 in6 = address->u.in6;
    if (address->u.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
        return;
    memset(&address->u.in, 0, sizeof address->u.in);
    address->u.in.sin_family = AF_INET;
    address->u.in.sin_port = in6.sin6_port;
    memcpy(&address->u.in.sin_addr, in6.sin6_addr.s6_addr + 12, 4);
    address->length = sizeof address->u.in;
}

/* Not inlined: it is seldom needed, and would cost the caller the stack protector's check. */
__attribute__((noinline)) static int ask_for_peer(int fd, struct ss_address *address)
{
    socklen_t length = sizeof address->u;
    if (getpeername(fd, &address->u.any, &length) < 0)
        return -errno;
    address->length = length > sizeof(sa_family_t) ? length : 0;
    return 0;
}

int ss_client_address(const struct ss_request *request, struct ss_address *address)
{
    int rc = 0;
    address->length = 0;
    address->u.any.sa_family = AF_UNSPEC;
    if (request->datagram) {
        const struct ss_address *client = &request->datagram->client_address;
        address->length = client->length;
        memcpy(&address->u, &client->u, client->length);
        address->u.any.sa_family = client->u.any.sa_family;
    } else if (request->client.any.sa_family != AF_UNSPEC) {
        address->length =
            request->client.any.sa_family == AF_INET ? sizeof address->u.in : sizeof address->u.in6;
        memcpy(&address->u, &request->client, sizeof request->client);
    } else if (request->proxied) { /* for a client that has no address */
        address->length = 0;
    } else if (request->unnamed) {
        address->u.any.sa_family = AF_UNIX;
    } else {
        rc = ask_for_peer(request->fd, address);
    }
    if (address->length)
        unmap(address);
    return rc;
}

int ss_client_credentials(const struct ss_request *request, struct ss_credentials *credentials)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (request->datagram)
        return -EOPNOTSUPP;
    if (getsockopt(request->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    if (peer.pid == 0) /* what the kernel says of sockets that are not of the Unix family */
        return -EOPNOTSUPP;
    *credentials = (struct ss_credentials){peer.pid, peer.uid, peer.gid};
    return 0;
}

bool client_network(const struct ss_request *request, uint64_t *network)
{
    struct ss_address address;
    address.u.any.sa_family = AF_UNSPEC;
    if (request->datagram || ss_client_address(request, &address) < 0)
        return false;
    if (address.u.any.sa_family == AF_INET6)
        memcpy(network, &address.u.in6.sin6_addr, sizeof *network);
    else if (address.u.any.sa_family == AF_INET)
        *network = address.u.in.sin_addr.s_addr | 1ULL << 32;
    return address.u.any.sa_family == AF_INET6 || address.u.any.sa_family == AF_INET;
}

unsigned client_bucket_of(uint64_t network)
{
    return (unsigned)(network * 0x9e3779b97f4a7c15ULL >> (64 - BUCKET_BITS));
}

int client_bucket(const struct ss_request *request)
{
    uint64_t network = 0;
    return client_network(request, &network) ? (int)client_bucket_of(network) : -1;
}
