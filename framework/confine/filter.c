/* SPDX-License-Identifier: MIT */
/* The filter of seccomp: a program of classic BPF, made of the rules of calls.c. libseccomp would make one,
   too, but then a server would be confined only where that is installed, for the sake of what stands here.
   Either way a start takes half a millisecond more.

   The kernel asks the filter once about each call that is let through whatever its arguments are, and
   remembers the answer (since Linux 5.11). So such a call costs no run of the program, but ten nanoseconds
   or two dozen. */
#include "confine/confine.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__LP64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LP64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MACHINE AUDIT_ARCH_AARCH64
#else
#define MACHINE 0
#endif

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

enum {
    NEWEST = 451,      /* calls that are newer do not exist: so the C library does without */
    CLONE3 = 435,      /* nor does this one, whose flags a filter cannot see; clone serves as well */
    X32 = 0x40000000,  /* and above: the calls of another machine */
    MOST_PER_RULE = 6, /* instructions */
    BEGIN_AND_END = 12,
};

struct program {
    struct sock_filter *code;
    unsigned short size;
};

static void add(struct program *p, unsigned op, uint32_t k, unsigned yes, unsigned no)
{
    p->code[p->size++] = (struct sock_filter){(uint16_t)op, (uint8_t)yes, (uint8_t)no, k};
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t answer)
{
    add(p, BPF_RET | BPF_K, answer, 0, 0);
}

static void fail(struct program *p, int error)
{
    answer(p, SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA));
}

/* Before and after it the number of the call is loaded. */
static void add_rule(struct program *p, const struct call_rule *rule)
{
    size_t argument = offsetof(struct seccomp_data, args) + rule->argument * sizeof(uint64_t);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, rule->mask ? 5 : 1);
    if (rule->mask) {
        load(p, argument);
        add(p, BPF_ALU | BPF_AND | BPF_K, rule->mask, 0, 0);
        add(p, BPF_JMP | BPF_JEQ | BPF_K, rule->value, rule->otherwise, !rule->otherwise);
    }
    answer(p, SECCOMP_RET_ALLOW);
    if (rule->mask)
        load(p, offsetof(struct seccomp_data, nr));
}

static unsigned purposes_of(const struct ss_confinement *what)
{
    unsigned rights = 0;
    for (const struct ss_permit *p = what->paths; p && p->path; p++)
        rights |= p->rights;
    return (rights & (SS_MAY_WRITE | SS_MAY_MAKE | SS_MAY_REMOVE) ? FOR_CHANGE : 0u) |
           (rights & SS_MAY_EXECUTE ? FOR_EXECUTE : 0u) | (what->connect ? FOR_CONNECT : 0u) |
           (what->port ? FOR_PORT : 0u);
}

static void make_program(struct program *p, unsigned purposes)
{
    size_t count;
    const struct call_rule *rules = call_rules(&count);
    load(p, offsetof(struct seccomp_data, arch));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
    fail(p, EPERM);
    load(p, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++)
        if (rules[i].purpose == FOR_ALL || rules[i].purpose & purposes)
            add_rule(p, &rules[i]);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, CLONE3, 2, 0);
    add(p, BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 2);
    add(p, BPF_JMP | BPF_JGE | BPF_K, X32, 1, 0);
    fail(p, ENOSYS);
    fail(p, EPERM);
}

bool filter_is_possible(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    return MACHINE != 0 && !CONFINE_SANITIZED &&
           syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Without SPEC_ALLOW kernels before 5.16 make all of the process slower, for the sake of programs that run
   code of strangers in the same process. Kernels that do not know the flag say so. */
static int install_program(const struct program *p)
{
    struct sock_fprog program = {p->size, p->code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0)
        return 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int filter_enforce(const struct ss_confinement *what)
{
    size_t count;
    (void)call_rules(&count);
    struct program program = {.code =
                                  calloc(count * MOST_PER_RULE + BEGIN_AND_END, sizeof(struct sock_filter))};
    if (!program.code)
        return -ENOMEM;
    make_program(&program, purposes_of(what));
    int rc = install_program(&program);
    free(program.code);
    return rc;
}
