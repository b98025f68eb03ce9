/* SPDX-License-Identifier: MIT */
/* What a key stands for: bytes. Whoever writes them to a client may hold them while others change the key. */
#ifndef KVSTORE_VALUE_H
#define KVSTORE_VALUE_H

#include "kvstore/text.h"
#include <stdatomic.h>

struct value {
    atomic_uint holders;
    uint32_t size, room;
    char data[];
};

static inline struct text value_text(const struct value *value)
{
    return (struct text){value->data, value->size};
}

/* A value of so many bytes, which the caller fills in, and holds. NULL: there is no memory. */
struct value *value_new(size_t size, size_t room);
/* The other holders go on seeing what they see. Any thread, with the lock of who holds it. */
static inline struct value *value_hold(struct value *value)
{
    atomic_fetch_add_explicit(&value->holders, 1, memory_order_relaxed);
    return value;
}
/* NULL is harmless. */
void value_release(struct value *value);
/* Does nobody but the caller hold it? Then its bytes may be changed. */
static inline bool value_is_own(struct value *value)
{
    return atomic_load_explicit(&value->holders, memory_order_acquire) == 1;
}
static inline size_t value_memory(const struct value *value)
{
    return sizeof *value + value->room;
}

#endif
