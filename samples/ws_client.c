/* SPDX-License-Identifier: MIT */
/* ws_client URL: sends each line of its input to a WebSocket, and shows what comes back.

   Try:  build/samples/ws_echo localhost:8082
   and:  echo hello | build/samples/ws_client ws://localhost:8082/ */
#include "websocket.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TIMEOUT = 5000 /* ms */ };
static const struct ws_options options = {.compression = WS_DEFLATE};

static int converse(struct ws *ws)
{
    char line[65536];
    struct ws_message message;
    int rc = 1;
    while (rc > 0 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        rc = ws_printf(ws, "%s", line);
        if (rc == 0 && (rc = ws_recv(ws, &message)) > 0)
            printf("%.*s\n", (int)message.size, message.data);
    }
    if (rc == 0)
        fprintf(stderr, "closed: %u %s\n", ws_code(ws), ws_reason(ws));
    return rc < 0 ? rc : 0;
}

int main(int argc, char **argv)
{
    struct ws *ws = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: %s URL\n", argv[0]);
        return 2;
    }
    int rc = ws_connect(NULL, argv[1], &options, TIMEOUT, &ws);
    if (rc > 0)
        fprintf(stderr, "%s: %s: the server has answered with %d\n", argv[0], argv[1], rc);
    else if (rc == 0)
        rc = converse(ws);
    if (rc < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], ss_strerror(rc));
    ws_free(ws);
    return rc != 0;
}
