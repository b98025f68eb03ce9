/* SPDX-License-Identifier: MIT */
/* echo_uv PORT: TCP echo on libuv as its friends would write it for speed: one buffer for all connections,
   and uv_try_write before any uv_write. */
#include "common.h"
#include <signal.h>
#include <uv.h>

enum { BUFFER_SIZE = 64 * 1024 };

/* A write that could not be done at once, with its data. */
struct delayed {
    uv_write_t write;
    char data[];
};

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void drop(uv_stream_t *client)
{
    if (!uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, closed);
}

static void give_buffer(uv_handle_t *client, size_t suggested, uv_buf_t *buffer)
{
    static char shared[BUFFER_SIZE];
    (void)client;
    (void)suggested;
    *buffer = uv_buf_init(shared, sizeof shared);
}

static void written(uv_write_t *write, int status)
{
    if (status < 0)
        drop(write->handle);
    free(write);
}

static void write_later(uv_stream_t *client, const char *data, size_t size)
{
    struct delayed *delayed = malloc(sizeof *delayed + size);
    if (!delayed) {
        drop(client);
        return;
    }
    memcpy(delayed->data, data, size);
    uv_buf_t buffer = uv_buf_init(delayed->data, (unsigned)size);
    if (uv_write(&delayed->write, client, &buffer, 1, written) < 0) {
        free(delayed);
        drop(client);
    }
}

static void received(uv_stream_t *client, ssize_t n, const uv_buf_t *buffer)
{
    if (n < 0)
        drop(client);
    if (n <= 0)
        return;
    uv_buf_t out = uv_buf_init(buffer->base, (unsigned)n);
    int sent = uv_try_write(client, &out, 1);
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0)
        drop(client);
    else if (sent < n)
        write_later(client, buffer->base + sent, (size_t)(n - sent));
}

static void connected(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = status < 0 ? NULL : malloc(sizeof *client);
    if (!client)
        return;
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        drop((uv_stream_t *)client);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, give_buffer, received);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        DIE("usage: echo_uv PORT");
    struct sockaddr_in address = loopback(argv[1]);
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    signal(SIGPIPE, SIG_IGN);
    uv_tcp_init(loop, &listener);
    int rc = uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&listener, 4096, connected);
    if (rc < 0)
        DIE("port %s: %s", argv[1], uv_strerror(rc));
    return uv_run(loop, UV_RUN_DEFAULT);
}
