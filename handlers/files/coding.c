/* SPDX-License-Identifier: MIT */
/* Which form of a file a client gets.

   A form that exists already costs nothing and is tried first; then come those that can be made. To look for
   compressed files beside each file takes system calls, so they are looked for once in
   HTTP_FILE_PROBE_INTERVAL: until then the client gets the same content, only longer. A file that was found
   is opened through the cache, which checks it in each turn, like every file: it is never older than the
   original, nor one that is gone. */
#include "files/coding.h"
#include "compress/compress.h"
#include "files/load.h"
#include "http/error.h"
#include "http/exchange.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What there is to choose from. */
struct choice {
    struct http_accepted accepted;
    unsigned siblings, made; /* codings */
    size_t room;             /* bytes that a compressed form may have */
};
/* ---------------------------------------------------------------- files beside it */

static unsigned look_for_siblings(const struct http_file *file)
{
    unsigned found = 0;
    char path[PATH_MAX];
    struct stat status;
    for (int coding = HTTP_GZIP; coding < HTTP_CODINGS; coding++)
        if (snprintf(path, sizeof path, "%s%s", file->path, http_coding_ending((enum http_coding)coding)) <
                (int)sizeof path &&
            stat(path, &status) == 0 && S_ISREG(status.st_mode))
            found |= HTTP_CODING_BIT(coding);
    return found;
}

/* Returns the codings for which there is a file beside this one. `may_look` false: only the first request for
   the file looks, since this client does not ask for a coding. */
static unsigned siblings_of(struct http_file *file, bool may_look)
{
    uint64_t probed = atomic_load_explicit(&file->probed, memory_order_relaxed);
    uint64_t now = atomic_load_explicit(&file->checked, memory_order_relaxed);
    if (probed == 0 || (may_look && probed + HTTP_FILE_PROBE_INTERVAL * 1000000ull < now)) {
        atomic_store_explicit(&file->siblings, look_for_siblings(file), memory_order_relaxed);
        atomic_store_explicit(&file->probed, now, memory_order_relaxed);
    }
    return atomic_load_explicit(&file->siblings, memory_order_relaxed);
}

/* True if a is earlier than b. A copy's time that has no fraction may have been cut to seconds, and is
   compared in seconds. */
static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec && a->tv_nsec != 0);
}

/* Opens the compressed file beside `file`. -ENOENT: there is none, or it is older. */
static int open_sibling(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                        struct http_file *file, enum http_coding coding, struct http_file **result)
{
    char *other = ss_alloc(h, strlen(name) + 8);
    struct http_file *found;
    if (!other)
        return -ENOMEM;
    stpcpy(stpcpy(other, name), http_coding_ending(coding));
    int rc = http_file_open_coded(h, cls, other, coding, &found);
    if (rc < 0 && http_errno_status(rc) >= 500)
        return rc;
    if (rc < 0) {
        atomic_fetch_and_explicit(&file->siblings, ~HTTP_CODING_BIT(coding), memory_order_relaxed);
        return -ENOENT;
    }
    if (is_older(&found->status.st_mtim, &file->status.st_mtim)) {
        http_file_release(found);
        return -ENOENT;
    }
    *result = found;
    return 0;
}

/* ---------------------------------------------------------------- compressed here */

struct work {
    struct http_file *file, *form;
    size_t room;
};

static int compress_whole(void *argument)
{
    struct work *w = argument;
    char *content;
    int rc = http_compress_whole(w->form->coding, w->file->content, w->file->size, w->room, &content,
                                 &w->form->size);
    if (rc == 0)
        w->form->content = content;
    return rc;
}

static int make_form(struct ss_handler *h, struct http_file *file, enum http_coding coding, size_t room,
                     struct http_file **result)
{
    struct work w = {.file = file, .form = http_file_form(file, coding), .room = room};
    int rc = w.form ? ss_offload(h->server, compress_whole, &w) : -ENOMEM;
    if (rc == -ENOSPC || (rc == 0 && w.form->size >= file->size))
        atomic_fetch_or_explicit(&file->hopeless, HTTP_CODING_BIT(coding), memory_order_relaxed);
    if (rc == 0) {
        http_file_keep(file, w.form);
        *result = w.form;
    } else if (w.form) {
        http_file_release(w.form);
    }
    return rc;
}

/* Compresses the file. Of many requests for a new file only one does so, and the others do not wait for it
   but get -EAGAIN, unless they `must` have this form because their clients take no other. -EAGAIN also when
   too many files are being compressed. */
static int try_to_make(struct ss_handler *h, struct http_file *file, enum http_coding coding, bool must,
                       size_t room, struct http_file **result)
{
    unsigned bit = HTTP_CODING_BIT(coding);
    if ((atomic_fetch_or(&file->making, bit) & bit) != 0 && !must)
        return -EAGAIN;
    int rc = -EAGAIN;
    if (http_coder_enter()) {
        rc = make_form(h, file, coding, room, result);
        http_coder_leave();
    }
    atomic_fetch_and(&file->making, ~bit);
    return rc;
}

/* Makes a form whose content is compressed while it is sent. */
static int stream_form(struct http_file *file, enum http_coding coding, struct http_file **result)
{
    if (!http_coder_enter()) /* only to see whether there is one: sending will take it */
        return -EAGAIN;
    http_coder_leave();
    struct http_file *form = http_file_form(file, coding);
    if (!form)
        return -ENOMEM;
    form->source = http_file_hold(file);
    form->fd = file->fd;
    form->size = file->size;
    *result = form;
    return 0;
}

static int compress(struct ss_handler *h, struct http_file *file, enum http_coding coding,
                    const struct choice *c, struct http_file **result)
{
    bool must = c->accepted.weight[HTTP_IDENTITY] == 0;
    struct http_file *form = atomic_load(&file->coded[coding]);
    if (!file->content)
        return stream_form(file, coding, result);
    if (!form)
        return try_to_make(h, file, coding, must, c->room, result);
    *result = http_file_hold(form);
    return 0;
}

/* The codings into which the file can be put. */
static unsigned makeable(const struct http_file *file, enum http_compression mode)
{
    if (mode < HTTP_COMPRESS_SMALL || (!file->content && mode < HTTP_COMPRESS_ALL))
        return 0;
    return http_codings() & ~HTTP_CODING_BIT(HTTP_IDENTITY);
}

static unsigned worthwhile(const struct http_file *file, unsigned makeable)
{
    return file->compressible && file->size >= HTTP_FILE_COMPRESS_MINIMUM ? makeable : 0;
}

/* ---------------------------------------------------------------- the choice */

/* Returns the coding that the client likes best; of several that it likes equally, one for which there is a
   file. -1: it takes none of them. */
static int choose_form(const struct http_accepted *accepted, unsigned siblings, unsigned made)
{
    int any = http_choose_coding(accepted, HTTP_CODING_BIT(HTTP_IDENTITY) | siblings | made);
    int there = http_choose_coding(accepted, siblings);
    return any > HTTP_IDENTITY && there >= 0 && accepted->weight[there] >= accepted->weight[any] ? there
                                                                                                 : any;
}

/* True if the file is to be sent as it is because the client asks for a part of it: so whatever part it has
   can be completed later. */
static bool wants_identity(struct ss_handler *h, const struct http_accepted *accepted)
{
    return accepted->weight[HTTP_IDENTITY] > 0 && http_header(h, "Range");
}

static void offer(struct http_file *file, unsigned can, struct choice *c)
{
    if (c->accepted.weight[HTTP_IDENTITY] ==
        0) { /* a form that is longer than the file is better than none */
        c->made = can;
        c->room = file->size + HTTP_FILE_COMPRESS_MINIMUM;
    } else {
        c->made &= ~atomic_load_explicit(&file->hopeless, memory_order_relaxed);
        c->room = file->size > 0 ? file->size - 1 : 0;
    }
}

/* Tries the forms in the client's order of preference until one can be had, and stores it, held for the
   caller. NULL and 0: the file is to be sent as it is. NULL and -errno: the client takes none of the forms
   there are
   (-ENOTSUP), or one that cannot be made now. */
static int take_form(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                     struct http_file *file, struct choice *c, struct http_file **form)
{
    int coding, rc, failed = -ENOTSUP;
    *form = NULL;
    while ((coding = choose_form(&c->accepted, c->siblings, c->made)) > HTTP_IDENTITY) {
        unsigned bit = HTTP_CODING_BIT(coding);
        if ((c->siblings & bit) != 0)
            rc = open_sibling(h, cls, name, file, (enum http_coding)coding, form);
        else
            rc = compress(h, file, (enum http_coding)coding, c, form);
        if (rc == 0)
            return 0;
        if (rc != -ENOENT && rc != -ENOSPC)
            failed = rc;
        *((c->siblings & bit) != 0 ? &c->siblings : &c->made) &= ~bit;
    }
    return coding < 0 ? failed : 0;
}

int http_file_negotiate(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                        struct http_file **result)
{
    struct http_file *file = *result, *form;
    struct choice c;
    if (cls->compress < HTTP_COMPRESS_PRECOMPRESSED || file->coding != HTTP_IDENTITY || file->unsized)
        return 0;
    bool asked = http_exchange_of(h)->head.negotiates && http_accepted(http_request(h), &c.accepted);
    unsigned can = makeable(file, cls->compress);
    c.siblings = cls->siblings == HTTP_SIBLINGS_SENT && !file->scripted ? siblings_of(file, asked) : 0;
    c.made = worthwhile(file, can);
    if ((c.siblings | c.made) != 0)
        http_exchange_of(h)->negotiated = true;
    if (!asked)
        return 0;
    if (((c.siblings | c.made) == 0 && c.accepted.weight[HTTP_IDENTITY] > 0) ||
        wants_identity(h, &c.accepted))
        return 0;
    offer(file, can, &c);
    int rc = take_form(h, cls, name, file, &c, &form);
    if (form) {
        http_file_release(file);
        *result = form;
    }
    return rc;
}
