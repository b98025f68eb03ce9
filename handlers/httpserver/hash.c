/* SPDX-License-Identifier: MIT */
/* --hash: makes a line of --auth-file. The password is neither shown nor an argument, which others could see.
 */
#include "access.h"
#include "httpserver/guard.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Reads a line without its end. False: there is none, or it is too long. */
static bool read_password(char *text, size_t size)
{
    if (!fgets(text, (int)size, stdin))
        return false;
    size_t length = strcspn(text, "\r\n");
    bool whole = text[length] || length < size - 1;
    text[length] = 0;
    return whole;
}

/* As read_password, from a terminal that does not show it meanwhile. */
static bool ask_silently(const char *prompt, char *text, size_t size)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return false;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    fputs(prompt, stderr);
    bool good = read_password(text, size);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    fputc('\n', stderr);
    return good;
}

/* What is wrong, or NULL. */
static const char *get_password(char *text, size_t size)
{
    char again[HTTP_AUTH_MAX_TEXT];
    if (!isatty(STDIN_FILENO))
        return read_password(text, size) ? NULL : "no password on stdin, or too long a one";
    if (!ask_silently("Password: ", text, size) || !ask_silently("Once more: ", again, sizeof again))
        return "no password, or too long a one";
    bool same = strcmp(text, again) == 0;
    explicit_bzero(again, sizeof again);
    return same ? NULL : "these are two different passwords";
}

static int refuse_hash(const char *what)
{
    fprintf(stderr, "httpserver: --hash: %s\n", what);
    return 1;
}

int take_hash(const struct setting *setting, const char *text, struct options *options)
{
    char password[HTTP_AUTH_MAX_TEXT], hash[HTTP_HASH_SIZE];
    (void)setting, (void)options;
    if (!*text || strpbrk(text, ":\r\n"))
        return complain("--hash is the name of a user, without a colon, not ", text);
    const char *wrong = get_password(password, sizeof password);
    if (!wrong && !*password)
        wrong = "an empty password lets everybody in";
    int rc = wrong ? 0 : http_hash_password(password, hash);
    explicit_bzero(password, sizeof password);
    if (wrong || rc < 0)
        return refuse_hash(wrong             ? wrong
                           : rc == -ENOTSUP  ? "this build has no libcrypt (httpserver -V)"
                           : rc == -EINVAL   ? "a password has no control characters"
                           : rc == -EMSGSIZE ? "the password is too long"
                                             : strerror(-rc));
    printf("%s:%s\n", text, hash);
    return 0;
}
