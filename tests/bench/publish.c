/* SPDX-License-Identifier: MIT */
/* publish SUBSCRIBERS ROUNDS MODE: what a message of a channel costs for each subscriber in one event loop,
   in nanoseconds of the process's CPU time. MODE:

     waits    a handler is in ss_wait
     parks    it is parked, and goes on in `resume`
     writes   as waits, and sends the message on to its client
     sockets  WebSockets of a class, which are parked: ws_publish
     streams  server-sent events of a class, which are parked: es_publish
     sends    no framework: send(2) for each connection, one after the other

   The clients are in a process of their own. */
#include "common.h"
#include "event_source.h"
#include "socketserver.h"
#include "websocket.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char text[] = "a line of a chat, as people write them\n";

/* The number of messages that have arrived: at subscribers, or at clients; shared with their process. */
static atomic_ullong *received;

/* ---------------------------------------------------------------- subscribers that speak no HTTP */

static bool parks, writes;

static int receive_all(struct ss_handler *h)
{
    struct ss_message message;
    while (ss_receive(h, &message) == 0) {
        if (writes)
            ss_write(h->wfile, message.data, message.size);
        atomic_fetch_add_explicit(received, 1, memory_order_relaxed);
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

static int publish_message(struct ss_server *server)
{
    return ss_publish(server, "room", text, sizeof text - 1);
}

/* ---------------------------------------------------------------- subscribers that do */

static int open_socket(struct ws *ws)
{
    return ss_subscribe(ws_handler(ws), "room", SS_END);
}

static int open_stream(struct es *es)
{
    return ss_subscribe(es_handler(es), "room", SS_END);
}

static void no_log(struct ss_handler *h, int status, int64_t size)
{
    (void)h;
    (void)status;
    (void)size;
}

static int do_GET(struct ss_handler *h)
{
    static const struct ws_class Socket = {.options = {.idle_timeout = -1}, .open = open_socket};
    static const struct es_class Stream = {.options = {.heartbeat = -1}, .open = open_stream};
    return strcmp(http_request(h)->path, "/sockets") == 0 ? ws_serve(h, &Socket) : es_serve(h, &Stream);
}

static int publish_frame(struct ss_server *server)
{
    return ws_publish(server, "room", WS_TEXT, text, sizeof text - 1);
}

static int publish_event(struct ss_server *server)
{
    return es_publish(server, "room", &(struct es_event){.data = text});
}

/* ---------------------------------------------------------------- modes */

struct mode {
    const char *name;
    const struct ss_class *base;
    const struct ss_handler_class *handler; /* NULL: no server of the framework's */
    int (*publish)(struct ss_server *server);
    const char *request; /* what a client sends; NULL: nothing */
    bool reads;          /* the clients count what has come */
};

static const struct http_handler_class Handler;
static const struct mode modes[];

static const struct mode *mode_of(const char *name)
{
    const struct mode *mode = modes;
    while (mode->name && strcmp(mode->name, name) != 0)
        mode++;
    if (!mode->name)
        DIE("usage: publish SUBSCRIBERS ROUNDS waits|parks|writes|sockets|streams|sends");
    return mode;
}

/* ---------------------------------------------------------------- clients */

static void open_client(const struct mode *mode, int fd)
{
    char head[4096];
    if (!mode->request)
        return;
    if (send(fd, mode->request, strlen(mode->request), MSG_NOSIGNAL) < 0)
        DIE("publish: send: %s", strerror(errno));
    for (size_t got = 0; got < 4 || memcmp(head + got - 4, "\r\n\r\n", 4) != 0; got++)
        if (got == sizeof head || recv(fd, head + got, 1, 0) != 1)
            DIE("publish: no head of an answer");
}

/* A small message comes in one piece. */
static void count_messages(int epoll)
{
    struct epoll_event events[256];
    char data[4096];
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++)
            if (recv(events[i].data.fd, data, sizeof data, 0) > 0)
                atomic_fetch_add_explicit(received, 1, memory_order_relaxed);
    }
}

/* Ends when the server's process does. */
static void connect_clients(const struct mode *mode, const struct ss_address *address, unsigned count)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < count; i++) {
        int fd = socket(address->u.any.sa_family, SOCK_STREAM, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd < 0 || connect(fd, &address->u.any, address->length) < 0)
            DIE("publish: client %u: %s", i, strerror(errno));
        open_client(mode, fd);
        if (mode->reads && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            DIE("publish: client %u: %s", i, strerror(errno));
    }
    if (mode->reads)
        count_messages(epoll);
    pause();
}

/* ---------------------------------------------------------------- measuring */

static double cpu_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void wait_for(unsigned long long count)
{
    uint64_t end = nanoseconds() + 20000000000ULL;
    while (atomic_load(received) < count)
        if (poll(NULL, 0, 1) == 0 && nanoseconds() > end)
            DIE("publish: not all subscribers have received the message");
}

static double measure(const struct mode *mode, struct ss_server *server, unsigned subscribers,
                      unsigned rounds)
{
    double before = cpu_nanoseconds();
    atomic_store(received, 0);
    for (unsigned i = 1; i <= rounds; i++) {
        if (mode->publish(server) != (int)subscribers)
            DIE("publish: not all have got it");
        wait_for((unsigned long long)i * subscribers);
    }
    return (cpu_nanoseconds() - before) / rounds / subscribers;
}

static void *serve(void *server)
{
    ss_serve_forever(server);
    return NULL;
}

static void measure_server(const struct mode *mode, unsigned subscribers, unsigned rounds)
{
    struct ss_server server;
    pthread_t thread;
    if (ss_server_init(&server, SS_BASES(&EventLoopMixIn, mode->base), "127.0.0.1:0", mode->handler) < 0)
        DIE("publish: no server");
    server.max_requests = 0;
    if (ss_server_bind(&server) < 0)
        DIE("publish: it is not bound");
    pid_t clients = fork();
    if (clients == 0)
        connect_clients(mode, &server.server_address, subscribers);
    if (clients < 0 || pthread_create(&thread, NULL, serve, &server) != 0)
        DIE("publish: no process or thread");
    while (ss_subscribers(&server, "room") < (int)subscribers)
        if (poll(NULL, 0, 10) == 0 && waitpid(clients, NULL, WNOHANG) == clients)
            DIE("publish: not all clients are connected");
    poll(NULL, 0, 100); /* the last ones read their heads */
    (void)measure(mode, &server, subscribers, 1);
    printf("%.0f\n", measure(mode, &server, subscribers, rounds));
    ss_shutdown(&server);
    pthread_join(thread, NULL);
    ss_server_close(&server);
    kill(clients, SIGKILL);
}

/* ---------------------------------------------------------------- no framework */

static int *connections;
static int connection_count;

static int send_to_all(struct ss_server *server)
{
    int sent = 0;
    (void)server;
    for (int i = 0; i < connection_count; i++)
        sent += send(connections[i], text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof text - 1;
    return sent;
}

static void measure_sends(const struct mode *mode, unsigned subscribers, unsigned rounds)
{
    struct ss_address address = {.length = sizeof(struct sockaddr_in)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (listen(fd, 4096) < 0 || getsockname(fd, &address.u.any, &address.length) < 0)
        DIE("publish: getsockname: %s", strerror(errno));
    pid_t clients = fork();
    if (clients == 0)
        connect_clients(mode, &address, subscribers);
    if (clients < 0 || !(connections = calloc(subscribers, sizeof *connections)))
        DIE("publish: no process or memory");
    while (connection_count < (int)subscribers)
        if ((connections[connection_count++] = accept(fd, NULL, NULL)) < 0)
            DIE("publish: accept: %s", strerror(errno));
    (void)measure(mode, NULL, subscribers, 1);
    printf("%.0f\n", measure(mode, NULL, subscribers, rounds));
    kill(clients, SIGKILL);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 4)
        (void)mode_of("");
    const struct mode *mode = mode_of(argv[3]);
    unsigned subscribers = (unsigned)number(argv[1], 1, 1e6), rounds = (unsigned)number(argv[2], 1, 1e6);
    parks = strcmp(mode->name, "parks") == 0;
    writes = strcmp(mode->name, "writes") == 0;
    received = mmap(NULL, sizeof *received, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (received == MAP_FAILED)
        DIE("publish: mmap: %s", strerror(errno));
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){files.rlim_max, files.rlim_max});
    (mode->handler ? measure_server : measure_sends)(mode, subscribers, rounds);
    return 0;
}

static const struct http_handler_class Handler = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
    .log_request = no_log,
};

static const struct mode modes[] = {
    {"waits", &TCPServer, &Subscribing, publish_message, NULL, false},
    {"parks", &TCPServer, &Subscribing, publish_message, NULL, false},
    {"writes", &TCPServer, &Subscribing, publish_message, NULL, false},
    {"sockets", &HTTPServer, &Handler.handler, publish_frame,
     "GET /sockets HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: "
     "websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     true},
    {"streams", &HTTPServer, &Handler.handler, publish_event,
     "GET /streams HTTP/1.1\r\nHost: localhost\r\n\r\n", true},
    {"sends", NULL, NULL, send_to_all, NULL, true},
    {NULL, NULL, NULL, NULL, NULL, false},
};
