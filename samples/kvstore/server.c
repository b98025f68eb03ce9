/* SPDX-License-Identifier: MIT */
/* Commands about the server. */
#include "kvstore/command.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef SS_VERSION
#define SS_VERSION "0"
#endif

enum { INFO = 2048 /* bytes */ };

struct lines {
    char text[INFO];
    size_t size;
};

SS_PRINTF(2, 3) static void add(struct lines *lines, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(lines->text + lines->size, INFO - lines->size, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < INFO - lines->size)
        lines->size += (size_t)n;
}

static void add_server(struct lines *lines, struct ss_handler *h)
{
    add(lines,
        "# "
        "Server\r\nredis_version:%s\r\nserver_name:kvstore\r\nkvstore_version:%s\r\nredis_mode:"
        "standalone\r\n",
        SERVES_AS, SS_VERSION);
    add(lines, "process_id:%ld\r\ntcp_port:%u\r\n\r\n", (long)getpid(),
        ss_address_port(&h->server->server_address));
}

static void add_memory(struct lines *lines, const struct db_figures *figures)
{
    add(lines, "# Memory\r\nused_memory:%zu\r\nmaxmemory:%zu\r\nmaxmemory_policy:noeviction\r\n\r\n",
        figures->memory, figures->most_memory);
}

static void add_persistence(struct lines *lines)
{
    struct log_figures log;
    log_count(&log);
    add(lines,
        "# Persistence\r\nloading:0\r\naof_enabled:%d\r\naof_rewrite_in_progress:%d\r\naof_rewrites:%u\r\n",
        log.on, log.rewriting, log.rewrites);
    add(lines, "aof_last_write_status:%s\r\n", log.error ? "err" : "ok");
    if (log.on)
        add(lines, "aof_current_size:%lld\r\naof_base_size:%lld\r\n", (long long)log.size,
            (long long)log.base_size);
    add(lines, "\r\n");
}

void run_info(struct call *c)
{
    struct lines lines = {.size = 0};
    struct db_figures figures;
    db_lock();
    db_count(&figures);
    db_unlock();
    add_server(&lines, c->h);
    add_memory(&lines, &figures);
    add_persistence(&lines);
    add(&lines, "# Keyspace\r\n");
    if (figures.keys)
        add(&lines, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", figures.keys, figures.expiring);
    reply_bulk(&c->reply, (struct text){lines.text, lines.size});
}

void run_command(struct call *c)
{
    if (c->argc == 2 && text_is_word(arg(c, 1), "count"))
        reply_number(&c->reply, command_count());
    else if (c->argc > 1 && text_is_word(arg(c, 1), "docs"))
        reply_map(&c->reply, 0);
    else
        reply_array(&c->reply, 0);
}

void run_rewrite(struct call *c)
{
    if (log_rewrite())
        reply_status(&c->reply, "Background append only file rewriting started");
    else
        reply_error(&c->reply, "ERR there is no append-only file: it is the third argument of the program");
}

/* ---------------------------------------------------------------- CONFIG GET */

static void setting(const char *name, char value[32])
{
    struct db_figures figures;
    struct log_figures log;
    db_count(&figures);
    log_count(&log);
    if (strcmp(name, "appendonly") == 0)
        snprintf(value, 32, "%s", log.on ? "yes" : "no");
    else if (strcmp(name, "appendfsync") == 0)
        snprintf(value, 32, "%s", log.policy);
    else if (strcmp(name, "maxmemory") == 0)
        snprintf(value, 32, "%zu", figures.most_memory);
    else if (strcmp(name, "databases") == 0)
        snprintf(value, 32, "%d", DATABASES);
    else if (strcmp(name, "proto-max-bulk-len") == 0)
        snprintf(value, 32, "%d", RESP_BULK);
}

static bool is_asked_for(const struct call *c, const char *name)
{
    enum { PATTERN = 64 };
    for (unsigned i = 2; i < c->argc; i++)
        if (arg(c, i).size <= PATTERN && glob_matches(arg(c, i), (struct text){name, strlen(name)}))
            return true;
    return false;
}

void run_config(struct call *c)
{
    static const char names[][20] = {"appendfsync", "appendonly",         "databases",
                                     "maxmemory",   "proto-max-bulk-len", "save"};
    enum { COUNT = sizeof names / sizeof *names };
    size_t found = 0;
    if (!text_is_word(arg(c, 1), "get") || c->argc < 3) {
        reply_error(&c->reply, "ERR there is only CONFIG GET: the program's arguments are its configuration");
        return;
    }
    for (size_t i = 0; i < COUNT; i++)
        found += is_asked_for(c, names[i]);
    reply_map(&c->reply, found);
    for (size_t i = 0; i < COUNT; i++) {
        char value[32] = "";
        if (!is_asked_for(c, names[i]))
            continue;
        setting(names[i], value);
        reply_string(&c->reply, names[i]);
        reply_string(&c->reply, value);
    }
}
