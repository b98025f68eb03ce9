/* SPDX-License-Identifier: MIT */
/* access: who may ask. Functions for the slot `before` of a handler class: each returns 0 to go on, or has
   answered the request, as `before` does. Nothing of this is on unless it is called.

     static const char *const names[] = {"intranet.example", NULL};

     static int before(struct ss_handler *h)
     {
         return http_check_host(h, names, NULL);
     }
     static const struct http_handler_class Site = {
         .handler = {.base = &SimpleHTTPRequestHandler.http.handler},
         .table_size = sizeof(struct simple_http_class),
         .before = before,
     };

   The rules of http_server.h about errors, owners, threads and waiting hold here too. */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "http_server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- names

   A server on 127.0.0.1 is not out of reach for the pages of other sites: a page of evil.example may have a
   name whose address changes to 127.0.0.1 when the page is loaded (DNS rebinding). For the browser the server
   is evil.example then, whose pages may read and send everything there. But the browser says the name, in
   Host. So a server that only this machine reaches answers for names that nobody else can have. */

/* Refuses a request for a name that is not this server's, with 421 (RFC 9110 7.4). What a request is for says
   http_request(h)->host. It may be localhost, a name that ends in .localhost, the number of an address, one
   of `names`, which ends with NULL (NULL: there are none), with any port; or nothing at all, as no browser
   asks. A name that begins with "*." stands for all names that end in what is behind the star; "*" for every
   name. Upper and lower case do not matter, nor does a dot at the end. `advice` is a sentence more for the
   error page, which may say how the name is added; NULL: none. WebSockets begin with a request, so this holds
   for them, too. Returns 0 or -errno. */
SS_API int http_check_host(struct ss_handler *h, const char *const *names, const char *advice);

/* True for what may be one of these names: "example.org", "*.example.org", "*". Any thread. */
SS_API bool http_is_host_pattern(const char *name);

/* True if only this machine reaches a server: it is bound to a loopback address. Any thread. */
SS_API bool http_is_loopback(const struct ss_server *self);

#ifdef __cplusplus
}
#endif
#endif
