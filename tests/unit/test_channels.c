/* SPDX-License-Identifier: MIT */
/* Channels under every composition: many subscribers, many publishers, each message once and in its
   publisher's order, also across two channels and what is posted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

#ifdef __SANITIZE_THREAD__
enum { EACH = 30 }; /* messages of a publisher */
#else
enum { EACH = 100 };
#endif
enum { SUBSCRIBERS = 100, PUBLISHERS = 10 };

/* The message `number` of a publisher goes one of three ways. Returns how many have got it, or -errno. */
static int send_one(struct ss_server *server, int publisher, int number)
{
    char text[40];
    size_t size = (size_t)snprintf(text, sizeof text, "%d %d", publisher, number);
    int got = 0, rc = 0;
    if (number % 10 != 9)
        return ss_publish(server, number % 2 ? "odd" : "even", text, size);
    for (int i = 0; i < counts->ref_count && rc == 0; i++)
        got += (rc = ss_post(server, counts->refs[i], text, size)) == 0;
    return rc < 0 ? rc : got;
}

static int publish_all(struct ss_server *server, int publisher, bool in_handler)
{
    int wrong = 0;
    for (int i = 0; i < EACH; i++) {
        wrong += send_one(server, publisher, i) != counts->ref_count;
        if (in_handler ? i % 5 == 0 && ss_sleep(server, 0) < 0 : 0)
            wrong++;
    }
    return wrong;
}

static int more_commands(struct ss_handler *h, char command, char *words)
{
    return command == 'x' ? answer(h, publish_all(h->server, (int)strtol(words, NULL, 10), true)) : -EBADMSG;
}

/* ---- publishers that are no handlers ---- */

struct publisher {
    struct ss_server *server;
    int number, wrong;
    pthread_t thread;
    pid_t pid;
};

static void *publish_in_thread(void *argument)
{
    struct publisher *p = argument;
    p->wrong = publish_all(p->server, p->number, false);
    return NULL;
}

static void begin_foreign(struct publisher *p, struct running *r, int number)
{
    *p = (struct publisher){.server = &r->server, .number = number};
    if (number % 2) {
        assert_int_equal(pthread_create(&p->thread, NULL, publish_in_thread, p), 0);
        return;
    }
    p->pid = fork();
    if (p->pid == 0)
        _exit(publish_all(&r->server, number, false) != 0);
    assert_true(p->pid > 0);
}

static void end_foreign(struct publisher *p)
{
    if (p->pid)
        assert_int_equal(waitpid(p->pid, &p->wrong, 0), p->pid);
    else
        pthread_join(p->thread, NULL);
    assert_int_equal(p->wrong, 0);
}

/* ---- subscribers ---- */

struct reader {
    int fd, lines;
    int next[PUBLISHERS]; /* the number of the message that comes next */
    char data[4096];
    size_t size;
};

static void take_line(struct reader *reader, const char *line)
{
    uint64_t numbers[3]; /* how many were dropped, the publisher, its message */
    char wanted[40] = "";
    const char *space = strchr(line, ' ');
    if (space && read_numbers(space + 1, numbers, 3) && numbers[1] < PUBLISHERS) {
        int publisher = (int)numbers[1], number = reader->next[publisher]++;
        const char *channel = number % 10 == 9 ? "-" : number % 2 ? "odd" : "even";
        snprintf(wanted, sizeof wanted, "%s 0 %d %d", channel, publisher, number);
    }
    if (strcmp(line, wanted) != 0)
        fail_msg("\"%s\" has come as line %d", line, reader->lines);
    reader->lines++;
}

static void take_lines(struct reader *reader)
{
    ssize_t n = recv(reader->fd, reader->data + reader->size, sizeof reader->data - reader->size - 1, 0);
    char *begin = reader->data, *end;
    if (n <= 0)
        fail_msg("%d lines have come, then %s", reader->lines, n ? strerror(errno) : "the end");
    reader->size += (size_t)n;
    reader->data[reader->size] = '\0';
    for (; (end = strchr(begin, '\n')); begin = end + 1) {
        *end = '\0';
        take_line(reader, begin);
    }
    reader->size -= (size_t)(begin - reader->data);
    memmove(reader->data, begin, reader->size);
}

static void read_all(struct reader *readers, int count, int lines)
{
    struct pollfd fds[SUBSCRIBERS];
    for (int done = 0; done < count;) {
        for (int i = 0; i < count; i++)
            fds[i] = (struct pollfd){.fd = readers[i].lines < lines ? readers[i].fd : -1, .events = POLLIN};
        assert_true(poll(fds, (nfds_t)count, PATIENCE) > 0);
        done = 0;
        for (int i = 0; i < count; i++) {
            if (fds[i].revents)
                take_lines(&readers[i]);
            done += readers[i].lines == lines;
        }
    }
}

static void subscribe(struct running *r, struct reader *readers, int count)
{
    int fds[SUBSCRIBERS];
    clients_in_modes(r, fds, count, "wpr");
    for (int i = 0; i < count; i++) {
        readers[i] = (struct reader){.fd = fds[i]};
        ask(fds[i], "s odd\ns even\ni\n", "= 0\n= 0\n= 0\n");
    }
}

/* Four of the publishers are handlers, if there is room for so many. */
static void check_order(const struct model *m)
{
    static struct reader readers[SUBSCRIBERS];
    struct publisher foreign[PUBLISHERS];
    struct running r;
    int handlers = !m->streams ? 4 : m->streams / 2, all = clients_of(m, SUBSCRIBERS + handlers);
    int subscribers = all - handlers, fds[PUBLISHERS];
    prepare_model(&r, m, NULL, &Obeying);
    r.server.mailbox_count = PUBLISHERS * EACH;
    launch(&r);
    for (int i = 0; i < handlers; i++)
        fds[i] = client_in_mode(&r, 'w');
    subscribe(&r, readers, subscribers);
    assert_int_equal(ss_subscribers(&r.server, "odd"), subscribers);
    for (int i = 0; i < PUBLISHERS; i++)
        if (i < handlers) {
            char line[20];
            snprintf(line, sizeof line, "x %d\n", i);
            say(fds[i], line);
        } else {
            begin_foreign(&foreign[i], &r, i);
        }
    read_all(readers, subscribers, PUBLISHERS * EACH);
    for (int i = 0; i < PUBLISHERS; i++)
        if (i < handlers) {
            expect(fds[i], "= 0\n");
            leave(fds[i]);
        } else {
            end_foreign(&foreign[i]);
        }
    for (int i = 0; i < subscribers; i++) {
        ask(readers[i].fd, "v\n", "= -11\n"); /* nothing twice */
        leave(readers[i].fd);
    }
    stop(&r);
    assert_int_equal(counts->odd + counts->errors, 0);
}

static void test_order(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        check_order(&models[i]);
}

/* ---- all but the one who says it ---- */

static void test_others(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        int fds[3], clients = clients_of(&models[i], 3);
        start_model(&r, &models[i]);
        clients_in_modes(&r, fds, clients, "wpr");
        for (int k = 0; k < clients; k++)
            ask(fds[k], "s room\n", "= 0\n");
        for (int k = 0; k < clients; k++) {
            char reply[20];
            snprintf(reply, sizeof reply, "= %d\n", clients - 1);
            ask(fds[k], "O room hello\n", reply);
            for (int other = 0; other < clients; other++)
                if (other != k)
                    expect(fds[other], "room 0 hello\n");
            ask(fds[k], "u room\nO room bye\n", "= 0\n");
            snprintf(reply, sizeof reply, "= %d\n", clients - 1);
            expect(fds[k], reply);
            for (int other = 0; other < clients; other++)
                if (other != k)
                    expect(fds[other], "room 0 bye\n");
            ask(fds[k], "s room\n", "= 0\n");
        }
        for (int k = 0; k < clients; k++) {
            expect_nothing(fds[k]);
            leave(fds[k]);
        }
        stop(&r);
    }
}

/* What has come by the end of a subscription stays; what comes later does not. */
static void test_unsubscribe(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_model(&r, &models[i]);
        int fd = client_in_mode(&r, "wpr"[i % 3]);
        ask(fd, "u a\ns a\ns b\ns a\nq\n", "= -2\n= 0\n= 0\n= -114\n= 0\n");
        assert_int_equal(ss_publish(&r.server, "a", "1", 1), 1);
        assert_int_equal(ss_publish(&r.server, "b", "2", 1), 1);
        ask(fd, "u a\nu a\nn a\nn b\n", "= 0\n= -2\n= 0\n= 1\n");
        assert_int_equal(ss_publish(&r.server, "a", "3", 1), 0);
        assert_int_equal(ss_publish(&r.server, "b", "", 0), 1);
        ask(fd, "g\n", "= 0\na 0 1\nb 0 2\nb 0 \n");
        leave(fd);
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_unsubscribe),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
