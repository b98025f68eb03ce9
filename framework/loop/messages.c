/* SPDX-License-Identifier: MIT */
/* What other threads and processes send to a loop: messages for its requests, and word from its helper
   threads. One descriptor wakes it for all of them, that of its station. */
#include "loop/loop.h"
#include "server/mail.h"
#include "server/wakeup.h"

/* Has the task run that waits, or the parked connection. */
static void arrived(struct station *station, struct request *request, void *waiter)
{
    struct loop *loop = station->context;
    if (waiter)
        loop_wake(loop, waiter);
    else
        loop_unpark(loop, request);
}

static void woken(void *argument)
{
    struct loop *loop = argument;
    wakeup_take_named(loop->serving->station.fd);
    loop_end_jobs(loop);
    station_deliver(&loop->serving->station);
}

static int watch_station(struct station *station)
{
    return loop_watch(station->context, station->fd, false, woken, station->context);
}

void loop_begin_messages(struct loop *loop)
{
    struct station *station = &loop->serving->station;
    station_init(station, loop->server, arrived);
    station->context = loop;
    station->opened = watch_station;
}

void loop_end_messages(struct loop *loop)
{
    station_close(&loop->serving->station);
}
