/* SPDX-License-Identifier: MIT */
/* Messages for requests of HTTP. /subscribe answers with how many have subscribed, /ref with the request's
   ref, "NUMBER-PLACE"; /wait also waits for a message behind it. /post/NUMBER-PLACE posts "late" and answers
   with the result, /count tells how many have subscribed. A POST is answered with how many bytes it had.
   /upgrade subscribes, leaves HTTP, and sends on what comes. */
#include "settings.h"
#include <errno.h>
#include <inttypes.h>

static int say(struct ss_handler *h, const char *what, int number)
{
    const char *text = ss_format(h, "%s%d\n", what, number);
    return text ? http_reply(h, 200, "text/plain", text, strlen(text)) : -ENOMEM;
}

static int pass_on(struct ss_handler *h, int ms)
{
    struct ss_message message;
    int rc = ss_wait(h, SS_MESSAGE, ms);
    rc = rc > 0 ? ss_receive(h, &message) : rc < 0 ? rc : -ETIMEDOUT;
    return rc < 0 ? rc : ss_write(h->wfile, message.data, message.size);
}

static int tell_ref(struct ss_handler *h, bool waits)
{
    struct ss_ref ref = {0};
    int rc = ss_ref(h, &ref);
    if (rc < 0)
        return rc;
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    ss_printf(h->wfile, "%" PRIu64 "-%" PRIu32 "\n", ref.number, ref.place);
    return waits ? pass_on(h, 20000) : 0;
}

static int post(struct ss_handler *h, const char *name)
{
    char *dash, *end;
    struct ss_ref ref = {.number = strtoull(name, &dash, 10)};
    if (dash == name || *dash != '-')
        return http_send_error(h, 404, NULL, NULL);
    ref.place = (uint32_t)strtoul(dash + 1, &end, 10);
    if (end == dash + 1 || *end)
        return http_send_error(h, 404, NULL, NULL);
    return say(h, "", ss_post(h->server, ref, "late", 4));
}

/* Answers with how many bytes have come; nothing is read for which ss_wait has not said that it is there. */
static int do_POST(struct ss_handler *h)
{
    char data[100];
    ssize_t n = 1;
    int total = 0;
    while (n > 0) {
        int rc = ss_wait(h, SS_INPUT, 20000);
        n = rc > 0 ? ss_read(h->rfile, data, sizeof data) : rc < 0 ? rc : -ETIMEDOUT;
        total += n > 0 ? (int)n : 0;
    }
    return n < 0 ? (int)n : say(h, "", total);
}

static int do_GET(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    if (strncmp(path, "/post/", 6) == 0)
        return post(h, path + 6);
    int rc = strcmp(path, "/subscribe") == 0 || strcmp(path, "/upgrade") == 0
                 ? ss_subscribe(h, "channel", SS_END)
                 : 0;
    if (rc == 0 && strcmp(path, "/upgrade") == 0)
        return (rc = http_upgrade(h, "messages")) < 0 ? rc : pass_on(h, 20000);
    if (rc == 0 && (strcmp(path, "/ref") == 0 || strcmp(path, "/wait") == 0))
        return tell_ref(h, path[1] == 'w');
    if (rc == 0 && strcmp(path, "/publish") == 0)
        return say(h, "", ss_publish(h->server, "channel", "news", 4));
    return rc < 0 ? rc : say(h, "", ss_subscribers(h->server, "channel"));
}

static const struct http_handler_class Messages = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_POST}),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Messages);
}
