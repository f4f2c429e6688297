/* decide_test.c - facts to decision, and the options that stand behind the policy. */
#include "mailseal/clock.h"

#include "engine_support.h"
#include "tests/support/capture.h"

static void decisions_and_options(void **state)
{
    (void)state;
    static const struct {
        const char *name, *conf, *from, *field;
        enum action action;
        bool held;
        int code;
    } rows[] = {
        { "aligned", "", "<a@good.example>", "From: a@good.example", ACTION_ACCEPT, false, 0 },
        { "reject", "", "<a@nowhere.example>", "From: a@good.example", ACTION_REJECT, false, 550 },
        { "hold", "", "<a@shop.example>", "From: a@shop.example", ACTION_QUARANTINE, true, 0 },
        { "label", "quarantine = \"label\"", "<a@shop.example>", "From: a@shop.example", ACTION_LABEL, false, 0 },
        { "temperror", "", "<a@good.example>", "From: a@slow.example", ACTION_ACCEPT, false, 0 },
        /* D-129 */
        { "defer", "dmarc-temperror = \"tempfail\"", "<a@good.example>", "From: a@slow.example", ACTION_TEMPFAIL, false, 451 },
        { "forwarder", "trusted-forwarders = {\"192.0.2.1\"}", "<a@nowhere.example>", "From: a@good.example", ACTION_QUARANTINE,
          true, 0 },
        /* D-114 */
        { "several", "", "<a@good.example>", "From: a@good.example, b@shop.example", ACTION_REJECT, false, 550 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_env(a, rows[i].conf, 0);
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m;
        const struct outcome *o = test_message(c, rows[i].from, false, FIELDS(rows[i].field), &m);
        ROW_INT(rows[i].name, o->decision.action, rows[i].action);
        ROW_INT(rows[i].name, o->held, rows[i].held);
        ROW_INT(rows[i].name, o->decision.code, rows[i].code);
        assert_string_equal(o->policy_name, "standard");
        msg_free(m);
        conn_free(c);
        env_free(e);
        arena_free(a);
    }
}

/* ---- recipients ---- */

#define SORTING                                                                                                                    \
    "rule \"strict\" { when = {\"dmarc=fail\", \"recipient-domain=strict.example|both.example\"} action = reject "                 \
    "reply = \"550 5.7.1 no\" }\n"                                                                                                 \
    "rule \"mild\" { when = {\"recipient-domain=mild.example\"} action = quarantine }\n"                                           \
    "rule \"none\" { when = {\"recipient-domain=<>\"} action = label }\n"                                                          \
    "rule \"all\" { action = accept }\n"

static const struct {
    const char *name;
    const char *rcpt[4];
    enum action action;
    const char *rule, *domain; /* that had its way */
    const char *disagreement;
} recipients[] = {
    { "one", { "<a@strict.example>" }, ACTION_REJECT, "strict", "strict.example", "" },
    { "one domain", { "<a@strict.example>", "<b@STRICT.example.>" }, ACTION_REJECT, "strict", "strict.example", "" },
    { "of one mind", { "<a@strict.example>", "<a@both.example>" }, ACTION_REJECT, "strict", "strict.example", "" },
    { "the mildest wins",
      { "<a@strict.example>", "<b@mild.example>" },
      ACTION_QUARANTINE,
      "mild",
      "mild.example",
      "reject by \"strict\" for strict.example, quarantine by \"mild\" for mild.example" },
    { "in any order",
      { "<b@mild.example>", "<a@strict.example>" },
      ACTION_QUARANTINE,
      "mild",
      "mild.example",
      "quarantine by \"mild\" for mild.example, reject by \"strict\" for strict.example" },
    { "three minds",
      { "<b@mild.example>", "<a@strict.example>", "<a@x.example>" },
      ACTION_ACCEPT,
      "all",
      "x.example",
      "quarantine by \"mild\" for mild.example, reject by \"strict\" for strict.example, accept by \"all\" for x.example" },
    { "without a domain", { "postmaster" }, ACTION_LABEL, "none", "", "" },
    { "no domain that is one",
      { "<a@strict.example>", "<a@[192.0.2.1]>" },
      ACTION_LABEL,
      "none",
      "",
      "reject by \"strict\" for strict.example, label by \"none\" for others" },
    { "none", { NULL }, ACTION_LABEL, "none", "", "" },
};

/* A forgery, for whom it may concern. */
static struct msg *forgery(struct conn *c, const struct msg_info *info)
{
    struct msg_info outside = { .mail_from = STR("<a@nowhere.example>") };
    return msg_new(c, info != NULL ? info : &outside);
}

static const struct outcome *finish(struct msg *m)
{
    msg_header(m, STR("From"), STR(" a@good.example"));
    msg_eoh(m);
    msg_body(m, "x\r\n", 3);
    return msg_eom(m);
}

static void recipients_get_the_mildest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(recipients); i++) {
        struct arena *a = arena_new();
        struct env *e = test_policy_env(a, "", SORTING);
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m = forgery(c, NULL);
        for (size_t k = 0; k < ROWS(recipients[i].rcpt) && recipients[i].rcpt[k] != NULL; k++)
            msg_rcpt(m, str_of(recipients[i].rcpt[k]));
        const struct outcome *o = finish(m);
        ROW_INT(recipients[i].name, o->decision.action, recipients[i].action);
        ROW_STR(recipients[i].name, str_of(o->decision.rule), str_of(recipients[i].rule));
        ROW_STR(recipients[i].name, o->facts.recipient_domain, str_of(recipients[i].domain));
        ROW_STR(recipients[i].name, o->disagreement, str_of(recipients[i].disagreement));
        test_done(m, c, e);
        arena_free(a);
    }
}

/* Those beyond are of no domain that is known. */
static void the_domains_of_recipients_are_bounded(void **state)
{
    (void)state;
    for (int n = LIMIT_RCPT_DOMAINS; n <= LIMIT_RCPT_DOMAINS + 2; n++) {
        struct arena *a = arena_new();
        struct env *e = test_policy_env(
            a, "", "rule \"none\" { when = {\"recipient-domain=<>\"} action = accept }\nrule \"all\" { action = label }\n");
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m = forgery(c, NULL);
        for (int k = 0; k < n; k++)
            msg_rcpt(m, str_printf(a, "<a@d%d.example>", k));
        ROW_INT("domains", finish(m)->decision.action, n > LIMIT_RCPT_DOMAINS ? ACTION_ACCEPT : ACTION_LABEL);
        test_done(m, c, e);
        arena_free(a);
    }
}

/* Nobody keeps what nobody asks for. */
static void without_such_a_rule_recipients_are_not_looked_at(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m = forgery(c, NULL);
    msg_rcpt(m, STR("<a@strict.example>"));
    ROW_STR("recipient", finish(m)->facts.recipient_domain, STR_NONE);
    test_done(m, c, e);
    arena_free(a);
}

/* ---- lists that give no answer ---- */

#define DEAD "socketmap:unix:/nonexistent/mailseal-test:x"

static void nothing_is_refused_for_want_of_an_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name, *conf, *rules;
        enum action action;
    } rows[] = {
        { "reject", "never-reject = \"" DEAD "\"\n", "rule \"r\" { action = reject reply = \"550 5.7.1 no\" }", ACTION_TEMPFAIL },
        { "discard", "never-reject = \"" DEAD "\"\n", "rule \"r\" { action = discard }", ACTION_TEMPFAIL },
        { "quarantine", "never-reject = \"" DEAD "\"\n", "rule \"r\" { action = quarantine }", ACTION_QUARANTINE },
        { "accept", "never-reject = \"" DEAD "\"\n", "rule \"r\" { action = accept }", ACTION_ACCEPT },
        { "no such list", "", "rule \"r\" { action = reject reply = \"550 5.7.1 no\" }", ACTION_REJECT },
        { "a list of the policy", "",
          "rule \"ok\" { when = {\"from-domain=" DEAD
          "\"} action = accept }\nrule \"r\" { action = reject reply = \"550 5.7.1 no\" }",
          ACTION_TEMPFAIL },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_policy_env(a, rows[i].conf, rows[i].rules);
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m = forgery(c, NULL);
        const struct outcome *o = finish(m);
        ROW_INT(rows[i].name, o->decision.action, rows[i].action);
        if (o->decision.action == ACTION_TEMPFAIL) {
            ROW_INT(rows[i].name, o->decision.code, 451);
            assert_string_equal(o->decision.xcode, "4.3.0");
            assert_string_equal(o->decision.rule, "r");
        }
        test_done(m, c, e);
        arena_free(a);
    }
}

/* The budget ends: a list that is silent goes on to spare, with one line in the log each time, the client's own zone does not. */
static void silence_spares_within_its_budget(void **state)
{
    (void)state;
    static const struct {
        const char *name, *option, *list, *who;
        enum action after;
    } rows[] = {
        { "a list", "never-reject", DEAD, DEAD, ACTION_QUARANTINE },
        { "the client's zone", "exempt-clients", NULL, "the DNS about the client's name", ACTION_REJECT },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *error = NULL, *list = rows[i].list != NULL ? rows[i].list : test_file(a, ".partner.example\n");
        const char *text =
            str_cstr(a, str_printf(a, "%s = \"%s\"\ndefer-times = 1\nresolver-down-share = 100\n", rows[i].option, list));
        struct conf *conf = test_conf_with(a, "rule \"r\" { action = reject reply = \"550 5.7.1 no\" }", text);
        struct dns *dns = dns_snapshot_of_json(js_read(a, STR("{\"1.2.0.192.in-addr.arpa\":\"TIMEOUT\"}"), &error), &error);
        struct env *e = env_new(conf, dns, 0, &error);
        struct conn *c = test_conn(e, "192.0.2.1");
        for (int n = 0; n < 2; n++) {
            const char *want = str_cstr(
                a, str_printf(a, "mailseal: warning: NOQUEUE: no answer from %s, so rule 'r' does not reject\n", rows[i].who));
            clock_fix(1780000000 + 3600 * n);
            struct msg *m = forgery(c, NULL);
            capture();
            enum action got = finish(m)->decision.action;
            const char *log = captured(), *line = strstr(log, want);
            ROW_INT(rows[i].name, got, n == 0 ? ACTION_TEMPFAIL : rows[i].after);
            ROW_INT(rows[i].name, line != NULL, got != ACTION_REJECT);
            assert_true(line == NULL || strstr(line + 1, want) == NULL);
            msg_free(m);
        }
        clock_fix(0);
        if (rows[i].list == NULL)
            unlink(list);
        test_done(NULL, c, e);
        arena_free(a);
    }
}

/* ---- outbound ---- */

static void our_own_clients_are_asked_about_when_a_rule_does(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rules, *daemon;
        bool authenticated;
        enum action action;
        const char *rule;
    } rows[] = {
        { "no rule", "rule \"all\" { action = reject reply = \"550 5.7.1 no\" }", "", true, ACTION_ACCEPT, "exempt" },
        { "a rule",
          "rule \"out\" { when = {\"direction=outbound\", \"daemon=web\"} action = discard }\nrule \"all\" { action = accept }",
          "web", true, ACTION_DISCARD, "out" },
        { "another service",
          "rule \"out\" { when = {\"direction=outbound\", \"daemon=web\"} action = discard }\nrule \"all\" { action = accept }",
          "submission", true, ACTION_ACCEPT, "exempt" },
        { "inbound", "rule \"out\" { when = {\"direction=outbound\"} action = discard }\nrule \"all\" { action = label }", "",
          false, ACTION_LABEL, "all" },
        { "nothing is judged",
          "rule \"out\" { when = {\"direction=outbound\", \"spf=none\", \"dkim=none\", \"dmarc=none\"} action = quarantine }\n"
          "rule \"all\" { action = accept }",
          "", true, ACTION_QUARANTINE, "out" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_policy_env(a, "", rows[i].rules);
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg_info info = { .mail_from = STR("<a@good.example>"),
                                 .daemon = str_of(rows[i].daemon),
                                 .authenticated = rows[i].authenticated };
        struct msg *m = forgery(c, &info);
        const struct outcome *o = finish(m);
        ROW_INT(rows[i].name, o->decision.action, rows[i].action);
        ROW_STR(rows[i].name, str_of(o->decision.rule), str_of(rows[i].rule));
        ROW_INT(rows[i].name, o->exempt, rows[i].authenticated);
        test_done(m, c, e);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decisions_and_options),
                                        cmocka_unit_test(recipients_get_the_mildest),
                                        cmocka_unit_test(the_domains_of_recipients_are_bounded),
                                        cmocka_unit_test(without_such_a_rule_recipients_are_not_looked_at),
                                        cmocka_unit_test(nothing_is_refused_for_want_of_an_answer),
                                        cmocka_unit_test(silence_spares_within_its_budget),
                                        cmocka_unit_test(our_own_clients_are_asked_about_when_a_rule_does) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
