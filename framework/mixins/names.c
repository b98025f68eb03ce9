/* SPDX-License-Identifier: MIT */
/* Classes by name: what a program's options and samples choose from. */
#include "mixins/names.h"
#include <string.h>
#include <strings.h>

static const struct ss_class *const mixins[] = {&ThreadPoolMixIn, &ThreadingMixIn, &PreforkingMixIn,
                                                &ForkingMixIn, &EventLoopMixIn};
static const struct ss_class *const servers[] = {&TCPServer, &UDPServer, &UnixStreamServer,
                                                 &UnixDatagramServer};
enum { MIXINS = sizeof mixins / sizeof *mixins, SERVERS = sizeof servers / sizeof *servers };

static size_t stem(const struct ss_class *mixin)
{
    return strlen(mixin->name) - strlen("MixIn");
}

const struct ss_class *ss_mixin(const char *name)
{
    for (int i = 0; i < MIXINS; i++) {
        size_t n = stem(mixins[i]);
        if (!strncasecmp(name, mixins[i]->name, n) && (!name[n] || !strcasecmp(name + n, "MixIn")))
            return mixins[i];
    }
    return NULL;
}

static const struct ss_class *leading_mixin(const char **name)
{
    if (!strncmp(*name, "TLS", 3)) {
        *name += 3;
        return &TLSMixIn;
    }
    for (int i = 0; i < MIXINS; i++) {
        size_t n = stem(mixins[i]);
        if (!strncmp(*name, mixins[i]->name, n)) {
            *name += n;
            return mixins[i];
        }
    }
    return NULL;
}

const struct ss_class *names_mixins(const char **name, const struct ss_class **bases, int *count)
{
    *count = 0;
    for (const struct ss_class *mixin; *count < SS_MAX_BASES - 1 && (mixin = leading_mixin(name));)
        bases[(*count)++] = mixin;
    for (int i = 0; i < SERVERS; i++)
        if (strcmp(*name, servers[i]->name) == 0)
            return servers[i];
    return NULL;
}

const struct ss_class *const *ss_bases(const char *name)
{
    static _Thread_local const struct ss_class *bases[SS_MAX_BASES + 1];
    int n;
    const struct ss_class *server = names_mixins(&name, bases, &n);
    bases[n++] = server;
    bases[n] = NULL;
    return server ? bases : NULL;
}
