/* policy_decide_test.c - the first rule that matches decides, and what its reply says. */
#include "tests/policy/profile.h"

static const char profile[] =
    "rule \"equal\" { when = {\"spf=softfail\"} action = quarantine }\n"
    "rule \"not\" { when = {\"helo!=none\", \"dmarc=none\"} action = quarantine }\n"
    "rule \"either\" { when = {\"dkim=fail|permerror\"} action = quarantine }\n"
    "rule \"neither\" { when = {\"dkim!=pass|none\"} action = accept }\n"
    "rule \"asked\" { when = {\"dmarc=fail\", \"policy=reject\", \"list=no\", \"forwarder=no\"} action = reject\n"
    "  reply = \"550 5.7.1 100% of %{from-domain} and %{spf-domain}.\" }\n"
    "rule \"from\" { when = {\"from!=one\"} action = reject reply = \"553 5.6.0 From\" }\n"
    "rule \"later\" { when = {\"dmarc=temperror\", \"temperror-option=tempfail\"} action = tempfail\n"
    "  reply = \"451 4.4.3 Later\" }\n"
    "rule \"rest\" { action = accept }\n";

struct row {
    const char *name;
    struct policy_facts facts;
    const char *want; /* "rule action code xcode text" */
};

static const struct row rows[] = {
    { "nothing matches but the last", { .dmarc = AUTH_PASS }, "rest accept 0 " },
    /* D-123: a pass binds nobody */
    { "a value", { .dmarc = AUTH_PASS, .spf = AUTH_SOFTFAIL }, "equal quarantine 0 " },
    { "the first rule wins", { .spf = AUTH_SOFTFAIL, .helo = AUTH_FAIL, .dkim = AUTH_FAIL }, "equal quarantine 0 " },
    { "all conditions, one not met", { .dmarc = AUTH_PASS, .helo = AUTH_FAIL }, "rest accept 0 " },
    { "all conditions, all met", { .dmarc = AUTH_NONE, .helo = AUTH_FAIL }, "not quarantine 0 " },
    { "first alternative", { .dkim = AUTH_FAIL }, "either quarantine 0 " },
    { "second alternative", { .dkim = AUTH_PERMERROR }, "either quarantine 0 " },
    { "neither of two", { .dkim = AUTH_POLICY }, "neither accept 0 " },
    { "reject",
      { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT, .from_domain = STR("a.example"), .spf_domain = STR("b.example") },
      "asked reject 550 5.7.1 100% of a.example and b.example." },
    { "a flag", { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT, .list = true }, "rest accept 0 " },
    { "another flag", { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT, .forwarder = true }, "rest accept 0 " },
    /* SC-10: nothing but letters, digits, ".", "-" and "_" of a domain is printed */
    { "a domain with other characters",
      { .dmarc = AUTH_FAIL,
        .policy = DMARC_POLICY_REJECT,
        .from_domain = STR("a\r\n.b%s{c} d\xc3\xa9"),
        .spf_domain = STR("_x-1") },
      "asked reject 550 5.7.1 100% of a.bscd and _x-1." },
    { "no domain",
      { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT },
      "asked reject 550 5.7.1 100% of (unknown) and (unknown)." },
    /* SC-13 */
    { "from", { .from = AUTHOR_SEVERAL, .from_domain = STR("a.example") }, "from reject 553 5.6.0 From" },
    { "option off", { .dmarc = AUTH_TEMPERROR }, "rest accept 0 " },
    { "option on", { .dmarc = AUTH_TEMPERROR, .tempfail_wanted = true }, "later tempfail 451 4.4.3 Later" },
};

static void the_first_rule_that_matches_decides(void **state)
{
    struct arena *a = arena_new();
    struct policy *policy = profile_of(a, profile);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct policy_decision d;
        struct str got;

        policy_decide(policy, &rows[i].facts, a, &d);
        got = str_printf(a, "%s %s %d %s%s%.*s", d.rule, name_of(action_names, (int)d.action), d.code, d.xcode,
                         d.text.n > 0 ? " " : "", STR_FMT(d.text));
        ROW_STR(rows[i].name, got, str_of(rows[i].want));
    }
    arena_free(a);
}

static void a_long_domain_is_cut(void **state)
{
    struct arena *a = arena_new();
    struct policy *policy = profile_of(a, "rule all { action = reject reply = \"550 5.7.1 %{from-domain} %{spf-domain} end\" }");
    struct policy_decision d;
    char domain[1000];
    struct policy_facts facts = { .from_domain = { domain, sizeof(domain) }, .spf_domain = STR("b.example") };

    (void)state;
    memset(domain, 'd', sizeof(domain));
    policy_decide(policy, &facts, a, &d);
    /* SC-10 */
    assert_int_equal(d.text.n, 255 + strlen(" b.example end"));
    facts.spf_domain = facts.from_domain;
    policy_decide(policy, &facts, a, &d);
    assert_int_equal(d.text.n, LIMIT_REPLY);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_matches_decides),
        cmocka_unit_test(a_long_domain_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
