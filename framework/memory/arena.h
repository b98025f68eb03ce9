/* Memory that goes all at once. */
#ifndef SS_ARENA_H
#define SS_ARENA_H

#include <stddef.h>

struct block;
struct ss_arena {
    struct block *block; /* the newest */
    char *at, *end;      /* what is free in it */
};
/* What a thread keeps of what it has freed, for the next request. */
struct block_pool {
    struct block *free;
    void *spares;      /* each begins with the address of the next */
    size_t spare_size; /* of each of them */
    unsigned count, spare_count;
};
/* From now on this thread keeps a few freed blocks, and spares, in `pool`; NULL ends that. Returns the one
   before. */
struct block_pool *block_pool_enter(struct block_pool *pool);
void block_pool_leave(struct block_pool *pool, struct block_pool *before);

/* As malloc and free, for things of one size that are made and freed all the time (requests): a burst of
   datagrams is more than malloc keeps at hand. */
void *spare_alloc(size_t size);
void spare_free(void *spare, size_t size);

/* Memory of `size` bytes, aligned for anything, that lives until arena_free; NULL: there is none. */
void *arena_alloc(struct ss_arena *arena, size_t size);
void arena_free(struct ss_arena *arena);
/* The next size that keeps what follows aligned for anything. */
size_t arena_round(size_t size);

#endif
