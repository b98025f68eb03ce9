/* SPDX-License-Identifier: MIT */
/* Clients made of plain sockets. */
#include "../masked.h"
#include "matrix.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wait_for(int fd, short events, int ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, ms) == 1;
}

/* How far each client is, by its descriptor. Every datagram begins anew. */
static struct mask_places places[1024];

static int try_client(const struct trial *t)
{
    int family = t->server_address.u.any.sa_family;
    int fd = socket(family, (t->place->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    struct sockaddr unnamed = {.sa_family = AF_UNIX};
    if (fd < 0)
        return -1;
    if (family == AF_UNIX && !t->place->stream) /* the kernel gives it a name to answer to */
        (void)bind(fd, &unnamed, sizeof unnamed.sa_family);
    if (connect(fd, &t->server_address.u.any, t->server_address.length) < 0) {
        close(fd);
        return -1;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    places[fd] = (struct mask_places){0};
    return fd;
}

int client(struct trial *t)
{
    int fd = t->client_count < MAX_CLIENTS ? try_client(t) : -1;
    if (fd >= 0)
        t->clients[t->client_count++] = fd;
    return fd;
}

void close_clients(struct trial *t)
{
    while (t->client_count > 0)
        close(t->clients[--t->client_count]);
}

static void disown(struct trial *t, int fd)
{
    for (int i = 0; i < t->client_count; i++)
        if (t->clients[i] == fd)
            t->clients[i] = t->clients[--t->client_count];
}

void vanish(struct trial *t, int fd, bool reset)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    disown(t, fd);
    close(fd);
}

static struct mask_places *places_of(const struct trial *t, int fd)
{
    if (!t->place->stream)
        places[fd] = (struct mask_places){0};
    return &places[fd];
}

static ssize_t send_some(const struct trial *t, int fd, const char *data, size_t size)
{
    static char masked[1 << 16];
    if (t->side == PLAIN)
        return send(fd, data, size, MSG_NOSIGNAL);
    uint32_t *place = &places_of(t, fd)->in, next = *place;
    if (size > sizeof masked)
        size = sizeof masked;
    memcpy(masked, data, size);
    mask(MASK_INPUT, &next, masked, size);
    ssize_t n = send(fd, masked, size, MSG_NOSIGNAL);
    *place = (uint32_t)((*place + (n > 0 ? (size_t)n : 0)) % MASK_PERIOD);
    return n;
}

static ssize_t receive_some(const struct trial *t, int fd, char *data, size_t size)
{
    ssize_t n = recv(fd, data, size, 0);
    if (n > 0 && t->side != PLAIN)
        mask(MASK_OUTPUT, &places_of(t, fd)->out, data, (size_t)n);
    return n;
}

bool send_all(const struct trial *t, int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send_some(t, fd, data, size);
        if (n < 0 && (errno != EAGAIN || !wait_for(fd, POLLOUT, PATIENCE)))
            return false;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* Both directions at once: an echo that is not read would stop the server, and then us. */
bool exchange(const struct trial *t, int fd, const char *request, size_t size, char *reply, size_t expected)
{
    size_t sent = 0, got = 0;
    while (got < expected || sent < size) {
        if (!wait_for(fd, sent < size ? POLLIN | POLLOUT : POLLIN, PATIENCE))
            return false;
        ssize_t n = sent < size ? send_some(t, fd, request + sent, size - sent) : 0;
        if (n < 0 && errno != EAGAIN)
            return false;
        sent += n > 0 ? (size_t)n : 0;
        n = receive_some(t, fd, reply + got, expected - got);
        if ((n < 0 && errno != EAGAIN) || (n == 0 && expected > got))
            return false;
        got += n > 0 ? (size_t)n : 0;
        if (n > 0 && !t->place->stream)
            return got == expected;
    }
    return true;
}

bool at_end(int fd, int ms)
{
    char byte;
    if (!wait_for(fd, POLLIN, ms))
        return false;
    ssize_t n = recv(fd, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* Different bytes everywhere, so that none can be missing or in another's place. */
static void fill(char *data, size_t size)
{
    uint32_t x = (uint32_t)size + 12345;
    for (size_t i = 0; i < size; i++)
        data[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    data[0] = 'e';
}

bool echo(struct trial *t, size_t size)
{
    char *data = malloc(2 * size);
    int fd = client(t);
    bool good = data && fd >= 0;
    if (good) {
        fill(data, size);
        good = exchange(t, fd, data, size, data + size, size) && memcmp(data, data + size, size) == 0;
    }
    if (good && t->place->stream)
        good = shutdown(fd, SHUT_WR) == 0 && at_end(fd, PATIENCE);
    free(data);
    if (fd >= 0)
        vanish(t, fd, false);
    return good;
}

bool nobody_listens(struct trial *t, int ms)
{
    for (uint64_t end = ss_now() + (uint64_t)ms; ss_now() < end; poll(NULL, 0, 1)) {
        int fd = try_client(t);
        if (fd < 0)
            return true;
        close(fd);
    }
    return false;
}
