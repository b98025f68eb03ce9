/* SPDX-License-Identifier: MIT */
/* Who asks by UDP may write somebody else's address on the request, and then it is him whom the answer hits:
   20 bytes of request make 516 bytes of the first block, and that again for each time that it is repeated. So

     - until an address has answered it gets one packet at a time, and that at most three times;
     - a request with options is answered by OACK first, which is hardly longer than the request;
     - all unanswered packets to one network, 256 addresses of IPv4 or a /56 of IPv6, are 64 KiB together, of
       which 256 bytes are forgotten each second. More is just not sent, as if the network had lost it. An
       answer pays what its own transfer has owed: who is what he says may have as many files as he likes.

   An answer names the port that was chosen for this transfer alone, so it can hardly be guessed. An ERROR is
   not counted: it is about as long as the request. */
#include "tftp/debts.h"
#include <errno.h>
#include <string.h>

enum { NETWORKS = 4096, MOST_OWED = 65536, FORGOTTEN = 256 /* bytes; each second */ };

/* Networks that meet in one place share it. */
struct debts {
    struct debt {
        uint32_t bytes, since; /* seconds */
    } of[NETWORKS];
};

static struct debt *debt_of(struct ss_server *self, const struct ss_address *to)
{
    struct debts *debts = ss_shared(self, &Debts);
    unsigned char bytes[16] = {0};
    uint32_t hash = 2166136261;
    if (to->u.any.sa_family == AF_INET)
        memcpy(bytes, &to->u.in.sin_addr, 3);
    else if (IN6_IS_ADDR_V4MAPPED(&to->u.in6.sin6_addr))
        memcpy(bytes, &to->u.in6.sin6_addr.s6_addr[12], 3);
    else
        memcpy(bytes, &to->u.in6.sin6_addr, 7);
    for (size_t i = 0; i < sizeof bytes; i++)
        hash = (hash ^ bytes[i]) * 16777619;
    return &debts->of[(hash ^ hash >> 16) % NETWORKS];
}

static void forget_some(struct debt *debt)
{
    uint32_t now = (uint32_t)(ss_now() / 1000);
    uint64_t forgotten = (uint64_t)(now - debt->since) * FORGOTTEN;
    debt->bytes -= forgotten < debt->bytes ? (uint32_t)forgotten : debt->bytes;
    debt->since = now;
}

/* (If somebody was killed amid a change, -EOWNERDEAD: two numbers are in order whatever they are.) */
bool debts_add(struct ss_server *self, const struct ss_address *to, size_t bytes)
{
    struct debt *debt = debt_of(self, to);
    int rc = ss_lock(self, &Debts);
    if (rc < 0 && rc != -EOWNERDEAD)
        return false;
    forget_some(debt);
    bool may = debt->bytes + bytes <= MOST_OWED;
    debt->bytes += may ? (uint32_t)bytes : 0;
    ss_unlock(self, &Debts);
    return may;
}

void debts_pay(struct ss_server *self, const struct ss_address *to, size_t bytes)
{
    struct debt *debt = debt_of(self, to);
    int rc = ss_lock(self, &Debts);
    if (rc < 0 && rc != -EOWNERDEAD)
        return;
    debt->bytes -= bytes < debt->bytes ? (uint32_t)bytes : debt->bytes;
    ss_unlock(self, &Debts);
}

const struct ss_class Debts = {.name = "Debts", .shared_size = sizeof(struct debts)};
