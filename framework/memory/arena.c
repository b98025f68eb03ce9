/* SPDX-License-Identifier: MIT */
/* Arenas: blocks that are filled from the bottom, and freed together. Each thread keeps some blocks of each
   usual size; the one that was freed last is used first, as it is in the CPU's cache. */
#include "memory/arena.h"
#include "socketserver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_BLOCKS = 64 };
#ifdef __SANITIZE_ADDRESS__
enum { SPARES = 0 }; /* so that AddressSanitizer finds uses of what was freed */
#else
enum { SPARES = 64 };
#endif

/* A small one comes second, behind the memory that an arena begins with: of those that wait for long few need
   more. */
enum kind { SMALL, USUAL, LARGE, CALLERS };

struct block {
    struct block *next;
    char *at, *end; /* of one that is lent: what is free; of all: their end */
    enum kind kind;
    unsigned users; /* of one that is lent */
    max_align_t data[];
};

/* With what malloc adds, whole KiB. */
static const size_t sizes[BLOCK_KINDS] = {
    [SMALL] = 2048 - 16 - sizeof(struct block), [USUAL] = 96 * 1024 - 16 - sizeof(struct block)};

static _Thread_local struct block_pool *pool;

struct block_pool *block_pool_enter(struct block_pool *mine)
{
    if (mine)
        *mine = (struct block_pool){0};
    return block_pool_exchange(mine);
}

struct block_pool *block_pool_exchange(struct block_pool *other)
{
    struct block_pool *before = pool;
    pool = other;
    return before;
}

void block_pool_leave(struct block_pool *mine, struct block_pool *before)
{
    for (int kind = 0; kind < BLOCK_KINDS; kind++) {
        for (struct block *next, *b = mine->shelves[kind].free; b; b = next) {
            next = b->next;
            free(b);
        }
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

static struct block *block_new(enum kind kind, size_t size)
{
    struct block *b;
    if (kind != LARGE && size > sizes[kind])
        kind = size > sizes[USUAL] ? LARGE : USUAL;
    if (kind != LARGE && pool && (b = pool->shelves[kind].free)) {
        pool->shelves[kind].free = b->next;
        pool->shelves[kind].count--;
        return b;
    }
    size_t room = kind == LARGE ? ALIGNED_SIZE(size) : sizes[kind];
    if (size > SIZE_MAX / 2 || !(b = malloc(sizeof *b + room)))
        return NULL;
    b->kind = kind;
    b->end = (char *)b->data + room;
    return b;
}

static void block_free(struct block *b)
{
    if (b->kind == CALLERS)
        return;
    if (b->kind == LARGE || !pool || pool->shelves[b->kind].count == POOL_BLOCKS) {
        free(b);
        return;
    }
    struct shelf *shelf = &pool->shelves[b->kind];
    b->next = shelf->free;
    shelf->free = b;
    shelf->count++;
}

static void use(struct ss_arena *arena, struct block *b)
{
    arena->block = b;
    arena->at = b ? (char *)b->data : NULL;
    arena->end = b ? b->end : NULL;
}

void arena_begin(struct ss_arena *arena, void *memory, size_t size)
{
    struct block *b = memory;
    *b = (struct block){.end = (char *)memory + size, .kind = CALLERS};
    *arena = (struct ss_arena){0};
    use(arena, b);
}

/* The block is full, or there is none. */
static void *grow(struct ss_arena *arena, size_t size)
{
    bool second = !arena->block || !arena->block->next;
    struct block *b = block_new(second ? SMALL : USUAL, size);
    if (!b)
        return NULL;
    b->next = arena->block;
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

static void pop(struct ss_arena *arena)
{
    struct block *b = arena->block;
    use(arena, b->next);
    block_free(b);
}

static void free_all(struct block *b)
{
    for (struct block *next; b; b = next) {
        next = b->next;
        block_free(b);
    }
}

void arena_free(struct ss_arena *arena)
{
    free_all(arena->lent);
    free_all(arena->block);
}

void *arena_lend(struct ss_arena *arena, size_t size)
{
    struct block *b = arena->lent;
    if (!b || size > (size_t)(b->end - b->at)) {
        if (!(b = block_new(USUAL, size)))
            return NULL;
        b->at = (char *)b->data;
        b->users = 0;
        b->next = arena->lent;
        arena->lent = b;
    }
    char *data = b->at;
    b->at += ALIGNED_SIZE(size);
    b->users++;
    return data;
}

void arena_return(struct ss_arena *arena, const void *data)
{
    struct block **link = &arena->lent, *b;
    while ((const char *)data < (char *)(*link)->data || (const char *)data >= (*link)->end)
        link = &(*link)->next;
    b = *link;
    if (--b->users == 0) {
        *link = b->next;
        block_free(b);
    }
}

void *ss_alloc(struct ss_handler *h, size_t size)
{
    return arena_alloc(h->arena, size);
}

void *ss_borrow(struct ss_handler *h, size_t size)
{
    return arena_lend(h->arena, size);
}

void ss_return(struct ss_handler *h, void *memory)
{
    arena_return(h->arena, memory);
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
