/* brake_test.c - the share of failed questions in the last minute, and what is said about it. */
#include "milter/engine/engine_int.h"
#include "tests/support/support.h"

struct step {
    int64_t now;
    struct dns_tally tally;
    bool on;
    enum brake_news news;
};

static void the_brake_follows_the_last_minute(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t share;
        struct step steps[12];
    } rows[] = {
        { "too few questions", 50, { { 0, { 8, 8 }, false, 0 }, { 0, { 8, 8 }, false, 0 }, { 0, { 3, 3 }, false, 0 } } },
        { "enough questions", 50, { { 0, { 8, 8 }, false, 0 }, { 0, { 8, 8 }, false, 0 }, { 0, { 4, 4 }, true, BRAKE_IS_ON } } },
        { "just the share",
          50,
          { { 0, { 8, 4 }, false, 0 }, { 0, { 8, 4 }, false, 0 }, { 0, { 4, 2 }, false, 0 }, { 0, { 1, 1 }, true, BRAKE_IS_ON } } },
        { "one message", 50, { { 0, { 70, 70 }, false, 0 } } },
        { "a message counts with its share",
          50,
          { { 0, { 16, 6 }, false, 0 },
            { 0, { 16, 6 }, false, 0 },
            { 0, { 16, 6 }, false, 0 },
            { 0, { 40, 40 }, true, BRAKE_IS_ON } } },
        { "never", 100, { { 0, { 8, 8 }, false, 0 }, { 0, { 8, 8 }, false, 0 }, { 0, { 8, 8 }, false, 0 } } },
        { "any",
          1,
          { { 0, { 8, 0 }, false, 0 }, { 0, { 8, 0 }, false, 0 }, { 0, { 8, 0 }, false, 0 }, { 0, { 8, 1 }, true, BRAKE_IS_ON } } },
        { "over a minute", 50, { { 0, { 8, 8 }, false, 0 }, { 30, { 8, 8 }, false, 0 }, { 60, { 8, 8 }, false, 0 } } },
        { "within a minute", 50, { { 0, { 8, 8 }, false, 0 }, { 30, { 8, 8 }, false, 0 }, { 59, { 8, 8 }, true, BRAKE_IS_ON } } },
        { "said once a minute",
          50,
          { { 0, { 8, 8 }, false, 0 },
            { 1, { 8, 8 }, false, 0 },
            { 2, { 8, 8 }, true, BRAKE_IS_ON },
            { 40, { 8, 8 }, true, 0 },
            { 45, { 8, 8 }, true, 0 },
            { 50, { 8, 8 }, true, 0 },
            { 61, { 8, 8 }, true, 0 },
            { 62, { 8, 8 }, true, BRAKE_IS_ON } } },
        { "it ends with answers",
          50,
          { { 0, { 8, 8 }, false, 0 },
            { 0, { 8, 8 }, false, 0 },
            { 0, { 8, 8 }, true, BRAKE_IS_ON },
            { 1, { 8, 0 }, true, 0 },
            { 1, { 8, 0 }, true, 0 },
            { 1, { 8, 0 }, false, BRAKE_ENDED },
            { 1, { 8, 0 }, false, 0 },
            /* on again: that is told with the next minute, so its end is not before */
            { 2, { 8, 8 }, false, 0 },
            { 2, { 8, 8 }, true, 0 },
            { 2, { 8, 0 }, false, 0 } } },
        { "it ends with time",
          50,
          { { 0, { 8, 8 }, false, 0 },
            { 0, { 8, 8 }, false, 0 },
            { 0, { 8, 8 }, true, BRAKE_IS_ON },
            { 100, { 0, 0 }, false, BRAKE_ENDED },
            { 700, { 8, 8 }, false, 0 } } },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct brake *b = brake_new();
        for (const struct step *s = rows[i].steps; s == rows[i].steps || s->now > 0 || s->tally.ended > 0; s++) {
            struct brake_state got = brake_count(b, s->tally, rows[i].share, s->now + 1000000);
            ROW_INT(rows[i].name, got.on, s->on);
            ROW_INT(rows[i].name, got.news, s->news);
        }
        brake_free(b);
    }
}

static void it_may_begin_when_the_clock_does(void **state)
{
    (void)state;
    struct brake *b = brake_new();
    struct brake_state s = { 0 };
    for (int i = 0; i < 3; i++)
        s = brake_count(b, (struct dns_tally){ 8, 8 }, 50, 0);
    assert_true(s.on);
    assert_int_equal(s.news, BRAKE_IS_ON);
    assert_int_equal(s.tally.ended, 24);
    assert_int_equal(s.tally.failed, 24);
    brake_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_brake_follows_the_last_minute),
                                        cmocka_unit_test(it_may_begin_when_the_clock_does) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
