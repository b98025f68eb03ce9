/* SPDX-License-Identifier: MIT */
/* matrix [NAME...]: runs all combinations (under sanitizers those that differ), or those whose name contains
   one of the arguments; a few at a time, each in a process of its own. Each one runs twice (under sanitizers
   one way or the other): as it is, and with a mix-in that masks every byte, on the left of the others at one
   address of a server class and on their right at its other one. Says "ok" or "not ok" for each check of
   each, and ends with a table for the README. */
#include "matrix.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_A_TIME = 8, SANITIZED_AT_A_TIME = 4 };

static const struct model models[] = {
    {"sequential", {NULL}, 0, 1},
    {"threading", {&ThreadingMixIn}, 0, 0},
    {"threadpool", {&ThreadPoolMixIn}, 4, 0},
    {"forking", {&ForkingMixIn}, 0, 0},
    {"preforking", {&PreforkingMixIn}, 2, 2},
    {"eventloop", {&EventLoopMixIn}, 0, 0},
    {"eventloop x 2", {&EventLoopMixIn}, 2, 0},
    {"preforking + eventloop", {&PreforkingMixIn, &EventLoopMixIn}, 2, 0},
    {"preforking + threading", {&PreforkingMixIn, &ThreadingMixIn}, 2, 0},
};
static const struct place places[] = {
    {&TCPServer, "TCPServer, IPv4", "127.0.0.1:0", true},
    {&TCPServer, "TCPServer, IPv6", "[::1]:0", true},
    {&UDPServer, "UDPServer, IPv4", "127.0.0.1:0", false},
    {&UDPServer, "UDPServer, IPv6", "[::1]:0", false},
    {&UnixStreamServer, "UnixStreamServer, path", "unix:%s", true},
    {&UnixStreamServer, "UnixStreamServer, abstract", "unix:@%s", true},
    {&UnixDatagramServer, "UnixDatagramServer, path", "unix:%s", false},
    {&UnixDatagramServer, "UnixDatagramServer, abstract", "unix:@%s", false},
};
enum { MODELS = sizeof models / sizeof *models, PLACES = sizeof places / sizeof *places };
enum { ROWS = 2 * PLACES }; /* of results: the places, and then once more, masked */

/* Found by the processes of the trials. */
struct result {
    int ran, passed, not_applicable, idle_ms;
    struct shared shared;
};
static struct result (*results)[MODELS];
static const char *directory;

static const struct place *place_of(int row)
{
    return &places[row % PLACES];
}

static enum side side_of(int row)
{
    return row < PLACES ? PLAIN : row % 2 ? RIGHT : LEFT;
}

static const char *describe(int row)
{
    static const char *const names[] = {"", ", masked on the left", ", masked on the right"};
    return names[side_of(row)];
}

/* ---- one combination ---- */

static void run_check(struct trial *t, const char *how, const struct check *check, struct result *result)
{
    const char *wrong = check->run(t);
    bool skipped = wrong == NOT_APPLICABLE;
    clean_up(t);
    result->ran++;
    result->passed += !wrong || skipped;
    result->not_applicable += skipped;
    if (skipped)
        return;
    dprintf(STDOUT_FILENO, wrong ? "not ok - %s%s: %s: %s # %s\n" : "ok - %s%s: %s: %s\n", t->place->name,
            how, t->model->name, check->name, wrong);
}

static void examine(int model, int row)
{
    struct result *result = &results[row][model];
    char own[64];
    snprintf(own, sizeof own, "%s/%d", directory, getpid());
    struct trial t = {.model = &models[model],
                      .place = place_of(row),
                      .side = side_of(row),
                      .prefix = own,
                      .shared = &result->shared,
                      .alive = -1,
                      .events = -1,
                      .gate = -1,
                      .errors = -1};
    for (const struct check *c = serving_checks; c->name; c++)
        run_check(&t, describe(row), c, result);
    for (const struct check *c = talking_checks; c->name; c++)
        run_check(&t, describe(row), c, result);
    for (const struct check *c = stopping_checks; c->name; c++)
        run_check(&t, describe(row), c, result);
    result->idle_ms = t.idle_ms;
}

/* ---- all of them ---- */

static const char *sanitizer(void)
{
    const char *name = getenv("SANITIZE");
    return name ? name : "";
}

/* Under sanitizers, where a process costs many times as much, one address of each class will do: what a
   mix-in does is the same at the other; it is masked for one half of the mix-ins of a class, and as it is for
   the other; and for ThreadSanitizer a server has threads. */
static bool is_needed(int model, int row)
{
    const struct model *m = &models[model];
    bool forking = m->mixins[0] == &ForkingMixIn || (m->mixins[0] == &PreforkingMixIn && !m->mixins[1]);
    bool threads = m->mixins[0] && !forking;
    bool masked = row >= PLACES, second = !masked || row % PLACES < PLACES / 2 ? row % 2 : row % 2 == 0;
    bool turn = masked == ((row % PLACES / 2 + model) % 2 != 0);
    return !*sanitizer() || (!second && turn && (threads || strcmp(sanitizer(), "thread") != 0));
}

static bool wanted(int model, int row, char **names)
{
    if (!*names)
        return is_needed(model, row);
    char name[100];
    snprintf(name, sizeof name, "%s, %s%s", place_of(row)->name, models[model].name, describe(row));
    for (char **n = names; *n; n++)
        if (strstr(name, *n))
            return true;
    return false;
}

static bool reap(void)
{
    int status = 0;
    if (wait(&status) < 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    printf("not ok - an examiner has died: %#x\n", (unsigned)status);
    return false;
}

static bool run_all(char **names)
{
    int running = 0, limit = *sanitizer() ? SANITIZED_AT_A_TIME : AT_A_TIME;
    bool good = true;
    for (int i = 0; i < ROWS * MODELS; i++) {
        int row = i % ROWS, model = i / ROWS;
        if (!wanted(model, row, names))
            continue;
        if (running == limit) {
            good &= reap();
            running--;
        }
        fflush(stdout);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            examine(model, row);
            exit(0);
        }
        running++;
    }
    while (running-- > 0)
        good &= reap();
    return good;
}

/* ---- the table ---- */

static void print_cell(const struct result *r, bool stream)
{
    /* a datagram server has no connections: the check of truncation takes the place of nothing */
    bool one_at_a_time = stream && r->not_applicable > 1;
    if (r->ran == 0)
        printf(" - |");
    else if (r->passed < r->ran)
        printf(" %d of %d failed |", r->ran - r->passed, r->ran);
    else
        printf(" %d ms%s |", r->idle_ms, one_at_a_time ? " °" : "");
}

static void print_table(void)
{
    printf("\n| |");
    for (int m = 0; m < MODELS; m++)
        printf(" %s |", models[m].name);
    printf("\n|---|");
    for (int m = 0; m < MODELS; m++)
        printf("--:|");
    for (int p = 0; p < PLACES; p++) {
        printf("\n| %s |", places[p].name);
        for (int m = 0; m < MODELS; m++)
            print_cell(&results[p][m], places[p].stream);
    }
    printf("\n\nEach cell: all checks passed; from shutdown to the end of the last process, with %d idle\n"
           "clients connected where there are connections. °: one connection at a time in each process, so\n"
           "not %d clients at once.\n\n",
           IDLE, CROWD);
}

/* Adds up the results of the rows from `first` to before `end`. */
static struct result total_of(int first, int end)
{
    struct result all = {0};
    for (int row = first; row < end; row++)
        for (int m = 0; m < MODELS; m++) {
            all.ran += results[row][m].ran;
            all.passed += results[row][m].passed;
        }
    return all;
}

static bool all_passed(void)
{
    struct result all = total_of(0, ROWS), masked = total_of(PLACES, ROWS);
    printf("Of the same checks with a mix-in that masks every byte %d of %d passed.\n\n", masked.passed,
           masked.ran);
    return all.ran > 0 && all.passed == all.ran;
}

int main(int argc, char **argv)
{
    char template[] = "/tmp/ss-matrix-XXXXXX"; /* short: an address is 107 characters at most */
    (void)argc;
    prepare_stock(argv);
    signal(SIGPIPE, SIG_IGN);
    results = mmap(NULL, ROWS * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    directory = mkdtemp(template);
    if (results == MAP_FAILED || !directory)
        return 1;
    bool good = run_all(argv + 1), clean = rmdir(directory) == 0;
    print_table();
    good &= all_passed();
    printf("%s - sockets are removed from %s\n", clean ? "ok" : "not ok", directory);
    return good && clean ? 0 : 1;
}
