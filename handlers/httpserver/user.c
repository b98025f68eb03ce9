/* SPDX-License-Identifier: MIT */
#include "httpserver/user.h"
#include "text/number.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST = 64, MOST = INT32_MAX };

static bool read_id_of(const char *text, int64_t *id)
{
    return http_read_number(&text, id) && !*text && *id <= MOST;
}

/* A number need not be anybody's; then its group has to be said. */
static const char *read_user(const char *name, bool has_group, struct user *user)
{
    int64_t id;
    bool number = read_id_of(name, &id);
    const struct passwd *entry = number ? getpwuid((uid_t)id) : getpwnam(name);
    if (!entry && !number)
        return "no user has this name: ";
    if (!entry && !has_group)
        return "no user has this number, so it goes with a group, as in 1000:1000: ";
    user->uid = entry ? entry->pw_uid : (uid_t)id;
    user->gid = entry ? entry->pw_gid : 0;
    return NULL;
}

static const char *read_group(const char *name, struct user *user)
{
    int64_t id;
    if (read_id_of(name, &id)) {
        user->gid = (gid_t)id;
        return NULL;
    }
    const struct group *entry = getgrnam(name);
    if (entry)
        user->gid = entry->gr_gid;
    return entry ? NULL : "no group has this name: ";
}

const char *user_read(const char *text, struct user *user)
{
    char name[LONGEST];
    const char *colon = strchr(text, ':');
    int size = colon ? (int)(colon - text) : (int)strlen(text);
    if (size == 0 || size >= LONGEST || (colon && !colon[1]))
        return "--user is NAME or NAME:GROUP, not ";
    snprintf(name, sizeof name, "%.*s", size, text);
    user->name = text;
    const char *wrong = read_user(name, colon != NULL, user);
    return wrong || !colon ? wrong : read_group(colon + 1, user);
}

static int take_groups(const struct user *user)
{
    const struct passwd *entry = getpwuid(user->uid);
    int rc = entry ? initgroups(entry->pw_name, user->gid) : setgroups(1, &user->gid);
    return rc < 0 ? -errno : 0;
}

/* Who is that user already has nothing to do. */
int user_become(const struct user *user)
{
    if (getuid() == user->uid && geteuid() == user->uid && getegid() == user->gid)
        return 0;
    int rc = take_groups(user);
    if (rc == 0 && setresgid(user->gid, user->gid, user->gid) < 0)
        rc = -errno;
    if (rc == 0 && setresuid(user->uid, user->uid, user->uid) < 0)
        rc = -errno;
    return rc;
}
