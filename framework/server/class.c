/* SPDX-License-Identifier: MIT */
/* How a class is put together from its bases. */
#include "memory/arena.h"
#include "server/core.h"
#include "server/request.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The slots that are inherited: all from serve_forever to the end of the table. Each is a pointer to a
   function. */
typedef void (*slot)(void);
enum { FIRST_SLOT = offsetof(struct ss_class, serve_forever) };
enum { SLOTS = (sizeof(struct ss_class) - FIRST_SLOT) / sizeof(slot) };

static slot get_slot(const struct ss_class *cls, size_t i)
{
    slot found;
    memcpy(&found, (const char *)cls + FIRST_SLOT + i * sizeof found, sizeof found);
    return found;
}

/* Fills the slots that are NULL. */
static void inherit(struct ss_class *into, const struct ss_class *from)
{
    for (size_t i = 0; i < SLOTS; i++) {
        slot found = get_slot(from, i);
        if (found && !get_slot(into, i))
            memcpy((char *)into + FIRST_SLOT + i * sizeof found, &found, sizeof found);
    }
}

_Noreturn void give_up(const char *format, ...)
{
    char mistake[300];
    va_list args;
    va_start(args, format);
    vsnprintf(mistake, sizeof mistake, format, args);
    va_end(args);
    fprintf(stderr, "socketserver: %s\n", mistake);
    abort();
}

const char *class_name(const struct ss_class *cls)
{
    return !cls ? "NULL" : cls->name ? cls->name : "a class without a name";
}

static void refuse_circle(const struct ss_class *first)
{
    int depth = 0;
    for (const struct ss_class *cls = first; cls; cls = cls->base, depth++) {
        const struct ss_class *derived = first;
        for (int i = 0; i < depth; i++, derived = derived->base)
            if (derived == cls)
                give_up("ss_server_init: %s is based on itself", class_name(cls));
    }
}

/* A class that several bases are based on comes after the last of them, as in Python. */
static int append(struct ss_core *core, const struct ss_class *cls)
{
    int i = 0;
    while (i < core->count && core->mro[i] != cls)
        i++;
    if (i < core->count) {
        memmove(&core->mro[i], &core->mro[i + 1], (size_t)(core->count - i - 1) * sizeof core->mro[0]);
        core->count--;
    }
    if (core->count == SS_MAX_MRO)
        return -EINVAL;
    core->mro[core->count++] = cls;
    return 0;
}

static bool stands_in_order(const struct ss_core *core)
{
    unsigned rank = 0;
    for (int i = 0; i < core->count; i++) {
        if (core->mro[i]->rank && core->mro[i]->rank < rank)
            return false;
        rank = core->mro[i]->rank > rank ? core->mro[i]->rank : rank;
    }
    return true;
}

/* Has the class no slot that is NULL? So BaseServer is recognised. */
static bool is_complete(const struct ss_class *cls)
{
    size_t i = 0;
    while (i < SLOTS && get_slot(cls, i))
        i++;
    return i == SLOTS;
}

static int linearize(struct ss_core *core, const struct ss_class *const *bases)
{
    for (; *bases; bases++) {
        refuse_circle(*bases);
        for (const struct ss_class *cls = *bases; cls; cls = cls->base)
            if (append(core, cls) < 0)
                return -EINVAL;
    }
    bool ends = core->count > 0 && is_complete(core->mro[core->count - 1]);
    return ends && stands_in_order(core) ? 0 : -EINVAL;
}

void core_init_variables(struct ss_server *self)
{
    const struct ss_core *core = self->core;
    for (int i = core->count - 1; i >= 0; i--)
        if (core->mro[i]->defaults)
            core->mro[i]->defaults(self);
    for (int i = core->count - 1; i >= 0; i--)
        if (core->mro[i]->init)
            core->mro[i]->init(self);
}

static void add_request_state(struct ss_core *core, int i, size_t size)
{
    if (!size)
        return;
    core->request_state[i] = ALIGNED_SIZE(core->request_size);
    core->request_size = core->request_state[i] + size;
}

int core_resolve(struct ss_core *core, const struct ss_class *const *bases)
{
    int rc = linearize(core, bases);
    if (rc < 0)
        return rc;
    core->request_size = sizeof(struct request);
    for (int i = core->count - 1; i >= 0; i--) {
        const struct ss_class *cls = core->mro[i];
        core->methods[i] = *cls;
        if (i + 1 < core->count)
            inherit(&core->methods[i], &core->methods[i + 1]);
        if (cls->state_size && !(core->state[i] = calloc(1, cls->state_size)))
            return -ENOMEM;
        add_request_state(core, i, cls->request_state_size);
    }
    return 0;
}

int core_position(const struct ss_core *core, const struct ss_class *cls)
{
    for (int i = 0; core && i < core->count; i++)
        if (core->mro[i] == cls)
            return i;
    return -1;
}

const struct ss_class *ss_class_of(const struct ss_server *self)
{
    return methods_of(self);
}

const struct ss_class *ss_super(const struct ss_server *self, const struct ss_class *cls)
{
    int i = core_position(self->core, cls) + 1;
    if (i == 0)
        give_up("ss_super: %s is not among the bases of this server", class_name(cls));
    return &self->core->methods[i < self->core->count ? i : self->core->count - 1];
}

void *ss_state(const struct ss_server *self, const struct ss_class *cls)
{
    int i = core_position(self->core, cls);
    return i < 0 ? NULL : self->core->state[i];
}

void *ss_request_state(const struct ss_server *self, struct ss_request *request, const struct ss_class *cls)
{
    int i = core_position(self->core, cls);
    if (i < 0 || !cls->request_state_size)
        return NULL;
    return (char *)container_of(request, struct request, request) + self->core->request_state[i];
}
