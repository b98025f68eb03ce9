/* SPDX-License-Identifier: MIT */
/* ExplainMixIn: says what the classes on its right do, while they do it. */
#include "program/commentary.h"
#include "program/explain_wait.h"
#include "program/tap.h"
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a request. */
struct explained {
    struct tap tap;
    bool handled; /* by this process */
    bool ended;   /* the client has ended its output */
    int rc;       /* what the handler has returned last */
};

static struct explained *explained_of(struct ss_server *self, struct ss_request *request)
{
    return ss_request_state(self, request, &ExplainMixIn);
}

static void connected(const struct ss_server *self, int fd, const struct sockaddr *to, socklen_t length,
                      int rc)
{
    struct ss_address address = {.length = length};
    char text[SS_ADDRESS_TEXT];
    memcpy(&address.u, to, length);
    ss_address_format(&address, text, sizeof text);
    explain_result(self, "connect", fd, text, rc, NULL);
}

static void sent(const struct ss_server *self, int fd, const struct ss_address *to, const struct iovec *data,
                 int rc)
{
    char text[SS_ADDRESS_TEXT];
    ss_address_format(to, text, sizeof text);
    explain_say(self, (struct remark){.call = "sendto",
                                      .fd = fd,
                                      .with = text,
                                      .returns = true,
                                      .result = rc < 0 ? rc : (long)data->iov_len,
                                      .data = rc < 0 ? NULL : data->iov_base,
                                      .size = data->iov_len});
}

static void found(const struct ss_server *self, const char *host, const char *port,
                  const struct ss_address *addresses, int rc)
{
    char with[300], note[4 * SS_ADDRESS_TEXT] = "";
    size_t n = 0;
    snprintf(with, sizeof with, "%s, %s", host, port);
    for (int i = 0; i < rc && n + SS_ADDRESS_TEXT < sizeof note; i++) {
        n += i ? (size_t)sprintf(note + n, " ") : 0;
        n += (size_t)ss_address_format(&addresses[i], note + n, sizeof note - n);
    }
    explain_result(self, "getaddrinfo", -1, with, rc, rc > 0 ? note : NULL);
}

static void init(struct ss_server *self)
{
    struct explaining *e = ss_state(self, &ExplainMixIn);
    *e = (struct explaining){
        {connected, sent, found, ss_explain}, comment_time(), getpid(), &ExplainMixIn, -1, false};
    self->explained = &e->below;
}

static void init_json(struct ss_server *self)
{
    explaining_of(self)->json = true;
}

/* ---------------------------------------------------------------- the server's own socket */

static const char *family_name(int family)
{
    return family == AF_INET ? "AF_INET" : family == AF_INET6 ? "AF_INET6" : "AF_UNIX";
}

static void say_bound(struct ss_server *self)
{
    char text[SS_ADDRESS_TEXT], with[100];
    ss_address_format(&self->server_address, text, sizeof text);
    if (!strncmp(self->address, "fd:", 3)) {
        explain_say(self,
                    (struct remark){
                        .call = "getsockname", .fd = self->socket, .with = text, .note = "it was inherited"});
        return;
    }
    snprintf(with, sizeof with, "%s, %s", family_name(self->address_family),
             self->socket_type == SOCK_DGRAM ? "SOCK_DGRAM" : "SOCK_STREAM");
    explain_result(self, "socket", -1, with, self->socket, NULL);
    explain_result(self, "bind", self->socket, text, 0, NULL);
}

static int server_bind(struct ss_server *self)
{
    int rc = explain_next(self)->server_bind(self);
    if (rc < 0)
        explain_result(self, "bind", -1, self->address, rc, NULL);
    else
        say_bound(self);
    explaining_of(self)->listening = self->socket;
    return rc;
}

static int server_activate(struct ss_server *self)
{
    int rc = explain_next(self)->server_activate(self);
    char with[30];
    snprintf(with, sizeof with, "%d", self->request_queue_size);
    if (self->socket_type != SOCK_DGRAM)
        explain_result(self, "listen", self->socket, with, rc, NULL);
    return rc;
}

static int serve_forever(struct ss_server *self)
{
    explain_note(self, "serve_forever", -1, "clients can come");
    int rc = explain_next(self)->serve_forever(self);
    explain_result(self, "serve_forever", -1, NULL, rc, "all have ended");
    return rc;
}

static void close_socket(struct ss_server *self)
{
    int fd = self->socket;
    explain_next(self)->close_socket(self);
    bool ours = explaining_of(self)->process == getpid();
    if (fd >= 0)
        explain_note(self, "close", fd,
                     ours ? "nobody can connect any more" : "the process that forked this one has it, too");
}

/* ---------------------------------------------------------------- a request begins */

/* The handshake is over when a connection is accepted: SYN, SYN and ACK, ACK. */
static void describe_handshake(int fd, char *text, size_t size)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return;
    snprintf(text, size, "; the handshake: round trip %u us, window %u bytes, segments of %u", info.tcpi_rtt,
             info.tcpi_snd_wnd, info.tcpi_snd_mss);
}

static void say_accepted(struct ss_server *self, const struct ss_request *request)
{
    struct ss_address client;
    char text[SS_ADDRESS_TEXT] = "", handshake[150] = "", note[sizeof text + sizeof handshake + 10];
    if (ss_client_address(request, &client) == 0)
        ss_address_format(&client, text, sizeof text);
    if (!request->datagram && client.u.any.sa_family != AF_UNIX)
        describe_handshake(request->fd, handshake, sizeof handshake);
    snprintf(note, sizeof note, "from %s%s", text, handshake);
    const struct ss_datagram *d = request->datagram;
    if (d)
        explain_say(self, (struct remark){.call = "recvfrom",
                                          .fd = request->fd,
                                          .returns = true,
                                          .result = (long)d->size,
                                          .data = d->data,
                                          .size = d->size,
                                          .note = note});
    else
        explain_result(self, "accept", ss_fileno(self), NULL, request->fd, note);
}

static int get_request(struct ss_server *self, struct ss_request *request)
{
    int rc = explain_next(self)->get_request(self, request);
    bool datagrams = self->socket_type == SOCK_DGRAM;
    if (rc == 0)
        say_accepted(self, request);
    else
        explain_result(self, datagrams ? "recvfrom" : "accept", ss_fileno(self), NULL, rc,
                       rc == -EAGAIN ? "nobody else waits" : NULL);
    return rc;
}

static bool verify_request(struct ss_server *self, struct ss_request *request)
{
    bool verified = explain_next(self)->verify_request(self, request);
    if (!verified)
        explain_note(self, "verify_request", request->fd, "this client is turned away");
    return verified;
}

/* ---------------------------------------------------------------- it is handled */

static void say_input(struct ss_stream *s, const struct tap_event *event)
{
    const char *note = event->result == 0         ? "the client has ended its output"
                       : event->result == -EAGAIN ? "nothing has come yet"
                                                  : NULL;
    explained_of(s->server, s->request)->ended |= event->result == 0;
    explain_say(s->server, (struct remark){.call = "recv",
                                           .fd = s->fd,
                                           .returns = true,
                                           .result = event->result,
                                           .data = event->result > 0 ? event->data : NULL,
                                           .size = event->size,
                                           .note = note});
}

static void heard(struct ss_stream *s, struct tap *tap, const struct tap_event *event)
{
    static const char *const calls[] = {
        [TAP_WRITE] = "send", [TAP_FILE] = "sendfile", [TAP_EOF] = "shutdown"};
    (void)tap;
    if (event->kind == TAP_READ) {
        say_input(s, event);
        return;
    }
    bool eof = event->kind == TAP_EOF;
    explain_say(s->server,
                (struct remark){.call = s->request->datagram && !eof ? "sendto" : calls[event->kind],
                                .fd = s->fd,
                                .with = eof ? "SHUT_WR" : NULL,
                                .returns = true,
                                .result = event->result,
                                .data = event->result > 0 ? event->data : NULL,
                                .size = event->size});
}

static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    int rc = explain_next(self)->open_stream(self, h, stream);
    if (rc >= 0)
        tap_open(&explained_of(self, h->request)->tap, *stream, heard);
    return rc;
}

static int finish_request(struct ss_server *self, struct ss_request *request)
{
    struct explained *e = explained_of(self, request);
    const char *begins = e->handled ? "it goes on: the connection was parked" : "it begins";
    e->handled = true;
    explain_note(self, "handle", request->fd, begins);
    int rc = e->rc = explain_next(self)->finish_request(self, request);
    if (rc == SS_PARK)
        explain_note(self, "handle", request->fd, "it parks the connection until there is input");
    else
        explain_result(self, "handle", request->fd, NULL, rc, NULL);
    return rc;
}

/* ---------------------------------------------------------------- it ends */

/* Why, by what the request's life has shown. */
static const char *reason(const struct explained *e)
{
    return !e->handled           ? "no handler has run here"
           : e->rc == -ECANCELED ? "the server stops"
           : e->rc == -ETIMEDOUT ? "the client was silent, or did not take its answer, for too long"
           : e->rc < 0           ? "the handler has failed, or the client has gone"
           : e->ended            ? "the client has ended, and so has the handler"
           : e->rc == SS_PARK    ? "it was parked, and its time is over or others need its place"
                                 : "the handler has ended";
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    const struct explained *e = explained_of(self, request);
    char note[200];
    snprintf(note, sizeof note, "%s; %llu bytes in, %llu bytes out", reason(e),
             (unsigned long long)e->tap.received, (unsigned long long)e->tap.sent);
    if (!request->datagram && request->fd >= 0)
        explain_note(self, "close", request->fd, note);
    explain_next(self)->close_request(self, request);
}

static bool close_idle(struct ss_server *self)
{
    bool closed = explain_next(self)->close_idle(self);
    if (closed)
        explain_note(self, "close_idle", -1, "others need the place of who was idle for longest");
    return closed;
}

/* ---------------------------------------------------------------- processes */

static void forked(struct ss_server *self)
{
    explain_next(self)->forked(self);
    explain_note(self, "fork", -1, "this process begins");
}

static void child_ended(struct ss_server *self, pid_t pid, int status, int error)
{
    char note[100];
    if (WIFSIGNALED(status))
        snprintf(note, sizeof note, "process %d was ended by signal %d", pid, WTERMSIG(status));
    else
        snprintf(note, sizeof note, "process %d has ended with status %d", pid, WEXITSTATUS(status));
    explain_say(self, (struct remark){
                          .call = "waitpid", .fd = -1, .returns = error < 0, .result = error, .note = note});
    explain_next(self)->child_ended(self, pid, status, error);
}

const struct ss_class ss_ExplainMixIn = {
    .name = "ExplainMixIn",
    .state_size = sizeof(struct explaining),
    .request_state_size = sizeof(struct explained),
    .init = init,
    .serve_forever = serve_forever,
    .server_bind = server_bind,
    .server_activate = server_activate,
    .close_socket = close_socket,
    .get_request = get_request,
    .verify_request = verify_request,
    .finish_request = finish_request,
    .open_stream = open_stream,
    .close_request = close_request,
    .child_ended = child_ended,
    .forked = forked,
    .close_idle = close_idle,
    .poll = explain_poll,
    .await = explain_await,
    .offload = explain_offload,
};

const struct ss_class ss_ExplainJSONMixIn = {
    .name = "ExplainJSONMixIn",
    .base = &ExplainMixIn,
    .init = init_json,
};
