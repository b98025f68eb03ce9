/* SPDX-License-Identifier: MIT */
/* handlers/http/preconditions.c against a second opinion: random requests are made from what they mean, and
   what is to be answered is read off the meaning, step by step as RFC 9110 13.2.2 says, byte by byte for
   ranges. */
#include "preconditions_rig.h"

enum { ROUNDS = 200000, BYTES = 100, MAX_ITEMS = 40 };

enum date { NO_DATE, IS_OLDER, IS_EQUAL, IS_NEWER };
static const char *const dates[] = {"yesterday", OLDER, EQUAL, NEWER};

struct tags {
    bool asked, star, has_strong, has_weak; /* "a" is among them */
};

struct spec {
    int first, last; /* -1: left out */
};

struct meaning {
    bool get, head;
    enum there there;
    struct tags match, none_match;
    bool asks_since, asks_unmodified, asks_range, asks_if_range;
    enum date since, unmodified;
    bool range_holds; /* If-Range would, if what is there had all it needs */
    bool by_date;
    bool malformed; /* the Range */
    int size, count;
    struct spec specs[MAX_ITEMS];
};

static uint64_t seed = 88172645463325252u;

static int pick(int limit) /* xorshift */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)(seed % (unsigned)limit);
}

/* ---------------------------------------------------------------- making requests */

static char *add(char *at, const char *text)
{
    return stpcpy(at, text);
}

static char *make_tags(char *at, const char *name, struct tags *tags)
{
    static const char *const separators[] = {",", ", ", " ,\t", ",,", ", ,"};
    *tags = (struct tags){.asked = pick(2)};
    if (!tags->asked)
        return at;
    at = add(add(at, name), ": ");
    tags->star = pick(5) == 0;
    if (tags->star)
        return add(at, "*\n");
    for (int i = pick(4); i >= 0; i--) {
        bool weak = pick(2), same = pick(3) == 0;
        at = add(add(at, weak ? "W/" : ""), same ? "\"a\"" : pick(2) ? "\"b\"" : "\"a,b\"");
        tags->has_weak |= same && weak;
        tags->has_strong |= same && !weak;
        if (i == 0)
            break;
        at = pick(4) == 0 ? add(add(add(at, "\n"), name), ": ") : add(at, separators[pick(5)]);
    }
    return add(at, "\n");
}

static char *make_date(char *at, const char *name, bool *asked, enum date *date)
{
    *asked = pick(2);
    *date = (enum date)pick(4);
    return *asked ? add(add(add(add(at, name), ": "), dates[*date]), "\n") : at;
}

static char *make_if_range(char *at, struct meaning *m)
{
    m->asks_if_range = pick(2);
    if (!m->asks_if_range)
        return at;
    m->by_date = pick(2);
    int choice = pick(4);
    static const char *const tags[] = {"\"b\"", "\"a\"", "W/\"a\"", "a"};
    m->range_holds = m->by_date ? choice == IS_EQUAL : choice == 1;
    return add(add(add(at, "If-Range: "), m->by_date ? dates[choice] : tags[choice]), "\n");
}

static char *make_spec(char *at, struct meaning *m, struct spec *spec)
{
    spec->first = pick(4) == 0 ? -1 : pick(BYTES + 10);
    spec->last = spec->first >= 0 && pick(4) == 0 ? -1 : spec->first >= 0 ? spec->first + pick(6) : pick(20);
    if (pick(200) == 0)
        spec->last = -1, m->malformed |= spec->first < 0;
    if (spec->first > 0 && pick(200) == 0)
        spec->last = spec->first - 1, m->malformed = true;
    if (spec->first >= 0)
        at += sprintf(at, "%d", spec->first);
    at = add(at, "-");
    if (spec->last >= 0)
        at += sprintf(at, "%d", spec->last);
    return at;
}

static char *make_range(char *at, struct meaning *m)
{
    m->asks_range = pick(4) > 0;
    if (!m->asks_range)
        return at;
    at = add(at, "Range: bytes=");
    m->count = 1 + (pick(3) == 0 ? pick(MAX_ITEMS) : pick(4));
    for (int i = 0; i < m->count; i++)
        at = make_spec(i > 0 ? add(at, pick(2) ? "," : " , ") : at, m, &m->specs[i]);
    return add(at, "\n");
}

static void make(struct meaning *m, struct asking *asking)
{
    static const char *const methods[] = {"GET", "GET", "GET", "HEAD", "PUT", "POST"};
    char lines[TEXT_SIZE], *at = lines;
    const char *method = methods[pick(6)];
    *m = (struct meaning){.get = strcmp(method, "GET") == 0, .head = strcmp(method, "HEAD") == 0};
    m->there = (enum there)pick(BROKEN);
    m->size = pick(8) == 0 ? 0 : pick(BYTES) + 1;
    *at = 0;
    if (pick(2))
        at = make_tags(at, "If-Match", &m->match);
    if (pick(2))
        at = make_tags(at, "If-None-Match", &m->none_match);
    at = make_date(at, "If-Modified-Since", &m->asks_since, &m->since);
    if (pick(2))
        at = make_date(at, "If-Unmodified-Since", &m->asks_unmodified, &m->unmodified);
    at = make_if_range(at, m);
    make_range(at, m);
    make_request(asking, method, lines);
}

/* ---------------------------------------------------------------- what is to be answered */

static bool has_date(const struct meaning *m)
{
    return m->there == DATED || m->there == YOUNG || m->there == BOTH;
}

static bool is_strong(const struct meaning *m)
{
    return m->there == STRONG || m->there == BOTH;
}

static int steps_1_to_4(const struct meaning *m)
{
    bool reads = m->get || m->head, there = m->there != NOTHING, tagged = is_strong(m) || m->there == WEAK;
    if (m->match.asked && !(there && (m->match.star || (is_strong(m) && m->match.has_strong))))
        return 412;
    if (!m->match.asked && m->asks_unmodified && has_date(m) && m->unmodified == IS_OLDER)
        return 412;
    if (m->none_match.asked && there &&
        (m->none_match.star || (tagged && (m->none_match.has_strong || m->none_match.has_weak))))
        return reads ? 304 : 412;
    if (!m->none_match.asked && reads && m->asks_since && has_date(m) && m->since != NO_DATE &&
        m->since != IS_OLDER)
        return 304;
    return 200;
}

/* The bytes of a range, each marked; false if there are none. */
static bool mark(const struct spec *spec, int size, char bytes[BYTES])
{
    bool any = false;
    for (int i = 0; i < size; i++) {
        bool in = spec->first < 0 ? i >= size - spec->last
                                  : i >= spec->first && (spec->last < 0 || i <= spec->last);
        bytes[i] |= in;
        any |= in;
    }
    return any;
}

/* Writes the runs of marked bytes, each where the first spec stands that has a byte of it. */
static int list_runs(const struct meaning *m, char all[BYTES], char *text)
{
    int count = 0;
    *text = 0;
    for (int s = 0; s < m->count; s++) {
        char own[BYTES] = {0};
        int first = 0, last;
        if (!mark(&m->specs[s], m->size, own))
            continue;
        while (!own[first])
            first++;
        if (!all[first])
            continue; /* in a run that is listed */
        while (first > 0 && all[first - 1])
            first--;
        for (last = first; last < m->size && all[last]; last++)
            all[last] = 0;
        text += sprintf(text, "%s%d-%d", count++ > 0 ? "," : "", first, last - 1);
    }
    return count;
}

static int expect(const struct meaning *m, char *text)
{
    char all[BYTES] = {0};
    bool any = false, suffix = false;
    int status = steps_1_to_4(m);
    *text = 0;
    if (status != 200 || !m->get || !m->asks_range || m->malformed)
        return status;
    if (m->asks_if_range &&
        !(m->range_holds && (m->by_date ? m->there == DATED || m->there == BOTH : is_strong(m))))
        return 200;
    for (int i = 0; i < m->count; i++) {
        any |= mark(&m->specs[i], m->size, all);
        suffix |= m->specs[i].first < 0 && m->specs[i].last > 0;
    }
    if (!any)
        return suffix ? 200 : 416;
    list_runs(m, all, text);
    return 206;
}

static void test_random(void **state)
{
    static struct asking asking;
    int seen[600] = {0};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct meaning m;
        struct http_decision d;
        char ranges[MAX_ITEMS * 8];
        make(&m, &asking);
        int expected = expect(&m, ranges);
        int status = http_evaluate(&asking.request, validators_of(m.there), m.size, &d);
        if (status == 200 && expected == 206 && m.count > HTTP_MAX_RANGES)
            continue;
        seen[status]++;
        if (status == expected && strcmp(ranges_text(&d), ranges) == 0)
            continue;
        for (size_t f = 0; f < asking.request.field_count; f++)
            print_message("%s: %s\n", asking.fields[f].name, asking.fields[f].value);
        fail_msg("%s, %d, %d bytes: %d %s, not %d %s", asking.request.command, m.there, m.size, status,
                 ranges_text(&d), expected, ranges);
    }
    assert_true(seen[200] > 1000 && seen[206] > 1000 && seen[304] > 1000 && seen[412] > 1000 &&
                seen[416] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
