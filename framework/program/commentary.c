/* SPDX-License-Identifier: MIT */
/* The lines of --explain: when, who, which call, what has come of it; as text or as JSON. */
#include "program/commentary.h"
#include "loop/loop.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN = 64 /* bytes of what is sent or received */ };

void comment_add(struct commentary *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof line->text - line->size;
    int n = vsnprintf(line->text + line->size, room, format, args);
    va_end(args);
    if (n > 0)
        line->size += (size_t)n < room ? (size_t)n : room - 1;
}

uint64_t comment_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* 0: no coroutine runs. */
static unsigned coroutine(void)
{
    const struct loop *loop = loop_current();
    return loop && loop->running != &loop->main ? loop->running->number : 0;
}

static void add_who(struct commentary *line)
{
    char who[100];
    pid_t process = getpid(), thread = gettid();
    int n = snprintf(who, sizeof who, "process %d", process);
    if (thread != process)
        n += snprintf(who + n, sizeof who - (size_t)n, " thread %d", thread);
    if (coroutine())
        snprintf(who + n, sizeof who - (size_t)n, " coroutine %u", coroutine());
    comment_add(line, "  %-26s  ", who);
}

/* ---------------------------------------------------------------- as text */

static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7f;
}

static bool is_text(const char *data, size_t size)
{
    size_t strange = 0;
    for (size_t i = 0; i < size; i++)
        strange += (data[i] & 0xff) < ' ' && !strchr("\r\n\t", data[i] ? data[i] : 1);
    return strange * 8 <= size;
}

static void add_text(struct commentary *line, const char *data, size_t size)
{
    static const char letters[] = "\rr\nn\tt\"\"\\\\";
    comment_add(line, "\"");
    for (size_t i = 0; i < size; i++) {
        const char *letter = data[i] ? strchr(letters, data[i]) : NULL;
        if (letter && (letter - letters) % 2 == 0)
            comment_add(line, "\\%c", letter[1]);
        else if (!is_plain(data[i]))
            comment_add(line, "\\x%02x", data[i] & 0xff);
        else
            comment_add(line, "%c", data[i]);
    }
    comment_add(line, "\"");
}

static void add_data(struct commentary *line, const struct remark *r)
{
    size_t size = r->size < SHOWN ? r->size : SHOWN;
    comment_add(line, ": ");
    if (is_text(r->data, size)) {
        add_text(line, r->data, size);
    } else {
        comment_add(line, "hex");
        for (size_t i = 0; i < size; i++)
            comment_add(line, "%s%02x", i % 4 ? "" : " ", r->data[i] & 0xff);
    }
    if (r->size > size || (r->returns && r->result > (long)size))
        comment_add(line, " ...");
}

static void add_result(struct commentary *line, const struct remark *r)
{
    if (r->result >= 0)
        comment_add(line, " = %ld", r->result);
    else if (r->note)
        comment_add(line, " = -%s", strerrorname_np((int)-r->result));
    else
        comment_add(line, " = -%s: %s", strerrorname_np((int)-r->result), ss_strerror((int)r->result));
}

static void write_text(struct commentary *line, const struct remark *r, uint64_t us)
{
    comment_add(line, "%4llu.%06llu", (unsigned long long)us / 1000000, (unsigned long long)us % 1000000);
    add_who(line);
    comment_add(line, "%s", r->call);
    comment_add(line, "(");
    if (r->fd >= 0)
        comment_add(line, "%d%s", r->fd, r->with ? ", " : "");
    comment_add(line, "%s)", r->with ? r->with : "");
    if (r->returns)
        add_result(line, r);
    if (r->data)
        add_data(line, r);
    if (r->note)
        comment_add(line, ": %s", r->note);
}

/* ---------------------------------------------------------------- as JSON */

/* A byte is the character of its number: so nothing of it is lost, whatever it is. */
static void add_string(struct commentary *line, const char *name, const char *data, size_t size)
{
    comment_add(line, ",\"%s\":\"", name);
    for (size_t i = 0; i < size; i++)
        if (!is_plain(data[i]) || data[i] == '"' || data[i] == '\\')
            comment_add(line, "\\u%04x", data[i] & 0xff);
        else
            comment_add(line, "%c", data[i]);
    comment_add(line, "\"");
}

static void write_json(struct commentary *line, const struct remark *r, uint64_t us)
{
    comment_add(line, "{\"time\":%llu.%06llu,\"process\":%d,\"thread\":%d", (unsigned long long)us / 1000000,
                (unsigned long long)us % 1000000, getpid(), gettid());
    if (coroutine())
        comment_add(line, ",\"coroutine\":%u", coroutine());
    add_string(line, "call", r->call, strlen(r->call));
    if (r->fd >= 0)
        comment_add(line, ",\"fd\":%d", r->fd);
    if (r->with)
        add_string(line, "with", r->with, strlen(r->with));
    if (r->returns && r->result >= 0)
        comment_add(line, ",\"result\":%ld", r->result);
    else if (r->returns)
        add_string(line, "error", strerrorname_np((int)-r->result), strlen(strerrorname_np((int)-r->result)));
    if (r->data)
        add_string(line, "data", r->data, r->size < SHOWN ? r->size : SHOWN);
    if (r->note)
        add_string(line, "note", r->note, strlen(r->note));
    comment_add(line, "}");
}

/* ---------------------------------------------------------------- whole lines */

void comment_write(const struct commentary *text)
{
    int before = errno;
    ssize_t written = write(STDERR_FILENO, text->text, text->size);
    (void)written; /* when nobody listens the server goes on all the same */
    errno = before;
}

void explain_say(const struct ss_server *self, struct remark remark)
{
    const struct explaining *e = explaining_of(self);
    struct commentary line = {.size = 0};
    (e->json ? write_json : write_text)(&line, &remark, comment_time() - e->since);
    line.text[line.size++] = '\n';
    comment_write(&line);
}

void explain_note(const struct ss_server *self, const char *call, int fd, const char *note)
{
    explain_say(self, (struct remark){.call = call, .fd = fd, .note = note});
}

void explain_result(const struct ss_server *self, const char *call, int fd, const char *with, int rc,
                    const char *note)
{
    explain_say(self, (struct remark){
                          .call = call, .fd = fd, .with = with, .returns = true, .result = rc, .note = note});
}

void ss_explain(const struct ss_handler *h, const char *call, const char *note)
{
    if (h->server->explained)
        explain_note(h->server, call, h->request->fd, note);
}

const struct ss_class *explain_next(const struct ss_server *self)
{
    return ss_super(self, explaining_of(self)->own);
}
