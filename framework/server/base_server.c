/* SPDX-License-Identifier: MIT */
/* BaseServer: what a server does if no class overrides it. */
#include "memory/arena.h"
#include "server/aside.h"
#include "server/clock.h"
#include "server/core.h"
#include "server/handler.h"
#include "server/idle.h"
#include "server/listener.h"
#include "server/request.h"
#include "server/serve.h"
#include "server/stepping.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void defaults(struct ss_server *self)
{
    self->address_family = AF_UNSPEC;
    self->socket_type = SOCK_STREAM;
    self->request_queue_size = 4096;
    self->allow_reuse_address = self->dual_stack = true;
    self->disable_nagle_algorithm = self->multicast_loop = true;
    self->socket_mode = self->timeout = -1;
    self->request_timeout = self->rate_window = 60000;
    self->min_rate = 240;
    self->shutdown_timeout = 10000;
    self->max_packet_size = 65535;
    self->max_requests = 1024;
    self->full_timeout = -1;
    self->max_waiting = 4096;
    self->stack_size = 262144;
    self->buffer_size = 16384;
    self->mailbox_count = 256;
    self->mailbox_size = 65536;
    self->message_memory = 8 << 20;
}

static void server_close(struct ss_server *self)
{
    if (self->socket_type != SOCK_DGRAM)
        methods_of(self)->close_socket(self);
    if (atomic_load(&self->core->serving.active)) {
        ss_shutdown(self);
        server_drain(self);
    }
    methods_of(self)->close_socket(self);
}

static int server_bind(struct ss_server *self)
{
    (void)self;
    return -EOPNOTSUPP;
}

static int server_activate(struct ss_server *self)
{
    (void)self;
    return 0;
}

static int get_request(struct ss_server *self, struct ss_request *request)
{
    (void)self, (void)request;
    return -EOPNOTSUPP;
}

static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    (void)self, (void)h, (void)stream;
    return -EOPNOTSUPP;
}

static bool verify_request(struct ss_server *self, struct ss_request *request)
{
    (void)self, (void)request;
    return true;
}

/* Waits until a parked connection goes on: SS_PARK. Else it is to be closed: 0, or the -errno for which it
 * is. */
static int wait_parked(struct ss_server *self, struct request *request)
{
    int rc = idle_wait(self, request);
    request->expired = rc == -ETIMEDOUT;
    request->ending = rc < 0 && rc != -ETIMEDOUT;
    if (!request_is_over(request))
        return SS_PARK;
    return request->ending && rc != -ECANCELED ? rc : 0;
}

/* Runs the request here and now. While the connection is parked, this thread waits for it. */
static int process_request(struct ss_server *self, struct ss_request *request)
{
    const struct ss_class *methods = methods_of(self);
    struct request *parked = container_of(request, struct request, request);
    int rc;
    do {
        rc = methods->finish_request(self, request);
    } while (rc == SS_PARK && (rc = wait_parked(self, parked)) == SS_PARK);
    request_failed(self, request, rc);
    methods->shutdown_request(self, request);
    (void)methods->poll(self, NULL, 0, 0);
    return 0;
}

static void shutdown_request(struct ss_server *self, struct ss_request *request)
{
    methods_of(self)->close_request(self, request);
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    struct request *r = container_of(request, struct request, request);
    if (r->box)
        mail_close(self, r);
    client_release(self, r->client);
    if (r->reserved)
        atomic_fetch_sub(&self->core->in_reserve, 1);
    if (request->free_data)
        request->free_data(request->data);
    if (!request->datagram && request->fd >= 0)
        close(request->fd);
    free(request->datagram);
    request_free(self, r);
}

static void turn_away(struct ss_server *self, struct ss_request *request)
{
    (void)self;
    (void)request;
}

static void handle_timeout(struct ss_server *self)
{
    (void)self;
}

/* The path of a Unix client is its own choice: whatever a terminal could take for a command is written as
   \xNN. */
static void escape(const char *text, char escaped[4 * SS_ADDRESS_TEXT])
{
    for (; *text; text++)
        escaped +=
            *text >= ' ' && *text < 0x7f ? (*escaped = *text, 1) : sprintf(escaped, "\\x%02x", *text & 0xff);
    *escaped = '\0';
}

static void handle_error(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self;
    if (request->told || error == -EPIPE || error == -ECONNRESET || error == -ECANCELED)
        return;
    char text[SS_ADDRESS_TEXT] = "a client without a name";
    struct ss_address client;
    struct ss_credentials who = {0};
    if (ss_client_address(request, &client) == 0 && client.length)
        (void)ss_address_format(&client, text, sizeof text);
    else if (ss_client_credentials(request, &who) == 0)
        snprintf(text, sizeof text, "process %d of user %u", (int)who.pid, (unsigned)who.uid);
    char escaped[4 * SS_ADDRESS_TEXT];
    escape(text, escaped);
    fprintf(stderr, "socketserver: request from %s failed: %s%s\n", escaped, ss_strerror(error),
            error == -EDOM ? "; handle returns 0, SS_PARK or -errno, and no other number" : "");
}

static void child_ended(struct ss_server *self, pid_t pid, int status, int error)
{
    (void)self;
    if (WIFSIGNALED(status))
        fprintf(stderr, "socketserver: process %d was killed by signal %d (%s)\n", (int)pid, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "socketserver: process %d has ended with status %d%s%s\n", (int)pid,
                WEXITSTATUS(status), error ? ": " : "", error ? ss_strerror(error) : "");
}

/* The parent's threads and requests are not the child's. */
static void forked(struct ss_server *self)
{
    struct serving *serving = &self->core->serving;
    self->core->is_child = true;
    (void)serving_enter(NULL);
    (void)block_pool_enter(NULL);
    stepping_forget(self);
    stop_forked();
    wakeup_close(serving->wake);
    (void)wakeup_open(serving->wake);
    station_forget(&serving->station);
    station_forget(&self->core->own_mailbox.station);
    hall_forget(&self->core->hall);
    aside_forget(self);
    clock_clear(self->core);
    atomic_store(&serving->active, 0);
    atomic_store(&serving->waiting, false);
}

static void service_actions(struct ss_server *self)
{
    (void)self;
}

static void handle_message(struct ss_server *self, const struct ss_message *message)
{
    (void)self, (void)message;
}

static int base_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    struct stepping *stepping = stepping_current();
    (void)self;
    if (stepping)
        return stepping_poll(stepping, fds, count, ms);
    int rc = count || ms ? poll(fds, count, ms)
                         : 0; /* threads and processes need not let others run: the kernel does */
    return rc < 0 ? -errno : rc;
}

static void adopt(struct ss_server *self, int fd, const void *owner)
{
    (void)self, (void)fd, (void)owner;
}

static bool forget(struct ss_server *self, int fd, const void *owner)
{
    (void)self, (void)fd, (void)owner;
    return true;
}

static int offload(struct ss_server *self, int (*function)(void *), void *argument)
{
    (void)self;
    return function(argument);
}

const struct ss_class ss_BaseServer = {
    .name = "BaseServer",
    .defaults = defaults,
    .serve_forever = base_serve_forever,
    .server_bind = server_bind,
    .server_activate = server_activate,
    .server_close = server_close,
    .close_socket = listener_close,
    .get_request = get_request,
    .verify_request = verify_request,
    .process_request = process_request,
    .finish_request = handler_finish_request,
    .open_stream = open_stream,
    .shutdown_request = shutdown_request,
    .close_request = close_request,
    .turn_away = turn_away,
    .handle_timeout = handle_timeout,
    .handle_error = handle_error,
    .child_ended = child_ended,
    .forked = forked,
    .service_actions = service_actions,
    .close_idle = idle_close,
    .handle_message = handle_message,
    .poll = base_poll,
    .await = hall_await,
    .adopt = adopt,
    .forget = forget,
    .offload = offload,
};
