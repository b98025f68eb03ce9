/* SPDX-License-Identifier: MIT */
/* nonblocking_client [ADDRESS]: makes nonblocking and nonblocking_raw say EAGAIN, in both directions: it
   sends in pieces, then sends without reading, then reads slowly. It waits for nothing but poll, either: if
   both sides waited until the other one takes something, they would wait for ever.

   Try:  build/samples/nonblocking_raw 8093
   and:  build/samples/nonblocking_client localhost:8093 */
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    PATIENCE = 5000 /* ms */,
    PAUSE = 30 /* ms between two pieces */,
    QUIET = 200 /* ms: it takes no more */
};
enum { PIECE = 65536 /* bytes */, MOST = 1 << 28 /* bytes on the way: more than any kernel keeps */ };

static size_t sent, received; /* bytes */

/* What stands at a place of all that is sent. */
static char byte_at(size_t place)
{
    return (char)(place * 7 + place / 256);
}

static int wait_for(int fd, short events, int ms)
{
    int n = poll(&(struct pollfd){.fd = fd, .events = events}, 1, ms);
    return n < 0 ? -errno : n;
}

/* Sends up to `size` bytes, as many as the other side takes. 0 or -errno; -EAGAIN: it takes none. */
static int send_some(int fd, size_t size)
{
    char data[PIECE];
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(sent + i);
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    sent += n > 0 ? (size_t)n : 0;
    return n < 0 ? -errno : 0;
}

/* Reads a piece of what has come, and compares it. Its bytes, 0 at the end, or -errno. */
static int receive_some(int fd)
{
    char data[PIECE];
    if (wait_for(fd, POLLIN, PATIENCE) == 0)
        return -ETIMEDOUT;
    ssize_t n = recv(fd, data, sizeof data, 0);
    for (ssize_t i = 0; i < n; i++)
        if (data[i] != byte_at(received + (size_t)i))
            return -EBADMSG;
    received += n > 0 ? (size_t)n : 0;
    return n < 0 ? -errno : (int)n;
}

/* Its recv says EAGAIN again and again. */
static int send_in_pieces(int fd)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < 5; i++) {
        rc = send_some(fd, 10);
        poll(NULL, 0, PAUSE);
    }
    printf("%zu bytes sent, in 5 pieces\n", sent);
    return rc;
}

/* Its send says EAGAIN, and so it reads no more; then ours does. What is on the way fills the kernel's
 * buffers. */
static int send_without_reading(int fd)
{
    int rc = 0;
    while (rc == 0 && sent < MOST) {
        rc = send_some(fd, PIECE);
        if (rc == -EAGAIN && wait_for(fd, POLLOUT, QUIET) != 0)
            rc = 0;
    }
    printf("%zu bytes sent, and not one read: %s\n", sent, strerror(-rc));
    return rc == -EAGAIN ? 0 : rc;
}

/* Now it finds room again and again. The end of our output is not the end of its. */
static int read_slowly(int fd)
{
    int rc = shutdown(fd, SHUT_WR) < 0 ? -errno : 1, pieces = 0;
    while (rc > 0 && (rc = receive_some(fd)) > 0)
        if (++pieces % 8 == 0)
            poll(NULL, 0, 1);
    printf("%zu bytes read, in %d pieces: %s\n", received, pieces, rc == 0 ? "the end" : strerror(-rc));
    return rc == 0 && received != sent ? -EPIPE : rc;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8093";
    struct ss_stream *s = NULL;
    if (argc > 2) {
        fprintf(stderr, "usage: %s [ADDRESS]\n", argv[0]);
        return 2;
    }
    int rc = ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s);
    if (rc == 0)
        rc = send_in_pieces(s->fd);
    if (rc == 0)
        rc = send_without_reading(s->fd);
    if (rc == 0)
        rc = read_slowly(s->fd);
    if (rc < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], address, ss_strerror(rc));
    ss_close(s);
    return rc < 0;
}
