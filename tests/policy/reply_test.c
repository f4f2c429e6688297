/* reply_test.c - what a reply says about one message, and that nothing of the sender's own writing gets into it. */
#include "tests/policy/fake_table.h"
#include "tests/policy/profile.h"

#define REPLY(text) "rule \"the rule\" { action = reject reason = \"our reason\" reply = \"550 5.7.1 " text "\" }"

static const struct {
    const char *name, *profile;
    struct policy_facts facts;
    const char *want;
} rows[] = {
    { "the site's side",
      REPLY("%{rule}: %{reason} %{client-ip} %{queue-id}"),
      { .client_ip = STR("2001:db8::1"), .queue_id = STR("4Xyz01-ab_C.d") },
      "the rule: our reason 2001:db8::1 4Xyz01-ab_C.d" },
    { "no reason", "rule r { action = reject reply = \"550 5.7.1 a%{reason}b\" }", { 0 }, "ab" },
    { "the sender's side",
      REPLY("%{from-domain} %{sender-domain} %{spf-domain}"),
      { .from_domain = STR("a.example"), .sender_domain = STR("b.example"), .spf_domain = STR("_c-1.example") },
      "a.example b.example _c-1.example" },
    { "nothing known",
      REPLY("%{from-domain} %{sender-domain} %{client-ip} %{queue-id}"),
      { 0 },
      "(unknown) (unknown) (unknown) (unknown)" },
    /* SC-10 */
    { "other characters",
      REPLY("%{from-domain} %{queue-id}"),
      { .from_domain = STR("a\r\n.b%s{c} d\xc3\xa9"), .queue_id = STR("4X\r\n250 ok<a>") },
      "a.bscd 4X250oka" },
    /* SC-11 */
    { "SPF explains",
      REPLY("no %{spf-explanation}"),
      { .spf = AUTH_FAIL, .spf_domain = STR("a.example"), .spf_explanation = STR(" Not <%s> from here! ") },
      "no\nThe domain a.example explains:\nNot <%s> from here!" },
    { "SPF explains nothing", REPLY("no%{spf-explanation}"), { .spf = AUTH_FAIL, .spf_domain = STR("a.example") }, "no" },
    { "white space explains nothing",
      REPLY("no %{spf-explanation}"),
      { .spf = AUTH_FAIL, .spf_domain = STR("a.example"), .spf_explanation = STR("  ") },
      "no" },
    { "SPF has not failed",
      REPLY("no %{spf-explanation}"),
      { .spf = AUTH_SOFTFAIL, .spf_domain = STR("a.example"), .spf_explanation = STR("x") },
      "no" },
    { "nobody asks for it", REPLY("no"), { .spf = AUTH_FAIL, .spf_domain = STR("a.example"), .spf_explanation = STR("x") }, "no" },
    { "why: nothing at all", REPLY("(%{why})"), { 0 }, "(spf=none dkim=none dmarc=none)" },
    { "why: failed",
      REPLY("(%{why})"),
      { .spf = AUTH_FAIL, .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT },
      "(spf=fail dkim=none dmarc=fail policy=reject)" },
    { "why: a pass that is not aligned",
      REPLY("(%{why})"),
      { .spf = AUTH_PASS, .dkim = AUTH_FAIL, .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_QUARANTINE },
      "(spf=pass dkim=fail aligned=no dmarc=fail policy=quarantine)" },
    { "why: a signature that is not aligned",
      REPLY("(%{why})"),
      { .dkim = AUTH_PASS, .dmarc = AUTH_FAIL },
      "(spf=none dkim=pass aligned=no dmarc=fail policy=none)" },
    { "why: SPF passes for the author, DKIM for another",
      REPLY("(%{why})"),
      { .spf = AUTH_PASS, .dkim = AUTH_PASS, .aligned = true, .dmarc = AUTH_PASS },
      "(spf=pass dkim=pass dkim-aligned=none dmarc=pass)" },
    { "why: both pass for the author",
      REPLY("(%{why})"),
      { .spf = AUTH_PASS, .dkim = AUTH_PASS, .dkim_aligned = AUTH_PASS, .aligned = true, .dmarc = AUTH_PASS },
      "(spf=pass dkim=pass dmarc=pass)" },
    { "why: a pass",
      REPLY("(%{why})"),
      { .spf = AUTH_PASS, .aligned = true, .dmarc = AUTH_PASS },
      "(spf=pass dkim=none dmarc=pass)" },
    { "why: no author",
      REPLY("(%{why})"),
      { .spf = AUTH_PASS, .from = AUTHOR_SEVERAL, .dmarc = AUTH_PERMERROR },
      "(spf=pass dkim=none dmarc=permerror from=several)" },
};

static void a_reply_is_written_for_one_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct policy_decision d;

        policy_decide(profile_of(a, rows[i].profile), &rows[i].facts, a, &d);
        ROW_STR(rows[i].name, d.text, str_of(rows[i].want));
        arena_free(a);
    }
}

static void a_long_domain_is_cut(void **state)
{
    struct arena *a = arena_new();
    struct policy *policy = profile_of(a, REPLY("%{from-domain} %{spf-domain} %{why} %{reason} end"));
    struct policy_decision d;
    char domain[1000];
    struct policy_facts facts = { .from_domain = { domain, sizeof(domain) }, .spf_domain = STR("b.example") };

    (void)state;
    memset(domain, 'd', sizeof(domain));
    policy_decide(policy, &facts, a, &d);
    /* SC-10 */
    assert_int_equal(d.text.n, 255 + strlen(" b.example spf=none dkim=none dmarc=none our reason end"));
    facts.spf_domain = facts.from_domain;
    policy_decide(policy, &facts, a, &d);
    assert_int_equal(d.text.n, LIMIT_REPLY);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_written_for_one_message),
        cmocka_unit_test(a_long_domain_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
