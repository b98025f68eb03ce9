/* How a class is put together from its bases, and how one is found by name. */
#include "server/core.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The slots that are inherited: all from serve_forever to the end, pointers to functions every one. */
typedef void (*slot)(void);
enum { FIRST_SLOT = offsetof(struct ss_class, serve_forever) };
enum { SLOTS = (sizeof(struct ss_class) - FIRST_SLOT) / sizeof(slot) };

static slot get_slot(const struct ss_class *cls, size_t i)
{
    slot found;
    memcpy(&found, (const char *)cls + FIRST_SLOT + i * sizeof found, sizeof found);
    return found;
}

static void inherit(struct ss_class *into, const struct ss_class *from)
{
    for (size_t i = 0; i < SLOTS; i++) {
        slot found = get_slot(from, i);
        if (found && !get_slot(into, i))
            memcpy((char *)into + FIRST_SLOT + i * sizeof found, &found, sizeof found);
    }
}

static const struct ss_class *const mixins[] = {&ThreadPoolMixIn, &ThreadingMixIn, &PreforkingMixIn,
                                                &ForkingMixIn, &EventLoopMixIn};
static const struct ss_class *const servers[] = {&TCPServer, &UDPServer, &UnixStreamServer,
                                                 &UnixDatagramServer};
enum { MIXINS = sizeof mixins / sizeof *mixins, SERVERS = sizeof servers / sizeof *servers };

/* A class that several bases are based on comes after the last of them, as in Python. */
static int append(struct ss_core *core, const struct ss_class *cls)
{
    for (int i = 0; i < core->count; i++) {
        if (core->mro[i] != cls)
            continue;
        memmove(&core->mro[i], &core->mro[i + 1], (size_t)(core->count - i - 1) * sizeof core->mro[0]);
        core->count--;
        break;
    }
    if (core->count == SS_MAX_MRO)
        return -EINVAL;
    core->mro[core->count++] = cls;
    return 0;
}

/* A process that serves by itself cannot be made from inside a loop or a pool. */
static bool preforks_too_late(const struct ss_core *core)
{
    bool others = false;
    for (int i = 0; i < core->count; i++) {
        if (core->mro[i] == &PreforkingMixIn && others)
            return true;
        for (int m = 0; m < MIXINS; m++)
            others |= core->mro[i] == mixins[m];
    }
    return false;
}

static int linearize(struct ss_core *core, const struct ss_class *const *bases)
{
    for (; *bases; bases++)
        for (const struct ss_class *cls = *bases; cls; cls = cls->base)
            if (append(core, cls) < 0)
                return -EINVAL;
    if (core->count == 0 || core->mro[core->count - 1] != &BaseServer || preforks_too_late(core))
        return -EINVAL;
    return 0;
}

/* The library's own classes only set defaults, wherever they stand: whoever derives from one of them knows
   better than a mix-in that is for everybody. */
static bool is_own(const struct ss_class *cls)
{
    for (int i = 0; i < MIXINS; i++)
        if (cls == mixins[i])
            return true;
    for (int i = 0; i < SERVERS; i++)
        if (cls == servers[i])
            return true;
    return cls == &BaseServer;
}

void core_init_variables(struct ss_server *self)
{
    const struct ss_core *core = self->core;
    for (int own = 1; own >= 0; own--)
        for (int i = core->count - 1; i >= 0; i--)
            if (core->mro[i]->init && is_own(core->mro[i]) == own)
                core->mro[i]->init(self);
}

int core_resolve(struct ss_core *core, const struct ss_class *const *bases)
{
    int rc = linearize(core, bases);
    if (rc < 0)
        return rc;
    for (int i = core->count - 1; i >= 0; i--) {
        const struct ss_class *cls = core->mro[i];
        core->methods[i] = *cls;
        if (i + 1 < core->count)
            inherit(&core->methods[i], &core->methods[i + 1]);
        if (cls->state_size && !(core->state[i] = calloc(1, cls->state_size)))
            return -ENOMEM;
    }
    return 0;
}

void core_resolve_handler(struct ss_core *core, const struct ss_handler_class *cls,
                          const struct ss_handler_class *last)
{
    struct ss_handler_class *all = &core->handler;
    *all = *cls;
    core->streams = false;
    while (cls) {
        if (!all->setup)
            all->setup = cls->setup;
        if (!all->handle)
            all->handle = cls->handle;
        if (!all->finish)
            all->finish = cls->finish;
        if (all->size < cls->size)
            all->size = cls->size;
        core->streams |= cls == &StreamRequestHandler || cls == &DatagramRequestHandler;
        cls = cls->base ? cls->base : cls == &BaseRequestHandler ? NULL : last;
    }
}

static int position(const struct ss_server *self, const struct ss_class *cls)
{
    const struct ss_core *core = self->core;
    for (int i = 0; i < core->count; i++)
        if (core->mro[i] == cls)
            return i;
    return -1;
}

const struct ss_class *ss_class_of(const struct ss_server *self)
{
    return methods_of(self);
}

/* An assertion that can name the class: the method found first would call itself for ever. */
static _Noreturn void not_a_base(const struct ss_class *cls)
{
    fprintf(stderr, "socketserver: ss_super: %s is not among the bases of this server\n",
            cls ? cls->name : "NULL");
    abort();
}

const struct ss_class *ss_super(const struct ss_server *self, const struct ss_class *cls)
{
    int i = position(self, cls) + 1;
    if (i == 0)
        not_a_base(cls);
    return &self->core->methods[i < self->core->count ? i : self->core->count - 1];
}

void *ss_state(const struct ss_server *self, const struct ss_class *cls)
{
    int i = position(self, cls);
    return i < 0 ? NULL : self->core->state[i];
}

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
