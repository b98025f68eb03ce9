/* SPDX-License-Identifier: MIT */
/* What an event looks like on the wire (WHATWG HTML 9.2.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "events/es.h"
#include <errno.h>

static void expect(const struct es_text *text, const char *expected)
{
    char head[20];
    size_t size = strlen(expected), head_size = (size_t)sprintf(head, "%zx\r\n", size);
    assert_int_equal(text->size, size);
    assert_memory_equal(text->text, expected, size);
    assert_int_equal(text->chunk_size, head_size + size + 2);
    assert_memory_equal(text->chunk, head, head_size);
    assert_ptr_equal(text->text, text->chunk + head_size);
    assert_memory_equal(text->text + size, "\r\n", 2);
    struct iovec found = es_text_of(text->chunk, text->chunk_size);
    assert_ptr_equal(found.iov_base, text->text);
    assert_int_equal(found.iov_len, size);
    free(text->chunk);
}

static void test_events(void **state)
{
    static const struct {
        struct es_event event;
        const char *expected;
    } cases[] = {
        {{.data = "x"}, "data: x\n\n"},
        {{.data = ""}, "data: \n\n"},
        {{.data = " x "}, "data:  x \n\n"},
        {{.data = "a\nb"}, "data: a\ndata: b\n\n"},
        {{.data = "a\r\nb"}, "data: a\ndata: b\n\n"},
        {{.data = "a\rb"}, "data: a\ndata: b\n\n"},
        {{.data = "a\n\rb"}, "data: a\ndata: \ndata: b\n\n"},
        {{.data = "a\r\r\nb"}, "data: a\ndata: \ndata: b\n\n"},
        {{.data = "\n"}, "data: \ndata: \n\n"},
        {{.data = "a\r"}, "data: a\ndata: \n\n"},
        {{.data = "data: x\n\nid: 1"}, "data: data: x\ndata: \ndata: id: 1\n\n"},
        {{.id = "1"}, "id: 1\n\n"},
        {{.id = "", .data = "x"}, "id: \ndata: x\n\n"},
        {{.event = "a: b", .data = "x"}, "event: a: b\ndata: x\n\n"},
        {{.retry = 1}, "retry: 1\n\n"},
        {{.retry = UINT32_MAX,
          .data = "Gr\xc3\xbc\xc3\x9f"
                  "e",
          .event = "e",
          .id = "i"},
         "id: i\nevent: e\nretry: 4294967295\ndata: Gr\xc3\xbc\xc3\x9f"
         "e\n\n"},
    };
    struct es_text text;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(es_format(&cases[i].event, &text), 0);
        expect(&text, cases[i].expected);
    }
}

static void test_comments(void **state)
{
    struct es_text text;
    (void)state;
    assert_int_equal(es_format_comment("", &text), 0);
    expect(&text, ": \n\n");
    assert_int_equal(es_format_comment("a\r\n\nb", &text), 0);
    expect(&text, ": a\n: \n: b\n\n");
    assert_int_equal(es_format_comment("\xc3", &text), -EILSEQ);
}

static void test_what_cannot_be_sent(void **state)
{
    static const char *const lines[] = {"\n", "\r", "a\nb", "a\r\n", "a\r"};
    static const char *const not_utf8[] = {"\x80", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"};
    struct es_text text;
    (void)state;
    assert_int_equal(es_format(&(struct es_event){.retry = 0}, &text), -EINVAL);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(es_format(&(struct es_event){.id = lines[i], .data = "x"}, &text), -EINVAL);
        assert_int_equal(es_format(&(struct es_event){.event = lines[i], .data = "x"}, &text), -EINVAL);
        assert_int_equal(es_format(&(struct es_event){.id = not_utf8[i]}, &text), -EILSEQ);
        assert_int_equal(es_format(&(struct es_event){.event = not_utf8[i]}, &text), -EILSEQ);
        assert_int_equal(es_format(&(struct es_event){.data = not_utf8[i]}, &text), -EILSEQ);
    }
}

/* The chunk's first line grows with the text. */
static void test_sizes(void **state)
{
    static char data[70000], expected[70020];
    struct es_text text;
    (void)state;
    memset(data, 'x', sizeof data - 1);
    for (size_t size = 1; size < sizeof data; size = size * 2 + 1) {
        sprintf(expected, "data: %s\n\n", data + sizeof data - 1 - size);
        assert_int_equal(es_format(&(struct es_event){.data = data + sizeof data - 1 - size}, &text), 0);
        expect(&text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_events), cmocka_unit_test(test_comments),
                                       cmocka_unit_test(test_what_cannot_be_sent),
                                       cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
