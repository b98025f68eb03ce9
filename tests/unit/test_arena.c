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

/* The memory that an arena begins with is used first, and is nobody's to free. */
static void test_first(void **state)
{
    _Alignas(max_align_t) char first[512];
    struct ss_arena arena;
    struct ss_handler h = {.arena = &arena};
    (void)state;
    arena_begin(&arena, first, sizeof first);
    char *inside = ss_alloc(&h, 100);
    assert_true(inside >= first && inside + 100 <= first + sizeof first);
    struct ss_mark mark = ss_mark(&h);
    for (size_t size = 1; size <= 1 << 20; size *= 2) {
        char *data = ss_alloc(&h, size);
        assert_true(data + size <= first || data >= inside + 100);
        memset(data, 'x', size);
    }
    ss_release(&h, mark);
    assert_ptr_equal(ss_alloc(&h, 16), inside + ALIGNED_SIZE(100));
    arena_free(&arena);
}

/* What is borrowed is nobody else's until it is returned, whatever happens to marks and in which order. */
static void test_borrow(void **state)
{
    enum { COUNT = 5 };
    static const size_t sizes[COUNT] = {1, 60000, 30000, 5000, 200000};
    struct block_pool pool;
    struct ss_arena arena = {0};
    struct ss_handler h = {.arena = &arena};
    char *all[COUNT];
    (void)state;
    assert_null(block_pool_enter(&pool));
    struct ss_mark mark = ss_mark(&h);
    for (int i = 0; i < COUNT; i++) {
        assert_non_null(all[i] = ss_borrow(&h, sizes[i]));
        assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        memset(all[i], 'a' + i, sizes[i]);
        memset(ss_alloc(&h, 3000), 'x', 3000);
    }
    ss_release(&h, mark);
    for (int k = 0; k < COUNT; k++) {
        int i = k * 3 % COUNT;
        for (size_t n = 0; n < sizes[i]; n++)
            assert_true(all[i][n] == 'a' + i);
        ss_return(&h, all[i]);
        memset(ss_alloc(&h, 50000), 'y', 50000);
    }
    assert_null(arena.lent);
    assert_null(ss_borrow(&h, SIZE_MAX));
    assert_null(ss_borrow(&h, SIZE_MAX / 2 + 1));
    assert_non_null(ss_borrow(&h, 1)); /* goes with the arena */
    arena_free(&arena);
    block_pool_leave(&pool, NULL);
}

/* What one has returned, the next one borrows: it is in the cache. */
static void test_lent_again(void **state)
{
    struct block_pool pool;
    struct ss_arena one = {0}, other = {0};
    (void)state;
    assert_null(block_pool_enter(&pool));
    char *first = arena_lend(&one, 1000), *second = arena_lend(&one, 1000);
    arena_return(&one, first);
    assert_ptr_not_equal(arena_lend(&other, 1000), first);
    arena_return(&one, second);
    assert_ptr_equal(arena_lend(&one, 1000), first);
    arena_free(&one);
    arena_free(&other);
    block_pool_leave(&pool, NULL);
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
    unsigned small = pool.shelves[0].count, blocks = pool.shelves[1].count;
    assert_true(small <= 2 && blocks > 0 && blocks < 110);
    assert_non_null(arena_alloc(&next, 10000));
    assert_int_equal(pool.shelves[1].count, blocks - 1);
    assert_ptr_equal(block_pool_enter(&inner), &pool);
    arena_free(&next);
    assert_int_equal(inner.shelves[1].count, 1);
    block_pool_leave(&inner, &pool);
    block_pool_leave(&pool, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),      cmocka_unit_test(test_first),    cmocka_unit_test(test_borrow),
        cmocka_unit_test(test_lent_again), cmocka_unit_test(test_too_much), cmocka_unit_test(test_format),
        cmocka_unit_test(test_mark),       cmocka_unit_test(test_spares),   cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
