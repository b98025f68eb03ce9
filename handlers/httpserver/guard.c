/* SPDX-License-Identifier: MIT */
/* Who may ask httpserver. */
#include "httpserver/guard.h"
#include "access.h"

static const struct options *options;
static bool checks_names;

/* ---------------------------------------------------------------- options */

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

/* ---------------------------------------------------------------- the slots */

static int before(struct ss_handler *h)
{
    static const char advice[] = "It does when it is started with --allow-host and that name";
    return checks_names ? http_check_host(h, options->names, advice) : 0;
}

/* The server is bound. */
static int server_activate(struct ss_server *self, const struct http_handler_class *cls)
{
    (void)cls;
    checks_names = options->names[0] || http_is_loopback(self);
    return 0;
}

void guard_begin(const struct options *what, struct http_handler_class *cls)
{
    options = what;
    cls->before = before;
    cls->server_activate = server_activate;
}
