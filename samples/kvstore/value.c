/* SPDX-License-Identifier: MIT */
#include "kvstore/value.h"
#include <stdlib.h>

struct value *value_new(size_t size, size_t room)
{
    struct value *value = malloc(sizeof *value + room);
    if (value) {
        atomic_init(&value->holders, 1);
        value->size = (uint32_t)size;
        value->room = (uint32_t)room;
    }
    return value;
}

void value_release(struct value *value)
{
    if (value &&
        (value_is_own(value) || atomic_fetch_sub_explicit(&value->holders, 1, memory_order_acq_rel) == 1))
        free(value);
}
