/* SPDX-License-Identifier: MIT */
/* Macros that define a wrapper: one line says of a call how it fails. The linker lets the programs under test
   call the wrapper (--wrap), which calls the C library's own under the name of __real_NAME. */
#ifndef FAULT_CALLS_H
#define FAULT_CALLS_H

#include "fault.h"
#include <errno.h>

/* A call `name` of the C library whose symbol has another name, where sizes are checked. `failed` can be
   looked at by what stands in place of `body`, which ends with a return. What returns `before` has not
   failed. */
#define FAULT_WRAP_AFTER(type, name, symbol, parameters, before, body)         \
    static const struct fault_name fault_name_##symbol                         \
        __attribute__((section("fault_names"), used)) = {#name};               \
    type __real_##symbol parameters;                                           \
    type __wrap_##symbol parameters;                                           \
    type __wrap_##symbol parameters                                            \
    {                                                                          \
        before;                                                                \
        int failed = fault(&fault_name_##symbol, __builtin_return_address(0)); \
        body                                                                   \
    }
#define FAULT_WRAP(type, name, symbol, parameters, body) \
    FAULT_WRAP_AFTER(type, name, symbol, parameters, , body)

/* Fails with this result, and errno. */
#define FAILS_WITH(result, type, name, parameters, arguments) \
    FAULT_WRAP(type, name, name, parameters, {                \
        if (failed) {                                         \
            errno = failed;                                   \
            return result;                                    \
        }                                                     \
        return __real_##name arguments;                       \
    })

/* Returns -1 and sets errno; returns NULL and sets errno. */
#define FAILS(type, name, parameters, arguments) FAILS_WITH(-1, type, name, parameters, arguments)
#define FAILS_NULL(type, name, parameters, arguments) FAILS_WITH(NULL, type, name, parameters, arguments)

/* Returns the error. */
#define RETURNS(type, name, parameters, arguments) \
    FAULT_WRAP(type, name, name, parameters, { return failed ? failed : __real_##name arguments; })

/* Does it, and returns -1 and sets errno. */
#define DONE_AND_FAILS(type, name, parameters, arguments) \
    FAULT_WRAP(type, name, name, parameters, {            \
        type result = __real_##name arguments;            \
        if (failed) {                                     \
            errno = failed;                               \
            return -1;                                    \
        }                                                 \
        return result;                                    \
    })

/* Moves `size` bytes by `call`, fewer, or does `failing`, returns -1 and sets errno. */
#define MOVES_BY(type, name, symbol, parameters, failing, call)     \
    FAULT_WRAP(type, name, symbol, parameters, {                    \
        if (failed > 0) {                                           \
            failing;                                                \
            errno = failed;                                         \
            return -1;                                              \
        }                                                           \
        size = failed == FAULT_SHORT && size > 1 ? size / 2 : size; \
        return call;                                                \
    })
#define MOVES_AS(type, name, symbol, parameters, arguments) \
    MOVES_BY(type, name, symbol, parameters, (void)0, __real_##symbol arguments)
#define MOVES(type, name, parameters, arguments) MOVES_AS(type, name, name, parameters, arguments)

#endif
