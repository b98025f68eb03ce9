/* Unix sockets: files that are left behind, in use, or somebody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <fcntl.h>
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
        cmocka_unit_test(test_abstract),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
