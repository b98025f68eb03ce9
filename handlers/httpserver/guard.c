/* SPDX-License-Identifier: MIT */
/* Who may ask httpserver. */
#include "httpserver/guard.h"
#include "access.h"
#include "proxy.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_UP = 5000 /* ms */, RATE_WINDOW = 10 /* seconds */ };

static const struct options *options;
static bool checks_names, checks_more;
static struct http_rate *rate; /* NULL: as many requests as they like */

/* ---------------------------------------------------------------- names */

int take_host(const struct setting *setting, const char *text, struct options *all)
{
    size_t count = 0;
    (void)setting;
    while (all->names[count])
        count++;
    if (!http_is_host_pattern(text))
        return complain(
            "--allow-host is a name without scheme and port, as example.org or *.example.org, not ", text);
    if (count == MAX_NAMES)
        return complain("too many times --allow-host, *.NAME stands for many: ", text);
    all->names[count] = text;
    return -1;
}

/* ---------------------------------------------------------------- networks */

static int refuse_network(const char *option, const char *text, int rc)
{
    char message[200];
    if (rc == -EINVAL)
        snprintf(message, sizeof message,
                 "--%s is an address or a network, as 192.0.2.7, 192.0.2.0/24 (no bits behind the 24), "
                 "2001:db8::/32, "
                 "unix or user:NAME, not ",
                 option);
    else
        snprintf(message, sizeof message, "--%s: no such user: ", option);
    if (rc == -EINVAL || rc == -ENOENT)
        return complain(message, text);
    fprintf(stderr, "httpserver: --%s %s: cannot look up the user: %s\n", option, text, strerror(-rc));
    return 1;
}

int take_networks(const struct setting *setting, const char *text, struct options *all)
{
    struct networks *networks = (void *)((char *)all + setting->offset);
    char message[80];
    if (networks->count == MAX_NAMES) {
        snprintf(message, sizeof message, "too many times --%s, before ", setting->name);
        return complain(message, text);
    }
    int rc = ss_network_parse(text, &networks->list[networks->count]);
    if (rc < 0)
        return refuse_network(setting->name, text, rc);
    networks->texts[networks->count++] = text;
    return -1;
}

static bool includes(const struct networks *networks, const struct ss_handler *h)
{
    return ss_networks_have_client(networks->list, networks->count, h->request, &h->client_address);
}

/* An answer, and no connection that is closed without a word: whoever is in the wrong network learns why. */
static int check_client(struct ss_handler *h)
{
    if (!includes(&options->deny, h) && (!options->allow.count || includes(&options->allow, h)))
        return 0;
    http_close_connection(h);
    return http_send_error(h, 403, NULL, "Clients of your address are not served");
}

/* ---------------------------------------------------------------- passwords */

static int no_passwords(int rc)
{
    fprintf(stderr, "httpserver: cannot keep passwords: %s\n", strerror(-rc));
    return 1;
}

static int make_auth(struct options *all)
{
    int rc = all->auth ? 0 : http_auth_new("httpserver", &all->auth);
    return rc == 0 ? -1 : no_passwords(rc);
}

const char *guard_feature(void)
{
    return http_has_crypt() ? "crypt(3)" : "no hashes, only --auth";
}

/* What is wrong with a user. The argument is not shown, as the password is in it. */
static const char *why_no_user(int rc)
{
    return rc == -EEXIST     ? "there is this user already"
           : rc == -EMSGSIZE ? "name or password are too long"
           : rc == -ENOBUFS  ? "there are too many users"
           : rc == -ENOTSUP  ? "this build has no libcrypt (httpserver -V); use --auth"
           : rc == -EINVAL
               ? "a line is USER:HASH, with a hash of crypt(3), as httpserver --hash USER makes it"
               : strerror(-rc);
}

int take_auth(const struct setting *setting, const char *text, struct options *all)
{
    char *colon = strchr((char *)(uintptr_t)text, ':');
    (void)setting;
    if (!colon || colon == text || !colon[1])
        return complain("--auth is USER:PASSWORD, and neither of them is empty", "");
    int rc = make_auth(all);
    if (rc >= 0)
        return rc;
    *colon = 0;
    rc = http_auth_add(all->auth, text, colon + 1);
    *colon = ':';
    memset(colon + 1, '*', strlen(colon + 1)); /* in what ps shows */
    if (rc == -ENOMEM)
        return no_passwords(rc);
    if (rc == -EINVAL)
        return complain("--auth: neither name nor password have control characters", "");
    return rc < 0 ? complain("--auth: ", why_no_user(rc)) : -1;
}

int take_auth_file(const struct setting *setting, const char *text, struct options *all)
{
    unsigned line;
    int rc = make_auth(all);
    (void)setting;
    if (rc >= 0)
        return rc;
    all->auth_file = text;
    rc = http_auth_read(all->auth, text, &line);
    if (rc == 0)
        return -1;
    if (line)
        fprintf(stderr, "httpserver: --auth-file %s, line %u: %s\n", text, line, why_no_user(rc));
    else
        fprintf(stderr, "httpserver: --auth-file %s: %s\n", text, strerror(-rc));
    return 1;
}

/* ---------------------------------------------------------------- all of it together */

static bool is_loopback_address(const struct ss_address *a)
{
    struct ss_server bound = {.server_address = *a};
    return http_is_loopback(&bound);
}

/* Will only this machine reach the server? A socket that was inherited is bound already. */
static bool will_be_loopback(const char *address)
{
    struct ss_address found[SS_MAX_ADDRESSES] = {0};
    int count = 1;
    if (strncmp(address, "unix:", 5) == 0)
        return true;
    found[0].length = sizeof found[0].u;
    if (strncmp(address, "fd:", 3) == 0)
        count = getsockname((int)strtol(address + 3, NULL, 10), &found[0].u.any, &found[0].length) + 1;
    else
        count = ss_getaddrinfo(NULL, address, SOCK_STREAM, LOOK_UP, found, SS_MAX_ADDRESSES);
    bool local = count > 0;
    for (int i = 0; i < count; i++)
        local = local && (found[i].u.any.sa_family == AF_UNIX || is_loopback_address(&found[i]));
    return local;
}

/* Nobody is to read the hashes by asking for them. */
static bool is_served(const char *file, const char *directory)
{
    char *path = realpath(file, NULL), *root = realpath(directory, NULL);
    size_t size = root ? strlen(root) : 0;
    bool below = path && root && strncmp(path, root, size) == 0 && (path[size] == '/' || size == 1);
    free(path);
    free(root);
    return below;
}

int guard_check(const struct options *all)
{
    if (!all->auth && all->auth_for != AUTH_FOR_ALL)
        return complain("this goes with --auth or --auth-file: --auth-for", "");
    if (all->proxy_protocol && !all->proxies.count)
        return complain("--proxy-protocol goes with --trust-proxy NET, which says whose headers are believed",
                        "");
    if (all->auth_for == AUTH_FOR_UPLOAD && !all->upload)
        return complain("--auth-for upload goes with --upload", "");
    if (all->upload == UPLOAD_ANYONE && all->auth)
        return complain("--upload=anyone and passwords contradict each other", "");
    if (all->auth_file && is_served(all->auth_file, all->directory))
        return complain("--auth-file lies in the directory that is served; keep it elsewhere: ",
                        all->auth_file);
    if (all->upload == UPLOAD_KNOWN && !all->auth && !will_be_loopback(all->address))
        return complain("whoever reaches this address could store files: add --auth-file FILE or --auth "
                        "USER:PASSWORD, or say --upload=anyone; ",
                        all->address);
    return -1;
}

static void warn(const struct ss_server *self)
{
    if (options->auth && !options->tls && self->address_family != AF_UNIX && !http_is_loopback(self))
        fprintf(stderr,
                "httpserver: passwords and files cross the network unencrypted: whoever is on the way "
                "can read them; --tls encrypts them\n");
}

/* ---------------------------------------------------------------- the slots */

static bool needs_password(const struct ss_handler *h)
{
    const char *command = http_request(h)->command;
    if (options->auth_for == AUTH_FOR_ALL)
        return true;
    return strcmp(command, "GET") != 0 && strcmp(command, "HEAD") != 0 && strcmp(command, "OPTIONS") != 0;
}

/* What few servers have. */
static int check_more(struct ss_handler *h)
{
    int rc = 0;
    if (options->proxies.count)
        rc = http_trust_proxies(h, options->proxies.list, options->proxies.count);
    if ((options->allow.count || options->deny.count) && rc == 0 && http_status(h) == 0)
        rc = check_client(h);
    if (rate && rc == 0 && http_status(h) == 0)
        rc = http_check_rate(h, rate);
    if (options->auth && rc == 0 && http_status(h) == 0 && needs_password(h))
        rc = http_authenticate(h, options->auth);
    return rc;
}

/* Names come first: what a proxy says of them is only for Origin. */
static int before(struct ss_handler *h)
{
    static const char advice[] = "It does when it is started with --allow-host and that name";
    int rc = checks_names ? http_check_host(h, options->names, advice) : 0;
    return checks_more && rc == 0 && http_status(h) == 0 ? check_more(h) : rc;
}

/* The server is bound. */
static int server_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)cls;
    int rc = options->max_rate ? http_rate_new((unsigned)options->max_rate,
                                               (unsigned)options->max_rate * RATE_WINDOW, &rate)
                               : 0;
    if (rc < 0)
        return rc;
    checks_more =
        options->proxies.count || options->allow.count || options->deny.count || options->auth || rate;
    checks_names = options->names[0] || http_is_loopback(self);
    warn(self);
    return 0;
}

void guard_begin(const struct options *what, struct http_handler_class *cls)
{
    options = what;
    cls->before = before;
    cls->server_activate = server_activate;
}
