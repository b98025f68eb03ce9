/* SPDX-License-Identifier: MIT */
/* many [OPTION]...: one slow client beside many quick ones, under each mix-in: who has to wait for whom, as a
   time line. It starts its servers itself, on ports of the kernel's choice.

   Try:  build/samples/many
         build/samples/many --slow blocking --mixins Threading,EventLoop
         build/samples/many --slow offload --mixins EventLoop */
#include "many/clients.h"
#include "many/timeline.h"
#include "mixins.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 100 /* bytes of a request */, MOST_WORKERS = 100 };

/* What is slow. */
enum slowness { CLIENT, BLOCKING, OFFLOAD, SLOWNESSES };
static const char *const slownesses[SLOWNESSES] = {"client", "blocking", "offload"};
static const char *const explanations[SLOWNESSES] = {
    "the slow client begins its request, and ends it %d ms later",
    "the request of the slow client has its handler call what blocks for %d ms",
    "the request of the slow client has its handler call what blocks for %d ms, through ss_offload",
};

static struct {
    int ms;
    unsigned quick, workers, mixins, slowness;
} chosen = {.ms = 600, .quick = 10, .workers = 2, .mixins = (1 << MIXINS) - 1};

/* ---------------------------------------------------------------- the handler */

/* For what a library does that knows nothing of us, and waits: nobody else runs in this thread meanwhile. */
static int block(void *ms)
{
    return poll(NULL, 0, *(int *)ms) < 0 ? -errno : 0;
}

/* The answer says who has served: which process, and which of its threads. */
static int answer(struct ss_handler *h)
{
    char line[LINE];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    int rc = 0;
    if (*line == *SLOW_REQUEST && chosen.slowness == BLOCKING)
        rc = block(&chosen.ms);
    if (*line == *SLOW_REQUEST && chosen.slowness == OFFLOAD)
        rc = ss_offload(h->server, block, &chosen.ms);
    return rc < 0 ? rc : ss_printf(h->wfile, "%d %d\n", getpid(), gettid());
}

static const struct ss_handler_class Answer = {.handle = answer};

/* ---------------------------------------------------------------- one mix-in */

static int show(const struct mixin *mixin)
{
    struct child child;
    struct client clients[1 + MOST_QUICK];
    int count = 1 + (int)chosen.quick;
    int rc = child_start(&child, mixin, &Answer, chosen.workers);
    if (rc < 0)
        return rc;
    rc = clients_run(child.port, clients, count, chosen.ms, chosen.slowness == CLIENT);
    int ended = child_end(&child);
    if (rc < 0 || ended < 0)
        return rc < 0 ? rc : ended;
    timeline_show(mixin->name, mixin->who, clients, count);
    return 0;
}

static int show_all(void)
{
    printf("%u quick clients, and a slow one before them:\n", chosen.quick);
    printf(explanations[chosen.slowness], chosen.ms);
    printf(".\n| a client comes, - waits, * has its answer\n");
    for (int i = 0; i < MIXINS; i++) {
        int rc = chosen.mixins >> i & 1 ? show(&mixins[i]) : 0;
        if (rc < 0) {
            fprintf(stderr, "many: %s: %s\n", mixins[i].name, strerror(-rc));
            return 1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- options */

static int complain(const char *what, const char *argument)
{
    fprintf(stderr, "many: %s%s; many --help shows what there is\n", what, argument);
    return 2;
}

static void show_help(void)
{
    printf("usage: many [OPTION]...\n\n"
           "Shows who has to wait when one client is slow, under each mix-in, as a time line.\n\n"
           "  --slow WHAT      client: it sends its request slowly (the default); blocking: its handler\n"
           "                   blocks the thread; offload: the handler does so through ss_offload\n"
           "  --mixins LIST    of:");
    for (int i = 0; i < MIXINS; i++)
        printf("%s%s", i == 0 ? " " : i == 5 ? ",\n                   " : ",", mixins[i].name);
    printf("\n  --ms MS          how long that takes, %d to 5000 (default: 600)\n"
           "  --clients N      quick clients, 1 to %d (default: 10)\n"
           "  --workers N      threads of ThreadPool, processes of Preforking (default: 2)\n"
           "  -h, --help       show this and exit\n",
           LEAST_MS, MOST_QUICK);
}

/* A number in a range; false: it is none. */
static bool take_number(const char *text, unsigned least, unsigned most, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < least || value > most)
        return false;
    *number = (unsigned)value;
    return true;
}

static bool take_slowness(const char *text)
{
    for (unsigned i = 0; i < SLOWNESSES; i++)
        if (strcmp(text, slownesses[i]) == 0) {
            chosen.slowness = i;
            return true;
        }
    return false;
}

static int take_option(int option, const char *argument)
{
    unsigned number;
    switch (option) {
    case 's':
        return take_slowness(optarg) ? 0 : complain("nothing that can be slow: ", optarg);
    case 'm':
        return (chosen.mixins = mixins_named(optarg)) ? 0 : complain("no list of mix-ins: ", optarg);
    case 't':
        if (!take_number(optarg, LEAST_MS, 5000, &number))
            return complain("no number of ms: ", optarg);
        chosen.ms = (int)number;
        return 0;
    case 'c':
        return take_number(optarg, 1, MOST_QUICK, &chosen.quick) ? 0
                                                                 : complain("no number of clients: ", optarg);
    case 'w':
        return take_number(optarg, 1, MOST_WORKERS, &chosen.workers)
                   ? 0
                   : complain("no number of workers: ", optarg);
    case 'h':
        show_help();
        return -1;
    case ':':
        return complain("a value is missing after ", argument);
    default:
        return complain("there is no option ", argument);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"slow", required_argument, NULL, 's'},
                                            {"mixins", required_argument, NULL, 'm'},
                                            {"ms", required_argument, NULL, 't'},
                                            {"clients", required_argument, NULL, 'c'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option, rc = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
        rc = take_option(option, argv[optind - 1]);
    if (rc == 0 && optind < argc)
        rc = complain("there is nothing to do with ", argv[optind]);
    if (rc != 0)
        return rc < 0 ? 0 : rc;
    return show_all();
}
