/* SPDX-License-Identifier: MIT */
/* Memory that all processes of a server share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tally.h"
#include <sys/mman.h>
#include <sys/wait.h>

enum { LINE = 64 };

static const struct ss_class One, Page;

static void write_soon(struct ss_server *self)
{
    char *one = ss_shared(self, &One);
    assert_non_null(one);
    assert_int_equal(*one, 0);
    assert_int_equal(ss_lock(self, &One), 0);
    *one = 'x';
    assert_int_equal(ss_unlock(self, &One), 0);
}

static const struct ss_class One = {.name = "One", .shared_size = 1, .defaults = write_soon};
static const struct ss_class Page = {.name = "Page", .state_size = 3, .shared_size = 5000};
static const struct ss_class None = {.name = "None", .state_size = 3};
static const struct ss_class Greedy = {.name = "Greedy", .shared_size = SIZE_MAX};

static void check_lines(const char *a, size_t size, const char *b, size_t other)
{
    assert_true(((uintptr_t)a + size - 1) / LINE < (uintptr_t)b / LINE ||
                ((uintptr_t)b + other - 1) / LINE < (uintptr_t)a / LINE);
}

static void test_memory(void **state)
{
    struct ss_server server;
    (void)state;
    for (int times = 0; times < 2; times++) {
        assert_int_equal(ss_server_init(&server, SS_BASES(&One, &None, &Page, &Tallying, &TCPServer),
                                        "127.0.0.1:0", &Obeying),
                         0);
        char *parts[] = {ss_shared(&server, &One), ss_shared(&server, &Page), ss_shared(&server, &Tallying)};
        size_t sizes[] = {1, 5000, sizeof(struct tally)};
        assert_null(ss_shared(&server, &None));
        assert_null(ss_shared(&server, NULL));
        assert_int_equal(*parts[0], 'x');
        *parts[0] = 0;
        for (size_t i = 0; i < COUNT(parts); i++) {
            assert_int_equal((uintptr_t)parts[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(parts[i][k], 0);
            memset(parts[i], 0xff, sizes[i]);
            for (size_t k = 0; k < i; k++)
                check_lines(parts[i], sizes[i], parts[k], sizes[k]);
        }
        assert_int_equal(ss_lock(&server, &One), 0);
        assert_int_equal(ss_lock(&server, &Page), 0); /* of its own */
        assert_int_equal(ss_unlock(&server, &Page), 0);
        assert_int_equal(ss_unlock(&server, &One), 0);
        ss_server_close(&server);
        assert_null(ss_shared(&server, &Page));
    }
}

static bool is_mapped(const void *address)
{
    unsigned char there;
    return mincore((void *)((uintptr_t)address & ~(uintptr_t)4095), 1, &there) == 0;
}

static void test_gone_after_close(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Page, &TCPServer), "127.0.0.1:0", &Obeying), 0);
    const char *memory = ss_shared(&server, &Page);
    assert_true(is_mapped(memory));
    ss_server_close(&server);
    assert_false(is_mapped(memory));
    ss_server_close(&server);
}

/* Two servers of one class share nothing; nor is there any memory where no class wants it. */
static void test_two_servers(void **state)
{
    struct running a, b;
    (void)state;
    struct tally *first = start_under(&a, "Preforking"), *second = start_under(&b, "Preforking");
    assert_ptr_not_equal(first, second);
    ask(&a, "+\n+\n", "ok\nok\n");
    assert_int_equal(ss_lock(&a.server, &Tallying), 0);
    ask(&b, "+\n", "ok\n");
    assert_int_equal(ss_unlock(&a.server, &Tallying), 0);
    assert_int_equal(first->count, 2);
    assert_int_equal(second->count, 1);
    stop(&a);
    ask(&b, "+\n", "ok\n");
    assert_int_equal(second->count, 2);
    stop(&b);
}

/* The parent, which has bound the socket, closes its copy; the child goes on with the memory and the lock. */
static void test_daemon(void **state)
{
    int status;
    struct running r;
    (void)state;
    prepare_under(&r, &Tallying, "");
    int up[2];
    assert_int_equal(pipe(up), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(up[1]);
        (void)!read(up[0], &byte, 1); /* until the parent has closed its copy */
        _exit(errors(&r.server));
    }
    ss_server_close(&r.server);
    close(up[0]);
    close(up[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_too_much(void **state)
{
    struct ss_server server;
    int before = count_descriptors();
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Greedy, &TCPServer), "127.0.0.1:0", &Obeying),
                     -ENOMEM);
    assert_int_equal(ss_server_init(&server, SS_BASES(&Page, &Greedy, &TCPServer), "127.0.0.1:0", &Obeying),
                     -ENOMEM);
    ss_server_close(&server);
    assert_int_equal(count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),      cmocka_unit_test(test_gone_after_close),
        cmocka_unit_test(test_two_servers), cmocka_unit_test(test_daemon),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
