/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once: of a handler instance, say. */
#ifndef SS_ARENA_H
#define SS_ARENA_H

#include <stddef.h>

struct block;
struct ss_arena {
    struct block *block; /* the newest one, from which memory is given */
    char *at, *end;      /* what is still free in it */
};
/* Memory that a thread keeps after it was freed, for its next requests. */
struct block_pool {
    struct block *free; /* whole blocks of the usual size */
    void *spares;       /* see spare_alloc; each begins with the address of the next */
    size_t spare_size;  /* of each of them */
    unsigned count, spare_count;
};
/* From now on this thread keeps some of what it frees in `pool`, which is empty at first. NULL: it keeps
   nothing. Returns the pool before. */
struct block_pool *block_pool_enter(struct block_pool *pool);
/* Frees what is in `pool`; from now on this thread uses the pool `before`. */
void block_pool_leave(struct block_pool *pool, struct block_pool *before);

/* As malloc and free, for objects of one size that are made and freed all the time (requests). malloc keeps
   too few of one size at hand for a burst of datagrams. */
void *spare_alloc(size_t size);
void spare_free(void *spare, size_t size);

/* Memory of `size` bytes, aligned for anything, that lives until arena_free; NULL: there is none. */
void *arena_alloc(struct ss_arena *arena, size_t size);
/* The same for buffers, whose pages are given back while nobody needs them: as far as there is room they lie
   at the end of the block, and begin with a page, so that what is used all the time is not among them.
   ss_release does not free them. */
void *arena_alloc_pages(struct ss_arena *arena, size_t size);
/* Frees all of it; the arena is not used again. */
void arena_free(struct ss_arena *arena);
enum { CACHE_LINE = 64 }; /* bytes; what two processors write stands in lines of its own */
/* The next size that keeps what follows aligned for anything. */
#define ALIGNED_SIZE(size) (((size) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))

#endif
