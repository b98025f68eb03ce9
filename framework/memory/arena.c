/* SPDX-License-Identifier: MIT */
/* Arenas: blocks that are filled from the bottom, and freed together. Each thread keeps a few blocks of the
   usual size; the one that was freed last is used first, as it is in the CPU's cache. */
#include "memory/arena.h"
#include "socketserver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 96 * 1024, POOL_BLOCKS = 64, PAGE = 4096 };
#ifdef __SANITIZE_ADDRESS__
enum { SPARES = 0 }; /* so that AddressSanitizer finds uses of what was freed */
#else
enum { SPARES = 64 };
#endif

struct block {
    struct block *next;
    size_t size; /* of data */
    char *end;   /* of what is not taken by arena_alloc_pages */
    max_align_t data[];
};

static _Thread_local struct block_pool *pool;

struct block_pool *block_pool_enter(struct block_pool *mine)
{
    struct block_pool *before = pool;
    if (mine)
        *mine = (struct block_pool){0};
    pool = mine;
    return before;
}

void block_pool_leave(struct block_pool *mine, struct block_pool *before)
{
    for (struct block *next, *b = mine->free; b; b = next) {
        next = b->next;
        free(b);
    }
    for (void *next, *spare = mine->spares; spare; spare = next) {
        next = *(void **)spare;
        free(spare);
    }
    pool = before;
}

void *spare_alloc(size_t size)
{
    void *spare = pool && pool->spare_size == size ? pool->spares : NULL;
    if (!spare)
        return malloc(size);
    pool->spares = *(void **)spare;
    pool->spare_count--;
    return spare;
}

/* Another server that is served by this thread may have requests of another size. */
void spare_free(void *spare, size_t size)
{
    if (!pool || pool->spare_count == SPARES || (pool->spare_count && pool->spare_size != size)) {
        free(spare);
        return;
    }
    pool->spare_size = size;
    *(void **)spare = pool->spares;
    pool->spares = spare;
    pool->spare_count++;
}

static struct block *block_new(size_t size)
{
    struct block *b;
    if (size <= BLOCK_SIZE && pool && pool->free) {
        b = pool->free;
        pool->free = b->next;
        pool->count--;
        return b;
    }
    size = size < BLOCK_SIZE ? BLOCK_SIZE : ALIGNED_SIZE(size);
    if (!(b = malloc(sizeof *b + size)))
        return NULL;
    b->size = size;
    return b;
}

static void block_free(struct block *b)
{
    if (b->size == BLOCK_SIZE && pool && pool->count < POOL_BLOCKS) {
        b->next = pool->free;
        pool->free = b;
        pool->count++;
    } else {
        free(b);
    }
}

static void use(struct ss_arena *arena, struct block *b)
{
    arena->block = b;
    arena->at = b ? (char *)b->data : NULL;
    arena->end = b ? b->end : NULL;
}

/* The block is full, or there is none. */
static void *grow(struct ss_arena *arena, size_t size)
{
    struct block *b = size > SIZE_MAX / 2 ? NULL : block_new(size);
    if (!b)
        return NULL;
    b->next = arena->block;
    b->end = (char *)b->data + b->size;
    use(arena, b);
    arena->at += ALIGNED_SIZE(size);
    return b->data;
}

/* `at` and `end` are aligned, so what fits still does when it is rounded up. */
void *arena_alloc(struct ss_arena *arena, size_t size)
{
    char *data = arena->at;
    if (size >= (size_t)(arena->end - data))
        return grow(arena, size);
    arena->at = data + ALIGNED_SIZE(size);
    return data;
}

void *arena_alloc_pages(struct ss_arena *arena, size_t size)
{
    size_t room = (size_t)(arena->end - arena->at), taken = size + ((uintptr_t)arena->end - size) % PAGE;
    if (size > room || taken >= room)
        return arena_alloc(arena, size);
    arena->end = arena->block->end = arena->end - taken;
    return arena->end;
}

static void pop(struct ss_arena *arena)
{
    struct block *b = arena->block;
    use(arena, b->next);
    block_free(b);
}

void arena_free(struct ss_arena *arena)
{
    for (struct block *next, *b = arena->block; b; b = next) {
        next = b->next;
        block_free(b);
    }
}

void *ss_alloc(struct ss_handler *h, size_t size)
{
    return arena_alloc(h->arena, size);
}

struct ss_mark ss_mark(struct ss_handler *h)
{
    return (struct ss_mark){h->arena->block, h->arena->at};
}

void ss_release(struct ss_handler *h, struct ss_mark mark)
{
    while (h->arena->block != mark.block)
        pop(h->arena);
    h->arena->at = mark.at;
}

char *ss_format(struct ss_handler *h, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : ss_alloc(h, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
