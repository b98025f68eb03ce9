/* SPDX-License-Identifier: MIT */
/* From names to addresses, and back: ss_getaddrinfo and ss_getnameinfo. */
#include "net/names.h"
#include "net/resolver.h"
#include "server/core.h"
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

uint64_t deadline_in(int ms)
{
    return ms < 0 ? 0 : ss_now() + (uint64_t)ms;
}

static int find_by_name(void *lookup)
{
    return lookup_any(lookup);
}

int names_find(struct ss_server *self, const struct address_text *text, int family, int type,
               uint64_t deadline, struct lookup **found)
{
    void *memory = malloc(sizeof(struct lookup));
    struct lookup *l = memory;
    if (!l)
        return -ENOMEM;
    *l = (struct lookup){.text = *text, .family = family, .type = type};
    int rc = lookup_now(l);
    if (rc == -EAGAIN) {
        rc = resolver_call(self, find_by_name, &memory, deadline);
        if (self && self->explained)
            self->explained->found(self, text->host, text->port, rc < 0 ? NULL : l->found,
                                   rc < 0 ? rc : (int)l->count);
    }
    if (rc < 0)
        free(memory);
    else
        *found = memory;
    return rc;
}

int ss_getaddrinfo(struct ss_server *self, const char *address, int type, int ms,
                   struct ss_address *addresses, unsigned room)
{
    struct address_text text;
    struct lookup *l = NULL;
    int rc = address_parse(address, &text);
    if (rc < 0 || text.kind != ADDRESS_INET)
        return rc < 0 ? rc : -EINVAL;
    rc = names_find(self, &text, AF_UNSPEC, type, deadline_in(ms), &l);
    if (rc < 0)
        return rc;
    unsigned count = l->count < room ? l->count : room;
    if (count)
        memcpy(addresses, l->found, count * sizeof *addresses);
    free(l);
    return (int)count;
}

/* ---------------------------------------------------------------- back */

struct name_lookup {
    struct ss_address address;
    int flags;
    struct ss_names names;
};

static int find_names(void *argument)
{
    struct name_lookup *l = argument;
    errno = 0;
    return lookup_error(getnameinfo(&l->address.u.any, l->address.length, l->names.host, sizeof l->names.host,
                                    l->names.service, sizeof l->names.service, l->flags));
}

int ss_getnameinfo(struct ss_server *self, const struct ss_address *address, int type, int ms,
                   struct ss_names *names)
{
    int family = address->length ? address->u.any.sa_family : AF_UNSPEC;
    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    void *memory = malloc(sizeof(struct name_lookup));
    struct name_lookup *l = memory;
    if (!l)
        return -ENOMEM;
    *l =
        (struct name_lookup){.address = *address, .flags = NI_NAMEREQD | (type == SOCK_DGRAM ? NI_DGRAM : 0)};
    int rc = resolver_call(self, find_names, &memory, deadline_in(ms));
    if (rc == 0)
        *names = l->names;
    free(memory);
    return rc;
}
