/* SPDX-License-Identifier: MIT */
/* What a process gives up for good, layer by layer:

     confine.c   ss_confine: puts the layers together, in the order in which the kernel wants them
     trees.c     files, TCP and signals, by Landlock
     filter.c    system calls, by a filter of seccomp
     calls.c     which calls that filter lets through
     mixin.c     ConfineMixIn */
#ifndef CONFINE_CONFINE_H
#define CONFINE_CONFINE_H

#include "socketserver.h"
#include <stddef.h>
#include <stdint.h>

/* Sanitizers make calls of their own, and read what they report on. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

/* ---------------------------------------------------------------- trees.c */

/* What the kernel's Landlock can do: a number that grows; 0: there is none. */
int trees_version(void);
/* Opens what is permitted, and describes it in a ruleset: its descriptor, or -errno. Stores in *path the one
   that cannot be opened. `version` is not 0. */
int trees_open(const struct ss_confinement *what, int version, const char **path);
/* Puts it in force for the calling thread and all that it makes; bits of SS_CONFINED_, or -errno. */
int trees_enforce(const struct ss_confinement *what, int version, int ruleset);

/* ---------------------------------------------------------------- calls.c */

/* For whom a call is let through. */
enum { FOR_ALL = 0, FOR_CHANGE = 1, FOR_EXECUTE = 2, FOR_CONNECT = 4, FOR_PORT = 8 };

/* A system call that is let through: always, or when an argument, or the part of it in `mask`, is `value`.
   Of several rules for one call each suffices. */
struct call_rule {
    uint16_t call;
    uint8_t purpose; /* FOR_...: any of these */
    uint8_t argument;
    bool otherwise; /* ... is not `value` */
    uint32_t mask, value;
};

/* The rules, those first that are called for each request; *count of them. Rules for one call stand one
   behind the other. NULL where this machine's calls are not known. */
const struct call_rule *call_rules(size_t *count);

/* ---------------------------------------------------------------- filter.c */

bool filter_is_possible(void);
/* 0 or -errno. */
int filter_enforce(const struct ss_confinement *what);

#endif
