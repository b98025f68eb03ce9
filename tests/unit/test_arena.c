/* SPDX-License-Identifier: MIT */
/* Memory that lives as long as a request, and what a thread keeps of it for the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory/arena.h"
#include "socketserver.h"
#include <string.h>
#include <wchar.h>

static void test_alloc(void **state)
{
    struct ss_arena arena = {0};
    char *all[200];
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        all[i] = arena_alloc(&arena, 100 * i);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        memset(all[i], (int)i, 100 * i);
    }
    for (size_t i = 1; i < 200; i++)
        assert_true((unsigned char)all[i][0] == i && (unsigned char)all[i][100 * i - 1] == i);
    arena_free(&arena);
}

/* What lies at the end of a block stays as it is when the block is full, and when it is used again. */
static void test_pages(void **state)
{
    struct ss_arena arena = {0};
    struct ss_handler h = {.arena = &arena};
    (void)state;
    char *first = ss_alloc(&h, 10), *pages = arena_alloc_pages(&arena, 10000),
         *more = arena_alloc_pages(&arena, 5000);
    assert_true((uintptr_t)pages % 4096 == 0 && (uintptr_t)more % 4096 == 0 && more > first &&
                more + 5000 <= pages);
    memset(pages, 'p', 10000);
    memset(more, 'm', 5000);
    for (int round = 0; round < 3; round++) {
        struct ss_mark mark = ss_mark(&h);
        for (int i = 0; i < 1000; i++)
            memset(ss_alloc(&h, 200), 'x', 200);
        ss_release(&h, mark);
    }
    for (int i = 0; i < 10000; i++)
        assert_true(pages[i] == 'p' && (i >= 5000 || more[i] == 'm'));
    assert_non_null(arena_alloc_pages(&arena, 200000));
    assert_null(arena_alloc_pages(&arena, SIZE_MAX));
    assert_null(arena_alloc_pages(&arena, SIZE_MAX / 2 + 1));
    arena_free(&arena);
    arena = (struct ss_arena){0};
    assert_non_null(arena_alloc_pages(&arena, 1));
    arena_free(&arena);
}

/* More than there can be is refused, and does no harm to what is there. */
static void test_too_much(void **state)
{
    struct ss_arena arena = {0};
    (void)state;
    char *text = arena_alloc(&arena, 10);
    strcpy(text, "still so");
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 7));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_string_equal(text, "still so");
    assert_ptr_equal(arena_alloc(&arena, 1), text + ALIGNED_SIZE(10));
    arena_free(&arena);
}

static void test_format(void **state)
{
    struct ss_arena arena = {0};
    struct ss_handler h = {.arena = &arena};
    (void)state;
    assert_string_equal(ss_format(&h, "%s and %d", "one", 2), "one and 2");
    assert_int_equal(strlen(ss_format(&h, "%100000s", "x")), 100000);
    assert_null(ss_format(&h, "%lc", (wint_t)0x7fffffff)); /* a character that there is not */
    arena_free(&arena);
}

/* What was allocated since a mark is free again: the same memory is given once more. */
static void test_mark(void **state)
{
    struct ss_arena arena = {0};
    struct ss_handler h = {.arena = &arena};
    (void)state;
    struct ss_mark nothing = ss_mark(&h);
    char *first = ss_alloc(&h, 10);
    struct ss_mark mark = ss_mark(&h);
    char *second = ss_alloc(&h, 10);
    for (int i = 0; i < 10; i++)
        assert_non_null(ss_alloc(&h, 20000));
    ss_release(&h, mark);
    assert_ptr_equal(ss_alloc(&h, 10), second);
    strcpy(first, "kept");
    ss_release(&h, nothing);
    assert_non_null(ss_alloc(&h, 10));
    arena_free(&arena);
}

/* A thread keeps spare objects, some of them and all of one size; without a pool none. */
static void test_spares(void **state)
{
    enum { MANY = 1000 };
    struct block_pool pool = {0};
    void *all[MANY];
    (void)state;
    spare_free(spare_alloc(40), 40);
    assert_null(block_pool_enter(&pool));
    for (int i = 0; i < MANY; i++)
        all[i] = spare_alloc(40);
    for (int i = 0; i < MANY; i++)
        spare_free(all[i], 40);
    unsigned kept = pool.spare_count;
#ifdef __SANITIZE_ADDRESS__
    assert_int_equal(kept, 0);
#else
    assert_true(kept > 0 && kept < MANY);
    spare_free(spare_alloc(80), 80);
    assert_true(pool.spare_count == kept && pool.spare_size == 40);
    for (unsigned i = 0; i < kept; i++)
        all[i] = spare_alloc(40);
    assert_int_equal(pool.spare_count, 0);
    spare_free(spare_alloc(80), 80);
    assert_true(pool.spare_count == 1 && pool.spare_size == 80);
    for (unsigned i = 0; i < kept; i++)
        spare_free(all[i], 40);
#endif
    block_pool_leave(&pool, NULL);
}

/* And blocks of the usual size, for whichever arena comes next. */
static void test_blocks(void **state)
{
    struct block_pool pool = {0}, inner = {0};
    struct ss_arena arena = {0}, next = {0};
    (void)state;
    assert_null(block_pool_enter(&pool));
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&arena, i == 500 ? 1000000 : 10000));
    arena_free(&arena);
    unsigned blocks = pool.count;
    assert_true(blocks > 0 && blocks < 110);
    assert_non_null(arena_alloc(&next, 1000));
    assert_int_equal(pool.count, blocks - 1);
    assert_ptr_equal(block_pool_enter(&inner), &pool);
    arena_free(&next);
    assert_int_equal(inner.count, 1);
    block_pool_leave(&inner, &pool);
    block_pool_leave(&pool, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),  cmocka_unit_test(test_pages), cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_format), cmocka_unit_test(test_mark),  cmocka_unit_test(test_spares),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
