/* SPDX-License-Identifier: MIT */
/* The oracle: the same tests of the same functions, made of ucontext. Whatever passes here and fails in
   test_coroutine.c is wrong in the assembly. What it defines takes precedence over the library's. The stacks
   here are those of a crowd, whose guards are madvised. */
#define CO_UCONTEXT
#define SPLIT_STACKS 3
#include "../../framework/loop/coroutine.c"

#include "test_coroutine.c"
