/* SPDX-License-Identifier: MIT */
/* Timers, against the naivest possible ones: an array of deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/timer.h"

enum { TIMERS = 300, OPERATIONS = 200000 };

static struct wheel wheel;
static struct timer timers[TIMERS];
static uint64_t deadlines[TIMERS]; /* the oracle */
static uint64_t seed;

static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void begin(uint64_t now)
{
    seed = 88172645463325252;
    wheel_init(&wheel, now);
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&timers[i]);
        deadlines[i] = TIMER_NEVER;
    }
}

static void set(int i, uint64_t deadline)
{
    timer_set(&wheel, &timers[i], deadline);
    deadlines[i] = deadline;
}

/* What wheel_expire returns is exactly what is due: all of it, once each, and nothing else. */
static void check_expire(uint64_t now)
{
    struct timer *timer;

    while ((timer = wheel_expire(&wheel, now)) != NULL) {
        assert_in_range(timer - timers, 0, TIMERS - 1);
        assert_true(deadlines[timer - timers] <= now);
        deadlines[timer - timers] = TIMER_NEVER;
    }
    assert_true(wheel_next(&wheel) > now);
    for (int i = 0; i < TIMERS; i++) {
        assert_true(deadlines[i] > now);
        assert_true(deadlines[i] >= wheel_next(&wheel));
    }
}

/* The bits say which slots are in use, and the links which timers are in them. */
static void check_structure(void)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int i = 0; i < WHEEL_SLOTS; i++) {
            struct timer *const *link = &wheel.slot[level][i];

            assert_int_equal(wheel.occupied[level] >> i & 1, *link != NULL);
            for (; *link != NULL; link = &(*link)->next) {
                assert_ptr_equal((*link)->prev, link);
                assert_true((*link)->due <= (*link)->deadline || (*link)->due == wheel.now);
            }
        }
    }
}

/* A distance of any magnitude up to `bits` bits. */
static uint64_t some_time(unsigned bits)
{
    return any() >> (64 - (1 + any() % bits));
}

static void run_random(uint64_t now, unsigned far, unsigned step, int operations)
{
    begin(now);
    while (operations-- > 0) {
        int i = (int)(any() % TIMERS);

        switch (any() % 16) {
        case 0:
        case 1:
            timer_stop(&timers[i]);
            deadlines[i] = TIMER_NEVER;
            break;
        case 2:
            timer_remove(&wheel, &timers[i]);
            timer_init(&timers[i]);
            deadlines[i] = TIMER_NEVER;
            break;
        case 3:
            now += some_time(step);
            check_expire(now);
            break;
        case 4:
            set(i, now - any() % 8); /* already past */
            break;
        default:
            set(i, now + some_time(far));
        }
        if (operations % 64 == 0)
            check_structure();
    }
    check_expire(now + (UINT64_C(1) << 62));
}

static void test_random_near(void **state)
{
    (void)state;
    run_random(1000, 10, 6, OPERATIONS);
}

static void test_random_timeouts(void **state)
{
    (void)state;
    run_random(UINT64_C(1) << 40, 17, 12, OPERATIONS);
}

static void test_random_far(void **state)
{
    (void)state;
    run_random(123456789, 34, 28, OPERATIONS);
}

static void test_random_jumps(void **state)
{
    (void)state;
    run_random(0x7fffffff, 12, 32, OPERATIONS / 4);
}

/* Around each moment at which a level begins a new round. */
static void test_wrap_at_each_level(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= WHEEL_LEVELS + 1; level++) {
        uint64_t wrap = UINT64_C(5) << (level * WHEEL_BITS);

        for (int before = 0; before < 3; before++) {
            begin(wrap - 2 + (uint64_t)before);
            for (int i = 0; i < TIMERS; i++)
                set(i, wrap - 5 + (uint64_t)i);
            for (uint64_t now = wrap - 2 + (uint64_t)before; now < wrap + TIMERS; now++)
                check_expire(now);
            assert_int_equal(wheel_next(&wheel), TIMER_NEVER);
            run_random(wrap - 100, level * WHEEL_BITS, 5, 2000);
        }
    }
}

/* To the millisecond, however far: not before, and at once. */
static void test_exact_at_any_distance(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 45; bit++) {
        for (int around = -1; around <= 1; around++) {
            uint64_t now = 987654321, deadline = now + (UINT64_C(1) << bit) + (uint64_t)around;

            begin(now);
            set(0, deadline);
            if (deadline > now)
                assert_null(wheel_expire(&wheel, deadline - 1));
            assert_ptr_equal(wheel_expire(&wheel, deadline), &timers[0]);
            assert_null(wheel_expire(&wheel, deadline));
        }
    }
}

/* A loop that sleeps until wheel_next each time gets there too, in few steps. */
static void test_following_next(void **state)
{
    uint64_t now = 77, deadline = now + (UINT64_C(1) << 26) + 4321;
    struct timer *timer = NULL;
    int steps = 0;

    (void)state;
    begin(now);
    set(7, deadline);
    for (; timer == NULL && steps < 20; steps++) {
        assert_true(wheel_next(&wheel) > now || steps == 0);
        now = wheel_next(&wheel);
        assert_true(now <= deadline);
        timer = wheel_expire(&wheel, now);
    }
    assert_ptr_equal(timer, &timers[7]);
    assert_int_equal(now, deadline);
}

static void test_later_only_stamps(void **state)
{
    struct wheel before;

    (void)state;
    begin(0);
    set(0, 100);
    before = wheel;
    for (uint64_t now = 1; now <= 50; now++)
        set(0, now + 100);
    assert_memory_equal(&before, &wheel, sizeof(wheel));
    assert_int_equal(timers[0].due, 100);
    assert_null(wheel_expire(&wheel, 149));
    assert_ptr_equal(wheel_expire(&wheel, 150), &timers[0]);
}

static void test_earlier_moves(void **state)
{
    (void)state;
    begin(0);
    set(0, 100000);
    set(0, 20);
    assert_int_equal(wheel_next(&wheel), 20);
    assert_null(wheel_expire(&wheel, 19));
    assert_ptr_equal(wheel_expire(&wheel, 20), &timers[0]);
    assert_null(wheel_expire(&wheel, 200000));
}

static void test_stop_only_stamps(void **state)
{
    struct wheel before;

    (void)state;
    begin(0);
    set(0, 100);
    before = wheel;
    timer_stop(&timers[0]);
    assert_memory_equal(&before, &wheel, sizeof(wheel));
    assert_null(wheel_expire(&wheel, 100));
    assert_int_equal(wheel_next(&wheel), TIMER_NEVER);
    set(0, 300);
    timer_stop(&timers[0]);
    set(0, 200);
    assert_ptr_equal(wheel_expire(&wheel, 300), &timers[0]);
}

static void test_never_is_not_queued(void **state)
{
    (void)state;
    begin(0);
    set(0, TIMER_NEVER);
    assert_int_equal(wheel_next(&wheel), TIMER_NEVER);
    assert_null(wheel_expire(&wheel, TIMER_NEVER - 1));
}

static void test_remove(void **state)
{
    (void)state;
    begin(0);
    timer_remove(&wheel, &timers[0]); /* not queued: harmless */
    for (int i = 0; i < 3; i++)
        set(i, 50);
    timer_remove(&wheel, &timers[1]);
    timer_remove(&wheel, &timers[1]);
    check_structure();
    assert_non_null(wheel_expire(&wheel, 50));
    assert_non_null(wheel_expire(&wheel, 50));
    assert_null(wheel_expire(&wheel, 50));
    set(1, 5000);
    timer_remove(&wheel, &timers[1]);
    check_structure();
    assert_int_equal(wheel_next(&wheel), TIMER_NEVER);
}

/* What the caller does with a timer it was given is its own business, in the midst of expiring others too. */
static void test_changes_while_expiring(void **state)
{
    int fired = 0;

    (void)state;
    begin(0);
    for (int i = 0; i < 10; i++)
        set(i, 1000);
    for (struct timer *timer; (timer = wheel_expire(&wheel, 2000)) != NULL; fired++) {
        timer_set(&wheel, timer, 3000);
        timer_remove(&wheel, &timers[(timer - timers + 5) % 10]);
        check_structure();
    }
    assert_int_equal(fired, 5);
}

static void test_size(void **state)
{
    (void)state;
    assert_true(sizeof(struct timer) <= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_near),
        cmocka_unit_test(test_random_timeouts),
        cmocka_unit_test(test_random_far),
        cmocka_unit_test(test_random_jumps),
        cmocka_unit_test(test_wrap_at_each_level),
        cmocka_unit_test(test_exact_at_any_distance),
        cmocka_unit_test(test_following_next),
        cmocka_unit_test(test_later_only_stamps),
        cmocka_unit_test(test_earlier_moves),
        cmocka_unit_test(test_stop_only_stamps),
        cmocka_unit_test(test_never_is_not_queued),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_changes_while_expiring),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
