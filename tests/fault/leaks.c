/* SPDX-License-Identifier: MIT */
/* LeakSanitizer looks at a process that ends by exit(3). With AddressSanitizer the linker has _exit(2), by
   which the processes of a server end, come here first (--wrap). */
#include <unistd.h>

/* The linker's names, and the sanitizer's.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __lsan_do_recoverable_leak_check(
    void); /* of sanitizer/lsan_interface.h, which not each compiler has at hand */
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
    __real__exit(__lsan_do_recoverable_leak_check() ? 23 : status);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
