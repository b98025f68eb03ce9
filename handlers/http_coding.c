/* The response's body in a content coding (RFC 9110 8.4), when the handler has asked for it with
   http_compress: a stream over the body's that compresses what is written. Short bodies are left as they are.
 */
#include "compress.h"
#include "http_internal.h"
#include <stdatomic.h>
#include <stdlib.h>

/* MINIMUM: bytes of a body that is worth the work. CODERS: at once, as each has about 1 MiB; who comes later
   gets the body as it is. PIECE: bytes compressed before others run. */
enum { MINIMUM = 1024, CODERS = 64, IN_SIZE = 8192, OUT_SIZE = 16384, PIECE = 65536 };

struct http_coded {
    struct ss_stream stream; /* h->wfile meanwhile */
    const struct http_coder_class *coder;
    void *state; /* NULL: nothing was compressed yet */
    bool plain;  /* the body leaves as it is */
    char in[IN_SIZE], out[OUT_SIZE];
};

static atomic_int coders;

/* ---------------------------------------------------------------- negotiation */

void http_accepted(const struct ss_handler *h, struct http_accepted *accepted)
{
    const struct http_request *request = http_request(h);
    struct http_accept_list list;
    http_accept_begin(&list);
    for (size_t i = 0; i < request->field_count; i++)
        if (request->fields[i].name_size == 15 && strcasecmp(request->fields[i].name, "Accept-Encoding") == 0)
            http_accept_line(&list, request->fields[i].value);
    http_accept_end(&list, accepted);
}

int http_compress(struct ss_handler *h)
{
    struct http_response *r = &http_exchange_of(h)->response;
    struct http_accepted accepted;
    int rc = http_send_header(h, "Vary", "Accept-Encoding");
    if (rc < 0)
        return rc;
    http_accepted(h, &accepted);
    int coding = http_choose_coding(&accepted, http_codings());
    if (coding > HTTP_IDENTITY && r->status != 206)
        r->coding = (enum http_coding)coding;
    return 0;
}

/* ---------------------------------------------------------------- work */

struct work {
    struct http_coded *coded;
    struct http_coder_buffers buffers;
    enum http_coder_step step;
};

/* In another thread, where there is a loop that must not stop, and a small stack. */
static int work(void *argument)
{
    struct work *w = argument;
    return w->coded->coder->run(w->coded->state, &w->buffers, w->step);
}

/* Compresses a piece and writes what comes out. */
static int code(struct ss_handler *h, const char *data, size_t size, enum http_coder_step step)
{
    struct http_exchange *x = http_exchange_of(h);
    struct work w = {.coded = x->coded, .buffers = {.in = data, .in_size = size}, .step = step};
    int more = 1, rc = 0;
    while (more > 0 && rc == 0) {
        w.buffers.out = x->coded->out;
        w.buffers.out_room = OUT_SIZE;
        more = ss_offload(h->server, work, &w);
        if (more >= 0 && w.buffers.out_room < OUT_SIZE)
            rc = ss_write(&x->wfile, x->coded->out, OUT_SIZE - w.buffers.out_room);
    }
    return more < 0 ? more : rc;
}

/* The decision to compress: the head gets its field, which it can until it is committed. False: out of
   memory, or there are too many at work. */
static bool start(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_coded *c = x->coded;
    if (atomic_fetch_add(&coders, 1) < CODERS)
        c->state = c->coder->open(HTTP_CODER_FAST, 0);
    if (!c->state) {
        atomic_fetch_sub(&coders, 1);
        c->plain = true;
        return false;
    }
    return http_append_field(h, "Content-Encoding", http_coding_name(x->response.coding)) == 0;
}

/* ---------------------------------------------------------------- the stream */

static int coded_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct ss_handler *h = s->context;
    struct http_exchange *x = http_exchange_of(h);
    struct http_coded *c = x->coded;
    int rc = 0;
    (void)more;
    if (c->plain || (!c->state && !start(h)))
        return x->response.error ? x->response.error : ss_writev(&x->wfile, vector, count);
    for (int i = 0; i < count && rc == 0; i++) {
        const char *at = vector[i].iov_base;
        for (size_t left = vector[i].iov_len, n; left > 0 && rc == 0; at += n, left -= n) {
            n = left < PIECE ? left : PIECE;
            rc = code(h, at, n, HTTP_CODER_GO);
        }
    }
    return rc;
}

/* Flushing before anything was written sends the head. */
static int coded_flush(struct ss_stream *s)
{
    struct ss_handler *h = s->context;
    struct http_exchange *x = http_exchange_of(h);
    struct http_coded *c = x->coded;
    int rc = 0;
    if (!c->plain && !c->state && !start(h))
        rc = x->response.error;
    if (rc == 0 && c->state)
        rc = code(h, NULL, 0, HTTP_CODER_FLUSH);
    return rc < 0 ? rc : ss_flush(&x->wfile);
}

static const struct ss_stream_class coded_stream = {
    .name = "http response body in a content coding",
    .read = NULL,
    .write = coded_write,
    .sendfile = NULL,
    .flush = coded_flush,
    .write_eof = NULL,
    .close = NULL,
};

int http_coded_begin(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_coded *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    x->coded = c;
    c->coder = http_coder_of(x->response.coding);
    c->state = NULL;
    c->plain = false;
    ss_stream_init(&c->stream, &coded_stream, h, NULL, 0, c->in, IN_SIZE);
    c->stream.server = h->server;
    h->wfile = &c->stream;
    x->in->tied = &c->stream;
    return 0;
}

/* A short body is still in the buffer, all of it. */
int http_coded_end(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_coded *c = x->coded;
    size_t size = c->stream.wend;
    if (c->stream.error)
        return c->stream.error;
    c->stream.wend = 0;
    if (c->plain || (!c->state && (size < MINIMUM || !start(h))))
        return x->response.error ? x->response.error : ss_write(&x->wfile, c->in, size);
    return code(h, c->in, size, HTTP_CODER_END);
}

void http_coded_free(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_coded *c = x->coded;
    if (!c)
        return;
    if (c->state) {
        c->coder->close(c->state);
        atomic_fetch_sub(&coders, 1);
    }
    h->wfile = &x->wfile;
    if (x->in->tied == &c->stream)
        x->in->tied = &x->wfile;
    x->coded = NULL;
    free(c);
}
