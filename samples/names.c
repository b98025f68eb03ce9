/* SPDX-License-Identifier: MIT */
/* names [-4|-6] [-u] NAME [SERVICE]: which addresses a name has, and which names these have: getaddrinfo and
   getnameinfo. A name has several addresses, of IPv6 and IPv4, in the order in which they are to be tried; a
   service is a port that has a name (/etc/services), by TCP or, with -u, by UDP. The way back is a way of its
   own: whoever gives names to addresses may say anything, so it is looked whether that name has the address.

   Try:  build/samples/names localhost http
         build/samples/names ::1
         build/samples/names -u 127.0.0.1 syslog
         build/samples/names -l domain */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char usage[] = "usage: %s [-4|-6] [-u] NAME [SERVICE]\n"
                            "       %s [-4|-6] [-u] -l SERVICE\n"
                            "  -4, -6  addresses of IPv4 or IPv6 alone\n"
                            "  -u      services by UDP, not by TCP\n"
                            "  -l      which addresses a server listens on that is for everybody\n";

/* What the look-up says when it fails, and what may help. */
static const char *explain(int rc)
{
    return rc == EAI_NONAME    ? "nobody has this name, or it has no address of this family"
           : rc == EAI_AGAIN   ? "no name server answers for now: see /etc/resolv.conf"
           : rc == EAI_SERVICE ? "no such service: try with -u or without, or a number up to 65535"
           : rc == EAI_ADDRFAMILY || rc == EAI_NODATA ? "the name has no address of this family"
           : rc == EAI_SYSTEM                         ? strerror(errno)
                                                      : gai_strerror(rc);
}

/* Does the name have this address, too? */
static bool leads_back(const char *name, const char *port, const struct addrinfo *to)
{
    struct addrinfo hints = {.ai_family = to->ai_family, .ai_socktype = to->ai_socktype}, *all = NULL;
    int rc = getaddrinfo(name, port, &hints, &all);
    const struct addrinfo *one = rc == 0 ? all : NULL;
    while (one &&
           (one->ai_addrlen != to->ai_addrlen || memcmp(one->ai_addr, to->ai_addr, to->ai_addrlen) != 0))
        one = one->ai_next;
    if (rc == 0)
        freeaddrinfo(all);
    return one;
}

/* One address: as numbers, and the names of both. */
static int show(const struct addrinfo *found, bool wanted)
{
    char host[NI_MAXHOST], port[NI_MAXSERV], name[NI_MAXHOST], service[NI_MAXSERV];
    bool six = found->ai_family == AF_INET6;
    int kind = found->ai_socktype == SOCK_DGRAM ? NI_DGRAM : 0;
    int rc = getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV);
    if (rc == 0)
        rc = getnameinfo(found->ai_addr, found->ai_addrlen, NULL, 0, service, sizeof service, kind);
    if (rc != 0)
        return rc;
    printf("%s  %s%s%s port %s", six ? "IPv6" : "IPv4", six ? "[" : "", host, six ? "]" : "", port);
    if (wanted &&
        getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, NULL, 0, NI_NAMEREQD) != 0)
        printf("  is  no name");
    else if (wanted)
        printf("  is  %s%s", name, leads_back(name, port, found) ? "" : " (which has other addresses)");
    printf("%s%s\n", strcmp(service, port) == 0 ? "" : ", ", strcmp(service, port) == 0 ? "" : service);
    return 0;
}

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    for (int option; (option = getopt(argc, argv, "46ul")) != -1;) {
        if (option == 'u')
            hints.ai_socktype = SOCK_DGRAM;
        else if (option == 'l')
            hints.ai_flags |= AI_PASSIVE; /* without a name: every interface, and not this machine alone */
        else if (option == '?')
            argc = optind;
        else
            hints.ai_family = option == '4' ? AF_INET : AF_INET6;
    }
    bool passive = hints.ai_flags & AI_PASSIVE;
    const char *name = passive ? NULL : argv[optind],
               *service = argc > optind + !passive ? argv[argc - 1] : NULL;
    if (argc <= optind || argc > optind + 2 - passive) {
        fprintf(stderr, usage, argv[0], argv[0]);
        return 2;
    }
    bool fits = !service || service[strspn(service, "0123456789")] || strtoul(service, NULL, 10) <= 65535;
    int rc = fits ? getaddrinfo(name, service, &hints, &all) : EAI_SERVICE; /* it would cut the number */
    for (const struct addrinfo *found = all; rc == 0 && found; found = found->ai_next)
        rc = show(found, !passive);
    if (rc != 0)
        fprintf(stderr, "%s: %s%s%s: %s\n", argv[0], name ? name : "", name && service ? " " : "",
                service ? service : "", explain(rc));
    if (all)
        freeaddrinfo(all);
    return rc != 0;
}
