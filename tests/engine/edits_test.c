/* edits_test.c - forged fields go from the highest number down, then ours comes; nothing foreign goes. */
#include "engine_support.h"

static const struct outcome *judged(struct conn *c, const char *const *fields, struct msg **m)
{
    return test_message(c, "<a@good.example>", false, fields, m);
}

static void forged_fields_go_highest_first(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "trusted-authserv-ids = {\"old.test\"}", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    const struct outcome *o =
        judged(c,
               FIELDS("Authentication-Results: mx.test; dmarc=pass", "From: a@good.example",
                      "ARC-Authentication-Results: i=1; mx.test; dmarc=pass", "DKIM-Signature: v=1; d=x.example",
                      "AUTHENTICATION-RESULTS: foreign.example; spf=pass", "Authentication-Results: old.test; none",
                      "authentication-results: (c) \"MX.Test\" 1; none", "X-Authentication-Results: mx.test; none"),
               &m);
    static const unsigned want[] = { 4, 3, 1 }; /* AR-20, AR-26, AR-27; AR-25, DK-89: other fields stay */
    assert_int_equal(o->n_edits, 4);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(o->edits[i].op, EDIT_DELETE);
        assert_int_equal(o->edits[i].index, want[i]);
        ROW_STR("name", o->edits[i].name, STR("Authentication-Results"));
    }
    assert_int_equal(o->edits[3].op, EDIT_INSERT);
    assert_int_equal(o->edits[3].index, 0); /* AR-1 */
    assert_true(str_istarts(o->edits[3].value, STR(" mx.test;\n\tdmarc=pass ")));
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

/* A label is ours, whoever writes one; each name counts its own fields. */
static void forged_labels_go_too(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    static const char *const fields[] = { "X-Mailseal-Label: accept",
                                          "From: a@good.example",
                                          "Authentication-Results: x.example; none",
                                          "Authentication-Results: mx.test; none",
                                          "x-mailseal-LABEL : label",
                                          "X-Mailseal: x",
                                          NULL };
    static const struct {
        const char *name;
        unsigned index;
    } want[] = { { "Authentication-Results", 2 }, { "X-Mailseal-Label", 2 }, { "X-Mailseal-Label", 1 } };
    for (int authenticated = 0; authenticated < 2; authenticated++) {
        const struct outcome *o = test_message(c, "<a@good.example>", authenticated != 0, fields, &m);
        assert_int_equal(o->n_edits, ROWS(want) + (authenticated == 0));
        for (size_t i = 0; i < ROWS(want); i++) {
            assert_int_equal(o->edits[i].op, EDIT_DELETE);
            ROW_STR("name", o->edits[i].name, str_of(want[i].name));
            ROW_INT("index", o->edits[i].index, want[i].index);
        }
        msg_free(m);
    }
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void the_label_says_what_the_policy_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *name, *conf, *rule, *want; /* want NULL: no label */
    } rows[] = {
        { "label", "", "action = label", " label; dmarc=fail; rule=\"one\"" },
        { "label with a reason", "", "action = label reason = \"a \\\"b\\\" \\\\\"",
          " label; dmarc=fail; rule=\"one\";\n\treason=\"a \\\"b\\\" \\\\\"" },
        { "quarantine, labelled", "quarantine = label\n", "action = quarantine", " quarantine; dmarc=fail; rule=\"one\"" },
        { "quarantine, held", "", "action = quarantine", NULL },
        { "accept", "quarantine = label\n", "action = accept", NULL },
        { "discard", "quarantine = label\n", "action = discard", NULL },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_policy_env(a, rows[i].conf, str_cstr(a, str_printf(a, "rule \"one\" { %s }\n", rows[i].rule)));
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m;
        const struct outcome *o = test_message(c, "<a@shop.example>", false, FIELDS("From: a@shop.example"), &m);
        ROW_INT(rows[i].name, o->n_edits, 1 + (rows[i].want != NULL));
        if (rows[i].want != NULL) {
            ROW_STR(rows[i].name, o->edits[0].name, STR("X-Mailseal-Label"));
            ROW_STR(rows[i].name, o->edits[0].value, str_of(rows[i].want));
            ROW_INT(rows[i].name, o->decision.action, ACTION_LABEL);
        }
        ROW_STR(rows[i].name, o->edits[o->n_edits - 1].name, STR("Authentication-Results"));
        msg_free(m);
        conn_free(c);
        env_free(e);
        arena_free(a);
    }
}

static void none_survives_among_thousands(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg_info info = { .mail_from = STR("<a@good.example>") };
    struct msg *m = msg_new(c, &info);
    msg_header(m, STR("From"), STR(" a@good.example"));
    for (int i = 0; i < 5000; i++)
        msg_header(m, STR("Authentication-Results "), STR(" mx.test; dmarc=pass"));
    msg_eoh(m);
    const struct outcome *o = msg_eom(m);
    assert_int_equal(o->n_edits, 5001);
    assert_int_equal(o->edits[0].index, 5000);
    assert_int_equal(o->edits[4999].index, 1);
    assert_int_not_equal(o->dmarc.code, AUTH_PASS);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

/* The field we write reads back with what was decided, and is one of its own: AR-2, AR-4, AR-5, AR-8, D-121. */
static void our_field_says_what_was_found(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    struct authres r;
    const struct outcome *o = judged(
        c, FIELDS("From: a@good.example", "DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=y; h=from; bh=AAAA; b=BBBB"), &m);
    assert_true(authres_parse(a, o->edits[0].value, &r));
    ROW_STR("id", r.authserv_id, STR("mx.test"));
    static const char *const want[][2] = {
        { "dmarc", "pass" }, { "spf", "pass" }, { "spf", "none" }, { "arc", "none" }, { "dkim", "neutral" }
    };
    assert_int_equal(r.n_results, ROWS(want));
    for (size_t i = 0; i < ROWS(want); i++) {
        ROW_STR("method", r.results[i].method, str_of(want[i][0]));
        ROW_STR(want[i][0], r.results[i].result, str_of(want[i][1]));
    }
    ROW_STR("policy", r.results[0].props[0].value, STR("reject"));
    ROW_STR("header.from", r.results[0].props[1].value, STR("good.example"));
    ROW_STR("smtp.mailfrom", r.results[1].props[0].value, STR("good.example"));
    ROW_STR("smtp.helo", r.results[2].props[0].value, STR("mx.good.example"));
    static const char *const tags[][2] = { { "d", "x.example" }, { "s", "y" }, { "a", "rsa-sha256" }, { "b", "BBBB" } };
    assert_int_equal(r.results[r.n_results - 1].n_props, ROWS(tags));
    for (size_t i = 0; i < ROWS(tags); i++) {
        ROW_STR("ptype", r.results[r.n_results - 1].props[i].ptype, STR("header"));
        ROW_STR("tag", r.results[r.n_results - 1].props[i].property, str_of(tags[i][0]));
        ROW_STR(tags[i][0], r.results[r.n_results - 1].props[i].value, str_of(tags[i][1]));
    }
    assert_int_equal(o->n_edits, 1);
    assert_int_equal(o->edits[0].op, EDIT_INSERT);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

/* AR-7: what others say has no say. */
static void foreign_results_are_not_believed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    const struct outcome *o = test_message(
        c, "<a@shop.example>", false,
        FIELDS("Authentication-Results: mx.test; dmarc=pass header.from=shop.example", "From: a@shop.example",
               "Authentication-Results: foreign.example; spf=pass smtp.mailfrom=shop.example; dkim=pass header.d=shop.example"),
        &m);
    assert_int_equal(o->spf.code, AUTH_FAIL);
    assert_int_equal(o->n_dkim, 0);
    assert_int_equal(o->dmarc.code, AUTH_FAIL);
    assert_int_equal(o->decision.action, ACTION_QUARANTINE);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void a_null_sender_is_reported_as_helo(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    struct authres r;
    conn_helo(c, STR("good.example"));
    const struct outcome *o = test_message(c, "<>", false, FIELDS("From: a@good.example"), &m);
    assert_int_equal(o->dmarc.code, AUTH_PASS); /* SP-3: the MAIL FROM identity of a null path is HELO's */
    assert_true(authres_parse(a, o->edits[0].value, &r));
    assert_int_equal(r.n_results, 4);
    ROW_STR("helo", r.results[1].props[0].property, STR("helo"));
    ROW_STR("helo", r.results[1].props[0].value, STR("good.example"));
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_fields_go_highest_first),        cmocka_unit_test(forged_labels_go_too),
        cmocka_unit_test(the_label_says_what_the_policy_wanted), cmocka_unit_test(none_survives_among_thousands),
        cmocka_unit_test(our_field_says_what_was_found),         cmocka_unit_test(foreign_results_are_not_believed),
        cmocka_unit_test(a_null_sender_is_reported_as_helo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
