/* SPDX-License-Identifier: MIT */
/* httpserver's certificates: those that its user names, or one that is made. */
#include "httpserver/tls.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RENEWED = 30 }; /* days before it ends */

static const char *const protocols[] = {"http/1.1", "http/1.0", NULL};
static struct ss_tls settings_of_tls;
static struct ss_certificate made[2];
static char fingerprint[SS_TLS_FINGERPRINT];
static char root_certificate[4096], root_key[4096], made_path[4096]; /* "" or mkcert's, and ours */
static volatile sig_atomic_t hung_up;

/* ---------------------------------------------------------------- where things are

   $VARIABLE/rest, or $HOME/otherwise/rest. False: neither is set, or that is too long. */

static bool place(char path[4096], const char *variable, const char *otherwise, const char *rest)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    int n = base && *base   ? snprintf(path, 4096, "%s/%s", base, rest)
            : home && *home ? snprintf(path, 4096, "%s/%s/%s", home, otherwise, rest)
                            : -1;
    return n > 0 && n < 4096;
}

static bool find_root_in(const char *variable, const char *otherwise, const char *folder)
{
    char rest[100];
    snprintf(rest, sizeof rest, "%srootCA.pem", folder);
    if (!place(root_certificate, variable, otherwise, rest))
        return false;
    snprintf(rest, sizeof rest, "%srootCA-key.pem", folder);
    return place(root_key, variable, otherwise, rest) && access(root_certificate, R_OK) == 0 &&
           access(root_key, R_OK) == 0;
}

/* mkcert has its root in $CAROOT, or with the user's data. */
static bool find_root(void)
{
    const char *chosen = getenv("CAROOT");
    return chosen && *chosen ? find_root_in("CAROOT", "", "")
                             : find_root_in("XDG_DATA_HOME", ".local/share", "mkcert/");
}

/* Makes the directories that are missing on the way to a file. 0 or -errno. */
static int make_way(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---------------------------------------------------------------- the one that is made */

static bool is_good(void)
{
    int days = 0;
    bool covers = false;
    return access(made_path, F_OK) == 0 && ss_tls_look_at(made_path, fingerprint, &days, &covers) == 0 &&
           days >= RENEWED && covers;
}

static int make_if_needed(void)
{
    struct ss_tls_issue issue = {.ca_certfile = *root_certificate ? root_certificate : NULL,
                                 .ca_keyfile = *root_certificate ? root_key : NULL};
    return is_good() ? 0 : ss_tls_make_certificate(&issue, made_path, fingerprint);
}

static int use_made(void)
{
    if (!find_root())
        *root_certificate = '\0';
    const char *name = *root_certificate ? "httpserver/mkcert.pem" : "httpserver/self-signed.pem";
    if (!place(made_path, "XDG_CACHE_HOME", ".cache", name)) {
        fprintf(stderr, "httpserver: there is no place for a certificate, as HOME is not set; name one with "
                        "--tls-cert FILE\n");
        return -1;
    }
    int rc = make_way(made_path);
    if (rc < 0)
        fprintf(stderr,
                "httpserver: cannot make the directory of %s: %s; name a certificate with --tls-cert FILE\n",
                made_path, strerror(-rc));
    else if ((rc = make_if_needed()) < 0)
        fprintf(stderr, "httpserver: %s\n", *ss_reason() ? ss_reason() : strerror(-rc));
    made[0] = (struct ss_certificate){.certfile = made_path};
    settings_of_tls.certificates = made;
    return rc < 0 ? -1 : 0;
}

int tls_begin(const struct options *options)
{
    settings_of_tls = (struct ss_tls){.certificates = options->certificates,
                                      .client_ca = options->tls_client_ca,
                                      .alpn_protocols = protocols,
                                      .not_tls = http_not_tls};
    return options->certificates[0].certfile ? 0 : use_made();
}

const struct ss_tls *tls_settings(void)
{
    return settings_of_tls.certificates ? &settings_of_tls : NULL;
}

void tls_print_certificate(void)
{
    if (!*made_path)
        return;
    printf("The certificate is %s, SHA-256 ",
           *root_certificate ? "signed by mkcert's root" : "self-signed, so browsers warn");
    for (const char *at = fingerprint; at[0] && at[1]; at += 2)
        printf("%s%c%c", at > fingerprint ? ":" : "", at[0], at[1]);
    printf(" (%s)\n", made_path);
}

/* ---------------------------------------------------------------- anew */

/* A certificate is renewed by putting another file in its place: so it is the directory, after symbolic
   links, that may be read. Each is permitted once. */
static size_t permit_directory(const char *file, struct ss_permit *permit)
{
    static char *directories[MOST_TLS_PERMITS];
    size_t i = 0;
    char *path = file ? realpath(file, NULL) : NULL;
    char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash)
        return 0;
    slash[slash == path] = '\0';
    while (i < MOST_TLS_PERMITS && directories[i] && strcmp(directories[i], path) != 0)
        i++;
    if (i == MOST_TLS_PERMITS || directories[i]) {
        free(path);
        return 0;
    }
    directories[i] = path;
    *permit = (struct ss_permit){path, file == made_path ? SS_MAY_CHANGE : SS_MAY_READ};
    return 1;
}

size_t tls_permit(const struct options *options, struct ss_permit *permits)
{
    size_t count = 0;
    if (!options->tls || options->chroot) /* there nothing can be read anew */
        return 0;
    for (const struct ss_certificate *c = settings_of_tls.certificates; c->certfile; c++) {
        count += permit_directory(c->certfile, permits + count);
        count += permit_directory(c->keyfile, permits + count);
    }
    return count + permit_directory(options->tls_client_ca, permits + count);
}

void tls_hang_up(void)
{
    hung_up = 1;
}

static void service_actions(struct ss_server *self)
{
    ss_super(self, &ReloadMixIn)->service_actions(self);
    if (!hung_up)
        return;
    hung_up = 0;
    int rc = *made_path ? make_if_needed() : 0;
    if (rc == 0)
        rc = ss_tls_reload(self);
    if (rc < 0)
        fprintf(stderr, "httpserver: SIGHUP: the certificates stay as they were: %s\n",
                *ss_reason() ? ss_reason() : strerror(-rc));
}

const struct ss_class ReloadMixIn = {.name = "ReloadMixIn", .service_actions = service_actions};
