/* taglist_test.c - tag=value lists. */
#include "tests/support/support.h"

#include "mailseal/taglist.h"

/* The tags as "name=value|name=value"; NULL: the list is invalid. */
static const struct {
    const char *name;
    struct str in;
    const char *want;
} lists[] = {
    /* DK-1 */
    { "one", STR("v=1"), "v=1" },
    { "two", STR("v=1;a=b"), "v=1|a=b" },
    { "trailing semicolon", STR("v=1; a=b;"), "v=1|a=b" },
    { "trailing semicolon and white space", STR("v=1; \t\r\n "), "v=1" },
    { "white space around all", STR(" v \t=  1 ;\r\n\ta\r\n = b c \r\n d "), "v=1|a=b c \r\n d" },
    { "equals in the value", STR("b=YQ==;c=="), "b=YQ==|c==" },
    { "8-bit in a value", STR("i=\xc3\xa9@example.com;x=\xff"), "i=\xc3\xa9@example.com|x=\xff" },
    /* DK-2 */
    { "case matters", STR("A=1;a=X"), "A=1|a=X" },
    /* DK-3 */
    { "duplicate", STR("v=1;a=2;v=1"), NULL },
    { "duplicate, first empty", STR("v=;v="), NULL },
    /* DK-4 */
    { "unknown tags are there", STR("v=1;x_9z=;Foo=bar"), "v=1|x_9z=|Foo=bar" },
    /* DK-5, erratum 5070 */
    { "empty value", STR("p=;v=1"), "p=|v=1" },
    { "empty value with white space", STR("p= \r\n ;v=1"), "p=|v=1" },
    { "empty value at the end", STR("p="), "p=" },
    { "no equals", STR("v=1;foo;a=b"), NULL },
    { "empty", STR(""), NULL },
    { "white space only", STR("  "), NULL },
    { "semicolon only", STR(";"), NULL },
    { "semicolon first", STR(";v=1"), NULL },
    { "empty element", STR("v=1;;a=b"), NULL },
    { "white space element", STR("v=1; ;a=b"), NULL },
    { "two trailing semicolons", STR("v=1;;"), NULL },
    { "name begins with a digit", STR("1v=1"), NULL },
    { "name begins with underscore", STR("_v=1"), NULL },
    { "hyphen in a name", STR("v-1=1"), NULL },
    { "8-bit in a name", STR("\xc3\xa9=1"), NULL },
    { "space in a name", STR("a b=1"), NULL },
    { "no name", STR("=1"), NULL },
    { "NUL", STR("v=1\0"), NULL },
    { "control", STR("v=a\x01"), NULL },
    { "DEL", STR("v=a\x7f"), NULL },
    { "bare CR", STR("v=a\rb"), NULL },
    { "bare CR before the next tag", STR("v=a\r; b=c"), NULL },
    { "bare LF", STR("v=a\n b"), NULL },
    { "CRLF without white space behind it", STR("v=a\r\nb=c"), NULL },
    { "CRLF at the end", STR("v=a;\r\n"), NULL },
    { "two folds in a row", STR("v=a\r\n \r\n b"), "v=a\r\n \r\n b" },
};

static void lists_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        struct arena *a = arena_new();
        struct taglist t;
        const char *reason = "unset";
        bool ok = taglist_parse(&t, lists[i].in, &reason);
        ROW_INT(lists[i].name, ok, lists[i].want != NULL);
        ROW_INT(lists[i].name, reason == NULL, ok);
        struct str got = STR_NONE;
        for (size_t k = 0; ok && k < t.n; k++)
            got = str_printf(a, "%.*s%s%.*s=%.*s", STR_FMT(got), k > 0 ? "|" : "", STR_FMT(t.v[k].name), STR_FMT(t.v[k].value));
        if (ok)
            ROW_STR(lists[i].name, got, str_of(lists[i].want));
        arena_free(a);
    }
}

static void an_empty_value_is_not_an_absent_one(void **state)
{
    (void)state;
    struct taglist t;
    struct str value;
    const char *reason;
    assert_true(taglist_parse(&t, STR("p=; t = y"), &reason));
    assert_true(taglist_get(&t, "p", &value));
    assert_int_equal(value.n, 0);
    assert_true(taglist_get(&t, "t", &value));
    ROW_STR("t", value, STR("y"));
    assert_false(taglist_get(&t, "T", &value));
    assert_false(taglist_get(&t, "", &value));
    assert_int_equal(value.n, 0);
}

static void limits_hold(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str text = STR_NONE;
    struct taglist t;
    const char *reason;
    for (int i = 0; i < LIMIT_TAGS; i++)
        text = str_printf(a, "%.*st%d=;", STR_FMT(text), i);
    assert_true(taglist_parse(&t, text, &reason));
    assert_int_equal(t.n, LIMIT_TAGS);
    assert_false(taglist_parse(&t, str_printf(a, "%.*sx=", STR_FMT(text)), &reason));
    assert_string_equal(reason, "too many tags");

    char *big = arena_alloc(a, LIMIT_TAGLIST + 1);
    memset(big, 'a', LIMIT_TAGLIST + 1);
    big[1] = '=';
    assert_true(taglist_parse(&t, (struct str){ big, LIMIT_TAGLIST }, &reason));
    assert_int_equal(t.v[0].value.n, LIMIT_TAGLIST - 2);
    assert_false(taglist_parse(&t, (struct str){ big, LIMIT_TAGLIST + 1 }, &reason));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read_strictly),
        cmocka_unit_test(an_empty_value_is_not_an_absent_one),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
