/* SPDX-License-Identifier: MIT */
/* See report.h. */
#include "compare/report.h"
#include <stdio.h>
#include <string.h>

static const double no_time = 0.9; /* from this part of the time on the clients are what limits */

/* A number, or a dash where there is nothing to divide by. */
static void print_number(int width, int digits, double value, bool known)
{
    if (known)
        printf("%*.*f", width, digits, value);
    else
        printf("%*s", width, "-");
}

void report_heading(int load, unsigned clients, unsigned idle)
{
    printf("\n%s: ", kinds[load].name);
    printf(kinds[load].what, clients, idle);
    printf("\n%20s  requests      CPU     p50      p99  switches   memory threads  pro-  clients\n"
           "%20s  a second       us      us       us a request      KiB         cesses  served\n",
           "", "");
}

void report_row(const struct mixin *mixin, const struct cell *cell)
{
    const struct figures *f = &cell->figures;
    bool any = f->requests > 0;
    printf("%-20s", mixin->name);
    print_number(10, 0, (double)f->requests / f->seconds, true);
    printf("%s", f->busy >= no_time ? "+" : " ");
    print_number(8, 1, cell->cpu, any);
    print_number(8, 0, f->p50, any);
    print_number(9, 0, f->p99, any);
    print_number(10, 2, cell->switches, any);
    printf("%9lu%8u%7u%4u of %u\n", cell->peak.kib, cell->peak.threads, cell->peak.processes, f->served,
           cell->clients);
    fflush(stdout);
}

void report_csv_heading(void)
{
    printf("load,mixin,requests,seconds,requests_per_second,cpu_us,p50_us,p99_us,switches_per_request,memory_"
           "kib,"
           "threads,processes,clients,clients_served,hung_up,load_busy\n");
}

void report_csv_row(int load, const struct mixin *mixin, const struct cell *cell)
{
    const struct figures *f = &cell->figures;
    printf("%s,%s,%llu,%.4f,%.1f,%.2f,%.1f,%.1f,%.3f,%lu,%u,%u,%u,%u,%u,%.3f\n", kinds[load].name,
           mixin->name, (unsigned long long)f->requests, f->seconds, (double)f->requests / f->seconds,
           cell->cpu, f->p50, f->p99, cell->switches, cell->peak.kib, cell->peak.threads,
           cell->peak.processes, cell->clients, f->served, f->hung_up, f->busy);
    fflush(stdout);
}

/* ---------------------------------------------------------------- in words */

/* Who needs the least, and who the most, of those that have answered anything. */
static void print_extremes(const char *load, const struct cell cells[MIXINS])
{
    int least = -1, most = -1;
    for (int i = 0; i < MIXINS; i++) {
        if (!cells[i].measured || cells[i].figures.requests == 0)
            continue;
        least = least < 0 || cells[i].cpu < cells[least].cpu ? i : least;
        most = most < 0 || cells[i].cpu > cells[most].cpu ? i : most;
    }
    if (least >= 0 && least != most)
        printf("- %s: %s took the least CPU a request (%.1f us), %s the most (%.1f us).\n", load,
               mixins[least].name, cells[least].cpu, mixins[most].name, cells[most].cpu);
}

static void print_unserved(const char *load, const struct cell cells[MIXINS])
{
    const char *separator = "";
    for (int i = 0; i < MIXINS; i++) {
        if (!cells[i].measured || cells[i].figures.served == cells[i].clients)
            continue;
        if (!*separator)
            printf("- %s: not all clients had their turn under ", load);
        printf("%s%s", separator, mixins[i].name);
        separator = ", ";
    }
    if (*separator)
        printf(".\n");
}

static void print_hung_up(const char *load, const struct cell cells[MIXINS])
{
    for (int i = 0; i < MIXINS; i++)
        if (cells[i].figures.hung_up)
            printf("- %s: %s has ended %u parked connections for others that waited.\n", load, mixins[i].name,
                   cells[i].figures.hung_up);
}

void report_words(struct cell cells[LOADS][MIXINS])
{
    printf(
        "\nHow to read it\n"
        "- CPU and switches are the whole server's, from its start to its end, divided by the requests: "
        "time\n"
        "  of the processor, and how often it went on to another thread or process. The clients are not in "
        "it.\n"
        "- A client asks again when it has its answer. So with N clients p50 is about N times the time from "
        "one\n"
        "  answer to the next; p99 shows who had to wait much longer than others.\n"
        "- A + stands where the clients had no time left: that server could answer more. They have one "
        "thread,\n"
        "  and this machine's processors are shared with them: compare CPU, rather than requests a second.\n"
        "- Without a mix-in, and in each process of Preforking alone, a client has the server for himself "
        "until\n"
        "  he goes, and who is idle goes after a minute (request_timeout), or for others if he is parked "
        "(--park).\n"
        "- An idle connection takes the memory of a thread, a process or a coroutine's stack. One that is "
        "parked\n"
        "  (--park) takes none of these under ThreadPool and EventLoop.\n");
    for (int load = 0; load < LOADS; load++) {
        print_extremes(kinds[load].name, cells[load]);
        print_unserved(kinds[load].name, cells[load]);
        print_hung_up(kinds[load].name, cells[load]);
    }
}

const struct kind kinds[LOADS] = {
    {"short", "%u clients, each with a new connection for each request"},
    {"kept", "%u clients, each with one connection for all its requests"},
    {"idle", "%u clients as in kept, beside %u more that have connected and say nothing"},
};
