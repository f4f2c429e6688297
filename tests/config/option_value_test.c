/* option_value_test.c - one value into its field and back, for the rows a test can make up. */
#include "config_support.h"

#include "mailseal/limits.h"

struct fields {
    const char *text;
    struct strings list;
    struct networks networks;
    unsigned number;
};

static const struct conf_option path_option = { "p", OPTION_PATH, "", offsetof(struct fields, text), { .max = 0 }, "" };
static const struct conf_option profile_option = { "q", OPTION_PROFILE, "", offsetof(struct fields, text), { .max = 0 }, "" };
static const struct conf_option domain_option = { "d", OPTION_DOMAIN, "", offsetof(struct fields, text), { .max = 0 }, "" };
static const struct conf_option string_option = { "s", OPTION_STRING, "", offsetof(struct fields, text), { .max = 0 }, "" };
static const struct conf_option number_option = {
    "n", OPTION_UINT, "7", offsetof(struct fields, number), { .min = 5, .max = 9 }, ""
};
static const struct conf_option list_option = { "l", OPTION_STRINGS, "", offsetof(struct fields, list), { .max = 20 }, "" };
static const struct conf_option networks_option = {
    "w", OPTION_NETWORKS, "", offsetof(struct fields, networks), { .max = 20 }, ""
};

static const struct {
    const char *name;
    const struct conf_option *option;
    const char *input, *want; /* want: what is written, or the reason */
    bool ok;
} rows[] = {
    { "absolute path", &path_option, "/x/y", "\"/x/y\"", true },
    { "relative path", &path_option, "x/y", "\"/dir/x/y\"", true },
    { "path from here", &path_option, "././x/./y", "\"/dir/x/./y\"", true },
    { "no path", &path_option, "", "\"\"", true },
    { "profile by name", &profile_option, "x", "\"x\"", true },
    { "profile by path", &profile_option, "a/x", "\"/dir/a/x\"", true },
    { "quotes and backslashes", &string_option, "a\"b\\c", "\"a\\\"b\\\\c\"", true },
    { "domain lower case", &domain_option, "S1.Example", "\"s1.example\"", true },
    { "domain with U-label", &domain_option, "m\xc3\xbcller", "\"xn--mller-kva\"", true },
    { "domain with blank", &domain_option, "a b", "'a b' is no domain name", false },
    { "empty domain", &domain_option, "", "\"\"", true },
    { "lowest number", &number_option, "5", "5", true },
    { "highest number", &number_option, "9", "9", true },
    { "below", &number_option, "4", "'4' is no number from 5 to 9", false },
    { "above", &number_option, "10", "'10' is no number from 5 to 9", false },
    { "beyond 64 bits", &number_option, "18446744073709551621", "'18446744073709551621' is no number from 5 to 9", false },
    { "control characters are escaped", &number_option, "\x1b[1m", "'\\x1b[1m' is no number from 5 to 9", false },
};

static void values_go_in_and_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct fields f = { .text = NULL };
        struct buf out;
        const char *input = rows[i].input, *reason = "";
        buf_init(&out, a, 1000);
        bool ok = option_set(rows[i].option, &f, a, "/dir", (struct strings){ &input, 1 }, &reason);
        ROW_INT(rows[i].name, ok, rows[i].ok);
        if (ok)
            option_write(rows[i].option, &f, &out);
        ROW_STR(rows[i].name, ok ? buf_view(&out) : str_of(reason), str_of(rows[i].want));
        arena_free(a);
    }
}

/* A long wrong value is not repeated whole. */
static void reasons_are_bounded(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fields f;
    char *wrong = arena_alloc(a, 10001);
    memset(wrong, 'x', 10000);
    const char *input = wrong, *reason = "";
    assert_false(option_set(&number_option, &f, a, "", (struct strings){ &input, 1 }, &reason));
    assert_in_range(strlen(reason), 30, 200);
    arena_free(a);
}

static void lists_have_a_maximum(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fields f;
    const char *values[21], *reason = "";
    for (size_t i = 0; i < 21; i++)
        values[i] = "192.0.2.0/24";
    assert_true(option_set(&list_option, &f, a, "", (struct strings){ values, 20 }, &reason));
    assert_int_equal(f.list.n, 20);
    assert_false(option_set(&list_option, &f, a, "", (struct strings){ values, 21 }, &reason));
    assert_string_equal(reason, "more than 20 values");
    assert_true(option_set(&networks_option, &f, a, "", (struct strings){ values, 20 }, &reason));
    assert_false(option_set(&networks_option, &f, a, "", (struct strings){ values, 21 }, &reason));
    arena_free(a);
}

/* Lines of the file have a maximum, so what is written must not make one endless line of a list that stood on many. */
static void long_lists_get_lines_of_their_own(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fields f;
    struct buf out;
    const char *values[9] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" }, *reason;
    buf_init(&out, a, 1000);
    assert_true(option_set(&list_option, &f, a, "", (struct strings){ values, 9 }, &reason));
    option_write(&list_option, &f, &out);
    size_t newlines = 0;
    for (size_t i = 0; i < out.n; i++)
        newlines += out.p[i] == '\n';
    assert_int_equal(newlines, 9);
    arena_free(a);
}

static void defaults_fill_every_field(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fields f;
    struct conf_option table[] = { string_option, number_option, networks_option, { .name = NULL } };
    table[0].value = "x y"; /* a string is one value, a list is cut at blanks */
    table[2].value = "::1 192.0.2.1";
    memset(&f, 0xff, sizeof f);
    options_default(table, &f, a);
    assert_string_equal(f.text, "x y");
    assert_int_equal(f.number, 7);
    assert_int_equal(f.networks.n, 2);
    assert_int_equal(f.networks.v[0].bits, 128);
    assert_int_equal(f.networks.v[1].bits, 32);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_in_and_out),      cmocka_unit_test(reasons_are_bounded),
        cmocka_unit_test(lists_have_a_maximum),      cmocka_unit_test(long_lists_get_lines_of_their_own),
        cmocka_unit_test(defaults_fill_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
