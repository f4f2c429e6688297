/* confuse_read_test.c - libconfuse's first error, with its line, wherever in the text it was found. */
#include "tests/support/support.h"

#include <confuse.h>

#include "mailseal/conf_text.h"
#include "mailseal/policy.h"

static struct cfg_t *read_text(struct arena *a, const char *text, struct conf_text *t)
{
    cfg_opt_t inner[] = { CFG_STR("b", 0, CFGF_NONE), CFG_STR_LIST("l", 0, CFGF_NONE), CFG_END() };
    cfg_opt_t table[] = { CFG_STR("a", 0, CFGF_NONE), CFG_SEC("s", inner, CFGF_MULTI | CFGF_TITLE), CFG_END() };

    conf_text_init(t, a, "x");
    if (!conf_text_scan(t, str_of(text)))
        fail_msg("%s", t->error);
    return confuse_read(table, "s", t);
}

static const struct {
    const char *name, *text, *want;
} faults[] = {
    { "at the top", "a = 1\n\nc = 2\n", "x:3: no such option 'c'" },
    { "behind a section", "s x { b = 1 }\n\nc = 2\n", "x:3: no such option 'c'" },
    { "in a section", "s x {\n b = 1\n c = 2\n}\n", "x:3: no such option 'c'" },
    { "in the second section", "s x { b = 1 }\ns x {\n\n c = 2\n}\n", "x:4: no such option 'c'" },
    { "another section", "a = 1\nt x { b = 1 }\n", "x:2: no such option 't'" },
    { "list for one value", "\na = { b }\n", "x:2: unexpected token '{'" },
    { "list without commas", "s x {\n l = { 1\n 2 }\n}\n", "x:3: unexpected token '2'" },
    { "the first of two", "c = 1\nd = 2\n", "x:1: no such option 'c'" },
};

/* What an earlier text left in libconfuse's lexer must not reach the next one. */
static void faults_are_named_and_leave_nothing_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(faults); i++) {
        struct arena *a = arena_new();
        struct conf_text t;
        struct cfg_t *cfg;

        assert_null(read_text(a, faults[i].text, &t));
        ROW_STR(faults[i].name, str_of(t.error), str_of(faults[i].want));
        cfg = read_text(a, "a = 1\n", &t);
        assert_non_null(cfg);
        assert_string_equal(cfg_getstr(cfg, "a"), "1");
        cfg_free(cfg);
        arena_free(a);
    }
}

static void values_are_those_of_the_text(void **state)
{
    struct arena *a = arena_new();
    struct conf_text t;
    struct cfg_t *cfg = read_text(a, "s x { l = { 1, \"a\\\"b\\\\\" } }\ns x { b = z }\na = \"$x\"", &t);

    (void)state;
    assert_non_null(cfg);
    assert_string_equal(cfg_getstr(cfg, "a"), "$x");
    assert_int_equal(cfg_size(cfg, "s"), 2);
    assert_int_equal(cfg_size(cfg_getnsec(cfg, "s", 0), "l"), 2);
    assert_string_equal(cfg_getnstr(cfg_getnsec(cfg, "s", 0), "l", 1), "a\"b\\");
    assert_string_equal(cfg_getstr(cfg_getnsec(cfg, "s", 1), "b"), "z");
    cfg_free(cfg);
    cfg = read_text(a, "", &t);
    assert_non_null(cfg);
    assert_int_equal(cfg_size(cfg, "s"), 0);
    cfg_free(cfg);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named_and_leave_nothing_behind),
        cmocka_unit_test(values_are_those_of_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
