/* SPDX-License-Identifier: MIT */
/* Posts that race with connections which come and go, so that their mailboxes and descriptors are used again
   at once: threads and processes post to them as fast as they can, also to those that have gone. Each message
   names its addressee and has a number. None reaches a stranger; what was taken in is received, once, in
   order.

       test_races [POSTS]    so many in all, instead of a few */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { CLIENTS = 12, SENDERS = 4, THREADS = 2 }; /* the other senders are processes */
enum { MAX_LIFE = 100 };                         /* messages until a connection ends by itself */
enum { OLD_REFS = 32 };                          /* that a sender goes on to use */
enum { HANG = 60000 };                           /* ms until what must happen counts as never */

static unsigned long posts = 200000; /* for all servers together */

/* A connection as its senders see it, and what its handler knows. One connection at a time has it. */
struct slot {
    atomic_uint place;
    atomic_ullong number; /* of its ref; 0: there is none now */
    struct {
        atomic_ullong number; /* to whom the sender has posted last, */
        atomic_uint count;    /* and how many were taken in */
    } sent[SENDERS];
    unsigned expected[SENDERS]; /* the number of the next message of each */
    unsigned received, life;
    bool final;
};

static struct shared {
    struct slot slots[CLIENTS];
    atomic_ulong taken, full, stale, received, connections;
    atomic_ulong strangers, lost, twice, garbled, odd; /* all of these stay 0 */
    atomic_uint forked;                                /* processes of the server */
    atomic_bool stop;                                  /* the senders */
    atomic_bool leave;                                 /* the clients */
} * shared;

struct post {
    uint64_t number;
    unsigned sender, count; /* sender SENDERS: the last message of all */
    unsigned char filling[200];
};

static unsigned rest_of(const struct post *post)
{
    return (unsigned)(post->number * 7 + post->count * 13) % sizeof post->filling;
}

static size_t size_of(const struct post *post)
{
    return offsetof(struct post, filling) + rest_of(post);
}

static void fill(struct post *post)
{
    memset(post->filling, (int)(post->count & 255), rest_of(post));
}

/* ---- the handler ---- */

static bool is_whole(const struct post *post, size_t size)
{
    if (size < offsetof(struct post, filling) || size != size_of(post) || post->sender > SENDERS)
        return false;
    for (unsigned i = 0; i < rest_of(post); i++)
        if (post->filling[i] != (post->count & 255))
            return false;
    return true;
}

/* Everything that was posted before has been received, as there is one order for all. */
static void check_final(struct slot *slot)
{
    for (int i = 0; i < SENDERS; i++) {
        unsigned sent =
            atomic_load(&slot->sent[i].number) == slot->number ? atomic_load(&slot->sent[i].count) : 0;
        if (sent != slot->expected[i])
            atomic_fetch_add(&shared->lost, 1);
    }
    slot->final = true;
}

static void check_message(struct slot *slot, const struct ss_message *message)
{
    struct post post;
    memcpy(&post, message->data, message->size < sizeof post ? message->size : sizeof post);
    slot->received++;
    if (!is_whole(&post, message->size) || message->channel || message->dropped)
        atomic_fetch_add(&shared->garbled, 1);
    else if (post.number != slot->number)
        atomic_fetch_add(&shared->strangers, 1);
    else if (post.sender == SENDERS)
        check_final(slot);
    else if (post.count != slot->expected[post.sender])
        atomic_fetch_add(post.count < slot->expected[post.sender] ? &shared->twice : &shared->lost, 1);
    else
        slot->expected[post.sender]++;
}

static int receive_all(struct ss_handler *h, struct slot *slot)
{
    struct ss_message message;
    int rc;
    while ((rc = ss_receive(h, &message)) == 0)
        check_message(slot, &message);
    if (rc != -EAGAIN)
        atomic_fetch_add(&shared->odd, 1);
    return slot->final || slot->received >= slot->life;
}

static int leave(struct slot *slot)
{
    atomic_fetch_add(&shared->received, slot->received);
    atomic_store(&slot->number, 0);
    return 0;
}

static int resume(struct ss_handler *h, int why)
{
    struct slot *slot = h->request->data;
    return receive_all(h, slot) || why < 0 || why & SS_INPUT ? leave(slot) : SS_PARK;
}

static int begin(struct ss_handler *h, struct slot *slot)
{
    struct ss_ref ref;
    int rc = ss_ref(h, &ref);
    if (rc < 0)
        return rc;
    memset(slot->expected, 0, sizeof slot->expected);
    slot->received = 0;
    slot->final = false;
    slot->life = 1 + (unsigned)(ref.number * 2654435761U) % MAX_LIFE;
    atomic_store(&slot->place, ref.place);
    atomic_store(&slot->number, ref.number);
    atomic_fetch_add(&shared->connections, 1);
    return 0;
}

/* Half of them wait, the others are parked. */
static int handle(struct ss_handler *h)
{
    char line[20];
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return 0;
    int number = (int)strtol(line, NULL, 10), what = 0;
    struct slot *slot = &shared->slots[number];
    int rc = begin(h, slot);
    if (rc < 0)
        return rc;
    h->timeout = -1;
    if (number % 2) {
        h->request->data = slot;
        h->request->resume = resume;
        return SS_PARK;
    }
    while (!receive_all(h, slot) && (what = ss_wait(h, SS_INPUT | SS_MESSAGE, -1)) > 0 && !(what & SS_INPUT))
        ;
    if (what < 0)
        atomic_fetch_add(&shared->odd, 1);
    return leave(slot);
}

static const struct ss_handler_class Receiver = {.handle = handle};

/* ---- senders ---- */

struct sender {
    struct ss_server *server;
    unsigned id, seed;
    unsigned long quota;
    struct ss_ref refs[CLIENTS], old[OLD_REFS];
    unsigned counts[CLIENTS];
};

/* Did the sender see the slot's connection? It may be an old one. */
static void look_at(struct sender *s, unsigned i)
{
    struct slot *slot = &shared->slots[i];
    struct ss_ref ref = {.number = atomic_load(&slot->number)};
    ref.place = atomic_load(&slot->place);
    if (!ref.number || ref.number == s->refs[i].number || atomic_load(&slot->number) != ref.number)
        return;
    s->old[(unsigned)rand_r(&s->seed) % OLD_REFS] = s->refs[i];
    s->refs[i] = ref;
    s->counts[i] = 0;
    atomic_store(&slot->sent[s->id].count, 0);
    atomic_store(&slot->sent[s->id].number, ref.number);
}

static int post_numbered(struct sender *s, struct ss_ref ref, unsigned sender, unsigned count)
{
    struct post post = {.number = ref.number, .sender = sender, .count = count};
    fill(&post);
    int rc = ss_post(s->server, ref, &post, size_of(&post));
    atomic_ulong *counter = rc == 0          ? &shared->taken
                            : rc == -EAGAIN  ? &shared->full
                            : rc == -ESTALE  ? &shared->stale
                            : rc == -ENOBUFS ? &shared->full
                                             : &shared->odd;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    return rc;
}

/* An old ref is nobody's. (One that a slow client still has would get what is not numbered: so the number is
   one that none expects, and only a stranger could receive it.) */
static void post_to_old(struct sender *s)
{
    struct ss_ref ref = s->old[(unsigned)rand_r(&s->seed) % OLD_REFS];
    for (int i = 0; i < CLIENTS; i++)
        if (atomic_load(&shared->slots[i].number) == ref.number)
            return;
    (void)post_numbered(s, ref, SENDERS, 0);
}

static void post_to_slot(struct sender *s, unsigned i)
{
    look_at(s, i);
    if (!s->refs[i].number)
        return;
    int rc = post_numbered(s, s->refs[i], s->id, s->counts[i]);
    if (rc == 0)
        atomic_store(&shared->slots[i].sent[s->id].count, ++s->counts[i]);
    else
        sched_yield();
}

static void send_all(struct sender *s)
{
    while (!atomic_load(&shared->stop) && atomic_load(&shared->taken) < s->quota) {
        post_to_slot(s, (unsigned)rand_r(&s->seed) % CLIENTS);
        if (rand_r(&s->seed) % 8 == 0)
            post_to_old(s);
    }
}

/* A process that is forked while another thread allocates has a lock of AddressSanitizer's for ever that was
   that thread's: so all threads are there before the server forks, and wait. */
static pthread_barrier_t made, go;

static void *send_in_thread(void *argument)
{
    pthread_barrier_wait(&made);
    pthread_barrier_wait(&go);
    send_all(argument);
    return NULL;
}

/* ---- clients ---- */

struct client {
    struct running *r;
    unsigned number, seed;
    pthread_t thread;
};

/* Waits for the end, or ends the connection by itself at some time. */
static void *come_and_go(void *argument)
{
    struct client *c = argument;
    char line[20];
    snprintf(line, sizeof line, "%u\n", c->number);
    pthread_barrier_wait(&made);
    pthread_barrier_wait(&go);
    while (!atomic_load(&shared->leave)) {
        int fd = client_of(&c->r->server);
        struct pollfd end = {.fd = fd, .events = POLLIN};
        say(fd, line);
        bool leaves = rand_r(&c->seed) % 4 == 0 && !atomic_load(&shared->stop);
        if (leaves && poll(&end, 1, rand_r(&c->seed) % 20) == 0)
            shutdown(fd, SHUT_WR);
        if (poll(&end, 1, HANG) != 1) {
            fprintf(stderr, "client %u hangs\n", c->number);
            abort();
        }
        close(fd);
    }
    return NULL;
}

/* ---- all together ---- */

static const struct {
    const char *name;
    unsigned workers;
} models[] = {
    {"ThreadingUnixStreamServer", 0}, {"ThreadPoolUnixStreamServer", 3},
    {"EventLoopUnixStreamServer", 0}, {"EventLoopUnixStreamServer", 2},
    {"ForkingUnixStreamServer", 0},   {"PreforkingEventLoopUnixStreamServer", 2},
};

static void start_senders(struct running *r, struct sender senders[SENDERS], pid_t pids[SENDERS])
{
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] =
            (struct sender){.server = &r->server, .id = i, .seed = i, .quota = posts / COUNT(models)};
        if (i < THREADS || (pids[i] = fork()) != 0)
            continue;
        send_all(&senders[i]);
        _exit(0);
    }
}

/* A last message to each that still lives: it has received all others by then. */
static void finish(struct running *r)
{
    struct sender s = {.server = &r->server};
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct slot *slot = &shared->slots[i];
        struct ss_ref ref = {.number = atomic_load(&slot->number), .place = atomic_load(&slot->place)};
        while (ref.number && ref.number == atomic_load(&slot->number) &&
               post_numbered(&s, ref, SENDERS, 0) == -EAGAIN)
            usleep(100);
    }
}

static void join_clients(struct running *r, struct client *clients)
{
    atomic_store(&shared->leave, true);
    for (int i = 0; i < CLIENTS; i++) {
        while (pthread_tryjoin_np(clients[i].thread, NULL) == EBUSY) {
            finish(r);
            usleep(1000);
        }
    }
}

static const struct ss_class Counting;

static void count_process(struct ss_server *self)
{
    ss_super(self, &Counting)->forked(self);
    atomic_fetch_add(&shared->forked, 1);
}

static const struct ss_class Counting = {.name = "Counting", .forked = count_process};

static void prepare_model(struct running *r, const char *name, unsigned workers)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {&Counting}, *const *named = ss_bases(name);
    for (int i = 0; named[i]; i++)
        bases[i + 1] = named[i];
    prepare(r, bases, "unix:@test-races-*", &Receiver);
    r->server.workers = workers;
    r->server.mailbox_count = 16;
    r->server.max_requests_per_client = 1000;
}

static void race(const char *name, unsigned workers)
{
    static struct sender senders[SENDERS];
    struct client clients[CLIENTS];
    struct running r;
    pthread_t threads[THREADS];
    pid_t pids[SENDERS];
    uint64_t start_time = ss_now();
    memset(shared, 0, sizeof *shared);
    prepare_model(&r, name, workers);
    assert_int_equal(ss_server_bind(&r.server), 0);
    start_senders(&r, senders, pids);
    pthread_barrier_init(&made, NULL, CLIENTS + THREADS + 1);
    pthread_barrier_init(&go, NULL, CLIENTS + THREADS + 1);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.r = &r, .number = i, .seed = i};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, come_and_go, &clients[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_in_thread, &senders[i]), 0);
    pthread_barrier_wait(&made);
    assert_int_equal(pthread_create(&r.thread, NULL, run_server_thread, &r), 0);
    while (strstr(name, "Preforking") && atomic_load(&shared->forked) < workers)
        usleep(1000);
    pthread_barrier_wait(&go);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&shared->stop, true);
    for (int i = THREADS; i < SENDERS; i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    join_clients(&r, clients);
    pthread_barrier_destroy(&made);
    pthread_barrier_destroy(&go);
    stop(&r);
    if (getenv("VERBOSE"))
        print_message("%s, %u: %lu posts, %lu received, %lu full, %lu stale, %lu connections, %llu ms\n",
                      name, workers, shared->taken, shared->received, shared->full, shared->stale,
                      shared->connections, (unsigned long long)(ss_now() - start_time));
    if (shared->strangers || shared->lost || shared->twice || shared->garbled || shared->odd)
        fail_msg("%s: %lu at strangers, %lu lost, %lu twice, %lu garbled, %lu odd", name, shared->strangers,
                 shared->lost, shared->twice, shared->garbled, shared->odd);
}

static void test_races(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    for (size_t i = 0; i < COUNT(models); i++)
        race(models[i].name, models[i].workers);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_races)};
    if (argc > 1)
        posts = strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
