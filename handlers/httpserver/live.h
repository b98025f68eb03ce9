/* SPDX-License-Identifier: MIT */
/* --live: pages show by themselves what was changed below the directory. Each page loads a script, which
   follows a stream of server-sent events:

     event   data
     state   a word that stands for the state of the directory. It is sent first. A page that had another one
             when its connection was lost, or while it was not looked at, loads itself anew
     change  the new word; then, on lines of their own, the paths that were changed, or none: then it is
             anything */
#ifndef HTTPSERVER_LIVE_H
#define HTTPSERVER_LIVE_H

#include "httpserver/options.h"

#define LIVE_SCRIPT "/.httpserver/live.js"
#define LIVE_EVENTS "/.httpserver/live"

/* A mix-in that watches the directory while the server runs. It stands on the left of those that fork: the
   thread is that of the first process. */
extern const struct ss_class LiveMixIn;

/* What to watch: before the server is bound. They live as long as it does. */
void live_begin(const struct options *options);

/* do_GET of the server's class: the script, the stream, and all else as http_do_GET. */
int live_do_GET(struct ss_handler *h);

extern const char live_script[];

#endif
