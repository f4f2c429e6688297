/* table_test.c - specs, and a table of a file behind the door. */
#include "mailseal/table.h"

#include "server.h"

static void specs_are_checked_by_form(void **state)
{
    (void)state;
    static const char wanted[] = "is no table (PATH, file:PATH or socketmap:...)";
    static const char no_server[] = "is no socketmap server (socketmap:unix:/PATH:NAME or socketmap:inet:ADDRESS:PORT:NAME)";
    static const struct {
        const char *spec, *fault;
    } rows[] = {
        { "/etc/list", NULL },
        { "list", NULL },
        { "file:/etc/list", NULL },
        { "file:list", NULL },
        { "/etc/a:b", NULL },
        { "hash:/etc/x", wanted },
        { "", wanted },
        { "file:", wanted },
        { "socketmap:unix:/x:n", NULL },
        { "socketmap:inet:[::1]:9:n", NULL },
        { "socketmap:x", no_server },
        { "socketmap:", no_server },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *fault = table_spec_fault(str_of(rows[i].spec));
        ROW_STR(rows[i].spec, str_of(fault), str_of(rows[i].fault));
    }
    assert_true(table_spec_is_server(STR("socketmap:unix:/x:n")));
    assert_false(table_spec_is_server(STR("/socketmap:x")));
    ROW_STR("path", table_spec_path(STR("file:/x")), STR("/x"));
    ROW_STR("path", table_spec_path(STR("/x:y")), STR("/x:y"));
    ROW_STR("no path", table_spec_path(STR("socketmap:unix:/x:n")), STR(""));
    char path[5000];
    memset(path, 'x', sizeof path);
    assert_string_equal(table_spec_fault((struct str){ path, sizeof path }), "is too long for a path");
}

static void relative_paths_are_below_a_directory(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *want;
    } rows[] = {
        { "list", "/etc/m/list" },
        { "./a/list", "/etc/m/a/list" },
        { "/list", "/list" },
        { "file:list", "file:/etc/m/list" },
        { "file:./list", "file:/etc/m/list" },
        { "file:/list", "file:/list" },
        { "hash:x", "hash:x" },
        { "socketmap:unix:/x:n", "socketmap:unix:/x:n" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_STR(rows[i].spec, str_of(table_spec_below(a, "/etc/m", str_of(rows[i].spec))), str_of(rows[i].want));
    arena_free(a);
}

static void a_file_answers(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *error;
    struct str value;
    struct ip ip;
    const char *path = write_file(a, dir, "list", STR("a.example\n192.0.2.0/24\n"), 0644);
    const char *spec = str_cstr(a, str_printf(a, "file:%s", path));
    struct table *t = table_read(a, NULL, spec, TABLE_CLIENTS, &error);
    assert_non_null(t);
    assert_string_equal(table_spec(t), spec);
    assert_int_equal(table_count(t), 2);
    assert_true(table_has_names(t));
    assert_int_equal(table_has_domain(t, STR("a.example")), TABLE_YES);
    assert_int_equal(table_has_domain(t, STR("b.example")), TABLE_NO);
    assert_true(ip_parse(STR("192.0.2.9"), &ip));
    assert_int_equal(table_has_ip(t, ip), TABLE_YES);
    assert_true(ip_parse(STR("192.0.3.9"), &ip));
    assert_int_equal(table_has_ip(t, ip), TABLE_NO);
    assert_null(table_read(a, NULL, path, TABLE_DOMAINS, &error));
    ROW_STR("line", str_of(error),
            str_printf(a, "%s:2: '192.0.2.0/24' is no domain name (.NAME stands for all names below it)", path));
    t = table_read(a, NULL, write_file(a, dir, "text", STR("k v\n"), 0644), TABLE_TEXT, &error);
    assert_non_null(t);
    assert_int_equal(table_get(t, a, STR("K"), &value), TABLE_YES);
    ROW_STR("value", value, STR("v"));
    assert_int_equal(table_get(t, a, STR("x"), &value), TABLE_NO);
    remove_directory(a, dir);
    arena_free(a);
}

static void a_server_answers(void **state)
{
    (void)state;
    static const struct line script[] = { { "ann@a.example", "4:OK v,", WHOLE },
                                          { ".a.example", "3:OK ,", WHOLE },
                                          { "192.0.2.9", "4:OK x,", WHOLE },
                                          { NULL, NULL, WHOLE } };
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *error;
    struct server server;
    struct str value;
    struct ip ip;
    server_start(&server, dir, script);
    const char *spec = str_cstr(a, str_printf(a, "socketmap:unix:%s:list", server.path));
    struct table *t = table_read(a, NULL, spec, TABLE_CLIENTS, &error);
    assert_non_null(t);
    assert_string_equal(table_spec(t), spec);
    assert_true(table_has_names(t));
    assert_int_equal(table_count(t), 0);
    assert_int_equal(table_has_domain(t, STR("b.a.example")), TABLE_YES);
    assert_int_equal(table_has_domain(t, STR("a.example")), TABLE_NO);
    assert_int_equal(table_has_domain(t, STR("")), TABLE_NO);
    assert_true(ip_parse(STR("192.0.2.9"), &ip));
    assert_int_equal(table_has_ip(t, ip), TABLE_YES);
    assert_int_equal(table_has_ip(t, (struct ip){ .family = 0 }), TABLE_NO);
    assert_int_equal(table_get(t, a, STR("Ann@A.Example"), &value), TABLE_YES);
    ROW_STR("value", value, STR("v"));
    assert_string_equal(server_log(&server, a), "b.a.example|.a.example|a.example|.example|192.0.2.9|ann@a.example|");
    t = table_read(a, NULL, spec, TABLE_DOMAINS, &error);
    assert_non_null(t);
    assert_false(table_has_names(t));
    server_stop(&server);
    remove_directory(a, dir);
    arena_free(a);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error;
    assert_null(table_read(a, NULL, "/nonexistent/list", TABLE_DOMAINS, &error));
    assert_string_equal(error, "/nonexistent/list: No such file or directory");
    assert_null(table_read(a, NULL, "hash:/x", TABLE_DOMAINS, &error));
    assert_string_equal(error, "'hash:/x' is no table (PATH, file:PATH or socketmap:...)");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(specs_are_checked_by_form),
                                        cmocka_unit_test(relative_paths_are_below_a_directory), cmocka_unit_test(a_file_answers),
                                        cmocka_unit_test(a_server_answers), cmocka_unit_test(what_cannot_be_read_is_an_error) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
