/* sign_make_test.c - a key of a table for one author: where "%" stands for the domain, identities that fit, each key once. */
#include "config_support.h"

#include "mailseal/limits.h"

static const struct {
    const char *domain, *path, *identity, *want; /* want: d/file/i */
} rows[] = {
    { "a.example", "/k", "", "a.example /k " },          { "%", "/k/%/%.pem", "", "x.example /k/x.example/x.example.pem " },
    { "%", "/k", "@%", "x.example /k @x.example" },      { "%", "/k", "news@sub.%", "x.example /k news@sub.x.example" },
    { "a.example", "/k", "@%", "a.example /k " },        { "a.example", "/k", "@A.example", "a.example /k @A.example" },
    { "a.example", "/k", "a.example", "a.example /k " },
};

static void keys_are_made_for_an_author(void **state)
{
    (void)state;
    struct sign_key how = { .expire_after = 5, .domain = "", .selector = "", .key_file = "", .identity = "" };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct sign_recipe r = { str_of(rows[i].domain), STR("s"), str_of(rows[i].path), str_of(rows[i].identity) };
        const struct sign_key *k = sign_key_make(a, &how, &r, STR("x.example"));
        ROW_STR(rows[i].want, str_printf(a, "%s %s %s", k->domain, k->key_file, k->identity), str_of(rows[i].want));
        assert_string_equal(k->selector, "s");
        assert_int_equal(k->expire_after, 5);
        arena_free(a);
    }
}

static void more_than_may_sign_is_told(void **state)
{
    (void)state;
    const struct sign_key v[] = { { .domain = "a", .selector = "s" }, { .domain = "b", .selector = "s" },
                                  { .domain = "c", .selector = "s" }, { .domain = "d", .selector = "s" },
                                  { .domain = "a", .selector = "s" }, { .domain = "e", .selector = "s" } };
    struct sign_found f = { .n = 0 };
    for (size_t i = 0; i < ROWS(v); i++) {
        assert_false(f.more);
        sign_key_add(&v[i], &f);
    }
    assert_true(f.more);
    assert_int_equal(f.n, LIMIT_SIGN_KEYS);
    assert_ptr_equal(f.v[3], &v[3]);
}

static void each_domain_and_selector_is_there_once(void **state)
{
    (void)state;
    const struct sign_key v[] = { { .domain = "a", .selector = "s" },
                                  { .domain = "a", .selector = "t" },
                                  { .domain = "b", .selector = "s" },
                                  { .domain = "a", .selector = "s" } };
    struct sign_found f = { .n = 0 };
    for (size_t i = 0; i < ROWS(v); i++)
        sign_key_add(&v[i], &f);
    assert_int_equal(f.n, 3);
    assert_ptr_equal(f.v[0], &v[0]);
    assert_ptr_equal(f.v[2], &v[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(keys_are_made_for_an_author),
                                        cmocka_unit_test(each_domain_and_selector_is_there_once),
                                        cmocka_unit_test(more_than_may_sign_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
