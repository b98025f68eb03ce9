/* SPDX-License-Identifier: MIT */
/* The switch between two stacks, for each machine. Private to coroutine.c.

   co_jump(save, load) stores where the running stack stops in *save, and continues the one that stopped at
   `load`. co_prepare(top, bottom, start) makes a new stack look as if it had stopped just before start(top),
   where `top` is the end of the stack and its argument as well; it returns what to load.

   In assembly, co_jump pushes what a callee must preserve, exchanges stack pointers, and pops. It stands at
   file scope because gcc has no naked functions for aarch64, and because no instrumentation (coverage, TSan,
   stack protector) reaches it here. Its symbols are global, though hidden, so that link-time optimisation may
   part it from its callers.

   The floating-point control registers (MXCSR and the x87 control word; FPCR) are not exchanged, though the
   ABI calls them callee-saved: nothing here changes the rounding mode, and to load them costs more than the
   rest.

   co_entry is where a new stack begins. It has no caller, and says so: a backtrace ends there. */
#ifndef COROUTINE_SWITCH_H
#define COROUTINE_SWITCH_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__LP64__) && !defined(CO_UCONTEXT)
#define CO_SWITCH_NAME "x86-64 assembly"

/* The way back is a jump: a `ret` that does not match the last `call` is always mispredicted, at 20 ns. It
   lands behind some call of co_jump, where there is no endbr64: hence notrack. */
#if defined(__CET__) && (__CET__ & 1)
#define ENDBR "endbr64\n"
#define NOTRACK "notrack "
#else
#define ENDBR
#define NOTRACK
#endif
// clang-format off
__asm__(".text\n"
        ".globl co_jump\n"
        ".hidden co_jump\n"
        ".type co_jump, @function\n"
        ".p2align 4\n"
        "co_jump:\n"
        ".cfi_startproc\n"
        ENDBR
        "pushq %rbp\n"             ".cfi_adjust_cfa_offset 8\n" ".cfi_rel_offset %rbp, 0\n"
        "pushq %rbx\n"             ".cfi_adjust_cfa_offset 8\n" ".cfi_rel_offset %rbx, 0\n"
        "pushq %r12\n"             ".cfi_adjust_cfa_offset 8\n" ".cfi_rel_offset %r12, 0\n"
        "pushq %r13\n"             ".cfi_adjust_cfa_offset 8\n" ".cfi_rel_offset %r13, 0\n"
        "pushq %r14\n"             ".cfi_adjust_cfa_offset 8\n" ".cfi_rel_offset %r14, 0\n"
        "pushq %r15\n"             ".cfi_adjust_cfa_offset 8\n" ".cfi_rel_offset %r15, 0\n"
        "movq %rsp, (%rdi)\n"
        "movq %rsi, %rsp\n"
        "popq %r15\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_restore %r15\n"
        "popq %r14\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_restore %r14\n"
        "popq %r13\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_restore %r13\n"
        "popq %r12\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_restore %r12\n"
        "popq %rbx\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_restore %rbx\n"
        "popq %rbp\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_restore %rbp\n"
        "popq %rcx\n"              ".cfi_adjust_cfa_offset -8\n" ".cfi_register %rip, %rcx\n"
        NOTRACK "jmp *%rcx\n"
        ".cfi_endproc\n"
        ".size co_jump, .-co_jump\n"

        ".globl co_entry\n"
        ".hidden co_entry\n"
        ".type co_entry, @function\n"
        ".p2align 4\n"
        "co_entry:\n"
        ".cfi_startproc\n"
        ".cfi_undefined %rip\n"
        ENDBR
        "movq %r13, %rdi\n"
        "callq *%r12\n"
        "ud2\n"
        ".cfi_endproc\n"
        ".size co_entry, .-co_entry\n");
// clang-format on

void co_jump(void **save, void *load) __attribute__((visibility("hidden")));
void co_entry(void) __attribute__((visibility("hidden")));

static void *co_prepare(void *top, const void *bottom, void (*start)(void *))
{
    void **frame = (void **)top - 7; /* what co_jump pops: r15 r14 r13 r12 rbx rbp, and where to go */

    (void)bottom;
    memset(frame, 0, 7 * sizeof(*frame));
    frame[2] = top;
    frame[3] = (void *)(uintptr_t)start;
    frame[6] = (void *)(uintptr_t)co_entry;
    return frame;
}

#elif defined(__aarch64__) && defined(__LP64__) && !defined(CO_UCONTEXT)
#define CO_SWITCH_NAME "aarch64 assembly"

/* It ends in `ret`: with branch targets enforced (BTI), the only indirect branch that may land behind a call.
 */
#if defined(__ARM_FEATURE_BTI_DEFAULT)
#define LANDING "hint #34\n" /* bti c */
#else
#define LANDING
#endif
// clang-format off
__asm__(".text\n"
        ".globl co_jump\n"
        ".hidden co_jump\n"
        ".type co_jump, %function\n"
        ".p2align 4\n"
        "co_jump:\n"
        ".cfi_startproc\n"
        LANDING
        "stp x29, x30, [sp, #-160]!\n"  ".cfi_adjust_cfa_offset 160\n"
                                        ".cfi_rel_offset x29, 0\n" ".cfi_rel_offset x30, 8\n"
        "stp x19, x20, [sp, #16]\n"     ".cfi_rel_offset x19, 16\n" ".cfi_rel_offset x20, 24\n"
        "stp x21, x22, [sp, #32]\n"     ".cfi_rel_offset x21, 32\n" ".cfi_rel_offset x22, 40\n"
        "stp x23, x24, [sp, #48]\n"     ".cfi_rel_offset x23, 48\n" ".cfi_rel_offset x24, 56\n"
        "stp x25, x26, [sp, #64]\n"     ".cfi_rel_offset x25, 64\n" ".cfi_rel_offset x26, 72\n"
        "stp x27, x28, [sp, #80]\n"     ".cfi_rel_offset x27, 80\n" ".cfi_rel_offset x28, 88\n"
        "stp d8, d9, [sp, #96]\n"
        "stp d10, d11, [sp, #112]\n"
        "stp d12, d13, [sp, #128]\n"
        "stp d14, d15, [sp, #144]\n"
        "mov x9, sp\n"
        "str x9, [x0]\n"
        "mov sp, x1\n"
        "ldp d14, d15, [sp, #144]\n"
        "ldp d12, d13, [sp, #128]\n"
        "ldp d10, d11, [sp, #112]\n"
        "ldp d8, d9, [sp, #96]\n"
        "ldp x27, x28, [sp, #80]\n"
        "ldp x25, x26, [sp, #64]\n"
        "ldp x23, x24, [sp, #48]\n"
        "ldp x21, x22, [sp, #32]\n"
        "ldp x19, x20, [sp, #16]\n"
        "ldp x29, x30, [sp], #160\n"    ".cfi_def_cfa_offset 0\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size co_jump, .-co_jump\n"

        ".globl co_entry\n"
        ".hidden co_entry\n"
        ".type co_entry, %function\n"
        ".p2align 4\n"
        "co_entry:\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        LANDING
        "mov x0, x20\n"
        "blr x19\n"
        "brk #1\n"
        ".cfi_endproc\n"
        ".size co_entry, .-co_entry\n");
// clang-format on

void co_jump(void **save, void *load) __attribute__((visibility("hidden")));
void co_entry(void) __attribute__((visibility("hidden")));

static void *co_prepare(void *top, const void *bottom, void (*start)(void *))
{
    void **frame = (void **)top - 20; /* what co_jump loads: x29 x30, x19 to x28, d8 to d15 */

    (void)bottom;
    memset(frame, 0, 20 * sizeof(*frame));
    frame[1] = (void *)(uintptr_t)co_entry;
    frame[2] = (void *)(uintptr_t)start;
    frame[3] = top;
    return frame;
}

#else /* any other machine, and the oracle of the tests */

#define CO_SWITCH_NAME "ucontext"
#include <ucontext.h>

/* What is loaded and saved is a context on the suspended stack itself. It takes a KiB: not to be inlined. */
__attribute__((noinline)) static void co_jump(void **save, void *load)
{
    ucontext_t here;

    *save = &here; /* cppcheck-suppress autoVariables ; used only while this frame is suspended */
    swapcontext(&here, load);
}

/* makecontext passes ints, so each pointer comes in two. */
static void co_entry(unsigned start_high, unsigned start_low, unsigned top_high, unsigned top_low)
{
    uint64_t start = (uint64_t)start_high << 32 | start_low, top = (uint64_t)top_high << 32 | top_low;

    ((void (*)(void *))(uintptr_t)start)((void *)(uintptr_t)top);
}

static void *co_prepare(void *top, const void *bottom, void (*start)(void *))
{
    ucontext_t *context = (ucontext_t *)(((uintptr_t)top - sizeof(*context)) & ~(uintptr_t)63);
    uint64_t entry = (uintptr_t)start, arg = (uintptr_t)top;

    getcontext(context);
    context->uc_stack.ss_sp = (void *)(uintptr_t)bottom;
    context->uc_stack.ss_size = (size_t)((char *)context - (const char *)bottom);
    context->uc_link = NULL;
    makecontext(context, (void (*)(void))(uintptr_t)co_entry, 4, (unsigned)(entry >> 32), (unsigned)entry,
                (unsigned)(arg >> 32), (unsigned)arg);
    return context;
}

#endif

#endif
