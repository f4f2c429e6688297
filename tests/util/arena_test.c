/* arena_test.c - alignment, zeroing, large requests, deferred releases. */
#include "tests/support/support.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 2047, 2048, 2049, 8192, 100000 };
    for (size_t round = 0; round < 50; round++)
        for (size_t i = 0; i < ROWS(sizes); i++) {
            unsigned char *p = arena_alloc(a, sizes[i]);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xaa, sizes[i]);
        }
    arena_free(a);
}

static void a_large_request_does_not_waste_the_chunk(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *before = arena_alloc(a, 16);
    arena_alloc(a, 1000000);
    char *after = arena_alloc(a, 16);
    assert_ptr_equal(after, before + 16);
    assert_in_range(arena_bytes(a), 1000000, 1020000);
    arena_free(a);
}

static char order[8];

static void note(void *p)
{
    strcat(order, p);
}

static void deferred_releases_run_last_first(void **state)
{
    (void)state;
    char one[] = "1", two[] = "2", three[] = "3";
    struct arena *a = arena_new();
    arena_defer(a, note, one);
    arena_defer(a, note, two);
    arena_defer(a, note, three);
    assert_string_equal(order, "");
    arena_free(a);
    assert_string_equal(order, "321");
    arena_free(NULL);
}

static void copies_are_copies(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char text[] = "abc";
    char *copy = arena_copy(a, text, 4);
    text[0] = 'x';
    assert_string_equal(copy, "abc");
    assert_non_null(arena_copy(a, NULL, 0));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(a_large_request_does_not_waste_the_chunk),
        cmocka_unit_test(deferred_releases_run_last_first),
        cmocka_unit_test(copies_are_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
