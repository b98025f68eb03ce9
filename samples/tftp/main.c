/* SPDX-License-Identifier: MIT */
/* tftp [ADDRESS [CLASS [DIRECTORY]]]: the files of DIRECTORY for whoever asks, by TFTP (RFC 1350): what
   machines use that have no disk yet. Nobody can write. Each transfer has a socket and a port of its own, so
   that their packets are told apart.

   Try:  build/samples/tftp localhost:8069 ThreadingUDPServer www
   and:  curl tftp://localhost:8069/style.css
   or:   build/samples/tftp localhost:8069 EventLoopUDPServer www
   and:  curl --tftp-blksize 1400 tftp://localhost:8069/index.html

   Under UDPServer alone it is one transfer after the other. How many there are at once otherwise, the
   server's max_requests says; further requests wait in the socket's queue. */
#include "tftp/debts.h"
#include "tftp/transfer.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *directory = ".";
static int root = -1;

/* ---------------------------------------------------------------- a transfer */

/* A socket whose port is the transfer's name on this side (its TID), at the address that was asked. */
static int open_socket(const struct ss_datagram *asked)
{
    struct ss_address own = asked->local_address;
    sa_family_t family = own.u.any.sa_family;
    int on = 1, off = 0, fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family == AF_INET6) {
        own.u.in6.sin6_port = 0;
        own.u.in6.sin6_scope_id = asked->client_address.u.in6.sin6_scope_id;
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    } else {
        own.u.in.sin_port = 0;
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    if (bind(fd, &own.u.any, own.length) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static const char *word_for(int rc)
{
    return rc == 0               ? "sent"
           : rc == -ECONNABORTED ? "ended by the client"
           : rc == -ECONNREFUSED ? "the client has gone"
           : rc == -ECANCELED    ? "the server stops"
                                 : strerror(-rc);
}

/* What a stranger sends must not steer this terminal. */
static void log_transfer(struct ss_handler *h, const struct read_request *r, const struct outcome *o, int rc)
{
    char client[SS_ADDRESS_TEXT], name[LONGEST_REQUEST];
    ss_address_format(&h->client_address, client, sizeof client);
    (void)snprintf(name, sizeof name, "%s", r->name);
    for (char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    printf("%s %s: %s, %ju blocks, %ju packets again\n", client, name, word_for(rc), (uintmax_t)o->blocks,
           (uintmax_t)o->again);
    fflush(stdout);
}

static int refuse(struct ss_handler *h, int code, const char *words)
{
    char packet[CONTROL_PACKET];
    return ss_write(h->wfile, packet, write_error(packet, code, words));
}

/* The file cannot be had. */
static void refuse_file(struct ss_handler *h, int rc)
{
    if (rc == -ENOENT || rc == -ENOTDIR || rc == -ENAMETOOLONG)
        refuse(h, FILE_NOT_FOUND, "there is no such file");
    else if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -EAGAIN || rc == -ENOBUFS)
        refuse(h, OTHER_ERROR, "the server is busy; try again later");
    else
        refuse(h, ACCESS_VIOLATION, "only files that everybody may read, below the directory, no dot first");
}

static int serve(struct ss_handler *h)
{
    const struct ss_datagram *asked = h->request->datagram;
    struct read_request r;
    struct outcome outcome = {0};
    const char *why = NULL;
    int code = parse_request(asked->data, asked->size, &r, &why);
    if (code != 0)
        return code == NO_ANSWER ? 0 : refuse(h, code, why);
    struct source *source = ss_alloc(h, sizeof *source);
    if (!source)
        return -ENOMEM;
    *source = (struct source){.server = h->server, .fd = -1, .netascii = r.netascii};
    int rc = source_open(source, root, r.name), fd = rc < 0 ? -1 : open_socket(asked);
    rc = rc < 0 ? rc : fd < 0 ? fd : transfer_run(h, fd, &r, source, &outcome);
    log_transfer(h, &r, &outcome, rc);
    if (fd >= 0)
        close(fd);
    else
        refuse_file(h, rc);
    if (source->fd >= 0)
        close(source->fd);
    h->request->told = true; /* it has its line */
    return rc;
}

/* ---------------------------------------------------------------- the server */

/* A request that is longer than it may be is read as far as that shows. */
static void open_directory(struct ss_server *self)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    self->max_packet_size = LONGEST_REQUEST + 1;
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        fprintf(stderr, "tftp: %s: %m: name a directory that is there\n", directory);
        exit(1);
    }
    long fd = syscall(SYS_openat2, root, ".", &how, sizeof how);
    if (fd < 0) {
        fprintf(stderr, "tftp: openat2: %m: it takes Linux 5.6, and a container that allows this call\n");
        exit(1);
    }
    close((int)fd);
}

static const struct ss_class Tftp = {.name = "Tftp", .base = &Debts, .init = open_directory};
static const struct ss_handler_class Transfer = {.handle = serve};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends the files of DIRECTORY (default: the current one) by TFTP (RFC 1350).",
        .address = "localhost:8069",
        .cls = "ThreadingUDPServer",
        .servers = "UDPServer",
        .own = &Tftp,
        .handler = &Transfer,
        .argument = "DIRECTORY",
        .value = &directory,
    };
    return ss_main(argc, argv, &program);
}
