/* buf_test.c - growth up to the maximum, and what happens there. */
#include "mailseal/buf.h"
#include "tests/support/support.h"

static void grows_up_to_its_maximum(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 1000);
    for (int i = 0; i < 1000; i++)
        buf_char(&b, (char)('a' + i % 26));
    assert_false(b.full);
    assert_int_equal(b.n, 1000);
    assert_int_equal(b.p[999], 'a' + 999 % 26);
    assert_int_equal(b.p[1000], '\0');
    buf_char(&b, 'x');
    assert_true(b.full);
    assert_int_equal(b.n, 1000);
    arena_free(a);
}

static void what_does_not_fit_is_dropped_whole(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 5);
    buf_puts(&b, "abc");
    buf_puts(&b, "def");
    ROW_STR("dropped", buf_view(&b), STR("abc"));
    assert_true(b.full);
    buf_puts(&b, "gh");
    ROW_STR("fits again", buf_view(&b), STR("abcgh"));
    buf_printf(&b, "%d", 1);
    ROW_STR("printf dropped", buf_view(&b), STR("abcgh"));
    buf_cut(&b, 2);
    ROW_STR("cut", buf_view(&b), STR("ab"));
    buf_printf(&b, "%d", 1234);
    ROW_STR("printf dropped whole", str_of(b.p), STR("ab"));
    buf_printf(&b, "%d", 123);
    ROW_STR("printf fits", str_of(b.p), STR("ab123"));
    assert_true(b.full);
    arena_free(a);
}

static void an_empty_buffer_is_usable(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 0);
    assert_string_equal(b.p, "");
    buf_str(&b, STR_NONE);
    assert_false(b.full);
    buf_char(&b, 'x');
    assert_true(b.full);
    arena_free(a);
}

static void printf_grows(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, 10000);
    buf_printf(&b, "%s-%0300d-%c", "x", 5, 'y');
    assert_int_equal(b.n, 304);
    assert_int_equal(b.p[303], 'y');
    assert_int_equal(b.p[0], 'x');
    assert_int_equal(b.p[304], '\0');
    assert_false(b.full);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum),
        cmocka_unit_test(what_does_not_fit_is_dropped_whole),
        cmocka_unit_test(an_empty_buffer_is_usable),
        cmocka_unit_test(printf_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
