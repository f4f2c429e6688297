/* explain_json_test.c - the document of an outcome has all that an explanation is made of. */
#include "engine_support.h"

static void the_json_has_every_member(void **state)
{
    (void)state;
    static const char *const members[] = {
        "spf", "helo", "dkim", "arc", "dmarc", "action", "reply", "rule", "edits", "dns_queries"
    };
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    const struct outcome *o = test_message(c, "<a@nowhere.example>", false, FIELDS("From: a@good.example"), &m);
    const struct json *j = outcome_json(a, o, msg_conf(m));
    for (size_t i = 0; i < ROWS(members); i++)
        if (js_kind(js_member(j, members[i])) == JS_ABSENT)
            fail_msg("no member %s", members[i]);
    ROW_STR("action", js_text(js_member(j, "action")), STR("reject"));
    assert_true(str_istarts(js_text(js_member(j, "reply")), STR("550 5.7.1 ")));
    ROW_STR("dmarc", js_text(js_member(js_member(j, "dmarc"), "result")), STR("fail"));
    ROW_STR("policy", js_text(js_member(js_member(j, "dmarc"), "policy")), STR("reject"));
    ROW_STR("arc", js_text(js_member(js_member(j, "arc"), "result")), STR("none"));
    ROW_STR("op", js_text(js_member(js_item(js_member(j, "edits"), 0), "op")), STR("insert"));
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static const struct json *at(const struct json *j, const char *a, const char *b)
{
    return js_member(js_member(j, a), b);
}

/* All that explain_text.c makes sentences of. */
static void the_json_explains(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "203.0.113.5");
    struct msg *m;
    const struct outcome *o = test_message(c, "<a@shop.example>", false, FIELDS("From: a@mail.good.example"), &m);
    const struct json *j = outcome_json(a, o, msg_conf(m)), *rules = js_member(j, "rules"), *queries = at(j, "dmarc", "queries");
    ROW_STR("ip", js_text(at(j, "client", "ip")), STR("203.0.113.5"));
    ROW_STR("helo", js_text(at(j, "client", "helo")), STR("mx.good.example"));
    ROW_STR("class", js_text(at(j, "client", "class")), STR("outside"));
    ROW_STR("sender", js_text(at(j, "envelope", "sender_domain")), STR("shop.example"));
    ROW_INT("recipients", js_integer(at(j, "envelope", "recipients")), 1);
    assert_false(js_truth(at(j, "envelope", "null_sender")));
    ROW_STR("author", js_text(at(j, "author", "status")), STR("one"));
    ROW_STR("domain", js_text(at(j, "author", "domain")), STR("mail.good.example"));
    ROW_INT("queries", js_count(queries), 3);
    ROW_STR("name", js_text(js_member(js_item(queries, 1), "name")), STR("good.example"));
    ROW_STR("text", js_text(js_member(js_item(queries, 1), "text")), STR("v=DMARC1; p=reject"));
    ROW_STR("record", js_text(js_member(at(j, "dmarc", "record"), "p")), STR("reject"));
    ROW_STR("why", js_text(at(j, "dmarc", "org_domain_why")), STR("the shortest name with a record"));
    assert_true(js_truth(js_member(js_item(rules, js_count(rules) - 1), "matched")));
    ROW_STR("last rule", js_text(js_member(js_item(rules, js_count(rules) - 1), "rule")), js_text(js_member(j, "rule")));
    assert_false(js_truth(js_member(js_item(rules, 0), "matched")));
    assert_true(js_text(js_member(js_item(rules, 0), "condition")).n > 0 && js_text(js_member(js_item(rules, 0), "value")).n > 0);
    assert_true(js_text(js_member(j, "facts")).n > 0);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static struct outcome signed_by(const char *author, const char *org, const char *signer, enum auth_code code, bool strict)
{
    static struct dkim_result dkim;
    static struct dmarc_record record;
    record = (struct dmarc_record){ .usable = true, .strict_dkim = strict };
    dkim = (struct dkim_result){ .code = code, .domain = str_of(signer) };
    return (struct outcome){ .spf.reason = "",
                             .dkim = &dkim,
                             .n_dkim = 1,
                             .decision = { .rule = "r", .reason = "" },
                             .dmarc = { .from_domain = str_of(author),
                                        .org_domain = str_of(org),
                                        .has_policy = true,
                                        .tag = "p",
                                        .dkim_aligned = true,
                                        .record = &record,
                                        .reason = "" },
                             .policy_name = "p" };
}

static void each_signature_has_its_part(void **state)
{
    (void)state;
    static const struct {
        const char *name, *author, *signer;
        enum auth_code code;
        bool strict, want;
    } rows[] = {
        { "equal", "a.example", "a.example", AUTH_PASS, false, true },
        { "equal, strict", "a.example", "a.example", AUTH_PASS, true, true },
        { "below", "a.example", "mail.a.example", AUTH_PASS, false, true },
        { "above", "mail.a.example", "a.example", AUTH_PASS, false, true },
        { "below, strict", "a.example", "mail.a.example", AUTH_PASS, true, false },
        { "another", "a.example", "b.example", AUTH_PASS, false, false },
        { "failed", "a.example", "a.example", AUTH_FAIL, false, false },
        { "no name", "a.example", "", AUTH_PASS, false, false },
    };
    struct arena *a = arena_new();
    struct conf *conf = test_conf(a, "");
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct outcome o = signed_by(rows[i].author, "a.example", rows[i].signer, rows[i].code, rows[i].strict);
        const struct json *j = outcome_json(a, &o, conf);
        ROW_INT(rows[i].name, js_truth(js_member(js_item(js_member(j, "dkim"), 0), "aligned")), rows[i].want);
    }
    conf_unref(conf);
    arena_free(a);
}

/* A walk of its own has shown that the signer is another organization. */
static void what_dmarc_refuted_is_not_aligned(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf *conf = test_conf(a, "");
    struct outcome o = signed_by("a.example", "a.example", "x.dept.a.example", AUTH_PASS, false);
    o.dmarc.has_policy = true;
    o.dmarc.dkim_aligned = false;
    const struct json *j = outcome_json(a, &o, conf);
    assert_false(js_truth(js_member(js_item(js_member(j, "dkim"), 0), "aligned")));
    conf_unref(conf);
    arena_free(a);
}

/* RFC 5321 4.2.1, SC-11 */
static void each_line_of_a_reply_has_its_codes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf *conf = test_conf(a, "");
    struct outcome o = signed_by("a.example", "a.example", "a.example", AUTH_PASS, false);
    o.decision.code = 550;
    o.decision.xcode = "5.7.23";
    o.decision.text = STR("no\nThe domain a.example explains:\nyes");
    const struct json *j = outcome_json(a, &o, conf);
    ROW_STR("reply", js_text(js_member(j, "reply")),
            STR("550-5.7.23 no\n550-5.7.23 The domain a.example explains:\n550 5.7.23 yes"));
    conf_unref(conf);
    arena_free(a);
}

static void what_sealers_say(void **state)
{
    (void)state;
    static struct arc_sealer sealers[] = {
        { 2, { "New.example", 11 }, { "s", 1 }, { "new.example; dmarc=fail header.from=a.example", 45 } },
        { 1, { "old.example", 11 }, { "s", 1 }, { "old.example; dmarc=pass header.from=a.example", 45 } },
    };
    struct arena *a = arena_new();
    struct conf *conf = test_conf(a, "trusted-sealers = {\"new.example\"}\n");
    struct outcome o = signed_by("a.example", "a.example", "a.example", AUTH_PASS, false);
    o.arc = (struct arc_result){ .code = AUTH_PASS, .instance = 2, .sealers = sealers, .n_sealers = 2 };
    const struct json *sets = at(outcome_json(a, &o, conf), "arc", "sets");
    ROW_INT("sets", js_count(sets), 2);
    for (size_t i = 0; i < 2; i++) {
        ROW_INT("instance", js_integer(js_member(js_item(sets, i), "instance")), 2 - (int)i);
        ROW_INT("trusted", js_truth(js_member(js_item(sets, i), "trusted")), i == 0);
        ROW_INT("reports", js_truth(js_member(js_item(sets, i), "reports_pass")), i == 1);
    }
    conf_unref(conf);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_has_every_member),          cmocka_unit_test(the_json_explains),
        cmocka_unit_test(each_signature_has_its_part),        cmocka_unit_test(what_dmarc_refuted_is_not_aligned),
        cmocka_unit_test(each_line_of_a_reply_has_its_codes), cmocka_unit_test(what_sealers_say)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
