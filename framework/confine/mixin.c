/* SPDX-License-Identifier: MIT */
/* ConfineMixIn: a server that gives up what it does not need when it listens. */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PATHS = 64 };

struct confined {
    bool done; /* an event loop activates further sockets */
    struct ss_permit paths[MAX_PATHS + 2];
    char directory[sizeof(struct sockaddr_un)]; /* of a Unix socket, whose file is removed at the end */
};

static const char *directory_of(const struct ss_address *address, char *directory)
{
    const char *path = address->u.un.sun_path;
    if (address->u.any.sa_family != AF_UNIX || !*path)
        return NULL;
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof(struct sockaddr_un), "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    return directory;
}

/* What the author permits, and what the server itself needs. */
static int complete(const struct ss_server *self, struct confined *state, struct ss_confinement *what)
{
    int count = 0;
    for (const struct ss_permit *p = what->paths; p && p->path; p++) {
        if (count == MAX_PATHS)
            return -E2BIG;
        state->paths[count++] = *p;
    }
    const char *directory = directory_of(&self->server_address, state->directory);
    if (directory)
        state->paths[count] = (struct ss_permit){directory, SS_MAY_REMOVE};
    what->paths = state->paths;
    if (!what->port && self->allow_reuse_port)
        what->port = ss_address_port(&self->server_address);
    return 0;
}

static int refuse(int rc, const char *path)
{
    return ss_set_reason(
        rc, "cannot be confined: %s%s%s%s", path ? path : "", path ? ": " : "", ss_strerror(rc),
        rc == -ENOTSUP ? "; this kernel lacks Landlock or seccomp, or sanitizers are in the program"
        : rc == -EBUSY ? "; the program has made threads already: bind the server before"
        : path         ? "; permit paths that are there"
                       : "");
}

static void tell_of_lack(int confined)
{
    char text[SS_CONFINED_TEXT];
    if ((~confined & SS_CONFINED_ENOUGH) && ss_confined_format(confined, text, sizeof text) > 0)
        fprintf(stderr, "socketserver: %s\n", text);
}

static int server_activate(struct ss_server *self)
{
    const char *path = NULL;
    struct confined *state = ss_state(self, &ConfineMixIn);
    struct ss_confinement what = self->confinement ? *self->confinement : (struct ss_confinement){0};
    int rc = ss_super(self, &ConfineMixIn)->server_activate(self);
    if (rc < 0 || state->done)
        return rc;
    rc = complete(self, state, &what);
    if (rc == 0)
        rc = ss_confine(&what, &path);
    if (rc < 0)
        return refuse(rc, path);
    state->done = true;
    tell_of_lack(rc);
    return 0;
}

const struct ss_class ss_ConfineMixIn = {
    .name = "ConfineMixIn",
    .state_size = sizeof(struct confined),
    .server_activate = server_activate,
};
