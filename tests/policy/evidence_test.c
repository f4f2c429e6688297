/* evidence_test.c - a List-Id is evidence only when the list's own domain passed. */
#include "tests/support/support.h"

#include "mailseal/headers.h"
#include "mailseal/policy.h"

struct row {
    const char *name;
    const char *list_id; /* the value; NULL: no field */
    const char *domain;  /* of a passing identifier */
    bool want;
};

static const struct row rows[] = {
    { "below the identifier", " Talk <talk.lists.example.org>", "lists.example.org", true },
    { "further below", "<talk.lists.example.org>", "example.org", true },
    { "equal to it", "<lists.example.org>", "lists.example.org", true },
    { "in another case", "<Talk.Lists.EXAMPLE.org>", "lists.example.org", true },
    { "folded", " \"Talk\"\r\n <talk.lists.example.org>", "lists.example.org", true },
    { "comments around", " (a (b) <x.example.net>) Talk <talk.lists.example.org> (c)\r\n ", "lists.example.org", true },
    { "brackets in a quoted name", " \"<talk.example.net> \\\" <\" <talk.lists.example.org>", "lists.example.org", true },
    { "a domain that did not pass", "<talk.lists.example.org>", "example.net", false },
    { "beside the identifier", "<talk.example.org>", "lists.example.org", false },
    { "a name that only ends alike", "<talk.badexample.org>", "example.org", false },
    { "a top-level domain", "<talk.lists.org>", "org", false },
    { "no field", NULL, "example.org", false },
    { "no brackets", " talk.lists.example.org", "lists.example.org", false },
    { "brackets in quotes only", " \"<talk.lists.example.org>\"", "lists.example.org", false },
    { "brackets in a comment only", " (<talk.lists.example.org>)", "lists.example.org", false },
    { "not closed", " <talk.lists.example.org", "lists.example.org", false },
    { "a quote that is not closed", " \"Talk <talk.lists.example.org>", "lists.example.org", false },
    { "empty", " <>", "lists.example.org", false },
    { "text behind", " <talk.lists.example.org> more", "lists.example.org", false },
    { "two of them", " <talk.example.net> <talk.lists.example.org>", "lists.example.org", false },
    { "white space inside", " <talk lists.example.org>", "example.org", false },
    { "an address", " <talk@lists.example.org>", "lists.example.org", false },
    { "an empty label", " <talk..lists.example.org>", "lists.example.org", false },
    { "a final dot", " <talk.lists.example.org.>", "lists.example.org", false },
    { "an odd label", " <a+b=c.lists.example.org>", "lists.example.org", true },
};

static bool evidence(struct arena *a, const char *list_id, const char *again, const char *domain, enum auth_code code)
{
    struct headers h;
    struct dmarc_identifier ids[2] = { { STR("other.example.com"), AUTH_PASS }, { str_of(domain), code } };

    headers_init(&h, a);
    headers_add(&h, STR("Subject"), STR(" <talk.lists.example.org>"));
    if (list_id != NULL)
        headers_add(&h, STR("List-ID"), str_of(list_id));
    if (again != NULL)
        headers_add(&h, STR("List-Id"), str_of(again));
    return list_evidence(a, &h, ids, 2);
}

static void a_list_id_counts_below_a_domain_that_passed(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_INT(rows[i].name, evidence(a, rows[i].list_id, NULL, rows[i].domain, AUTH_PASS), rows[i].want);
    arena_free(a);
}

static void only_a_pass_counts(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    for (const struct name_code *c = auth_code_names; c->name != NULL; c++)
        ROW_INT(c->name, evidence(a, "<talk.example.org>", NULL, "example.org", (enum auth_code)c->code), c->code == AUTH_PASS);
    arena_free(a);
}

static void several_fields_are_no_evidence(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    assert_false(evidence(a, "<talk.example.org>", "<talk.example.org>", "example.org", AUTH_PASS));
    arena_free(a);
}

static void nothing_passed_is_no_evidence(void **state)
{
    struct arena *a = arena_new();
    struct headers h;

    (void)state;
    headers_init(&h, a);
    headers_add(&h, STR("List-Id"), STR(" <talk.example.org>"));
    assert_false(list_evidence(a, &h, NULL, 0));
    arena_free(a);
}

static void an_identifier_beyond_255_characters_is_no_evidence(void **state)
{
    struct arena *a = arena_new();
    char value[300] = "<";

    (void)state;
    memset(value + 1, 'x', 255 - strlen(".example.org"));
    strcat(value, ".example.org>");
    assert_true(evidence(a, value, NULL, "example.org", AUTH_PASS));
    memset(value + 1, 0, sizeof(value) - 1);
    memset(value + 1, 'x', 256 - strlen(".example.org"));
    strcat(value, ".example.org>");
    assert_false(evidence(a, value, NULL, "example.org", AUTH_PASS));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_id_counts_below_a_domain_that_passed),
        cmocka_unit_test(only_a_pass_counts),
        cmocka_unit_test(several_fields_are_no_evidence),
        cmocka_unit_test(nothing_passed_is_no_evidence),
        cmocka_unit_test(an_identifier_beyond_255_characters_is_no_evidence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
