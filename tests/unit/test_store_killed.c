/* SPDX-License-Identifier: MIT */
/* Processes are killed while they use the store without a pause, many a one with its lock: the records agree
   with each other afterwards, and the next process goes on with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_check.h"
#include "store_deeds.h"
#include <signal.h>

enum { KILLS = 150 };

static void act_on(void)
{
    unsigned seed = (unsigned)getpid();
    struct ss_message m;
    for (;;) {
        join_room();
        for (int i = 0; i < 20; i++) {
            (void)ss_post(&server, receivers[rand_r(&seed) % RECEIVERS].ref, "new", 3);
            (void)ss_publish(&server, "room", "new", 3);
            (void)mail_begin_wait(&server, &own[0].request, NULL);
            (void)ss_receive(&own[0].handler, &m);
            (void)mail_end_wait(&server, &own[0].request);
        }
        mail_close(&server, &own[0].request);
    }
}

static void test_killed(void **state)
{
    unsigned seed = 1, repaired = 0;
    (void)state;
    subscribe_all();
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork_one();
        struct ss_message m;
        if (pid == 0)
            act_on();
        usleep(1000 + (unsigned)rand_r(&seed) % 1000);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        repaired += atomic_load(inside);
        stations_child_ended(&server, pid);
        struct tally t = check_store(server.core->store);
        assert_int_equal(t.mailboxes, RECEIVERS);
        for (int k = 0; k < RECEIVERS; k++)
            while (ss_receive(&receivers[k].handler, &m) == 0)
                ;
    }
    if (getenv("VERBOSE"))
        print_message("%u of %d had the lock\n", repaired, KILLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
