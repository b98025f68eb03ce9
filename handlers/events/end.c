/* SPDX-License-Identifier: MIT */
/* How a stream ends. */
#include "events/es.h"
#include <errno.h>

int es_end(struct es *es)
{
    if (es->ended)
        return 0;
    es->ended = true;
    int rc = es->chunked ? ss_write(es->h->wfile, "0\r\n\r\n", 5) : 0;
    return rc < 0 ? rc : ss_flush(es->h->wfile);
}

/* Nobody waits for a client that does not read. */
static void say_good_bye(struct es *es)
{
    struct ss_message message;
    if (ss_wait(es->h, SS_ROOM, 0) != SS_ROOM)
        return;
    while (es_pass_on(es, &message) > 0)
        ;
    (void)es_end(es);
}

/* What the client has not taken until now would be waited for once more when the handler ends. */
static void drop_output(const struct es *es, int error)
{
    if (ss_flush_now(es->h->wfile) == -EAGAIN)
        es->h->wfile->error = error;
}

int es_lost(struct es *es, int error)
{
    if (error == -ECANCELED)
        say_good_bye(es);
    drop_output(es, error);
    es->ended = true;
    return error == -ECANCELED || error == -ECONNRESET || error == -EPIPE || error == -ETIMEDOUT ? 0 : error;
}

void es_tell(struct es *es)
{
    if (es->cls && es->cls->close && !es->told)
        es->cls->close(es);
    es->told = true;
}
