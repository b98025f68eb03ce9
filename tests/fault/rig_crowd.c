/* SPDX-License-Identifier: MIT */
/* rig, where a second coroutine is a crowd: its stack is made like those of many thousands. */
#define SPLIT_STACKS 1
#include "loop/coroutine.c" /* NOLINT(bugprone-suspicious-include) */
#include "rig.c"            /* NOLINT(bugprone-suspicious-include) */
