/* login_map_test.c - Postfix's smtpd_sender_login_maps as text: who may use which address. */
#include "config_support.h"

#include "../table/server.h"

#define MAP                                                                                                                        \
    "# comment\nann@a.example ann, boss\n    deputy\nBob@A.example\tbob\n@a.example postmaster,all@a.example\n"                    \
    "ann@a.example eve\nlocalonly x\n@b\xc3\xbc"                                                                                   \
    "cher.example leser\n"

static const struct {
    const char *login, *local, *domain;
    bool want;
} rows[] = {
    { "ann", "ann", "a.example", true },         { "ANN", "Ann", "a.example", true },
    { "boss", "ann", "a.example", true },        { "deputy", "ann", "a.example", true },
    { "bos", "ann", "a.example", false },        { "eve", "ann", "a.example", false },
    { "postmaster", "ann", "a.example", false }, { "bob", "bob", "a.example", true },
    { "postmaster", "x", "a.example", true },    { "all@a.example", "x", "a.example", true },
    { "ann", "x", "a.example", false },          { "ann", "ann", "b.example", false },
    { "x", "localonly", "a.example", false },    { "leser", "x", "xn--bcher-kva.example", true },
    { "", "ann", "a.example", false },
};

static void logins_may_use_their_addresses(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *error = NULL;
    struct login_map *m = login_map_read(a, a, NULL, write_file(a, dir, "map", STR(MAP), 0644), &error);
    if (m == NULL)
        fail_msg("%s", error);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *name = str_cstr(a, str_printf(a, "%s as %s@%s", rows[i].login, rows[i].local, rows[i].domain));
        ROW_INT(name, login_map_ask(m, str_of(rows[i].login), str_of(rows[i].local), str_of(rows[i].domain)), rows[i].want);
    }
    assert_true(login_map_ask(NULL, STR("x"), STR("y"), STR("z.example")) == TABLE_YES);
    remove_directory(a, dir);
    arena_free(a);
}

static const struct {
    const char *text, *want;
} refused[] = {
    { "ann@a.example\n", ":1: 'ann@a.example' names no login" },
    { " ann\n", ":1: continues a line that is not there" },
    { "\nann@a..b x\n", ":2: 'ann@a..b' is no address" },
};

static void faults_are_refused_with_their_line(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *error = NULL;
    for (size_t i = 0; i < ROWS(refused); i++) {
        assert_null(login_map_read(a, a, NULL, write_file(a, dir, "map", str_of(refused[i].text), 0644), &error));
        ROW_STR(refused[i].text, str_of(error), str_printf(a, "%s/map%s", dir, refused[i].want));
    }
    assert_null(login_map_read(a, a, NULL, "/nowhere/map", &error));
    assert_string_equal(error, "/nowhere/map: No such file or directory");
    remove_directory(a, dir);
    arena_free(a);
}

static const struct line script[] = {
    { "ann@a.example", "ann, boss,bob", VALUE },
    { "@a.example", "postmaster", VALUE },
    { "x@temp.example", "6:TEMP x,", WHOLE },
    { "@down.example", "6:PERM x,", WHOLE },
    { NULL, NULL, WHOLE },
};

static void a_server_is_asked_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *login, *local, *domain;
        enum table_answer want;
    } asked[] = {
        { "ann", "Ann", "a.example", TABLE_YES },      { "BOSS", "ann", "a.example", TABLE_YES },
        { "bob", "ann", "a.example", TABLE_YES },      { "postmaster", "ann", "a.example", TABLE_NO },
        { "postmaster", "x", "a.example", TABLE_YES }, { "ann", "x", "a.example", TABLE_NO },
        { "ann", "x", "b.example", TABLE_NO },         { "", "ann", "a.example", TABLE_NO },
        { "ann", "x", "temp.example", TABLE_UNKNOWN }, { "", "x", "temp.example", TABLE_UNKNOWN },
        { "ann", "y", "down.example", TABLE_UNKNOWN },
    };
    struct arena *a = arena_new();
    struct server server;
    const char *dir = make_directory(a), *error = NULL;
    server_start(&server, dir, script);
    struct login_map *m = login_map_read(a, a, NULL, str_cstr(a, str_printf(a, "socketmap:unix:%s:list", server.path)), &error);
    assert_non_null(m);
    for (size_t i = 0; i < ROWS(asked); i++) {
        const char *name = str_cstr(a, str_printf(a, "%s as %s@%s", asked[i].login, asked[i].local, asked[i].domain));
        ROW_INT(name, login_map_ask(m, str_of(asked[i].login), str_of(asked[i].local), str_of(asked[i].domain)), asked[i].want);
    }
    assert_string_equal(server_log(&server, a),
                        "ann@a.example|x@a.example|@a.example|x@b.example|@b.example|x@temp.example|y@down.example|"
                        "@down.example|");
    server_stop(&server);
    remove_directory(a, dir);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(logins_may_use_their_addresses),
                                        cmocka_unit_test(faults_are_refused_with_their_line),
                                        cmocka_unit_test(a_server_is_asked_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
