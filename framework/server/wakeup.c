/* SPDX-License-Identifier: MIT */
#include "server/wakeup.h"
#include "server/shortage.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int wakeup_open(int ends[2])
{
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] < 0 ? -errno : 0;
}

void wakeup_close(int ends[2])
{
    if (ends[0] >= 0)
        close(ends[0]);
    ends[0] = ends[1] = -1;
}

int wakeup_send(const int ends[2])
{
    return write(ends[1], &(uint64_t){1}, sizeof(uint64_t)) < 0 ? -errno : 0;
}

void wakeup_take(const int ends[2])
{
    uint64_t count;
    (void)!read(ends[0], &count, sizeof count);
}

/* ---------------------------------------------------------------- by a name

   A datagram socket in Linux's abstract name space. A name is random, so that the datagram goes to nobody
   else when the process that had it has ended. */

static const char prefix[] = "socketserver-";
enum { PREFIX = sizeof prefix - 1 };
enum { QUEUE = 64 }; /* datagrams: more than the kernel keeps by default */
enum { TRIES = 20 }; /* with rest() in between: a fifth of a second */

int wakeup_open_sender(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

static socklen_t address_of(uint64_t name, struct sockaddr_un *address)
{
    static const char digits[] = "0123456789abcdef";
    char *at = address->sun_path + 1;
    address->sun_family = AF_UNIX;
    address->sun_path[0] = 0;
    memcpy(at, prefix, PREFIX);
    for (int i = 0; i < 16; i++)
        at[PREFIX + i] = digits[name >> (4 * i) & 15];
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + PREFIX + 16);
}

int wakeup_open_named(int *fd, uint64_t *name)
{
    struct sockaddr_un address;
    uint64_t number = 0;
    int made = wakeup_open_sender(), rc = made < 0 ? made : 0;
    if (rc == 0 && (getrandom(&number, sizeof number, 0) != sizeof number || !number))
        rc = -EAGAIN;
    socklen_t size = address_of(number, &address);
    if (rc == 0 && bind(made, (struct sockaddr *)&address, size) < 0)
        rc = -errno;
    if (rc == 0) {
        *fd = made;
        *name = number;
    } else if (made >= 0) {
        close(made);
    }
    return rc;
}

static int send_to(int fd, uint64_t name)
{
    struct sockaddr_un address;
    socklen_t size = address_of(name, &address);
    ssize_t n = sendto(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    return n < 0 ? -errno : 0;
}

/* -EAGAIN: the receiver's queue is full, which wakes it as well; or this sender's datagrams that others have
   not received yet are too many, which a new sender has none of. */
static int try_to_send(int fd, uint64_t name)
{
    int rc = send_to(fd, name);
    if (rc != -EAGAIN)
        return rc;
    int other = wakeup_open_sender();
    rc = other < 0 ? other : send_to(other, name);
    if (other >= 0)
        close(other);
    return rc == -EAGAIN ? 0 : rc;
}

/* Without a wake-up nobody would look at what has come, so one for which there is no memory or no descriptor
   now is sent again after a moment. */
int wakeup_send_named(int fd, uint64_t name)
{
    int rc = try_to_send(fd, name);
    for (int tries = 1; tries < TRIES && (rc == -EINTR || out_of_resources(rc)); tries++) {
        rest();
        rc = try_to_send(fd, name);
    }
    return rc;
}

/* No more than a queue holds: a stranger who floods it must not keep us here. */
void wakeup_take_named(int fd)
{
    char byte;
    for (int i = 0; i < QUEUE && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++)
        ;
}

int open_pipe(int pipe[2])
{
    return pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

void close_pipe(int pipe[2])
{
    for (int i = 0; i < 2; i++) {
        if (pipe[i] >= 0)
            close(pipe[i]);
        pipe[i] = -1;
    }
}
