/* explain_test.c - the JSON and the text of an outcome carry its facts, and nothing that is not printable. */
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
    const struct json *j = outcome_json(a, test_message(c, "<a@nowhere.example>", false, FIELDS("From: a@good.example"), &m));
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

static void the_text_is_printable(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    conn_helo(c, STR("\x1b[31m\xff"));
    struct msg *m;
    const struct outcome *o =
        test_message(c, "<\x1b@x\r\n>", false, FIELDS("From: \x1b@\xff", "DKIM-Signature: d=\x1b; s=\xff"), &m);
    FILE *f = tmpfile();
    outcome_print(f, a, o);
    assert_true(ftell(f) > 100);
    rewind(f);
    for (int ch; (ch = fgetc(f)) != EOF;)
        assert_true(ch == '\n' || ch == '\t' || (ch >= ' ' && ch <= '~'));
    fclose(f);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_json_has_every_member), cmocka_unit_test(the_text_is_printable) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
