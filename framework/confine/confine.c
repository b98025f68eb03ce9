/* SPDX-License-Identifier: MIT */
/* ss_confine: the layers, one after the other. */
#include "confine/confine.h"
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 50, PAUSE = 10 /* ms */ };

#if CONFINE_SANITIZED
/* They have threads of their own. */
static int be_alone(void)
{
    return 0;
}
#else
/* A thread has an entry, and so has the directory itself, under both of its names. What cannot be counted is
   taken for one. */
static unsigned threads(void)
{
    struct stat status;
    return stat("/proc/self/task", &status) < 0 || status.st_nlink < 3 ? 1 : (unsigned)status.st_nlink - 2;
}

/* Landlock confines the calling thread only, and those that it makes. A thread that has looked up a name may
   be about to end. */
static int be_alone(void)
{
    for (int i = 0; i < TRIES && threads() > 1; i++)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE * 1000000L}, NULL);
    return threads() > 1 ? -EBUSY : 0;
}
#endif

/* Root's privileges, too: what is left is what its user owns. */
static int drop_capabilities(void)
{
    struct {
        uint32_t version;
        int pid;
    } header = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } none[2] = {{0}};
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int enforce(const struct ss_confinement *what, int version, int ruleset, bool filter)
{
    int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0, confined = 0;
    if (rc == 0 && ruleset >= 0)
        rc = confined = trees_enforce(what, version, ruleset);
    if (rc >= 0)
        rc = drop_capabilities();
    if (rc >= 0 && filter)
        rc = filter_enforce(what);
    return rc < 0 ? rc : confined | SS_CONFINED_PRIVILEGES | (filter ? SS_CONFINED_CALLS : 0);
}

int ss_confine(const struct ss_confinement *what, const char **path)
{
    const char *unused = NULL;
    int version = trees_version(), ruleset = -1, rc = be_alone();
    bool filter = filter_is_possible();
    path = path ? path : &unused;
    *path = NULL;
    if (rc == 0 && what->required && (version == 0 || !filter))
        rc = -ENOTSUP;
    if (rc == 0 && version > 0)
        rc = ruleset = trees_open(what, version, path);
    if (rc >= 0)
        rc = enforce(what, version, ruleset, filter);
    if (ruleset >= 0)
        close(ruleset);
    return rc;
}

static const struct {
    int bit;
    const char *name;
} layers[] = {
    {SS_CONFINED_FILES, "files"},     {SS_CONFINED_CALLS, "system calls"},    {SS_CONFINED_TCP, "TCP"},
    {SS_CONFINED_SIGNALS, "signals"}, {SS_CONFINED_PRIVILEGES, "privileges"},
};

/* "files, system calls" */
static int list(int confined, char *text)
{
    int size = 0;
    *text = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (confined & layers[i].bit)
            size += sprintf(text + size, "%s%s", size ? ", " : "", layers[i].name);
    return size;
}

int ss_confined_format(int confined, char *text, size_t size)
{
    char in_force[SS_CONFINED_TEXT / 2], missing[SS_CONFINED_TEXT / 2];
    int some = list(confined, in_force), none = list(~confined, missing);
    int length = snprintf(text, size, "confined: %s%s%s", some ? in_force : "nothing",
                          none ? "; not confined: " : "", missing);
    return length < (int)size ? length : -ENOSPC;
}
