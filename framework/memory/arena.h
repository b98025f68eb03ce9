/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once: of a handler instance, say. */
#ifndef SS_ARENA_H
#define SS_ARENA_H

#include <stddef.h>

struct block;
struct ss_arena {
    struct block *block; /* the newest one, from which memory is given */
    char *at, *end;      /* what is still free in it */
    struct block *lent;  /* see arena_lend; the newest one */
};
enum {
    BLOCK_KINDS = 2,
    ARENA_FIRST = 1904, /* bytes that most handlers that wait need, and that fit into one page of the stack
                           with all functions that wait for them */
};
/* Memory that a thread keeps after it was freed, for its next requests. */
struct block_pool {
    struct shelf {
        struct block *free;
        unsigned count;
    } shelves[BLOCK_KINDS]; /* whole blocks of the usual sizes */
    void *spares;           /* see spare_alloc; each begins with the address of the next */
    size_t spare_size;      /* of each of them */
    unsigned spare_count;
};
/* From now on this thread keeps some of what it frees in `pool`, which is empty at first. NULL: it keeps
   nothing. Returns the pool before. */
struct block_pool *block_pool_enter(struct block_pool *pool);
/* The same for a pool that the thread has left for a while, with what is in it. */
struct block_pool *block_pool_exchange(struct block_pool *pool);
/* Frees what is in `pool`; from now on this thread uses the pool `before`. */
void block_pool_leave(struct block_pool *pool, struct block_pool *before);

/* As malloc and free, for objects of one size that are made and freed all the time (requests). malloc keeps
   too few of one size at hand for a burst of datagrams. */
void *spare_alloc(size_t size);
void spare_free(void *spare, size_t size);

/* Begins an arena whose first memory is the caller's: of `size` bytes, a multiple of 16, aligned for
   anything. One of {0} begins without. */
void arena_begin(struct ss_arena *arena, void *memory, size_t size);
/* Memory of `size` bytes, aligned for anything, that lives until arena_free; NULL: there is none. */
void *arena_alloc(struct ss_arena *arena, size_t size);
/* The same for what is not needed all the time, as the buffers of a stream that waits: it lives until
   arena_return, or arena_free, and lies in blocks of its own. */
void *arena_lend(struct ss_arena *arena, size_t size);
/* When all of a block is returned, the thread lends it to somebody else. */
void arena_return(struct ss_arena *arena, const void *data);
/* Frees all of it; the arena is not used again. */
void arena_free(struct ss_arena *arena);
enum { CACHE_LINE = 64 }; /* bytes; what two processors write stands in lines of its own */
/* The next size that keeps what follows aligned for anything. */
#define ALIGNED_SIZE(size) (((size) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))

#endif
