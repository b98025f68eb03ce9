/* SPDX-License-Identifier: MIT */
/* names NAME [SERVICE]: which addresses a name has, and which names these have: getaddrinfo and getnameinfo.
   A name has several addresses, of IPv6 and IPv4, in the order in which they are to be tried; a service is a
   port that has a name (/etc/services).

   Try:  build/samples/names localhost 80
         build/samples/names ::1 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* One address: as numbers, and the names of both. */
static int show(const struct addrinfo *found)
{
    char host[NI_MAXHOST], port[NI_MAXSERV], name[NI_MAXHOST], service[NI_MAXSERV];
    int rc = getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV);
    if (rc != 0)
        return rc;
    if (getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, service, sizeof service,
                    NI_NAMEREQD) != 0)
        snprintf(name, sizeof name, "no name"), service[0] = '\0';
    printf("%s  %s%s%s port %s  is  %s%s%s\n", found->ai_family == AF_INET6 ? "IPv6" : "IPv4",
           found->ai_family == AF_INET6 ? "[" : "", host, found->ai_family == AF_INET6 ? "]" : "", port, name,
           *service ? ", " : "", service);
    return 0;
}

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s NAME [SERVICE]\n", argv[0]);
        return 2;
    }
    int rc = getaddrinfo(argv[1], argc > 2 ? argv[2] : NULL, &hints, &all);
    for (const struct addrinfo *found = all; rc == 0 && found; found = found->ai_next)
        rc = show(found);
    if (rc != 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], gai_strerror(rc));
    if (all)
        freeaddrinfo(all);
    return rc != 0;
}
