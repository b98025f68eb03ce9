/* SPDX-License-Identifier: MIT */
/* Who counts as one client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/aside.h"
#include "server_thread.h"
#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>

static struct ss_server server;

static int nothing(struct ss_handler *h)
{
    (void)h;
    return 0;
}
static const struct ss_handler_class Handler = {.handle = nothing};

static int make(void **state)
{
    (void)state;
    return ss_server_init(&server, SS_BASES(&ThreadingMixIn, &TCPServer), "127.0.0.1:0", &Handler);
}

static int unmake(void **state)
{
    (void)state;
    ss_server_close(&server);
    return 0;
}

/* A request that counts, or NULL. */
static struct request *admit(const char *address)
{
    struct request *request = request_new(&server);
    assert_non_null(request);
    if (strchr(address, ':')) {
        request->request.client.in6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, address, &request->request.client.in6.sin6_addr), 1);
    } else {
        request->request.client.in.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, address, &request->request.client.in.sin_addr), 1);
    }
    if (client_admit(&server, request))
        return request;
    free(request);
    return NULL;
}

static void end(struct request *request)
{
    client_release(&server, request->client);
    free(request);
}

/* A limit of one: the second is refused as long as the first is there when both are of one client. */
static bool are_one(const char *first, const char *second)
{
    struct request *a = admit(first), *b;
    assert_non_null(a);
    bool refused = !(b = admit(second));
    if (b)
        end(b);
    end(a);
    assert_non_null(b = admit(second));
    end(b);
    return refused;
}

static void test_addresses(void **state)
{
    (void)state;
    server.max_requests_per_client = 1;
    assert_true(are_one("10.0.0.1", "10.0.0.1"));
    assert_false(are_one("10.0.0.1", "10.0.0.2"));
    assert_true(are_one("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    assert_false(are_one("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert_true(are_one("::ffff:10.0.0.1", "10.0.0.1"));
    assert_false(are_one("::ffff:10.0.0.1", "::ffff:10.0.0.2"));
}

/* How many one client may have. */
static int limit(void)
{
    struct request *all[2000];
    int count = 0;
    while (count < (int)COUNT(all) && (all[count] = admit("10.0.0.1")))
        count++;
    for (int i = 0; i < count; i++)
        end(all[i]);
    return count;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(limit(), 1024 / 4);
    server.max_requests = 10;
    assert_int_equal(limit(), 8);
    server.max_requests_per_client = 3;
    assert_int_equal(limit(), 3);
    server.max_requests_per_client = UINT_MAX;
    assert_int_equal(limit(), 2000);
}

/* Many of them at once, and later again. */
static void test_many_clients(void **state)
{
    struct request *all[1000];
    char address[INET_ADDRSTRLEN];
    (void)state;
    server.max_requests_per_client = 1;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(all); i++) {
            snprintf(address, sizeof address, "10.0.%zu.%zu", i / 250, i % 250);
            assert_non_null(all[i] = admit(address));
            assert_null(admit(address));
        }
        for (size_t i = 0; i < COUNT(all); i++)
            end(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, make, unmake),
        cmocka_unit_test_setup_teardown(test_limits, make, unmake),
        cmocka_unit_test_setup_teardown(test_many_clients, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
