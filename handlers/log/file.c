/* SPDX-License-Identifier: MIT */
/* The buffers of log lines, and the threads that write what is in them. */
#include "log/file.h"
#include "http_server.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DIRECT = 8,       /* lines of a process that are written at once */
    FILE_DELAY = 900, /* ms that lines for a file may wait */
    PIPE_DELAY = 20,  /* ms for anything else: somebody may be looking */
    PATIENCE = 500,   /* ms to wait for a reader that takes nothing */
    PAUSE = 10,       /* ms */
    STACK = 256 * 1024,
};

struct http_log_file {
    pthread_mutex_t lock;
    pthread_cond_t flushed;
    atomic_int fd;       /* -1: not open */
    atomic_bool regular; /* it is a regular file, which can always be written */
    atomic_bool torn;    /* the line that was written last lacks its end */
    bool running;        /* there is a thread, which will write what is in the buffer */
    unsigned direct;     /* so many more lines are written at once */
    int error;           /* the first one that lines were lost by */
    bool told;           /* somebody knows of it */
    uint64_t lost;       /* lines */
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

/* The number of bytes for the next call of write(2): up to the end of a line, and to a pipe no more than it
   takes whole. */
static size_t piece_size(const struct http_log_file *log, size_t from)
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

/* Ends a line of which only a part could be written. Returns what write(2) does. */
static ssize_t mend(struct http_log_file *log)
{
    ssize_t n = log->torn ? write(log->fd, "\n", 1) : 1;
    if (n == 1)
        log->torn = false;
    return n;
}

/* Writes what is in the buffer. 0, or -EAGAIN when the rest has to wait. What cannot be written at all is
   lost. */
static int write_out(struct http_log_file *log)
{
    size_t done = 0;
    while (done < log->size) {
        if (!takes_more(log))
            break;
        ssize_t n = done ? 1 : mend(log);
        if (n >= 0)
            n = write(log->fd, log->text + done, piece_size(log, done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            if (done && log->text[done - 1] != '\n')
                log->torn = true;
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

/* False: the time is over. */
static bool wait_until(struct http_log_file *log, const struct timespec *until)
{
    return pthread_cond_clockwait(&log->flushed, &log->lock, CLOCK_MONOTONIC, until) == 0;
}

/* Waits without the lock, which serving threads need. What poll lacks does not come back sooner. */
static void wait_for_reader(struct http_log_file *log, int ms)
{
    struct pollfd reader = {.fd = log->fd, .events = POLLOUT};
    pthread_mutex_unlock(&log->lock);
    if (poll(&reader, 1, ms) < 0)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE * 1000000L}, NULL);
    pthread_mutex_lock(&log->lock);
}

/* Lets more lines come for a while, writes all of them, and ends. */
static void *run(void *argument)
{
    struct http_log_file *log = argument;
    struct timespec until = after(log->regular ? FILE_DELAY : PIPE_DELAY);
    pthread_mutex_lock(&log->lock);
    while (log->size && wait_until(log, &until))
        ;
    while (write_out(log) == -EAGAIN)
        wait_for_reader(log, PATIENCE);
    log->running = false;
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* No signal is for this thread. False: it cannot be made. */
static bool start(struct http_log_file *log)
{
    sigset_t every, before;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&every);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &every, &before);
    int error = pthread_create(&thread, &attributes, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0;
}

/* Leaves the lines to the thread. */
static void hand_over(struct http_log_file *log)
{
    if (!log->running && !(log->running = start(log)))
        (void)write_out(log);
}

/* ---------------------------------------------------------------- fork and exit */

static void lock_all(void)
{
    for (int i = 0; i < ALL; i++)
        pthread_mutex_lock(&all[i]->lock);
}

static void unlock_all(void)
{
    for (int i = ALL - 1; i >= 0; i--)
        pthread_mutex_unlock(&all[i]->lock);
}

/* In a forked child: the lines in the buffers are the parent's, who writes them, and its threads are not
   here. */
static void begin_anew(void)
{
    for (int i = 0; i < ALL; i++) {
        struct http_log_file *log = all[i];
        log->flushed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        log->running = false;
        log->torn = false;
        log->size = 0;
        log->direct = DIRECT;
    }
    unlock_all();
}

static void prepare(void)
{
    http_log_changed(&http_log_stderr);
    pthread_atfork(lock_all, unlock_all, begin_anew);
    atexit(http_access_log_flush);
}

/* ---------------------------------------------------------------- lines */

char *http_log_begin(struct http_log_file *log)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, prepare);
    pthread_mutex_lock(&log->lock);
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

/* ---------------------------------------------------------------- for the program */

/* Writes everything, unless the reader has to be waited for too long. The thread has nothing left to do. */
static void flush(struct http_log_file *log)
{
    uint64_t until = ss_now() + PATIENCE;
    pthread_mutex_lock(&log->lock);
    while (write_out(log) == -EAGAIN && ss_now() < until)
        wait_for_reader(log, PATIENCE / 10);
    pthread_cond_broadcast(&log->flushed);
    pthread_mutex_unlock(&log->lock);
}

/* Neither a reader that has gone nor a file at its limit ends the process. It is this thread that writes, and
   not the other one, on which a child that was forked while others made threads could wait for ever under a
   sanitizer. */
void http_access_log_flush(void)
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
        flush(all[i]);
    while (sigtimedwait(&ours, NULL, &at_once) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int http_log_descriptor(void)
{
    return http_log_access.fd;
}

void http_log_changed(struct http_log_file *log)
{
    struct stat status;
    log->torn = false;
    log->regular = fstat(log->fd, &status) == 0 && S_ISREG(status.st_mode);
}

void http_log_exchange(int fd)
{
    struct http_log_file *log = &http_log_access;
    http_access_log_flush();
    pthread_mutex_lock(&log->lock);
    int before = log->fd;
    log->fd = fd;
    http_log_changed(log);
    log->told = false;
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
                                        .flushed = PTHREAD_COND_INITIALIZER,
                                        .fd = STDERR_FILENO,
                                        .direct = DIRECT};
struct http_log_file http_log_access = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .flushed = PTHREAD_COND_INITIALIZER, .fd = -1, .direct = DIRECT};
