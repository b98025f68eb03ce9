/* SPDX-License-Identifier: MIT */
/* later [ADDRESS [CLASS]]: a thread of the program's own answers, a second later, while others are served.
   The handler gives it a job with the ref of the request, and waits for a message.

   Try:  build/samples/later localhost:8085 EventLoop
   and:  curl http://localhost:8085/ */
#include "http_server.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct job {
    struct ss_server *server;
    struct ss_ref ref; /* the request that waits for the answer */
    uint64_t due;
    char path[100];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_t worker;
static int error, jobs[2] = {-1, -1}; /* a pipe: bounded, and the end of it is the end of the work */

static void *work(void *unused)
{
    struct job job;
    char answer[200];
    (void)unused;
    while (read(jobs[0], &job, sizeof job) == sizeof job) {
        uint64_t now = ss_now(); /* this work is waiting; it might be a database, or a picture computed */
        if (now < job.due)
            poll(NULL, 0, (int)(job.due - now));
        int size = snprintf(answer, sizeof answer, "You asked for %s a second ago.\n", job.path);
        int rc = ss_post(job.server, job.ref, answer, (size_t)size);
        if (rc < 0 && rc != -ESTALE) /* -ESTALE: the request has ended */
            fprintf(stderr, "later: %s\n", strerror(-rc));
    }
    return NULL;
}

static void start(void)
{
    bool piped = pipe2(jobs, O_CLOEXEC) == 0 && fcntl(jobs[1], F_SETFL, O_NONBLOCK) == 0;
    error = piped ? -pthread_create(&worker, NULL, work, NULL) : -errno;
}

static int do_GET(struct ss_handler *h)
{
    struct ss_message message;
    struct job job = {.server = h->server, .due = ss_now() + 1000};
    snprintf(job.path, sizeof job.path, "%s", http_request(h)->path);
    pthread_once(&once, start); /* here, and not in main: a thread does not survive a fork */
    int rc = error ? error : ss_ref(h, &job.ref);
    if (rc == 0 && write(jobs[1], &job, sizeof job) < 0)
        rc = -errno; /* -EAGAIN when the pipe is full: the client gets 503 */
    if (rc < 0)
        return rc;
    rc = ss_wait(h, SS_MESSAGE, 5000);
    if (rc == 0)
        return http_send_error(h, 504, NULL, NULL); /* an answer that comes even later finds nobody */
    rc = rc < 0 ? rc : ss_receive(h, &message);
    return rc < 0 ? rc : http_reply(h, 200, "text/plain; charset=utf-8", message.data, message.size);
}

static const struct http_handler_class Later = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
};

static void server_close(struct ss_server *self);
static const struct ss_class LaterServer = {
    .name = "LaterServer", .base = &HTTPServer, .server_close = server_close};

/* The worker must not post to a server that is gone. Here its handlers have ended: nobody else gives jobs. */
static void server_close(struct ss_server *self)
{
    ss_super(self, &LaterServer)->server_close(self);
    if (jobs[1] >= 0) {
        close(jobs[1]);
        jobs[1] = -1;
        if (!error)
            pthread_join(worker, NULL);
        close(jobs[0]);
    }
}

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "A thread of its own answers, a second later.",
        .address = "localhost:8085",
        .cls = "LaterServer",
        .own = &LaterServer,
        .scheme = "http",
        .handler = &Later.handler,
    };
    return ss_main(argc, argv, &program);
}
