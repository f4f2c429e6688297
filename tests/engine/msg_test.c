/* msg_test.c - the life of a message: every stage can be its last, nothing is carried over, who is exempt. */
#include "engine_support.h"

static void a_message_may_end_at_any_stage(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 2);
    struct conn *c = test_conn(e, "192.0.2.1");
    for (int last = 0; last <= 5; last++) {
        struct msg_info info = { .mail_from = STR("<a@good.example>") };
        struct msg *m = msg_new(c, &info);
        if (last >= 1)
            msg_rcpt(m, STR("b"));
        if (last >= 2)
            msg_header(m, STR("From"), STR(" a@good.example"));
        if (last >= 3)
            msg_eoh(m);
        if (last >= 4)
            msg_body(m, "x\r\n", 3);
        if (last >= 5)
            assert_int_equal(msg_eom(m)->dmarc.code, AUTH_PASS);
        msg_free(m);
    }
    msg_free(NULL);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void nothing_is_carried_over(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m;
    assert_int_equal(test_message(c, "<a@good.example>", false, FIELDS("From: a@good.example"), &m)->dmarc.code, AUTH_PASS);
    msg_free(m);
    const struct outcome *o = test_message(c, "<a@shop.example>", false, FIELDS("From: a@shop.example"), &m);
    assert_int_equal(o->dmarc.code, AUTH_FAIL);
    assert_int_equal(o->decision.action, ACTION_QUARANTINE);
    assert_true(o->held);
    ROW_STR("from", o->dmarc.from_domain, STR("shop.example"));
    msg_free(m);
    o = test_message(c, "<>", false, FIELDS("Subject: no author"), &m);
    assert_int_equal(o->dmarc.code, AUTH_NONE);
    assert_int_equal(o->author.status, AUTHOR_NONE);
    assert_true(o->spf.null_sender);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void who_is_exempt(void **state)
{
    (void)state;
    static const struct {
        const char *client, *conf;
        bool authenticated;
        const char *want; /* NULL: judged */
    } rows[] = {
        { "192.0.2.1", "", false, NULL },
        { "192.0.2.1", "", true, "authenticated" },
        { "127.0.0.1", "", false, "internal network" },
        { "::1", "", false, "internal network" },
        { "127.0.0.1", "internal-networks = {}", false, NULL },
        { "10.1.2.3", "internal-networks = {\"10.0.0.0/8\"}", false, "internal network" },
        { "11.1.2.3", "internal-networks = {\"10.0.0.0/8\"}", false, NULL },
        { "", "", false, NULL },
        /* a relay passes on mail of others, also when it stands in a network of ours */
        { "127.0.0.1", "trusted-relays = \"127.0.0.1\"", false, NULL },
        { "127.0.0.2", "trusted-relays = \"127.0.0.1\"", false, "internal network" },
        { "127.0.0.1", "trusted-relays = \"127.0.0.1\"", true, "authenticated" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_env(a, rows[i].conf, 0);
        struct conn *c = test_conn(e, rows[i].client);
        struct msg *m;
        const struct outcome *o = test_message(c, "<a@good.example>", rows[i].authenticated, FIELDS("From: a@good.example"), &m);
        if ((o->exempt_reason == NULL) != (rows[i].want == NULL) ||
            (rows[i].want != NULL && strcmp(rows[i].want, o->exempt_reason) != 0))
            fail_msg("row %zu: want %s, got %s", i, rows[i].want, o->exempt_reason);
        assert_int_equal(o->exempt, rows[i].want != NULL);
        /* SP-5: our own senders are not held to SPF */
        if (o->exempt)
            assert_true(o->spf.code == AUTH_NONE && o->dmarc.code == AUTH_NONE && o->decision.action == ACTION_ACCEPT);
        msg_free(m);
        conn_free(c);
        env_free(e);
        arena_free(a);
    }
}

static void a_local_submission_is_exempt(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "internal-networks = {}", 0);
    struct conn *c = test_conn(e, "");
    struct msg_info info = { .mail_from = STR("a@good.example"), .local = true };
    struct msg *m = msg_new(c, &info);
    msg_header(m, STR("From"), STR(" a@good.example"));
    msg_eoh(m);
    assert_string_equal(msg_eom(m)->exempt_reason, "local submission");
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void lost_header_fields_never_pass(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    for (int way = 0; way < 2; way++) {
        struct msg_info info = { .mail_from = STR("<a@good.example>") };
        struct msg *m = msg_new(c, &info);
        msg_header(m, STR("From"), STR(" a@good.example"));
        for (int i = 0; way == 0 && i < 2100; i++)
            msg_header(m, STR("X-Filler"), STR(" x"));
        if (way == 1)
            msg_headers_lost(m);
        msg_eoh(m);
        const struct outcome *o = msg_eom(m);
        assert_int_equal(o->author.status, AUTHOR_MALFORMED);
        assert_int_equal(o->dmarc.code, AUTH_PERMERROR);
        assert_int_equal(o->decision.action, ACTION_REJECT);
        msg_free(m);
    }
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void a_long_helo_is_cut(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    char helo[5000];
    memset(helo, 'a', sizeof(helo));
    conn_helo(c, (struct str){ helo, sizeof(helo) });
    struct msg *m;
    const struct outcome *o = test_message(c, "<>", false, FIELDS("From: a@good.example"), &m);
    assert_int_equal(o->spf.code, AUTH_NONE);
    assert_true(o->spf.domain.n <= 253);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_may_end_at_any_stage),
        cmocka_unit_test(nothing_is_carried_over),
        cmocka_unit_test(who_is_exempt),
        cmocka_unit_test(a_local_submission_is_exempt),
        cmocka_unit_test(lost_header_fields_never_pass),
        cmocka_unit_test(a_long_helo_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
