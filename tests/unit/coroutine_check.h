/* SPDX-License-Identifier: MIT */
/* The checks of coroutines that need no more than a switch: order, values, registers. */
#ifndef COROUTINE_CHECK_H
#define COROUTINE_CHECK_H

#include "loop/coroutine.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* To ThreadSanitizer each coroutine is a thread, which it takes long to make. */
#if defined(__SANITIZE_THREAD__)
enum { MANY = 100 };
#else
enum { MANY = 1000 };
#endif

static struct co loop; /* the thread's own stack */

static struct co *make(void (*body)(void *), void *arg)
{
    struct co *co = co_create(CO_STACK_SIZE, body, arg);

    if (co == NULL)
        abort();
    return co;
}

/* ---- order and values ---- */

static char trace[64];
static struct co *left, *right;

static void note(const char *what)
{
    strcat(trace, what);
}

static void left_body(void *arg)
{
    note(arg);
    co_switch(left, right);
    note("c");
    co_switch(left, right);
    for (;;)
        co_switch(left, &loop);
}

static void right_body(void *arg)
{
    note(arg);
    co_switch(right, &loop);
    note("2");
    co_switch(right, left);
    note("4");
    for (;;)
        co_switch(right, &loop);
}

static bool switches_in_order(void)
{
    trace[0] = '\0';
    left = make(left_body, "a");
    right = make(right_body, "1");
    note("(");
    co_switch(&loop, left);
    note("|");
    co_switch(&loop, left);
    note("|");
    co_switch(&loop, right);
    note(")");
    co_destroy(left);
    co_destroy(right);
    return strcmp(trace, "(a1|c2|4)") == 0;
}

/* A coroutine that yields values. */
struct generator {
    struct co *co;
    uint64_t value;
    unsigned step;
};

static void count_body(void *arg)
{
    struct generator *self = arg;
    uint64_t value = 0;

    for (;; value += self->step) {
        self->value = value;
        co_switch(self->co, &loop);
    }
}

static bool values_survive(void)
{
    struct generator three = {.step = 3}, five = {.step = 5};
    bool good = true;

    three.co = make(count_body, &three);
    five.co = make(count_body, &five);
    for (unsigned i = 0; i < 1000; i++) {
        co_switch(&loop, three.co);
        co_switch(&loop, five.co);
        good = good && three.value == 3 * i && five.value == 5 * i;
    }
    co_destroy(three.co);
    co_destroy(five.co);
    return good;
}

static bool many_at_once(void)
{
    static struct generator many[MANY];
    bool good = true;

    for (unsigned i = 0; i < MANY; i++) {
        many[i].step = i;
        many[i].co = make(count_body, &many[i]);
    }
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            co_switch(&loop, many[i].co);
            good = good && many[i].value == (uint64_t)round * i;
        }
    }
    for (unsigned i = 0; i < MANY; i++)
        co_destroy(many[i * 7 % MANY].co);
    return good;
}

/* ---- registers ---- */

/* More values than there are callee-saved registers, all alive across the switch: read from volatile memory,
 * so that the compiler cannot make them again afterwards. */
static bool keeps_integers(struct co *self, struct co *other, uint64_t z)
{
    volatile uint64_t seed = z;
    uint64_t a = seed + 1, b = seed + 2, c = seed + 3, d = seed + 4, e = seed + 5, f = seed + 6, g = seed + 7;
    uint64_t h = seed + 8, i = seed + 9, j = seed + 10, k = seed + 11, l = seed + 12, m = seed + 13;

    co_switch(self, other);
    z = seed;
    return a == z + 1 && b == z + 2 && c == z + 3 && d == z + 4 && e == z + 5 && f == z + 6 && g == z + 7 &&
           h == z + 8 && i == z + 9 && j == z + 10 && k == z + 11 && l == z + 12 && m == z + 13;
}

static bool keeps_doubles(struct co *self, struct co *other, double z)
{
    volatile double seed = z;
    double a = seed + 1, b = seed + 2, c = seed + 3, d = seed + 4, e = seed + 5, f = seed + 6, g = seed + 7;
    double h = seed + 8, i = seed + 9, j = seed + 10;

    co_switch(self, other);
    z = seed;
    return a == z + 1 && b == z + 2 && c == z + 3 && d == z + 4 && e == z + 5 && f == z + 6 && g == z + 7 &&
           h == z + 8 && i == z + 9 && j == z + 10;
}

static bool kept;

static void registers_body(void *arg)
{
    struct co **self = arg;

    for (unsigned seed = 1000000;; seed += 1000) {
        kept = keeps_integers(*self, &loop, seed) && kept;
        kept = keeps_doubles(*self, &loop, seed) && kept;
    }
}

static bool registers_survive(void)
{
    struct co *co = make(registers_body, &co);

    kept = true;
    for (unsigned seed = 7; seed < 10000; seed += 100) {
        kept = keeps_integers(&loop, co, seed) && kept;
        kept = keeps_doubles(&loop, co, seed) && kept;
        co_switch(&loop, co); /* out of step, so that each kind meets the other */
    }
    co_destroy(co);
    return kept;
}

struct series {
    struct co *co;
    double ratio, sum;
    char text[32];
};

static void series_body(void *arg)
{
    struct series *self = arg;
    double term = 1;

    for (;;) {
        self->sum += term;
        term *= self->ratio;
        snprintf(self->text, sizeof(self->text), "%.6f", self->sum);
        co_switch(self->co, &loop);
    }
}

static bool floating_point_survives(void)
{
    struct series half = {.ratio = 0.5}, third = {.ratio = 1.0 / 3};

    half.co = make(series_body, &half);
    third.co = make(series_body, &third);
    for (int i = 0; i < 60; i++) {
        co_switch(&loop, half.co);
        co_switch(&loop, third.co);
    }
    co_destroy(half.co);
    co_destroy(third.co);
    return strcmp(half.text, "2.000000") == 0 && strcmp(third.text, "1.500000") == 0;
}

static bool aligned;

static void aligned_body(void *arg)
{
    struct co **self = arg;

    aligned = aligned && (uintptr_t)__builtin_frame_address(0) % 16 == 0;
    for (;;)
        co_switch(*self, &loop);
}

/* Whatever the colour of the stack. */
static bool aligned_at_entry(void)
{
    aligned = true;
    for (int i = 0; i < 40; i++) {
        struct co *co = make(aligned_body, &co);

        co_switch(&loop, co);
        co_destroy(co);
    }
    return aligned;
}

static bool errno_seen;

static void errno_body(void *arg)
{
    struct co **self = arg;

    errno_seen = errno == EDOM;
    errno = ERANGE;
    for (;;)
        co_switch(*self, &loop);
}

/* It is the thread's: a switch neither keeps nor spoils it. */
static bool errno_passes_through(void)
{
    struct co *co = make(errno_body, &co);
    bool back;

    errno = EDOM;
    co_switch(&loop, co);
    back = errno == ERANGE;
    co_destroy(co);
    return errno_seen && back;
}

/* ---- any order ---- */

enum { PLAYERS = 16, MOVES = 20000 };

/* Each player has random numbers of its own, and they say who is next. */
struct player {
    struct co *co;
    uint64_t random;
};

static struct player players[PLAYERS];
static uint64_t score;
static int moves;

static unsigned move(unsigned who, uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    score = score * 31 + who;
    return (unsigned)(*random >> 60);
}

static void player_body(void *arg)
{
    struct player *self = arg;
    uint64_t random = self->random;
    unsigned next;

    for (;;) {
        next = move((unsigned)(self - players), &random);
        if (--moves == 0)
            co_switch(self->co, &loop);
        else if (&players[next] != self)
            co_switch(self->co, players[next].co);
    }
}

/* Thousands of switches from any to any end as the same game does in a plain loop. */
static bool any_order(void)
{
    uint64_t expected, random[PLAYERS];

    score = 0;
    for (unsigned i = 0; i < PLAYERS; i++)
        random[i] = players[i].random = i;
    for (unsigned n = 0, who = 0; n < MOVES; n++)
        who = move(who, &random[who]);
    expected = score;
    score = 0;
    moves = MOVES;
    for (unsigned i = 0; i < PLAYERS; i++)
        players[i].co = make(player_body, &players[i]);
    co_switch(&loop, players[0].co);
    for (unsigned i = 0; i < PLAYERS; i++)
        co_destroy(players[i].co);
    return score == expected;
}

#endif
