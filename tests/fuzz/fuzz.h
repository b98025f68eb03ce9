/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share. A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput, which stops the
   program by REQUIRE when the code under test breaks a promise. Its first inputs are corpus/NAME/, inputs
   that once failed crashes/NAME/, words of its language NAME.dict. libFuzzer and AFL++ link it with a main
   of their own (make fuzz), the tests with replay.c. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline _Noreturn void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

/* The input in memory of exactly its size, so that the sanitizers see a byte read too far; with `tail`
   behind it. Freed by the caller. */
static inline char *fuzz_copy(const uint8_t *data, size_t size, const char *tail, size_t tail_size)
{
    char *copy = malloc(size + tail_size ? size + tail_size : 1);
    REQUIRE(copy);
    if (size)
        memcpy(copy, data, size);
    if (tail_size)
        memcpy(copy + size, tail, tail_size);
    return copy;
}

/* The input as a string of C, up to its first NUL. Freed by the caller. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    return fuzz_copy(data, strnlen((const char *)data, size), "", 1);
}

/* A small generator of numbers, the same everywhere (xorshift32); `state` is not 0. */
static inline uint32_t fuzz_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
