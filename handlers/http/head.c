/* SPDX-License-Identifier: MIT */
/* Waits for a request head: finds its end line by line, within the limits and the time allowed. */
#include "http/log.h"
#include "http/memo.h"
#include "text/chars.h"
#include <errno.h>
#include <string.h>

enum { LINE_START = 256 };    /* bytes of a request line without an end that are logged */
enum { LONGEST_METHOD = 64 }; /* bytes; those that are registered have up to 17 */
enum { EMPTY_LINES = 16 };    /* before a request line, where RFC 9112 2.2 wants at least one ignored */

struct scan {
    size_t from;             /* looked at up to here */
    size_t start;            /* of the line that is not complete yet */
    size_t lines;            /* complete ones */
    size_t first;            /* size of the request line, its end left out */
    bool checked;            /* the request line is a good one */
    struct http_memo *known; /* the fields are those of the connection's last head */
};

enum { INCOMPLETE, COMPLETE };

/* 501 for a method that is longer than any known, 414 for a target that is too long (RFC 9112 3). */
static int refuse_long_line(const char *line, size_t size, struct http_refusal *refusal)
{
    return http_refuse(refusal, http_span(line, size, HTTP_TOKEN) > LONGEST_METHOD ? 501 : 414, NULL);
}

static int end_line(struct scan *scan, const char *data, size_t newline,
                    const struct http_handler_class *limit, struct http_refusal *refusal)
{
    size_t size = newline - scan->start;
    if (size == 0 || data[newline - 1] != '\r')
        return http_refuse(refusal, 400, "A line does not end with CR and LF");
    size--;
    if (scan->lines == 0)
        scan->first = size;
    else if (size > 0 && scan->lines > limit->max_headers)
        return http_refuse(refusal, 431, "There are too many header fields");
    scan->from = scan->start = newline + 1;
    if (scan->lines++ == 0)
        return size > limit->max_request_line ? refuse_long_line(data, size, refusal) : INCOMPLETE;
    return size == 0 ? COMPLETE : INCOMPLETE;
}

/* Called before waiting for more: a malformed request line, or what is no request at all, is refused at once.
 */
static int check_incomplete(struct scan *scan, const char *data, size_t size,
                            const struct http_handler_class *limit, struct http_refusal *refusal)
{
    if (!(http_chars[(unsigned char)data[0]] & HTTP_TOKEN) && !(data[0] == '\r' && size == 1))
        return http_refuse(refusal, 400, "The request does not begin with a method and a space");
    if (scan->lines == 0 && size > limit->max_request_line + 1)
        return refuse_long_line(data, size, refusal);
    if (scan->lines > 0 && !scan->checked && http_check_line(data, scan->first, refusal) < 0)
        return -EBADMSG;
    scan->checked = scan->lines > 0;
    return INCOMPLETE;
}

/* Called behind the request line: field lines that are known need not be looked for one by one. */
static int match_known(struct http_exchange *x, struct scan *scan, const char *data, size_t size)
{
    struct http_memo *known = http_memo_find(x->h->request, data + scan->start, size - scan->start);
    if (!known || http_memo_said(known)->count > x->cls->table->max_headers) {
        http_memo_release(known);
        return INCOMPLETE;
    }
    scan->known = known;
    scan->from = scan->start += http_memo_size(known);
    scan->lines += http_memo_said(known)->count + 1;
    return COMPLETE;
}

/* INCOMPLETE; COMPLETE: the head is data[0..scan->start); -EBADMSG with the reason. */
static int scan_lines(struct http_exchange *x, struct scan *scan, const char *data, size_t size)
{
    const struct http_handler_class *limit = x->cls->table;
    struct http_refusal *refusal = &x->head.refusal;
    size_t max_head = limit->max_head < x->in->rsize ? limit->max_head : x->in->rsize;
    const char *newline;
    int rc = INCOMPLETE;
    while (rc == INCOMPLETE && (newline = memchr(data + scan->from, '\n', size - scan->from))) {
        rc = end_line(scan, data, (size_t)(newline - data), limit, refusal);
        if (rc == INCOMPLETE && scan->lines == 1)
            rc = match_known(x, scan, data, size);
    }
    if (rc == INCOMPLETE) {
        scan->from = size;
        rc = check_incomplete(scan, data, size, limit, refusal);
    }
    if (rc >= 0 && (rc == COMPLETE ? scan->start > max_head : size >= max_head))
        return http_refuse(refusal, 431, NULL);
    return rc;
}

static int skip_empty_lines(struct ss_stream *in, const char **data, size_t *size, int *skipped)
{
    while (*size >= 2 && memcmp(*data, "\r\n", 2) == 0) {
        if (++*skipped > EMPTY_LINES)
            return -EBADMSG;
        ss_skip(in, 2);
        *data += 2;
        *size -= 2;
    }
    return 0;
}

/* Keeps the request line for the log when the head is refused before it is parsed. Of a line without an end
   the first bytes are enough: they show another protocol, or a long address. */
static void keep_line(struct http_exchange *x, const struct scan *scan)
{
    const char *data;
    ssize_t there = ss_peek(x->in, &data, 0);
    size_t size = there > 0 ? (size_t)there : 0, limit = scan->lines > 0 ? scan->first : LINE_START;
    const char *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    if (scan->lines == 0 && newline)
        size = (size_t)(newline - data);
    if (size > limit)
        size = limit;
    char *line = size > 0 ? ss_alloc(x->h, size + 1) : NULL;
    if (!line)
        return;
    memcpy(line, data, size);
    line[size] = 0;
    x->head.request.requestline = line;
}

static void copy_line(const char *from, size_t size, char *to, size_t encoded_size)
{
    if (encoded_size == size)
        memcpy(to, from, size);
    else
        http_encode_line(from, size, to);
}

/* Copies the head and parses the copy; a second copy of the request line is for the log. `first` is the size
   of the line in the copy: it is encoded there if that is not the size that was sent. */
static int parse_copy(struct http_exchange *x, const struct scan *scan, const char *data, size_t first)
{
    size_t room = scan->lines - 2; /* without request line and empty line */
    size_t size = scan->start - scan->first + first;
    struct http_field *fields = ss_alloc(x->h, room * sizeof *fields + first + 1 + size);
    if (!fields)
        return -ENOMEM;
    char *line = (char *)(fields + room), *text = line + first + 1;
    copy_line(data, scan->first, line, first);
    line[first] = 0;
    if (first == scan->first) {
        memcpy(text, data, size);
    } else {
        memcpy(text, line, first);
        memcpy(text + first, data + scan->first, size - first);
    }
    x->head.request.requestline = line;
    struct http_said said;
    if (http_parse_head(text, first + 2, size, fields, room, scan->known, &said, &x->head) < 0)
        return HTTP_REFUSED;
    if (!scan->known && !x->head.close)
        http_memo_keep(x->h->request, data + scan->first + 2, text + first + 2, size - first - 2, fields,
                       &said);
    return HTTP_ARRIVED;
}

/* Takes the head out of the stream's buffer and parses it. A line that has something to be encoded, which few
   have, is refused at first, and parsed again when it is encoded. */
static int parse(struct http_exchange *x, const struct scan *scan, const char *data)
{
    size_t first = scan->first, tried;
    int rc;
    do {
        tried = first;
        x->head.refusal = (struct http_refusal){0};
        rc = parse_copy(x, scan, data, first);
        if (rc == HTTP_REFUSED)
            first = http_encoded_line_size(data, scan->first);
    } while (first != tried);
    ss_skip(x->in, scan->start);
    return rc;
}

/* Waits for more than `have` bytes. Returns their number, or -errno; -EBADMSG with the refusal. */
static ssize_t wait_for_more(struct http_exchange *x, const char **data, size_t have)
{
    if (!x->in->deadline) {
        ss_set_deadline(x->in, x->cls->table->head_timeout);
        ss_set_owed(x->in, true);
    }
    ssize_t n = ss_peek(x->in, data, have + 1);
    if (n == -ETIMEDOUT)
        return http_refuse(&x->head.refusal, 408, NULL);
    if (n >= 0 && (size_t)n <= have)
        return http_refuse(&x->head.refusal, 400, "The request has no end");
    return n;
}

static int read_head(struct http_exchange *x, struct scan *scan, const char **data)
{
    int skipped = 0;
    ssize_t n = ss_peek_now(x->in, data, 1);
    while (n > 0) {
        size_t size = (size_t)n;
        if (!x->h->request->busy && x->cls->table->log_request != http_log_nothing)
            http_log_begun(x);
        x->h->request->busy = true;
        if (skip_empty_lines(x->in, data, &size, &skipped) < 0)
            return http_refuse(&x->head.refusal, 400, "There are too many empty lines");
        if (size == 0) {
            n = ss_peek_now(x->in, data, 1);
            continue;
        }
        int rc = scan_lines(x, scan, *data, size);
        if (rc != INCOMPLETE)
            return rc == COMPLETE ? HTTP_ARRIVED : rc;
        n = wait_for_more(x, data, size);
    }
    return n == 0 ? HTTP_ENDED : n == -EAGAIN ? HTTP_IDLE : (int)n;
}

/* Not inlined: what this has on the stack would be there as long as do_X runs, which may be for hours. */
__attribute__((noinline)) int http_read_head(struct http_exchange *x)
{
    struct scan scan = {0};
    const char *data = NULL;
    int rc = read_head(x, &scan, &data);
    if (x->in->deadline)
        ss_set_deadline(x->in, -1);
    if (rc == HTTP_ARRIVED)
        rc = parse(x, &scan, data);
    else if (rc < 0)
        keep_line(x, &scan);
    http_memo_release(scan.known);
    return rc == -EBADMSG ? HTTP_REFUSED : rc;
}
