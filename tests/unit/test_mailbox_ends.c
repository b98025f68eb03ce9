/* SPDX-License-Identifier: MIT */
/* ss_unref, and mailboxes that nobody empties: they keep no server from ending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)h, (void)command, (void)words;
    return -EINVAL;
}

/* ---- ss_unref ---- */

/* Answers with the results, then stays until its client goes. */
static int unref(struct ss_handler *h)
{
    struct ss_ref old, new;
    struct ss_message m;
    ss_unref(h); /* harmless without a mailbox */
    int rc = ss_ref(h, &old);
    if (rc == 0)
        rc = ss_subscribe(h, "channel", SS_END);
    if (rc < 0 || ss_post(h->server, old, "lost", 4) != 0)
        return ss_printf(h->wfile, "no mailbox: %d\n", rc);
    ss_unref(h);
    ss_printf(h->wfile, "%d %d %d ", ss_post(h->server, old, "late", 4), ss_subscribers(h->server, "channel"),
              ss_receive(h, &m));
    ss_printf(h->wfile, "%d %d ", ss_wait(h, SS_MESSAGE, 1), ss_unsubscribe(h, "channel"));
    rc = ss_ref(h, &new);
    ss_printf(h->wfile, "%d %d %d ", rc, new.number != old.number, ss_post(h->server, old, "late", 4));
    rc = ss_post(h->server, new, "new", 3);
    rc = rc < 0 ? rc : ss_receive(h, &m);
    return ss_printf(h->wfile, "%d %.*s\n", rc, rc < 0 ? 0 : (int)m.size, rc < 0 ? "" : m.data);
}

static void test_unref(void **state)
{
    static const struct ss_handler_class handler = {.handle = unref};
    char expected[100];
    (void)state;
    snprintf(expected, sizeof expected, "%d 0 %d 0 %d 0 1 %d 0 new\n", -ESTALE, -EAGAIN, -ENOENT, -ESTALE);
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        prepare_model(&r, &models[i], NULL, &handler);
        launch(&r);
        int fd = client_of(&r.server);
        expect(fd, expected);
        expect_end(fd);
        close(fd);
        stop(&r);
    }
}

/* ---- a mailbox that nobody empties ---- */

static int good_bye(struct ss_handler *h, int why)
{
    return why < 0 ? ss_printf(h->wfile, "bye\n") : SS_PARK;
}

static int be_deaf(struct ss_handler *h)
{
    int rc = h->request->data ? 0 : ss_subscribe(h, "channel", SS_DROP_OLDEST);
    if (rc < 0)
        return rc;
    if (!h->request->data)
        ss_printf(h->wfile, "deaf\n");
    h->request->data = h->server; /* anything: it has subscribed */
    h->timeout = -1;
    return SS_PARK;
}

static int be_deaf_resumed(struct ss_handler *h)
{
    h->request->resume = good_bye;
    return be_deaf(h);
}

static void check_deaf(const struct model *m, const struct ss_handler_class *handler, const char *last)
{
    struct running r;
    prepare_model(&r, m, NULL, handler);
    r.server.shutdown_timeout = -1; /* a drain that waits for them would not end */
    launch(&r);
    int fd = client_of(&r.server);
    expect(fd, "deaf\n");
    assert_int_equal(ss_publish(&r.server, "channel", "hello", 5), 1);
    let_rest();
    ss_shutdown(&r.server);
    expect(fd, last);
    expect_end(fd);
    close(fd);
    join(&r);
}

static void test_deaf(void **state)
{
    static const struct ss_handler_class deaf = {.handle = be_deaf}, resumed = {.handle = be_deaf_resumed};
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        check_deaf(&models[i], &deaf, "");
        check_deaf(&models[i], &resumed, "bye\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unref), cmocka_unit_test(test_deaf)};
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
