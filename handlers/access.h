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
   of `names`, which ends with NULL (NULL: there are none) and lives as long as the program, with any port; or
   nothing at all, as no browser asks. A name that begins with "*." stands for all names that end in what is
   behind the star; "*" for every name. Upper and lower case do not matter, nor does a dot at the end.
   `advice` is a sentence more for the error page, which may say how the name is added; NULL: none. WebSockets
   begin with a request, so this holds for them, too. Returns 0 or -errno. */
SS_API int http_check_host(struct ss_handler *h, const char *const *names, const char *advice);

/* True for what may be one of these names: "example.org", "*.example.org", "*". Any thread. */
SS_API bool http_is_host_pattern(const char *name);

/* True if only this machine reaches a server: it is bound to a loopback address. Any thread. */
SS_API bool http_is_loopback(const struct ss_server *self);

/* ---------------------------------------------------------------- passwords

   HTTP's basic authentication (RFC 7617), in UTF-8. The client sends its password with each request, so it is
   for TLS, or for loopback. In a server's class:

     static struct http_auth *auth; // main has called http_auth_new and http_auth_add

     static int before(struct ss_handler *h)
     {
         return http_authenticate(h, auth);
     }

   A check takes the same time whether there is a user of that name or not. Of each address (IPv4, a /64 of
   IPv6, a user of a Unix socket) HTTP_AUTH_FAILURES attempts a minute may fail, all threads and processes of
   the server counted together; further ones get 429 with Retry-After, and the password is not looked at. To
   hash a password takes long, and some hashes take memory, on purpose: an event loop goes on meanwhile
   (ss_offload), at most HTTP_AUTH_CHECKS are made at a time, and what was right is known for five minutes, by
   a keyed hash (SipHash-2-4 with 128 bits, and a key that never leaves the process). */

#define HTTP_AUTH_FAILURES 10      /* failed attempts of an address in HTTP_AUTH_WINDOW; more: 429 */
#define HTTP_AUTH_WINDOW 60000     /* ms, from the first one of them */
#define HTTP_AUTH_CLIENTS 4096     /* addresses whose failures are known; of more the oldest are forgotten */
#define HTTP_AUTH_KNOWN 1024       /* passwords that are known to be right, and for how long: */
#define HTTP_AUTH_TIME 300000      /* ms */
#define HTTP_AUTH_CHECKS 8         /* passwords that are hashed at the same time */
#define HTTP_AUTH_MAX_USERS 4096   /* of one struct http_auth */
#define HTTP_AUTH_MAX_TEXT 1024    /* bytes of a user's name and a password together */
#define HTTP_AUTH_MAX_FILE 1048576 /* bytes of a file of users */

struct http_auth; /* users, their passwords, and who has failed */

/* Makes one without users, for pages of this `realm`, the words by which browsers ask for the password. To be
   called before the server is bound: the processes that it forks share what is counted. Returns 0; -EINVAL
   for a realm with quotes, backslashes or control characters; -ENOMEM; or -errno of getrandom and mmap. */
SS_API int http_auth_new(const char *realm, struct http_auth **auth);

/* Frees it, when no server uses it any more. NULL is harmless. */
SS_API void http_auth_free(struct http_auth *auth);

/* Adds a user with a password, of which only a keyed hash is kept. Before serving. Returns 0; -EINVAL for an
   empty name, one with a colon, and control characters in either; -EMSGSIZE for more than HTTP_AUTH_MAX_TEXT
   bytes; -EEXIST: there is this user; -ENOBUFS: there are HTTP_AUTH_MAX_USERS; or -ENOMEM. */
SS_API int http_auth_add(struct http_auth *auth, const char *user, const char *password);

/* Adds the users of a file. A line is a name, a colon, and a hash as crypt(3) makes it ($y$, $7$, $2b$, $6$,
   $5$, and so on; not the old ones that begin without a dollar sign). What follows a second colon is ignored,
   and so are empty lines and those that begin with #. Before serving. Returns 0; -errno of open and read;
   -EFBIG for more than HTTP_AUTH_MAX_FILE; -EINVAL for a line without name or hash, or a hash that crypt(3)
   does not know; -EEXIST, -ENOBUFS, -EMSGSIZE, -ENOMEM as http_auth_add; -ENOTSUP in a build without
   libcrypt. Stores the number of the line that is wrong, from 1 on; 0: it is not about a line. */
SS_API int http_auth_read(struct http_auth *auth, const char *path, unsigned *line);

/* Lets those go on who say the name of a user and the right password; http_request(h)->user tells then who it
   is. All others get 401 with WWW-Authenticate, 429 as above, or 503 when for ten seconds no check could be
   made. Returns 0 or -errno. Waits. */
SS_API int http_authenticate(struct ss_handler *h, struct http_auth *auth);

#define HTTP_HASH_SIZE 384
/* Hashes a password for such a file, by the method that crypt(3) prefers, with a salt of its own. Returns 0;
   -EINVAL for control characters; -EMSGSIZE; -ENOTSUP in a build without libcrypt; or -errno. Any thread. */
SS_API int http_hash_password(const char *password, char hash[HTTP_HASH_SIZE]);
/* False where this build has no libcrypt. Any thread. */
SS_API bool http_has_crypt(void);

/* ---------------------------------------------------------------- how often */

#define HTTP_RATE_CLIENTS \
    4096 /* clients whose requests are counted; of more those with the fewest are forgotten */
#define HTTP_MAX_RATE 100000 /* requests a second */

struct http_rate; /* how many requests each client has made lately */

/* Makes one that lets each client (IPv4, a /64 of IPv6, a user of a Unix socket) make `per_second` requests a
   second, from 1 to HTTP_MAX_RATE, and `at_once`, 1 or more, when it was quiet for a while. To be called
   before the server is bound: the processes that it forks count together. Returns 0; -EINVAL; or -errno of
   mmap and getrandom. */
SS_API int http_rate_new(unsigned per_second, unsigned at_once, struct http_rate **rate);

/* Frees it, when no server uses it any more. NULL is harmless. */
SS_API void http_rate_free(struct http_rate *rate);

/* Counts the request, for the slot `before`. A client with too many gets 429 (RFC 6585 4), with Retry-After.
   Returns 0 or -errno. */
SS_API int http_check_rate(struct ss_handler *h, struct http_rate *rate);

#ifdef __cplusplus
}
#endif
#endif
