/* SPDX-License-Identifier: MIT */
/* See measure.h. */
#include "compare/measure.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT = 32768 /* bytes of a file in /proc that we read */,
    FEW = 8 /* processes that are looked at quickly */
};

/* The whole text; empty when the process has gone. */
static void read_text(pid_t pid, const char *name, char text[TEXT])
{
    char path[100];
    size_t size = 0;
    ssize_t n = 1;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n > 0 && size < TEXT - 1) {
        n = read(fd, text + size, TEXT - 1 - size);
        size += n > 0 ? (size_t)n : 0;
    }
    text[size] = '\0';
    if (fd >= 0)
        close(fd);
}

/* The number behind "NAME:" at the beginning of a line; 0: there is none. */
static unsigned long number_of(pid_t pid, const char *file, const char *name)
{
    static char text[TEXT];
    read_text(pid, file, text);
    const char *at = strstr(text, name);
    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static unsigned long memory_of(pid_t pid)
{
    unsigned long kib = number_of(pid, "smaps_rollup", "\nPss:");
    return kib ? kib : number_of(pid, "status", "\nVmRSS:"); /* kernels before 4.14 have no sums */
}

static unsigned threads_of(pid_t pid)
{
    return (unsigned)number_of(pid, "status", "\nThreads:");
}

void measure(pid_t server, bool thorough, struct peak *peak)
{
    static char children[TEXT];
    char name[50], *at = children, *end;
    unsigned count = 0, looked_at = 0, threads = 0;
    unsigned long kib = 0;
    snprintf(name, sizeof name, "task/%d/children", server);
    read_text(server, name, children);
    for (const char *space = children; (space = strchr(space, ' ')); space++)
        count++;
    unsigned most = thorough || count < FEW ? count : FEW;
    for (long pid; looked_at < most && (pid = strtol(at, &end, 10)) > 0; at = end, looked_at++) {
        threads += threads_of((pid_t)pid);
        kib += memory_of((pid_t)pid);
    }
    if (looked_at) {
        threads = threads * count / looked_at;
        kib = kib * count / looked_at;
    }
    unsigned processes = 1 + count;
    threads += threads_of(server);
    kib += memory_of(server);
    peak->processes = processes > peak->processes ? processes : peak->processes;
    peak->threads = threads > peak->threads ? threads : peak->threads;
    peak->kib = kib > peak->kib ? kib : peak->kib;
}
