/* json_read_test.c - reading, with clear errors. */
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reading), cmocka_unit_test(errors_name_the_line) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
