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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decisions_and_options) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
