/* map_test.c - setting, replacing, finding among many, keys that are bytes. */
#include "mailseal/map.h"
#include "tests/support/support.h"

static void finds_what_was_set(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct map *m = map_new(a);
    static int values[5000];
    for (int i = 0; i < 5000; i++)
        assert_null(map_set(m, str_printf(a, "key-%d", i), &values[i]));
    assert_int_equal(map_count(m), 5000);
    for (int i = 0; i < 5000; i++)
        assert_ptr_equal(map_get(m, str_printf(a, "key-%d", i)), &values[i]);
    assert_null(map_get(m, STR("key-5000")));
    assert_null(map_get(m, STR("KEY-1")));
    arena_free(a);
}

static void replacing_returns_the_old_value(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct map *m = map_new_for(a, 1000);
    size_t bytes = arena_bytes(a);
    int one, two;
    assert_null(map_get(m, STR_NONE));
    assert_null(map_set(m, STR_NONE, &one));
    assert_ptr_equal(map_set(m, STR_NONE, &two), &one);
    assert_ptr_equal(map_get(m, STR_NONE), &two);
    assert_int_equal(map_count(m), 1);
    assert_null(map_set(m, STR("a\0b"), &one));
    assert_null(map_get(m, STR("a\0c")));
    assert_ptr_equal(map_get(m, STR("a\0b")), &one);
    static const char keys[1200];
    for (size_t n = 4; n < 1000; n++)
        assert_null(map_set(m, (struct str){ keys, n }, &one));
    assert_int_equal(arena_bytes(a), bytes);
    arena_free(a);
}

static void the_hash_reads_every_byte(void **state)
{
    (void)state;
    char text[40];
    for (size_t n = 1; n <= sizeof(text); n++)
        for (size_t i = 0; i < n; i++) {
            memset(text, 'a', sizeof(text));
            uint64_t before = map_hash((struct str){ text, n });
            text[i] ^= 1;
            assert_true(before != map_hash((struct str){ text, n }));
        }
    assert_true(map_hash(STR("a")) != map_hash(STR("a\0")));
}

static void add_up(void *ctx, struct str key, void *value)
{
    *(int *)ctx += *(int *)value * (int)key.n;
}

static void each_entry_is_visited_once(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct map *m = map_new(a);
    int values[] = { 1, 10, 100 }, sum = 0;
    map_each(m, add_up, &sum);
    assert_int_equal(sum, 0);
    map_set(m, STR("a"), &values[0]);
    map_set(m, STR("bb"), &values[1]);
    map_set(m, STR("ccc"), &values[2]);
    map_each(m, add_up, &sum);
    assert_int_equal(sum, 321);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_set),
        cmocka_unit_test(replacing_returns_the_old_value),
        cmocka_unit_test(the_hash_reads_every_byte),
        cmocka_unit_test(each_entry_is_visited_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
