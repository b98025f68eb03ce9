/* SPDX-License-Identifier: MIT */
/* udp_loop PORT: UDP echo in the plainest way, recvfrom and sendto; the benchmark's yardstick for UDPServer.
 */
#include "common.h"

int main(int argc, char **argv)
{
    if (argc != 2)
        DIE("usage: udp_loop PORT");
    static char data[65536];
    int fd = serve_on(argv[1], SOCK_DGRAM);
    for (;;) {
        struct sockaddr_storage client;
        socklen_t size = sizeof client;
        ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&client, &size);
        if (n >= 0)
            (void)!sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&client, size);
    }
}
