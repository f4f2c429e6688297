/* checks_test.c - errors of the DNS stay errors, the meter bounds a message, outsiders are never signed for. */
#include "engine_support.h"

/* D-101: a failing lookup is temperror and never pass or fail; the message is accepted with a label. */
static void a_silent_dns_is_temperror(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    const struct outcome *o = test_message(c, "<a@slow.example>", false, FIELDS("From: a@slow.example"), &m);
    assert_int_equal(o->spf.code, AUTH_TEMPERROR);
    assert_int_equal(o->dmarc.code, AUTH_TEMPERROR);
    assert_int_equal(o->decision.action, ACTION_ACCEPT);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

/* Which identity counts for DMARC. */
static void only_mail_from_is_an_identifier(void **state)
{
    (void)state;
    static const struct {
        const char *name, *helo, *from, *field;
        enum auth_code spf, helo_spf, dmarc;
    } rows[] = {
        /* SP-6: both are checked; D-2: a pass of HELO is none of MAIL FROM */
        { "HELO alone", "good.example", "<a@fail.example>", "From: a@good.example", AUTH_FAIL, AUTH_PASS, AUTH_FAIL },
        { "both, HELO aligned", "good.example", "<a@other.example>", "From: a@good.example", AUTH_PASS, AUTH_PASS, AUTH_FAIL },
        { "both, MAIL FROM aligned", "other.example", "<a@good.example>", "From: a@good.example", AUTH_PASS, AUTH_PASS, AUTH_PASS },
        { "HELO fails", "fail.example", "<a@good.example>", "From: a@good.example", AUTH_PASS, AUTH_FAIL, AUTH_PASS },
        /* SP-3 */
        { "null sender", "good.example", "<>", "From: a@good.example", AUTH_PASS, AUTH_PASS, AUTH_PASS },
        /* D-1 */
        { "case and final dot", "other.example", "<a@GOOD.Example.>", "From: a@gOOD.eXAMPLE", AUTH_PASS, AUTH_PASS, AUTH_PASS },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *error = NULL;
        const struct json *zone =
            js_read(a,
                    STR("{\"good.example\":{\"TXT\":[\"v=spf1 +all\"]},\"other.example\":{\"TXT\":[\"v=spf1 +all\"]},"
                        "\"fail.example\":{\"TXT\":[\"v=spf1 -all\"]},\"_dmarc.good.example\":{\"TXT\":[\"v=DMARC1; p=reject\"]}}"),
                    &error);
        struct env *e = env_new(test_conf(a, ""), dns_snapshot_of_json(zone, &error), 0, &error);
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg *m;
        conn_helo(c, str_of(rows[i].helo));
        const struct outcome *o = test_message(c, rows[i].from, false, FIELDS(rows[i].field), &m);
        ROW_INT(rows[i].name, o->spf.code, rows[i].spf);
        ROW_INT(rows[i].name, o->helo.code, rows[i].helo_spf);
        ROW_INT(rows[i].name, o->dmarc.code, rows[i].dmarc);
        msg_free(m);
        conn_free(c);
        env_free(e);
        arena_free(a);
    }
}

/* All questions of one message, whatever its sender publishes. */
static void the_dns_questions_of_a_message_are_bounded(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf zone;
    const char *error = NULL;
    buf_init(&zone, a, 1 << 20);
    buf_puts(&zone, "{\"bomb.example\":{\"TXT\":[\"v=spf1");
    for (int i = 0; i < 10; i++)
        buf_printf(&zone, " mx:m%d.bomb.example", i);
    buf_puts(&zone, " -all\"]}");
    for (int i = 0; i < 10; i++) {
        buf_printf(&zone, ",\"m%d.bomb.example\":{\"MX\":[", i);
        for (int k = 0; k < 10; k++)
            buf_printf(&zone, "%s[%d,\"x%d-%d.bomb.example\"]", k > 0 ? "," : "", k, i, k);
        buf_puts(&zone, "]}");
        for (int k = 0; k < 10; k++)
            buf_printf(&zone, ",\"x%d-%d.bomb.example\":{\"A\":[\"203.0.113.1\"]}", i, k);
    }
    buf_puts(&zone, "}");
    struct env *e = env_new(test_conf(a, ""), dns_snapshot_of_json(js_read(a, buf_view(&zone), &error), &error), 0, &error);
    struct conn *c = test_conn(e, "192.0.2.1");
    conn_helo(c, STR("bomb.example"));
    const char *fields[52];
    for (int i = 0; i < 50; i++)
        fields[i] = str_cstr(a, str_printf(a,
                                           "DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=s; h=from; "
                                           "bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA",
                                           i));
    fields[50] = "From: a@a.b.c.d.e.f.g.h.i.bomb.example";
    fields[51] = NULL;
    struct msg *m;
    const struct outcome *o = test_message(c, "<a@bomb.example>", false, fields, &m);
    assert_in_range(o->dns_queries, 20, LIMIT_DNS_QUERIES + 30); /* refused ones are counted too */
    assert_int_not_equal(o->spf.code, AUTH_PASS);
    assert_int_not_equal(o->dmarc.code, AUTH_PASS);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_silent_dns_is_temperror),
                                        cmocka_unit_test(only_mail_from_is_an_identifier),
                                        cmocka_unit_test(the_dns_questions_of_a_message_are_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
