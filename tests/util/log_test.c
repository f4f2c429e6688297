/* log_test.c - one line per call, levels, escaping, the maximum. Reads standard error back through a pipe. */
#include <unistd.h>

#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "tests/support/capture.h"

static void lines_and_levels(void **state)
{
    (void)state;
    capture();
    log_info("a %d", 1);
    log_warning("b");
    log_error("c");
    log_debug("not shown");
    assert_string_equal(captured(), "mailseal: a 1\nmailseal: warning: b\nmailseal: error: c\n");
    capture();
    log_open(false, LOG_LEVEL_ERROR);
    log_info("not shown");
    log_error("shown");
    log_open(false, LOG_LEVEL_INFO);
    assert_string_equal(captured(), "mailseal: error: shown\n");
}

static void mail_cannot_forge_lines(void **state)
{
    (void)state;
    capture();
    log_info("x=%s", "a\nmailseal: forged\x1b[31m\xff");
    assert_string_equal(captured(), "mailseal: x=a\\x0amailseal: forged\\x1b[31m\\xff\n");
}

static void a_line_has_a_maximum(void **state)
{
    (void)state;
    char text[4 * LIMIT_LOG_LINE];
    memset(text, '\n', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    capture();
    log_info("%s", text);
    size_t n = strlen(captured());
    assert_in_range(n, LIMIT_LOG_LINE / 2, LIMIT_LOG_LINE + 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_levels),
        cmocka_unit_test(mail_cannot_forge_lines),
        cmocka_unit_test(a_line_has_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
