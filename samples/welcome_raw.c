/* SPDX-License-Identifier: MIT */
/* welcome_raw [PORT]: says welcome to one client after the other, with no library: the seven calls that every
   course on sockets begins with. Six of them are here, connect is in welcome_raw_client. welcome is the same
   with the library.

   Try:  build/samples/welcome_raw 8090
   and:  build/samples/welcome_raw_client 8090
   or:   nc localhost 8090 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE = 10 /* seconds for a client's answer */, NAME = 100 /* bytes */ };

static int check(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(1);
    }
    return result;
}

/* 1. socket: one end of a conversation, as a file descriptor. Nobody can reach it yet.
   2. bind: gives it an address: this machine alone (127.0.0.1) and a port. Network byte order: htons, htonl.
   3. listen: from now on the kernel takes connections in, and keeps up to so many until we accept them. */
static int listen_at(unsigned short port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    /* else the port stays taken for a minute when the server is started again */
    check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), "setsockopt");
    check(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(listener, 16), "listen");
    return listener;
}

/* 6. send: hands bytes to the kernel, which may take some of them only. Without MSG_NOSIGNAL a client that
   has gone ends us by SIGPIPE. */
static int send_all(int client, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = send(client, text, left, MSG_NOSIGNAL);
        if (n < 0)
            return -1;
        text += n;
        left -= (size_t)n;
    }
    return 0;
}

/* 5. recv: gives what has come, one byte or many: TCP keeps the order, and not the pieces in which it was
   sent. So we go on until the line has its end. 0 is the end: the client has said all. */
static int recv_line(int client, char line[NAME])
{
    size_t size = 0;
    while (size + 1 < NAME && !(size > 0 && line[size - 1] == '\n')) {
        ssize_t n = recv(client, line + size, 1, 0);
        if (n <= 0)
            return -1;
        size += (size_t)n;
    }
    line[size] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    return 0;
}

static void welcome(int client)
{
    char name[NAME];
    struct timeval patience = {.tv_sec = PATIENCE}; /* else one silent client would stop us for all others */
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send_all(client, "Welcome! Who are you?\n") == 0 && recv_line(client, name) == 0) {
        send_all(client, "Nice to meet you, ");
        send_all(client, name);
        send_all(client, ".\n");
    }
    close(client); /* 7. close: the client reads the end */
}

int main(int argc, char **argv)
{
    int listener = listen_at(argc > 1 ? (unsigned short)strtoul(argv[1], NULL, 10) : 8090), client;
    struct sockaddr_in own = {0}, peer = {0};
    check(getsockname(listener, (struct sockaddr *)&own, &(socklen_t){sizeof own}), "getsockname");
    printf("welcome_raw: ready on 127.0.0.1:%d, one client after the other\n", ntohs(own.sin_port));
    fflush(stdout);
    /* 4. accept: takes the next connection: a new descriptor for this client, while the listener listens on
     */
    while ((client = accept(listener, (struct sockaddr *)&peer, &(socklen_t){sizeof peer})) >= 0) {
        printf("welcome_raw: a client at port %d\n", ntohs(peer.sin_port));
        fflush(stdout);
        welcome(client);
    }
    perror("accept");
    return 1;
}
