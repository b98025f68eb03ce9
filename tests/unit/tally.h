/* SPDX-License-Identifier: MIT */
/* For unit tests: a class with shared memory, and a handler that obeys those who want to see what becomes of
   it and of its lock. To be included behind cmocka.h. */
#ifndef TALLY_H
#define TALLY_H

#include "server_thread.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { WORKERS = 3 };

static const struct ss_class Tallying;

struct tally {
    volatile unsigned count; /* of increases, each of which reads and writes memory */
    unsigned odd;            /* is 1 while the work is half done */
    unsigned deaths;         /* of holders, as the lock has told */
    atomic_uint killed;      /* processes that a signal has ended */
};

static inline void note_killed(struct ss_server *self, pid_t pid, int status, int error)
{
    struct tally *tally = ss_shared(self, &Tallying);
    (void)pid, (void)error;
    if (WIFSIGNALED(status))
        atomic_fetch_add(&tally->killed, 1);
}

static const struct ss_class Tallying = {
    .name = "Tallying", .shared_size = sizeof(struct tally), .child_ended = note_killed};

/* Takes the lock; what its last holder has left half done is put in order. */
static inline int take(struct ss_server *self, struct tally *tally)
{
    int rc = ss_lock(self, &Tallying);
    if (rc == -EOWNERDEAD) {
        tally->odd = 0;
        tally->deaths++;
    }
    if (tally->odd)
        return -EPROTO;
    tally->odd = 1;
    return rc;
}

static inline void give_back(struct ss_server *self, struct tally *tally)
{
    tally->odd = 0;
    (void)ss_unlock(self, &Tallying);
}

static inline void die_with_lock(struct ss_server *self)
{
    (void)take(self, ss_shared(self, &Tallying));
    raise(SIGKILL);
}

static inline void kill_child_with_lock(struct ss_server *self)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        die_with_lock(self);
    waitpid(pid, &status, 0);
}

/* ThreadSanitizer reports it as a mistake. */
static inline int unlock_again(struct ss_server *self)
{
#ifdef __SANITIZE_THREAD__
    (void)self;
    return -EPERM;
#else
    return ss_unlock(self, &Tallying);
#endif
}

static inline int errors(struct ss_server *self)
{
    if (unlock_again(self) != -EPERM || ss_lock(self, &Tallying) != 0)
        return 1;
    if (ss_lock(self, &Tallying) != -EDEADLK || ss_unlock(self, &Tallying) != 0)
        return 2;
    if (unlock_again(self) != -EPERM)
        return 3;
    if (ss_lock(self, &UDPServer) != -EINVAL || ss_unlock(self, &TCPServer) != -EINVAL)
        return 4;
    return ss_shared(self, &UDPServer) || ss_shared(self, &TCPServer) ? 5 : 0;
}

/* Each line is a command for the handler. */
static inline int obey(struct ss_handler *h)
{
    struct tally *tally = ss_shared(h->server, &Tallying);
    char line[20];
    int rc = 0;
    while (ss_readline(h->rfile, line, sizeof line) > 0) {
        switch (*line) {
        case '+':
            rc = take(h->server, tally);
            tally->count++;
            give_back(h->server, tally);
            break;
        case 'k':
            kill_child_with_lock(h->server);
            break;
        case 'd':
            die_with_lock(h->server);
            break;
        default:
            rc = errors(h->server);
        }
        ss_printf(h->wfile, "%s\n",
                  rc == 0             ? "ok"
                  : rc == -EOWNERDEAD ? "dead"
                                      : strerror(rc < 0 ? -rc : rc));
    }
    return 0;
}

static const struct ss_handler_class Obeying = {.handle = obey};

/* `first` and the bases of a TCP server under the mix-in. */
static inline void prepare_under(struct running *r, const struct ss_class *first, const char *mixin)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {first};
    char name[100];
    snprintf(name, sizeof name, "%sTCPServer", mixin);
    const struct ss_class *const *own = ss_bases(name);
    assert_non_null(own);
    for (int i = 0; own[i]; i++)
        bases[i + 1] = own[i];
    prepare(r, bases, "127.0.0.1:0", &Obeying);
    r->server.workers = WORKERS;
}

static inline struct tally *start_under(struct running *r, const char *mixin)
{
    prepare_under(r, &Tallying, mixin);
    launch(r);
    return ss_shared(&r->server, &Tallying);
}

static inline void ask(const struct running *r, const char *command, const char *answer)
{
    int fd = client_of(&r->server);
    say(fd, command);
    expect(fd, answer);
    shutdown(fd, SHUT_RDWR); /* a forked child has the descriptor, too */
    close(fd);
}

#endif
