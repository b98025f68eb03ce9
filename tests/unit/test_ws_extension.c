/* SPDX-License-Identifier: MIT */
/* handlers/websocket/extension.c: what is answered to which offers of permessage-deflate. */
#include "websocket/extension.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define P "permessage-deflate"
#define S_NO "; server_no_context_takeover"
#define C_NO "; client_no_context_takeover"
#define S_BITS(bits) "; server_max_window_bits=" #bits
#define C_BITS(bits) "; client_max_window_bits=" #bits
#define C_ANY "; client_max_window_bits"
#define ALONE P S_NO C_NO
#define NONE "none"
#define MALFORMED "malformed"

/* A field, what is answered where each message is compressed by itself, and where it may refer to others. */
struct case_of {
    const char *field, *alone, *context;
};

static const struct case_of cases[] = {
    /* each parameter (RFC 7692 7.1) */
    {P, ALONE, P},
    {P S_NO, ALONE, P S_NO},
    {P C_NO, ALONE, P C_NO},
    {P S_NO C_NO, ALONE, ALONE},
    {P C_NO S_NO, ALONE, ALONE},
    {P S_BITS(9), ALONE S_BITS(9), P S_BITS(9)},
    {P S_BITS(10), ALONE S_BITS(10), P S_BITS(10)},
    {P S_BITS(11), ALONE S_BITS(11), P S_BITS(11)},
    {P S_BITS(12), ALONE S_BITS(12), P S_BITS(12)},
    {P S_BITS(13), ALONE S_BITS(12), P S_BITS(12)}, /* it may be less than what is offered */
    {P S_BITS(15), ALONE S_BITS(12), P S_BITS(12)},
    {P C_ANY, ALONE, P C_BITS(12)},
    {P C_BITS(8), ALONE, P C_BITS(8)},
    {P C_BITS(9), ALONE, P C_BITS(9)},
    {P C_BITS(12), ALONE, P C_BITS(12)},
    {P C_BITS(15), ALONE, P C_BITS(12)},
    {P C_NO C_ANY, ALONE, P C_NO},
    {P S_NO C_NO S_BITS(10) C_BITS(11), ALONE S_BITS(10), ALONE S_BITS(10)},
    {P C_BITS(11) S_BITS(10), ALONE S_BITS(10), P S_BITS(10) C_BITS(11)},
    /* those of the fuzzing client, 12 and 13.1 to 13.7 */
    {P C_ANY, ALONE, P C_BITS(12)},
    {P C_ANY, ALONE, P C_BITS(12)},
    {P S_NO C_ANY, ALONE, P S_NO C_BITS(12)},
    {P S_BITS(9) C_ANY, ALONE S_BITS(9), P S_BITS(9) C_BITS(12)},
    {P S_BITS(15) C_ANY, ALONE S_BITS(12), P S_BITS(12) C_BITS(12)},
    {P S_NO S_BITS(9) C_ANY, ALONE S_BITS(9), P S_NO S_BITS(9) C_BITS(12)},
    {P S_NO S_BITS(15) C_ANY, ALONE S_BITS(12), P S_NO S_BITS(12) C_BITS(12)},
    {P S_NO S_BITS(9) ", " P S_NO ", " P, ALONE S_BITS(9), P S_NO S_BITS(9)},
    /* zlib cannot make a window of 256 bytes */
    {P S_BITS(8), NONE, NONE},
    {P S_BITS(8) ", " P, ALONE, P},
    /* of several offers, the first one that is good (RFC 7692 5.1) */
    {"x-other, " P S_NO, ALONE, P S_NO},
    {P "; other, " P S_NO ", " P C_NO, ALONE, P S_NO},
    {P S_BITS(8) "," P S_BITS(9), ALONE S_BITS(9), P S_BITS(9)},
    {P ", x-other; a=b; c=\"d\"", ALONE, P},
    {P ", " P S_BITS(8), ALONE, P},
    /* quotes, white space, empty elements */
    {P "; server_max_window_bits=\"10\"", ALONE S_BITS(10), P S_BITS(10)},
    {P "; server_max_window_bits=\"1\\0\"", ALONE S_BITS(10), P S_BITS(10)},
    {P "; client_max_window_bits=\"10\"", ALONE, P C_BITS(10)},
    {" \t" P " ;\tserver_max_window_bits = 10 ", ALONE S_BITS(10), P S_BITS(10)},
    {P ";server_no_context_takeover;client_no_context_takeover", ALONE, ALONE},
    {", ," P ",,", ALONE, P},
    {"", NONE, NONE},
    {" , ", NONE, NONE},
    {"x-other; a=\"b,c\"", MALFORMED, MALFORMED}, /* what is quoted is a token as well */
    /* others */
    {"x-other", NONE, NONE},
    {"x-webkit-deflate-frame", NONE, NONE},
    {"permessage-deflat", NONE, NONE},
    {"permessage-deflate2", NONE, NONE},
    {"permessage-bzip2" S_NO, NONE, NONE},
    {"x-other" S_BITS(77) "; a; a; a=1", NONE, NONE},
    /* what declines an offer (RFC 7692 7.1) */
    {P "; other", NONE, NONE},
    {P "; other=1" S_NO, NONE, NONE},
    {P "; server_no_context_takeove", NONE, NONE},
    {P "; server_no_context_takeover2", NONE, NONE},
    {P S_NO S_NO, NONE, NONE},
    {P C_NO C_NO, NONE, NONE},
    {P S_BITS(10) S_BITS(10), NONE, NONE},
    {P S_BITS(10) S_BITS(11), NONE, NONE},
    {P C_ANY C_ANY, NONE, NONE},
    {P C_ANY C_BITS(10), NONE, NONE},
    {P C_BITS(10) C_ANY, NONE, NONE},
    {P "; server_no_context_takeover=1", NONE, NONE},
    {P "; server_no_context_takeover=10", NONE, NONE},
    {P "; client_no_context_takeover=true", NONE, NONE},
    {P "; server_max_window_bits", NONE, NONE},
    {P S_BITS(0), NONE, NONE},
    {P S_BITS(7), NONE, NONE},
    {P S_BITS(16), NONE, NONE},
    {P S_BITS(010), NONE, NONE},
    {P S_BITS(09), NONE, NONE},
    {P S_BITS(+9), NONE, NONE},
    {P S_BITS(-9), NONE, NONE},
    {P S_BITS(9a), NONE, NONE},
    {P S_BITS(100), NONE, NONE},
    {P S_BITS(1000000000000), NONE, NONE},
    {P S_BITS(a), NONE, NONE},
    {P "; server_max_window_bits=\"100000000000\"", NONE, NONE},
    {P C_BITS(7), NONE, NONE},
    {P C_BITS(16), NONE, NONE},
    {P C_BITS(08), NONE, NONE},
    {P C_BITS(x), NONE, NONE},
    /* what is no list of extensions (RFC 6455 9.1) */
    {P ";", MALFORMED, MALFORMED},
    {P "; ;" S_NO, MALFORMED, MALFORMED},
    {P "; =10", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=\"\"", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=\"10", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=\"10\\", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=\"1 0\"", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=\"1\\\"0\"", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=\"10\"1", MALFORMED, MALFORMED},
    {P "; server_max_window_bits=10=11", MALFORMED, MALFORMED},
    {P " " P, MALFORMED, MALFORMED},
    {P ", x y", MALFORMED, MALFORMED}, /* behind a good one, too */
    {P ", (", MALFORMED, MALFORMED},
    {P "=1", MALFORMED, MALFORMED},
    {"; a", MALFORMED, MALFORMED},
    {"\"" P "\"", MALFORMED, MALFORMED},
};

static const char *answer_to(const char *field, bool context, char answer[WS_TERMS_SIZE])
{
    struct ws_terms terms;
    memset(&terms, 0x55, sizeof terms);
    struct ws_terms before = terms;
    int rc = ws_terms_choose(field, context, &terms);
    if (rc <= 0) {
        assert_memory_equal(&terms, &before, sizeof terms);
        assert_true(rc == 0 || rc == -EPROTO);
        return rc == 0 ? NONE : MALFORMED;
    }
    assert_int_equal(rc, 1);
    assert_in_range(terms.server_bits, 9, 15);
    assert_in_range(terms.client_bits, 8, 15);
    ws_terms_write(&terms, answer);
    return answer;
}

static void test_answers(void **state)
{
    char answer[WS_TERMS_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(answer_to(cases[i].field, false, answer), cases[i].alone);
        assert_string_equal(answer_to(cases[i].field, true, answer), cases[i].context);
    }
}

/* Where the client is not told how far back it may refer, it may refer to everything that is possible. */
static void test_windows(void **state)
{
    struct ws_terms terms;
    (void)state;
    assert_int_equal(ws_terms_choose(P C_BITS(10), false, &terms), 1);
    assert_int_equal(terms.client_bits, 15);
    assert_int_equal(ws_terms_choose(P C_BITS(10), true, &terms), 1);
    assert_int_equal(terms.client_bits, 10);
    assert_int_equal(ws_terms_choose(P, true, &terms), 1);
    assert_int_equal(terms.client_bits, 15);
    assert_int_equal(terms.server_bits, 12);
    assert_true(terms.server_context && terms.client_context);
}

static void test_longest_answer(void **state)
{
    struct ws_terms terms = {
        .server_bits = 15, .client_bits = 15, .says_server_bits = true, .says_client_bits = true};
    char answer[WS_TERMS_SIZE];
    (void)state;
    ws_terms_write(&terms, answer);
    assert_string_equal(answer, ALONE S_BITS(15) C_BITS(15));
}

/* What a server may answer to what is offered, and what it means for whom. */
static void test_taken(void **state)
{
    static const struct {
        const char *answer;
        bool context, good, server_context, client_context;
        int server_bits, client_bits;
    } taken[] = {
        {P S_NO, false, true, false, false, 15, 12},
        {P S_NO C_NO, false, true, false, false, 15, 12},
        {P S_NO C_BITS(8), false, true, false, false, 15, 8},
        {P S_NO S_BITS(8) C_BITS(15), false, true, false, false, 8, 12},
        {P, true, true, true, true, 15, 12},
        {P S_NO, true, true, false, true, 15, 12},
        {P C_NO S_BITS(10), true, true, true, false, 10, 12},
        {" " P " ; client_max_window_bits=\"9\"", true, true, true, true, 15, 9},
        {P, false, false, 0, 0, 0, 0}, /* it refers to messages before, which it was asked not to do */
        {P C_NO, false, false, 0, 0, 0, 0},
        {P C_ANY, true, false, 0, 0, 0, 0},
        {P S_BITS(7), true, false, 0, 0, 0, 0},
        {P S_NO S_NO, true, false, 0, 0, 0, 0},
        {P "; other", true, false, 0, 0, 0, 0},
        {P ", " P, true, false, 0, 0, 0, 0},
        {P ",", true, false, 0, 0, 0, 0},
        {"x-other", true, false, 0, 0, 0, 0},
        {"", true, false, 0, 0, 0, 0},
        {P ";", true, false, 0, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct ws_terms terms = {0};
        assert_int_equal(ws_terms_take(taken[i].answer, taken[i].context, &terms),
                         taken[i].good ? 0 : -EPROTO);
        assert_int_equal(terms.server_bits, taken[i].server_bits);
        assert_int_equal(terms.client_bits, taken[i].client_bits);
        assert_true(terms.server_context == taken[i].server_context);
        assert_true(terms.client_context == taken[i].client_context);
    }
}

/* Our own server takes what our client offers, and our client what it answers. */
static void test_both_are_ours(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        for (int server = 0; server < 2; server++) {
            struct ws_terms chosen, taken;
            char answer[WS_TERMS_SIZE];
            assert_int_equal(ws_terms_choose(ws_terms_offer(client), server, &chosen), 1);
            ws_terms_write(&chosen, answer);
            assert_int_equal(ws_terms_take(answer, client, &taken), 0);
            assert_true(taken.server_context == (client && server) &&
                        taken.client_context == (client && server));
            assert_true(taken.server_bits >= chosen.server_bits && taken.client_bits <= chosen.client_bits);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_longest_answer), cmocka_unit_test(test_taken),
        cmocka_unit_test(test_both_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
