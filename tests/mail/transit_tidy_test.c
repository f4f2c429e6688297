/* transit_tidy_test.c - address fields as a real Sendmail (8.17.1, as it is shipped) leaves them, or rewrites them. */
#include "tests/support/support.h"

#include "mailseal/transit.h"

#define C40  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define C200 C40 C40 C40 C40 C40

enum { NO, RELAXED, EXACT }; /* changed, white space apart unchanged, unchanged */

static const struct {
    const char *value;
    int want;
} rows[] = {
    { " a@ours.example", EXACT },
    { "a@ours.example", EXACT },
    { "  a@ours.example", EXACT },
    { " a@ours.example ", RELAXED },
    { " <a@ours.example>", EXACT },
    { " Ann<a@ours.example>", EXACT },
    { " Ann Two <A@Ours.Example>", EXACT },
    { " \"Ann B.\" <a@ours.example>", EXACT },
    { " \"Ann \\\" B\" <a@ours.example>", EXACT },
    { " Ann \"the\" Best <a@ours.example>", EXACT },
    { " =?utf-8?Q?M=C3=BCller=2E?= <a@ours.example>", EXACT },
    { " M\xc3\xbcller <a@gr\xc3\xbcn.example>", EXACT },
    { " Ann_x-y+z=/!#$%&*?^`{|}~ <a@ours.example>", EXACT },
    { " \"a b\"@ours.example", EXACT },
    { " a.b+c@a.b.c.example", EXACT },
    { " o'hara@ours.example", EXACT },
    { " a@ours.example (Ann)", EXACT },
    { " (x) Ann (y) <a@ours.example> (z)", EXACT },
    { " undisclosed-recipients:;", EXACT },
    { " undisclosed-recipients: ;", EXACT },
    { " a@ours.example, b@ours.example", RELAXED },
    { " <a@ours.example>, \"B, C\" <b@ours.example>, d@ours.example (e, f)", RELAXED },
    { " a@ours.example,  b@ours.example", RELAXED },
    { " a@ours.example,\r\n\tb@ours.example", RELAXED },
    { " Ann\r\n Two <a@ours.example>", RELAXED },
    { " a@ours.example,b@ours.example", NO },
    { " a@ours.example ,b@ours.example", NO },
    { " a@ours.example , b@ours.example", NO },
    { " a@ours.example\r\n , b@ours.example", NO },
    { " a@ours.example,", NO },
    { " a@ours.example, ", NO },
    { " ,a@ours.example", NO },
    { " a@ours.example, , b@ours.example", NO },
    { " a@ours.example; b@ours.example", NO },
    { " a@ours.example b@ours.example", NO },
    { " Ann B. C <a@ours.example>", NO },
    { " Ann O'Hara <a@ours.example>", NO },
    { " =?utf-8?Q?M=C3=BCller.x?= <a@ours.example>", NO },
    { " Ann @ Bob <a@ours.example>", NO },
    { " Ann [x] <a@ours.example>", NO },
    { " Ann; <a@ours.example>", NO },
    { " Ann\\ B <a@ours.example>", NO },
    { " Ann, Bob <a@ours.example>", NO },
    { " a@ours.example(Ann)", NO },
    { " < a@ours.example >", NO },
    { " <@x.example:a@ours.example>", NO },
    { " Ann <a@ours.example", NO },
    { " \"Ann <a@ours.example>", NO },
    { " Ann (x <a@ours.example>", NO },
    { " a", NO },
    { " a@localhost", NO },
    { " a@ours.example.", NO },
    { " a. b@ours.example", NO },
    { " a@b@ours.example", NO },
    { " <>", NO },
    { "", NO },
    { " ", NO },
    { " G: a@ours.example;", NO },
    { " " C200 C40 "@ours.example", NO },
    { " \"" C200 "\" <a@ours.example>", EXACT },
    { " \"" C200 C40 "\" <a@ours.example>", NO },
};

static void what_sendmail_leaves_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        ROW_INT(rows[i].value, address_list_is_tidy(str_of(rows[i].value), false), rows[i].want >= RELAXED);
        ROW_INT(rows[i].value, address_list_is_tidy(str_of(rows[i].value), true), rows[i].want == EXACT);
    }
    assert_false(address_list_is_tidy(STR(" a\0@ours.example"), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_sendmail_leaves_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
