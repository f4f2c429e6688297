/* table_entries_test.c - lists of domains and clients, keys with values: what matches, and every line that refuses a file. */
#include "../../milter/table/table_int.h"

#include "../support/files.h"

static struct table_entries *read_text(struct arena *a, struct str text, enum table_kind kind, const char **error)
{
    const char *dir = make_directory(a);
    struct table_entries *e = table_entries_read(a, write_file(a, dir, "list", text, 0644), kind, error);
    if (e == NULL)
        *error += strlen(dir) + 1;
    remove_directory(a, dir);
    return e;
}

static const char domains[] = "# our customers\nexample.org\n.example.org # and all below\nExample.COM.\n"
                              "b\xc3\xbc"
                              "cher.example\n.Sub.Example.net\nexample.org\r\n_x.example\n";

static void a_name_is_itself_and_a_dot_all_below(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool want;
    } rows[] = {
        { "example.org", true },
        { "a.example.org", true },
        { "b.a.example.org", true },
        { "xexample.org", false },
        { "org", false },
        { "example.com", true },
        { "a.example.com", false },
        { "sub.example.net", false },
        { "a.sub.example.net", true },
        { "x.sub.example.net", true },
        { "xn--bcher-kva.example", true },
        { "example.net", false },
        { "_x.example", true },
        { "", false },
    };
    struct arena *a = arena_new();
    const char *error;
    struct table_entries *e = read_text(a, str_of(domains), TABLE_DOMAINS, &error);
    assert_non_null(e);
    assert_int_equal(table_entries_count(e), 6); /* a name that stands there twice is one */
    assert_true(table_entries_has_names(e));
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_INT(rows[i].name, table_entries_has_domain(e, str_of(rows[i].name)), rows[i].want);
    arena_free(a);
}

static void clients_are_networks_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        bool want;
    } rows[] = {
        { "192.0.2.1", true },        { "192.0.2.2", false },      { "198.51.100.0", true },     { "198.51.100.255", true },
        { "198.51.101.0", false },    { "203.0.113.127", true },   { "203.0.113.128", false },   { "2001:db8::1", true },
        { "2001:db8::2", false },     { "2001:db8:7fff::", true }, { "2001:db8:8000::", false }, { "::ffff:192.0.2.1", true },
        { "::ffff:10.1.1.1", true },  { "10.255.255.255", true },  { "11.0.0.0", false },        { "::192.0.2.1", false },
        { "2001:db8:3fff::", false }, { "2001:db8:4000::", true }, { "198.51.100.17", true },
    };
    struct arena *a = arena_new();
    const char *error;
    struct ip ip;
    struct table_entries *e = read_text(a,
                                        STR("192.0.2.1\n198.51.100.77/24\n198.51.100.1/24\n203.0.113.0/25\n2001:db8::1\n"
                                            "2001:db8:7000::/34\n::ffff:10.0.0.0/104\n"),
                                        TABLE_CLIENTS, &error);
    assert_non_null(e);
    assert_int_equal(table_entries_count(e), 6);
    assert_false(table_entries_has_names(e));
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_true(ip_parse(str_of(rows[i].ip), &ip));
        ROW_INT(rows[i].ip, table_entries_has_ip(e, ip), rows[i].want);
    }
    assert_false(table_entries_has_ip(e, (struct ip){ .family = 0 }));
    assert_false(table_entries_has_domain(e, STR("192.0.2.1")));
    arena_free(a);
}

static void everything_is_a_network_too(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error;
    struct ip v4, v6;
    assert_true(ip_parse(STR("192.0.2.1"), &v4) && ip_parse(STR("2001:db8::1"), &v6));
    struct table_entries *e = read_text(a, STR("0.0.0.0/0\nmail.example.org\n.example.net\n"), TABLE_CLIENTS, &error);
    assert_non_null(e);
    assert_true(table_entries_has_ip(e, v4));
    assert_false(table_entries_has_ip(e, v6));
    assert_false(table_entries_has_ip(e, (struct ip){ .family = 0 }));
    assert_true(table_entries_has_names(e));
    assert_true(table_entries_has_domain(e, STR("a.example.net")));
    assert_true(table_entries_has_domain(e, STR("mail.example.org")));
    arena_free(a);
}

static void text_has_keys_with_values(void **state)
{
    (void)state;
    static const struct {
        const char *key, *want; /* NULL: not there */
    } rows[] = { { "ann@example.org", "one, two" }, { "ANN@example.org", "one, two" }, { "@example.org", "x" }, { "bob", NULL } };
    struct arena *a = arena_new();
    const char *error;
    struct str value;
    struct table_entries *e = read_text(a, STR("Ann@Example.org\t one, two \n@example.org x # y\n"), TABLE_TEXT, &error);
    assert_non_null(e);
    assert_int_equal(table_entries_count(e), 2);
    for (size_t i = 0; i < ROWS(rows); i++) {
        ROW_INT(rows[i].key, table_entries_get(e, a, str_of(rows[i].key), &value), rows[i].want != NULL);
        if (rows[i].want != NULL)
            ROW_STR(rows[i].key, value, str_of(rows[i].want));
    }
    arena_free(a);
}

static void bad_lines_refuse_the_file(void **state)
{
    (void)state;
#define NO_DOMAIN " is no domain name (.NAME stands for all names below it)"
#define NO_CLIENT " is no address, network or domain name"
    static const struct {
        enum table_kind kind;
        const char *text, *error;
    } rows[] = {
        { TABLE_DOMAINS, "a.example\n*.example.org\n", "list:2: '*.example.org'" NO_DOMAIN },
        { TABLE_DOMAINS, "a..example", "list:1: 'a..example'" NO_DOMAIN },
        { TABLE_DOMAINS, ".", "list:1: '.'" NO_DOMAIN },
        { TABLE_DOMAINS, "..example", "list:1: '..example'" NO_DOMAIN },
        { TABLE_DOMAINS, "ann@example.org", "list:1: 'ann@example.org'" NO_DOMAIN },
        { TABLE_DOMAINS, "192.0.2.1", "list:1: '192.0.2.1'" NO_DOMAIN },
        { TABLE_DOMAINS, "\n\na.example REJECT", "list:3: 'a.example' is followed by another word: a list has one entry a line" },
        { TABLE_CLIENTS, "192.0.2.0/33", "list:1: '192.0.2.0/33'" NO_CLIENT },
        { TABLE_CLIENTS, "192.0.2.256", "list:1: '192.0.2.256'" NO_CLIENT },
        { TABLE_CLIENTS, "192.0.2.", "list:1: '192.0.2.'" NO_CLIENT },
        { TABLE_CLIENTS, "!192.0.2.1", "list:1: '!192.0.2.1'" NO_CLIENT },
        { TABLE_CLIENTS, "192.0.2.1 OK", "list:1: '192.0.2.1' is followed by another word: a list has one entry a line" },
        { TABLE_TEXT, "a b\nc", "list:2: 'c' has no value" },
        { TABLE_TEXT, "a b\n c d", "list:2: 'c' follows white space: a key stands at the start of its line" },
        { TABLE_TEXT, "a b\nA c", "list:2: 'A' is there twice" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *error = "";
        assert_null(read_text(a, str_of(rows[i].text), rows[i].kind, &error));
        ROW_STR(rows[i].text, str_of(error), str_of(rows[i].error));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_itself_and_a_dot_all_below),
        cmocka_unit_test(clients_are_networks_and_names),
        cmocka_unit_test(everything_is_a_network_too),
        cmocka_unit_test(text_has_keys_with_values),
        cmocka_unit_test(bad_lines_refuse_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
