/* SPDX-License-Identifier: MIT */
/* compare [OPTION]...: one handler and one load under each mix-in, measured on this machine: what the same
   program costs with a thread, a process or a coroutine for each client. It starts its servers itself, on
   ports of the kernel's choice.

   Try:  build/samples/compare
         build/samples/compare --loads kept --mixins Threading,EventLoop --seconds 0.5
         build/samples/compare --loads idle --park --csv */
#include "compare/report.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE = 200 /* bytes of a request */,
    MOST_CLIENTS = 500,
    MOST_IDLE = 1000,
    BESIDE_IDLE = 4 /* clients */
};

static struct {
    double seconds;
    unsigned clients, idle, workers, loads, mixins;
    int park, csv;
} chosen = {.seconds = 1, .clients = 16, .idle = 200, .loads = (1 << LOADS) - 1, .mixins = (1 << MIXINS) - 1};

/* ---------------------------------------------------------------- the handler */

/* With --park it lets go of its thread or coroutine while its client says nothing, where the mix-in can do
   that. */
static int answer(struct ss_handler *h)
{
    char line[LINE];
    const char *data;
    ssize_t n;
    do {
        if (chosen.park && ss_peek_now(h->rfile, &data, 1) == -EAGAIN)
            return SS_PARK;
        n = ss_readline(h->rfile, line, sizeof line);
        if (n > 0 && ss_printf(h->wfile, ANSWER_BEGINS "%s", line) < 0)
            return -EPIPE;
        if (chosen.park)
            ss_flush(h->wfile); /* nothing waits for input here, which would have it sent */
    } while (n > 0 && *line != *ONE_REQUEST);
    return n < 0 ? (int)n : 0;
}

static const struct ss_handler_class Answer = {.handle = answer};

/* ---------------------------------------------------------------- one cell of the table */

struct watched {
    pid_t server;
    struct peak *peak;
};

static void look(void *argument, bool last)
{
    const struct watched *watched = argument;
    measure(watched->server, last, watched->peak);
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static int measure_cell(int load, const struct mixin *mixin, struct cell *cell)
{
    struct child child;
    struct watched watched = {.peak = &cell->peak};
    bool idle = load == 2;
    cell->clients = idle ? BESIDE_IDLE : chosen.clients;
    int rc = child_start(&child, mixin, &Answer, chosen.workers);
    if (rc < 0)
        return rc;
    watched.server = child.pid;
    rc = load_run(&(struct load){.kept = load != 0,
                                 .clients = cell->clients,
                                 .idle = idle ? chosen.idle : 0,
                                 .port = child.port,
                                 .seconds = chosen.seconds,
                                 .look = look,
                                 .argument = &watched},
                  &cell->figures);
    int ended = child_end(&child);
    const struct rusage *used = &child.used;
    double count = (double)cell->figures.requests;
    if (count > 0) {
        cell->cpu = (seconds_of(&used->ru_utime) + seconds_of(&used->ru_stime)) * 1e6 / count;
        cell->switches = (double)(used->ru_nvcsw + used->ru_nivcsw) / count;
    }
    cell->measured = true;
    return rc < 0 ? rc : ended;
}

static int measure_all(struct cell cells[LOADS][MIXINS])
{
    if (chosen.csv)
        report_csv_heading();
    for (int load = 0; load < LOADS; load++) {
        if (!(chosen.loads >> load & 1))
            continue;
        if (!chosen.csv)
            report_heading(load, load == 2 ? BESIDE_IDLE : chosen.clients, chosen.idle);
        for (int i = 0; i < MIXINS; i++) {
            if (!(chosen.mixins >> i & 1))
                continue;
            int rc = measure_cell(load, &mixins[i], &cells[load][i]);
            if (rc < 0) {
                fprintf(stderr, "compare: %s, %s: %s\n", kinds[load].name, mixins[i].name, strerror(-rc));
                return rc;
            }
            if (chosen.csv)
                report_csv_row(load, &mixins[i], &cells[load][i]);
            else
                report_row(&mixins[i], &cells[load][i]);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- options */

static int complain(const char *what, const char *argument)
{
    fprintf(stderr, "compare: %s%s; compare --help shows what there is\n", what, argument);
    return 2;
}

static void show_help(void)
{
    printf(
        "usage: compare [OPTION]...\n\n"
        "Measures one handler under each mix-in: how much it answers, what that costs, who has to wait.\n\n"
        "  --seconds S      for each mix-in and load, 0.05 to 60 (default: 1)\n"
        "  --mixins LIST    of:");
    for (int i = 0; i < MIXINS; i++)
        printf("%s%s", i == 0 ? " " : i == 5 ? ",\n                   " : ",", mixins[i].name);
    printf("\n  --loads LIST     of: short,kept,idle\n"
           "  --clients N      that ask at the same time, 1 to %d (default: 16)\n"
           "  --idle N         connections beside those of idle, 1 to %d (default: 200)\n"
           "  --workers N      threads of ThreadPool, processes of Preforking\n"
           "  --park           the handler returns SS_PARK between two requests of a connection\n"
           "  --csv            for programs: a line for each mix-in and load\n"
           "  -h, --help       show this and exit\n",
           MOST_CLIENTS, MOST_IDLE);
}

/* A number in a range; false: it is none. */
static bool take_number(const char *text, unsigned most, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < 1 || value > most)
        return false;
    *number = (unsigned)value;
    return true;
}

static bool take_seconds(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    chosen.seconds = value;
    return *text >= '0' && *text <= '9' && !*end && value >= 0.05 && value <= 60;
}

static bool take_loads(const char *list)
{
    chosen.loads = 0;
    for (size_t size = 0; *list; list += size + (list[size] == ',')) {
        int i = 0;
        size = strcspn(list, ",");
        while (i < LOADS && (strlen(kinds[i].name) != size || strncmp(list, kinds[i].name, size) != 0))
            i++;
        if (i == LOADS)
            return false;
        chosen.loads |= 1u << i;
    }
    return chosen.loads != 0;
}

static int take_option(int option, const char *argument)
{
    switch (option) {
    case 's':
        return take_seconds(optarg) ? 0 : complain("no number of seconds from 0.05 to 60: ", optarg);
    case 'm':
        return (chosen.mixins = mixins_named(optarg)) ? 0 : complain("no list of mix-ins: ", optarg);
    case 'l':
        return take_loads(optarg) ? 0 : complain("no list of loads: ", optarg);
    case 'c':
        return take_number(optarg, MOST_CLIENTS, &chosen.clients)
                   ? 0
                   : complain("no number of clients: ", optarg);
    case 'i':
        return take_number(optarg, MOST_IDLE, &chosen.idle) ? 0
                                                            : complain("no number of connections: ", optarg);
    case 'w':
        return take_number(optarg, MOST_CLIENTS, &chosen.workers)
                   ? 0
                   : complain("no number of workers: ", optarg);
    case 'h':
        show_help();
        return -1;
    case 0:
        return 0;
    case ':':
        return complain("a value is missing after ", argument);
    default:
        return complain("there is no option ", argument);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"mixins", required_argument, NULL, 'm'},
        {"loads", required_argument, NULL, 'l'},   {"clients", required_argument, NULL, 'c'},
        {"idle", required_argument, NULL, 'i'},    {"workers", required_argument, NULL, 'w'},
        {"park", no_argument, &chosen.park, 1},    {"csv", no_argument, &chosen.csv, 1},
        {"help", no_argument, NULL, 'h'},          {0}};
    static struct cell cells[LOADS][MIXINS];
    int option, rc = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
        rc = take_option(option, argv[optind - 1]);
    if (rc == 0 && optind < argc)
        rc = complain("there is nothing to do with ", argv[optind]);
    if (rc != 0)
        return rc < 0 ? 0 : rc;
    rc = measure_all(cells);
    if (rc == 0 && !chosen.csv)
        report_words(cells);
    return rc < 0;
}
