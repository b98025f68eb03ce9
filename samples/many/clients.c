/* SPDX-License-Identifier: MIT */
/* See clients.h. */
#include "many/clients.h"
#include "socketserver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 10000 /* ms beyond what is expected */ };

static int connect_to(unsigned short port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

static int send_until(struct client *client, const char *request, int end)
{
    ssize_t n = send(client->fd, request + client->sent, (size_t)(end - client->sent), MSG_NOSIGNAL);
    client->sent += n > 0 ? (int)n : 0;
    return n < 0 ? -errno : 0;
}

/* The slow one sends one byte when it comes, and the others when its time is over. */
static int act(struct client *client, unsigned short port, bool slow, int ms, int now)
{
    const char *request = slow ? SLOW_REQUEST : QUICK_REQUEST;
    int size = (int)strlen(request);
    if (now < client->begins)
        return 0;
    if (client->fd < 0) {
        client->fd = connect_to(port);
        if (client->fd < 0)
            return client->fd;
        client->begins = now;
        return send_until(client, request, slow && ms > 0 ? 1 : size);
    }
    return client->sent < size && now >= client->begins + ms ? send_until(client, request, size) : 0;
}

static int receive(struct client *client, int now)
{
    ssize_t n =
        recv(client->fd, client->answer + client->size, sizeof client->answer - 1 - (size_t)client->size, 0);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ECONNRESET;
    client->size += (int)n;
    if (client->answer[client->size - 1] != '\n')
        return 0;
    client->served = now;
    char *space;
    client->process = (int)strtol(client->answer, &space, 10);
    client->thread = (int)strtol(space, NULL, 10);
    return client->process > 0 && client->thread > 0 ? 0 : -EBADMSG;
}

/* Waits for answers until the next one has to do something, for a millisecond at most: so exact is the time.
 */
static int wait_and_receive(struct client *clients, int count, uint64_t began)
{
    struct pollfd fds[1 + MOST_QUICK];
    for (int i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = clients[i].served < 0 ? clients[i].fd : -1, .events = POLLIN};
    if (poll(fds, (nfds_t)count, 1) < 0 && errno != EINTR)
        return -errno;
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++)
        if (fds[i].revents)
            rc = receive(&clients[i], (int)(ss_now() - began));
    return rc;
}

int clients_run(unsigned short port, struct client *clients, int count, int ms, bool waits)
{
    int rc = 0, served = 0;
    for (int i = 0; i < count; i++) /* the last one has some time left, too, until the slow one has gone */
        clients[i] = (struct client){.fd = -1, .served = -1, .begins = i * ms * 2 / 3 / (count - 1)};
    uint64_t began = ss_now();
    while (rc == 0 && served < count) {
        int now = (int)(ss_now() - began);
        for (int i = 0; rc == 0 && i < count; i++)
            rc = act(&clients[i], port, i == 0, i == 0 && waits ? ms : 0, now);
        if (rc == 0)
            rc = wait_and_receive(clients, count, began);
        served = 0;
        for (int i = 0; i < count; i++)
            served += clients[i].served >= 0;
        if (rc == 0 && now > ms + PATIENCE)
            rc = -ETIMEDOUT;
    }
    for (int i = 0; i < count; i++)
        if (clients[i].fd >= 0)
            close(clients[i].fd);
    return rc;
}
