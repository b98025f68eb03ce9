/* SPDX-License-Identifier: MIT */
/* Unix sockets: files that are left behind, in use, or somebody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};
static char directory[] = "/tmp/ss-unit-XXXXXX", path[40], address[50];
static const struct ss_class *const classes[] = {&UnixStreamServer, &UnixDatagramServer};

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/s", directory);
    snprintf(address, sizeof address, "unix:%s", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory); /* which must be empty */
}

static int try_bind(const struct ss_class *cls, struct ss_server *server)
{
    assert_int_equal(ss_server_init(server, SS_BASES(cls), address, &EchoHandler), 0);
    return ss_server_bind(server);
}

static bool is_there(void)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* A socket whose server was killed. */
static void leave_socket(int type)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);
    strcpy(un.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    close(fd);
    assert_true(is_there());
}

static void test_stale_is_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        leave_socket(i ? SOCK_DGRAM : SOCK_STREAM);
        start(&r, SS_BASES(classes[i]), address, &EchoHandler);
        int fd = client_of(&r.server);
        say(fd, "hello\n");
        expect(fd, "hello\n");
        close(fd);
        stop(&r);
        assert_false(is_there());
    }
}

static void test_live_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++)
        for (size_t j = 0; j < COUNT(classes); j++) { /* of either kind */
            struct ss_server first, second;
            assert_int_equal(try_bind(classes[i], &first), 0);
            assert_int_equal(try_bind(classes[j], &second), -EADDRINUSE);
            ss_server_close(&second);
            assert_true(is_there());
            ss_server_close(&first);
            assert_false(is_there());
        }
}

static void test_foreign_file_stays(void **state)
{
    struct ss_server server;
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        close(open(path, O_CREAT | O_WRONLY, 0600));
        assert_int_equal(try_bind(classes[i], &server), -EADDRINUSE);
        ss_server_close(&server);
        assert_true(is_there());
        unlink(path);
        assert_int_equal(symlink("/nowhere", path), 0);
        assert_int_equal(try_bind(classes[i], &server), -EADDRINUSE);
        ss_server_close(&server);
        assert_true(is_there());
        unlink(path);
    }
}

/* What is there now is not the file that we have made. */
static void test_successor_stays(void **state)
{
    struct ss_server first, second;
    (void)state;
    assert_int_equal(try_bind(&UnixStreamServer, &first), 0);
    unlink(path);
    assert_int_equal(try_bind(&UnixStreamServer, &second), 0);
    ss_server_close(&first);
    assert_true(is_there());
    ss_server_close(&second);
    assert_false(is_there());
}

static void test_mode(void **state)
{
    static const int modes[] = {0600, 0660, 0666, 0000};
    struct ss_server server;
    struct stat st;
    mode_t before = umask(077);
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        assert_int_equal(ss_server_init(&server, SS_BASES(&UnixStreamServer), address, &EchoHandler), 0);
        server.socket_mode = modes[i];
        assert_int_equal(ss_server_bind(&server), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, modes[i]);
        ss_server_close(&server);
    }
    assert_int_equal(umask(before), 077);
}

/* A child that ends does not take its parent's file away. */
static void test_child_leaves_file(void **state)
{
    struct ss_server server;
    int status;
    (void)state;
    assert_int_equal(try_bind(&UnixStreamServer, &server), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ss_server_close(&server);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(is_there());
    ss_server_close(&server);
    assert_false(is_there());
}

/* ---- the file goes with the server, wherever that is by then ---- */

static void test_change_of_directory(void **state)
{
    struct ss_server server;
    char before[1000];
    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    for (size_t i = 0; i < COUNT(classes); i++) {
        assert_int_equal(chdir(directory), 0);
        assert_int_equal(ss_server_init(&server, SS_BASES(classes[i]), "unix:s", &EchoHandler), 0);
        assert_int_equal(ss_server_bind(&server), 0);
        assert_int_equal(chdir("/"), 0);
        assert_true(is_there());
        ss_server_close(&server);
        assert_false(is_there());
    }
    assert_int_equal(chdir(before), 0);
}

/* Binds, and becomes a daemon: the process that has bound ends, and its child goes on; or the child is the
   one that serves. */
static void be_daemon(bool serves, int say)
{
    struct ss_server server;
    if (ss_server_init(&server, SS_BASES(&UnixStreamServer), address, &EchoHandler) < 0 ||
        ss_server_bind(&server) < 0)
        _exit(1);
    pid_t parent = getpid(), pid = fork();
    if (pid > 0 && serves)
        (void)pause();
    if (pid > 0)
        _exit(0);
    while (!serves && getppid() == parent)
        poll(NULL, 0, 1);
    if (serves) {
        ss_shutdown(&server);
        ss_serve_forever(&server);
    }
    ss_server_close(&server);
    (void)!write(say, "", 1);
    _exit(0);
}

static void test_daemon(void **state)
{
    (void)state;
    for (int serves = 0; serves < 2; serves++) {
        int end[2], status;
        char byte;
        assert_int_equal(pipe(end), 0);
        pid_t pid = fork();
        if (pid == 0)
            be_daemon(serves, end[1]);
        close(end[1]);
        if (!serves)
            assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(read(end[0], &byte, 1), 1);
        close(end[0]);
        assert_false(is_there());
        if (serves) { /* the other one was still there, and waits */
            kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, &status, 0), pid);
        }
    }
}

/* ---- several servers start at once ---- */

enum { STARTERS = 8, ROUNDS = 10 };

/* Says whether it has the name, and stays until it is told to end: when a pipe closes. */
static void start_one(int go, int stay, int say)
{
    struct ss_server server;
    char byte;
    (void)!read(go, &byte, 1);
    int rc = try_bind(&UnixStreamServer, &server);
    (void)!write(say, &rc, sizeof rc);
    (void)!read(stay, &byte, 1);
    _exit(0);
}

static void test_race_for_a_stale_file(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int go[2], stay[2], said[2], rc, winners = 0;
        pid_t pids[STARTERS];
        struct ss_stream *s;
        leave_socket(SOCK_STREAM);
        assert_int_equal(pipe(go) | pipe(stay) | pipe(said), 0);
        for (int i = 0; i < STARTERS; i++)
            if ((pids[i] = fork()) == 0) {
                close(go[1]);
                close(stay[1]);
                start_one(go[0], stay[0], said[1]);
            }
        close(go[1]);
        for (int i = 0; i < STARTERS; i++) {
            assert_int_equal(read(said[0], &rc, sizeof rc), sizeof rc);
            if (rc < 0)
                assert_int_equal(rc, -EADDRINUSE);
            winners += rc == 0;
        }
        assert_int_equal(winners, 1);
        assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), 0); /* who has it listens */
        ss_close(s);
        close(stay[1]);
        for (int i = 0; i < STARTERS; i++)
            assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
        close(go[0]);
        close(stay[0]);
        close(said[0]);
        close(said[1]);
        assert_int_equal(count_entries(directory), 3); /* nothing but that file */
        unlink(path);
    }
}

/* ---- descriptors that are no sockets of ours ---- */

static int try_descriptor(int fd)
{
    struct ss_server server;
    char text[20];
    snprintf(text, sizeof text, "fd:%d", fd);
    assert_int_equal(ss_server_init(&server, SS_BASES(&UnixStreamServer), text, &EchoHandler), 0);
    int rc = ss_server_bind(&server);
    ss_server_close(&server);
    return rc;
}

/* The server itself is the first to open something: its number is not what was passed. */
static void test_descriptor_that_was_not_passed(void **state)
{
    (void)state;
    int fd = dup(STDERR_FILENO); /* the next free one, and open to programs that we exec */
    assert_int_equal(try_descriptor(fd), -ENOTSOCK);
    close(fd);
    assert_int_equal(try_descriptor(fd), -EBADF);
    assert_int_equal(try_descriptor(1000), -EBADF);
}

static void test_abstract(void **state)
{
    struct running r;
    char name[60];
    struct ss_server second;
    (void)state;
    snprintf(name, sizeof name, "unix:@%s", directory);
    for (size_t i = 0; i < COUNT(classes); i++) {
        start(&r, SS_BASES(classes[i]), name, &EchoHandler);
        assert_string_equal(r.text, name);
        int fd = client_of(&r.server);
        say(fd, "hello\n");
        expect(fd, "hello\n");
        close(fd);
        assert_int_equal(ss_server_init(&second, SS_BASES(classes[i]), name, &EchoHandler), 0);
        assert_int_equal(ss_server_bind(&second), -EADDRINUSE);
        ss_server_close(&second);
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stale_is_replaced),
        cmocka_unit_test(test_live_is_refused),
        cmocka_unit_test(test_foreign_file_stays),
        cmocka_unit_test(test_successor_stays),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_child_leaves_file),
        cmocka_unit_test(test_change_of_directory),
        cmocka_unit_test(test_daemon),
        cmocka_unit_test(test_race_for_a_stale_file),
        cmocka_unit_test(test_descriptor_that_was_not_passed),
        cmocka_unit_test(test_abstract),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
