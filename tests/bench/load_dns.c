/* SPDX-License-Identifier: MIT */
/* load_dns: asks a name server; see load.h.

   load_dns [-c CLIENTS] [-w WINDOW] [-s SECONDS | -n REQUESTS] PORT NAME/TYPE...

     -c  so many sockets (8),
     -w  each with so many questions under way (8)

   The questions are asked in turns, TYPE being a number. Of every answer the header and the question are
   compared, and it has to have records; one without an answer is asked again and reported. */
#include "load.h"
#include <unistd.h>

enum {
    MOST = 512,
    HEADER = 12,
    WINDOW = 64,
    QUESTIONS = 16,
    PATIENCE = 200 /* ms until one is taken for lost */
};

struct flight {
    uint16_t number; /* of the question under way; 0: none */
    uint64_t began;
};

struct client {
    int fd;
    uint16_t numbers;
    struct flight window[WINDOW];
    unsigned waiting, waiting_at[WINDOW]; /* those to be sent */
};

static struct load load = {.connections = 8, .seconds = 1};
static struct client *clients;
static unsigned window = 8, question_count;
static struct {
    char data[MOST];
    size_t size;
} questions[QUESTIONS];
static char out[WINDOW][MOST], in[WINDOW][4096];
static struct iovec pieces[2][WINDOW];
static struct mmsghdr out_headers[WINDOW], in_headers[WINDOW];

/* "www.example.org/1" */
static void make_question(char *text)
{
    char *slash = strchr(text, '/');
    if (!slash || strlen(text) > 250 || question_count >= QUESTIONS)
        DIE("%s: not NAME/TYPE, or one too many", text);
    char *data = questions[question_count].data, *at = data + HEADER;
    unsigned type = (unsigned)number(slash + 1, 1, 65535);
    *slash = '\0';
    memcpy(data, "\0\0\0\0\0\1\0\0\0\0\0\0", HEADER);
    for (char *label = text; *label; label += strspn(label, ".")) {
        size_t size = strcspn(label, ".");
        *at++ = (char)size;
        memcpy(at, label, size);
        at += size;
        label += size;
    }
    memcpy(at, (char[]){0, (char)(type >> 8), (char)type, 0, 1}, 5);
    questions[question_count++].size = (size_t)(at + 5 - data);
}

static void wait_for_turn(struct client *c, unsigned at)
{
    c->waiting_at[c->waiting++] = at;
    c->window[at].began = nanoseconds();
}

/* The number tells the place in the window, and which question it was. */
static void send_waiting(struct client *c)
{
    for (unsigned i = 0; i < c->waiting; i++) {
        unsigned number = c->window[c->waiting_at[i]].number, of = number / WINDOW % question_count;
        memcpy(out[i], questions[of].data, questions[of].size);
        out[i][0] = (char)(number >> 8);
        out[i][1] = (char)number;
        pieces[0][i].iov_len = questions[of].size;
    }
    if (c->waiting && sendmmsg(c->fd, out_headers, c->waiting, 0) < 0)
        DIE("sendmmsg: %s", strerror(errno));
    c->waiting = 0; /* what was not sent is lost */
}

static void ask(struct client *c, unsigned at)
{
    bool one_more = load_begin(&load);
    c->numbers = c->numbers == 65535 / WINDOW ? 1 : c->numbers + 1;
    c->window[at].number = one_more ? (uint16_t)(c->numbers * WINDOW + at) : 0;
    if (one_more)
        wait_for_turn(c, at);
}

static void take(struct client *c, const char *data, size_t size)
{
    unsigned number = (unsigned char)data[0] << 8 | (unsigned char)data[1], at = number % WINDOW;
    size_t asked = questions[number / WINDOW % question_count].size;
    if (size < asked || !(data[2] & 0x80) || (data[3] & 15) % 3 || !memcmp(data + 6, "\0\0\0\0\0\0", 6) ||
        memcmp(data + HEADER, questions[number / WINDOW % question_count].data + HEADER, asked - HEADER) != 0)
        DIE("not an answer to what was asked");
    if (c->window[at].number != number) {
        if (!load.lost)
            DIE("an answer that nobody has asked for");
        return; /* one that was taken for lost */
    }
    load.bytes += size;
    load_done(&load, c->window[at].began);
    ask(c, at);
}

static void receive(struct client *c)
{
    int n = recvmmsg(c->fd, in_headers, WINDOW, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN)
        DIE("recvmmsg: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        take(c, in[i], in_headers[i].msg_len);
}

static void repeat_lost(struct client *c)
{
    uint64_t now = nanoseconds();
    for (unsigned i = 0; i < window; i++)
        if (c->window[i].number && now > c->window[i].began + PATIENCE * UINT64_C(1000000)) {
            load.lost++;
            wait_for_turn(c, i);
        }
}

static void run(void)
{
    for (int i = 0; i < load.connections; i++) {
        clients[i].fd = load_connect(&load, SOCK_DGRAM, &clients[i]);
        for (unsigned at = 0; at < window; at++)
            ask(&clients[i], at);
        send_waiting(&clients[i]);
    }
    for (unsigned turn = 1; !load_over(&load); turn++)
        for (int i = 0; i < load.connections; i++) {
            receive(&clients[i]);
            if (turn % 65536 == 0)
                repeat_lost(&clients[i]);
            send_waiting(&clients[i]);
        }
}

int main(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "c:w:s:n:")) != -1;) {
        if (option == 'w')
            window = (unsigned)number(optarg, 1, WINDOW);
        else if (!load_option(&load, option, optarg))
            return 2;
    }
    if (argc - optind < 2)
        DIE("usage: load_dns [OPTION]... PORT NAME/TYPE...");
    for (int i = optind + 1; i < argc; i++)
        make_question(argv[i]);
    for (int i = 0; i < WINDOW; i++) {
        pieces[0][i] = (struct iovec){out[i], 0};
        pieces[1][i] = (struct iovec){in[i], sizeof in[i]};
        out_headers[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[0][i], .msg_iovlen = 1};
        in_headers[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[1][i], .msg_iovlen = 1};
    }
    if (!(clients = calloc((size_t)load.connections, sizeof *clients)))
        DIE("no memory for %d clients", load.connections);
    load_start(&load, argv[optind]);
    run();
    load_report(&load);
    free(clients);
}
