/* SPDX-License-Identifier: MIT */
/* daytime [ADDRESS [CLASS]]: tells the time to everyone who asks (RFC 867). With TCP the server speaks
   first and closes; with UDP any datagram is a question.

   Try:  build/samples/daytime localhost:8013
   and:  nc localhost 8013
   or:   build/samples/daytime localhost:8013 EventLoopUDPServer
   and:  echo | build/samples/echo_client -u localhost:8013 */
#include "socketserver.h"
#include <stdio.h>
#include <time.h>

static int daytime(struct ss_handler *h)
{
    char text[64];
    time_t now = time(NULL);
    struct tm local;
    strftime(text, sizeof text, "%A, %d %B %Y %H:%M:%S %Z", localtime_r(&now, &local));
    return ss_printf(h->wfile, "%s\r\n", text);
}

static const struct ss_handler_class DaytimeHandler = {.handle = daytime};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Tells the time to everyone who asks (RFC 867).",
        .address = "localhost:8013",
        .cls = "ThreadingTCPServer",
        .handler = &DaytimeHandler,
    };
    return ss_main(argc, argv, &program);
}
