/* SPDX-License-Identifier: MIT */
/* welcome_raw_client [PORT [NAME]]: the client of welcome_raw and of welcome, with no library.

   Try:  build/samples/welcome_raw 8090
   and:  build/samples/welcome_raw_client 8090 Ada */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Shows what comes, up to the end of a line. False: nothing more comes. */
static int show_line(int server)
{
    char c = 0;
    while (c != '\n' && recv(server, &c, 1, 0) == 1)
        putchar(c);
    fflush(stdout);
    return c == '\n';
}

int main(int argc, char **argv)
{
    char answer[100];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port =
                                      htons(argc > 1 ? (unsigned short)strtoul(argv[1], NULL, 10) : 8090)};
    /* 1. socket: as the server's. It gets a port of its own when it connects: no bind is needed. */
    int server = socket(AF_INET, SOCK_STREAM, 0);
    /* 2. connect: asks the kernel at that address for a connection, and waits until there is one. That the
       server has accepted it is another matter. */
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("connect");
        return 1;
    }
    /* 3. recv and send */
    if (!show_line(server))
        return 1;
    int size = snprintf(answer, sizeof answer, "%.90s\n", argc > 2 ? argv[2] : "nobody");
    if (send(server, answer, (size_t)size, MSG_NOSIGNAL) != size) {
        perror("send");
        return 1;
    }
    int answered = show_line(server);
    close(server); /* 4. close */
    return !answered;
}
