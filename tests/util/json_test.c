/* json_test.c - nodes, and any bytes as text. */
#include "mailseal/json.h"
#include "tests/support/support.h"

static void put_key(void *ctx, struct str key, const struct json *value)
{
    assert_int_equal(js_kind(value), JS_INTEGER);
    strncat(ctx, key.p, key.n);
}

static void what_is_built_can_be_looked_at(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *j = js_object(a), *list = js_array(a), *o;
    char text[] = "old", keys[16] = "";
    js_add_text(j, "t", str_of(text));
    text[0] = 'X';
    ROW_STR("a copy", js_text(js_member(j, "t")), STR("old"));
    js_add_integer(list, NULL, 7);
    js_add_bool(list, NULL, true);
    js_add_shared(j, "list", list);
    js_add_null(j, "n");
    ROW_INT("items", js_count(js_member(j, "list")), 2);
    ROW_INT("number", js_integer(js_item(js_member(j, "list"), 0)), 7);
    ROW_INT("bool", js_truth(js_item(js_member(j, "list"), 1)), true);
    ROW_INT("none", js_kind(js_item(list, 2)), JS_ABSENT);
    ROW_INT("null", js_kind(js_member(j, "n")), JS_NULL);
    ROW_INT("no member", js_kind(js_member(j, "l")), JS_ABSENT);
    ROW_INT("members are no items", js_count(j), 0);
    ROW_INT("items are no members", js_kind(js_member(list, "")), JS_ABSENT);
    o = js_add_object(j, "o");
    js_add_integer(o, "a", 1);
    js_add_integer(o, "c", 2);
    js_add_integer(o, "b", 3);
    js_each(o, put_key, keys);
    assert_string_equal(keys, "acb");
    arena_free(a);
}

static void any_bytes_can_be_put_in(void **state)
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
    ROW_INT("count", js_count(list), ROWS(rows));
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_STR(rows[i].in, js_text(js_item(list, i)), str_of(rows[i].want));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_built_can_be_looked_at),
                                        cmocka_unit_test(any_bytes_can_be_put_in) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
