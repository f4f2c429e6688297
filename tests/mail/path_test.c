/* path_test.c - envelope paths as Postfix and Sendmail hand them over. */
#include "tests/support/support.h"

#include "mailseal/address.h"
#include "mailseal/limits.h"

#define U128                                                                                                                       \
    "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu."                                                             \
    "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu."

static const struct {
    const char *name;
    struct str in;
    bool want;
    struct str want_local, want_domain;
} paths[] = {
    { "brackets", STR("<joe@Example.COM>"), true, STR("joe"), STR("example.com") },
    { "no brackets", STR("joe@example.com"), true, STR("joe"), STR("example.com") },
    { "null sender", STR("<>"), true, STR(""), STR("") },
    { "null sender of a simulated session", STR(""), true, STR(""), STR("") },
    { "null sender with arguments", STR("<> SIZE=10"), true, STR(""), STR("") },
    { "local only", STR("<postmaster>"), true, STR("postmaster"), STR("") },
    { "local only, no brackets", STR("root"), true, STR("root"), STR("") },
    { "white space around", STR("  < joe@example.com >  "), true, STR("joe"), STR("example.com") },
    { "arguments", STR("<joe@example.com> BODY=8BITMIME SMTPUTF8"), true, STR("joe"), STR("example.com") },
    { "arguments, no brackets", STR("joe@example.com BODY=8BITMIME"), true, STR("joe"), STR("example.com") },
    { "arguments with > in them", STR("<joe@example.com> ENVID=<a@b>"), true, STR("joe"), STR("example.com") },
    { "quoted local part", STR("<\"a> b@c \\\" d\"@example.com> SIZE=1"), true, STR("\"a> b@c \\\" d\""), STR("example.com") },
    { "quoted local part, no brackets", STR("\"a b@c\"@example.com SIZE=1"), true, STR("\"a b@c\""), STR("example.com") },
    { "the last @ counts", STR("<a@b@example.com>"), true, STR("a@b"), STR("example.com") },
    { "source route", STR("<@relay.example,@r2.example:joe@example.com>"), true, STR("joe"), STR("example.com") },
    { "final dot", STR("<joe@example.com.>"), true, STR("joe"), STR("example.com") },
    { "U-label",
      STR("<j\xc3\xb6@b\xc3\xbc"
          "cher.example> SMTPUTF8"),
      true, STR("j\xc3\xb6"), STR("xn--bcher-kva.example") },
    { "empty local part", STR("<@example.com>"), true, STR(""), STR("example.com") },
    { "address literal", STR("<joe@[192.0.2.1]>"), false, STR("<joe@[192.0.2.1]>"), STR("") },
    { "no domain", STR("<joe@>"), false, STR("<joe@>"), STR("") },
    { "empty label", STR("joe@example..com"), false, STR("joe@example..com"), STR("") },
    { "space in the domain", STR("<joe@exa mple.com>"), false, STR("<joe@exa mple.com>"), STR("") },
    { "percent in the domain", STR("joe@%s%n.example"), false, STR("joe@%s%n.example"), STR("") },
    { "bracket not closed", STR("<joe@example.com"), false, STR("<joe@example.com"), STR("") },
    { "text right behind the bracket", STR("<joe@example.com>evil.example"), false, STR("<joe@example.com>evil.example"), STR("") },
    { "quote not closed", STR("<\"joe@example.com>"), false, STR("<\"joe@example.com>"), STR("") },
    { "quote not closed, no brackets", STR("\"joe@example.com"), true, STR("\"joe@example.com"), STR("") },
    { "NUL in the domain", STR("joe@example.com\0.evil"), false, STR("joe@example.com\0.evil"), STR("") },
    { "long domain", STR("<a@" U128 U128 "example>"), false, STR("<a@" U128 U128 "example>"), STR("") },
};

static void paths_are_cut_into_local_part_and_domain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(paths); i++) {
        struct arena *a = arena_new();
        struct str local, domain;
        ROW_INT(paths[i].name, path_parse(a, paths[i].in, &local, &domain), paths[i].want);
        ROW_STR(paths[i].name, local, paths[i].want_local);
        ROW_STR(paths[i].name, domain, paths[i].want_domain);
        arena_free(a);
    }
}

static void a_path_beyond_the_limit_has_no_domain(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *text = arena_alloc(a, LIMIT_ADDRESS + 1);
    struct str local, domain;
    memset(text, 'a', LIMIT_ADDRESS + 1);
    memcpy(text + LIMIT_ADDRESS - 12, "@example.com", 12);
    assert_true(path_parse(a, (struct str){ text, LIMIT_ADDRESS }, &local, &domain));
    ROW_STR("limit", domain, STR("example.com"));
    assert_false(path_parse(a, (struct str){ text, LIMIT_ADDRESS + 1 }, &local, &domain));
    assert_int_equal(domain.n, 0);
    assert_int_equal(local.n, LIMIT_ADDRESS + 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cut_into_local_part_and_domain),
        cmocka_unit_test(a_path_beyond_the_limit_has_no_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
