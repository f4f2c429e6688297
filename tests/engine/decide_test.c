/* decide_test.c - facts to decision, and the options that stand behind the policy. */
#include "engine_support.h"

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
        { "label", "quarantine = \"label\"", "<a@shop.example>", "From: a@shop.example", ACTION_ACCEPT, false, 0 },
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

/* The line up to its last word, the time. */
static struct str line_of(struct arena *a, struct msg *m)
{
    struct str before, after;
    assert_true(str_rcut(str_of(msg_log_line(m, STR_NONE)), ' ', &before, &after));
    assert_true(str_istarts(after, STR("t=")));
    return str_dup(a, before);
}

static void the_verdict_line(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *field;
        bool authenticated;
        const char *want;
    } rows[] = {
        { "pass", "<a@good.example>", "From: a@good.example", false,
          "from=good.example spf=pass/good.example helo=none dkim=none arc=none dmarc=pass policy=reject action=accept "
          "rule=\"default\" "
          "rcpts=1 dns=4" },
        { "not signed", "<a@good.example>", "From: a@good.example", true,
          "from=good.example client=\"authenticated\" signatures=0 unsigned=\"no key signs for the author's domain\" "
          "action=accept "
          "rule=\"exempt\" rcpts=1 dns=0" },
        { "hostile names are escaped", "<\"\n\" spf=pass\"@b>", "From: nobody", false, NULL },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_env(a, "", 0);
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m;
        test_message(c, rows[i].from, rows[i].authenticated, FIELDS(rows[i].field), &m);
        struct str line = line_of(a, m);
        if (rows[i].want != NULL)
            ROW_STR(rows[i].name, line, str_of(rows[i].want));
        for (size_t k = 0; k < line.n; k++)
            assert_in_range(line.p[k], ' ', '~');
        msg_free(m);
        conn_free(c);
        env_free(e);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decisions_and_options), cmocka_unit_test(the_verdict_line) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
