/* socketserver: network servers in C, after Python's module of that name.

   A server answers three questions, each with one choice:

     what arrives?   a server class    TCPServer UDPServer UnixStreamServer UnixDatagramServer
     who runs it?    mix-in classes    none (one after another) ThreadingMixIn ThreadPoolMixIn
                                       ForkingMixIn PreforkingMixIn EventLoopMixIn
     what to do?     a handler class   yours

   A handler is written once, in blocking style, and runs unmodified under every mix-in:

     static int handle(struct ss_handler *h)
     {
         char data[4096];
         ssize_t n;
         while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
             ss_write(h->wfile, data, (size_t)n);
         return (int)n;
     }
     static const struct ss_handler_class EchoHandler = {.handle = handle};

     int main(void)
     {
         return ss_run(SS_BASES(&ThreadingMixIn, &TCPServer), "localhost:8007", &EchoHandler);
     }

   Four things to learn: class, server, handler, stream. The rules that hold everywhere:

   Errors.    A function that returns int or ssize_t returns >= 0 when it went well, else -errno.
   Owners.    1. The caller owns struct ss_server; it does not move between ss_server_init and
                 ss_server_close, and closing it twice is harmless.
              2. Class tables are const and live as long as the program.
              3. A successful get_request is paired with exactly one shutdown_request.
              4. The framework makes the handler instance, zeroed, and frees it after `finish`.
              5. What ss_alloc returns lives until `handle` returns.
              6. A pointer argument is borrowed for the call unless its comment says otherwise.
   Threads.   A handler uses its own handler, request and streams only. "Any thread" below means
              that the function may be called from everywhere; otherwise it belongs to the thread
              (or coroutine) that runs the server or the handler in question.
   Waiting.   Every socket is non-blocking; functions that wait say so. A wait ends with -ETIMEDOUT
              at its deadline, and with -ECANCELED when the server is told to stop (see
              ss_shutdown): the handler cleans up and returns. Plain blocking calls (read, sleep,
              getaddrinfo) are fine under threads and processes; under EventLoopMixIn they stop all
              connections of the loop: use ss_poll, ss_sleep and ss_offload, which are right
              everywhere.
   C++.       A handler may wait inside of a catch block and while its stack is unwound. No exception
              may leave a handler: its caller is C. */
#ifndef SOCKETSERVER_H
#define SOCKETSERVER_H

#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#ifdef __cplusplus
#include <initializer_list>
extern "C" {
#endif

#if defined(__GNUC__)
#define SS_API __attribute__((visibility("default")))
#define SS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SS_API
#define SS_PRINTF(fmt, args)
#endif

struct ss_server;
struct ss_request;
struct ss_handler;
struct ss_stream;

/* ---------------------------------------------------------------- addresses

   One string names an address everywhere:
     host:port      a name or a number; the name is looked up      localhost:80  127.0.0.1:80
     [ipv6]:port                                                   [::1]:80  [fe80::1%eth0]:80
     :port          every interface, IPv6 and IPv4 both (as [::]:port)
     unix:/path     a Unix socket in the file system
     unix:@name     a Unix socket in Linux's abstract name space
     fd:3           an open socket that was inherited (systemd's socket activation begins at 3)
   Port 0 lets the kernel choose.

   A server listens on one address. Where a name has several, it takes the first, in the resolver's order
   (hosts, gai.conf), that this machine can bind. So localhost may be ::1 on one machine and 127.0.0.1 on
   another; self->server_address tells which. To choose, write [::1] or 127.0.0.1, or set
   self->address_family. ss_connect tries all addresses of a name. A look-up fails with -ENOENT when nobody
   has this name, -EHOSTUNREACH when no name server answers for now, -EAFNOSUPPORT when the name has no
   address of the family, -ENOMEM, or what the system says (-EMFILE). Ports are numbers: names of services
   (http) are not looked up. */

struct ss_address {
    socklen_t length; /* of the part in use; 0: no address (an unnamed Unix socket) */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    } u;
};

#define SS_ADDRESS_TEXT 128 /* bytes that always hold an address as text */

/* Writes `address` as text in the notation above (numbers, never names) into `text` of `size`
   bytes and ends it with NUL. Returns its length, or -ENOSPC. Any thread. */
SS_API int ss_address_format(const struct ss_address *address, char *text, size_t size);

/* The port of an IPv4 or IPv6 address in host order, else 0. Any thread. */
SS_API unsigned ss_address_port(const struct ss_address *address);

/* ---------------------------------------------------------------- classes

   A server class or a mix-in is a table of functions. A slot that is NULL is inherited: the method is looked
   for in the bases from left to right, each followed by its own bases, as Python does. The last base is
   always BaseServer, which has them all, so every slot of a server's complete table (ss_class_of) can be
   called.

   To override a method, put a function into a table of your own; it calls the next one with ss_super:

     static bool local_only(struct ss_server *self, struct ss_request *request)
     {
         return is_local(request) && ss_super(self, &LocalOnly)->verify_request(self, request);
     }
     static const struct ss_class LocalOnly = {
         .name = "LocalOnly", .base = &TCPServer, .verify_request = local_only};

   A comment that begins with a name and a colon gives the method of Python's socketserver that the slot
   stands for, or the slot's own name where Python has none. */

struct ss_class {
    const char *name;            /* for messages */
    const struct ss_class *base; /* NULL for a mix-in */
    size_t state_size;           /* bytes of zeroed memory that ss_state gives */
    size_t request_state_size;   /* bytes of zeroed memory that ss_request_state gives for each request */

    /* A mix-in with a lower rank must stand on the left of those with higher ones, or ss_server_init returns
       -EINVAL. 0: the mix-in may stand anywhere. PreforkingMixIn has 1, the other mix-ins of this header
       have 2. */
    unsigned rank;

    /* Both set class variables (fields of struct ss_server). ss_server_init calls first the `defaults` of all
       classes, each class after those that it is based on and that stand on its right, and then, in the same
       order, their `init`. So a later call overrides an earlier one. The classes of this header have
       `defaults` only: what the `init` of your server class sets, max_requests say, holds under every mix-in,
       and a mix-in of your own on its left can still change it. What is set between ss_server_init and
       ss_server_bind overrides them all. */
    void (*defaults)(struct ss_server *self);
    void (*init)(struct ss_server *self);

    /* --- for the caller --- */

    /* serve_forever: accepts and processes requests until ss_shutdown, then drains. */
    int (*serve_forever)(struct ss_server *self);
    /* server_bind: makes self->socket and binds it to self->address. 0 or -errno. */
    int (*server_bind)(struct ss_server *self);
    /* server_activate: listens, so that clients can connect. 0 or -errno. */
    int (*server_activate)(struct ss_server *self);
    /* server_close: closes the socket and waits for the requests that are still in progress. In each child of
       ForkingMixIn and PreforkingMixIn it is called, too, for the classes on the right of that mix-in. */
    void (*server_close)(struct ss_server *self);
    /* close_socket: closes self->socket and sets it to -1: clients cannot connect any more. Does nothing when
       it is -1 already. serve_forever calls it during the drain, server_close before it waits, and
       ss_server_bind after server_bind or server_activate has failed. */
    void (*close_socket)(struct ss_server *self);

    /* --- the life of a request, in order --- */

    /* get_request: accepts a connection or receives a datagram into `request`; never waits:
       -EAGAIN when there is none. request->fd is at first the socket to take it from: self->socket, or that
       of the calling thread in an event loop with several workers. */
    int (*get_request)(struct ss_server *self, struct ss_request *request);
    /* verify_request: false turns the client away: shutdown_request follows at once. */
    bool (*verify_request)(struct ss_server *self, struct ss_request *request);
    /* process_request: runs the request: has finish_request called, here or in another thread, process or
       coroutine. Mix-ins override this one. When it returns 0 it is responsible for the request, and calls
       shutdown_request once, now or later; when it returns -errno the caller still is. */
    int (*process_request)(struct ss_server *self, struct ss_request *request);
    /* finish_request: makes an instance of the handler class and runs it. Returns what `handle`
       returned: 0, SS_PARK or -errno. */
    int (*finish_request)(struct ss_server *self, struct ss_request *request);
    /* open_stream: makes the stream that is h->rfile and h->wfile of a StreamRequestHandler or a
       DatagramRequestHandler, before `setup`. Its memory is ss_alloc's, which here lives as long as the
       stream: until the connection is closed, or parked; then it is opened anew for the next input. What
       must outlive parking is kept in ss_request_state. At the end of the connection, and not when it is
       parked, ss_close ends the stream. Returns 0 or -errno.
       A mix-in that changes what goes over the connection opens its base's stream, and puts its own over it:

         static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
         {
             struct ss_stream *below, *s = ss_alloc(h, sizeof *s + 2 * SIZE);
             int rc = s ? ss_super(self, &SecretMixIn)->open_stream(self, h, &below) : -ENOMEM;
             if (rc < 0)
                 return rc;
             char *buffers = (char *)(s + 1);
             ss_stream_init(s, &secret_stream, NULL, buffers, SIZE, buffers + SIZE, SIZE);
             ss_stream_over(s, below);
             *stream = s;
             return 0;
         } */
    int (*open_stream)(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream);
    /* shutdown_request: ends the connection, so that the client reads the end, and calls close_request. With
       request->linger it waits for the client first. It calls shutdown(2) where a process that a handler has
       forked may still have the connection open: closing would not end it. */
    void (*shutdown_request)(struct ss_server *self, struct ss_request *request);
    /* close_request: closes this process's descriptor and frees the request. */
    void (*close_request)(struct ss_server *self, struct ss_request *request);

    /* --- on occasion --- */

    /* handle_timeout: ss_handle_request has waited for self->timeout, and no request has come. */
    void (*handle_timeout)(struct ss_server *self);
    /* handle_error: a request failed with `error` (-errno). The default writes one line to stderr, but not
       for -EPIPE, -ECONNRESET and -ECANCELED, which say only that the client or the server has ended, and not
       when request->told is set. */
    void (*handle_error)(struct ss_server *self, struct ss_request *request, int error);
    /* child_ended: a process of ForkingMixIn was killed by a signal, or one of PreforkingMixIn has ended
       before the server has. (The latter is replaced: at once, or a second later when it had failed or had
       lived for less than a second.) `status` is waitpid(2)'s; `error` (-errno) is why the process could not
       go on serving, 0 if it ended for another reason. The default writes one line to stderr. Called in the
       parent. */
    void (*child_ended)(struct ss_server *self, pid_t pid, int status, int error);
    /* service_actions: called each time serve_forever has been woken. */
    void (*service_actions)(struct ss_server *self);

    /* close_idle: somebody else needs a place (max_requests) or a descriptor: closes the connection that has
       been parked for the longest time, now or in a moment. False: no connection is parked. */
    bool (*close_idle)(struct ss_server *self);

    /* --- ours: the seam through which everything waits, and what an event loop must know besides --- */

    /* As poll(2), but it returns -errno; every wait of the framework ends here. An implementation
       may wait for a change instead of a state: the caller has had EAGAIN from each descriptor since
       it was last told that it is ready. ss_poll takes care of that for you. count 0 and ms 0: let
       others run. */
    int (*poll)(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms);

    /* adopt: the number `fd` may stand for another file from now on. A class may keep what it knows of a
       descriptor from one wait to the next, but only of one that has an `owner`, who ends that by `forget`;
       the framework is the owner of connections and of its clients' sockets. NULL: it has the owner that it
       had, if any, who may have closed it and opened the number again (ss_poll asks before it waits). The
       base does nothing. The thread that waits for `fd`. */
    void (*adopt)(struct ss_server *self, int fd, const void *owner);
    /* forget: `owner` is about to close `fd`: whatever the class keeps of it goes. The server is the owner of
       its socket. False: the number belongs to somebody else by now, and is not to be closed. NULL: it stays
       open, and until it is waited for again, other threads and processes that share it are to be woken;
       returns true. The base returns true. The thread that has waited for `fd`. */
    bool (*forget)(struct ss_server *self, int fd, const void *owner);
    /* offload: calls what blocks, as ss_offload says. The base is a plain call. */
    int (*offload)(struct ss_server *self, int (*function)(void *), void *argument);
};

/* server classes; UDPServer is based on TCPServer as in Python, the Unix ones on those two */
extern SS_API const struct ss_class ss_BaseServer, ss_TCPServer, ss_UDPServer, ss_UnixStreamServer,
    ss_UnixDatagramServer;
#define BaseServer ss_BaseServer
#define TCPServer ss_TCPServer
#define UDPServer ss_UDPServer
#define UnixStreamServer ss_UnixStreamServer
#define UnixDatagramServer ss_UnixDatagramServer

/* Mix-ins. The leftmost one decides who runs a request. PreforkingMixIn leaves that to the next one, so it
   stands on its left:
     ThreadingMixIn   a thread for each request (socketserver.ThreadingMixIn)
     ThreadPoolMixIn  self->workers threads at work at once. A parked connection holds no thread, and a
                      thread whose handler waits for its client is replaced by another one meanwhile
     ForkingMixIn     a process for each request (socketserver.ForkingMixIn)
     PreforkingMixIn  self->workers processes, each a server by itself. One that ends is replaced (see
                      child_ended). ss_serve_forever returns -errno when all of the first ones fail within
                      a second, or when the server's socket is broken
     EventLoopMixIn   coroutines on self->workers threads, one loop each: all of them call the methods of
                      the class. One loop where a class on the left overrides process_request */
extern SS_API const struct ss_class ss_ThreadingMixIn, ss_ThreadPoolMixIn, ss_ForkingMixIn,
    ss_PreforkingMixIn, ss_EventLoopMixIn;
#define ThreadingMixIn ss_ThreadingMixIn
#define ThreadPoolMixIn ss_ThreadPoolMixIn
#define ForkingMixIn ss_ForkingMixIn
#define PreforkingMixIn ss_PreforkingMixIn
#define EventLoopMixIn ss_EventLoopMixIn

#define SS_MAX_BASES 16 /* bases of a server, with everything that they are based on */

/* The bases of a server, left to right: class Server(ThreadingMixIn, TCPServer). Lives as long as
   the enclosing block (C++: the full expression); ss_server_init copies it. */
#ifdef __cplusplus
#define SS_BASES(...) (std::initializer_list<const struct ss_class *>{__VA_ARGS__, nullptr}.begin())
#else
#define SS_BASES(...) ((const struct ss_class *const[]){__VA_ARGS__, NULL})
#endif

/* Finds bases by the name of their composition: "ThreadingTCPServer", "ForkingUnixStreamServer",
   "EventLoopUDPServer", "PreforkingThreadingTCPServer". Returns NULL for an unknown name. The array
   lives until the calling thread asks again. Any thread. */
SS_API const struct ss_class *const *ss_bases(const char *name);

/* Finds a mix-in by its name with or without "MixIn", in any case: "threading", "EventLoopMixIn".
   NULL if there is none. Any thread. */
SS_API const struct ss_class *ss_mixin(const char *name);

/* The complete table of a server, no slot NULL: Python's type(self). Any thread. */
SS_API const struct ss_class *ss_class_of(const struct ss_server *self);

/* The complete table as it is seen from `cls` on to the right, without `cls` itself: Python's super(cls,
   self). `cls` is one of self's bases. Another class is a mistake in the program: it is named on stderr, and
   abort(3) ends the process, as assert(3) would. Any thread. */
SS_API const struct ss_class *ss_super(const struct ss_server *self, const struct ss_class *cls);

/* The cls->state_size bytes that self keeps for `cls`, zeroed by ss_server_init; they live until
   ss_server_close. NULL when `cls` is not among the bases, or its state_size is 0. Any thread; when several
   threads use the memory itself, `cls` has to lock it. After a fork each process has its own. */
SS_API void *ss_state(const struct ss_server *self, const struct ss_class *cls);

/* The cls->request_state_size bytes that a request of self's keeps for `cls`, aligned for anything and zeroed
   before get_request. They outlive parking: a layer that encrypts has its session there. What they own is
   freed by the class's close_request. NULL for a class that is not among the bases, or wants none. Any
   thread; the memory itself is for the thread that has the request. */
SS_API void *ss_request_state(const struct ss_server *self, struct ss_request *request,
                              const struct ss_class *cls);

/* ---------------------------------------------------------------- server */

struct ss_server {
    /* Class variables: ss_server_init sets them. They are changed by a class's `init`, or by you before
       ss_server_bind. A name with a colon is Python's. */
    int address_family;       /* address_family: AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC: either IP */
    int socket_type;          /* socket_type: SOCK_STREAM or SOCK_DGRAM */
    int request_queue_size;   /* request_queue_size: backlog of listen(2); 4096 */
    bool allow_reuse_address; /* allow_reuse_address: the server can be started again at once, while the
                                 kernel still remembers its connections; true (TCP only) */
    bool allow_reuse_port;    /* allow_reuse_port: other processes may bind the port too; false */
    bool dual_stack;          /* an IPv6 wildcard address takes IPv4 clients too; true */
    int socket_mode;          /* permissions of a Unix socket's file (0600), -1 (default): the umask's */
    int defer_accept;         /* seconds for a client to send its first bytes before it is accepted all
                                 the same (TCP_DEFER_ACCEPT); 0 (default): accept at once. Only for
                                 protocols in which the client speaks first. */
    int timeout;              /* timeout: ms for ss_handle_request to wait, -1 (default): for ever */
    int request_timeout;      /* ms: what struct ss_handler.timeout begins with; 60,000 */
    int write_timeout;        /* ms: what struct ss_handler.write_timeout begins with; 0 */
    unsigned min_rate;        /* bytes a second: what struct ss_handler.min_rate begins with; 240 */
    int rate_window;          /* ms of waiting over which that rate is measured; 60,000 */
    int shutdown_timeout;     /* ms that requests in progress get to end after ss_shutdown; 10,000 */
    size_t max_packet_size;   /* max_packet_size: a longer datagram is cut; 65,535 */
    unsigned max_requests;    /* connections or datagrams in progress at once (Python's max_children), in each
                                 process and each loop. Further clients wait in the kernel's queue; a parked
                                 connection is closed to make room for one of them. 1,024 under
                                 ThreadingMixIn and without a mix-in, 160 under ForkingMixIn, 16,384 under
                                 EventLoopMixIn and ThreadPoolMixIn */
    /* How many of these connections one client may have: an IPv4 address, or a /64 of IPv6. (Clients of Unix
       sockets are not told apart.) Further connections of a client are accepted and put aside until one of
       its earlier ones ends, so that they keep nobody else waiting. 0 (default): a quarter of max_requests,
       but at least 8, where each connection takes a thread or a process (ThreadingMixIn, ForkingMixIn);
       elsewhere no limit. UINT_MAX: no limit. */
    unsigned max_requests_per_client;
    /* How many connections may be put aside, for that reason or because no thread or process can be made for
       now. Each waits for request_timeout at most; further ones are closed. 4,096. */
    unsigned max_waiting;
    unsigned workers; /* how many threads ThreadPoolMixIn starts, processes PreforkingMixIn, or loops (each
                         in a thread) EventLoopMixIn: the leftmost of these. 0 (default): 4 threads for each
                         CPU, a process for each CPU, 1 loop */
    unsigned max_threads; /* ThreadPoolMixIn's threads in all: `workers` at work, and those whose handlers
                             wait for their clients; 2,048 */
    size_t stack_size;    /* bytes of stack for a handler in an event loop; 262,144. Only what is used takes
                             memory, and a parked connection has no stack. A handler that overflows its stack
                             gets SIGSEGV, as with any stack, if the program is compiled with
                             -fstack-clash-protection or has no array of more than a MiB: so much address space
                             is kept free below each stack (ulimit -v counts it). */
    size_t buffer_size;   /* bytes of a stream's buffer, each way; 16,384. A stream has at least one */

    /* Instance variables */
    void *context;                                      /* yours: the framework does not use it */
    const struct ss_handler_class *RequestHandlerClass; /* as given to ss_server_init */
    const char *address;              /* as given to ss_server_init; must live as long as the server */
    struct ss_address server_address; /* server_address: the one bound, port 0 resolved */
    int socket;                       /* socket, fileno(): -1 when closed. In an event loop with several
                                         workers the others have sockets of their own */

    struct ss_core *core; /* private */
};

/* Prepares a server of the class that `bases` make (see SS_BASES; the last one is a server class), to be
   bound to `address` (kept, not copied), with `handler` as the class of its handlers. No socket is opened
   yet. Returns 0; -EINVAL for an argument that is NULL and for bases that make no server, that are too many
   or in the wrong order (see rank); -EMFILE, -ENOMEM. A class or handler class that is based on itself,
   perhaps by way of others, is a mistake in the program: it is named on stderr, and abort(3) ends the
   process. */
SS_API int ss_server_init(struct ss_server *self, const struct ss_class *const *bases, const char *address,
                          const struct ss_handler_class *handler);

/* Python's server_bind and server_activate. Clients can connect from now on. The file of a Unix socket is
   replaced if nobody listens on it, and not if somebody does; it is removed when the socket is closed. A
   socket that was inherited (fd:) and was blocking becomes so again when it is closed. Returns 0 or -errno:
   -EADDRINUSE; -EACCES; -EADDRNOTAVAIL; -EINVAL for an address that cannot be read; -ENOENT for an unknown
   host name; -EAFNOSUPPORT for an address of another family than the class's; -EBADF for a descriptor that
   was not passed to this program; -ENOTSOCK or -EPROTOTYPE for a descriptor that is no socket of the server's
   type; -EINVAL when the server is bound already; -EBADF when it is closed. Waits for a name server, and up
   to 2 s for another server that is starting in the same directory. */
SS_API int ss_server_bind(struct ss_server *self);

/* serve_forever: serves until ss_shutdown, then drains (see there). Returns 0, or -errno when the
   server could not go on; -EBADF when it is not bound. Waits. The socket is closed afterwards: to serve
   again, close the server and initialise it anew. Until then each further call returns 0 at once, under every
   mix-in.

   Signals: SIGPIPE (a client has gone), SIGXFSZ (a file has reached its limit) and SIGXCPU (processor time is
   used up) do not end the server. While it serves they are blocked in the calling thread and in those that it
   makes, unless they are ignored or ss_run has a handler for them. A call that would raise one of the first
   two fails with EPIPE or EFBIG. SIGXCPU is sent to the process: other threads of the program may still get
   it. The program's own timers (SIGALRM) are not touched. In a process that a handler forks the signals are
   unblocked again, for programs that it execs. posix_spawn, system and popen do not do that: use them in
   servers under ss_run, or with POSIX_SPAWN_SETSIGMASK. */
SS_API int ss_serve_forever(struct ss_server *self);

/* handle_request: waits up to self->timeout for one request and processes it. Returns 0, also after a
   time-out (handle_timeout was called), or -errno; -EBADF when the server is not bound, or not any more.
   Waits. */
SS_API int ss_handle_request(struct ss_server *self);

/* shutdown: tells serve_forever to stop, and returns at once (Python's waits, and deadlocks when
   called by the thread that serves). The drain is the same under every mix-in:
     - Clients that have connected by then, and datagrams that have arrived, are taken and served, in the time
       that the drain has. Then the socket is closed. (A client that connects just before that is reset: TCP
       has no other way to refuse it.)
     - Idle connections are closed at once: parked ones, and those whose handler waits for input and has read
       nothing of it, unless request->busy is set. Their wait ends with -ECANCELED. A handler that waits in
       ss_poll or ss_sleep is taken to be busy.
     - Handlers with a request in progress go on. self->shutdown_timeout after the call, or when ss_cancel is
       called, each of their waits ends with -ECANCELED, too.
   Then ss_serve_forever returns. Calling it again, or after ss_server_close, changes nothing. Any thread, any
   process forked by the server, and signal handlers: it is async-signal-safe. */
SS_API void ss_shutdown(struct ss_server *self);

/* As ss_shutdown, but every wait of a handler ends with -ECANCELED now: the drain's time is over. May be
   called from the same places. */
SS_API void ss_cancel(struct ss_server *self);

/* True once ss_shutdown was called, in every process of the server; and after ss_server_close. Any
   thread. */
SS_API bool ss_draining(const struct ss_server *self);

/* server_close: closes what is open and frees what ss_server_init made. Harmless when called twice, after
   a failed ss_server_init, and after a failed ss_server_bind. Waits for requests in progress as a drain does.
 */
SS_API void ss_server_close(struct ss_server *self);

/* A whole server in one call: init, bind, serve until SIGINT or SIGTERM, close. The first such signal begins
   a drain (ss_shutdown), the second one ends it early (ss_cancel). Processes that the server has forked leave
   both signals to it; SIGKILL ends a single one. Returns an exit status for main: 0; 1 after a line on stderr
   that says what failed; 130 when the second signal came. The main thread, one server at a time.

   This is the only function here that sets signal handlers. Besides those two there is one for SIGSEGV, which
   says so when a handler has overflowed a coroutine's stack, and one for SIGPIPE, SIGXFSZ and SIGXCPU, which
   does nothing. SIGINT stays ignored if it was (a shell's background job), and handlers that the program has
   set for one of the other four stay. In a process that a handler forks for itself all signals act as before
   ss_run, also for programs that it execs.

   While the server runs, the soft limit of open files is raised to the hard one. A handler that execs a
   program which uses select(2) lowers it again in the child (RLIMIT_NOFILE). */
SS_API int ss_run(const struct ss_class *const *bases, const char *address,
                  const struct ss_handler_class *handler);

/* The second half of ss_run, for a server that you have initialised and bound, and whose fields you may have
   set: serves until a signal comes as above. Returns 0, 130, or -errno. Does not close the server. The main
   thread, one server at a time. */
SS_API int ss_run_server(struct ss_server *self);

/* How the library was built, for a program's --version, in lines like "coroutines: x86-64 assembly\n". The
   string is constant and lives as long as the program. Any thread. */
SS_API const char *ss_features(void);

/* For those who write a mix-in whose requests go on elsewhere after process_request has returned. Between the
   two calls max_requests counts the request, and a drain waits for it. Call ss_request_started in the thread
   that serves, and ss_request_ended in any thread of the same process; the mix-in's server_close joins that
   thread. */
SS_API void ss_request_started(struct ss_server *self);
SS_API void ss_request_ended(struct ss_server *self);

/* ---------------------------------------------------------------- requests */

/* What a datagram server received, and where from. */
struct ss_datagram {
    struct ss_address client_address; /* length 0: a Unix socket without a name: cannot be answered */
    struct ss_address local_address;  /* the address that it was sent to: the reply's source */
    bool truncated;                   /* it was longer than self->max_packet_size */
    size_t size;
    char *data;
};

/* A connection or a datagram: Python's `request`. */
struct ss_request {
    int fd;       /* the connection; for a datagram the server's socket. A handler that closes it by itself,
                     or passes it on to somebody else, sets it to -1. */
    bool busy;    /* a request is in progress even when the handler waits for input: a drain lets
                     it go on. For handlers to set and clear; cleared before each `handle`. */
    bool linger;  /* shutdown_request waits (up to 2 s, 1 MiB) for the client to take the last
                     answer before it closes; set it when closing with input unread */
    bool unnamed; /* client_address of a Unix socket is known to be none */
    bool told;    /* whoever handles the request has logged by what it fails: handle_error's default does not
                     log it again. For handlers to set */
    union {       /* get_request's, compact; see ss_client_address */
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } client;
    struct ss_datagram *datagram; /* NULL for a connection */
    void *data;                   /* yours: outlives parking */
    void (*free_data)(void *);    /* called with data, if set, when the request is closed */
};

/* Fills in the client's address; an IPv4 client of a dual-stack socket has an IPv4 address. Returns 0 or
   -errno. */
SS_API int ss_client_address(const struct ss_request *request, struct ss_address *address);

/* ---------------------------------------------------------------- handlers */

/* A handler ends by returning. pthread_exit, and longjmp or an exception out of it, leave its
   connection open and counted for ever, and take the thread along that others are served by; so a
   drain may never end. In a process of its own (ForkingMixIn, PreforkingMixIn) exit(3) ends that
   process, with what the program's atexit functions do to memory and files that it shares with the
   parent: return, or _exit(2).

   stdio in such a process: stdout and stderr are flushed before it is forked and when it ends.
   Other FILEs are yours. What is in their buffers at the fork is in the child's copy too, so it
   comes twice when both flush: flush before serving. And what a handler has written into one is
   lost unless it calls fflush or fclose before it returns, because the process ends by _exit. */

#define SS_PARK 1 /* see `handle` */

struct ss_handler_class {
    const struct ss_handler_class *base; /* NULL: StreamRequestHandler or DatagramRequestHandler,
                                            as suits the server */
    size_t size;                         /* of an instance, which begins with struct ss_handler;
                                            0: the base's */
    /* setup, handle, finish: NULL means inherited. `finish` runs whenever `setup` returned 0.
       handle returns 0: done, the connection is closed; -errno: it failed, handle_error is told;
       SS_PARK: "nothing of mine is in progress, call me again when there is input"; any other
       positive number counts as a failure, -EDOM. A parked connection costs about 100 bytes; its
       instance is finished, and the next input gets a new one, with the same request. h->timeout
       at that moment limits the wait for it. */
    int (*setup)(struct ss_handler *h);
    int (*handle)(struct ss_handler *h);
    void (*finish)(struct ss_handler *h);
};

struct ss_handler {
    struct ss_server *server; /* the server that you made, in every thread; in a process that a mix-in has
                                 forked, that process's */
    struct ss_request *request;
    struct ss_address client_address;
    struct ss_stream *rfile, *wfile; /* the same for TCP, Unix and datagrams: what the client sends,
                                        what it gets. A datagram's reply leaves as one datagram when
                                        the handler is done, an empty one not at all. */
    int timeout;                     /* ms for each wait of rfile, -1: none */
    int write_timeout;               /* ms for a client to take something of what wfile has for it, counted
                                        from the last byte that it took, -1: none; 0: five times `timeout`,
                                        so 5 minutes unless something else was said. A reader may pause */
    unsigned min_rate;               /* bytes a second that a client must bring while it is in the middle of
                                        something (a line, a head, a body: see ss_set_owed), and take of what
                                        wfile has for it; else the wait ends with -ETIMEDOUT. Only time that
                                        the handler waits counts, rate_window of it at once, for output as
                                        much as write_timeout if that is longer: a pause is no matter.
                                        0: none */
    struct ss_arena *arena;          /* private */
};

/* BaseRequestHandler: no streams; work with request->fd (non-blocking) and ss_poll.
   StreamRequestHandler: rfile and wfile of a connection.
   DatagramRequestHandler: rfile is the datagram, wfile the reply.
   The streams are there before `setup`, and output leaves after `finish`, so that neither needs to call
   its base's. */
extern SS_API const struct ss_handler_class ss_BaseRequestHandler, ss_StreamRequestHandler,
    ss_DatagramRequestHandler;
#define BaseRequestHandler ss_BaseRequestHandler
#define StreamRequestHandler ss_StreamRequestHandler
#define DatagramRequestHandler ss_DatagramRequestHandler

/* `size` bytes that live until `handle` returns, aligned for anything, not zeroed; NULL if out of
   memory. */
SS_API void *ss_alloc(struct ss_handler *h, size_t size);

/* A formatted string in memory as from ss_alloc; NULL if out of memory. */
SS_API char *ss_format(struct ss_handler *h, const char *format, ...) SS_PRINTF(2, 3);

/* Frees early: ss_release gives back everything allocated since ss_mark returned `mark`. For
   handlers that serve many requests in one `handle`. */
struct ss_mark {
    void *block, *at;
};
SS_API struct ss_mark ss_mark(struct ss_handler *h);
SS_API void ss_release(struct ss_handler *h, struct ss_mark mark);

/* ---------------------------------------------------------------- waiting

   For handlers, and for everything else that runs in a server. */

/* poll(2) that lets others run; returns the number of ready descriptors, 0 after `ms` milliseconds
   (-1: no limit), -ECANCELED, or -errno. Waits. Input that a stream has in its buffer is not seen: ask
   ss_peek(s, &data, 0) before. A drain takes who waits here to be busy: one that waits for long does so
   in steps, and looks at ss_draining. */
SS_API int ss_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms);

/* Waits `ms` milliseconds; 0 lets others run. Returns 0 or -ECANCELED. */
SS_API int ss_sleep(struct ss_server *self, int ms);

/* Runs a function that blocks (a disk, a name server) and returns its result. Under EventLoopMixIn
   a helper thread calls it and others run meanwhile; elsewhere it is a plain call. Not cut short by
   a drain. -EAGAIN if no thread could be made for ten seconds, -ECANCELED while it tries. Waits. */
SS_API int ss_offload(struct ss_server *self, int (*function)(void *), void *argument);

/* A number that stays the same as long as nobody has waited: what was checked in this turn of the
   loop need not be checked again in it. Outside of event loops every call returns another. Any thread. */
SS_API uint64_t ss_turn(const struct ss_server *self);

/* ---------------------------------------------------------------- streams

   A buffer each way over something that reads and writes. Output leaves when the buffer is full,
   when the stream is about to wait for input, at ss_flush and at the end of the handler. The first
   error sticks: every later call returns it, so write a whole reply and look once. The end of the
   input is not an error, and neither is a read that has waited in vain: it returns -ETIMEDOUT, but output
   can still be written, and a later read may be tried, which finds all of what had come by then. (Only when
   that is more than the buffer holds, or there is none, are later reads -ETIMEDOUT, too.) The stream's
   deadline stays where it is: ss_set_deadline again for what comes next. Output that nobody takes in time
   is an error: the other side has part of it.
   A stream that only reads, or only writes, or is NULL (those of BaseRequestHandler), returns -EBADF for the
   other direction, which does not stick.

   A stream may stand over another one, as one that encrypts stands over a socket's: ss_stream_over. Its
   methods call ss_read, ss_peek_now, ss_write and their like for the stream below, s->below. */

struct ss_stream_class {
    const char *name;
    bool direct; /* ss_write passes a piece that would fill half of the buffer to `write` at once, instead of
                    copying it into the buffer first: for streams whose `write` costs one system call */
    /* Reads 1 to `size` bytes, waiting for the first; 0 at the end; -errno: -ETIMEDOUT does not stick, all
       others do. NULL: there is no input but what is in rbuf (with `eof` set), or none: -EBADF. */
    ssize_t (*read)(struct ss_stream *s, void *data, size_t size);
    /* The same without waiting: -EAGAIN when there is nothing yet. NULL: ss_peek_now flushes and waits,
       with `read`; so a connection with such a stream is not parked: SS_PARK waits. */
    ssize_t (*read_now)(struct ss_stream *s, void *data, size_t size);
    /* Writes all of it, waiting as needed; 0 or -errno. The vector may be changed. `more`: more
       will follow at once. NULL: the output stays in the buffer; -EMSGSIZE when it is full, -EBADF when
       there is no buffer. */
    int (*write)(struct ss_stream *s, struct iovec *vector, int count, bool more);
    /* Writes `size` bytes of file `fd` from `offset`; 0 or -errno; -EIO if the file ends early.
       NULL: it is read and written. */
    int (*sendfile)(struct ss_stream *s, int fd, off_t offset, size_t size);
    /* Sends on what `write` keeps back. ss_flush calls it after `write`, and flushes the stream below after
       it. 0 or -errno. NULL: nothing is kept back. */
    int (*flush)(struct ss_stream *s);
    /* No more output: the other side reads an end. ss_write_eof calls it after ss_flush, and then does the
       same to the stream below. 0 or -errno. NULL: nothing to do. */
    int (*write_eof)(struct ss_stream *s);
    /* The stream's last act: says good-bye, and frees what the stream owns, itself too. ss_close calls it
       after ss_flush, and then does the same to the stream below. Of the streams of a handler, one that is
       parked is not closed. Where an idle connection ends because the server stops, the -ECANCELED has stuck
       to `s` only, and the stream below still takes the good-bye. 0 or -errno. NULL: nothing to do. */
    int (*close)(struct ss_stream *s);
};

struct ss_stream {
    const struct ss_stream_class *methods;
    void *context;              /* the implementation's */
    struct ss_server *server;   /* whose poll waits; NULL: a client outside of servers */
    struct ss_request *request; /* NULL: a client's stream */
    int fd;                     /* -1: none */
    int error;                  /* the first one, -errno; 0: none */
    bool eof;                   /* the end of the input was read */
    int *timeout;               /* ms for each wait, -1: none; NULL: none */
    int *write_timeout;         /* as struct ss_handler's; NULL: `timeout` is for output, too */
    uint64_t deadline;          /* ms, absolute (ss_now); 0: none */
    char *rbuf, *wbuf;          /* input not yet read: rbuf[rpos..rend), output: wbuf[0..wend) */
    size_t rpos, rend, rsize;
    size_t wend, wsize;
    uint64_t sent;      /* bytes that `write` and `sendfile` have passed on, also before they failed;
                           theirs to count */
    uint64_t received;  /* bytes that `read` has brought; its to count */
    unsigned *min_rate; /* as struct ss_handler's; NULL: none */
    bool owed;          /* see ss_set_owed */
    struct ss_pace {
        uint64_t waited, moved;
    } in, out; /* private: ms of waiting in this window, bytes that had moved when it began */
    struct ss_stream
        *tied; /* flushed, besides this one, when this one is about to wait for input; NULL: none */
    struct ss_stream *below; /* the stream that this one is over, NULL: none; see ss_stream_over */
    struct ss_stream *above; /* the other way round */
    bool torn;               /* private: part of what has not come in time is lost to later reads */
    bool partial;            /* private: some of what is being read together has been taken out of rbuf */
};

/* Makes a stream of your own over `methods`; buffers of the given sizes, which the caller owns, or
   NULL and 0 for unbuffered. `context` is for the methods. There is no server, no request, no descriptor
   (-1), no time limit and no stream below: set those fields afterwards, or call ss_stream_over. */
SS_API void ss_stream_init(struct ss_stream *s, const struct ss_stream_class *methods, void *context,
                           char *rbuf, size_t rsize, char *wbuf, size_t wsize);

/* Puts `s`, which ss_stream_init has made, over the stream `below`: s->below. `s` gets the server, request,
   descriptor and time limits of `below`, whose input and output are from now on for the methods of `s` only.
   Before `below` waits for input it flushes `s`, so `write` may be called while `read` of the same stream has
   not returned. Both live until ss_close(s), which ends both. */
SS_API void ss_stream_over(struct ss_stream *s, struct ss_stream *below);

/* Reads 1 to `size` bytes into `data`; returns their number, 0 at the end, -errno. Waits for the
   first byte only. (io.BufferedReader.read1) */
SS_API ssize_t ss_read(struct ss_stream *s, void *data, size_t size);

/* Reads `size` bytes; returns their number, fewer only at the end, or -errno. Waits.
   (rfile.read(size)) */
SS_API ssize_t ss_readexactly(struct ss_stream *s, void *data, size_t size);

/* Reads up to and with the next newline, at most size - 1 bytes, and ends `line` with NUL. Returns
   the number of bytes, 0 at the end, -errno. No newline at its end: the line is longer, or the
   input has ended. Waits. (rfile.readline(limit)) */
SS_API ssize_t ss_readline(struct ss_stream *s, char *line, size_t size);

/* Shows input without taking it: waits until at least `want` bytes (at most the buffer's size, or
   -ENOBUFS) are there; stores where they begin, valid until the next call that reads. Returns
   the number of bytes there, fewer than `want` only at the end, or -errno. ss_skip takes `size`
   bytes of them. `want` 0 never waits. (io.BufferedReader.peek) */
SS_API ssize_t ss_peek(struct ss_stream *s, const char **data, size_t want);
SS_API void ss_skip(struct ss_stream *s, size_t size);

/* As ss_peek, but it never waits: tries once to read when nothing is there. Returns the number of
   bytes there, 0 at the end, -EAGAIN for "nothing yet", -ENOBUFS without a buffer, or -errno. */
SS_API ssize_t ss_peek_now(struct ss_stream *s, const char **data);

/* Writes all of `data`: into the buffer when it is small and there is room, else at once, together with
   what is there. Returns 0 or -errno. May wait. */
SS_API int ss_write(struct ss_stream *s, const void *data, size_t size);

/* Several pieces as one; the pieces themselves are not changed. 0 or -errno. May wait. */
SS_API int ss_writev(struct ss_stream *s, const struct iovec *vector, int count);

/* Writes formatted text; 0 or -errno. May wait. */
SS_API int ss_printf(struct ss_stream *s, const char *format, ...) SS_PRINTF(2, 3);
SS_API int ss_vprintf(struct ss_stream *s, const char *format, va_list args);

/* Writes `size` bytes of the file `fd`, from `offset`, without copying them where the kernel can,
   and lets others run now and then. Returns 0 or -errno; -EIO if the file is shorter. Waits. */
SS_API int ss_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size);

/* Sends what is in the buffer; 0 or -errno. Waits. */
SS_API int ss_flush(struct ss_stream *s);

/* Flushes and ends the output, input goes on: 0 or -errno. (asyncio's write_eof) Datagrams have no end:
   they are flushed. */
SS_API int ss_write_eof(struct ss_stream *s);

/* From now on the stream's waits end `ms` milliseconds from now in all, whatever moves; -1: no such
   limit. s->timeout, for each single wait, holds besides. */
SS_API void ss_set_deadline(struct ss_stream *s, int ms);

/* The other side has begun something of which it owes the rest, a request, say: min_rate holds for its input.
   Inside of ss_readline and ss_readexactly it does anyway. false: nothing, or nothing that is urgent. */
SS_API void ss_set_owed(struct ss_stream *s, bool owed);

/* Flushes a stream and ends it, and the streams that it is over: for those that ss_connect and ss_stream_init
   have made. (A handler's own are the framework's to close.) One of ss_connect is freed. Returns 0 or the
   first error. NULL is harmless. May wait. */
SS_API int ss_close(struct ss_stream *s);

/* Milliseconds of the monotonic clock. Any thread. */
SS_API uint64_t ss_now(void);

/* ---------------------------------------------------------------- client */

/* Connects to `address` (see above; not fd:) as SOCK_STREAM or SOCK_DGRAM: every address that a
   name has is tried, in `ms` milliseconds all together (-1: no limit), not counting the look-up of the
   name, which has limits of its own (resolv.conf). `self`: the server in whose
   handler this is called, or NULL outside of servers. Stores a stream that the caller closes with
   ss_close; each of its waits is limited to `ms` too (ss_set_timeout changes that). Returns 0 or
   -errno: that of the last address tried, -ETIMEDOUT, -ENOENT for an unknown name, -EINVAL. Waits.
   (socket.create_connection) */
SS_API int ss_connect(struct ss_server *self, const char *address, int type, int ms, struct ss_stream **s);

/* Limits each wait of a stream from ss_connect to `ms` milliseconds, -1: no limit. */
SS_API void ss_set_timeout(struct ss_stream *s, int ms);

#ifdef __cplusplus
}
#endif
#endif
