/* socketmap_cache_test.c - answers are kept until their time, and no more than a number of them. */
#include "../../milter/table/table_int.h"

#include "../support/support.h"

static void answers_are_kept_until_their_time(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct socketmap_cache *c = socketmap_cache_new(a, 100);
    enum table_answer answer;
    struct str value;
    socketmap_cache_put(c, STR("a"), TABLE_YES, STR("x"), 10);
    socketmap_cache_put(c, STR("b"), TABLE_NO, STR_NONE, 20);
    assert_true(socketmap_cache_get(c, a, STR("a"), 9, &answer, &value));
    assert_int_equal(answer, TABLE_YES);
    ROW_STR("value", value, STR("x"));
    assert_false(socketmap_cache_get(c, a, STR("a"), 10, &answer, &value));
    assert_true(socketmap_cache_get(c, a, STR("b"), 10, &answer, &value));
    assert_int_equal(answer, TABLE_NO);
    assert_false(socketmap_cache_get(c, a, STR("c"), 0, &answer, &value));
    socketmap_cache_put(c, STR("a"), TABLE_YES, STR("y"), 30);
    assert_true(socketmap_cache_get(c, a, STR("a"), 10, &answer, &value));
    ROW_STR("newer value", value, STR("y"));
    socketmap_cache_free(c);
    arena_free(a);
}

static void the_latest_are_kept(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct socketmap_cache *c = socketmap_cache_new(a, 100);
    enum table_answer answer;
    struct str value;
    size_t kept = 0;
    for (int i = 0; i < 1000; i++)
        socketmap_cache_put(c, str_printf(a, "%d", i), TABLE_YES, STR("x"), 10);
    for (int i = 0; i < 1000; i++) {
        bool is_kept = socketmap_cache_get(c, a, str_printf(a, "%d", i), 0, &answer, &value);
        kept += is_kept;
        if (i >= 950 && !is_kept)
            fail_msg("answer %d is gone", i);
    }
    assert_in_range(kept, 50, 100);
    socketmap_cache_free(c);
    arena_free(a);
}

/* The same key again and again, and large values, do not fill the memory. */
static void bytes_are_bounded_too(void **state)
{
    (void)state;
    static char large[SOCKETMAP_REPLY_MAX];
    struct arena *a = arena_new();
    struct socketmap_cache *c = socketmap_cache_new(a, 1000000);
    enum table_answer answer;
    struct str value;
    for (int i = 0; i < 10000; i++)
        socketmap_cache_put(c, str_printf(a, "%d", i % 2000), TABLE_YES, (struct str){ large, sizeof large }, 10);
    size_t kept = 0;
    for (int i = 0; i < 2000; i++)
        kept += socketmap_cache_get(c, a, str_printf(a, "%d", i), 0, &answer, &value);
    assert_in_range(kept, 1, 2 * (SOCKETMAP_KEPT_BYTES / SOCKETMAP_REPLY_MAX + 1));
    socketmap_cache_free(c);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(answers_are_kept_until_their_time), cmocka_unit_test(the_latest_are_kept),
                                        cmocka_unit_test(bytes_are_bounded_too) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
