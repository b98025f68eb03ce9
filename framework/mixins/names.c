/* SPDX-License-Identifier: MIT */
/* Classes by name: what a program's options and samples choose from. */
#include "socketserver.h"
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
    for (int i = 0; i < MIXINS; i++) {
        size_t n = stem(mixins[i]);
        if (!strncmp(*name, mixins[i]->name, n)) {
            *name += n;
            return mixins[i];
        }
    }
    return NULL;
}

const struct ss_class *const *ss_bases(const char *name)
{
    static _Thread_local const struct ss_class *bases[SS_MAX_BASES + 1];
    int n = 0;
    for (const struct ss_class *mixin; n < SS_MAX_BASES - 1 && (mixin = leading_mixin(&name)); n++)
        bases[n] = mixin;
    for (int i = 0; i < SERVERS; i++) {
        if (strcmp(name, servers[i]->name) != 0)
            continue;
        bases[n++] = servers[i];
        bases[n] = NULL;
        return bases;
    }
    return NULL;
}
