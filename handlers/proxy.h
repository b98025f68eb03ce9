/* SPDX-License-Identifier: MIT */
/* proxy: a server behind a proxy, which says in fields of the request who its client is. For the slot
   `before` of a handler class, ahead of what asks who the client is:

     static struct ss_network proxies[1]; // main has called ss_network_parse("10.0.0.1", &proxies[0])

     static int before(struct ss_handler *h)
     {
         return http_trust_proxies(h, proxies, 1);
     }

   The rules of http_server.h hold here too. */
#ifndef HTTP_PROXY_H
#define HTTP_PROXY_H

#include "http_server.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HTTP_MAX_PROXIES 32 /* proxies that a request may have come through; more: 400 */

/* Believes what a proxy says, if the request comes from one of `proxies`; else does nothing, so that nobody
   else can claim to be somebody. Looks at Forwarded (RFC 7239), or at X-Forwarded-For, X-Forwarded-Proto and
   X-Forwarded-Host. Each proxy adds the client that it sees at the end of the list; so the client is the last
   one there that is none of `proxies`. Then, for this request, h->client_address is that client's (port 0 if
   none is said, length 0 if the proxy does not say who it is), and so is the client in the log;
   http_request(h)->scheme is "http" or "https", and http_request(h)->host the name by which the client has
   asked, if the proxy says so. These are what Origin is compared with.

   A proxy passes on what it does not know. So if a request has both Forwarded and X-Forwarded-For, and they
   tell of different clients, one of them is the client's own invention; the request is refused with 400, and
   so is one whose list is malformed. Have the proxy delete the field that it does not set. Returns 0 or
   -errno. */
SS_API int http_trust_proxies(struct ss_handler *h, const struct ss_network *proxies, unsigned count);

#ifdef __cplusplus
}
#endif
#endif
