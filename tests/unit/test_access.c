/* SPDX-License-Identifier: MIT */
/* Names, keyed hashes, credentials, and the counts of attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access.h"
#include "access/attempts.h"
#include "access/credentials.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what others have published (the first ones of SipHash's own vectors: key and text count up) ---- */

static void test_vectors(void **state)
{
    static const unsigned char expected[][16] = {
        {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93},
        {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45},
        {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4},
    };
    static const struct http_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    static const unsigned char text[] = {0, 1};
    (void)state;
    for (size_t size = 0; size < COUNT(expected); size++) {
        struct http_tag tag = http_keyed_hash(&key, text, size);
        for (int i = 0; i < 8; i++) {
            assert_int_equal(tag.low >> (8 * i) & 0xff, expected[size][i]);
            assert_int_equal(tag.high >> (8 * i) & 0xff, expected[size][8 + i]);
        }
    }
}

static void test_each_byte_counts(void **state)
{
    struct http_key key = {1, 2};
    char text[40] = {0};
    (void)state;
    for (size_t size = 0; size < sizeof text; size++) {
        struct http_tag tag = http_keyed_hash(&key, text, size);
        assert_false(http_is_same_tag(tag, http_keyed_hash(&key, text, size + 1)));
        for (size_t i = 0; i < size; i++) {
            text[i] = 1;
            assert_false(http_is_same_tag(tag, http_keyed_hash(&key, text, size)));
            text[i] = 0;
        }
        assert_true(http_is_same_tag(tag, http_keyed_hash(&key, text, size)));
    }
}

/* ---- credentials ---- */

static void test_credentials(void **state)
{
    static const struct {
        const char *field, *user, *password;
    } rows[] = {
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"}, /* RFC 7617 2 */
        {"Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"},                /* RFC 7617 2.1 */
        {"basic   YTo=", "a", ""},
        {"BASIC YTo", "a", ""},
        {"Basic YTo6Og==", "a", "::"},
        {"Basic YTp=", NULL, NULL},  /* bits that are over */
        {"Basic Onh5", NULL, NULL},  /* no name */
        {"Basic YWJj", NULL, NULL},  /* no colon */
        {"Basic YToK", NULL, NULL},  /* a newline */
        {"Basic YToA", NULL, NULL},  /* a NUL */
        {"Basic AGE6", NULL, NULL},  /* a NUL in front */
        {"Basic YTo==", NULL, NULL}, /* padding that does not fit */
        {"Basic YT o=", NULL, NULL}, /* a space within */
        {"Basic YTo=x", NULL, NULL}, /* something behind */
        {"Basic", NULL, NULL},
        {"", NULL, NULL},
        {"Digest YTo=", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[100];
        struct http_credentials c;
        bool good = http_read_basic(rows[i].field, text, &c);
        if (good != (rows[i].user != NULL))
            print_error("%s\n", rows[i].field);
        assert_int_equal(good, rows[i].user != NULL);
        if (!good)
            continue;
        assert_string_equal(c.user, rows[i].user);
        assert_string_equal(c.password, rows[i].password);
        assert_int_equal(c.size, strlen(c.user) + strlen(c.password) + 1);
    }
}

/* ---- names ---- */

static void test_patterns(void **state)
{
    static const char *const good[] = {"a", "a.example", "*.example", "*", "a-b_c", "xn--bcher-kva.example"},
                             *const bad[] = {"",   "*.", "*a",  "a:1",      "[::1]", "a/",
                                             "a.", ".a", "a b", "http://a", "a@b"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(http_is_host_pattern(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(http_is_host_pattern(bad[i]));
}

/* ---- attempts ---- */

static void test_counting(void **state)
{
    struct http_attempts *attempts;
    uint64_t now = 1000000;
    (void)state;
    assert_int_equal(http_attempts_make(&attempts), 0);
    for (int i = 0; i < HTTP_AUTH_FAILURES; i++)
        assert_int_equal(http_attempts_begin(attempts, 7, now + (unsigned)i), 0);
    assert_int_equal(http_attempts_begin(attempts, 7, now + 100), HTTP_AUTH_WINDOW - 100);
    assert_int_equal(http_attempts_begin(attempts, 8, now), 0);
    http_attempts_forgive(attempts, 7);
    assert_int_equal(http_attempts_begin(attempts, 7, now + 100), 0);
    assert_int_not_equal(http_attempts_begin(attempts, 7, now + 100), 0);
    assert_int_equal(http_attempts_begin(attempts, 7, now + HTTP_AUTH_WINDOW), 0);
    http_attempts_forgive(attempts, 99); /* of whom nothing is known */
    http_attempts_free(attempts);
    http_attempts_free(NULL);
}

/* More addresses than there is room for: those whose window ends first are forgotten, and nothing else
 * happens. */
static void test_many_clients(void **state)
{
    struct http_attempts *attempts;
    (void)state;
    assert_int_equal(http_attempts_make(&attempts), 0);
    for (uint64_t i = 1; i < 3 * HTTP_AUTH_CLIENTS; i++)
        assert_int_equal(http_attempts_begin(attempts, i, 1000 + i), 0);
    for (int i = 1; i < HTTP_AUTH_FAILURES; i++)
        assert_int_equal(http_attempts_begin(attempts, 3 * HTTP_AUTH_CLIENTS - 1, 20000), 0);
    assert_int_not_equal(http_attempts_begin(attempts, 3 * HTTP_AUTH_CLIENTS - 1, 20000), 0);
    http_attempts_free(attempts);
}

static void test_knowing(void **state)
{
    struct http_attempts *attempts;
    struct http_tag tag = {5, 6};
    (void)state;
    assert_int_equal(http_attempts_make(&attempts), 0);
    assert_false(http_attempts_knows(attempts, (struct http_tag){0, 0}, 1));
    http_attempts_learn(attempts, tag, 1000);
    assert_true(http_attempts_knows(attempts, tag, 1000 + HTTP_AUTH_TIME - 1));
    assert_false(http_attempts_knows(attempts, tag, 1000 + HTTP_AUTH_TIME));
    assert_false(http_attempts_knows(attempts, (struct http_tag){5, 7}, 1000));
    for (uint64_t i = 1; i < 4 * HTTP_AUTH_KNOWN; i++)
        http_attempts_learn(attempts, (struct http_tag){i, i}, 2000 + i);
    assert_false(http_attempts_knows(attempts, tag, 1500));
    assert_true(http_attempts_knows(
        attempts, (struct http_tag){4 * HTTP_AUTH_KNOWN - 1, 4 * HTTP_AUTH_KNOWN - 1}, 9000));
    http_attempts_free(attempts);
}

/* Places of processes that were killed are free again. */
static void test_places_of_the_dead(void **state)
{
    struct http_attempts *attempts;
    (void)state;
    assert_int_equal(http_attempts_make(&attempts), 0);
    for (int i = 0; i < HTTP_AUTH_CHECKS; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(http_attempts_enter(attempts) < 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    int place = http_attempts_enter(attempts);
    assert_true(place >= 0);
    http_attempts_leave(attempts, place);
    http_attempts_free(attempts);
}

/* ---- users ---- */

static void test_users(void **state)
{
    struct http_auth *auth;
    char name[20];
    (void)state;
    assert_int_equal(http_auth_new("a \"b\"", &auth), -EINVAL);
    assert_int_equal(http_auth_new("a\n", &auth), -EINVAL);
    assert_int_equal(http_auth_new("realm", &auth), 0);
    assert_int_equal(http_auth_add(auth, "a", "b"), 0);
    assert_int_equal(http_auth_add(auth, "a", "c"), -EEXIST);
    assert_int_equal(http_auth_add(auth, "", "c"), -EINVAL);
    assert_int_equal(http_auth_add(auth, "b:", "c"), -EINVAL);
    assert_int_equal(http_auth_add(auth, "b", "c\t"), -EINVAL);
    for (int i = 1; i < HTTP_AUTH_MAX_USERS; i++) {
        snprintf(name, sizeof name, "u%d", i);
        assert_int_equal(http_auth_add(auth, name, ""), 0);
    }
    assert_int_equal(http_auth_add(auth, "one more", ""), -ENOBUFS);
    http_auth_free(auth);
    http_auth_free(NULL);
}

static void test_hashes(void **state)
{
    char one[HTTP_HASH_SIZE], other[HTTP_HASH_SIZE];
    (void)state;
    if (!http_has_crypt()) {
        assert_int_equal(http_hash_password("x", one), -ENOTSUP);
        return;
    }
    assert_int_equal(http_hash_password("x", one), 0);
    assert_int_equal(http_hash_password("x", other), 0);
    assert_string_not_equal(one, other);
    assert_int_equal(http_hash_password("x\n", one), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),     cmocka_unit_test(test_each_byte_counts),
        cmocka_unit_test(test_credentials), cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_counting),    cmocka_unit_test(test_many_clients),
        cmocka_unit_test(test_knowing),     cmocka_unit_test(test_places_of_the_dead),
        cmocka_unit_test(test_users),       cmocka_unit_test(test_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
