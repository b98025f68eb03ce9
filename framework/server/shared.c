/* SPDX-License-Identifier: MIT */
/* Memory that all processes of a server share: a part with a lock for each class that wants one. */
#include "server/shared.h"
#include "memory/arena.h"
#include "server/core.h"
#include "server/robust.h"
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

/* Who waits for the lock of a class does not disturb whoever uses its memory, or another class's. */
struct ss_shared {
    _Alignas(CACHE_LINE) struct robust lock;
    _Alignas(CACHE_LINE) char memory[];
};

/* What a class takes. No sum of these overflows, and no machine has as much as the largest one. */
static size_t size_for(const struct ss_class *cls)
{
    const size_t most = SIZE_MAX / 2 / SS_MAX_MRO;
    size_t lines = ((cls->shared_size < most ? cls->shared_size : most) + CACHE_LINE - 1) / CACHE_LINE;
    return cls->shared_size ? sizeof(struct ss_shared) + lines * CACHE_LINE : 0;
}

int shared_open(struct ss_core *core)
{
    size_t size = 0;
    for (int i = 0; i < core->count; i++)
        size += size_for(core->mro[i]);
    if (!size)
        return 0;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -errno;
    core->mapping = at;
    core->mapping_size = size;
    int rc = 0;
    for (int i = 0; rc == 0 && i < core->count; at += size_for(core->mro[i++])) {
        if (!core->mro[i]->shared_size)
            continue;
        core->shares[i] = (struct ss_shared *)(void *)at;
        rc = robust_init(&core->shares[i]->lock);
    }
    return rc;
}

void shared_close(struct ss_core *core)
{
    if (core->mapping)
        munmap(core->mapping, core->mapping_size);
}

static struct ss_shared *share_of(const struct ss_server *self, const struct ss_class *cls)
{
    int i = core_position(self->core, cls);
    return i < 0 ? NULL : self->core->shares[i];
}

void *ss_shared(const struct ss_server *self, const struct ss_class *cls)
{
    struct ss_shared *share = share_of(self, cls);
    return share ? share->memory : NULL;
}

int ss_lock(const struct ss_server *self, const struct ss_class *cls)
{
    struct ss_shared *share = share_of(self, cls);
    return share ? robust_lock(&share->lock) : -EINVAL;
}

int ss_unlock(const struct ss_server *self, const struct ss_class *cls)
{
    struct ss_shared *share = share_of(self, cls);
    return share ? robust_unlock(&share->lock) : -EINVAL;
}
