/* clock_test.c - a fixed wall clock, and a monotonic one that is not touched by it. */
#include "mailseal/clock.h"
#include "tests/support/support.h"

static void the_wall_clock_can_be_fixed(void **state)
{
    (void)state;
    int64_t real = clock_wall(), before = clock_ms();
    clock_fix(1000);
    assert_int_equal(clock_wall(), 1000);
    assert_true(clock_ms() >= before);
    clock_fix(0);
    assert_true(clock_wall() >= real);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_wall_clock_can_be_fixed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
