/* policy_decide_test.c - the first rule that matches decides, and what its reply says. */
#include "tests/policy/fake_table.h"
#include "tests/policy/profile.h"

#include "mailseal/buf.h"

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

#define DAY (24 * 60 * 60)

static const char larger[] =
    "rule \"names\" { when = {\"from-domain=partner.example|.partner.example\", \"sender-domain!=<>\"} action = accept\n"
    "  reason = \"a partner\" owner = \"sales\" }\n"
    "rule \"below\" { when = {\"from-domain=.below.example\"} action = accept }\n"
    "rule \"listed\" { when = {\"from-domain=/lists/one\", \"dmarc=fail\"} action = discard }\n"
    "rule \"not listed\" { when = {\"sender-domain!=/lists/one\", \"spf=softfail\"} action = label }\n"
    "rule \"null\" { when = {\"sender-domain=<>\", \"spf=fail\"} action = quarantine }\n"
    "rule \"daemon\" { when = {\"daemon=Submission|<>\", \"helo=fail\"} action = quarantine }\n"
    "rule \"until 1970-01-10\" { when = {\"dkim=neutral\"} action = label expires = \"1970-01-10\" }\n"
    "rule \"rcpt\" { when = {\"recipient-domain=quiet.example\"} action = label }\n"
    "rule \"later\" { when = {\"dmarc=temperror\"} action = tempfail reply = \"451 4.4.3 Later\" }\n"
    "rule \"ours\" { when = {\"direction=outbound\", \"from-domain!=ours.example\"} action = reject reply = \"550 5.7.1 %{why}\" "
    "}\n"
    "rule \"rest\" { action = accept }\n";

static const struct row larger_rows[] = {
    { "a name", { .from_domain = STR("partner.example"), .sender_domain = STR("x.example") }, "names accept" },
    { "below a name", { .from_domain = STR("a.b.partner.example"), .sender_domain = STR("x.example") }, "names accept" },
    { "not quite below", { .from_domain = STR("apartner.example"), .sender_domain = STR("x.example") }, "rest accept" },
    { "two texts, one not met", { .from_domain = STR("partner.example") }, "rest accept" },
    { "strictly below", { .from_domain = STR("a.below.example") }, "below accept" },
    { "the name itself is not below", { .from_domain = STR("below.example") }, "rest accept" },
    { "in a table", { .from_domain = STR("listed.example"), .dmarc = AUTH_FAIL }, "listed discard" },
    { "not in the table", { .from_domain = STR("other.example"), .dmarc = AUTH_FAIL }, "rest accept" },
    { "no answer", { .from_domain = STR("silent.example"), .dmarc = AUTH_FAIL }, "rest accept /lists/one" },
    { "the table is asked last", { .from_domain = STR("silent.example") }, "rest accept" },
    { "not in a table", { .sender_domain = STR("other.example"), .spf = AUTH_SOFTFAIL }, "not listed label" },
    { "not, but in it", { .sender_domain = STR("listed.example"), .spf = AUTH_SOFTFAIL }, "rest accept" },
    { "not, and no answer", { .sender_domain = STR("silent.example"), .spf = AUTH_SOFTFAIL }, "rest accept /lists/one" },
    { "none", { .spf = AUTH_FAIL }, "null quarantine" },
    { "a daemon in another case", { .daemon = STR("SUBMISSION"), .helo = AUTH_FAIL }, "daemon quarantine" },
    { "no daemon", { .helo = AUTH_FAIL }, "daemon quarantine" },
    { "another daemon", { .daemon = STR("submissions"), .helo = AUTH_FAIL }, "rest accept" },
    { "the last second of the last day", { .dkim = AUTH_NEUTRAL, .now = 10 * DAY - 1 }, "until 1970-01-10 label" },
    { "the day after", { .dkim = AUTH_NEUTRAL, .now = 10 * DAY }, "rest accept" },
    { "at no time", { .dkim = AUTH_NEUTRAL }, "until 1970-01-10 label" },
    { "recipient", { .recipient_domain = STR("quiet.example") }, "rcpt label" },
    { "tempfail", { .dmarc = AUTH_TEMPERROR }, "later tempfail" },
    { "tempfail no more", { .dmarc = AUTH_TEMPERROR, .no_tempfail = true }, "rest accept" },
    { "outbound", { .direction = DIRECTION_OUTBOUND, .from_domain = STR("x.example") }, "ours reject" },
    { "outbound, and no rule for it", { .direction = DIRECTION_OUTBOUND, .from_domain = STR("ours.example") }, "exempt accept" },
    { "a rule for what comes in",
      { .direction = DIRECTION_OUTBOUND, .from_domain = STR("ours.example"), .dmarc = AUTH_TEMPERROR },
      "exempt accept" },
};

static void texts_dates_and_directions(void **state)
{
    struct arena *a = arena_new();
    struct policy *policy = profile_of(a, larger);

    (void)state;
    for (size_t i = 0; i < ROWS(larger_rows); i++) {
        struct policy_decision d;
        struct str got;

        policy_decide(policy, &larger_rows[i].facts, a, &d);
        got = str_printf(a, "%s %s%s%s", d.rule, name_of(action_names, (int)d.action), d.list != NULL ? " " : "",
                         d.list != NULL ? d.list : "");
        ROW_STR(larger_rows[i].name, got, str_of(larger_rows[i].want));
        ROW_STR(larger_rows[i].name, str_of(d.reason), strcmp(d.rule, "names") == 0 ? STR("a partner") : STR_NONE);
    }
    arena_free(a);
}

struct trace {
    struct arena *arena;
    struct buf text;
};

static void note_step(void *ctx, const struct policy_step *step)
{
    struct trace *t = ctx;

    buf_printf(&t->text, "%s/%s%s%s", step->rule, name_of(action_names, (int)step->action), step->owner[0] != '\0' ? "/" : "",
               step->owner);
    if (step->condition.n > 0)
        buf_printf(&t->text, ": %.*s is %.*s", STR_FMT(step->condition), STR_FMT(step->value));
    buf_printf(&t->text, "%s%s\n", step->matched ? " MATCHED" : "", step->expired ? " EXPIRED" : "");
}

static struct str trace(struct arena *a, const struct policy *p, const struct policy_facts *facts)
{
    struct trace t = { .arena = a };

    buf_init(&t.text, a, 4096);
    policy_trace(p, facts, a, note_step, &t);
    return buf_view(&t.text);
}

static void a_trace_says_why_a_rule_did_not_match(void **state)
{
    struct arena *a = arena_new();
    const struct policy *policy = profile_of(a, larger);
    const struct policy_facts facts = { .from_domain = STR("silent.example"),
                                        .dmarc = AUTH_FAIL,
                                        .spf = AUTH_FAIL,
                                        .helo = AUTH_PASS },
                              late = { .dmarc = AUTH_TEMPERROR, .dkim = AUTH_NEUTRAL, .no_tempfail = true, .now = 20 * DAY };

    (void)state;
    ROW_STR("no answer", trace(a, policy, &facts),
            STR("names/accept/sales: from-domain=partner.example|.partner.example is silent.example\n"
                "below/accept: from-domain=.below.example is silent.example\n"
                "listed/discard: from-domain=/lists/one is silent.example, and '/lists/one' gives no answer\n"
                "not listed/label: spf=softfail is fail\n"
                "null/quarantine MATCHED\n"));
    ROW_STR("to the end", trace(a, policy, &late),
            STR("names/accept/sales: from-domain=partner.example|.partner.example is <>\n"
                "below/accept: from-domain=.below.example is <>\n"
                "listed/discard: dmarc=fail is temperror\n"
                "not listed/label: spf=softfail is none\n"
                "null/quarantine: spf=fail is none\n"
                "daemon/quarantine: helo=fail is none\n"
                "until 1970-01-10/label EXPIRED\n"
                "rcpt/label: recipient-domain=quiet.example is <>\n"
                "later/tempfail: action=tempfail is not any more\n"
                "ours/reject: direction=outbound is inbound\n"
                "rest/accept MATCHED\n"));
    arena_free(a);
}

static void what_a_profile_asks_for(void **state)
{
    static const struct {
        const char *when;
        bool recipient, outbound;
    } questions[] = {
        { "list=yes", false, false },
        { "recipient-domain=a.example", true, false },
        { "recipient-domain!=<>\", \"direction=outbound", true, true },
        { "direction!=inbound", false, true },
        { "direction=inbound", false, false },
        { "authenticated=yes", false, true },
        { "authenticated=no", false, true },
        { "authenticated=no\", \"client=outside|relay", false, false },
        { "client=local", false, true },
        { "client=relay", false, true },
        { "client=relay\", \"authenticated=no", false, false },
        { "client=internal\", \"authenticated=no", false, true },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(questions); i++) {
        struct arena *a = arena_new();
        const struct policy *p = profile_of(a, str_cstr(a, str_printf(a, "rule a { when = {\"%s\"} action = label }\n%s",
                                                                      questions[i].when, "rule all { action = accept }\n")));

        ROW_INT(questions[i].when, policy_asks_recipient(p), questions[i].recipient);
        ROW_INT(questions[i].when, policy_asks_outbound(p), questions[i].outbound);
        arena_free(a);
    }
}

static void expired_rules_are_named(void **state)
{
    struct arena *a = arena_new();
    const struct policy *p = profile_of(a, larger);
    const char **names;

    (void)state;
    assert_int_equal(policy_expired(p, a, 10 * DAY - 1, &names), 0);
    assert_int_equal(policy_expired(p, a, 0, &names), 0);
    assert_int_equal(policy_expired(p, a, 10 * DAY, &names), 1);
    assert_string_equal(names[0], "until 1970-01-10");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_matches_decides),
        cmocka_unit_test(texts_dates_and_directions),
        cmocka_unit_test(a_trace_says_why_a_rule_did_not_match),
        cmocka_unit_test(what_a_profile_asks_for),
        cmocka_unit_test(expired_rules_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
