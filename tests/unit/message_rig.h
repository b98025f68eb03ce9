/* SPDX-License-Identifier: MIT */
/* For the tests of messages: every composition, and a handler that obeys its client's lines. To be included
   behind cmocka.h. */
#ifndef MESSAGE_RIG_H
#define MESSAGE_RIG_H

#include "server_thread.h"
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct model {
    const char *name;
    unsigned workers;
    int streams; /* connections that it serves at once; 0: as many as come */
};

static const struct model models[] = {
    {"TCPServer", 0, 1},
    {"ThreadingTCPServer", 0, 0},
    {"ThreadPoolTCPServer", 2, 0},
    {"ForkingTCPServer", 0, 0},
    {"PreforkingTCPServer", 4, 4},
    {"EventLoopTCPServer", 0, 0},
    {"EventLoopTCPServer", 2, 0},
    {"PreforkingEventLoopTCPServer", 2, 0},
#if !defined( \
    __SANITIZE_THREAD__) /* knows no threads in a child of a process with threads; the matrix has these */
    {"PreforkingThreadingTCPServer", 2, 0},
    {"PreforkingThreadPoolTCPServer", 2, 0},
#endif
    {"UnixStreamServer", 0, 1},
    {"ThreadingUnixStreamServer", 0, 0},
    {"ThreadPoolUnixStreamServer", 2, 0},
    {"ForkingUnixStreamServer", 0, 0},
    {"PreforkingUnixStreamServer", 2, 2},
    {"EventLoopUnixStreamServer", 0, 0},
};
enum { MODELS = COUNT(models) };

enum { MAX_PUBLISHERS = 10, MAX_REFS = 100 };

/* Seen by all processes. */
static struct counts {
    struct ss_ref refs[MAX_REFS]; /* told by the command i */
    atomic_int ref_count;
    atomic_int handled, resumed, resumed_for_message, good_byes, idles, turns, odd;
    atomic_int lingered;       /* ends that have waited for the client's */
    atomic_int errors, error;  /* calls of handle_error, and the last one's error */
    atomic_int waited, filled; /* for the test itself */
    atomic_bool go;
} * counts;

static inline int map_counts(void **state)
{
    (void)state;
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return counts == MAP_FAILED ? -1 : 0;
}

static inline bool is_under(const struct model *m, const char *mixin)
{
    return strstr(m->name, mixin);
}

/* Do the handlers run in the process of the test? */
static inline bool is_one_process(const struct model *m)
{
    return !is_under(m, "orking");
}

/* ---- the handler ---- */

/* How it waits between lines and messages: w in ss_wait, t there for a moment again and again, p parked, r
   parked with resume. Mute: it receives nothing. */
struct habits {
    char mode;
    bool mute;
    bool lost; /* it has told that its mailbox was full */
};

static inline int answer(struct ss_handler *h, int rc)
{
    return ss_printf(h->wfile, "= %d\n", rc);
}

static inline void receive_all(struct ss_handler *h, const struct habits *habits)
{
    struct ss_message m;
    while (!habits->mute && ss_receive(h, &m) == 0) {
        counts->odd += (uintptr_t)m.data % _Alignof(max_align_t) != 0;
        ss_printf(h->wfile, "%s %u %.*s\n", m.channel ? m.channel : "-", m.dropped, (int)m.size, m.data);
    }
}

static inline int receive_one(struct ss_handler *h)
{
    struct ss_message m;
    int rc = ss_receive(h, &m);
    return rc < 0 ? answer(h, rc)
                  : ss_printf(h->wfile, "%s %u %.*s\n", m.channel ? m.channel : "-", m.dropped, (int)m.size,
                              m.data);
}

/* The child, whose parent is the handler's process, replies late. */
static inline int fork_replier(struct ss_handler *h, const char *text)
{
    struct ss_ref ref;
    int rc = ss_ref(h, &ref);
    pid_t pid = rc < 0 ? 0 : fork();
    if (rc < 0 || pid < 0)
        return rc < 0 ? rc : -errno;
    if (pid == 0) {
        if (fork() != 0)
            _exit(0); /* so that nobody has to wait for the other one */
        poll(NULL, 0, 20);
        _exit(ss_post(h->server, ref, text, strlen(text)) != 0);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

static inline int be_busy(struct ss_handler *h)
{
    int rc = answer(h, 0);
    if (rc == 0)
        rc = ss_flush(h->wfile);
    while (rc == 0 && !counts->go)
        rc = ss_sleep(h->server, 1);
    return rc;
}

/* A first word, which is ended, and the rest. */
static inline char *rest_of(char *words)
{
    char *space = strchr(words, ' ');
    if (space)
        *space = '\0';
    return space ? space + 1 : words + strlen(words);
}

static inline int post_from(struct ss_handler *h, char *words)
{
    char *place = rest_of(words), *text = rest_of(place);
    struct ss_ref ref = {.number = strtoull(words, NULL, 10), .place = (uint32_t)strtoul(place, NULL, 10)};
    return ss_post(h->server, ref, text, strlen(text));
}

static inline int tell_ref(struct ss_handler *h)
{
    struct ss_ref ref;
    int rc = ss_ref(h, &ref);
    if (rc == 0)
        counts->refs[counts->ref_count++ % MAX_REFS] = ref;
    return answer(h, rc);
}

static int more_commands(struct ss_handler *h, char command, char *words); /* of the test itself */

/* 0; 1: the connection is to end; -errno */
static inline int do_command(struct ss_handler *h, struct habits *habits, char *line)
{
    char *words = line[0] && line[1] ? line + 2 : line + strlen(line), *text;
    line[strcspn(line, "\n")] = '\0';
    switch (line[0]) {
    case 'w':
    case 't':
    case 'p':
    case 'r':
        habits->mode = line[0];
        return answer(h, 0);
    case 'q':
    case 'g':
        habits->mute = line[0] == 'q';
        return answer(h, 0);
    case 's':
    case 'S':
        return answer(h, ss_subscribe(h, words, line[0] == 's' ? SS_DROP_OLDEST : SS_END));
    case 'u':
        return answer(h, ss_unsubscribe(h, words));
    case 'P':
    case 'O':
        text = rest_of(words);
        return answer(h, line[0] == 'P' ? ss_publish(h->server, words, text, strlen(text))
                                        : ss_publish_others(h, words, text, strlen(text)));
    case 'n':
        return answer(h, ss_subscribers(h->server, words));
    case 'i':
        return tell_ref(h);
    case 'm':
        return answer(h, post_from(h, words));
    case 'v':
        return receive_one(h);
    case 'b':
        return be_busy(h);
    case 'f':
        return answer(h, fork_replier(h, words));
    case 'k':
        raise(SIGKILL);
        return 0;
    case 'e':
        return 1;
    default:
        return more_commands(h, line[0], words);
    }
}

static int obey_resumed(struct ss_handler *h, int why);

static inline int rest_until_news(struct ss_handler *h, const struct habits *habits)
{
    counts->turns++;
    h->request->resume = habits->mode == 'r' ? obey_resumed : NULL;
    h->timeout = -1;
    if (habits->mode == 'p' || habits->mode == 'r')
        return SS_PARK;
    int what = SS_IDLE | SS_INPUT | (habits->mute ? 0 : SS_MESSAGE);
    int rc = ss_wait(h, what, habits->mode == 't' ? 1 : -1);
    return rc ? rc : SS_IDLE;
}

static inline int obey(struct ss_handler *h)
{
    struct habits *habits = h->request->data;
    char line[300];
    ssize_t n;
    int rc = 0;
    counts->handled++;
    if (!habits && !(habits = h->request->data = calloc(1, sizeof *habits)))
        return -ENOMEM;
    h->request->free_data = free;
    habits->mode = habits->mode ? habits->mode : 'w';
    do {
        while (rc >= 0 && (n = ss_readline_now(h->rfile, line, sizeof line)) > 0)
            if ((rc = do_command(h, habits, line)) != 0)
                return rc < 0 ? rc : 0;
        if (n != -EAGAIN)
            return (int)n;
        receive_all(h, habits);
        rc = rest_until_news(h, habits);
    } while (rc > 0 && (habits->mode == 'w' || habits->mode == 't'));
    return rc;
}

static inline int obey_resumed(struct ss_handler *h, int why)
{
    counts->good_byes += why == -ECANCELED;
    counts->idles += why == 0;
    counts->resumed += why > 0;
    counts->resumed_for_message += why > 0 && why & SS_MESSAGE;
    return why < 0 ? 0 : obey(h);
}

static const struct ss_handler_class Obeying = {.handle = obey};

/* ---- the server ---- */

static inline void note_error(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request;
    if (error == -ECANCELED || error == -ECONNRESET || error == -EPIPE)
        return;
    counts->error = error;
    counts->errors++;
}

static inline void note_nothing(struct ss_server *self, pid_t pid, int status, int error)
{
    (void)self, (void)pid, (void)status, (void)error;
}

static void note_end(struct ss_server *self, struct ss_request *request);

static const struct ss_class Noting = {
    .name = "Noting", .shutdown_request = note_end, .handle_error = note_error, .child_ended = note_nothing};

static void note_end(struct ss_server *self, struct ss_request *request)
{
    counts->lingered += request->linger;
    ss_super(self, &Noting)->shutdown_request(self, request);
}

/* With `first` (NULL: Noting) on the left. */
static inline void prepare_model(struct running *r, const struct model *m, const struct ss_class *first,
                                 const struct ss_handler_class *handler)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {first ? first : &Noting}, *const *own =
                                                                                    ss_bases(m->name);
    static int number; /* a process of the server before may not have ended yet, and has the name */
    char address[40];
    snprintf(address, sizeof address, "unix:@ss-unit-messages-*-%d", number++);
    assert_non_null(own);
    for (int i = 0; own[i]; i++)
        bases[i + 1] = own[i];
    memset(counts, 0, sizeof *counts);
    prepare(r, bases, is_under(m, "Unix") ? address : "127.0.0.1:0", handler);
    r->server.workers = m->workers;
    r->server.max_requests_per_client = UINT_MAX;
}

static inline void start_model(struct running *r, const struct model *m)
{
    prepare_model(r, m, NULL, &Obeying);
    launch(r);
}

/* How many of so many clients it serves at once. */
static inline int clients_of(const struct model *m, int wanted)
{
    return m->streams && m->streams < wanted ? m->streams : wanted;
}

static inline void ask(int fd, const char *line, const char *reply)
{
    say(fd, line);
    expect(fd, reply);
}

static inline void set_mode(int fd, char mode)
{
    char line[] = {mode, '\n', '\0'};
    ask(fd, line, "= 0\n");
}

/* A client whose handler waits in that way. */
static inline int client_in_mode(const struct running *r, char mode)
{
    int fd = client_of(&r->server);
    set_mode(fd, mode);
    return fd;
}

/* Clients whose handlers wait in these ways, by turns. All are there before one parks: where a process serves
   one at a time and the next is slow to start, who is parked makes room for who comes behind him. */
static inline void clients_in_modes(const struct running *r, int *fds, int clients, const char *modes)
{
    for (int i = 0; i < clients; i++)
        fds[i] = client_in_mode(r, 'w');
    for (int i = 0; i < clients; i++)
        set_mode(fds[i], modes[(size_t)i % strlen(modes)]);
}

/* The ref of its connection. */
static inline struct ss_ref ref_of(int fd)
{
    int before = counts->ref_count;
    ask(fd, "i\n", "= 0\n");
    assert_int_equal(counts->ref_count, before + 1);
    return counts->refs[before % MAX_REFS];
}

/* It is about to wait; soon it does. */
static inline void let_rest(void)
{
    poll(NULL, 0, 5);
}

/* Waits until `number` is `wanted`. */
static inline bool becomes(const atomic_int *number, int wanted)
{
    for (int ms = 0; ms < PATIENCE && *number != wanted; ms++)
        poll(NULL, 0, 1);
    return *number == wanted;
}

static inline void leave(int fd)
{
    shutdown(fd, SHUT_RDWR); /* a forked child may have the descriptor, too */
    close(fd);
}

static inline int post_text(struct running *r, struct ss_ref ref, const char *text)
{
    return ss_post(&r->server, ref, text, strlen(text));
}

#endif
