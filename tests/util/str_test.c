/* str_test.c - spans: comparing, cutting, numbers, escaping, name tables. */
#include "tests/support/support.h"

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t want;
    } rows[] = {
        { "0", 9, true, 0 },
        { "007", 99, true, 7 },
        { "99", 99, true, 99 },
        { "100", 99, false, 0 },
        { "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, false, 0 },
        { "99999999999999999999999999", UINT64_MAX, false, 0 },
        { "5", 4, false, 0 },
        { "", 9, false, 0 },
        { "-1", 9, false, 0 },
        { "+1", 9, false, 0 },
        { " 1", 9, false, 0 },
        { "1x", 99, false, 0 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t got = 0;
        ROW_INT(rows[i].text, str_to_uint(str_of(rows[i].text), rows[i].max, &got), rows[i].ok);
        if (rows[i].ok)
            ROW_INT(rows[i].text, got, rows[i].want);
    }
}

static void comparing(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool eq, ieq, starts;
        int cmp;
    } rows[] = {
        { "", "", true, true, true, 0 },       { "a", "", false, false, true, 1 },       { "abc", "ABC", false, true, true, 1 },
        { "abc", "abc", true, true, true, 0 }, { "ab", "abc", false, false, false, -1 }, { "abcd", "ABC", false, false, true, 1 },
        { "[", "{", false, false, false, -1 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str a = str_of(rows[i].a), b = str_of(rows[i].b);
        ROW_INT(rows[i].a, str_eq(a, b), rows[i].eq);
        ROW_INT(rows[i].a, str_ieq(a, b), rows[i].ieq);
        ROW_INT(rows[i].a, str_istarts(a, b), rows[i].starts);
        int c = str_cmp(a, b);
        ROW_INT(rows[i].a, (c > 0) - (c < 0), rows[i].cmp);
    }
}

static void cutting(void **state)
{
    (void)state;
    struct str before, after;
    assert_true(str_cut(STR("a:b:c"), ':', &before, &after));
    ROW_STR("cut", before, STR("a"));
    ROW_STR("cut", after, STR("b:c"));
    assert_true(str_rcut(STR("a:b:c"), ':', &before, &after));
    ROW_STR("rcut", before, STR("a:b"));
    ROW_STR("rcut", after, STR("c"));
    assert_false(str_cut(STR("abc"), ':', &before, &after));
    ROW_STR("no cut", before, STR("abc"));
    ROW_STR("no cut", after, STR(""));
    assert_false(str_rcut(STR_NONE, ':', &before, &after));
    ROW_STR("trim", str_trim(STR(" \t\r\n a b \r\n")), STR("a b"));
    ROW_STR("trim all", str_trim(STR(" \t ")), STR(""));
    ROW_STR("skip", str_skip(STR("abc"), 1), STR("bc"));
    ROW_STR("skip all", str_skip(STR("abc"), 4), STR(""));
    ROW_STR("first", str_first(STR("abc"), 2), STR("ab"));
    ROW_STR("first of few", str_first(STR("abc"), 9), STR("abc"));
    ROW_STR("NULL", str_of(NULL), STR(""));
}

static void copies_and_formats(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    ROW_STR("lower", str_lower(a, STR("AbC-\xc4")), STR("abc-\xc4"));
    ROW_STR("dup", str_dup(a, STR("a\0b")), STR("a\0b"));
    assert_string_equal(str_cstr(a, STR("abc")), "abc");
    assert_string_equal(str_cstr(a, STR_NONE), "");
    ROW_STR("printf", str_printf(a, "%d-%s", 7, "x"), STR("7-x"));
    assert_int_equal(str_printf(a, "%5000d", 7).n, 1024);
    arena_free(a);
}

static void escaping(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    ROW_STR("plain", str_escape(a, STR("a b~"), 10), STR("a b~"));
    ROW_STR("control", str_escape(a, STR("a\r\n\x1b[0m\xff\0"), 99), STR("a\\x0d\\x0a\\x1b[0m\\xff\\x00"));
    ROW_STR("backslash", str_escape(a, STR("\\x"), 9), STR("\\\\x"));
    ROW_STR("never cut inside an escape", str_escape(a, STR("ab\n"), 5), STR("ab"));
    ROW_STR("bounded", str_escape(a, STR("abcdef"), 3), STR("abc"));
    arena_free(a);
}

static void name_tables(void **state)
{
    (void)state;
    static const struct name_code table[] = { { "one", 1 }, { "two", 2 }, { NULL, 0 } };
    assert_string_equal(name_of(table, 2), "two");
    assert_int_equal(code_of(table, STR("ONE")), 1);
    assert_int_equal(code_of(table, STR("on")), -1);
    assert_int_equal(code_of(table, STR_NONE), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),  cmocka_unit_test(comparing),   cmocka_unit_test(cutting), cmocka_unit_test(copies_and_formats),
        cmocka_unit_test(escaping), cmocka_unit_test(name_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
