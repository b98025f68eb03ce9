/* SPDX-License-Identifier: MIT */
/* kvstore [ADDRESS [CLASS [FILE[:always|:everysec|:no]]]]: keys and values in memory, for the clients of
   Redis: strings, times to live, transactions, channels. With FILE what is changed is appended to it, and
   read when the program starts again; the word behind the colon says when it is on the disk: before a client
   is answered, within a second or so (which it is without a word), or when the system pleases. The data is in
   the memory of one process: not under Forking and Preforking.

   Try:  build/samples/kvstore localhost:8379
   and:  redis-cli -h localhost -p 8379 set greeting hello
   and:  redis-benchmark -q -n 10000 -t set,get -h localhost -p 8379
   or:   build/samples/kvstore localhost:8379 EventLoopTCPServer kvstore.aof:always */
#include "kvstore/command.h"
#include <errno.h>
#include <stdio.h>

enum {
    IDLE =
        3600 * 1000,  /* ms without a command, after which a connection is closed; not that of a subscriber */
    PURGE_EACH = 100, /* ms */
    PURGED = 5000,    /* keys that are deleted at once, because they have expired */
    MAILBOX = 1 << 20, /* bytes of messages that wait for a subscriber: one that is slower is disconnected */
    MAILBOX_COUNT = 8192, /* and how many */
    MESSAGES = 64 << 20,  /* bytes of messages that wait for all of them */
    GATHERED = 512 << 20, /* bytes of all commands together that are too long for a stream's buffer */
    STRETCH = 4           /* buffers full of commands, after which others run */
};

static const char *file;

/* ---------------------------------------------------------------- commands that have come */

/* A connection while it is served. */
struct session {
    struct call call;
    struct resp resp;
    size_t seen; /* bytes of a command that is not whole */
    unsigned turns;
};

static void unlock(struct call *c)
{
    if (c->locked)
        db_unlock();
    c->locked = false;
}

/* The client cannot be told what it would be told, as that may not last. Nothing of it has left. */
static int fail(struct call *c, int error)
{
    reply_end(&c->reply);
    c->h->wfile->wend = 0;
    c->h->request->told = true;
    reply_error(&c->reply, "MISCONF Errors writing to the AOF file: %s", strerror(-error));
    return error;
}

/* What was done is kept before anybody is told of it. Then what does not fit into the stream's buffer leaves.
   Whatever sends, or lets the stream send, calls this before. */
static int settle(struct call *c)
{
    int rc = 0;
    unlock(c);
    if (c->sweeps)
        db_sweep();
    if (c->touched && file && !log_is_committed(log_position()))
        rc = log_commit(c->h->server, log_position());
    if (rc < 0 && c->wrote)
        return fail(c, rc);
    c->sweeps = c->touched = c->wrote = false;
    return reply_waits(&c->reply) || c->reply.failed ? reply_send(&c->reply) : 0;
}

static void refuse(struct session *s, int error)
{
    struct call *c = &s->call;
    if (error == -EPROTO)
        reply_error(&c->reply, "ERR Protocol error: %s", s->resp.error);
    else
        reply_no_memory(c);
    c->ends = true;
}

/* Runs the command that begins at `data`. Returns how many bytes it takes; 0: it is not whole, or the
   connection ends. */
static inline size_t run_one(struct session *s, const char *data, size_t size)
{
    struct call *c = &s->call;
    int rc = resp_parse(&s->resp, data, size);
    if (rc < 0)
        refuse(s, rc);
    if (rc != 1)
        return 0;
    size_t taken = s->resp.size;
    c->base = resp_base(&s->resp, data);
    c->args = s->resp.args;
    c->argc = s->resp.argc;
    if (c->argc)
        command_run(c);
    resp_end(&s->resp);
    return taken;
}

static int run_all(struct session *s, const char *data, size_t size)
{
    struct call *c = &s->call;
    size_t at = 0, taken = 1;
    int rc = 0;
    while (rc == 0 && taken && at < size && !c->ends) {
        at += taken = run_one(s, data + at, size - at);
        if (reply_waits(&c->reply))
            rc = settle(c);
    }
    unlock(c);
    s->seen = size - at;
    ss_skip(c->h->rfile, at);
    return rc;
}

/* ---------------------------------------------------------------- commands that are longer than the buffer
 */

static _Atomic size_t gathered;

/* Makes room for what has to come: not for all at once, as nothing says that it will. */
static bool make_room(struct buffer *buffer, size_t need)
{
    size_t before = buffer->room, most = 2 * buffer->size + 65536;
    if (gathered > GATHERED || !buffer_reserve(buffer, (need < most ? need : most) - buffer->size))
        return false;
    gathered += buffer->room - before;
    return true;
}

static ssize_t read_more(struct session *s, struct buffer *buffer)
{
    size_t room = buffer->room - buffer->size, need = s->resp.need - buffer->size;
    ssize_t n = ss_read(s->call.h->rfile, buffer->data + buffer->size, need < room ? need : room);
    buffer->size += n > 0 ? (size_t)n : 0;
    return n;
}

/* Returns 1 when the command was run, 0 at the end of the input, or -errno. Waits. */
static int gather(struct session *s)
{
    struct buffer buffer = {0};
    size_t taken = 0;
    ssize_t n = settle(&s->call);
    s->resp.need = s->seen > s->resp.need ? s->seen : s->resp.need;
    ss_set_owed(s->call.h->rfile, true);
    while (n >= 0 && !taken && !s->call.ends) {
        if (buffer.size == buffer.room && !make_room(&buffer, s->resp.need))
            refuse(s, -ENOMEM);
        else if ((n = read_more(s, &buffer)) == 0)
            break;
        else if (n > 0)
            taken = run_one(s, buffer.data, buffer.size);
    }
    ss_set_owed(s->call.h->rfile, false);
    unlock(&s->call);
    gathered -= buffer.room;
    buffer_free(&buffer);
    s->seen = 0;
    return n <= 0 ? (int)n : 1;
}

/* ---------------------------------------------------------------- a connection */

static int resume(struct ss_handler *h, int why);

static int park(struct ss_handler *h)
{
    const struct client *client = client_of(h);
    h->timeout = IDLE;
    h->request->resume = client && client->channel_count ? resume : NULL;
    return SS_PARK;
}

/* As ss_peek_now; but for the rest of a command it waits. */
static ssize_t look(struct session *s, const char **data)
{
    struct ss_stream *in = s->call.h->rfile;
    ssize_t n = ss_peek_now(in, data, s->seen + 1);
    if (n != -EAGAIN || !s->seen)
        return n;
    int rc = settle(&s->call);
    if (rc < 0)
        return rc;
    ss_set_owed(in, true);
    n = ss_peek(in, data, s->seen + 1);
    ss_set_owed(in, false);
    return n;
}

/* Runs what has come, until nothing more is there. Returns 1: it may be parked; 0: it ends; or -errno. */
static int serve(struct session *s)
{
    struct call *c = &s->call;
    const char *data;
    int rc = 1;
    while (rc > 0 && !c->ends) {
        if (s->seen && s->resp.need > c->h->rfile->rsize) {
            rc = gather(s);
            continue;
        }
        ssize_t n = look(s, &data);
        if (n == -EAGAIN)
            return 1;
        if (n <= (ssize_t)s->seen)
            return n < 0 ? (int)n : 0;
        rc = run_all(s, data, (size_t)n) < 0 ? -EPIPE : 1;
        if (++s->turns % STRETCH == 0 && rc > 0 && (rc = settle(c)) == 0)
            rc = ss_sleep(c->h->server, 0) < 0 ? -ECANCELED : 1;
    }
    return rc < 0 ? rc : 0;
}

static int handle(struct ss_handler *h)
{
    struct session s = {.call = {.h = h}};
    const struct client *client = client_of(h);
    resp_begin(&s.resp);
    reply_begin(&s.call.reply, h->wfile, client ? client->protocol : 2);
    int rc = client ? pubsub_pass_on(&s.call) : 0;
    if (rc == 0)
        rc = serve(&s);
    int settled = settle(&s.call);
    resp_end(&s.resp);
    reply_end(&s.call.reply);
    if (settled < 0)
        rc = settled;
    return rc == 1 ? park(h) : rc == -ETIMEDOUT ? 0 : rc;
}

/* A subscriber has all the time; and nothing needs to be said when the server stops. */
static int resume(struct ss_handler *h, int why)
{
    return why < 0 ? 0 : why == 0 ? park(h) : handle(h);
}

/* ---------------------------------------------------------------- the server */

static const struct ss_class Kvstore;

static void set_limits(struct ss_server *self)
{
    self->mailbox_size = MAILBOX;
    self->mailbox_count = MAILBOX_COUNT;
    self->message_memory = MESSAGES;
}

static bool has_processes(const struct ss_server *self)
{
    const struct ss_class *rest = ss_super(self, &Kvstore);
    return rest->process_request == ForkingMixIn.process_request ||
           rest->serve_forever == PreforkingMixIn.serve_forever;
}

static int load_and_bind(struct ss_server *self)
{
    if (has_processes(self)) {
        fprintf(stderr,
                "kvstore: the data is in the memory of one process, so not under Forking and Preforking: use "
                "EventLoop (with --workers 2 for two processors), ThreadPool or Threading\n");
        return -EOPNOTSUPP;
    }
    int rc = db_open();
    if (rc == 0 && file)
        rc = log_open(file, command_apply);
    return rc < 0 ? rc : ss_super(self, &Kvstore)->server_bind(self);
}

static int purge(struct ss_server *self, void *argument)
{
    (void)self, (void)argument;
    db_lock();
    db_purge(PURGED);
    db_unlock();
    return 0;
}

static int serve_and_keep(struct ss_server *self)
{
    int rc = log_start();
    if (rc == 0)
        rc = ss_every(self, PURGE_EACH, purge, NULL);
    if (rc == 0)
        rc = ss_super(self, &Kvstore)->serve_forever(self);
    return rc;
}

static void close_all(struct ss_server *self)
{
    ss_super(self, &Kvstore)->server_close(self); /* those who are still at it end first */
    log_stop();
    log_close();
    db_close();
}

static const struct ss_class Kvstore = {
    .name = "Kvstore",
    .init = set_limits,
    .server_bind = load_and_bind,
    .serve_forever = serve_and_keep,
    .server_close = close_all,
};

static const struct ss_handler_class Handler = {.handle = handle};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about =
            "Keys and values in memory, for the clients of Redis. FILE, FILE:always, FILE:everysec or "
            "FILE:no\n"
            "keeps them: what is changed is on the disk before the client is answered, a second later, or\n"
            "when the system pleases. Not under Forking and Preforking: the data is in one process.",
        .address = "localhost:8379",
        .cls = "EventLoopTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .own = &Kvstore,
        .handler = &Handler,
        .argument = "FILE",
        .value = &file,
    };
    return ss_main(argc, argv, &program);
}
