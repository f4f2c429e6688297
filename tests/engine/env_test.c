/* env_test.c - a reload swaps the configuration for new messages; running ones keep theirs. */
#include <pthread.h>

#include "mailseal/clock.h"

#include "engine_support.h"
#include "tests/support/capture.h"

static void a_reload_leaves_running_messages_alone(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg_info info = { .mail_from = STR("<a@shop.example>") };
    struct msg *running = msg_new(c, &info), *later;
    msg_header(running, STR("From"), STR(" a@shop.example"));
    env_set_conf(e, test_conf(a, "quarantine = \"label\""));
    const struct outcome *o = test_message(c, "<a@shop.example>", false, FIELDS("From: a@shop.example"), &later);
    assert_int_equal(o->decision.action, ACTION_LABEL);
    msg_eoh(running);
    assert_int_equal(msg_eom(running)->decision.action, ACTION_QUARANTINE);
    assert_true(msg_conf(running)->quarantine_hold);
    assert_false(msg_conf(later)->quarantine_hold);
    msg_free(running);
    msg_free(later);
    conn_free(c);
    env_free(e);
    env_free(NULL);
    arena_free(a);
}

static void *judge_many(void *arg)
{
    struct conn *c = test_conn(arg, "192.0.2.1");
    for (int i = 0; i < 300; i++) {
        struct msg *m;
        const struct outcome *o = test_message(c, "<a@good.example>", false, FIELDS("From: a@good.example"), &m);
        if (o->dmarc.code != AUTH_PASS)
            abort();
        msg_free(m);
    }
    conn_free(c);
    return NULL;
}

/* X05 in small; the thread sanitizer watches. */
static void reloads_under_load(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 4);
    pthread_t threads[4];
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, judge_many, e), 0);
    for (int i = 0; i < 50; i++)
        env_set_conf(e, test_conf(a, ""));
    for (size_t i = 0; i < ROWS(threads); i++)
        pthread_join(threads[i], NULL);
    env_free(e);
    arena_free(a);
}

static void a_missing_snapshot_is_an_error(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error = NULL;
    assert_null(env_new(test_conf(a, "dns-snapshot = \"/nonexistent.json\""), NULL, 0, &error));
    assert_non_null(strstr(error, "/nonexistent.json"));
    arena_free(a);
}

#define JAN_10 (9 * INT64_C(86400))

/* At the start, with each reload, and then with the first message of each day. */
static void expired_rules_are_named_daily(void **state)
{
    (void)state;
    static const char policy[] =
        "rule old { when = {\"spf=fail\"} action = label expires = \"1970-01-05\" owner = \"the mail team\" }\n"
        "rule older { when = {\"spf=pass\"} action = label expires = \"1970-01-04\" }\n"
        "rule new { when = {\"spf=none\"} action = label expires = \"1970-02-01\" }\n"
        "rule default { action = accept }\n",
                      lines[] = "mailseal: warning: rule 'old' of policy 'site' has expired, its owner is 'the mail team'\n"
                                "mailseal: warning: rule 'older' of policy 'site' has expired\n";
    static const struct {
        const char *name;
        int64_t now;
        bool said;
    } rows[] = {
        { "the same day", JAN_10 + 86399, false },     { "midnight", JAN_10 + 86400, true },
        { "the next message", JAN_10 + 86400, false }, { "one that began before", JAN_10 + 86399, false },
        { "days later", JAN_10 + 5 * 86400, true },
    };
    struct arena *a = arena_new();
    clock_fix(JAN_10);
    capture();
    struct env *e = test_env_of(a, test_conf_with(a, policy, ""), 0);
    assert_string_equal(captured(), lines);
    struct conn *c = test_conn(e, "192.0.2.1");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct msg *m;
        clock_fix(rows[i].now);
        capture();
        test_message(c, "<a@good.example>", false, FIELDS("From: a@good.example"), &m);
        ROW_STR(rows[i].name, str_of(captured()), str_of(rows[i].said ? lines : ""));
        msg_free(m);
    }
    capture();
    env_set_conf(e, test_conf_with(a, policy, ""));
    assert_string_equal(captured(), lines);
    clock_fix(0);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_leaves_running_messages_alone),
        cmocka_unit_test(reloads_under_load),
        cmocka_unit_test(expired_rules_are_named_daily),
        cmocka_unit_test(a_missing_snapshot_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
