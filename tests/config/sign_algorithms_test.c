/* sign_algorithms_test.c - which algorithms sign, for all domains and for some. */
#include "config_support.h"

static const struct {
    const char *value, *domain;
    bool rsa, ed25519;
} rows[] = {
    { "{}", "a.example", true, true },
    { "\"rsa-sha256\"", "a.example", true, false },
    { "{ ED25519-SHA256 }", "a.example", false, true },
    { "{ rsa-sha256, ed25519-sha256 }", "a.example", true, true },
    { "{ rsa-sha256, rsa-sha256 }", "a.example", true, false },
    { "{ \"a.example=rsa-sha256\" }", "a.example", true, false },
    { "{ \"a.example=rsa-sha256\" }", "b.example", true, true },
    { "{ \"a.example=rsa-sha256\" }", "sub.a.example", true, true },
    { "{ \"A.Example=rsa-sha256\", \"a.example=ed25519-sha256\" }", "a.example", true, true },
    { "{ rsa-sha256, \"a.example=ed25519-sha256\" }", "a.example", false, true },
    { "{ \"a.example=ed25519-sha256\", rsa-sha256 }", "b.example", true, false },
};

/* DK-80 */
static void a_domain_may_have_a_choice_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *error = NULL;
        const struct conf *c = parse_text(a, str_printf(a, "sign-algorithms = %s\n", rows[i].value), &error);
        if (c == NULL)
            fail_msg("%s: %s", rows[i].value, error);
        ROW_INT(rows[i].value, sign_algorithm_allowed(c, str_of(rows[i].domain), KEY_RSA), rows[i].rsa);
        ROW_INT(rows[i].value, sign_algorithm_allowed(c, str_of(rows[i].domain), KEY_ED25519), rows[i].ed25519);
        arena_free(a);
    }
}

static const struct {
    const char *value, *want;
} refused[] = {
    { "rsa-sha1", "'rsa-sha1' is no algorithm (rsa-sha256 or ed25519-sha256)" },
    { "\"\"", "'' is no algorithm (rsa-sha256 or ed25519-sha256)" },
    { "\"a.example=rsa\"", "'a.example=rsa' is no algorithm (rsa-sha256 or ed25519-sha256)" },
    { "\"a..example=rsa-sha256\"", "'a..example=rsa-sha256' is no algorithm of a domain (DOMAIN=ALGORITHM)" },
    { "\"=rsa-sha256\"", "'=rsa-sha256' is no algorithm of a domain (DOMAIN=ALGORITHM)" },
};

static void faults_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct arena *a = arena_new();
        const char *error = NULL;
        assert_null(parse_text(a, str_printf(a, "sign-algorithms = %s\n", refused[i].value), &error));
        ROW_STR(refused[i].value, str_of(error), str_printf(a, "x.conf:1: sign-algorithms: %s", refused[i].want));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_domain_may_have_a_choice_of_its_own),
                                        cmocka_unit_test(faults_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
