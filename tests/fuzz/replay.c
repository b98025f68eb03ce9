/* SPDX-License-Identifier: MIT */
/* The main of a fuzz target in the tests, without a fuzzer: its corpus, the inputs that once failed, and
   FUZZ_RUNS (20000) mutations of them that are the same each time. An input that fails is left beside the
   program, as NAME.crash. */
#include "fuzz.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_SIZE = 4096, MAX_WORD = 64, MAX_ITEMS = 4096 };

struct bytes {
    size_t size;
    uint8_t data[INPUT_SIZE];
};

static struct bytes *seeds[MAX_ITEMS], words[256];
static size_t seed_count, word_count;
static struct bytes *current; /* shared with the process that runs it */
static char program[4096];
static const char *name; /* of the target */

/* ---------------------------------------------------------------- files */

static struct bytes *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct bytes *bytes = calloc(1, sizeof *bytes);
    REQUIRE(file && bytes);
    bytes->size = fread(bytes->data, 1, sizeof bytes->data, file);
    fclose(file);
    return bytes;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In order of their names; a folder that is not there has none. */
static void read_folder(const char *kind)
{
    char path[4096];
    struct dirent **entries;
    snprintf(path, sizeof path, "tests/fuzz/%s/%s", kind, name);
    int count = scandir(path, &entries, visible, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "tests/fuzz/%s/%s/%s", kind, name, entries[i]->d_name);
        REQUIRE(seed_count < MAX_ITEMS);
        seeds[seed_count++] = read_file(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static const char *read_escape(const char *at, uint8_t *byte)
{
    char digits[3] = {0};
    if (at[0] != 'x' || !isxdigit((unsigned char)at[1]) || !isxdigit((unsigned char)at[2])) {
        *byte = (uint8_t)*at;
        return at + 1;
    }
    memcpy(digits, at + 1, 2);
    *byte = (uint8_t)strtoul(digits, NULL, 16);
    return at + 3;
}

/* A line of a dictionary: name="text", in which \xNN, \" and \\ are escapes. */
static void read_word(const char *line)
{
    const char *at = strchr(line, '"');
    struct bytes *word = &words[word_count];
    if (line[0] == '#' || !at || word_count == sizeof words / sizeof *words)
        return;
    word->size = 0;
    for (at++; *at && *at != '"' && word->size < MAX_WORD; word->size++) {
        if (*at == '\\')
            at = read_escape(at + 1, &word->data[word->size]);
        else
            word->data[word->size] = (uint8_t)*at++;
    }
    word_count += word->size > 0;
}

static void read_dictionary(void)
{
    char path[4096], line[1024];
    snprintf(path, sizeof path, "tests/fuzz/%s.dict", name);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        read_word(line);
    if (file)
        fclose(file);
}

/* ---------------------------------------------------------------- mutations */

static uint32_t state;

static size_t below(size_t limit)
{
    return limit ? fuzz_random(&state) % limit : 0;
}

static void cut(struct bytes *b, size_t at, size_t size)
{
    memmove(b->data + at, b->data + at + size, b->size - at - size);
    b->size -= size;
}

/* `data` may be a part of b itself. */
static void insert(struct bytes *b, size_t at, const uint8_t *data, size_t size)
{
    uint8_t copy[INPUT_SIZE];
    if (size > INPUT_SIZE - b->size)
        size = INPUT_SIZE - b->size;
    memcpy(copy, data, size);
    memmove(b->data + at + size, b->data + at, b->size - at);
    memcpy(b->data + at, copy, size);
    b->size += size;
}

static void insert_part(struct bytes *b, size_t at, const struct bytes *from)
{
    size_t begin = below(from->size);
    insert(b, at, from->data + begin, below(from->size - begin) + (from->size > 0));
}

static void mutate(struct bytes *b)
{
    static const uint8_t special[] = {0,   1,   '\t', '\n', '\r', ' ', '"', '%',  ',',  '-',  '.',
                                      '/', '0', '9',  ':',  ';',  '=', 'A', '\\', 0x7f, 0x80, 0xff};
    size_t at = below(b->size + 1);
    uint8_t byte = below(2) ? special[below(sizeof special)] : (uint8_t)below(256);
    switch (below(7)) {
    case 0:
        insert(b, at, &byte, 1);
        break;
    case 1:
        cut(b, at, below(b->size - at + 1));
        break;
    case 2:
        insert_part(b, at, b);
        break;
    case 3:
        insert_part(b, at, seeds[below(seed_count)]);
        break;
    case 4:
        if (word_count > 0) {
            const struct bytes *word = &words[below(word_count)];
            insert(b, at, word->data, word->size);
        }
        break;
    case 5:
        if (at < b->size)
            b->data[at] ^= (uint8_t)(1U << below(8));
        break;
    default:
        if (at < b->size)
            b->data[at] = byte;
        break;
    }
}

/* ---------------------------------------------------------------- runs */

static void run(void)
{
    uint8_t *copy = (uint8_t *)fuzz_copy(current->data, current->size, NULL, 0);
    LLVMFuzzerTestOneInput(copy, current->size);
    free(copy);
}

static void run_seeds(unsigned long count)
{
    for (size_t i = 0; i < count; i++) {
        *current = *seeds[i];
        run();
    }
}

static void run_mutations(unsigned long count)
{
    state = 2463534242;
    for (unsigned long i = 0; i < count; i++) {
        *current = *seeds[below(seed_count)];
        for (size_t n = below(6) + 1; n > 0; n--)
            mutate(current);
        run();
    }
}

static void keep_crash(void)
{
    char path[4200];
    snprintf(path, sizeof path, "%s.crash", program);
    FILE *file = fopen(path, "wb");
    if (!file)
        return;
    fwrite(current->data, 1, current->size, file);
    fclose(file);
    printf("# the input is in %s\n", path);
}

/* In a process of its own, so that this one can tell the input that ended it. */
static int test(int number, const char *what, void (*runs)(unsigned long), unsigned long count)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        runs(count);
        exit(0);
    }
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
    printf("%sok %d - %s: %lu %s\n", status ? "not " : "", number, name, count, what);
    if (status)
        keep_crash();
    return status != 0;
}

int main(int argc, char **argv)
{
    const char *runs = getenv("FUZZ_RUNS");
    snprintf(program, sizeof program, "%s", argv[0]);
    const char *base = strstr(program, "fuzz_");
    for (const char *next = base; next; next = strstr(base + 1, "fuzz_"))
        base = next;
    REQUIRE(base);
    name = base + strlen("fuzz_");
    current = mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(current != MAP_FAILED);
    if (argc > 1) { /* files, to look at a crash */
        for (int i = 1; i < argc; i++)
            seeds[seed_count++] = read_file(argv[i]);
        run_seeds(seed_count);
        return 0;
    }
    read_folder("corpus");
    read_folder("crashes");
    read_dictionary();
    if (seed_count == 0)
        seeds[seed_count++] = calloc(1, sizeof **seeds); /* begins with nothing */
    REQUIRE(seeds[0]);
    printf("1..2\n");
    int failed = test(1, "inputs", run_seeds, seed_count);
    failed += test(2, "mutations", run_mutations, runs ? strtoul(runs, NULL, 10) : 20000);
    return failed > 0;
}
