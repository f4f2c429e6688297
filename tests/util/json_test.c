/* json_test.c - reading with clear errors, writing any bytes. */
#include "mailseal/json.h"
#include "tests/support/support.h"

static void count_members(void *ctx, struct str key, const struct json *value)
{
    (void)value;
    strncat(ctx, key.p, key.n);
}

static void reading(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error = NULL;
    const struct json *j = js_read(a, STR("{\"t\":\"x\\u0000y\",\"n\":7,\"l\":[1,\"b\"],\"o\":{},\"y\":true,\"z\":null}"), &error);
    assert_non_null(j);
    ROW_STR("text with NUL", js_text(js_member(j, "t")), STR("x\0y"));
    assert_int_equal(js_integer(js_member(j, "n")), 7);
    assert_int_equal(js_count(js_member(j, "l")), 2);
    ROW_STR("item", js_text(js_item(js_member(j, "l"), 1)), STR("b"));
    assert_null(js_item(js_member(j, "l"), 2));
    assert_int_equal(js_kind(js_member(j, "o")), JS_OBJECT);
    assert_int_equal(js_kind(js_member(j, "y")), JS_BOOL);
    assert_int_equal(js_kind(js_member(j, "z")), JS_NULL);
    assert_int_equal(js_kind(js_member(j, "absent")), JS_ABSENT);
    assert_int_equal(js_integer(js_member(j, "t")), 0);
    assert_int_equal(js_text(NULL).n, 0);
    char keys[16] = "";
    js_each(j, count_members, keys);
    assert_string_equal(keys, "tnloyz");
    arena_free(a);
}

static void errors_name_the_line(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error = NULL;
    assert_null(js_read(a, STR("{\n\"a\": 1,\n\"a\": 2}"), &error));
    assert_non_null(strstr(error, "json:3: "));
    assert_null(js_read(a, STR("{\n"), &error));
    assert_non_null(strstr(error, "json:2: "));
    assert_null(js_read_file(a, "/nonexistent.json", 10, &error));
    assert_string_equal(error, "/nonexistent.json:1: cannot be opened");
    assert_null(js_read_file(a, "/dev/null", 10, &error));
    assert_string_equal(error, "/dev/null:1: is no regular file or too large");
    assert_null(js_read_file(a, test_path(a, "LICENSE"), 10, &error));
    assert_non_null(strstr(error, "too large"));
    arena_free(a);
}

static void any_bytes_can_be_written(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        { "plain", "plain" },
        { "b\xc3\xbc", "b\xc3\xbc" },
        { "\xff", "\xef\xbf\xbd" },
        { "\xc3", "\xef\xbf\xbd" },
        { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    struct arena *a = arena_new();
    struct json *j = js_object(a), *list = js_add_array(j, "list");
    for (size_t i = 0; i < ROWS(rows); i++)
        js_add_text(list, NULL, str_of(rows[i].in));
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_STR(rows[i].in, js_text(js_item(list, i)), str_of(rows[i].want));
    FILE *f = tmpfile();
    assert_non_null(f);
    js_add_integer(js_add_object(j, "o"), "i", -1);
    js_add_bool(j, "b", true);
    js_add_null(j, "n");
    assert_true(js_write(f, j));
    assert_true(ftell(f) > 50);
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
    ROW_STR("line", line, STR("{\"t\":\"a\\u007f\\n\\\"\\u00FC\",\"list\":[7]}"));
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(reading), cmocka_unit_test(errors_name_the_line),
                                        cmocka_unit_test(any_bytes_can_be_written),
                                        cmocka_unit_test(a_line_is_printable_and_whole) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
