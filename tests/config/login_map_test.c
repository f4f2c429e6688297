/* login_map_test.c - Postfix's smtpd_sender_login_maps as text: who may use which address. */
#include "config_support.h"

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
    struct login_map *m = login_map_read(a, a, write_file(a, dir, "map", STR(MAP), 0644), &error);
    if (m == NULL)
        fail_msg("%s", error);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *name = str_cstr(a, str_printf(a, "%s as %s@%s", rows[i].login, rows[i].local, rows[i].domain));
        ROW_INT(name, login_map_allows(m, str_of(rows[i].login), str_of(rows[i].local), str_of(rows[i].domain)), rows[i].want);
    }
    assert_true(login_map_allows(NULL, STR("x"), STR("y"), STR("z.example")));
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
        assert_null(login_map_read(a, a, write_file(a, dir, "map", str_of(refused[i].text), 0644), &error));
        ROW_STR(refused[i].text, str_of(error), str_printf(a, "%s/map%s", dir, refused[i].want));
    }
    assert_null(login_map_read(a, a, "/nowhere/map", &error));
    assert_string_equal(error, "/nowhere/map: No such file or directory");
    remove_directory(a, dir);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(logins_may_use_their_addresses),
                                        cmocka_unit_test(faults_are_refused_with_their_line) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
