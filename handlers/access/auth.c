/* SPDX-License-Identifier: MIT */
/* Basic authentication (RFC 7617). */
#include "access.h"
#include "access/client.h"
#include "access/credentials.h"
#include "access/password.h"
#include "access/users.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One check of a password, which another thread may make. */
struct check {
    const struct http_auth *auth;
    const char *password, *hash;
    bool matches;
};

static struct http_tag tag_of(const struct http_auth *auth, const char *text)
{
    return http_keyed_hash(&auth->key, text, strlen(text));
}

/* ---------------------------------------------------------------- whether a password is right */

/* Too long a password is a wrong one. */
static int check_hash(void *argument)
{
    struct check *check = argument;
    char made[HTTP_HASH_SIZE] = "";
    int place = http_attempts_enter(check->auth->attempts);
    if (place < 0)
        return place;
    int rc = http_hash_like(check->password, check->hash, made, sizeof made);
    http_attempts_leave(check->auth->attempts, place);
    check->matches = http_is_same_tag(tag_of(check->auth, made), tag_of(check->auth, check->hash));
    return rc == -EINVAL || rc == -ERANGE ? 0 : rc;
}

/* 1: it is right; 0; or -errno. A wrong one takes as long as a hash, if any user has one. */
static int is_right(struct ss_handler *h, const struct http_auth *auth, const struct http_credentials *c)
{
    const struct http_user *user = http_auth_find(auth, c->user);
    bool hashed = user && user->hash;
    bool right = user && !hashed && http_is_same_tag(tag_of(auth, c->password), user->password);
    struct check check = {auth, c->password, hashed ? user->hash : http_auth_any_hash(auth), false};
    if (right || !check.hash)
        return right;
    int rc = ss_offload(h->server, check_hash, &check);
    return rc < 0 ? rc : hashed && check.matches;
}

/* ---------------------------------------------------------------- answers */

static int ask_for_password(struct ss_handler *h, const struct http_auth *auth, const char *explain)
{
    int rc = http_error_header(h, "WWW-Authenticate", auth->challenge);
    return rc < 0 ? rc : http_send_error(h, 401, NULL, explain);
}

static int refuse_for_now(struct ss_handler *h, unsigned ms)
{
    const char *seconds = ss_format(h, "%u", ms / 1000 + 1);
    int rc = seconds ? http_error_header(h, "Retry-After", seconds) : -ENOMEM;
    return rc < 0 ? rc : http_send_error(h, 429, NULL, "Too many passwords were wrong; wait a while");
}

/* The attempt is counted already. */
static int decide(struct ss_handler *h, const struct http_auth *auth, const struct http_credentials *c,
                  struct http_tag tag)
{
    int rc = is_right(h, auth, c);
    if (rc == 0)
        return ask_for_password(h, auth, "The name or the password is wrong");
    http_attempts_forgive(auth->attempts, http_client_of(h, &auth->key));
    if (rc < 0)
        return rc;
    http_attempts_learn(auth->attempts, tag, ss_now());
    return http_set_user(h, c->user);
}

static int try_credentials(struct ss_handler *h, const struct http_auth *auth,
                           const struct http_credentials *c)
{
    struct http_tag tag = http_keyed_hash(&auth->key, c->user, c->size);
    if (http_attempts_knows(auth->attempts, tag, ss_now()))
        return http_set_user(h, c->user);
    unsigned wait = http_attempts_begin(auth->attempts, http_client_of(h, &auth->key), ss_now());
    return wait ? refuse_for_now(h, wait) : decide(h, auth, c, tag);
}

/* NULL: there is none, or more than one. */
static const char *only_field(const struct ss_handler *h, const char *name)
{
    const struct http_request *request = http_request(h);
    const char *value = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < request->field_count; i++) {
        if (strcasecmp(request->fields[i].name, name) == 0) {
            value = request->fields[i].value;
            count++;
        }
    }
    return count == 1 ? value : NULL;
}

int http_authenticate(struct ss_handler *h, struct http_auth *auth)
{
    const char *field = only_field(h, "Authorization");
    struct http_credentials c;
    if (!field || strlen(field) > 2 * HTTP_AUTH_MAX_TEXT)
        return ask_for_password(h, auth, NULL);
    size_t size = strlen(field) + 1;
    char *text = ss_alloc(h, size);
    if (!text)
        return -ENOMEM;
    int rc =
        http_read_basic(field, text, &c) ? try_credentials(h, auth, &c) : ask_for_password(h, auth, NULL);
    explicit_bzero(text, size);
    return rc;
}
