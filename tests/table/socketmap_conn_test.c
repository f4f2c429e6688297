/* socketmap_conn_test.c - addresses, connections that come about or do not, and one exchange with each kind of server. */
#include "../../milter/table/table_int.h"

#include "mailseal/clock.h"
#include "server.h"

static void addresses_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *name;
        int family; /* 0: it is none */
    } rows[] = {
        { "unix:/run/x/sock:list", "list", AF_UNIX },
        { "unix:/run/a:b:list", "list", AF_UNIX },
        { "inet:192.0.2.1:10:list", "list", AF_INET },
        { "inet:localhost:10:list", "list", AF_INET },
        { "inet:[2001:db8::1]:10:list", "list", AF_INET6 },
        { "unix:run/x:list", NULL, 0 },
        { "unix:/run/x", NULL, 0 },
        { "unix:/run/x:", NULL, 0 },
        { "unix:/:list", NULL, 0 },
        { "unix:/run/x:li st", NULL, 0 },
        { "inet:192.0.2.1:0:list", NULL, 0 },
        { "inet:192.0.2.1:65536:list", NULL, 0 },
        { "inet:192.0.2.1:list", NULL, 0 },
        { "inet:db.example.org:10:list", NULL, 0 },
        { "inet::10:list", NULL, 0 },
        { "tcp:192.0.2.1:10:list", NULL, 0 },
        { "", NULL, 0 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct socketmap_address address;
        bool ok = socketmap_address_parse(str_of(rows[i].spec), &address);
        ROW_INT(rows[i].spec, ok ? address.sa.ss_family : 0, rows[i].family);
        if (ok)
            ROW_STR(rows[i].spec, address.name, str_of(rows[i].name));
    }
    char spec[300];
    struct socketmap_address address;
    snprintf(spec, sizeof spec, "unix:/%0106d:x", 0);
    assert_true(socketmap_address_parse(str_of(spec), &address));
    snprintf(spec, sizeof spec, "unix:/%0107d:x", 0);
    assert_false(socketmap_address_parse(str_of(spec), &address));
    snprintf(spec, sizeof spec, "unix:/a:%0*d", SOCKETMAP_NAME_MAX, 0);
    assert_true(socketmap_address_parse(str_of(spec), &address));
    snprintf(spec, sizeof spec, "unix:/a:%0*d", SOCKETMAP_NAME_MAX + 1, 0);
    assert_false(socketmap_address_parse(str_of(spec), &address));
}

static const char too_long[] = "8193:OK aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static const struct line script[] = {
    { "whole", "5:OK ab,", WHOLE }, { "drip", "5:OK ab,", DRIP },         { "never", "", NEVER },
    { "close", "", JUST_CLOSE },    { "part", "5:OK a", THEN_CLOSE },     { "garbage", "HTTP/1.1 400 Bad\r\n", WHOLE },
    { "long", too_long, WHOLE },    { "two", "5:OK ab,5:OK ab,", WHOLE }, { NULL, NULL, WHOLE },
};

static void one_exchange(void **state)
{
    (void)state;
    static const struct {
        const char *key, *want; /* the value, or the reason */
        bool ok;
        int ms;
    } rows[] = {
        { "whole", "ab", true, 10000 },
        { "drip", "ab", true, 10000 },
        { "never", "no answer in time", false, 5 },
        { "close", "the connection was closed", false, 10000 },
        { "part", "the connection was closed", false, 10000 },
        { "garbage", "the answer is no reply of a socketmap server, or too long", false, 10000 },
        { "long", "the answer is no reply of a socketmap server, or too long", false, 10000 },
        { "two", "the answer is no reply of a socketmap server, or too long", false, 10000 },
    };
    struct server server;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *reason;
    struct socketmap_address address;
    struct socketmap_reply reply;
    for (int inet = 0; inet < 2; inet++) {
        server_start(&server, inet ? NULL : dir, script);
        struct str spec = inet ? str_printf(a, "inet:127.0.0.1:%u:list", server.port) : str_printf(a, "unix:%s:list", server.path);
        assert_true(socketmap_address_parse(spec, &address));
        for (size_t i = 0; i < ROWS(rows); i++) {
            int fd = socketmap_connect(a, &address, clock_ms() + 10000, &reason);
            assert_true(fd >= 0);
            assert_true(socketmap_is_quiet(fd));
            struct str request = socketmap_request(a, STR("list"), str_of(rows[i].key));
            bool ok = socketmap_exchange(a, fd, request, clock_ms() + rows[i].ms, &reply, &reason);
            ROW_INT(rows[i].key, ok, rows[i].ok);
            ROW_STR(rows[i].key, ok ? reply.text : str_of(reason), str_of(rows[i].want));
            close(fd);
        }
        server_stop(&server);
    }
    remove_directory(a, dir);
    arena_free(a);
}

static void nobody_is_there(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *reason;
    struct socketmap_address address;
    assert_true(socketmap_address_parse(str_printf(a, "unix:%s/none:list", dir), &address));
    assert_int_equal(socketmap_connect(a, &address, clock_ms() + 10000, &reason), -1);
    assert_string_equal(reason, "No such file or directory");
    remove_directory(a, dir);
    arena_free(a);
}

/* The queue of a server that accepts nobody is full at some time. */
static void a_full_queue_is_waited_for_until_the_deadline(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *reason;
    struct socketmap_address address;
    int v[16], n = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(socketmap_address_parse(str_printf(a, "unix:%s/s:list", dir), &address));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address.sa, address.n), 0);
    assert_int_equal(listen(fd, 1), 0);
    while (n < 16 && (v[n] = socketmap_connect(a, &address, clock_ms() + 20, &reason)) >= 0)
        n++;
    assert_in_range(n, 1, 15);
    for (int i = 0; i < n; i++)
        close(v[i]);
    close(fd);
    remove_directory(a, dir);
    arena_free(a);
}

/* What a server says unasked, its end too, is no answer to the next question. */
static void unasked_bytes_are_noticed(void **state)
{
    (void)state;
    int v[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, v), 0);
    assert_true(socketmap_is_quiet(v[0]));
    assert_int_equal(write(v[1], "x", 1), 1);
    assert_false(socketmap_is_quiet(v[0]));
    close(v[0]);
    close(v[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, v), 0);
    close(v[1]);
    assert_false(socketmap_is_quiet(v[0]));
    close(v[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(addresses_are_read), cmocka_unit_test(one_exchange),
                                        cmocka_unit_test(nobody_is_there),
                                        cmocka_unit_test(a_full_queue_is_waited_for_until_the_deadline),
                                        cmocka_unit_test(unasked_bytes_are_noticed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
