/* SPDX-License-Identifier: MIT */
/* Users: added one by one, or read from a file. */
#include "access/users.h"
#include "access.h"
#include "access/credentials.h"
#include "access/password.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { FIRST = 16 };

/* ---------------------------------------------------------------- an empty one */

int http_auth_new(const char *realm, struct http_auth **result)
{
    if (strpbrk(realm, "\"\\") || http_has_control(realm))
        return -EINVAL;
    struct http_auth *auth = calloc(1, sizeof *auth);
    int rc = auth ? 0 : -ENOMEM;
    if (rc == 0 && asprintf(&auth->challenge, "Basic realm=\"%s\", charset=\"UTF-8\"", realm) < 0) {
        auth->challenge = NULL;
        rc = -ENOMEM;
    }
    if (rc == 0 && getrandom(&auth->key, sizeof auth->key, 0) != sizeof auth->key)
        rc = -errno;
    if (rc == 0)
        rc = http_attempts_make(&auth->attempts);
    if (rc == 0)
        *result = auth;
    else
        http_auth_free(auth);
    return rc;
}

void http_auth_free(struct http_auth *auth)
{
    if (!auth)
        return;
    for (size_t i = 0; i < auth->count; i++)
        free(auth->users[i].hash);
    free(auth->users);
    free(auth->challenge);
    http_attempts_free(auth->attempts);
    explicit_bzero(auth, sizeof *auth);
    free(auth);
}

/* ---------------------------------------------------------------- finding */

/* Looks at all of them, whoever is found. */
const struct http_user *http_auth_find(const struct http_auth *auth, const char *name)
{
    struct http_tag tag = http_keyed_hash(&auth->key, name, strlen(name));
    const struct http_user *found = NULL;
    for (size_t i = 0; i < auth->count; i++)
        found = http_is_same_tag(auth->users[i].name, tag) ? &auth->users[i] : found;
    return found;
}

const char *http_auth_any_hash(const struct http_auth *auth)
{
    for (size_t i = 0; i < auth->count; i++)
        if (auth->users[i].hash)
            return auth->users[i].hash;
    return NULL;
}

/* ---------------------------------------------------------------- adding */

static int make_user_room(struct http_auth *auth)
{
    if (auth->count == HTTP_AUTH_MAX_USERS)
        return -ENOBUFS;
    if (auth->count < auth->room)
        return 0;
    size_t room = auth->room ? 2 * auth->room : FIRST;
    struct http_user *users = realloc(auth->users, room * sizeof *users);
    if (!users)
        return -ENOMEM;
    auth->users = users;
    auth->room = room;
    return 0;
}

/* Takes the hash over when it returns 0. */
static int add_user(struct http_auth *auth, const char *name, struct http_tag password, char *hash)
{
    if (!*name || strchr(name, ':') || http_has_control(name))
        return -EINVAL;
    if (http_auth_find(auth, name))
        return -EEXIST;
    int rc = make_user_room(auth);
    if (rc == 0)
        auth->users[auth->count++] =
            (struct http_user){http_keyed_hash(&auth->key, name, strlen(name)), password, hash};
    return rc;
}

int http_auth_add(struct http_auth *auth, const char *user, const char *password)
{
    if (strlen(user) + strlen(password) + 1 > HTTP_AUTH_MAX_TEXT)
        return -EMSGSIZE;
    if (http_has_control(password))
        return -EINVAL;
    return add_user(auth, user, http_keyed_hash(&auth->key, password, strlen(password)), NULL);
}

static int add_user_line(struct http_auth *auth, char *line)
{
    char *hash = strchr(line, ':');
    if (!hash)
        return -EINVAL;
    *hash++ = 0;
    hash[strcspn(hash, ":")] = 0;
    if (!http_is_hash(hash))
        return http_has_crypt() ? -EINVAL : -ENOTSUP;
    if (!(hash = strdup(hash)))
        return -ENOMEM;
    int rc = add_user(auth, line, (struct http_tag){0, 0}, hash);
    if (rc < 0)
        free(hash);
    return rc;
}

/* All of the file, with a NUL behind it: `text` has room for HTTP_AUTH_MAX_FILE + 1 bytes. */
static int read_users(int fd, char *text)
{
    ssize_t n = 1;
    size_t size = 0;
    while (n > 0 && size <= HTTP_AUTH_MAX_FILE) {
        n = TEMP_FAILURE_RETRY(read(fd, text + size, HTTP_AUTH_MAX_FILE + 1 - size));
        size += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        return -errno;
    if (size > HTTP_AUTH_MAX_FILE)
        return -EFBIG;
    text[size] = 0;
    return strlen(text) == size ? 0 : -EINVAL;
}

static int add_user_lines(struct http_auth *auth, char *text, unsigned *number)
{
    int rc = 0;
    for (*number = 1; rc == 0 && *text; *number += rc == 0) {
        size_t size = strcspn(text, "\n");
        char *next = text + size + (text[size] == '\n');
        text[size - (size > 0 && text[size - 1] == '\r')] = 0;
        if (size > HTTP_AUTH_MAX_TEXT + HTTP_HASH_SIZE)
            rc = -EMSGSIZE;
        else if (*text && *text != '#')
            rc = add_user_line(auth, text);
        text = next;
    }
    if (rc == 0)
        *number = 0;
    return rc;
}

int http_auth_read(struct http_auth *auth, const char *path, unsigned *line)
{
    *line = 0;
    char *text = calloc(1, HTTP_AUTH_MAX_FILE + 1);
    int fd = text ? (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC)) : -1;
    int rc = text ? (fd < 0 ? -errno : read_users(fd, text)) : -ENOMEM;
    if (rc == 0)
        rc = add_user_lines(auth, text, line);
    if (fd >= 0)
        close(fd);
    if (text)
        explicit_bzero(text, HTTP_AUTH_MAX_FILE + 1);
    free(text);
    return rc;
}
