/* SPDX-License-Identifier: MIT */
/* What the handler of all combinations does with messages. */
#include "matrix.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static const char room[] = "chat";

/* ---- a chat: what one says, all others read ---- */

/* 1; 0 at the end; -errno */
static int listen_and_say(struct ss_handler *h)
{
    struct ss_message message;
    char line[100];
    ssize_t n;
    while (ss_receive(h, &message) == 0)
        ss_write(h->wfile, message.data, message.size);
    while ((n = ss_readline_now(h->rfile, line, sizeof line)) > 0)
        (void)ss_publish_others(h, room, line, (size_t)n);
    return n == -EAGAIN ? 1 : (int)n;
}

static int resume_chat(struct ss_handler *h, int why)
{
    if (why < 0)
        return ss_printf(h->wfile, "bye\n");
    int rc = listen_and_say(h);
    h->timeout = -1;
    return rc > 0 ? SS_PARK : rc;
}

int do_chat(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    int rc = n <= 0 ? (int)n : ss_subscribe(h, room, SS_DROP_OLDEST);
    if (n <= 0 || rc < 0)
        return rc;
    ss_printf(h->wfile, "joined\n");
    h->timeout = -1;
    if (*line == 'k') {
        h->request->resume = resume_chat;
        return SS_PARK;
    }
    while ((rc = listen_and_say(h)) > 0 && (rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1)) > 0)
        ;
    return rc;
}

/* ---- a reply that comes late, from another process ---- */

/* Nobody has to wait for the process that replies: its parent ends at once. */
static int begin_reply(struct ss_handler *h)
{
    struct ss_ref ref = {0};
    int rc = ss_ref(h, &ref);
    pid_t pid = rc < 0 ? -1 : fork();
    if (pid == 0) {
        if (fork() == 0) {
            poll(NULL, 0, 10);
            (void)ss_post(h->server, ref, "late", 4);
        }
        _exit(0);
    }
    if (pid < 0)
        return rc < 0 ? rc : -errno;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

static int end_reply(struct ss_handler *h)
{
    struct ss_message message;
    int rc = ss_receive(h, &message);
    return rc < 0 ? rc : ss_write(h->wfile, message.data, message.size);
}

static int resume_reply(struct ss_handler *h, int why)
{
    return why == SS_MESSAGE ? end_reply(h) : -EPROTO;
}

int do_reply(struct ss_handler *h)
{
    int rc = begin_reply(h);
    if (rc == 0)
        rc = ss_wait(h, SS_MESSAGE, PATIENCE);
    return rc > 0 ? end_reply(h) : rc < 0 ? rc : -ETIMEDOUT;
}

int do_reply_parked(struct ss_handler *h)
{
    int rc = begin_reply(h);
    h->request->resume = resume_reply;
    return rc < 0 ? rc : SS_PARK;
}
