/* SPDX-License-Identifier: MIT */
/* publish SUBSCRIBERS ROUNDS MODE: what a message of a channel costs for each subscriber in one event loop,
   in nanoseconds of the process's CPU time. MODE: waits (a handler is in ss_wait), parks (it is parked, and
   goes on in `resume`), or writes (as waits, and sends the message on to its client). The clients are in a
   process of their own, and read nothing: what they are sent fits into the buffers of their sockets. */
#include "common.h"
#include "socketserver.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_ullong received;
static bool parks, writes;

static int receive_all(struct ss_handler *h)
{
    struct ss_message message;
    while (ss_receive(h, &message) == 0) {
        if (writes)
            ss_write(h->wfile, message.data, message.size);
        atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
    }
    h->timeout = -1;
    return SS_PARK;
}

static int resume(struct ss_handler *h, int why)
{
    return why & SS_INPUT ? 0 : receive_all(h);
}

static int subscribe(struct ss_handler *h)
{
    int rc = ss_subscribe(h, "room", SS_DROP_OLDEST);
    h->request->resume = resume;
    if (parks && rc == 0)
        return receive_all(h);
    while (rc >= 0 && (rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1)) > 0 && !(rc & SS_INPUT))
        receive_all(h);
    return rc < 0 ? rc : 0;
}

static const struct ss_handler_class Subscribing = {.handle = subscribe};

static void *serve(void *server)
{
    ss_serve_forever(server);
    return NULL;
}

/* Ends when the server's process does. */
static void connect_clients(const struct ss_server *server, unsigned count)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < count; i++) {
        int fd = socket(server->server_address.u.any.sa_family, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, &server->server_address.u.any, server->server_address.length) < 0)
            DIE("publish: client %u: %s", i, strerror(errno));
    }
    pause();
}

static double cpu_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void wait_for(const struct ss_server *server, unsigned long long count)
{
    uint64_t end = nanoseconds() + 20000000000ULL;
    while (atomic_load(&received) < count && !ss_draining(server))
        if (poll(NULL, 0, 1) == 0 && nanoseconds() > end)
            DIE("publish: not all subscribers have received the message");
}

static double measure(struct ss_server *server, unsigned subscribers, unsigned rounds)
{
    static const char text[] = "a line of a chat, as people write them\n";
    double before = cpu_nanoseconds();
    for (unsigned i = 1; i <= rounds; i++) {
        if (ss_publish(server, "room", text, sizeof text - 1) != (int)subscribers)
            DIE("publish: not all have got it");
        wait_for(server, (unsigned long long)i * subscribers);
    }
    return (cpu_nanoseconds() - before) / rounds / subscribers;
}

int main(int argc, char **argv)
{
    struct ss_server server;
    struct rlimit files;
    pthread_t thread;
    if (argc != 4)
        DIE("usage: publish SUBSCRIBERS ROUNDS waits|parks|writes");
    unsigned subscribers = (unsigned)number(argv[1], 1, 1e6), rounds = (unsigned)number(argv[2], 1, 1e6);
    parks = strcmp(argv[3], "parks") == 0;
    writes = strcmp(argv[3], "writes") == 0;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){files.rlim_max, files.rlim_max});
    if (ss_server_init(&server, SS_BASES(&EventLoopMixIn, &TCPServer), "127.0.0.1:0", &Subscribing) < 0)
        DIE("publish: no server");
    server.max_requests = 0;
    if (ss_server_bind(&server) < 0)
        DIE("publish: it is not bound");
    pid_t clients = fork();
    if (clients == 0)
        connect_clients(&server, subscribers);
    if (clients < 0 || pthread_create(&thread, NULL, serve, &server) != 0)
        DIE("publish: no process or thread");
    while (ss_subscribers(&server, "room") < (int)subscribers)
        if (poll(NULL, 0, 10) == 0 && waitpid(clients, NULL, WNOHANG) == clients)
            DIE("publish: not all clients are connected");
    (void)measure(&server, subscribers, 1);
    atomic_store(&received, 0);
    printf("%.0f\n", measure(&server, subscribers, rounds));
    ss_shutdown(&server);
    pthread_join(thread, NULL);
    ss_server_close(&server);
    kill(clients, SIGKILL);
    return 0;
}
