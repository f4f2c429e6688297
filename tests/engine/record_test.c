/* record_test.c - what the journal has of a message: enough to decide and to explain it again, and no more. */
#include <sys/stat.h>

#include "mailseal/clock.h"
#include "mailseal/journal.h"

#include "engine_support.h"

#define NOW 1780000000

struct site {
    struct arena *a;
    struct env *env;
    const char *dir, *path;
};

static struct site site_new(const char *conf)
{
    struct arena *a = arena_new();
    char dir[] = "/tmp/mailseal-record-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct site s = { .a = a, .dir = str_cstr(a, str_of(dir)), .path = str_cstr(a, str_printf(a, "%s/journal.db", dir)) };
    const char *error;
    clock_fix(NOW);
    s.env = test_env(a, str_cstr(a, str_printf(a, "journal = \"%s\"\n%s", s.path, conf)), 0);
    assert_true(env_start_journal(s.env, &error));
    return s;
}

static void site_free(struct site *s)
{
    env_free(s->env);
    unlink(s->path);
    rmdir(s->dir);
    arena_free(s->a);
    clock_fix(0);
}

static void judge(struct site *s, const char *client, const char *from, bool authenticated, const char *id)
{
    struct conn *c = test_conn(s->env, client);
    struct msg *m;
    struct msg_info info = { .mail_from = str_of(from), .authenticated = authenticated };
    m = msg_new(c, &info);
    msg_rcpt(m, STR("<bob@site.example>"));
    msg_rcpt(m, STR("<carol@Other.example>"));
    msg_header(m, STR("From"), STR(" Ann <ann@shop.example>"));
    msg_header(m, STR("Subject"), STR(" a secret"));
    msg_queue_id(m, str_of(id));
    msg_eoh(m);
    msg_body(m, "hello\r\n", 7);
    msg_eom(m);
    msg_journal(m);
    msg_free(m);
    conn_free(c);
}

static struct journal_entry entry_of(struct site *s, const char *id)
{
    struct journal_entry e;
    const char *error;
    env_stop_journal(s->env);
    if (!journal_find(s->a, s->path, str_of(id), &e, &error))
        fail_msg("%s", error);
    return e;
}

static bool has(struct str text, const char *what)
{
    return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static void a_message_can_be_decided_again(void **state)
{
    (void)state;
    struct site s = site_new("quarantine = \"label\"");
    judge(&s, "203.0.113.9", "<mallory@shop.example>", false, "Q1");
    struct journal_entry e = entry_of(&s, "Q1");
    ROW_INT("time", e.time, NOW);
    ROW_STR("domain", e.domain, STR("shop.example"));
    ROW_STR("policy", e.policy, STR("standard"));
    ROW_STR("action", e.action, STR("quarantine")); /* whatever the option makes of it */
    assert_true(has(e.facts, " recipients=site.example,other.example"));
    /* A policy that does not ask for them has decided once, for all. */
    assert_true(has(e.facts, " recipient-domain=<> "));
    struct policy_facts facts = { 0 };
    struct policy_decision d;
    assert_true(policy_facts_read(s.a, e.facts, &facts));
    struct conf *conf = env_conf(s.env);
    policy_decide(conf->policy, &facts, s.a, &d);
    ROW_STR("action again", str_of(name_of(action_names, (int)d.action)), e.action);
    ROW_STR("rule again", str_of(d.rule), e.rule);
    conf_unref(conf);
    site_free(&s);
}

static void the_answers_of_its_time_are_kept(void **state)
{
    (void)state;
    struct site s = site_new("");
    const char *error;
    judge(&s, "203.0.113.9", "<mallory@good.example>", false, "Q1");
    struct journal_entry e = entry_of(&s, "Q1");
    const struct json *doc = js_read(s.a, e.detail, &error), *dns = js_member(doc, "dns");
    assert_non_null(doc);
    ROW_STR("spf", js_text(js_member(js_member(doc, "spf"), "result")), STR("fail"));
    ROW_STR("its record", js_text(js_item(js_member(js_member(dns, "good.example"), "TXT"), 0)),
            STR("v=spf1 ip4:192.0.2.0/24 -all"));
    ROW_STR("the walk", js_text(js_item(js_member(js_member(dns, "_dmarc.shop.example"), "TXT"), 0)),
            STR("v=DMARC1; p=quarantine"));
    assert_true(js_truth(js_member(doc, "dns_whole")));
    /* A snapshot: it answers again. */
    struct dns *again = dns_snapshot_of_json(dns, &error);
    assert_non_null(again);
    dns_free(again);
    site_free(&s);
}

static void what_is_not_needed_is_not_kept(void **state)
{
    (void)state;
    struct site s = site_new("");
    judge(&s, "203.0.113.9", "<mallory@told.example>", false, "Q1");
    struct journal_entry e = entry_of(&s, "Q1");
    assert_true(has(e.detail, "why.example")); /* was asked, and what it says of mallory is not kept */
    static const char *const absent[] = { "secret", "ann@", "Ann", "mallory", "bob", "hello", "Authentication-Results" };
    for (size_t i = 0; i < ROWS(absent); i++)
        if (has(e.detail, absent[i]) || has(e.facts, absent[i]))
            fail_msg("'%s' is in the journal", absent[i]);
    assert_true(has(e.detail, "203.0.113.9"));
    site_free(&s);
}

static void the_client_can_be_left_out(void **state)
{
    (void)state;
    struct site s = site_new("journal-redact = \"client\"");
    judge(&s, "203.0.113.9", "<mallory@good.example>", false, "Q1");
    struct journal_entry e = entry_of(&s, "Q1");
    assert_false(has(e.detail, "203.0.113.9"));
    assert_true(has(e.detail, "\"203.0.113.0\""));
    assert_true(has(e.detail, "_dmarc.shop.example"));
    site_free(&s);
}

static void our_own_mail_is_kept_too(void **state)
{
    (void)state;
    struct site s = site_new("");
    judge(&s, "192.0.2.1", "<ann@shop.example>", true, "Q1");
    struct journal_entry e = entry_of(&s, "Q1");
    ROW_STR("action", e.action, STR("accept"));
    ROW_STR("rule", e.rule, STR("exempt"));
    assert_true(has(e.detail, "\"exempt\":\"authenticated\""));
    assert_true(has(e.facts, "direction=outbound"));
    site_free(&s);
}

static void without_a_journal_nothing_is_noted(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct site s = { .a = a, .env = e };
    const char *error;
    judge(&s, "203.0.113.9", "<mallory@good.example>", false, "Q1"); /* not begun */
    assert_true(env_start_journal(e, &error));                       /* none is wanted */
    judge(&s, "203.0.113.9", "<mallory@good.example>", false, "Q1");
    env_stop_journal(e);
    env_free(e);
    arena_free(a);
}

/* M20: a daemon that stops with messages in work. */
static void after_the_stop_nothing_is_added(void **state)
{
    (void)state;
    struct site s = site_new("");
    struct conn *c = test_conn(s.env, "203.0.113.9");
    struct msg *m;
    struct journal_entry e;
    const char *error;
    test_message(c, "<mallory@good.example>", false, FIELDS("From: ann@shop.example"), &m);
    env_stop_journal(s.env);
    msg_journal(m);
    assert_false(journal_find(s.a, s.path, STR("Q1"), &e, &error));
    msg_free(m);
    conn_free(c);
    site_free(&s);
}

static void a_path_that_never_will_do_is_an_error(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "journal = \"/nonexistent/journal.db\"", 0);
    const char *error = NULL;
    assert_false(env_start_journal(e, &error));
    assert_non_null(strstr(error, "/nonexistent/journal.db"));
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_can_be_decided_again),  cmocka_unit_test(the_answers_of_its_time_are_kept),
        cmocka_unit_test(what_is_not_needed_is_not_kept),  cmocka_unit_test(the_client_can_be_left_out),
        cmocka_unit_test(our_own_mail_is_kept_too),        cmocka_unit_test(without_a_journal_nothing_is_noted),
        cmocka_unit_test(after_the_stop_nothing_is_added), cmocka_unit_test(a_path_that_never_will_do_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
