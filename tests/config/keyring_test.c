/* keyring_test.c - keys are found by their domain, in the file's order, and by parents that sign for subdomains. */
#include "config_support.h"

#include "mailseal/limits.h"

static struct sign_key keys[] = {
    { .domain = "example.com", .selector = "a" },
    { .domain = "example.org", .selector = "a" },
    { .domain = "example.com", .selector = "b" },
    { .domain = "sub.example.com", .selector = "c" },
    { .domain = "wide.example", .selector = "d", .subdomains = true },
    { .domain = "wide.example", .selector = "e" },
    { .domain = "own.wide.example", .selector = "f" },
};

static const struct {
    const char *domain, *want; /* selectors */
} lookups[] = {
    { "example.com", "ab" },
    { "example.org", "a" },
    { "sub.example.com", "c" },
    { "", "" },
    { "com", "" },
    { "other.example.com", "" },
    { "Example.com", "" }, /* the caller brings the normal form */
    { "wide.example", "de" },
    { "x.wide.example", "d" },
    { "y.x.wide.example", "d" },
    { "own.wide.example", "f" },
    { "x.own.wide.example", "d" },
    { "xwide.example", "" },
};

/* DK-87 */
static void keys_are_found_by_domain(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *reason;
    struct keyring *k = keyring_new(a, ROWS(keys));
    for (size_t i = 0; i < ROWS(keys); i++)
        assert_true(keyring_add(k, &keys[i], &reason));
    assert_int_equal(keyring_count(k), ROWS(keys));
    for (size_t i = 0; i < ROWS(lookups); i++) {
        const struct sign_key *found[LIMIT_SIGN_KEYS];
        char selectors[LIMIT_SIGN_KEYS + 1] = "";
        size_t n = keyring_find(k, a, STR("ann"), str_of(lookups[i].domain), found);
        for (size_t j = 0; j < n; j++)
            selectors[j] = found[j]->selector[0];
        ROW_STR(lookups[i].domain, str_of(selectors), str_of(lookups[i].want));
    }
    for (size_t i = 0; i < ROWS(keys); i++)
        assert_ptr_equal(keyring_get(k, i), &keys[i]);
    arena_free(a);
}

static void a_second_key_needs_another_selector(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *reason = "";
    struct sign_key same = keys[0];
    struct keyring *k = keyring_new(a, 2);
    assert_true(keyring_add(k, &keys[0], &reason));
    assert_false(keyring_add(k, &same, &reason));
    assert_string_equal(reason, "domain and selector are those of an earlier section");
    assert_int_equal(keyring_count(k), 1);
    arena_free(a);
}

static void an_empty_keyring_finds_nothing(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct sign_key *found[LIMIT_SIGN_KEYS];
    assert_int_equal(keyring_find(keyring_new(a, 0), a, STR("ann"), STR("example.com"), found), 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_domain),
        cmocka_unit_test(a_second_key_needs_another_selector),
        cmocka_unit_test(an_empty_keyring_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
