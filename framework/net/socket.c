/* SPDX-License-Identifier: MIT */
/* The stream of a connection. Each call is tried; when the kernel says EAGAIN, it waits, and tries again. */
#include "net/socket.h"
#include "memory/arena.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/request.h"
#include "server/signals.h"
#include "server/stop.h"
#include "server/stream.h"
#include "server/wait.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

/* A stream that never has to wait lets others run after so many calls, or so many bytes: the others wait
   meanwhile. */
enum { STREAK = 16, BITE = 8192 /* bytes that count as a call */, SENDFILE_TURN = 1 << 18 };

enum { VAIN_TRIES = 4 }; /* after so many waits in vain there is a millisecond between two of them */

/* ms after the beginning of a drain in which a new client may still send its request */
enum { LATE_INPUT = 200 };

/* Files of this size and more are sent with the socket corked: what is written then leaves in whole segments,
   which saves a fifth of the CPU. For smaller ones that is not worth its two system calls. */
enum { CORK_SIZE = 1 << 20 };

static struct socket *socket_of(struct ss_stream *s)
{
    return container_of(s, struct socket, stream);
}

int stream_pause(struct ss_stream *s, struct vain_waits *vain, int timeout)
{
    int ms = vain->count++ < VAIN_TRIES ? 0 : 1;
    uint64_t now = ss_now();
    if (!vain->since)
        vain->since = now;
    if ((timeout >= 0 && now - vain->since > (uint64_t)timeout) || (s->deadline && now >= s->deadline))
        return -ETIMEDOUT;
    return s->server ? ss_sleep(s->server, ms) : (poll(NULL, 0, ms), 0);
}

int stream_wait(struct ss_stream *s, short events, int until, struct vain_waits *vain)
{
    int timeout = s->timeout ? *s->timeout : -1;
    int rc = vain->waited ? stream_pause(s, vain, timeout) : 0;
    vain->waited = true;
    return rc < 0 ? rc : server_wait(s->server, s->fd, events, timeout, s->deadline, until);
}

static int wait_to_write(struct ss_stream *s, struct vain_waits *vain)
{
    socket_of(s)->streak = 0;
    int rc = vain->waited ? stream_pause(s, vain, output_limit(s)) : 0;
    vain->waited = true;
    return rc < 0 ? rc : pace_output(s);
}

static int yield_in_turn(struct ss_stream *s, ssize_t bytes)
{
    struct socket *socket = socket_of(s);
    socket->streak += 1 + (unsigned)(bytes / BITE);
    if (!s->server || socket->streak < STREAK)
        return 0;
    socket->streak = 0;
    return ss_sleep(s->server, 0);
}

/* A client that had only just connected when the drain began: its request may still be on its way. */
static int wait_for_late(struct ss_stream *s, struct request *request)
{
    uint64_t since = atomic_load(&s->server->core->stop->since);
    request->late = false;
    int rc = server_wait(s->server, s->fd, POLLIN, -1, since + LATE_INPUT, CANCELED);
    return rc == -ETIMEDOUT ? -ECANCELED : rc;
}

/* Has a part come of something that is read as a whole, by this stream or one that is over it? */
static bool is_partial(const struct ss_stream *s)
{
    bool partial = s->amid_read;
    while (!partial && (s = s->above))
        partial = s->amid_read || s->rpos < s->rend;
    return partial;
}

/* When a drain begins, the wait of a connection with nothing in progress ends, if nothing has come meanwhile.
 */
static int wait_for_input(struct ss_stream *s, struct vain_waits *vain)
{
    int rc = stream_flush_above(s);
    if (rc < 0)
        return rc;
    bool partial = is_partial(s), idle = s->request && !s->request->busy && !partial && s->rpos == s->rend;
    struct request *request = s->request ? container_of(s->request, struct request, request) : NULL;
    if (idle && request->late)
        return wait_for_late(s, request);
    uint64_t start = 0;
    if (s->owed || partial)
        start = pace_input_begin(s);
    else
        socket_of(s)->in.waited = 0;
    socket_of(s)->streak = 0;
    rc = stream_wait(s, POLLIN, idle ? DRAINING : CANCELED, vain);
    if (rc == -ECANCELED && idle && !drain_ends(s->server, s->fd))
        return 0;
    return rc == 0 && start ? pace_input_end(s, start) : rc;
}

/* Has a read of `size` bytes that got `n` left nothing? With TCP, yes when it got fewer, unless it has ended
   at an urgent byte: then the wait that follows finds that out. Reads of other sockets end in other places,
   too: of a Unix socket where a message brings descriptors or has another sender, elsewhere with each
   message. There only EAGAIN says that nothing is left. */
static bool was_all(const struct socket *socket, ssize_t n, size_t size)
{
    return n > 0 && (size_t)n < size && socket->is_tcp;
}

/* Did the last read leave nothing, and has ss_poll told this thread of nothing since? */
static bool is_drained(const struct socket *socket)
{
    return socket->drained && socket->polls == polls_made();
}

static ssize_t receive_now(struct ss_stream *s, void *data, size_t size)
{
    struct socket *socket = socket_of(s);
    ssize_t n = TEMP_FAILURE_RETRY(recv(s->fd, data, size, MSG_DONTWAIT));
    int error = n < 0 ? errno : 0;
    s->received += n > 0 ? (uint64_t)n : 0;
    socket->drained = n < 0 ? error == EAGAIN : was_all(socket, n, size);
    socket->unread = n > 0 && !socket->drained;
    socket->polls = polls_made();
    return n < 0 ? -error : n;
}

ssize_t socket_read(struct ss_stream *s, void *data, size_t size)
{
    struct vain_waits vain = {0};
    for (;;) {
        int rc = is_drained(socket_of(s)) ? wait_for_input(s, &vain) : 0;
        if (rc < 0)
            return rc;
        ssize_t n = receive_now(s, data, size);
        if (n == -EAGAIN)
            continue;
        rc = n <= 0 || socket_of(s)->drained ? 0 : yield_in_turn(s, n);
        return rc < 0 ? rc : n;
    }
}

ssize_t socket_read_now(struct ss_stream *s, void *data, size_t size)
{
    return is_drained(socket_of(s)) ? -EAGAIN : receive_now(s, data, size);
}

/* Moves the vector on behind the first `n` bytes. */
static void skip_sent(struct msghdr *message, size_t n)
{
    while (n > 0 && n >= message->msg_iov->iov_len) {
        n -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (n > 0) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + n;
        message->msg_iov->iov_len -= n;
    }
}

int socket_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = (size_t)count};
    struct vain_waits vain = {0};
    size_t left = 0;
    for (int i = 0; i < count; i++)
        left += vector[i].iov_len;
    while (left > 0) {
        int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
        ssize_t n = message.msg_iovlen == 1 ? send(s->fd, message.msg_iov->iov_base, left, flags)
                                            : sendmsg(s->fd, &message, flags);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0) {
            vain = (struct vain_waits){0};
            s->sent += (uint64_t)n;
            left -= (size_t)n;
            skip_sent(&message, (size_t)n);
        }
        int rc = n >= 0 ? yield_in_turn(s, n) : errno == EINTR ? 0 : wait_to_write(s, &vain);
        if (rc < 0)
            return rc;
    }
    return 0;
}

ssize_t socket_write_now(struct ss_stream *s, const void *data, size_t size)
{
    ssize_t n = TEMP_FAILURE_RETRY(send(s->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    s->sent += n > 0 ? (uint64_t)n : 0;
    return n < 0 ? -errno : n;
}

/* sendfile(2) does not work with every file system (EINVAL), nor with every kernel. */
static bool must_copy(int error)
{
    return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

static int send_pieces(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    struct vain_waits vain = {0};
    while (size > 0) {
        ssize_t n = sendfile(s->fd, fd, &offset, size < SENDFILE_TURN ? size : SENDFILE_TURN);
        if (n == 0)
            return -EIO; /* the file has become shorter than the size that was promised */
        if (n < 0 && must_copy(errno))
            return stream_copy_file(s, fd, offset, size);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        int rc = 0;
        if (n > 0) {
            vain = (struct vain_waits){0};
            s->sent += (uint64_t)n;
        }
        if (n < 0)
            rc = errno == EINTR ? 0 : wait_to_write(s, &vain);
        else if ((size -= (size_t)n) > 0 && n == SENDFILE_TURN && s->server)
            rc = ss_sleep(s->server, 0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Fails on sockets that are not TCP's, which need no cork. */
static void cork(const struct ss_stream *s, int on)
{
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

static int send_corked(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    if (size < CORK_SIZE)
        return send_pieces(s, fd, offset, size);
    cork(s, 1);
    int rc = send_pieces(s, fd, offset, size);
    cork(s, 0);
    return rc;
}

/* sendfile(2) has no flag against SIGPIPE. In a server's thread the signal is blocked; a client's may be any
   thread. */
int socket_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    struct signals_before before;
    if (s->server)
        return send_corked(s, fd, offset, size);
    signals_block(&before);
    int rc = send_corked(s, fd, offset, size);
    signals_unblock(&before);
    return rc;
}

int socket_write_eof(struct ss_stream *s)
{
    return shutdown(s->fd, SHUT_WR) < 0 ? -errno : 0;
}

/* Closing a socket with unread input resets the connection: see request->linger. */
static int socket_close(struct ss_stream *s)
{
    if (socket_of(s)->unread && socket_has_input(s->fd))
        s->request->linger = true;
    return 0;
}

static const struct ss_stream_class socket_stream = {
    .name = "socket",
    .direct = true,
    .read = socket_read,
    .read_now = socket_read_now,
    .write = socket_write,
    .write_now = socket_write_now,
    .sendfile = socket_sendfile,
    .write_eof = socket_write_eof,
    .close = socket_close,
};

int socket_open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    /* at least one byte: before a connection is parked, a read finds out whether there is input */
    size_t size = self->buffer_size ? self->buffer_size : 1;
    struct socket *socket = ss_alloc(h, sizeof *socket);
    char *buffers = socket ? arena_lend(h->arena, 2 * size) : NULL;
    if (!buffers)
        return -ENOMEM;
    struct request *request = container_of(h->request, struct request, request);
    *socket = (struct socket){.is_tcp = self->core->is_tcp, .drained = request->quiet, .polls = polls_made()};
    request->quiet = false;
    ss_stream_init(&socket->stream, &socket_stream, NULL, buffers, size, buffers + size, size);
    socket->stream.lent = true;
    stream_serve(&socket->stream, h);
    *stream = &socket->stream;
    return 0;
}
