/* BaseServer: the life of a request. Everything here can be overridden; what waits does so through the
   poll method, so one serve_forever serves under every mix-in. */
#include "memory/arena.h"
#include "server/accept.h"
#include "server/aside.h"
#include "server/core.h"
#include "server/handler.h"
#include "server/idle.h"
#include "server/listener.h"
#include "server/request.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ACCEPT_BURST = 64 }; /* requests taken before others run */
/* Woken so often in vain: an error is told of that nobody takes (a datagram socket's error queue). */
enum { VAIN_WAKES = 16, VAIN_PAUSE = 1 /* ms */ };
enum { ACCEPT_PAUSE = 100 }; /* ms to wait when the process or the machine is out of descriptors */

/* The listener itself is broken; everything else concerns one client, or passes. */
static bool fatal(int rc)
{
    return rc == -EBADF || rc == -EINVAL || rc == -ENOTSOCK || rc == -EOPNOTSUPP || rc == -EFAULT;
}

/* Until we wait for it again: who connects is for another thread or process of ours. */
static void let_others_accept(struct ss_server *self)
{
    (void)methods_of(self)->forget(self, *serving_of(self)->socket, NULL);
}

/* A descriptor may come free when a request ends; otherwise only time helps. */
static int pause_accepting(struct ss_server *self)
{
    unsigned active = atomic_load(&serving_of(self)->active);
    (void)methods_of(self)->close_idle(self);
    let_others_accept(self);
    int rc = active ? server_wait_active(self, active - 1, ACCEPT_PAUSE, DRAINING) : -EAGAIN;
    return rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED ? rc : ss_sleep(self, ACCEPT_PAUSE);
}

/* Woken for another client, a loop without an idle connection could do nothing for it. */
static bool cannot_make_room(void)
{
    const struct serving *serving = serving_current();
    return serving && !serving->parked.oldest;
}

static int wait_for_room(struct ss_server *self)
{
    const struct serving *serving = serving_of(self);
    unsigned limit = self->max_requests - 1; /* 0: none */
    if (atomic_load(&serving->active) <= limit)
        return 0;
    if (!cannot_make_room() && !is_readable(*serving->socket))
        return -EAGAIN; /* nobody comes for whom room would have to be made, and could be */
    let_others_accept(self);
    int rc;
    do {
        if (is_readable(*serving->socket))
            (void)methods_of(self)->close_idle(self);
        rc = server_wait_active(self, limit, LOOK_AGAIN, DRAINING);
    } while (rc == -ETIMEDOUT);
    idle_enough(self);
    return rc;
}

/* Only few descriptors are left, which files are opened with: somebody who is idle goes, or nobody comes. */
static void make_room(struct ss_server *self)
{
    serving_of(self)->reserve_used = false;
    if (!methods_of(self)->close_idle(self))
        pause_accepting(self);
    else
        (void)methods_of(self)->poll(self, NULL, 0, 0);
}

/* Takes what there is, with room kept for the others. 0: nothing left; 1: maybe more. `vain` counts the times
   that there was nothing from the start. */
static int take_burst(struct ss_server *self, unsigned *vain)
{
    const struct serving *serving = serving_of(self);
    *vain += 1;
    for (int i = 0; i < ACCEPT_BURST; i++) {
        if (ss_draining(self))
            return 1;
        if (serving->reserve_used)
            make_room(self);
        int rc = wait_for_room(self);
        if (rc == 0)
            rc = take_request(self);
        if ((rc == -EMFILE || rc == -ENFILE) && !is_readable(*serving->socket))
            rc = -EAGAIN; /* nobody has come: accept(2) looks for a descriptor first */
        if (rc >= 0)
            *vain = 0;
        if (rc == -EAGAIN && *vain == 0 && self->core->shared && self->socket_type != SOCK_DGRAM)
            let_others_accept(self);
        if (rc == -EAGAIN || rc == -ECANCELED)
            return 0;
        if (out_of_resources(rc))
            pause_accepting(self);
        else if (fatal(rc))
            return rc;
    }
    (void)methods_of(self)->poll(self, NULL, 0, 0);
    return 1;
}

static int serve_forever(struct ss_server *self)
{
    int rc = 1;
    unsigned vain = 0;
    struct block_pool pool, *before = block_pool_enter(&pool);
    serving_of(self)->can_put_aside = true;
    idle_open(self);
    while (rc >= 0 && !ss_draining(self)) {
        if (rc == 0)
            rc = aside_wait(self);
        methods_of(self)->service_actions(self);
        if (rc == 0 || rc == 1)
            rc = take_burst(self, &vain);
        if (vain >= VAIN_WAKES)
            (void)ss_sleep(self, VAIN_PAUSE);
    }
    if (rc < 0 && rc != -ECANCELED)
        server_failed(self);
    if (ss_draining(self))
        drain_queue(self);
    if (self->socket_type != SOCK_DGRAM)
        serving_stop_listening(self);
    if (ss_draining(self))
        server_drain(self);
    else /* what is in progress here may end; the drain is the others' as well */
        (void)server_wait_active(self, 0, self->shutdown_timeout, CANCELED);
    serving_stop_listening(self); /* a datagram in progress is answered through it */
    idle_shut(self);
    block_pool_leave(&pool, before);
    return rc == -ECANCELED || rc >= 0 ? 0 : rc;
}

/* ---------------------------------------------------------------- what others override */

static void defaults(struct ss_server *self)
{
    self->address_family = AF_UNSPEC;
    self->socket_type = SOCK_STREAM;
    self->request_queue_size = 4096;
    self->allow_reuse_address = self->dual_stack = true;
    self->socket_mode = self->timeout = -1;
    self->request_timeout = self->rate_window = 60000;
    self->min_rate = 240;
    self->shutdown_timeout = 10000;
    self->max_packet_size = 65535;
    self->max_requests = 1024;
    self->max_waiting = 4096;
    self->stack_size = 262144;
    self->buffer_size = 16384;
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

/* Here and now: between two requests of a parked connection this is simply a wait. */
static int process_request(struct ss_server *self, struct ss_request *request)
{
    const struct ss_class *methods = methods_of(self);
    const struct request *parked = container_of(request, struct request, request);
    int rc;
    do {
        rc = methods->finish_request(self, request);
    } while (rc == SS_PARK && idle_wait(self, parked) == 0);
    request_failed(self, request, rc);
    methods->shutdown_request(self, request);
    return 0;
}

static void shutdown_request(struct ss_server *self, struct ss_request *request)
{
    methods_of(self)->close_request(self, request);
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    client_release(self, container_of(request, struct request, request)->client);
    if (request->free_data)
        request->free_data(request->data);
    if (!request->datagram && request->fd >= 0)
        close(request->fd);
    free(request->datagram);
    request_free(self, container_of(request, struct request, request));
}

static void handle_timeout(struct ss_server *self)
{
    (void)self;
}

/* The path of a Unix socket is the client's choice: nothing that a terminal obeys, or turns round, stays. */
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
    if (ss_client_address(request, &client) == 0 && client.length)
        (void)ss_address_format(&client, text, sizeof text);
    char reason[128], escaped[4 * SS_ADDRESS_TEXT];
    escape(text, escaped);
    fprintf(stderr, "socketserver: request from %s failed: %s%s\n", escaped,
            strerror_r(-error, reason, sizeof reason),
            error == -EDOM ? "; handle returns 0, SS_PARK or -errno, and no other number" : "");
}

static void child_ended(struct ss_server *self, pid_t pid, int status, int error)
{
    char reason[128];
    (void)self;
    if (WIFSIGNALED(status))
        fprintf(stderr, "socketserver: process %d was killed by signal %d (%s)\n", (int)pid, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "socketserver: process %d has ended with status %d%s%s\n", (int)pid,
                WEXITSTATUS(status), error ? ": " : "",
                error ? strerror_r(-error, reason, sizeof reason) : "");
}

static void service_actions(struct ss_server *self)
{
    (void)self;
}

static int base_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    (void)self;
    int rc = count || ms ? poll(fds, count, ms) : 0; /* the kernel lets others run by itself */
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
    .serve_forever = serve_forever,
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
    .handle_timeout = handle_timeout,
    .handle_error = handle_error,
    .child_ended = child_ended,
    .service_actions = service_actions,
    .close_idle = idle_close,
    .poll = base_poll,
    .adopt = adopt,
    .forget = forget,
    .offload = offload,
};
