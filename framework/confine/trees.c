/* SPDX-License-Identifier: MIT */
/* Landlock, by its system calls. The numbers are the kernel's; its header may be older than the kernel. */
#include "confine/confine.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every machine. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { GET_VERSION = 1, BENEATH = 1, NET_PORT = 2 };
enum { WITH_REFER = 2, WITH_TRUNCATE = 3, WITH_NET = 4, WITH_IOCTL = 5, WITH_SCOPES = 6 }; /* versions */

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIRECTORY = 1 << 3,
    REMOVE_DIRECTORY = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHARACTER_DEVICE = 1 << 6,
    MAKE_DIRECTORY = 1 << 7,
    MAKE_REGULAR = 1 << 8,
    MAKE_SOCKET = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK_DEVICE = 1 << 11,
    MAKE_LINK = 1 << 12,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEVICE = 1 << 15,
    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE,
};
enum { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };
enum { SCOPE_SIGNAL = 1 << 1 };

struct ruleset_attributes {
    uint64_t files, net, scopes;
};

struct beneath {
    uint64_t rights;
    int32_t directory;
} __attribute__((packed));

struct port {
    uint64_t rights, number;
};

static uint64_t all_of(int version)
{
    uint64_t rights = REFER - 1;
    if (version >= WITH_REFER)
        rights |= REFER;
    if (version >= WITH_TRUNCATE)
        rights |= TRUNCATE;
    if (version >= WITH_IOCTL)
        rights |= IOCTL_DEVICE;
    return rights;
}

static uint64_t rights_of(unsigned permitted)
{
    static const uint64_t rights[] = {READ_FILE | READ_DIRECTORY, WRITE_FILE | TRUNCATE,
                                      MAKE_DIRECTORY | MAKE_REGULAR | MAKE_SOCKET | MAKE_FIFO | MAKE_LINK |
                                          REFER,
                                      REMOVE_DIRECTORY | REMOVE_FILE | REFER, EXECUTE};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
        sum |= permitted & 1U << i ? rights[i] : 0;
    return sum;
}

int trees_version(void)
{
    long version = syscall(CREATE_RULESET, NULL, 0, GET_VERSION);
    return version < 0 ? 0 : (int)version;
}

/* ---------------------------------------------------------------- rules */

/* A path that is not there permits nothing. */
static int permit(int ruleset, int version, const struct ss_permit *p)
{
    struct stat status;
    int fd = open(p->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct beneath rule = {rights_of(p->rights) & all_of(version), fd};
    int rc = fstat(fd, &status) < 0 ? -errno : 0;
    if (rc == 0 && !S_ISDIR(status.st_mode))
        rule.rights &= OF_FILES;
    if (rc == 0 && rule.rights && syscall(ADD_RULE, ruleset, BENEATH, &rule, 0) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* What the C library and the framework look at now and then: when the zone's rules have changed, or to know
   how many processors there are. All of it is public, and not each system has all of it. */
static const struct ss_permit for_all[] = {
    {"/etc/localtime", SS_MAY_READ},
    {"/usr/share/zoneinfo", SS_MAY_READ},
    {"/dev/null", SS_MAY_READ | SS_MAY_WRITE},
    {"/dev/zero", SS_MAY_READ},
    {"/dev/urandom", SS_MAY_READ},
    {"/dev/random", SS_MAY_READ},
    {"/sys/devices/system/cpu", SS_MAY_READ},
#if CONFINE_SANITIZED /* their reports name functions and lines */
    {"/proc", SS_MAY_READ},
    {"/usr", SS_MAY_READ},
    {"/lib", SS_MAY_READ},
#endif
#ifdef SS_COUNTED /* `make coverage`: what was reached is written down here */
    {SS_COUNTED, SS_MAY_CHANGE},
#endif
};

/* And what a look-up of a name reads, the libraries that do so by its configuration included. */
static const struct ss_permit for_names[] = {
    {"/etc/hosts", SS_MAY_READ},
    {"/etc/resolv.conf", SS_MAY_READ},
    {"/etc/nsswitch.conf", SS_MAY_READ},
    {"/etc/host.conf", SS_MAY_READ},
    {"/etc/gai.conf", SS_MAY_READ},
    {"/etc/services", SS_MAY_READ},
    {"/etc/ld.so.cache", SS_MAY_READ},
    {"/lib", SS_MAY_READ},
    {"/lib64", SS_MAY_READ},
    {"/usr/lib", SS_MAY_READ},
    {"/run/systemd/resolve", SS_MAY_READ},
};

static int permit_those_there(int ruleset, int version, const struct ss_permit *list, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = permit(ruleset, version, &list[i]);
        rc = rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ? rc : 0;
    }
    return rc;
}

static int permit_all(const struct ss_confinement *what, int ruleset, int version, const char **path)
{
    const struct ss_permit *p = what->paths;
    int rc = 0;
    for (; rc == 0 && p && p->path; p++)
        if ((rc = permit(ruleset, version, p)) < 0)
            *path = p->path;
    if (rc == 0)
        rc = permit_those_there(ruleset, version, for_all, sizeof for_all / sizeof *for_all);
    if (rc == 0 && what->connect)
        rc = permit_those_there(ruleset, version, for_names, sizeof for_names / sizeof *for_names);
    return rc;
}

static int permit_port(unsigned number, int ruleset)
{
    struct port port = {BIND_TCP, number};
    return syscall(ADD_RULE, ruleset, NET_PORT, &port, 0) < 0 ? -errno : 0;
}

/* ---------------------------------------------------------------- the ruleset */

static uint64_t net_of(const struct ss_confinement *what)
{
    return what->connect ? BIND_TCP : BIND_TCP | CONNECT_TCP;
}

/* An older kernel knows fewer fields. */
static size_t attributes_size(int version)
{
    return version >= WITH_SCOPES ? sizeof(struct ruleset_attributes)
           : version >= WITH_NET  ? offsetof(struct ruleset_attributes, scopes)
                                  : offsetof(struct ruleset_attributes, net);
}

int trees_open(const struct ss_confinement *what, int version, const char **path)
{
    struct ruleset_attributes attributes = {all_of(version), net_of(what), SCOPE_SIGNAL};
    int fd = (int)syscall(CREATE_RULESET, &attributes, attributes_size(version), 0);
    if (fd < 0)
        return -errno;
    int rc = permit_all(what, fd, version, path);
    if (rc == 0 && what->port && version >= WITH_NET)
        rc = permit_port(what->port, fd);
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int trees_enforce(const struct ss_confinement *what, int version, int ruleset)
{
    if (syscall(RESTRICT_SELF, ruleset, 0) < 0)
        return -errno;
    return SS_CONFINED_FILES | (version >= WITH_NET && !what->connect ? SS_CONFINED_TCP : 0) |
           (version >= WITH_SCOPES ? SS_CONFINED_SIGNALS : 0);
}
