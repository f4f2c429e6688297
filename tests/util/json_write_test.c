/* json_write_test.c - documents for people, and lines of ASCII. */
#include "mailseal/json.h"
#include "tests/support/support.h"

static struct str written(struct arena *a, const struct json *j)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_true(js_write(f, j));
    size_t n = (size_t)ftell(f);
    char *text = arena_alloc(a, n);
    rewind(f);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    return (struct str){ text, n };
}

/* What is read is written as it was, for people ... */
static void documents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
    } rows[] = {
        { "{}\n" },
        { "[]\n" },
        { "{\n  \"a\": 1\n}\n" },
        { "{\n  \"b\": {},\n  \"a\": [],\n  \"\": [\n    true,\n    false,\n    null,\n    -9223372036854775808,\n    1.5,\n    {\n"
          "      \"b\u00fc \\u0001\\t\": \"\x7f\\n\\r\\f\\b\\\\\\\"/\"\n    }\n  ]\n}\n" },
    };
    struct arena *a = arena_new();
    const char *error;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct json *j = js_read(a, str_of(rows[i].text), &error);
        if (j == NULL)
            fail_msg("%s", error);
        ROW_STR(rows[i].text, written(a, j), str_of(rows[i].text));
    }
    arena_free(a);
}

/* ... and on a line. */
static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        { "", "" },
        { "a~ /", "a~ /" },
        { "\"\\\b\f\n\r\t", "\\\"\\\\\\b\\f\\n\\r\\t" },
        { "\x01\x1f\x7f", "\\u0001\\u001F\\u007F" },
        { "a\xc3\xbc"
          "b\xe2\x82\xac",
          "a\\u00FCb\\u20AC" },
        { "\xef\xbf\xbf", "\\uFFFF" },
        { "\xf0\x90\x80\x80", "\\uD800\\uDC00" },
        { "\xf0\x9f\x98\x80", "\\uD83D\\uDE00" },
        { "\xf4\x8f\xbf\xbf.", "\\uDBFF\\uDFFF." },
        { "\xff", "\\uFFFD" },
    };
    struct arena *a = arena_new();
    const char *error;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct json *list = js_array(a);
        struct str line;
        js_add_text(list, NULL, str_of(rows[i].in));
        assert_true(js_line(a, list, 100, &line));
        ROW_STR(rows[i].in, line, str_printf(a, "[\"%s\"]", rows[i].want));
        assert_non_null(js_read(a, line, &error));
    }
    arena_free(a);
}

static void a_failure_is_told(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    FILE *f = fopen("/dev/full", "w");
    assert_non_null(f);
    assert_false(js_write(f, js_object(a)));
    fclose(f);
    arena_free(a);
}

static void a_line_is_printable_and_whole(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *j = js_object(a), *list = js_array(a);
    struct str line;
    const char *error;
    js_add_text(j, "t", STR("a\x7f\n\"\xc3\xbc"));
    js_add_integer(list, NULL, 7);
    js_add_shared(j, "list", list);
    assert_true(js_line(a, j, 1000, &line));
    ROW_STR("line", line, STR("{\"t\":\"a\\u007F\\n\\\"\\u00FC\",\"list\":[7]}"));
    ROW_STR("text", js_text(js_member(js_read(a, line, &error), "t")), STR("a\x7f\n\"\xc3\xbc"));
    for (size_t max = 0; max < line.n; max++) {
        struct str part;
        if (js_line(a, j, max, &part))
            fail_msg("%zu bytes for a line of %zu", max, line.n);
    }
    assert_true(js_line(a, j, line.n, &line));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(documents), cmocka_unit_test(lines), cmocka_unit_test(a_failure_is_told),
                                        cmocka_unit_test(a_line_is_printable_and_whole) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
