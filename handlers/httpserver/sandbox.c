/* SPDX-License-Identifier: MIT */
/* What is given up when the server listens, in this order: the rest of the file system (--chroot), root's
   name (--user), everything else that serving does not need (ss_confine). */
#include "httpserver/sandbox.h"
#include "httpserver/tls.h"
#include "log/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PERMITS = 6 + MOST_TLS_PERMITS };

static struct options *options;
static char log_file[PATH_MAX], log_directory[PATH_MAX], socket_directory[PATH_MAX];

void sandbox_begin(struct options *what)
{
    options = what;
}

/* ---------------------------------------------------------------- paths */

/* "/var/log/" of "/var/log/access.log", after symbolic links. */
static const char *directory_of(const char *path, char directory[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(directory, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return directory;
}

/* A log that is moved away is made anew at SIGHUP. What is no file, such as a terminal, stays where it is.
   Under --chroot neither can be opened any more. */
static size_t permit_log(struct ss_permit *permits)
{
    struct stat status;
    const char *path = options->access_log;
    if (!path || options->chroot || !realpath(path, log_file) || stat(log_file, &status) < 0)
        return 0;
    permits[0] = (struct ss_permit){log_file, SS_MAY_WRITE};
    if (!S_ISREG(status.st_mode))
        return 1;
    permits[1] = (struct ss_permit){directory_of(log_file, log_directory), SS_MAY_WRITE | SS_MAY_MAKE};
    return 2;
}

static size_t permit_files(struct ss_permit *permits)
{
    permits[0] = (struct ss_permit){options->directory, options->upload ? SS_MAY_CHANGE : SS_MAY_READ};
    if (options->symlinks != HTTP_SYMLINKS_FOLLOW)
        return 1;
    permits[1] = (struct ss_permit){"/", SS_MAY_READ};
    return 2;
}

/* The file of the server's own socket is removed at the end. */
static size_t permit_socket(const struct ss_server *self, struct ss_permit *permits)
{
    const char *path = self->server_address.u.un.sun_path;
    if (self->server_address.u.any.sa_family != AF_UNIX || !*path || options->chroot)
        return 0;
    *permits = (struct ss_permit){directory_of(path, socket_directory), SS_MAY_REMOVE};
    return 1;
}

/* ---------------------------------------------------------------- the steps */

/* What is outside of the directory is read before. */
static int change_root(void)
{
    if (!options->chroot)
        return 0;
    tzset();
    if (chdir(options->directory) < 0 || chroot(".") < 0)
        return ss_set_reason(-errno, "cannot --chroot to %s: %s%s", options->directory, strerror(errno),
                             errno == EPERM ? "; that takes root" : "");
    options->directory = "/";
    return 0;
}

/* The log is the new user's from now on, as is the one that is made at SIGHUP. */
static void give_log_away(const struct user *user)
{
    struct stat status;
    int fd = http_log_descriptor();
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        (void)!fchown(fd, user->uid, user->gid);
}

static int change_user(void)
{
    const struct user *user = &options->user;
    if (!user->name)
        return 0;
    give_log_away(user);
    int rc = user_become(user);
    return rc < 0 ? ss_set_reason(rc, "cannot become --user %s: %s%s", user->name, strerror(-rc),
                                  rc == -EPERM ? "; that takes root" : "")
                  : 0;
}

static int refuse_to_start(int rc, const char *path)
{
    const char *why = rc == -ENOTSUP ? "this kernel, or this build with sanitizers, cannot confine files and "
                                       "system calls both; --sandbox=auto does what can be done"
                                     : strerror(-rc);
    return ss_set_reason(rc, "--sandbox=%s: %s%s%s", options->sandbox == SANDBOX_REQUIRE ? "require" : "auto",
                         path ? path : "", path ? ": " : "", why);
}

static void tell_of_less(int confined)
{
    char text[SS_CONFINED_TEXT];
    if (ss_confined_format(confined, text, sizeof text) > 0)
        fprintf(stderr, "httpserver: %s; --sandbox=require would not start like this\n", text);
}

static int confine(const struct ss_server *self)
{
    struct ss_permit permits[MOST_PERMITS] = {{0}};
    const char *path;
    size_t count = permit_files(permits);
    count += permit_log(permits + count);
    count += permit_socket(self, permits + count);
    (void)tls_permit(options, permits + count);
    int rc = ss_confine(
        &(struct ss_confinement){.paths = permits, .required = options->sandbox == SANDBOX_REQUIRE}, &path);
    if (rc < 0 && (options->sandbox == SANDBOX_REQUIRE || (rc != -EBUSY && rc != -ENOSYS)))
        return refuse_to_start(rc, path);
    rc = rc < 0 ? 0 : rc;
    if (~rc & SS_CONFINED_ENOUGH)
        tell_of_less(rc);
    return 0;
}

/* Without root's privileges what is another user's may be out of reach. */
static int check_reach(void)
{
    int fd = (int)TEMP_FAILURE_RETRY(open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return ss_set_reason(
            -errno,
            "cannot serve %s any more without root's privileges: %s; --user NAME is whose files are to "
            "be served",
            options->directory, strerror(errno));
    if (options->upload && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        fprintf(stderr,
                "httpserver: nothing can be stored in %s itself: %s; --user NAME is whose directory it is\n",
                options->directory, strerror(errno));
    close(fd);
    return 0;
}

static int give_up(const struct ss_server *self)
{
    int rc = change_root();
    if (rc == 0)
        rc = change_user();
    if (rc == 0 && options->user.name)
        rc = check_reach();
    if (rc == 0 && options->sandbox != SANDBOX_OFF)
        rc = confine(self);
    return rc == 0 && !options->user.name ? check_reach() : rc;
}

/* Called again for further sockets. */
static int server_activate(struct ss_server *self)
{
    static bool done;
    int rc = ss_super(self, &SandboxMixIn)->server_activate(self);
    if (rc < 0 || done)
        return rc;
    done = true;
    rc = give_up(self);
    if (rc == 0 && geteuid() == 0 && !options->quiet)
        fprintf(stderr,
                "httpserver: running as root; with --user NAME the server has no more rights than that "
                "user\n");
    return rc;
}

const struct ss_class SandboxMixIn = {.name = "SandboxMixIn", .server_activate = server_activate};
