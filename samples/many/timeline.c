/* SPDX-License-Identifier: MIT */
/* See timeline.h. */
#include "many/timeline.h"
#include <stdio.h>
#include <string.h>

enum { WIDTH = 70 /* characters */, LABEL = 9 };

static int column_of(int at, int end)
{
    return at * (WIDTH - 1) / (end > 0 ? end : 1);
}

static void show_row(const char *label, const struct client *client, int end)
{
    char row[WIDTH + 1];
    int from = column_of(client->begins, end), to = column_of(client->served, end);
    memset(row, ' ', WIDTH);
    row[from] = '|';
    for (int i = from + 1; i < to; i++)
        row[i] = '-';
    row[to] = '*';
    row[WIDTH] = '\0';
    printf("%-*s%s%6d ms\n", LABEL, label, row, client->served - client->begins);
}

static void show_scale(int end)
{
    enum { MARKS = 5 };
    char row[LABEL + WIDTH + 20];
    int size = 0;
    memset(row, ' ', sizeof row);
    for (int i = 0; i < MARKS; i++)
        size = LABEL + column_of(end * i / (MARKS - 1), end) +
               snprintf(row + LABEL + column_of(end * i / (MARKS - 1), end), 20, "%d", end * i / (MARKS - 1));
    for (int i = 0; i < size; i++)
        row[i] = row[i] ? row[i] : ' ';
    printf("%.*s ms\n", size, row);
}

/* How many different numbers there are. */
static int count_different(const struct client *clients, int count, bool threads)
{
    int different = 0;
    for (int i = 0; i < count; i++) {
        int j = 0;
        while (j < i &&
               (threads ? clients[j].thread != clients[i].thread : clients[j].process != clients[i].process))
            j++;
        different += j == i;
    }
    return different;
}

/* Those who came while the slow one was there, and were served only when it was. */
static int count_held_up(const struct client *clients, int count)
{
    int held_up = 0;
    for (int i = 1; i < count; i++)
        held_up += clients[i].served >= clients[0].served;
    return held_up;
}

void timeline_show(const char *mixin, const char *who, const struct client *clients, int count)
{
    int end = 0;
    for (int i = 0; i < count; i++)
        end = clients[i].served > end ? clients[i].served : end;
    printf("\n%s: %s\n", mixin, who);
    show_scale(end);
    for (int i = 0; i < count; i++) {
        char label[20];
        snprintf(label, sizeof label, "quick %d", i);
        show_row(i == 0 ? "slow" : label, &clients[i], end);
    }
    int held_up = count_held_up(clients, count), quick = count - 1;
    int threads = count_different(clients, count, true), processes = count_different(clients, count, false);
    if (held_up == 0)
        printf("Nobody had to wait for the slow one.");
    else if (held_up == quick)
        printf("%s had to wait until the slow one had gone.",
               quick == 1 ? "The quick one" : "All quick ones");
    else
        printf("%d of %d had to wait until the slow one had gone.", held_up, quick);
    printf(" Served by %d thread%s, in %d process%s.\n", threads, threads == 1 ? "" : "s", processes,
           processes == 1 ? "" : "es");
    fflush(stdout);
}
