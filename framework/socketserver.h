/* SPDX-License-Identifier: MIT */
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

   Words.     A request is what a server takes from its socket: a connection or a datagram. A request
              that is being served, or parked, has one of the server's max_requests places.
              A handler that returns SS_PARK parks its connection. A parked connection stays open and
              waits for input, but it has neither a handler instance nor a stream. Under
              ThreadPoolMixIn and EventLoopMixIn it has no thread and no stack, either. With
              request->resume it waits for more than input.
              The drain is the time from ss_shutdown until ss_serve_forever returns, in which the
              requests in progress may end. The comment on ss_shutdown says what happens then.
              The complete table of a class is the class with all slots filled in that it inherits.
   Errors.    A function that returns int or ssize_t returns >= 0 when it went well, else -errno. (ss_run is
              for main, so it returns an exit status instead.)
   Owners.    1. The caller owns struct ss_server; it does not move between ss_server_init and
                 ss_server_close, and closing it twice is harmless.
              2. Tables (struct ss_class, struct ss_handler_class, struct ss_stream_class) are const and live
                 as long as the program.
              3. A successful get_request is paired with exactly one shutdown_request.
              4. The framework makes the handler instance, zeroed, and frees it after `finish`.
              5. What ss_alloc returns in a handler lives until `finish` has returned.
              6. A pointer argument is borrowed for the call unless its comment says otherwise.
   Threads.   A handler uses its own handler, request and streams only. "Any thread" below means
              that the function may be called from everywhere; otherwise it belongs to the thread
              (or coroutine) that runs the server or the handler in question.
   Waiting.   Every socket is non-blocking; functions that wait say so. A wait ends with -ETIMEDOUT
              at its deadline, and with -ECANCELED when the server is told to stop (see
              ss_shutdown): the handler cleans up and returns. Plain blocking calls (read, sleep,
              getaddrinfo) are fine under threads and processes; under EventLoopMixIn they stop all
              connections of the loop: use ss_poll, ss_sleep, ss_getaddrinfo and ss_offload, which are
              right everywhere.
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
struct ss_message;
struct ss_tls;

/* ---------------------------------------------------------------- addresses

   One string names an address everywhere:
     host:port      a name or a number; the name is looked up      localhost:80  127.0.0.1:80
     [ipv6]:port                                                   [::1]:80  [fe80::1%eth0]:80
     :port          every interface, IPv6 and IPv4 both (as [::]:port)
     unix:/path     a Unix socket in the file system
     unix:@name     a Unix socket in Linux's abstract name space
     fd:3           an open socket that was inherited (systemd's socket activation begins at 3)
   tls: before one of the first four is for ss_connect: a connection that is encrypted, to a server whose
   certificate is checked      tls:example.org:443
   Port 0 lets the kernel choose. A port may also be the name of a service, which is looked up, in
   /etc/services say: localhost:http.

   localhost (and x.localhost) is both loopback addresses, ::1 and 127.0.0.1; neither files nor name servers
   are asked for it (RFC 6761). A client tries both. A server on localhost has one socket that takes the
   clients of both, and only those: it is bound to the device lo, and self->server_address is [::1]:port.
   Where the machine has only one of the two, where dual_stack is false, or where another program has the port
   at another address of this machine, the server has the first one that can be bound; self->server_address
   tells which. When the port is another program's at one of the two, ss_server_bind fails: else that program
   would get some of the clients. To choose one, write [::1] or 127.0.0.1, or set self->address_family.

   Where another name has several addresses, a server listens on the first one, in the resolver's order
   (hosts, gai.conf), that this machine can bind. ss_connect tries them all. A look-up fails with -ENOENT when
   nobody has this name; -ENONET when no name server has answered (yet: the time was over); -EAFNOSUPPORT when
   the name has no address of the family; -EPROTONOSUPPORT when no service has the port's name; -ENOMEM; or
   what the system says (-EMFILE). ss_strerror has words for each of them. */

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

/* Writes `address` into `text`, in the notation above and with numbers instead of names, and puts a NUL
   behind it. An address of length 0 is "unix:". `text` has room for `size` bytes; SS_ADDRESS_TEXT are always
   enough. Returns the length without the NUL, or -ENOSPC. Any thread. */
SS_API int ss_address_format(const struct ss_address *address, char *text, size_t size);

/* Reads an address in the notation above that has numbers only: "192.0.2.7:80", "[fe80::1%eth0]:80", ":80"
   (of IPv6, all addresses), "unix:/path", "unix:@name". So it never waits; ss_getaddrinfo looks names up.
   What ss_address_format has written it reads back ("unix:" is the address of length 0). Returns 0 or -errno,
   and then `address` is as it was: -EINVAL: it is no address; -ENOENT: its host or its port is a name
   (localhost is one, too); -ENODEV: there is no such interface; -ENAMETOOLONG: a path that is too long. Any
   thread. (ipaddress.ip_address) */
SS_API int ss_address_parse(const char *text, struct ss_address *address);

/* Returns the port of an IPv4 or IPv6 address in host order, and 0 for other addresses. Any thread. */
SS_API unsigned ss_address_port(const struct ss_address *address);

/* Describes an error of a function of this header, which has returned -errno, as strerror(3) does, but says
   what the error means here: "No name server has answered". The string is constant, and in English. Any
   thread. (os.strerror) */
SS_API const char *ss_strerror(int error);

/* Says more about the last error of the calling thread than its number does: what is wrong with a certificate
   after ss_server_bind or ss_tls_reload has failed, or why ss_connect does not trust a server. One line
   without its end; "" where the number says it all. It stays until the thread calls one of these functions
   again; under EventLoopMixIn, until it waits. Any thread. */
SS_API const char *ss_reason(void);

/* For methods of a class that ss_server_bind calls: remembers a line, without its end, for ss_reason, which
   says why they return the error `rc`. ss_run and ss_main print it in the place of their own. Returns `rc`.
   Any thread. */
SS_API int ss_set_reason(int rc, const char *format, ...) SS_PRINTF(2, 3);

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

   The comment on a slot begins with the name of the method of Python's socketserver that the slot stands for.
   Where Python has no such method, it is the slot's own name.

   Whoever makes and closes the server calls the slots "for the caller". The thread that serves calls those
   from get_request to process_request, handle_timeout, child_ended, service_actions and close_idle. An event
   loop with several workers has several such threads, so there these methods must be thread-safe. The thread,
   process or coroutine that runs the request calls what comes after process_request. */

struct ss_class {
    const char *name;            /* for messages */
    const struct ss_class *base; /* NULL for a mix-in */
    size_t state_size;           /* bytes of zeroed memory that ss_state gives */
    size_t shared_size;          /* bytes of zeroed memory that all processes of the server share, which
                                    ss_shared gives */
    size_t request_state_size;   /* bytes of zeroed memory that ss_request_state gives for each request */

    /* A mix-in with a lower rank must stand on the left of those with higher ones, or ss_server_init returns
       -EINVAL. 0: the mix-in may stand anywhere. PreforkingMixIn has 1, the other mix-ins of this header
       have 2. */
    unsigned rank;

    /* Both set class variables (fields of struct ss_server). ss_server_init calls first the `defaults` of all
       classes, each class after those that it is based on and that stand on its right, and then, in the same
       order, their `init`. So a later call overrides an earlier one. The classes of this header have
       `defaults` only. So what the `init` of your server class sets (max_requests, for instance) holds under
       every mix-in, and a mix-in of your own on its left can still change it. What you set between
       ss_server_init and ss_server_bind overrides them all. */
    void (*defaults)(struct ss_server *self);
    void (*init)(struct ss_server *self);

    /* --- for the caller --- */

    /* serve_forever: accepts and processes requests until ss_shutdown, then drains. Returns 0, or -errno when
       the server could not go on. */
    int (*serve_forever)(struct ss_server *self);
    /* server_bind: makes self->socket, binds it to self->address, and stores in self->server_address where it
       is bound. 0 or -errno. */
    int (*server_bind)(struct ss_server *self);
    /* server_activate: listens, so that clients can connect. 0 or -errno. With allow_reuse_port, an event
       loop with several workers calls it again for each further socket; meanwhile self->socket is that
       socket. */
    int (*server_activate)(struct ss_server *self);
    /* server_close: closes the socket and waits for the requests that are still in progress. In each child of
       ForkingMixIn and PreforkingMixIn it is called, too, for the classes on the right of that mix-in. */
    void (*server_close)(struct ss_server *self);
    /* close_socket: closes self->socket and sets it to -1: clients cannot connect any more. Does nothing when
       it is -1 already. serve_forever calls it during the drain, server_close before it waits, and
       ss_server_bind after server_bind or server_activate has failed. */
    void (*close_socket)(struct ss_server *self);

    /* --- the life of a request, in order --- */

    /* get_request: accepts a connection or receives a datagram from ss_fileno(self) into `request`. It never
       waits. Returns 0, -EAGAIN when there is none, or another -errno. */
    int (*get_request)(struct ss_server *self, struct ss_request *request);
    /* verify_request: returns true when the client is to be served. After false, shutdown_request follows at
       once, and no handler is made. */
    bool (*verify_request)(struct ss_server *self, struct ss_request *request);
    /* turn_away: called instead of process_request for a connection that the server has no place for: all
       have been taken for full_timeout, its client has as many as it may have (max_requests_per_client) and
       too many wait (max_waiting), or it has waited for request_timeout. A class can tell the client so, by a
       send(2) that does not wait, or count it. shutdown_request follows. The default does nothing; HTTPServer
       answers 503. */
    void (*turn_away)(struct ss_server *self, struct ss_request *request);
    /* process_request: runs the request: has finish_request called, here or in another thread, process or
       coroutine. Mix-ins override this one. A method that returns 0 has taken the request over: it calls
       shutdown_request once, now or later. After -errno the request is still the caller's. */
    int (*process_request)(struct ss_server *self, struct ss_request *request);
    /* finish_request: makes an instance of the handler class and runs it. Returns what `handle`
       returned: 0, SS_PARK or -errno. */
    int (*finish_request)(struct ss_server *self, struct ss_request *request);
    /* open_stream: makes the stream that is h->rfile and h->wfile of a StreamRequestHandler or a
       DatagramRequestHandler, before `setup`. Returns 0 or -errno. The stream's memory is ss_alloc's, which
       here lives as long as the stream: until the connection is closed, or parked. For the next input of a
       parked connection a new stream is opened; what must outlive that is kept in ss_request_state. When the
       connection ends, ss_close ends the stream. If it is parked then, and a stream over the socket's has a
       `close`, a stream is opened for that: so the good-bye is said whatever ends the connection.
       The method may wait, for a handshake say; self->request_timeout limits each wait. One that fails when
       its base has opened a stream already calls ss_close for that.
       A mix-in that changes what goes over the connection opens its base's stream, and puts its own over it:

         static const struct ss_class SecretMixIn;
         static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
         {
             size_t size = self->buffer_size;
             struct ss_stream *below, *s = ss_alloc(h, sizeof *s + 2 * size);
             int rc = s ? ss_super(self, &SecretMixIn)->open_stream(self, h, &below) : -ENOMEM;
             if (rc < 0)
                 return rc;
             char *buffers = (char *)(s + 1);
             ss_stream_init(s, &secret_stream, NULL, buffers, size, buffers + size, size);
             ss_stream_over(s, below);
             *stream = s;
             return 0;
         }
         static const struct ss_class SecretMixIn = {.name = "SecretMixIn", .open_stream = open_stream};

       The section "streams" shows the methods of secret_stream. The mix-in may stand on either side of those
       that run requests: SS_BASES(&SecretMixIn, &EventLoopMixIn, &TCPServer). */
    int (*open_stream)(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream);
    /* shutdown_request: ends the connection, so that the client reads the end, and calls close_request. With
       request->linger it waits for the client first. It calls shutdown(2) where a process that a handler has
       forked may still have the connection open: closing would not end it. */
    void (*shutdown_request)(struct ss_server *self, struct ss_request *request);
    /* close_request: closes this process's descriptor and frees the request. */
    void (*close_request)(struct ss_server *self, struct ss_request *request);

    /* --- on occasion --- */

    /* handle_timeout: called when ss_handle_request has waited for self->timeout milliseconds, and no request
       has come. */
    void (*handle_timeout)(struct ss_server *self);
    /* handle_error: called when a request has failed with `error` (-errno). The default writes one line to
       stderr, but not for -EPIPE, -ECONNRESET and -ECANCELED, which say only that the client or the server
       has ended, and not when request->told is set. */
    void (*handle_error)(struct ss_server *self, struct ss_request *request, int error);
    /* child_ended: called when a process of ForkingMixIn was killed by a signal, or one of PreforkingMixIn
       has ended before the server has. (The latter is replaced: at once, or a second later when it had failed
       or had lived for less than a second.) `status` is waitpid(2)'s; `error` (-errno) is why the process
       could not go on serving, 0 if it ended for another reason. The default writes one line to stderr.
       Called in the parent. */
    void (*child_ended)(struct ss_server *self, pid_t pid, int status, int error);
    /* forked: called in each process that ForkingMixIn or PreforkingMixIn has forked, once, before the
       process does anything else. Its only thread is the calling one, and what ss_state and other memory hold
       are copies of the parent's. A class that keeps something there that a child must not use (a descriptor
       that is the parent's, threads, a mutex that one of them may have had, numbers that must differ) makes
       it anew here: after ss_super's, so that what is on its right is in order already. Not called in
       processes that a handler forks; there pthread_atfork helps. */
    void (*forked)(struct ss_server *self);
    /* service_actions: called each time serve_forever has been woken, each second if nothing wakes it, and at
       the end of ss_handle_request. Later when the thread that serves runs a request itself meanwhile. */
    void (*service_actions)(struct ss_server *self);

    /* handle_message: called when a message has come for the server itself (see ss_server_ref). `message`
       lives until the method returns. */
    void (*handle_message)(struct ss_server *self, const struct ss_message *message);

    /* close_idle: called when somebody else needs a place (max_requests) or a descriptor. It closes the
       connection that has been parked for the longest time, now or in a moment: its `resume`, if it has one,
       is called before. Returns false when no connection is parked. */
    bool (*close_idle)(struct ss_server *self);

    /* --- ours: the seam through which everything waits, and what an event loop must know besides --- */

    /* poll: as poll(2), but it returns -errno. `ms` is in milliseconds, -1: no limit. Every wait of the
       framework is made here, by whichever thread has to wait. A class may wait for a change instead of a
       state, as epoll's edge-triggered mode does. So whoever calls poll has had EAGAIN from each descriptor
       since poll told last that it is ready. (ss_poll sees to that for handlers.) With count 0 and ms 0 it
       lets others run. */
    int (*poll)(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms);

    /* await: as poll, for a request that has a mailbox: it returns, with 0, also when a message has come that
       was not received, or comes while it waits. */
    int (*await)(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count,
                 int ms);

    /* A class may keep something about a descriptor from one wait to the next, such as its registration with
       epoll. adopt and forget tell the class for how long: from adopt(fd, owner) to forget(fd, owner), with
       the same owner. Both are called for the sockets of ss_connect; only forget is called for the server's
       socket, whose owner is the server. The class that runs a request knows of its connection without them.
       The thread that waits for the descriptor calls them. */

    /* adopt: `owner` has opened `fd`. With `owner` NULL, a handler is about to wait for `fd`, and may have
       closed it and opened the number again since it waited last, and told nobody; `fd` keeps its owner. The
       base does nothing. */
    void (*adopt)(struct ss_server *self, int fd, const void *owner);
    /* forget: `owner` is about to close `fd`. Returns true, or false when the number has another owner by
       now: then `fd` must not be closed. With `owner` NULL, `fd` stays open, but until this thread waits for
       it again, only other threads and processes that share it are to be woken. The base returns true. */
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

/* Mix-ins. Take one of these five; it decides who runs a request. PreforkingMixIn leaves that decision to the
   mix-in on its right, so it may stand before one of the others. A mix-in of your own that does not override
   process_request may stand on either side of them.
     ThreadingMixIn   a thread for each request (socketserver.ThreadingMixIn)
     ThreadPoolMixIn  self->workers threads at work at once. A parked connection holds no thread, and a
                      thread whose handler waits for its client is replaced by another one meanwhile
     ForkingMixIn     a process for each request (socketserver.ForkingMixIn)
     PreforkingMixIn  self->workers processes, each a server by itself. One that ends is replaced (see
                      child_ended). ss_serve_forever returns -errno when all of the first ones fail within
                      a second, or when the server's socket is broken
     EventLoopMixIn   a coroutine for each request, on self->workers threads with a loop each. All these
                      threads call the methods of your classes. There is only one loop where a class on
                      the left overrides process_request */
extern SS_API const struct ss_class ss_ThreadingMixIn, ss_ThreadPoolMixIn, ss_ForkingMixIn,
    ss_PreforkingMixIn, ss_EventLoopMixIn;
#define ThreadingMixIn ss_ThreadingMixIn
#define ThreadPoolMixIn ss_ThreadPoolMixIn
#define ForkingMixIn ss_ForkingMixIn
#define PreforkingMixIn ss_PreforkingMixIn
#define EventLoopMixIn ss_EventLoopMixIn

/* Mix-ins that look on, for the left of the others: SS_BASES(&ExplainMixIn, &ThreadingMixIn, &TCPServer).
   Without them nothing of what they do is there, and nothing takes time.
     ExplainMixIn       a running commentary on stderr, a line for each call on a socket: when, which process,
                        thread or coroutine, what was sent or received (its beginning), what has come of it;
                        how the handshake went, why the connection has ended. It sees the sockets of streams,
                        not what a BaseRequestHandler does with its descriptor
     ExplainJSONMixIn   the same, as an object of JSON in each line. Of `data`, each byte is the character
                        of its number
     StatsMixIn         a table on stderr when the server has ended: how many connections or datagrams, how
                        long it took from what has come to the answer, how many handlers ran at once, the
                        time of the processor, memory */
extern SS_API const struct ss_class ss_ExplainMixIn, ss_ExplainJSONMixIn, ss_StatsMixIn;

/* ConfineMixIn, for the left of the mix-ins that run requests: from the moment in which it listens the server
   has given up, with all its threads and processes, what self->confinement does not permit (see ss_confine).
   When only a part of that can be in force, a line on stderr says which; with `required`, or when a permitted
   path is not there, ss_server_bind fails, and ss_reason says why. Without being permitted, the server may
   bind its own port again where allow_reuse_port is set, and remove the file of its own Unix socket. As
   Landlock has it that goes for all files below the socket's directory, so give it one of its own. */
extern SS_API const struct ss_class ss_ConfineMixIn;
#define ConfineMixIn ss_ConfineMixIn
#define ExplainMixIn ss_ExplainMixIn
#define ExplainJSONMixIn ss_ExplainJSONMixIn
#define StatsMixIn ss_StatsMixIn

/* Mix-ins that look at who connects. They may stand on either side of those that run requests, AccessMixIn on
   the left of ProxyProtocolMixIn: SS_BASES(&AccessMixIn, &ProxyProtocolMixIn, &EventLoopMixIn, &TCPServer).

   AccessMixIn closes connections, and drops datagrams, of clients that are in self->deny, and, if there is a
   self->allow, of those that are not in that: verify_request returns false.

   ProxyProtocolMixIn believes the proxies of self->proxies: each connection from them has to begin with a
   header of the PROXY protocol, version 1 or 2, within SS_PROXY_TIME, which says who the client is. From then
   on h->client_address and ss_client_address are that client's (of length 0 if it has no address). A
   connection without such a header is closed. Other clients get no header read: what they send is data. As
   all clients seem to come from a few addresses, max_requests_per_client is UINT_MAX. The client of a proxy
   is looked at by AccessMixIn when the header has come; and as open_stream does that, not for a
   BaseRequestHandler, whose connections AccessMixIn judges by the proxy's own address only. With TLSMixIn,
   which stands on their left, the header comes before the handshake. */
extern SS_API const struct ss_class ss_AccessMixIn, ss_ProxyProtocolMixIn;
#define AccessMixIn ss_AccessMixIn
#define ProxyProtocolMixIn ss_ProxyProtocolMixIn
#define SS_PROXY_TIME 5000 /* ms */

/* TLSMixIn: the connections are encrypted; handlers notice nothing of it. See the section "TLS".
     SS_BASES(&TLSMixIn, &ThreadingMixIn, &TCPServer) */
extern SS_API const struct ss_class ss_TLSMixIn;
#define TLSMixIn ss_TLSMixIn

#define SS_MAX_BASES 16 /* bases of a server, with everything that they are based on */

/* The bases of a server, left to right: class Server(ThreadingMixIn, TCPServer). Lives as long as
   the enclosing block (C++: the full expression); ss_server_init copies it. */
#ifdef __cplusplus
#define SS_BASES(...) (std::initializer_list<const struct ss_class *>{__VA_ARGS__, nullptr}.begin())
#else
#define SS_BASES(...) ((const struct ss_class *const[]){__VA_ARGS__, NULL})
#endif

/* Finds bases by the name of their composition: "ThreadingTCPServer", "ForkingUnixStreamServer",
   "EventLoopUDPServer", "PreforkingThreadingTCPServer", "TLSThreadingTCPServer". Upper and lower case matter.
   Returns NULL for an unknown name. The array lives until the calling thread calls ss_bases again, or ends.
   Any thread. */
SS_API const struct ss_class *const *ss_bases(const char *name);

/* Finds one of the five mix-ins by its name, with or without "MixIn", in upper or lower case: "threading",
   "EventLoopMixIn". Returns NULL if there is none of that name. Any thread. */
SS_API const struct ss_class *ss_mixin(const char *name);

/* The complete table of a server's class, in which no slot is NULL: Python's type(self). It lives until
   ss_server_close. Any thread. */
SS_API const struct ss_class *ss_class_of(const struct ss_server *self);

/* The complete table as it is seen from `cls` on to the right, without `cls` itself: Python's super(cls,
   self). It lives until ss_server_close. `cls` is one of self's bases. Another class is a mistake in the
   program: it is named on stderr, and abort(3) ends the process, as assert(3) would. Any thread. */
SS_API const struct ss_class *ss_super(const struct ss_server *self, const struct ss_class *cls);

/* The cls->state_size bytes that self keeps for `cls`, zeroed by ss_server_init; they live until
   ss_server_close. NULL when `cls` is not among the bases, or its state_size is 0. Any thread; when several
   threads use the memory itself, `cls` has to lock it. After a fork each process has its own: see
   ss_shared. */
SS_API void *ss_state(const struct ss_server *self, const struct ss_class *cls);

/* The cls->shared_size bytes that all processes of self share for `cls`: what one writes the others read.
   ss_server_init makes them, zeroed and aligned for anything, before any `defaults` or `init` is called. They
   live until ss_server_close (a process that is forked keeps its view of them when another one closes the
   server), and stand at the same address in each process. So a pointer that is kept there may point into the
   same memory; all other memory is each process's own. What a process that is killed has written stays, also
   when it was half done. NULL when `cls` is not among the bases, or its shared_size is 0, and after
   ss_server_close. Any thread, any process of the server, and those that a handler forks. Use ss_lock for the
   memory itself, or atomic variables. */
SS_API void *ss_shared(const struct ss_server *self, const struct ss_class *cls);

/* Takes the lock that belongs to ss_shared(self, cls): from now to ss_unlock the calling thread is the only
   one in all threads and processes that has it; others wait in ss_lock. Returns
     0             the caller has the lock;
     -EOWNERDEAD   the caller has the lock, too, but the process (or thread) that had it before was killed or
                   ended with it, and may have left its work half done: put the memory in order. Only one
                   caller is told, and the next ss_lock returns 0 again;
     -EDEADLK      the calling thread has it already, and keeps it;
     -EINVAL       `cls` has no shared memory, or the server is closed.
   Whoever holds the lock calls no function of this header that waits, and gives it back before the
   handler returns and before the server is closed. Under EventLoopMixIn another connection would run in the
   same thread while it waits, and its ss_lock would return -EDEADLK; and everywhere else, all who want the
   lock would wait as long as one client pleases. The wait in ss_lock itself has no limit, and a drain does
   not end it: it is as short as what is done under the lock. The locks of two classes are taken in the same
   order by everybody, or two processes wait for each other. Any thread, any process of the server, and those
   that a handler forks (which do not have the lock that their parent has); not signal handlers. */
SS_API int ss_lock(const struct ss_server *self, const struct ss_class *cls);

/* Gives the lock back. Returns 0; -EPERM when the calling thread does not have it; -EINVAL as ss_lock. */
SS_API int ss_unlock(const struct ss_server *self, const struct ss_class *cls);

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
                                 kernel still remembers its connections; true. Of a datagram server:
                                 other programs that allow it too may bind the port. Each gets what is
                                 sent to groups and broadcasts, and one of them all the rest; false */
    bool allow_reuse_port;    /* allow_reuse_port: other processes may bind the port too, and each loop of
                                 an event loop with several workers does so (but for a datagram server
                                 with multicast_groups or allow_broadcast: its loops share a socket, so
                                 that what is sent to many is handled once); false */
    bool dual_stack;          /* an IPv6 wildcard address takes IPv4 clients too; true */
    int socket_mode;          /* permissions of a Unix socket's file (0600), -1 (default): the umask's */
    int defer_accept;         /* seconds for a client to send its first bytes before it is accepted all
                                 the same (TCP_DEFER_ACCEPT); 0 (default): accept at once. Only for
                                 protocols in which the client speaks first. */
    /* Options of the server's socket, which its connections inherit. With 0 it is as the system has it. */
    bool disable_nagle_algorithm; /* disable_nagle_algorithm (of StreamRequestHandler): what is written leaves
                                     at once, and does not wait for more (TCP_NODELAY); true */
    int keepalive;          /* seconds of silence after which the kernel asks whether the client's machine is
                               still there; 0 (default): never */
    int keepalive_interval; /* seconds from one such question to the next */
    int keepalive_probes;   /* how many of them without an answer end the connection */
    int user_timeout;       /* ms after which the connection ends when what was sent is not acknowledged
                               (TCP_USER_TIMEOUT); 0: about 15 minutes on most systems */
    int receive_buffer;     /* bytes that the kernel keeps until they are read (SO_RCVBUF). With TCP it grows
                               as needed, unless this is set; a datagram server that is asked in bursts
                               may want more than the usual 208 KiB. No more than net.core.rmem_max */
    int send_buffer;        /* the same for what is written (SO_SNDBUF, net.core.wmem_max) */
    /* Of datagram servers: the groups whose datagrams it wants, ended by NULL: "239.1.2.3" or
       "ff02::fb%eth0", with the interface behind the percent sign. Without one it is the interface to which
       the routes lead. A server at ":port" may be in groups of both families. More in ss_join_group. */
    const char *const *multicast_groups;
    const char *multicast_interface; /* by which datagrams to groups are sent; NULL: as the routes have it */
    int multicast_ttl;    /* how many networks they may cross; 0: one, which is the own network only */
    bool multicast_loop;  /* they reach members of the group on this machine, too; true */
    bool allow_broadcast; /* ss_send_to may send to all machines of a network, as to 255.255.255.255
                             (SO_BROADCAST); false */
    /* Who may connect, and which proxies are believed: see AccessMixIn and ProxyProtocolMixIn, without which
       they mean nothing. Each is a list as ss_network_parse reads it, ended by NULL, and read by
       ss_server_bind. */
    const char *const *allow, *const *deny, *const *proxies;
    int timeout;            /* timeout: ms for ss_handle_request to wait, -1 (default): for ever */
    int request_timeout;    /* ms: what struct ss_handler.timeout begins with; 60,000 */
    int write_timeout;      /* ms: what struct ss_handler.write_timeout begins with; 0 */
    unsigned min_rate;      /* bytes a second: what struct ss_handler.min_rate begins with; 240 */
    int rate_window;        /* ms of waiting over which that rate is measured; 60,000 */
    int shutdown_timeout;   /* ms that requests in progress get to end after ss_shutdown; 10,000. -1: no
                               limit */
    size_t max_packet_size; /* max_packet_size: a longer datagram is cut; 65,535 */
    unsigned max_requests;  /* connections or datagrams in progress at once (Python's max_children), in each
                               process and each loop; 0: no limit. Further clients wait in the kernel's
                               queue; a parked connection is closed to make room for one of them. 1,024
                               under ThreadingMixIn and without a mix-in, 160 under ForkingMixIn, 16,384
                               under EventLoopMixIn and ThreadPoolMixIn */
    /* ms after which clients are turned away (see turn_away) because max_requests are in progress, none of
       them is idle, and none has ended meanwhile. Who waits then, and who connects as long as nothing
       changes, gets that within a second. -1 (default): clients wait in the kernel's queue for as long as
       they like. */
    int full_timeout;
    /* How many of these connections one client may have: an IPv4 address, or a /64 of IPv6. (Clients of Unix
       sockets are not told apart.) Further connections of a client are accepted and put aside until one of
       its earlier ones ends, so that they keep nobody else waiting; idle ones end for them. 0 (default): a
       quarter of max_requests, but at least 8, where each connection takes a thread or a process
       (ThreadingMixIn, ForkingMixIn); elsewhere no limit. UINT_MAX: no limit. */
    unsigned max_requests_per_client;
    /* How many connections may be put aside, for that reason or because no thread or process can be made for
       now. Each waits for request_timeout at most; further ones are closed. 4,096. Where the process has no
       descriptor left for another one, clients wait in the kernel's queue; but not for a client of whose
       requests none has begun or ended for two seconds: then its further ones are closed. */
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
    /* The most that a mailbox holds which nobody has received yet: how many messages, 256, and how many bytes
       in all of them together, 65,536. So this is also the most that one message may have; and
       none has more than SS_MAX_MESSAGE, however large mailboxes are. */
    unsigned mailbox_count;
    size_t mailbox_size;
    size_t message_memory; /* bytes for all such messages of the server together; 8 MiB, at most 1 GiB. A
                              message takes 16 bytes more than its data and its channel's name, rounded up to
                              a power of two, at least 64. Memory is taken when it is needed, and kept for
                              later messages of that size */

    const struct ss_tls *tls; /* of TLSMixIn: certificates and the like, see there; lives as long as the
                                 server. NULL (default): it makes a certificate for this machine */

    /* Instance variables */
    const struct ss_confinement *confinement; /* for ConfineMixIn; set before ss_server_bind, and kept. NULL:
                                                 nothing is permitted */
    struct ss_explaining *explained; /* private to ExplainMixIn; NULL: it is not among the bases. Else who has
                                        a protocol to explain calls ss_explain */
    void *context;                   /* yours: the framework does not use it */
    const struct ss_handler_class *RequestHandlerClass; /* as given to ss_server_init */
    const char *address;              /* as given to ss_server_init; must live as long as the server */
    struct ss_address server_address; /* server_address: the one bound, port 0 resolved */
    int socket;                       /* socket: -1 when closed. Whoever serves asks ss_fileno */

    struct ss_core *core; /* private */
};

/* Prepares a server of the class that `bases` make (see SS_BASES; the last one is a server class), to be
   bound to `address` (kept, not copied), with `handler` as the class of its handlers. No socket is opened
   yet. Returns 0; -EINVAL for an argument that is NULL and for bases that make no server, that are too many
   or in the wrong order (see rank); -EMFILE, -ENOMEM; -ENOTSUP when a class wants shared memory, and the
   kernel has no robust locks. A class or handler class that is based on itself,
   perhaps by way of others, is a mistake in the program: it is named on stderr, and abort(3) ends the
   process. */
SS_API int ss_server_init(struct ss_server *self, const struct ss_class *const *bases, const char *address,
                          const struct ss_handler_class *handler);

/* Python's server_bind and server_activate. Clients can connect from now on. The file of a Unix socket is
   replaced if nobody listens on it, and not if somebody does; it is removed when the socket is closed. A
   socket that was inherited (fd:) and was blocking becomes so again when it is closed. Returns 0 or -errno:
   -EADDRINUSE; -EACCES; -EADDRNOTAVAIL; -EINVAL for an address that cannot be read; -ENOENT,
   -ENONET or -EPROTONOSUPPORT from a look-up; -EAFNOSUPPORT for an address of another family than the
   class's; -EBADF for a descriptor that
   was not passed to this program; -ENOTSOCK or -EPROTOTYPE for a descriptor that is no socket of the server's
   type; -EINVAL when the server is bound already; -EBADF when it is closed, or has served and was shut down.
   Waits for a name server, and up to 2 s for another server that is starting in the same directory. */
SS_API int ss_server_bind(struct ss_server *self);

/* serve_forever: serves until ss_shutdown, then drains (see there). Returns 0, or -errno when the
   server could not go on; -EBADF when it is not bound; -EBUSY when it is stepped (see ss_server_step). Waits.
   The socket is closed afterwards: to serve again, close the server and initialise it anew. Until then each
   further call returns 0 at once, under every mix-in.

   Signals: SIGPIPE (a client has gone), SIGXFSZ (a file has reached its limit) and SIGXCPU (processor time is
   used up) do not end the server. While it serves they are blocked in the calling thread and in those that it
   makes, unless they are ignored or ss_run has a handler for them. A call that would raise one of the first
   two fails with EPIPE or EFBIG. SIGXCPU is sent to the process: other threads of the program may still get
   it. The program's own timers (SIGALRM) are not touched. In a process that a handler forks the signals are
   unblocked again, for programs that it execs. posix_spawn, system and popen do not do that: use them in
   servers under ss_run, or with POSIX_SPAWN_SETSIGMASK. */
SS_API int ss_serve_forever(struct ss_server *self);

/* Somebody else's loop: instead of calling ss_serve_forever, a program that waits by itself, in poll(2),
   GLib, libuv or asyncio, calls ss_server_step whenever the descriptor of ss_server_fileno can be read.
   Everything that ss_serve_forever does is then done within the steps, and the program has its thread back
   where the server would wait:

     struct pollfd fds[] = {{.fd = ss_server_fileno(&server), .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
     int rc = 1;
     while (rc > 0) {
         poll(fds, 2, -1);
         if (fds[0].revents)
             rc = ss_server_step(&server, 0);
         if (fds[1].revents)
             obey_line(&server);
     }

   This works under every mix-in, and handlers stay as they are. Who runs them decides what a step may take:
     ThreadingMixIn, ThreadPoolMixIn   A step takes requests, and hands them over to threads.
     EventLoopMixIn   A step is a turn of the loop or some, in which those coroutines go on that can. Further
                      loops (self->workers) have threads of their own, and are not stepped.
     none             Handlers run within the steps, one after another. Where one waits for its client, the
                      step returns; the next client waits until it is done, and the program does not.
     ForkingMixIn, PreforkingMixIn   A step makes processes and notices their end. They are copies of the
                      program, with all that it has open: one with windows or threads takes another mix-in.
   What handlers in other threads and processes have for the program's own thread goes to handle_message (see
   ss_server_ref), which is called within the steps. The program sends with ss_post and ss_publish.
   Where handlers run within the steps, what they compute and calls that block (read, sleep, getaddrinfo) keep
   the program waiting, as they keep other connections of an event loop; and so do methods of classes,
   ss_every's functions and a poll method of your own everywhere. All these have a stack of 8 MiB, but for
   the handlers of EventLoopMixIn (see stack_size). */

/* The descriptor that can be read when a step is due: for input, a message, a time that is over, a child's
   end, ss_shutdown. So nothing else needs to be looked at, and no time be asked for. It is the same from the
   first call until ss_server_close, which closes it. It is the server's: wait for it to become readable, in
   level- or edge-triggered mode, and do nothing else with it. (It is an epoll descriptor with a timer, so two
   descriptors are open for this.) At first a step is due, with which the server begins; when the server is
   over, none is due any more. Returns the descriptor; -EBADF when the server is not bound; -EBUSY when
   ss_serve_forever was called; -ENOMEM, -EMFILE, -ENFILE. Any thread; the first call belongs to one. */
SS_API int ss_server_fileno(struct ss_server *self);

/* Waits until something is to be done, for `ms` milliseconds at most (0: it does not wait; -1: no limit), and
   does it. When more is to be done than fits into a few milliseconds the next step is due at once. A signal
   ends the wait early. Returns
     1       the server goes on: call it again when the descriptor can be read;
     0       it is over: ss_shutdown was called, and the server has drained. (The drain takes steps as well,
   so that the program goes on until then.) Each further call returns 0, too; -errno  as ss_serve_forever,
   when the server could not go on: then each further call returns that, too. Or -EBUSY within a step, and
   when ss_serve_forever was called; -EPERM in another thread than the first call was made in; -EBADF,
   -ENOMEM, -EMFILE, -ENFILE as ss_server_fileno: these say nothing of the server, and the call can be made
   again. Signals are dealt with as by ss_serve_forever; between two steps the thread has them as before. The
   thread that steps the server also closes it, outside of steps; if it is not over by then, ss_server_close
   has it drained. While there are no steps, nothing is served, and times that are over are noticed late.
   (Python's asyncio has the loop the other way round; libuv's uv_backend_fd with uv_run) */
SS_API int ss_server_step(struct ss_server *self, int ms);

/* Has `function` called each `ms` milliseconds while the server serves, for the first time `ms` milliseconds
   from now, with `argument`, which is the caller's. The thread that serves calls it, between two requests: of
   the process that made the server, also with ForkingMixIn and PreforkingMixIn (whose processes have the
   memory of ss_shared in common with it, and get its ss_publish), and of several loops the first one. So it
   calls nothing that waits; what is to wait is a thread of the program's own. When it was late, because a
   request took long where the same thread runs it, it does not catch up: the next call comes when it would
   have come anyway. A result other than 0 ends it; so does the drain. Returns 0; -EINVAL for `ms` less than
   1, no function, and a server that is not initialised; or -ENOMEM. Call it before ss_serve_forever (in a
   class' `init`, say), or from such a function, service_actions or handle_message, or between two steps
   (with PreforkingMixIn the first call may then be a second late). (asyncio's loop.call_later) */
SS_API int ss_every(struct ss_server *self, int ms, int (*function)(struct ss_server *self, void *argument),
                    void *argument);

/* Has `function` run while the server serves: in a thread of its own, of the process that made the server,
   under every mix-in. It begins when ss_serve_forever does, and ss_serve_forever returns when it has
   returned. Its waits (ss_poll, ss_sleep, streams of ss_connect) end with -ECANCELED when the drain begins;
   it looks at ss_draining when it does not wait. When it returns -errno, -ECANCELED apart, the server is shut
   down, and ss_serve_forever returns that. `argument` is the caller's, and lives as long as the server.
   Returns 0; -EINVAL; -ENOMEM. To be called before ss_serve_forever, which fails with -EAGAIN when there can
   be no thread. (threading.Thread) */
SS_API int ss_background(struct ss_server *self, int (*function)(struct ss_server *self, void *argument),
                         void *argument);

/* handle_request: waits up to self->timeout for one request and processes it. Returns 0, also after a
   time-out (handle_timeout was called), or -errno; -EBADF when the server is not bound, or not any more;
   -EBUSY when it is stepped. Waits. */
SS_API int ss_handle_request(struct ss_server *self);

/* shutdown: tells serve_forever to stop, and returns at once (Python's waits, and deadlocks when
   called by the thread that serves). The drain is the same under every mix-in:
     - Clients that have connected by then, and datagrams that have arrived, are taken and served, in the time
       that the drain has. Then the socket is closed. (A client that connects just before that is reset: TCP
       has no other way to refuse it.)
     - Idle connections are closed at once: parked ones (request->resume may say good-bye), and those whose
       handler waits for input and has read nothing of it, unless request->busy is set. But what has arrived
       is read first. Their wait ends with -ECANCELED. A handler that waits in ss_poll or ss_sleep is taken to
       be busy.
     - Handlers with a request in progress go on. self->shutdown_timeout after the call, or when ss_cancel is
       called, each of their waits ends with -ECANCELED, too.
   Then ss_serve_forever returns. Calling it again, or after ss_server_close, changes nothing. Any thread, any
   process forked by the server, and signal handlers: it is async-signal-safe. */
SS_API void ss_shutdown(struct ss_server *self);

/* As ss_shutdown, but every wait of a handler ends with -ECANCELED now: the drain's time is over. May be
   called from the same places. */
SS_API void ss_cancel(struct ss_server *self);

/* fileno: the socket that the calling thread serves with. In an event loop with several workers each has its
   own: that of the first is self->socket, as in every other server, and those of the others are bound to the
   same address. -1 when it is closed. For get_request, service_actions and whatever else a class does with
   its socket while it serves: another thread of the server may be closing self->socket. */
SS_API int ss_fileno(const struct ss_server *self);

/* Returns true once ss_shutdown or ss_cancel was called, in every process of the server; and after
   ss_server_close. Any thread. */
SS_API bool ss_draining(const struct ss_server *self);

/* server_close: closes what is open and frees what ss_server_init made. Harmless when called twice, and
   after a failed ss_server_init or ss_server_bind. Waits for requests in progress as a drain does. Called by
   another thread than the one that steps the server, or within a step, it is a mistake in the program: that
   is named on stderr, and abort(3) ends the process. */
SS_API void ss_server_close(struct ss_server *self);

/* A whole server in one call: init, bind, serve until SIGINT or SIGTERM, close. The first such signal begins
   a drain (ss_shutdown), the second one ends it early (ss_cancel). Processes that the server has forked leave
   both signals to it; SIGKILL ends a single one. Returns an exit status for main: 0; 1 after a line on stderr
   that says what failed; 130 when the second signal came. The main thread, one server at a time.

   Only ss_run and ss_run_server set signal handlers. Besides those for SIGINT and SIGTERM there is one for
   SIGSEGV, which says on stderr that a handler has overflowed a coroutine's stack, and one for SIGPIPE,
   SIGXFSZ and SIGXCPU, which does nothing. SIGINT stays ignored if it was (a shell's background job), and
   handlers that the program has set for one of the other four stay. In a process that a handler forks for
   itself all signals act as before ss_run, also for programs that it execs.

   While the server runs, the soft limit of open files is raised to the hard one. A handler that execs a
   program which uses select(2) lowers it again in the child (RLIMIT_NOFILE). */
SS_API int ss_run(const struct ss_class *const *bases, const char *address,
                  const struct ss_handler_class *handler);

/* The second half of ss_run, for a server that you have initialised and bound, and whose fields you may have
   set: serves until a signal comes, with the same signal handlers and limit of open files as ss_run. Returns
   0, 130 when the second signal came, or -errno. Does not close the server. The main thread, one server at a
   time. */
SS_API int ss_run_server(struct ss_server *self);

/* Adds a line to the commentary of ExplainMixIn: `call` is what is done for the client of `h`, "parse" say,
   and `note` what has come of it. Does nothing where that mix-in is not among the bases; look at
   h->server->explained first, if the note takes time to make. Any thread that has the request. */
SS_API void ss_explain(const struct ss_handler *h, const char *call, const char *note);

/* What a program is that runs one server, for ss_main. A field that is NULL is left out. */
struct ss_program {
    const char *about;          /* for --help: what it does, in lines without a line end after the last one */
    const char *address;        /* where it serves when its user names no address */
    const char *cls;            /* and as what: the name of a composition, as ss_bases knows it */
    const char *servers;        /* the server classes that its user may name, in one string, as in "TCPServer
                                   UnixStreamServer"; NULL: all four */
    const struct ss_class *own; /* a class of its own. A mix-in stands on the left of what the user names. A
                                   server class takes the place of those four: its user names it, or
                                   mix-ins alone, as in PreforkingEventLoop */
    const struct ss_handler_class *handler;
    const char *scheme; /* the address is shown as a URL: "http" */
    /* Called when the server is made, before it is bound: sets its fields, or reads the files that the
       handler needs. Returns 0; or the status to exit with, when it has said on stderr what is wrong. NULL:
       nothing is to be done */
    int (*prepare)(struct ss_server *self);
    const char *argument; /* the name of one argument more, as --help shows it: "FILE" */
    const char **value;   /* where that is stored; it stays as it is when the user gives none */
};

/* main() of a program that runs one server: NAME [OPTION]... [ADDRESS [CLASS [ARGUMENT]]]. Its
   options are --help and --workers N. When clients can connect it prints one line on stdout: its name, the
   address, the class. Then it goes on as ss_run. Returns the exit status: that of ss_run, 0 after --help, or
   2 after a line on stderr that says which argument is wrong. The main thread, once.

     int main(int argc, char **argv)
     {
         return ss_main(argc, argv, &(struct ss_program){.about = "Sends back what it gets.",
                                                         .address = "localhost:8007",
                                                         .cls = "ThreadingTCPServer",
                                                         .handler = &EchoHandler});
     } */
SS_API int ss_main(int argc, char **argv, const struct ss_program *program);

/* A server for the tests of a handler: it serves in a thread of the process that tests, at an address that is
   free, so that any number can run at the same time.

     struct ss_test_server test;
     struct ss_stream *s;
     char line[100];
     assert(ss_test_start(&test, SS_BASES(&ThreadingMixIn, &TCPServer), &EchoHandler) == 0);
     assert(ss_connect(NULL, test.address, SOCK_STREAM, 5000, &s) == 0);
     assert(ss_printf(s, "hello\n") == 0 && ss_readline(s, line, sizeof line) == 6);
     assert(ss_close(s) == 0 && ss_test_stop(&test) == 0);

   It works with every class. In processes of their own (ForkingMixIn, PreforkingMixIn) handlers change copies
   of the test's memory: what they are to tell the test is in ss_shared, or goes to their client. An assertion
   that fails in a handler belongs to the handler's thread or process: better let it tell its client. */
struct ss_test_server {
    struct ss_server server;
    char address[SS_ADDRESS_TEXT];  /* for ss_connect: "127.0.0.1:40123", or "unix:@name" */
    char url[SS_ADDRESS_TEXT + 10]; /* of a handler of HTTP: "http://127.0.0.1:40123"; "" with Unix sockets */
    struct ss_test_thread *thread;  /* private; NULL: it has not started */
};

/* Starts it: clients can connect when this returns. Returns 0, or -errno as ss_server_init, ss_server_bind
   and pthread_create: then everything is closed again. The server has port 0 of 127.0.0.1, or an abstract
   name if its class has Unix sockets. */
SS_API int ss_test_start(struct ss_test_server *test, const struct ss_class *const *bases,
                         const struct ss_handler_class *handler);

/* The second half, for a server `test->server` that you have initialised, and whose fields you may have set
   (`context`, limits): binds it, if it is not bound yet, and starts it. Returns the same; after an error the
   server is closed. */
SS_API int ss_test_start_server(struct ss_test_server *test);

/* Stops it as ss_shutdown does, waits until it has drained, and closes it. (Requests in progress have
   test->server.shutdown_timeout; call ss_cancel(&test->server) before, if nobody is to wait for them.)
   Returns 0, or -errno when the server could not go on. Harmless when it has not started, or was stopped.
   Waits. */
SS_API int ss_test_stop(struct ss_test_server *test);

/* How the library was built, for a program's --version, in lines like "coroutines: x86-64 assembly\n". The
   string is constant and lives as long as the program. Any thread. */
SS_API const char *ss_features(void);

/* For a mix-in of your own whose requests go on in another thread after process_request has returned. Between
   the two calls max_requests counts the request, and a drain waits for it. Call ss_request_started in the
   thread that serves, and ss_request_ended in any thread of the same process. The mix-in's server_close joins
   that thread. */
SS_API void ss_request_started(struct ss_server *self);
SS_API void ss_request_ended(struct ss_server *self);

/* ---------------------------------------------------------------- confinement

   A handler may have a mistake that lets its clients run code of theirs. A server that is confined has
   given up before what such code would be after: files, programs, other servers. It cannot take that back,
   nor can what it starts.

     static const struct ss_confinement confinement = {
         .paths = SS_PERMITS({"/srv/www", SS_MAY_READ}, {"/srv/incoming", SS_MAY_CHANGE})};

     struct ss_server server;
     int rc = ss_server_init(&server, SS_BASES(&ConfineMixIn, &EventLoopMixIn, &TCPServer), ":80", &Handler);
     server.confinement = &confinement;

   The layers, by what the kernel offers:
     files         No file is opened, made or removed but those permitted (Landlock, Linux 5.13). What is open
                   stays open. Whether a file is there, and its size and owner, can still be asked.
     system calls  Only those are let through that handlers, the C library and threads need, by a list
                   (seccomp): no programs, no tracing, no other process's memory, no sockets but local
                   datagrams, no name spaces, mounts, keys, io_uring, eBPF.
     TCP           No connection is made, no port bound (Landlock, Linux 6.7; the filter sees to it, too).
     signals       None is sent to processes that are not the server's (Linux 6.12).
     privileges    Root's are gone, and no program that is run has others (no_new_privs).

   What is refused fails with -EACCES or -EPERM: nothing is killed. */

/* What may be done with a file, or with all that is below a directory. */
enum {
    SS_MAY_READ = 1,     /* files are read, directories listed */
    SS_MAY_WRITE = 2,    /* files that are there are written, and cut */
    SS_MAY_MAKE = 4,     /* files, directories, links are made; to rename takes SS_MAY_REMOVE as well */
    SS_MAY_REMOVE = 8,   /* they are removed */
    SS_MAY_EXECUTE = 16, /* programs are run. They are confined, too: so what they are linked with, and the
                            loader, have to be permitted, both to be read and to be executed */
    SS_MAY_CHANGE = 15,  /* all but to execute. Modes, owners and times are changed of open files, by fchmod
                            and its kin; by a path they are not */
};

struct ss_permit {
    const char *path; /* must be there. Its symbolic links are followed now, and not again */
    unsigned rights;  /* SS_MAY_... */
};

/* A list of them, which lives as SS_BASES's does. */
#ifdef __cplusplus
#define SS_PERMITS(...) (std::initializer_list<struct ss_permit>{__VA_ARGS__, {nullptr, 0}}.begin())
#else
#define SS_PERMITS(...) ((const struct ss_permit[]){__VA_ARGS__, {NULL, 0}})
#endif

/* What is permitted. Besides that there is what is open already, public files that the C library looks at
   (/etc/localtime, /usr/share/zoneinfo, the number of processors), /dev/null and random numbers. */
struct ss_confinement {
    const struct ss_permit *paths; /* ended by one whose path is NULL; NULL: none. Under ConfineMixIn, 64 at
                                      most */
    bool connect;  /* ss_connect and look-ups of names: connections to anywhere, and what a look-up reads */
    unsigned port; /* a TCP port that may be bound and listened to; 0: none */
    bool required; /* fail if not both files and system calls can be confined */
};

enum {
    SS_CONFINED_FILES = 1,
    SS_CONFINED_CALLS = 2,
    SS_CONFINED_TCP = 4,
    SS_CONFINED_SIGNALS = 8,
    SS_CONFINED_PRIVILEGES = 16,
    SS_CONFINED_ENOUGH = 19, /* files, system calls, privileges: what `required` asks for */
};

/* Confines the process. Call it when the server listens, what is read once has been read, and no thread has
   been made: ConfineMixIn does so at the right time, and is what most programs want. It can be called again,
   to give up more. Stores in *path (may be NULL) the permitted path that cannot be opened, or NULL. Returns
   what is in force, a sum of SS_CONFINED_ bits; without Landlock or a filter for this machine it is less.
   With sanitizers in the program system calls are not filtered, since these make calls of their own. Or
   -errno: -EBUSY: the process has other threads, which would not be confined (after half a second, in which
   one that has looked up a name may end); -ENOTSUP: `required`, and the kernel cannot; -ENOENT, -EACCES and
   others for *path; -EMFILE, -ENOMEM. After these nothing is in force. After another -errno a part may be:
   end the process. The thread that has made the server, outside of handlers. */
SS_API int ss_confine(const struct ss_confinement *what, const char **path);

/* Writes what ss_confine has returned as text: "confined: files, privileges; not confined: system calls, TCP,
   signals". SS_CONFINED_TEXT bytes are always enough. Returns the length, or -ENOSPC. Any thread. */
#define SS_CONFINED_TEXT 160
SS_API int ss_confined_format(int confined, char *text, size_t size);

/* ---------------------------------------------------------------- requests */

/* What a datagram server received, and where from. The framework frees it together with its request. */
struct ss_datagram {
    struct ss_address client_address; /* length 0: a Unix socket without a name: cannot be answered */
    struct ss_address local_address;  /* the address that it was sent to: the reply's source */
    bool truncated;                   /* it was longer than self->max_packet_size */
    size_t size;                      /* bytes of `data` */
    char *data;
};

/* Sends a datagram of `size` bytes through the socket of a datagram server, whoever it is for: a client that
   has asked before, say, whose request->datagram->client_address was kept. `from` is the address that it
   comes from, where the server is bound to all addresses: request->datagram->local_address, the one that was
   asked, lets the answer through firewalls and connected sockets; NULL lets the kernel choose. Of a multicast
   or broadcast it also chooses the interface: the one that has this address. Never waits.
   Returns 0: it has left, which is not that it has come; -EAGAIN: the queue is full; -EMSGSIZE; -ECONNREFUSED
   or -ENOENT: nobody is there; -EINVAL for a server of connections, one that is closed, and an address of
   length 0; -EBADF for one that is not bound; or another -errno. Any thread. (socket.sendto) */
SS_API int ss_send_to(struct ss_server *self, const struct ss_address *from, const struct ss_address *to,
                      const void *data, size_t size);

/* Has the socket of a datagram server join a multicast group, or leave it, while it serves: "239.1.2.3",
   "ff02::fb%eth0" (see multicast_groups). Returns 0; -EINVAL: that is no group; -ENODEV: there is no such
   interface, or no route to it; -EADDRINUSE: it is a member; -EADDRNOTAVAIL: it is none; -EAFNOSUPPORT: an
   IPv6 group for a socket of IPv4; -ENOBUFS: there are too many (net.ipv4.igmp_max_memberships); or another
   -errno. Any thread. */
SS_API int ss_join_group(struct ss_server *self, const char *group);
SS_API int ss_leave_group(struct ss_server *self, const char *group);

/* A connection or a datagram: Python's `request`. */
struct ss_request {
    int fd;    /* the connection; for a datagram the server's socket. A handler that closes it by itself,
                  or passes it on to somebody else, sets it to -1. */
    bool busy; /* set while a request is in progress, so that a drain lets the handler go on although it waits
                  for input. For handlers to set and clear; cleared before each `handle`. */
    bool linger;  /* shutdown_request goes on reading (for up to 2 s, up to 1 MiB) until the client has ended:
                     closing a socket with input unread resets the connection, and the client may lose the end
                     of the last answer. Set for a stream with input unread; a handler may set it, too */
    bool unnamed; /* the client of a Unix socket has no address */
    bool proxied; /* a proxy has said who the client is: ProxyProtocolMixIn sets this */
    bool told;    /* the handler has logged the error that it returns: handle_error's default does not log it
                     again. For handlers to set */
    union {       /* what get_request has stored; see ss_client_address */
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } client;
    struct ss_datagram *datagram; /* NULL for a connection */
    void *data;                   /* the handler's own: outlives parking */
    void (*free_data)(void *);    /* whoever closes the request calls it with `data`; NULL: nobody does */

    /* Goes on with a connection that a handler has parked, in the place of the class's `handle`. For handlers
       to set before they return SS_PARK. With NULL, which it is at first, `handle` is called when there is
       input (or a message), and a connection that has to end while it is parked is just closed.

       `resume` runs as `handle` does: in a new instance with the same request, between the class's `setup`
       and `finish`, with h->timeout and the other limits as they are at first. It returns the same: 0,
       SS_PARK or -errno. What it has to know of its connection is kept in `data`. It stays set until it sets
       another function, or NULL.

       `why` says how things are when it is called:
         - SS_INPUT: there is input, or the input has ended or failed, so the first read does not wait.
           (Without streams this is about request->fd.)
         - SS_MESSAGE: there is a message. Both bits can be set.
         - Zero: neither has come in h->timeout, as that was at SS_PARK: the idle time is over. It returns
           SS_PARK to wait as long again, perhaps after having asked the client for a sign of life, or 0 to
           close the connection.
         - -ECANCELED, which is no set of bits, so look for it first: the connection is about to be closed,
           because the server drains or somebody else needs its place (close_idle). It can write a good-bye.
           Then the connection is closed, whatever it returns, SS_PARK included. All waits of its stream end
           after one second, so that a client which does not read keeps nobody waiting. Without a stream, it
           should not wait for longer, either.
       What it leaves when it parks the connection again is the reason for the next call. It is not called for
       the end of the input when a handler has read that already: nothing can come any more, so SS_PARK closes
       the connection. Nor is it called when the drain's time is over. A part of something of which a stream
       over another one cannot make input yet, such as half a record, is no reason to call it. But a thread or
       coroutine waits for the rest of that, for h->timeout again.

         static int answer(struct ss_handler *h, int why)
         {
             char line[200];
             if (why < 0)
                 return ss_printf(h->wfile, "The server stops. Bye!\n");
             if (why == 0)
                 ss_printf(h->wfile, "Are you there?\n");
             if (why & SS_INPUT) {
                 ssize_t n = ss_readline(h->rfile, line, sizeof line);
                 if (n <= 0)
                     return (int)n;
                 ss_printf(h->wfile, "You said %s", line);
             }
             h->timeout = 30000;
             return SS_PARK;
         } */
    int (*resume)(struct ss_handler *h, int why);
};

/* Stores the client's address. An IPv4 client of a dual-stack socket gets an IPv4 address; one without an
   address, or whose address cannot be had, gets length 0. Returns 0 or -errno. Any thread that has the
   request. */
SS_API int ss_client_address(const struct ss_request *request, struct ss_address *address);

/* Who a client of a Unix stream socket is, as the kernel says: the process that has connected, its user and
   group at that time (SO_PEERCRED). For verify_request, say. Returns 0; -EOPNOTSUPP for a client of another
   kind; or -errno. Any thread that has the request. */
struct ss_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
SS_API int ss_client_credentials(const struct ss_request *request, struct ss_credentials *credentials);

#define SS_MAX_NETWORKS 256 /* of each list of a server */

/* A network, or a user of this machine. */
struct ss_network {
    sa_family_t family;      /* AF_INET, AF_INET6, or AF_UNIX: clients of Unix sockets */
    unsigned bits;           /* that an address has in common with `bytes`; AF_UNIX: 0, all; 1, one user */
    unsigned char bytes[16]; /* the address, in network order */
    uid_t user;
};

/* Reads a network: an address (192.0.2.7, 2001:db8::7, also in brackets), one with a number of bits behind a
   slash (192.0.2.0/24), "unix" for all clients of Unix sockets, or "user:NAME" or "user:NUMBER" for those of
   one user. An IPv4 network as an IPv6 one (::ffff:192.0.2.0/120) is an IPv4 one. Returns 0; -EINVAL for
   anything else, and for bits behind the network's (192.0.2.7/24); -ENOENT: there is no such user; or -errno.
   Not while other threads look up users. (ipaddress.ip_network) */
SS_API int ss_network_parse(const char *text, struct ss_network *network);

/* Is this address in the network? Never if that is about users. Any thread. */
SS_API bool ss_network_has(const struct ss_network *network, const struct ss_address *address);

/* The same for the client of a request, which has this address, h->client_address say; and for several
   networks: true if it is in one of them. Any thread that has the request. */
SS_API bool ss_network_has_client(const struct ss_network *network, const struct ss_request *request,
                                  const struct ss_address *address);
SS_API bool ss_networks_have_client(const struct ss_network *networks, unsigned count,
                                    const struct ss_request *request, const struct ss_address *address);

/* ---------------------------------------------------------------- handlers */

/* A handler ends by returning. After pthread_exit, or after longjmp or an exception out of the handler, its
   connection would stay open and counted for ever, and the thread that serves others would be gone: a drain
   may never end. In a process of its own (ForkingMixIn, PreforkingMixIn) exit(3) runs the program's atexit
   functions, on memory and files that it shares with the parent: return, or call _exit(2).

   stdio in such a process: stdout and stderr are flushed before the fork and when the process ends. Other
   FILEs are yours. What is in their buffers at the fork is in the child's copy, too, and comes twice when
   both are flushed: flush them before serving. The process ends by _exit, so what a handler has written into
   one is lost unless it calls fflush or fclose. */

#define SS_PARK 1 /* see `handle` */

struct ss_handler_class {
    const struct ss_handler_class *base; /* NULL: StreamRequestHandler or DatagramRequestHandler,
                                            as suits the server */
    size_t size;                         /* of an instance, which begins with struct ss_handler;
                                            0: the base's */
    /* NULL means inherited. */

    /* setup: runs first. After 0 `handle` runs, and then `finish`. After -errno neither of them runs, nothing
       is sent, and handle_error is called. */
    int (*setup)(struct ss_handler *h);
    /* handle: serves the request. It returns 0 when it is done, and -errno when it has failed: then
       handle_error is called. In both cases the connection is closed. It returns SS_PARK when nothing is in
       progress, and it is to be called again when there is input, or a message. (If it leaves a message in
       the mailbox, it is called again at once.) Any other positive number counts as the failure -EDOM. When a
       connection is parked its instance is finished and freed. The next input gets a new instance with the
       same request. The value of h->timeout when `handle` returns limits the wait for that input. When
       request->resume is set, that function is called instead of `handle`, and for more than input. Under
       EventLoopMixIn a parked connection takes about 200 bytes. */
    int (*handle)(struct ss_handler *h);
    /* finish: runs when `handle` has returned, whatever it has returned. */
    void (*finish)(struct ss_handler *h);
};

struct ss_handler {
    struct ss_server *server; /* the server that you made, in every thread; in a process that a mix-in has
                                 forked, that process's */
    struct ss_request *request;
    struct ss_address client_address;
    struct ss_stream *rfile, *wfile; /* what the client sends, and what it gets: of connections and datagrams
                                        alike. What is written for a datagram leaves as one datagram at each
                                        ss_flush, and when the handler is done; if that is nothing, none is
                                        sent. */
    int timeout;                     /* ms for each wait of rfile; -1: no limit */
    int write_timeout;               /* ms in which a client must take some of the output that waits for it,
                                        counted from the last byte that it took: a reader may pause. -1: no
                                        limit; 0: five times `timeout`, so 5 minutes by default */
    unsigned min_rate;               /* bytes a second, 0: no limit. So fast a client must send while it owes
                                        the rest of something (a line, a head, a body: see ss_set_owed), and so
                                        fast it must take output. A slower one ends the wait with -ETIMEDOUT.
                                        The rate is measured over rate_window of waiting, or for output over
                                        write_timeout if that is longer; time that the handler does not wait is
                                        not counted. So a short pause does not matter. */
    struct ss_arena *arena;          /* private */
    struct ss_tasks *tasks;          /* private: of ss_spawn */
};

/* BaseRequestHandler: no streams; work with request->fd (non-blocking) and ss_poll. No class's open_stream is
   called, so a mix-in that encrypts, say, does not come into it.
   StreamRequestHandler: rfile and wfile of a connection.
   DatagramRequestHandler: rfile is the datagram, wfile the reply.
   The streams are made before `setup`, and flushed after `finish`, so a class that overrides these two need
   not call its base's. */
extern SS_API const struct ss_handler_class ss_BaseRequestHandler, ss_StreamRequestHandler,
    ss_DatagramRequestHandler;
#define BaseRequestHandler ss_BaseRequestHandler
#define StreamRequestHandler ss_StreamRequestHandler
#define DatagramRequestHandler ss_DatagramRequestHandler

/* Returns `size` bytes, aligned for anything and not zeroed, or NULL if there is no memory. They live until
   `finish` has returned; then the framework frees them. */
SS_API void *ss_alloc(struct ss_handler *h, size_t size);

/* Formats as printf(3) does. Returns a string in memory as from ss_alloc, or NULL if there is no memory. */
SS_API char *ss_format(struct ss_handler *h, const char *format, ...) SS_PRINTF(2, 3);

/* For a handler that serves many requests in one `handle`, and has to free memory between them. ss_mark
   returns a mark, and ss_release frees everything that ss_alloc and ss_format have returned since then. The
   mark stays valid, and may be released again. Marks are released in the reverse order. */
struct ss_mark {
    void *block, *at;
};
SS_API struct ss_mark ss_mark(struct ss_handler *h);
SS_API void ss_release(struct ss_handler *h, struct ss_mark mark);

/* For memory that a handler does not need while it waits for its client, which may be hours. ss_borrow
   returns what ss_alloc would, or NULL if there is no memory; marks do not matter to it. ss_return gives back
   what ss_borrow has returned to the same handler (not NULL), once, so that others of its thread use it; what
   is not given back is freed with the rest. For the handler, not for other threads. */
SS_API void *ss_borrow(struct ss_handler *h, size_t size);
SS_API void ss_return(struct ss_handler *h, void *memory);

/* ---------------------------------------------------------------- waiting

   For handlers, and for everything else that runs in a server. */

/* As poll(2), but others run meanwhile. Returns the number of ready descriptors, 0 after `ms` milliseconds
   (-1: no limit), -ECANCELED, or -errno. Waits. It does not see input that a stream, or one below it, has
   read already: wait only when ss_peek_now has returned -EAGAIN. (ss_wait looks by itself.) A drain takes a
   handler that waits here to be busy. */
SS_API int ss_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms);

/* The same for a handler that has nothing in progress: when the server drains, and nothing is ready, this
   returns -ECANCELED at once. */
SS_API int ss_poll_idle(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms);

/* Waits for `ms` milliseconds; with 0 it only lets others run. Returns 0, -ECANCELED, or -errno. */
SS_API int ss_sleep(struct ss_server *self, int ms);

/* Calls a function that blocks (on a disk, say; for name servers see ss_getaddrinfo) with `argument`, and
   returns what the function returns. Under EventLoopMixIn one of the loop's four helper threads calls it, and
   others run meanwhile; further calls wait until a helper is free. So the function may call nothing of this
   header but what any thread may call. Elsewhere it is a plain call. `argument` is the caller's, and in use
   until ss_offload returns. A drain does not cut the function short. The function was not called, and the
   result is -EAGAIN, when no thread could be made for ten seconds, -ECANCELED when a drain has ended that
   attempt, or -ENOMEM or -EMFILE. Waits. */
SS_API int ss_offload(struct ss_server *self, int (*function)(void *), void *argument);

/* Starts a second task beside the handler: a coroutine under EventLoopMixIn, a thread elsewhere. Both run at
   the same time, so that one waits for what comes while the other one waits until what it has written leaves.
   `run` is called with a handler of its own: the same server and request, ss_alloc's memory until it returns,
   and rfile and wfile that are a second stream of the same connection, with buffers of their own (see
   ss_dup). So of the two tasks one reads the connection, and the other one writes to it. `argument` is the
   caller's, and lives until the task has ended. They end together. When the handler returns, the waits of its
   tasks end with -ECANCELED, and the connection is closed, or parked, when they have returned. When `run`
   returns -errno, the waits of the handler and of its other tasks end with -ECANCELED. When it returns 0 the
   others go on. Tasks have no mailbox. Returns 0; -EOPNOTSUPP where a stream without `dup` lies over the
   connection's;
   -EAGAIN, -EMFILE, -ENOMEM. The handler itself, between `setup` and `finish`. (asyncio.TaskGroup) */
SS_API int ss_spawn(struct ss_handler *h, int (*run)(struct ss_handler *h, void *argument), void *argument);

/* Waits until all tasks of the handler have ended. Returns 0, or the first -errno that one of them has
   returned; -ECANCELED. The handler itself. */
SS_API int ss_join(struct ss_handler *h);

/* The number of this turn of the event loop: it stays the same until the loop waits. What was checked in a
   turn need not be checked again in it. Outside of event loops every call returns another one. Any thread. */
SS_API uint64_t ss_turn(const struct ss_server *self);

/* ---------------------------------------------------------------- messages

   Any thread of any process of a server can send a message to a connection: with ss_post to the one that a
   ref names, with ss_publish to all that have subscribed to a channel. A handler waits for it in ss_wait;
   that of a parked connection is called (its `resume`, if it has one), and receives all that has come. This
   handler passes on what others say, and tells them what its client says, line by line:

     static int chat(struct ss_handler *h)
     {
         char line[1000];
         struct ss_message message;
         int rc = ss_subscribe(h, "room", SS_DROP_OLDEST);
         while (rc >= 0) {
             rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1);
             while (ss_receive(h, &message) == 0)
                 ss_write(h->wfile, message.data, message.size);
             ssize_t n = rc < 0 ? rc : ss_readline_now(h->rfile, line, sizeof line);
             if (n > 0)
                 ss_publish_others(h, "room", line, (size_t)n);
             else if (n != -EAGAIN)
                 return (int)n;
         }
         return rc;
     }

   And this one leaves its work to another thread. That thread calls ss_post(server, job->ref, data, size)
   when it is done, and finds -ESTALE when nobody waits for it any more. So the job is the thread's to free:

     static int handle(struct ss_handler *h)
     {
         struct ss_message message;
         struct job *job = job_new();
         int rc = ss_ref(h, &job->ref);
         if (rc < 0)
             return rc;
         job_begin(job);
         rc = ss_wait(h, SS_MESSAGE, 10000);
         if (rc > 0)
             rc = ss_receive(h, &message);
         else if (rc == 0)
             rc = -ETIMEDOUT;
         return rc < 0 ? rc : ss_write(h->wfile, message.data, message.size);
     }

   A connection has a mailbox from its first ss_ref or ss_subscribe on, until ss_unref, or until it is closed.
   (HTTP calls ss_unref after each request.) Three fields of the server are bounds: mailbox_count and
   mailbox_size of what is in one mailbox, message_memory of what is in all. Each message is in memory once,
   however many receive it. A message that a mailbox has taken in is received once, unless the mailbox ends
   before or a channel's policy drops it; and in the order in which its sender has sent, be it posted or
   published.

   The mailboxes are in memory that is shared by all processes of the server: by those that mix-ins have
   forked, and by those that handlers fork. When a process is killed, its connections end, and with them
   their mailboxes and what is in these. What it has sent before is received. A message that it was just
   publishing reaches some of the subscribers, and none of them twice. The others go on. (Nobody sees the end
   of a process that a handler has forked. Until somebody has sent to its connections once, ss_post returns 0
   for them, and ss_subscribers counts them.)

   Each event loop, each pool and each process has one descriptor that wakes it for messages, however many
   connections it has. (It is a datagram socket with an abstract name, so that all processes of the server can
   reach it; a stranger who finds the name can wake them in vain, and no more.) */

#define SS_MAX_MESSAGE 130048     /* bytes of one message; fewer where mailbox_size is less */
#define SS_MAX_CHANNEL_NAME 64    /* bytes of a channel's name, without the NUL */
#define SS_MAX_SUBSCRIPTIONS 64   /* of one connection */
#define SS_MAX_REFS 131072        /* mailboxes of a server at the same time, in all its processes */
#define SS_MAX_CHANNELS 65536     /* of a server at the same time: those that have subscribers */
#define SS_MAX_SUBSCRIBERS 262144 /* subscriptions of a server, all together */
#define SS_MAX_LETTERS 8388608    /* messages in all mailboxes of a server, each as often as it is in one */

/* Names a connection, also when it has gone: no other one ever gets the same ref. A plain value: it can be
   copied, kept and sent to other processes of the server. All zero names none. (C++ needs the word struct, as
   there is a function of that name.) */
struct ss_ref {
    uint64_t number;
    uint32_t place;
};

/* A message as ss_receive gives it. */
struct ss_message {
    const char *data;    /* aligned as by malloc, and not changed by anybody; it and `channel` live until the
                            connection's next message is received or waited for, or its end */
    size_t size;         /* bytes; may be 0 */
    const char *channel; /* through which it has come; NULL: it was posted to this connection alone */
    unsigned tag;        /* what ss_post_tagged and its like were given; else 0 */
    unsigned dropped; /* messages of channels that had no room in the mailbox (see SS_DROP_OLDEST) since the
                         last one that was received */
};

/* Stores the ref of the handler's connection, or of its datagram, which ends when the handler returns. Gives
   the connection a mailbox, if it has none. Returns 0; -ENOBUFS when SS_MAX_REFS connections have one;
   -EMFILE, -ENFILE, -ENOMEM; -EOPNOTSUPP in a server whose handlers run in another server's loop. */
SS_API int ss_ref(struct ss_handler *h, struct ss_ref *ref);

/* Ends the mailbox of the handler's connection, if it has one: the refs that were made are stale, the
   subscriptions have ended, and what nobody has received is lost. A later ss_ref or ss_subscribe gives the
   connection another one. */
SS_API void ss_unref(struct ss_handler *h);

/* Stores the ref of the server itself, in the process that serves: what is posted to it comes to the method
   handle_message, called by the thread that serves, between two requests. So a datagram server, whose
   requests end at once, gets messages. With PreforkingMixIn each process has a ref of its own; in a process
   that ForkingMixIn or a handler has forked this gives the parent's. Returns 0, or -EAGAIN before
   serve_forever has begun, after it has ended, and when no class overrides handle_message. Any thread. */
SS_API int ss_server_ref(const struct ss_server *self, struct ss_ref *ref);

/* Posts a copy of `size` bytes of `data` to the connection that `ref` names, in any process of the server.
   Never waits for the receiver; where memory or descriptors are short it tries to wake it for a fifth of a
   second. Returns 0: it is in the mailbox; -ESTALE: the connection has ended, or `ref` never named one;
   -EAGAIN: the mailbox is full; -EMSGSIZE: more than mailbox_size or SS_MAX_MESSAGE; -ENOBUFS: message_memory
   is used up, or SS_MAX_LETTERS are reached; -EMFILE, -ENFILE: there is no descriptor to wake others with;
   -EBADF: the server is not bound, or closed; -ENOMEM: at the time of ss_server_bind there was no memory to
   share. After an error nobody gets it. Any thread, also one that the program has made itself, and any
   process of the server; not a signal handler. The server must not be closed while a thread is in here:
   whoever makes a thread that posts ends it before (see samples/later.c). */
SS_API int ss_post(struct ss_server *self, struct ss_ref ref, const void *data, size_t size);

/* Receives the oldest message of the handler's connection. Never waits. Returns 0; -EAGAIN when there is
   none; -ENOBUFS when the mailbox was full, and a channel's policy ends the connection then (see SS_END). For
   the handler, and so are ss_ref, ss_unref, ss_wait, ss_subscribe, ss_unsubscribe and ss_publish_others: not
   for other threads. */
SS_API int ss_receive(struct ss_handler *h, struct ss_message *message);

/* What ss_wait waits for, and what resume is called for. */
enum {
    SS_INPUT = 1,   /* ss_read on h->rfile would not wait: there is input, or its end, or an error. What
                       ss_readline_now and ss_peek_now have found to be too little is not enough */
    SS_MESSAGE = 2, /* ss_receive has one */
    SS_ROOM = 4,    /* the connection takes output: h->wfile's buffer is empty, and ss_write_now takes some */
    SS_IDLE = 8,    /* not waited for: nothing is in progress, so that a drain ends this wait at once */
    SS_REST = 16,   /* not waited for: what ss_peek, ss_peek_now or ss_readline_now have given is not needed
                       any more; so others get the memory of buffers that are empty: under an event loop at
                       once, elsewhere after a second */
};

/* Flushes h->wfile: with SS_ROOM as ss_flush_now does, else as ss_flush. Then waits until one of the things
   is true that `what` names, the constants above joined by |, for `ms` milliseconds at most (-1: no limit;
   h->timeout does not matter). Returns those that are true; 0 when the time is over; -ECANCELED when the
   server drains and `what` has SS_IDLE, or when the drain's time is over; -ENOBUFS as ss_receive, if `what`
   has SS_MESSAGE; -EINVAL for another bit; or -errno.

   A client that does not read makes ss_flush wait, which is not counted in `ms`, but limited by
   h->write_timeout; and as output is in progress then, a drain waits for it until its time is over, in spite
   of SS_IDLE. A handler that does not want that writes with ss_write_now, and waits for SS_ROOM, too, as long
   as ss_flush_now returns -EAGAIN. What it does not receive meanwhile stays in the mailbox, which is bounded.
   Waits. */
SS_API int ss_wait(struct ss_handler *h, int what, int ms);

/* What happens when a message of a channel finds a subscriber's mailbox full. */
enum {
    SS_DROP_OLDEST, /* The oldest message in it that has come through a channel makes room, and is counted in
                       ss_message.dropped. Those that were posted stay: if there are only such, the new
                       message is dropped. */
    SS_END,         /* The connection is to end: ss_receive and ss_wait for messages fail with -ENOBUFS, and
                       what is in the mailbox is lost. A parked connection is closed, and no handler is called
                       for it but handle_error. (While a handler waits for room to write, write_timeout limits
                       that.) */
};

/* Subscribes the handler's connection to a channel, whose name is a string of 1 to SS_MAX_CHANNEL_NAME bytes.
   A channel needs not be made: it is there as long as it has subscribers. A subscription ends with the
   connection. Returns 0; -EALREADY: it has subscribed; -EINVAL: no name, or no such policy; -ENAMETOOLONG;
   -ENOBUFS: SS_MAX_SUBSCRIPTIONS, SS_MAX_CHANNELS or SS_MAX_SUBSCRIBERS are reached; or as ss_ref. */
SS_API int ss_subscribe(struct ss_handler *h, const char *channel, int policy);

/* Ends a subscription. What has come through the channel by then stays in the mailbox. Returns 0; -ENOENT
   when there is none; -EINVAL, -ENAMETOOLONG for the name. */
SS_API int ss_unsubscribe(struct ss_handler *h, const char *channel);

/* Sends a copy of `size` bytes of `data` to all subscribers of a channel, in all processes. Never waits: a
   slow subscriber costs what its mailbox holds, and then its policy says what happens. Returns how many have
   got it into their mailboxes, 0 when nobody has subscribed; -EINVAL, -ENAMETOOLONG for the name; -EMSGSIZE,
   -ENOBUFS, -EMFILE, -ENFILE, -EBADF, -ENOMEM as ss_post, and then nobody has got it. May be called from
   where ss_post may. */
SS_API int ss_publish(struct ss_server *self, const char *channel, const void *data, size_t size);

/* The same, but without the handler's own connection. For the handler. */
SS_API int ss_publish_others(struct ss_handler *h, const char *channel, const void *data, size_t size);

/* The same three with a tag of 0 to 65,535, by which the receiver tells messages of different kinds apart,
   whatever is in them; -EINVAL for a greater one. A library over this one that sends messages of its own to
   the connections that it looks after gives them a tag; programs leave 1 to 255 to such libraries. */
SS_API int ss_post_tagged(struct ss_server *self, struct ss_ref ref, unsigned tag, const void *data,
                          size_t size);
SS_API int ss_publish_tagged(struct ss_server *self, const char *channel, unsigned tag, const void *data,
                             size_t size);
SS_API int ss_publish_others_tagged(struct ss_handler *h, const char *channel, unsigned tag, const void *data,
                                    size_t size);

/* Returns how many connections have subscribed to a channel in all processes, or -errno as ss_publish. May be
   called from where ss_post may. */
SS_API int ss_subscribers(struct ss_server *self, const char *channel);

/* ---------------------------------------------------------------- streams

   A stream has a buffer for input and one for output, over something that reads and writes. Output leaves
   when the buffer is full, when the stream is about to wait for input, at ss_flush, and at the end of the
   handler.

   The first error sticks to the stream: every later call returns it, so write a whole reply and look at the
   result once. The end of the input is no error. A read that has waited too long is none, either: it returns
   -ETIMEDOUT, but output can still be written, and a later read finds all that had come by then. (Unless
   ss_readexactly or ss_readline had read more than the input buffer holds: then later reads return
   -ETIMEDOUT, too.) The stream's deadline has passed, though: call ss_set_deadline again for what comes next.
   Output that the other side does not take in time is an error that sticks: it has got part of it.

   A stream that only reads returns -EBADF when it is written to, one that only writes when it is read, and
   NULL (the streams of a BaseRequestHandler) for everything. This does not stick.

   A stream may stand over another one, as one that encrypts stands over a socket's: see ss_stream_over. Its
   methods call ss_read, ss_peek_now, ss_write and so on for the stream below, s->below. Each method of a
   stream counts the bytes that it has moved in s->received or s->sent. These are the methods of one that
   changes each byte:

     static ssize_t read_secret(struct ss_stream *s, void *data, size_t size)
     {
         ssize_t n = ss_read(s->below, data, size);
         if (n > 0) {
             decrypt(data, (size_t)n);
             s->received += (size_t)n;
         }
         return n;
     }
     static ssize_t read_secret_now(struct ss_stream *s, void *data, size_t size)
     {
         const char *there;
         ssize_t n = ss_peek_now(s->below, &there, 1);
         return n <= 0 ? n : read_secret(s, data, size);
     }
     static int write_secret(struct ss_stream *s, struct iovec *vector, int count, bool more)
     {
         int rc = 0;
         (void)more;
         for (int i = 0; rc == 0 && i < count; i++) {
             rc = write_encrypted(s->below, vector[i].iov_base, vector[i].iov_len);
             s->sent += rc == 0 ? vector[i].iov_len : 0;
         }
         return rc;
     }
     static const struct ss_stream_class secret_stream = {
         .name = "secret", .read = read_secret, .read_now = read_secret_now, .write = write_secret};

   `write` may not change the bytes of the pieces, so write_encrypted makes an encrypted copy and passes it to
   ss_write. It need not flush the stream below: ss_flush does so. `read` leaves input that it cannot use yet,
   as half a record, in the buffer of the stream below (ss_peek, ss_skip): there it is not lost when the
   connection is to be parked. */

struct ss_stream_class {
    const char *name; /* for messages */
    bool direct; /* ss_write passes a piece that would fill half of the buffer to `write` at once, instead of
                    copying it into the buffer first: for streams whose `write` costs one system call */
    bool datagrams; /* each read and each flush is by itself: no error sticks */
    /* Waits for input and reads 1 to `size` bytes of it into `data`. Returns their number, 0 at the end, or
       -errno: -ETIMEDOUT does not stick, all others do. NULL: all input is in rbuf from the start (set
       `eof`), or the stream only writes. */
    ssize_t (*read)(struct ss_stream *s, void *data, size_t size);
    /* As `read`, but it never waits: -EAGAIN when there is nothing yet. NULL: ss_peek_now flushes the stream
       and calls `read`, which waits. Then a connection with this stream is never parked: with SS_PARK its
       thread or coroutine waits for the next input, and `resume` is called for nothing else; when h->timeout
       is over, the connection ends. A stream over another one says -EAGAIN when the lower one has said so, or
       has some of the input in its buffer: an event loop learns only of new input. */
    ssize_t (*read_now)(struct ss_stream *s, void *data, size_t size);
    /* Writes all pieces, and waits as needed; 0 or -errno. It may change the vector, not the pieces. `more`:
       more output will follow at once. NULL: the output stays in the buffer, and more than fits is -EMSGSIZE;
       without a buffer the stream only reads. */
    int (*write)(struct ss_stream *s, struct iovec *vector, int count, bool more);
    /* Writes 1 to `size` bytes, as many as it can without waiting. Returns their number; -EAGAIN when it can
       write none; or -errno. NULL: ss_write_now and ss_flush_now wait. */
    ssize_t (*write_now)(struct ss_stream *s, const void *data, size_t size);
    /* Writes `size` bytes of the file `fd`, from `offset` on; 0 or -errno; -EIO if the file ends early. NULL:
       ss_sendfile reads the file and calls `write`. */
    int (*sendfile)(struct ss_stream *s, int fd, off_t offset, size_t size);
    /* Sends what `write` has kept back. ss_flush calls it after `write`, and then flushes the stream below. 0
       or -errno. NULL: `write` keeps nothing back. */
    int (*flush)(struct ss_stream *s);
    /* Ends the output, so that the other side reads the end. ss_write_eof calls it after ss_flush, and then
       ends the output of the stream below. 0 or -errno. NULL: nothing to do. */
    int (*write_eof)(struct ss_stream *s);
    /* Ends the stream: writes a good-bye to the stream below, if the protocol has one, and frees what the
       stream owns (the stream itself, too, if that was allocated; not by a server's open_stream, since a
       parked connection's stream just goes: it has ss_alloc's memory). ss_close calls it after ss_flush, and
       then closes the stream below. It is not called when the connection is parked, but when a parked
       connection ends. When an idle connection ends because the server stops, `s` has the error -ECANCELED,
       and the stream below has none: it takes the good-bye. 0 or -errno. NULL: nothing to do. */
    int (*close)(struct ss_stream *s);
    /* Stores a second stream of the same connection, see ss_dup: it lies over `below`, a second one of
       s->below. 0; after -errno ss_dup closes `below`. NULL: a stream over another one has no second one. */
    int (*dup)(struct ss_stream *s, struct ss_stream *below, struct ss_stream **copy);
};

struct ss_stream {
    const struct ss_stream_class *methods;
    void *context;            /* for the methods */
    struct ss_server *server; /* waits are made through its poll method; NULL: a client outside of servers */
    struct ss_request *request; /* NULL: a client's stream */
    int fd;                     /* -1: none */
    int error;                  /* the first one, -errno; 0: none */
    bool eof;                   /* the end of the input was read */
    int *timeout;               /* ms for each wait; -1, or NULL: no limit */
    int *write_timeout;         /* as struct ss_handler's; NULL: `timeout` is for output, too */
    uint64_t deadline;          /* when all waits end: ms, as ss_now counts; 0: none */
    char *rbuf, *wbuf;          /* input not yet taken: rbuf[rpos..rend), output: wbuf[0..wend) */
    size_t rpos, rend, rsize;
    size_t wend, wsize;
    uint64_t sent;           /* bytes that have left, also before an error; `write` and `sendfile` count them.
                                Streams of datagrams count neither these nor the next */
    uint64_t received;       /* bytes that have come; `read` and `read_now` count them */
    unsigned *min_rate;      /* as struct ss_handler's; NULL: none */
    bool owed;               /* see ss_set_owed */
    unsigned debts;          /* how often that was called */
    struct ss_stream *tied;  /* flushed, too, before this stream waits for input; NULL: none */
    struct ss_stream *below; /* the stream that this one is over, NULL: none; see ss_stream_over */
    struct ss_stream *above; /* the stream that is over this one */
    bool has_lost_input;     /* private: a read that came too late had taken more than rbuf can take back */
    size_t part;    /* private: so many bytes in rbuf are too few, as ss_readline_now or ss_peek_now has
                       found */
    bool amid_read; /* private: ss_readline or ss_readexactly has some of its input, and waits for the
                       rest */
    bool lent;      /* private: its two buffers are memory of the handler's arena, one behind the other, which
                       is returned while the handler rests (SS_REST) */
};

/* Makes a stream of your own with these methods. The caller owns `s` and the two buffers, which have the
   given sizes; NULL and 0: no buffer. The stream has no server, no request, no descriptor (-1), no time
   limits and no stream below: set the fields afterwards where they are needed, or call ss_stream_over. */
SS_API void ss_stream_init(struct ss_stream *s, const struct ss_stream_class *methods, void *context,
                           char *rbuf, size_t rsize, char *wbuf, size_t wsize);

/* Puts `s`, which ss_stream_init has made, over the stream `below`, and stores that as s->below. `s` gets the
   server, request, descriptor and time limits of `below`. From now on only the methods of `s` read and write
   `below`. Before `below` waits for input it flushes `s`: so the `write` of `s` may be called while its
   `read` has not returned. Both streams live until ss_close(s), which ends both. To put a stream over itself
   is a mistake in the program: it is named on stderr, and abort(3) ends the process. */
SS_API void ss_stream_over(struct ss_stream *s, struct ss_stream *below);

/* Reads 1 to `size` bytes into `data`. Returns their number, 0 at the end (and when `size` is 0), or -errno.
   Waits for the first byte only. (io.BufferedReader.read1) */
SS_API ssize_t ss_read(struct ss_stream *s, void *data, size_t size);

/* Reads `size` bytes; returns their number, fewer only at the end, or -errno. Waits.
   (rfile.read(size)) */
SS_API ssize_t ss_readexactly(struct ss_stream *s, void *data, size_t size);

/* Reads until after the next newline, but at most size - 1 bytes, and puts a NUL behind them. Returns the
   number of bytes without the NUL, 0 at the end, or -errno. When the last byte is no newline, the line is
   longer, and the next call reads on, or the input has ended. With `size` 1 it only writes the NUL, with 0
   nothing at all (`line` may be NULL), and both return 0 without reading. Waits. (rfile.readline(limit)) */
SS_API ssize_t ss_readline(struct ss_stream *s, char *line, size_t size);

/* As ss_readline, but it never waits: -EAGAIN when the line is not whole yet. What has come of it stays in
   the buffer, and ss_wait waits until more has come. */
SS_API ssize_t ss_readline_now(struct ss_stream *s, char *line, size_t size);

/* Shows input without taking it. Waits until at least `want` bytes are in the buffer, and stores in *data
   where they begin: they stay there until the next call that reads. Returns the number of bytes there, which
   is less than `want` only at the end; -ENOBUFS when `want` is more than the buffer's size; or -errno. With
   `want` 0 it never waits. (io.BufferedReader.peek) */
SS_API ssize_t ss_peek(struct ss_stream *s, const char **data, size_t want);

/* Takes `size` bytes out of the buffer, as ss_peek has shown them. When fewer are there it takes those: it
   never reads, and never skips what has not come yet. */
SS_API void ss_skip(struct ss_stream *s, size_t size);

/* As ss_peek, but it never waits: when fewer than `want` bytes are in the buffer it tries to read. Returns
   the number of bytes there, which is less than `want` only at the end; -EAGAIN when fewer have come yet.
   What has come of them stays in the buffer, and ss_wait waits until more has come. -ENOBUFS when `want` is
   more than the buffer's size, or -errno. */
SS_API ssize_t ss_peek_now(struct ss_stream *s, const char **data, size_t want);

/* Writes all of `data`: into the buffer when there is room, else at once, together with what is in the
   buffer. Returns 0 or -errno. May wait. */
SS_API int ss_write(struct ss_stream *s, const void *data, size_t size);

/* As ss_write, but it never waits: writes as much of `data` as goes into the buffer, or past it when the
   other side takes more. Returns the number of bytes, from 1 to `size` (0 when `size` is 0); -EAGAIN: none at
   present, ss_wait with SS_ROOM waits until that changes; or -errno. What is in the buffer then leaves with
   ss_flush_now, or as otherwise. A stream whose class has no `write_now` writes all, and waits for it: so do
   those of datagrams, those that stand over others, and HTTP's. */
SS_API ssize_t ss_write_now(struct ss_stream *s, const void *data, size_t size);

/* Writes several pieces as one; neither they nor the vector are changed. Returns 0 or -errno. May wait. */
SS_API int ss_writev(struct ss_stream *s, const struct iovec *vector, int count);

/* Writes formatted text, as printf(3) and vprintf(3). Returns 0 or -errno. May wait. */
SS_API int ss_printf(struct ss_stream *s, const char *format, ...) SS_PRINTF(2, 3);
SS_API int ss_vprintf(struct ss_stream *s, const char *format, va_list args);

/* Writes `size` bytes of the file `fd`, from `offset` on, without copying them where the kernel can do that,
   and lets others run now and then. The file's own offset does not move. Returns 0 or -errno; -EIO if the
   file is shorter. Waits. */
SS_API int ss_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size);

/* Sends what is in the buffer. Returns 0 or -errno. Waits. */
SS_API int ss_flush(struct ss_stream *s);

/* As ss_flush, but it never waits: sends as much of the buffer as the other side takes. Returns 0: the buffer
   is empty; -EAGAIN: it is not yet; or -errno. A stream whose class has no `write_now` waits. */
SS_API int ss_flush_now(struct ss_stream *s);

/* Flushes and ends the output: the other side reads an end, and input goes on. Returns 0 or -errno. Does
   nothing to a datagram, which has no end. Waits. (asyncio's write_eof) */
SS_API int ss_write_eof(struct ss_stream *s);

/* Sets the time at which all waits of the stream end, however much has come until then: `ms` milliseconds
   from now; -1: no such limit. s->timeout, the limit of each single wait, holds besides. */
SS_API void ss_set_deadline(struct ss_stream *s, int ms);

/* Says whether the other side owes input, as it does when it has begun a request and not ended it. While it
   owes input it must send s->min_rate bytes a second. (Inside of ss_readline and ss_readexactly it must do so
   anyway, once a part has come.) */
SS_API void ss_set_owed(struct ss_stream *s, bool owed);

/* Flushes and closes a stream, and those below it. Call it for streams that ss_connect and ss_stream_init
   have made; the framework itself closes a handler's rfile and wfile. ss_close also frees a stream that
   ss_connect has made. Returns 0 or the first error. NULL is harmless. May wait. */
SS_API int ss_close(struct ss_stream *s);

/* Returns the time in milliseconds by the monotonic clock. Any thread. */
SS_API uint64_t ss_now(void);

/* ---------------------------------------------------------------- TLS

   TLSMixIn encrypts the connections of a server (TLS 1.2 and 1.3: RFC 5246, 8446). It works under every
   mix-in, with TCPServer and UnixStreamServer and what is based on them; handlers stay as they are:

     static const struct ss_certificate mine[] = {{.certfile = "cert.pem", .keyfile = "key.pem"}, {0}};
     static const struct ss_tls tls = {.certificates = mine};
     ...
     ss_server_init(&server, SS_BASES(&TLSMixIn, &ThreadingMixIn, &TCPServer), "localhost:8443",
   &EchoHandler); server.tls = &tls;

   Where it stands: on the left of the server class, on either side of the mix-ins that run requests.
   (Behind the server class it would come too late: ss_server_init returns -EINVAL.) Of two mix-ins that
   change what goes over the connection the left one is inside: it stands over TLS. ss_server_bind refuses,
   before anything is bound, what TLS cannot protect: datagram servers with -EPROTOTYPE, and handler
   classes without streams (BaseRequestHandler) with -EINVAL.

   The handshake is made when the handler's stream is opened, by the thread, process or coroutine of that
   connection, within handshake_timeout. So a client that is silent or slow keeps nobody else waiting. RSA's
   part of it, which takes a millisecond, is done by ss_offload. When it fails no handler is called, but
   handle_error is, with -EPROTO, whose default says why. A parked connection keeps its session.

   The end of the input is the other side's close_notify. When the connection ends without one, a read fails
   with -ECONNRESET: what has come may be cut short (a "truncation attack"). ss_write_eof sends close_notify,
   and input goes on; so does the end of a handler, and of an idle connection in a drain.

   Sessions are resumed by tickets (RFC 5077, RFC 8446 section 2.2), which no process needs to remember.
   Their keys are in memory that all processes of the server share. They are made anew each hour, and a
   ticket is good for two to three hours. There is neither renegotiation nor compression nor early data.

   Keys are in no core dump as far as OpenSSL's secure memory goes: private keys and those of tickets are
   not, those of single connections are. Nothing of them is ever written to a log.

   Without OpenSSL, ss_server_bind returns -EOPNOTSUPP, and so does ss_connect for tls:. */

/* A certificate: both files in PEM. */
struct ss_certificate {
    const char *certfile; /* the certificate first, then those that have signed it, each one the one before
                             (SSLContext.load_cert_chain); NULL ends a list */
    const char *keyfile;  /* its private key; NULL: in certfile, too */
    const char *password_file; /* the first line is the password of an encrypted key; NULL: it is not
                                  encrypted. Nobody is ever asked for one */
};

enum { SS_TLS_1_2 = 12, SS_TLS_1_3 = 13 };

/* What a server's TLS is to be like (ssl.SSLContext). All zero is good; it lives as long as the server. */
struct ss_tls {
    const struct ss_certificate *certificates; /* the client names a host (SNI): of these the first one that
                                                  is for it is shown, else the first one. NULL: one for this
                                                  machine's names and addresses is made, in memory, which
                                                  nobody trusts */
    const char *client_ca; /* who signs the certificates of clients (PEM): only clients that have one are let
                              in (verify_mode CERT_REQUIRED). NULL: clients need none */
    bool client_optional;  /* also those without one are (CERT_OPTIONAL): ask ss_tls_info */
    const char *const *alpn_protocols; /* ended by NULL, the best first: "http/1.1" (RFC 7301). A client that
                                          names none of them is refused. NULL: it is not asked */
    int minimum_version;               /* minimum_version: SS_TLS_1_2 (also 0) or SS_TLS_1_3 */
    int handshake_timeout;             /* ms for a handshake as a whole; 0: 10,000 */
    /* Called instead of the handshake when a client begins otherwise than TLS does: it may be one that does
       not know that it is to encrypt. h->rfile has all that it has sent, and an answer to h->wfile goes as it
       is. Then the connection ends; -errno is for handle_error. Both have handshake_timeout for it. NULL:
       such a connection fails. */
    int (*not_tls)(struct ss_handler *h);
};

/* Reads the files of self->tls anew. New connections get what is in them now, in all processes (which need
   not be able to read them any more); those that stand go on. Returns 0; or -errno as ss_server_bind: then
   all stays as it was, and ss_reason says what is wrong. Any thread, and any process that a mix-in has
   forked; not a signal handler (call it from service_actions, or a function of ss_every). */
SS_API int ss_tls_reload(struct ss_server *self);

enum { SS_TLS_NAME = 256, SS_TLS_FINGERPRINT = 65 };

/* What is known of a connection's TLS. */
struct ss_tls_info {
    const char *version;           /* "TLSv1.3" */
    const char *cipher;            /* OpenSSL's name for it */
    bool resumed;                  /* it goes on with an earlier connection's session */
    char alpn[SS_TLS_NAME];        /* the protocol that both have chosen; "" */
    char server_name[SS_TLS_NAME]; /* the host that the client has named; "" */
    char subject[SS_TLS_NAME];     /* of the other side's certificate, which was verified, as in RFC 2253:
                                      "CN=Ada,O=Engines", cut if it is longer; "": it has shown none */
    char fingerprint[SS_TLS_FINGERPRINT]; /* SHA-256 of that certificate, in hexadecimal digits; "" */
};

/* Stores what is known of the connection of the handler `h` (SSLSocket.version, cipher,
   selected_alpn_protocol, getpeercert). Returns 0; -EOPNOTSUPP: it is not encrypted. */
SS_API int ss_tls_info(const struct ss_handler *h, struct ss_tls_info *info);
/* The same for a stream of ss_connect, and all others that TLS is under. */
SS_API int ss_tls_stream_info(const struct ss_stream *s, struct ss_tls_info *info);

/* A certificate for this machine, signed by itself or by somebody else. */
struct ss_tls_issue {
    const char *const *names; /* hosts and numbers of addresses, ended by NULL. NULL: localhost, both loopback
                                 addresses, the host's name, and the addresses of all its interfaces */
    const char *ca_certfile, *ca_keyfile; /* who signs it (PEM); NULL: it signs itself */
    int days;                             /* that it is good for, from now on; 0: 397 */
};

/* Makes a certificate, and a key for it (ECDSA, P-256), and writes both to the file `path`, which nobody but
   its owner may read (0600), and which appears at once, or not at all. Stores the certificate's fingerprint
   (SHA-256, in hexadecimal digits) unless `fingerprint` is NULL. Returns 0; -errno with ss_reason. Any
   thread. Not for coroutines: it may wait for the disk. */
SS_API int ss_tls_make_certificate(const struct ss_tls_issue *issue, const char *path,
                                   char fingerprint[SS_TLS_FINGERPRINT]);

/* Looks at the first certificate in the file `path`: stores its fingerprint, in how many days it ends (less
   than 0: it has ended), and whether it is for all names and addresses that this machine has now. Returns 0,
   or -errno with ss_reason. Any thread. */
SS_API int ss_tls_look_at(const char *path, char fingerprint[SS_TLS_FINGERPRINT], int *days, bool *covers);

/* ---------------------------------------------------------------- client */

/* Connects to `address` (see above; not fd:). `type` is SOCK_STREAM or SOCK_DGRAM, `self` the server in whose
   handler this is called, or NULL outside of servers. All that takes `ms` milliseconds at most, the look-up
   of the name included (-1: no limit but those of resolv.conf and of the kernel). Stores a stream that the
   caller owns and closes with ss_close, or NULL after an error. With `self` NULL any thread may call this;
   one thread at a time uses the stream. Each wait of the stream is limited to `ms` milliseconds, too (see
   ss_set_timeout). With SOCK_DGRAM each flush sends one datagram and each read receives one; what does not
   fit is lost. An error concerns one datagram: it does not stick, and a read tells it when all that has come
   is read (-ECONNREFUSED: nobody was there for an earlier one). Waits. (socket.create_connection)

   Of a name's addresses those of IPv6 and IPv4 take turns, beginning with the resolver's first one. An
   attempt that has not succeeded after 250 ms goes on, but the next address is tried besides it; after one
   that has failed the next one is tried at once. The first that connects wins, and the others are closed (RFC
   8305, "Happy Eyeballs"). With SOCK_DGRAM nobody answers: the first address wins to which there is a way.

   Look-ups do not keep each other waiting, nor what ss_offload calls: up to 32 of a process are made at once,
   in threads of their own. Those of numbers and of localhost need no thread. One whose time is over goes on
   until its name servers have answered or given up, and keeps its thread as long; but nobody waits for it,
   neither the drain nor ss_server_close.

   Returns 0 or -errno: that of the last address that was tried, unless it says only that this machine has no
   way to such addresses (-ENETUNREACH, -EADDRNOTAVAIL, -EAFNOSUPPORT) and another one says more; -ETIMEDOUT;
   -ECANCELED when the drain's time is over; that of the look-up; -EINVAL for an address that cannot be read;
   of tls: -EKEYREJECTED, -EKEYEXPIRED: the server's certificate is not to be trusted; -EPROTO: it speaks no
   TLS, or none that is safe; -ECONNRESET, as also streams do later when the connection ends without
   close_notify (see the section "TLS"; ss_reason says more);
   or -EAGAIN when no thread for the look-up could be made for ten seconds. */
SS_API int ss_connect(struct ss_server *self, const char *address, int type, int ms, struct ss_stream **s);

/* What ss_connect_with does otherwise than ss_connect. A field that is zero changes nothing; only `address`es
   with a port have use for them. */
struct ss_connect_options {
    int family;            /* AF_INET or AF_INET6: only addresses of this family are tried */
    const char *from;      /* the address that the connection is to come from, with a number for its host:
                              192.0.2.7:0. With port 0 the kernel chooses one; :5000 is any address and that
                              port. Addresses of another family than this one's are not tried. */
    const char *interface; /* the device through which all is sent and received, as eth0 (SO_BINDTODEVICE) */
    /* Of tls: */
    const char *cafile;          /* whoever is signed by one of these (PEM) is trusted, and nobody else
                                    (SSLContext.load_verify_locations); NULL: whom the system trusts */
    const char *server_hostname; /* server_hostname: who the other side is to be; NULL: the host of the
                                    address. unix: has none */
    bool trusts_all; /* verify_mode CERT_NONE: the certificate is not looked at, so anybody between may be the
                        other side. For tests */
    const char *const *alpn_protocols; /* as struct ss_tls's; ss_tls_stream_info says what came of it */
    const struct ss_certificate *certificate; /* shown to servers that ask for one; NULL: none */
};

/* As ss_connect, with options (NULL: none). Also returns -EINVAL for a `from` that cannot be read, or whose
   host is a name; -EAFNOSUPPORT when no address is of its family; -EADDRNOTAVAIL when it is not this
   machine's; -EADDRINUSE; -ENODEV for an unknown interface; -EPERM, -EACCES. */
SS_API int ss_connect_with(struct ss_server *self, const char *address, int type, int ms,
                           const struct ss_connect_options *options, struct ss_stream **s);

/* How ss_exchange asks. A field that is zero is as said there. */
struct ss_exchange_options {
    unsigned tries; /* how often the question is sent at most; 0: four times */
    int ms; /* for which the first try waits for an answer, 1,000. Each further one waits twice as long as
               the one before it, a minute at most, and each a random quarter more or less: so clients
               whose questions were lost together do not ask again together (RFC 8085) */
    int total_ms; /* for all of them; 0: as long as they take, 15 s with the values above */
    /* Is this datagram the answer? If not it is passed over, as the late answer to an earlier question is.
       NULL: each one is. */
    bool (*match)(const void *data, size_t size, void *argument);
    /* Called before each time that the question is sent, which it may change: to give it another number, or
       the time. NULL: all are alike. */
    void (*prepare)(void *argument);
    void *argument; /* the caller's, for both */
};

/* Sends the question, `size` bytes, as a datagram, and waits for the datagram that answers it; sends it again
   when none comes. `s` is a stream of ss_connect with SOCK_DGRAM, so that only answers from the address that
   is asked are heard. Stores the answer in `answer`, which has room for `room` bytes, and returns its size.
   What has come on the stream before is forgotten, and an empty datagram is no answer. `options` may be NULL.

     static bool is_answer(const void *data, size_t size, void *question)
     {
         return size >= 12 && memcmp(data, question, 2) == 0;
     }
     ...
     struct ss_exchange_options how = {.match = is_answer, .argument = question};
     ssize_t n = ss_exchange(s, question, question_size, answer, sizeof answer, &how);

   Instead of the time limit of the stream (see ss_set_timeout) that of each try holds; a deadline
   (ss_set_deadline) holds as well. A question that was sent twice may also be answered, and acted on, twice.
   Returns -errno: -ETIMEDOUT: no answer has come; -ECONNREFUSED: nobody is there, at present; -EHOSTUNREACH,
   -ENETUNREACH and the like: no answer has come, and this is what the network has said last; -EMSGSIZE: the
   answer is longer than `room`, or the question longer than a datagram may be; -ECANCELED: the drain's time
   is over; -EINVAL: no question; -EOPNOTSUPP: not such a stream. Any thread that has the stream, under every
   mix-in, and outside of servers. Waits. */
SS_API ssize_t ss_exchange(struct ss_stream *s, const void *question, size_t size, void *answer, size_t room,
                           const struct ss_exchange_options *options);

/* Limits each wait of a stream from ss_connect to `ms` milliseconds, -1: no limit. */
SS_API void ss_set_timeout(struct ss_stream *s, int ms);

/* Stores a second stream of the same connection, with buffers and errors of its own: so one thread or
   coroutine reads `s` while another one writes to the copy. Which bytes come first when both write is not
   said. The copy has its own descriptor, as after dup(2): the connection ends when both are closed, or by
   ss_write_eof of either. `s` is a handler's stream of a connection, or one of ss_connect; what is in its
   buffers stays there. ss_close ends the copy, which has the time limit that `s` has now. Returns 0;
   -EOPNOTSUPP for a stream over another one and for datagrams; -EMFILE, -ENOMEM. The thread that has `s`. */
SS_API int ss_dup(struct ss_stream *s, struct ss_stream **copy);

/* Options of the socket that is under a stream: a handler's, or one of ss_connect. Each returns 0 or -errno:
   -EOPNOTSUPP or -ENOPROTOOPT where the socket knows no such option. For those of a server's connections
   there are fields of struct ss_server, too, which cost no call for each of them. The thread that has the
   stream.

   What is written leaves at once (TCP_NODELAY), which is so at first. */
SS_API int ss_set_nodelay(struct ss_stream *s, bool on);
/* Asks after so many seconds of silence whether the other machine is still there, then each `interval`
   seconds, and ends the connection after `probes` questions without an answer. As interval or probes, 0 is
   what the system has. 0 seconds: never. */
SS_API int ss_set_keepalive(struct ss_stream *s, int seconds, int interval, int probes);
/* Ends the connection when what was sent is not acknowledged for so many milliseconds. */
SS_API int ss_set_user_timeout(struct ss_stream *s, int ms);
/* Bytes that the kernel keeps for input and for output. 0 leaves it as it is. */
SS_API int ss_set_buffers(struct ss_stream *s, int receive, int send);
/* Seconds for which closing waits until what was sent has arrived. With 0 the connection is reset, and what
   is still on its way is lost. With -1, as at first, closing does not wait, and the kernel goes on sending.
 */
SS_API int ss_set_linger(struct ss_stream *s, int seconds);
/* Datagrams may go to all machines of a network. */
SS_API int ss_set_broadcast(struct ss_stream *s, bool on);
/* How datagrams to a group are sent: by this interface (NULL: as the routes have it), across so many networks
   (0: leave it as it is), and also to this machine. */
SS_API int ss_set_multicast(struct ss_stream *s, const char *interface, int ttl, bool loop);

/* ---------------------------------------------------------------- names

   For handlers, which others then do not wait for, and for everybody else. */

#define SS_MAX_ADDRESSES 32 /* of a name; further ones are neither found nor tried */

/* Looks up `address` ("host:port", see above) for sockets of that type, for `ms` milliseconds at most (-1: no
   limit but those of resolv.conf). `self` is the server in whose handler this is called, or NULL. Stores the
   first `room` addresses, in the order in which they are to be tried. Returns how many it has stored, or
   -errno as ss_connect does. Waits. (socket.getaddrinfo) */
SS_API int ss_getaddrinfo(struct ss_server *self, const char *address, int type, int ms,
                          struct ss_address *addresses, unsigned room);

/* The names that belong to an address. */
struct ss_names {
    char host[256];
    char service[32]; /* of the port; its number if it has no name */
};

/* Looks up which names an IPv4 or IPv6 address has: ss_getaddrinfo the other way. -ENOENT: its host has none;
   otherwise as ss_getaddrinfo. Whoever owns an address says which name it has, also one that is somebody
   else's: before such a name is trusted, look up whether it has this address. Waits. (socket.getnameinfo) */
SS_API int ss_getnameinfo(struct ss_server *self, const struct ss_address *address, int type, int ms,
                          struct ss_names *names);

#ifdef __cplusplus
}
#endif
#endif
