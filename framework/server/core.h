/* What the files of the framework share and nobody else sees. */
#ifndef SS_CORE_H
#define SS_CORE_H

#include "loop/timer.h"
#include "socketserver.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#define SS_MAX_MRO 16
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* How far a shutdown has come, for all threads and processes of a server. The pairs of sockets make it known
   to whoever waits for the first of each: once readable, they stay so for everyone. */
enum { RUNNING, DRAINING, CANCELED, NEVER };
struct ss_stop {
    atomic_int stage;
    atomic_ullong since; /* ss_now() when the drain began */
    atomic_int error;    /* why the last process failed that could not go on serving, -errno */
    atomic_uint failed;  /* such processes that their parent does not know of yet */
    int drain[2], cancel[2];
};

/* The private part of a server: its class resolved, and what goes on. */
struct ss_core {
    int count;                              /* of mro */
    unsigned forks;                         /* between this process and the one that made the server */
    const struct ss_class *mro[SS_MAX_MRO]; /* Python's __mro__ */
    struct ss_class methods[SS_MAX_MRO];    /* [i]: the table as seen from mro[i] on */
    void *state[SS_MAX_MRO];                /* [i]: for mro[i] */
    struct ss_handler_class handler;        /* resolved */
    bool streams;                           /* its instances get them */
    bool is_tcp;                            /* the socket; SCTP, say, has addresses like it */
    atomic_bool waiting;                    /* somebody waits for `active` to sink */
    atomic_bool aside_moves;                /* one of those that wait may go on */
    bool is_short;                          /* the descriptors that are for everybody have all been taken */
    bool is_dear;       /* a request takes a thread or a process: no client gets them all */
    bool is_patient;    /* serve_forever runs: a request can wait */
    bool was_blocking;  /* the socket was inherited so, and becomes so again */
    bool shared;        /* other threads or processes of ours accept from the same socket */
    bool clone;         /* another thread's copy: owns little */
    atomic_uint active; /* requests that go on elsewhere */
    int wake[2];        /* tells who waits for `active` */
    int give_way[2];    /* a byte in it is for an idle connection to take, and to end: its place is wanted */
    int plenty;         /* descriptors below this number are for everybody, the rest for files and the like */
    int directory;      /* that the socket's file was made in; -1: none */
    int kept;           /* the socket, until the last of those that share it has ended; -1 */
    pid_t owner;        /* the process that bound the socket */
    dev_t unix_device;  /* the socket's file, to remove no other one */
    ino_t unix_inode;
    struct ss_stop *stop;       /* shared memory */
    struct ss_datagram *packet; /* a datagram is received here first */
    struct aside *aside;        /* requests that were accepted and have to wait, NULL: there never was one */
    atomic_uint aside_count;
    pthread_t taker;      /* the thread that takes requests */
    uint64_t canceled_at; /* when children were first seen to go on all the same */
};

/* What can stand in a queue of things to run, and have a time limit. */
struct task;
struct entry {
    struct entry *next;
    struct timer timer;
    struct task *task; /* NULL: a request, to be begun */
};

/* A request as mix-ins keep it. */
struct request {
    struct ss_request request;
    struct entry entry; /* of the mix-in that holds it; the timer's deadline: when parking ends */
    unsigned forks;     /* forks_made() when it was taken */
    int number;         /* of the connection's descriptor, whatever the handler has done to request.fd; -1 */
    struct request *older, *newer; /* in a list of idle ones */
    struct client *client;         /* whose number of requests it counts in, NULL: nobody's */
    bool counted;                  /* ss_request_started was called for it */
    bool known;                    /* to the poller */
    bool late;                     /* taken in the drain: it may not have had the time to say something */
    bool expired;                  /* parked too long, or the server drains: close it */
};

static inline const struct ss_class *methods_of(const struct ss_server *self)
{
    return &self->core->methods[0];
}

/* Parked connections, in the order in which they became idle. */
struct idle {
    struct request *oldest, *newest;
};
static inline void idle_add(struct idle *idle, struct request *request)
{
    request->older = idle->newest;
    request->newer = NULL;
    *(request->older ? &request->older->newer : &idle->oldest) = request;
    idle->newest = request;
}
static inline void idle_remove(struct idle *idle, const struct request *request)
{
    *(request->older ? &request->older->newer : &idle->oldest) = request->newer;
    *(request->newer ? &request->newer->older : &idle->newest) = request->older;
}

/* class.c */
int core_resolve(struct ss_core *core, const struct ss_class *const *bases);
/* Calls the `init` of each class. */
void core_init_variables(struct ss_server *self);
void core_resolve_handler(struct ss_core *core, const struct ss_handler_class *cls,
                          const struct ss_handler_class *last);

/* handler.c: BaseServer's finish_request */
int handler_finish_request(struct ss_server *self, struct ss_request *request);

/* base_server.c */
struct request *request_new(void);
void request_free(struct request *request);
/* Takes one request and sees to it that it is processed, put aside or closed. -EAGAIN: there was none. */
int take_request(struct ss_server *self);
/* Takes one that verify_request lets pass; *request NULL: it did not. 0, -EAGAIN: there is none, -errno. */
int accept_request(struct ss_server *self, struct request **request);
/* Descriptors, memory: what may be there in a moment. */
bool out_of_resources(int rc);
/* Calls handle_error unless `error` is no news or >= 0. */
void request_failed(struct ss_server *self, struct ss_request *request, int error);

/* idle.c: idle connections give way to others when places or descriptors run short. */
/* Waits for the next input of a connection that holds a thread or a process, until its deadline. 0;
   -ETIMEDOUT, -ECANCELED when the server drains or the place is wanted, -errno. */
int idle_wait(struct ss_server *self, const struct request *request);
bool is_readable(int fd);
/* BaseServer's close_idle: some connection in idle_wait ends. */
bool idle_close(struct ss_server *self);
/* There is room again: who has not heard of it need not end. */
void idle_enough(const struct ss_server *self);
/* For serve_forever: what the process may have, and the way to tell those in idle_wait. */
void idle_open(struct ss_server *self);
void idle_shut(struct ss_server *self);

/* aside.c: clients that have as many requests in progress as one may, and requests that wait for that or
   another reason. All in the thread that serves, but for client_release. */
/* Counts a new request for its client. False: it has as many as it may. */
bool client_admit(struct ss_server *self, struct request *request);
/* Need it be asked? */
static inline bool client_is_limited(const struct ss_server *self)
{
    return self->max_requests_per_client || self->core->is_dear;
}
/* A request is over, NULL: nobody's. Any thread. */
void client_release(struct ss_server *self, struct client *client);
/* Keeps for later a request that was not admitted; when there are too many it is closed. */
void aside_put(struct ss_server *self, struct request *request);
/* The same for one that was, and cannot be processed for now; false when that has lasted too long. */
bool aside_put_back(struct ss_server *self, struct request *request);
/* One that can go on now, admitted, NULL: none. */
struct request *aside_take(struct ss_server *self);
/* Waits for new requests, or until one of these can go on. 0, -ECANCELED, -errno. */
int aside_wait(struct ss_server *self);
/* Each of them, the oldest first; NULL: no more. */
struct request *aside_next(struct ss_server *self);
bool aside_has_room(const struct ss_server *self);
/* In a child: they are the parent's. */
void aside_forget(struct ss_server *self);
void aside_free(struct aside *aside);

/* server.c */
/* A copy of the server for another thread, with its own count of requests; `socket` is its own. */
int server_clone(const struct ss_server *self, int socket, struct ss_server *copy);
void server_clone_free(struct ss_server *copy);
/* After fork, in the child: nothing of the parent's requests is ours. */
void server_forked(struct ss_server *self);
/* It cannot go on serving. One of several processes leaves the others be, and ends by itself. */
void server_failed(struct ss_server *self);
bool server_is_worker(const struct ss_server *self);

/* signals.c */
/* From here to signals_unblock, in the same thread, no signal that a client or a limit can raise ends the
   process. The threads that it makes meanwhile inherit that; programs that a handler forks and execs do not.
 */
struct signals_before {
    sigset_t mask, blocked;
};
void signals_block(struct signals_before *before);
void signals_unblock(const struct signals_before *before);
/* Whose process this is: the one that ss_run serves in, one that the server has forked for itself, such a one
   that has lost its parent, or somebody else's, as a handler that forks makes them. Async-signal-safe. */
enum process_role { PROCESS_SERVER, PROCESS_CHILD, PROCESS_ORPHAN, PROCESS_OTHER };
enum process_role process_role(void);
void process_is_server(void);
/* fork(2) for a process of the server's own. */
pid_t process_fork(void);

/* run.c: ss_run's handler of signals that end nobody. */
void overlook(int signal);

/* drain.c; the time of a drain counts from ss_shutdown. */
/* Serves those who have connected and were not taken yet, or wait aside, and closes the socket of a stream
   server. */
void drain_queue(struct ss_server *self);
/* Waits until all requests have ended; cuts them short at shutdown_timeout, for no other reason. */
void server_drain(struct ss_server *self);

/* wait.c */
/* What this thread does next shares a turn with what it did in this batch before, 1 and up; for a moment,
   or until the thread waits. */
void turn_share(uint64_t batch);
void turn_end(void);
/* How often this thread has learnt from ss_poll that something is ready: what a stream found drained
   before that need not be so any more, and its readiness is told once. */
unsigned polls_made(void);
/* Waits until at most `limit` requests are active; 0, -ETIMEDOUT, -ECANCELED. Those that other threads end
   are seen after a second at the latest, unless `ms` is -1: no limit. `until`, here and below: the stage of a
   shutdown that ends the wait with -ECANCELED. */
int server_wait_active(struct ss_server *self, unsigned limit, int ms, int until);
/* Returns when nobody of this process is inside of ss_shutdown; a child has none who is. */
void shutdown_settle(void);
void shutdown_forked(void);
/* A pause for one whose wait has failed for want of memory, of descriptors, or by a fault that may pass. */
void rest(void);
/* Waits for one descriptor; 0, -ETIMEDOUT, -ECANCELED, -errno. self NULL: poll(2). deadline:
   absolute, 0: none. */
int server_wait(struct ss_server *self, int fd, short events, int ms, uint64_t deadline, int until);
/* A poll method's work with descriptors and a time limit of the mix-in's own besides the caller's:
   super's poll, and -EINTR when nothing but those has come true. */
int poll_also(struct ss_server *self, const struct ss_class *super, struct pollfd *fds, nfds_t count, int ms,
              struct pollfd *own, nfds_t own_count, int own_ms);
/* A pipe, non-blocking, not inherited by exec. */
int open_pipe(int pipe[2]);
void close_pipe(int pipe[2]);

/* tcp.c */
int bind_inherited(struct ss_server *self, int fd);
/* Another socket on the server's port, for a thread of its own; -EOPNOTSUPP where there is no such thing. */
int bind_again(const struct ss_server *self, int *fd);

/* forks.c */
void forks_watch(void);
/* Counts the forks of this process, a handler's too. Any thread. */
unsigned forks_made(void);

/* unix.c: other servers of ours do not bind in the directory until server_bind and server_activate are done.
 */
void unix_unlock(struct ss_core *core);

/* listener.c */
bool address_has_file(const struct ss_address *address);
/* Closes the server's socket, removing its file if it has one. */
void server_close_socket(struct ss_server *self);
/* The last of our threads and processes that accept has ended. */
void server_give_back(struct ss_core *core);

/* arena.c */
struct block;
struct ss_arena {
    struct block *block; /* the newest */
    char *at, *end;      /* what is free in it */
};
struct block_pool {
    struct block *free;
    struct entry *requests; /* spare ones */
    unsigned count, request_count;
};
/* This thread's, NULL: none. */
struct block_pool *block_pool_current(void);
/* From now on this thread keeps a few freed blocks, and requests, in `pool`; NULL ends that. Returns the one
 * before. */
struct block_pool *block_pool_enter(struct block_pool *pool);
void block_pool_leave(struct block_pool *pool, struct block_pool *before);
void arena_free(struct ss_arena *arena);
/* arena_alloc's way when the block is full, or there is none. */
void *arena_grow(struct ss_arena *arena, size_t size);

static inline size_t arena_round(size_t size)
{
    return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

/* `at` and `end` are aligned, so what fits still does when it is rounded up. */
static inline void *arena_alloc(struct ss_arena *arena, size_t size)
{
    char *data = arena->at;
    if (size >= (size_t)(arena->end - data))
        return arena_grow(arena, size);
    arena->at = data + arena_round(size);
    return data;
}

/* pace.c */
/* Waits until a stream's socket has room for more output: as long as the other side takes something now and
   then. 0, -ETIMEDOUT, -ECANCELED, -errno. */
int pace_output(struct ss_stream *s);
/* Around a wait for input that is owed. Returns when it began, 0: it is not, or there is no rate to keep to.
 */
uint64_t pace_input_begin(struct ss_stream *s);
/* 0; -ETIMEDOUT: too little has come for all that waiting. */
int pace_input_end(struct ss_stream *s, uint64_t start);
/* Milliseconds without a byte taken that end such a wait, -1: no limit. */
int output_limit(const struct ss_stream *s);

/* socket.c, udp.c */
extern const struct ss_stream_class socket_stream, datagram_stream;
/* ss_sendfile where nothing below can do it: reads and writes. */
int stream_copy_file(struct ss_stream *s, int fd, off_t offset, size_t size);
/* Nothing was left behind the last read, and nobody has said since that there is something. */
static inline bool stream_drained(const struct ss_stream *s)
{
    return s->drained && s->polls == polls_made();
}
/* Waits of one call that came back with nothing to be had: an error is told of that reading and writing do
   not take away (the error queue of MSG_ZEROCOPY, say). They must neither last for ever nor keep others from
   running. Zeroed at first, and after each success. */
struct vain {
    bool waited;
    unsigned count;
    uint64_t since;
};
/* Waits for the stream's descriptor within its limits; 0, -ETIMEDOUT, -ECANCELED, -errno. */
int stream_wait(struct ss_stream *s, short events, int until, struct vain *vain);
/* Lets others run when there was nothing to wait for, nor to be had; the same results. */
int stream_pause(struct ss_stream *s, struct vain *vain, int timeout);
/* Sends what the stream has gathered as the answer to a datagram; 0 or -errno. */
int datagram_reply(struct ss_stream *s, struct ss_datagram *datagram);

/* address.c */
enum address_kind { ADDRESS_INET, ADDRESS_UNIX, ADDRESS_FD };
struct addrinfo;
struct address_text {
    enum address_kind kind;
    char host[256], port[32];  /* ADDRESS_INET; host "": any */
    struct ss_address address; /* ADDRESS_UNIX */
    int fd;                    /* ADDRESS_FD */
};
int address_parse(const char *text, struct address_text *parsed);
/* The addresses of a host; to be given to freeaddrinfo. Blocks on name servers unless `numeric`. */
int address_lookup(const struct address_text *parsed, int family, int type, bool numeric,
                   struct addrinfo **list);

/* children.c: processes of a server's own, whose end is noticed without signals. */
/* A descriptor that can be read when the process has ended; -1 with errno set. */
int open_pidfd(pid_t pid);
struct child {
    struct child *next;
    pid_t pid;
    int fd;        /* readable when it has ended: a pidfd, or a pipe's end; -1: no descriptor was left */
    bool is_pidfd; /* or it will be one */
    bool told;     /* the descriptor has become readable, and is not waited for any more */
    int pause;     /* ms between two looks, while they are needed */
    uint64_t look; /* when the next one is due */
    uint64_t started;
    struct client *client; /* whose request it works on, NULL: nobody's */
    int status;            /* when it has ended, as from waitpid(2); 0 where that knows nothing */
};
/* fork(2), with the child prepared to work on `self`. Returns 0 in the child, else its pid or -errno. */
pid_t child_fork(struct ss_server *self, struct child **children);
void child_free(struct child *child);
/* Frees them all, in a process that is not their parent, or no longer cares. */
void children_forget(struct child **children);
/* Calls `ended` for those that have ended, which it takes over; children_poll says when there may be some. */
void children_reap(struct ss_server *self, struct child **children,
                   void (*ended)(struct ss_server *, struct child *));
/* A signal has ended it, and it was none of ours. */
bool child_crashed(const struct ss_server *self, const struct child *child);
void children_kill(struct child *children);
/* As a poll method over super's that also looks for the end of children: -EINTR when one may have ended. */
int children_poll(struct ss_server *self, const struct ss_class *super, struct child *children,
                  struct pollfd *fds, nfds_t count, int ms);
/* Ends a child after its work: output flushed, nothing of the parent's undone. */
_Noreturn void child_exit(int status);

/* loop.c, for those who need not know the loop: */
/* The turn of the loop that this thread runs; false outside of loops. */
bool loop_turn(uint64_t *turn);
/* True in a loop that has no idle connection: woken for another one, it could do nothing for it. */
bool loop_is_busy(void);
/* After fork, in the child: it is not in a loop. */
void loop_forked(void);
/* A new descriptor stays registered with this thread's loop from loop_adopt to loop_release, which comes
   before close; others are registered for each wait. Nothing happens outside of loops. `owner`: whoever asks.
   An earlier owner of the number must have closed it behind our back, and has no say any more. */
void loop_adopt(int fd, const void *owner);
/* False: the number is somebody else's by now, and not to be closed. */
bool loop_release(int fd, const void *owner);
/* Before a wait for what may be another file than the one that was registered: a handler can close a
   descriptor, and open the number again. */
void loop_refresh(const struct pollfd *fds, nfds_t count);
/* Has this thread's loop been told of urgent data for the descriptor? Those before it are read by themselves.
 */
bool loop_urgent(int fd);
/* Until it is waited for again, other processes and threads that share it are to be woken instead. */
void loop_ignore(int fd);
/* Is the address just past the stack of the coroutine that runs? Async-signal-safe. */
bool loop_overflow(const void *address);

#endif
