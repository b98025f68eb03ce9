/* Buffers of log lines, and the threads that write them. */
#include "log/file.h"
#include "http_server.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    DIRECT = 8,       /* lines of a process that are written at once */
    FILE_DELAY = 900, /* ms that lines for a file may wait */
    PIPE_DELAY = 20,  /* ms for anything else: somebody may be looking */
    PATIENCE = 500,   /* ms to wait for a reader that takes nothing */
    STACK = 256 * 1024,
};

struct http_log_file {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int fd;       /* -1: not open */
    bool known;   /* `regular` is */
    bool regular; /* a file, which can always be written */
    bool torn;    /* what was written last is not the end of a line */
    unsigned direct;
    int error; /* the first one */
    bool told; /* of it */
    uint64_t lost;
    bool running, idle; /* the thread, and whether it waits for a line */
    pthread_t thread;
    size_t size;
    char text[HTTP_LOG_BUFFER];
};

static struct http_log_file *const all[] = {&http_log_stderr, &http_log_access};
enum { ALL = sizeof all / sizeof all[0] };

/* ---------------------------------------------------------------- writing, with the lock held */

static void lose(struct http_log_file *log, size_t from, int error)
{
    for (size_t i = from; i < log->size; i++)
        log->lost += log->text[i] == '\n';
    log->size = from;
    if (!log->error)
        log->error = error;
}

/* How much goes into one call. A pipe takes whole what is no longer than PIPE_BUF. */
static size_t piece(const struct http_log_file *log, size_t from)
{
    size_t size = log->size - from;
    if (log->regular || size <= PIPE_BUF)
        return size;
    const char *end = memrchr(log->text + from, '\n', PIPE_BUF);
    return end ? (size_t)(end + 1 - log->text) - from : PIPE_BUF;
}

static bool takes_more(const struct http_log_file *log)
{
    return log->regular || poll(&(struct pollfd){.fd = log->fd, .events = POLLOUT}, 1, 0) > 0;
}

/* A line of which only a part could be written ends there. */
static ssize_t mend(struct http_log_file *log)
{
    ssize_t n = log->torn ? write(log->fd, "\n", 1) : 1;
    log->torn &= n != 1;
    return n;
}

/* Writes what is there. 0, or -EAGAIN when the rest has to wait; what cannot be written at all is lost. */
static int write_out(struct http_log_file *log)
{
    size_t done = 0;
    while (done < log->size) {
        if (!takes_more(log))
            break;
        ssize_t n = done ? 1 : mend(log);
        if (n >= 0)
            n = write(log->fd, log->text + done, piece(log, done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            log->torn |= done && log->text[done - 1] != '\n';
            lose(log, done, -errno);
            break;
        }
        done += (size_t)n;
    }
    log->size -= done;
    memmove(log->text, log->text + done, log->size);
    return log->size ? -EAGAIN : 0;
}

/* ---------------------------------------------------------------- the thread */

static struct timespec after(int ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms % 1000 * 1000000L;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* False: it is to end, and there may be another one by now. */
static bool goes_on(const struct http_log_file *log)
{
    return log->running && pthread_equal(log->thread, pthread_self());
}

/* Lets more lines come for a while; cut short when the thread is to end. */
static void gather(struct http_log_file *log)
{
    struct timespec until = after(log->regular ? FILE_DELAY : PIPE_DELAY);
    while (goes_on(log) && pthread_cond_timedwait(&log->wake, &log->lock, &until) == 0)
        ;
}

static void wait_for_line(struct http_log_file *log)
{
    log->idle = true;
    while (goes_on(log) && !log->size)
        pthread_cond_wait(&log->wake, &log->lock);
    if (goes_on(log))
        log->idle = false;
}

/* Never with the lock held. */
static void wait_for_reader(struct http_log_file *log, int ms)
{
    struct pollfd reader = {.fd = log->fd, .events = POLLOUT};
    pthread_mutex_unlock(&log->lock);
    (void)poll(&reader, 1, ms);
    pthread_mutex_lock(&log->lock);
}

static void *run(void *argument)
{
    struct http_log_file *log = argument;
    pthread_mutex_lock(&log->lock);
    while (goes_on(log)) {
        wait_for_line(log);
        if (goes_on(log))
            gather(log);
        if (goes_on(log) && write_out(log) == -EAGAIN)
            wait_for_reader(log, PATIENCE);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* No signal is for this thread. 0 or -errno. */
static int start(struct http_log_file *log)
{
    sigset_t every, before;
    pthread_attr_t attributes;
    sigfillset(&every);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_BLOCK, &every, &before);
    int rc = -pthread_create(&log->thread, &attributes, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    log->running = rc == 0;
    return rc;
}

/* Lines are left to the thread. */
static void hand_over(struct http_log_file *log)
{
    if (!log->running && start(log) < 0)
        (void)write_out(log);
    else if (log->idle)
        pthread_cond_signal(&log->wake);
}

/* ---------------------------------------------------------------- fork */

static void before_fork(void)
{
    for (int i = 0; i < ALL; i++)
        pthread_mutex_lock(&all[i]->lock);
}

static void in_parent(void)
{
    for (int i = ALL - 1; i >= 0; i--)
        pthread_mutex_unlock(&all[i]->lock);
}

static void make_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* The parent writes its lines itself, and its thread is not here. */
static void in_child(void)
{
    for (int i = 0; i < ALL; i++) {
        struct http_log_file *log = all[i];
        make_cond(&log->wake);
        log->running = log->idle = log->torn = false;
        log->size = 0;
        log->direct = DIRECT;
    }
    in_parent();
}

static void prepare(void)
{
    for (int i = 0; i < ALL; i++)
        make_cond(&all[i]->wake);
    pthread_atfork(before_fork, in_parent, in_child);
}

/* ---------------------------------------------------------------- lines */

static void look_at(struct http_log_file *log)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct stat status;
    (void)pthread_once(&once, prepare);
    log->regular = fstat(log->fd, &status) == 0 && S_ISREG(status.st_mode);
    log->known = true;
}

/* The file has been moved away: what is gathered goes to it, what follows to a new one. */
static void renew(struct http_log_file *log)
{
    (void)write_out(log);
    (void)http_log_renew();
    log->known = log->torn = false;
}

char *http_log_begin(struct http_log_file *log)
{
    pthread_mutex_lock(&log->lock);
    if (log == &http_log_access && http_log_must_renew())
        renew(log);
    if (!log->known)
        look_at(log);
    if (log->size > HTTP_LOG_BUFFER - HTTP_LOG_LINE)
        (void)write_out(log);
    return log->size <= HTTP_LOG_BUFFER - HTTP_LOG_LINE ? log->text + log->size : NULL;
}

static void lose_line(struct http_log_file *log)
{
    log->lost++;
    if (!log->error)
        log->error = -EAGAIN;
}

int http_log_end(struct http_log_file *log, const char *end, bool now)
{
    if (end)
        log->size = (size_t)(end - log->text);
    else
        lose_line(log);
    if (now || log->direct) {
        log->direct -= log->direct > 0;
        (void)write_out(log);
    }
    if (log->size)
        hand_over(log);
    int error = log->told ? 0 : log->error;
    log->told |= error < 0;
    pthread_mutex_unlock(&log->lock);
    return error;
}

int http_log_descriptor(void)
{
    return __atomic_load_n(&http_log_access.fd, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- for the program */

/* All of it, as long as the reader can be waited for. */
static void flush(struct http_log_file *log)
{
    uint64_t until = ss_now() + PATIENCE;
    pthread_mutex_lock(&log->lock);
    while (log->size && write_out(log) == -EAGAIN && ss_now() < until)
        wait_for_reader(log, PATIENCE / 10);
    pthread_mutex_unlock(&log->lock);
}

static void end_thread(struct http_log_file *log)
{
    pthread_mutex_lock(&log->lock);
    bool running = log->running;
    pthread_t thread = log->thread;
    log->running = log->idle = false;
    if (running)
        pthread_cond_broadcast(&log->wake);
    pthread_mutex_unlock(&log->lock);
    if (running)
        pthread_join(thread, NULL);
}

/* Neither a reader that has gone nor a file at its limit is a reason to end the process. */
static void without_signals(void (*function)(struct http_log_file *))
{
    static const struct timespec at_once = {0};
    static const int raised[] = {SIGPIPE, SIGXFSZ};
    sigset_t ours, before;
    sigemptyset(&ours);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
        if (!sigismember(&before, raised[i]))
            sigaddset(&ours, raised[i]);
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
    for (int i = 0; i < ALL; i++)
        function(all[i]);
    while (sigtimedwait(&ours, NULL, &at_once) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void http_access_log_flush(void)
{
    without_signals(flush);
}

static void settle(struct http_log_file *log)
{
    end_thread(log);
    flush(log);
}

void http_log_settle(void)
{
    without_signals(settle);
}

/* exit() was called while lines were waiting. */
__attribute__((destructor)) static void at_exit(void)
{
    without_signals(flush);
}

void http_log_exchange(int fd)
{
    struct http_log_file *log = &http_log_access;
    http_log_settle();
    pthread_mutex_lock(&log->lock);
    int before = log->fd;
    __atomic_store_n(&log->fd, fd, __ATOMIC_RELAXED);
    log->known = log->torn = log->told = false;
    log->size = 0;
    log->error = 0;
    log->lost = 0;
    log->direct = DIRECT;
    pthread_mutex_unlock(&log->lock);
    if (before >= 0)
        close(before);
}

uint64_t http_access_log_lost(void)
{
    uint64_t lost = 0;
    for (int i = 0; i < ALL; i++) {
        pthread_mutex_lock(&all[i]->lock);
        lost += all[i]->lost;
        pthread_mutex_unlock(&all[i]->lock);
    }
    return lost;
}

struct http_log_file http_log_stderr = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                        .wake = PTHREAD_COND_INITIALIZER,
                                        .fd = STDERR_FILENO,
                                        .direct = DIRECT};
struct http_log_file http_log_access = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .fd = -1, .direct = DIRECT};
