/* outage_test.c - messages without answers: deferred within their budget, released or deferred while the resolver is down. */
#include "mailseal/clock.h"

#include "engine_support.h"
#include "milter/engine/engine_int.h"
#include "tests/support/capture.h"

#define NOW 1780000000

/* A profile for sites that want more than DMARC, and refuse where SPF vouches for nothing. */
#define HARSH                                                                                                                      \
    "rule \"defer\" { when = {\"spf=temperror\"} action = tempfail reply = \"451 4.4.3 later\" }\n"                                \
    "rule \"nobody vouches\" { when = {\"spf!=pass\"} action = reject reply = \"550 5.7.23 no\" }\n"                               \
    "rule \"unaligned\" { when = {\"from-domain=shop.example\", \"aligned=no\"} action = reject reply = \"550 5.7.1 no\" }\n"      \
    "rule \"not now\" { when = {\"from-domain=later.example\"} action = tempfail reply = \"451 4.7.1 later\" }\n"                  \
    "rule \"default\" { action = accept }\n"

static struct env *harsh_env(struct arena *a, const char *conf)
{
    return test_env_of(a, test_conf_with(a, HARSH, conf), 0);
}

/* ---- one message ---- */

struct sent {
    enum action action;
    int code;
    char rule[32], deferral[80];
    bool labelled; /* with that, in Authentication-Results */
};

static bool says(const struct outcome *o, const char *what)
{
    for (size_t i = 0; i < o->n_edits; i++)
        if (what != NULL && memmem(o->edits[i].value.p, o->edits[i].value.n, what, strlen(what)) != NULL)
            return true;
    return false;
}

static struct sent deliver(struct env *e, const char *client, const char *helo, const char *from, const char *author, bool auth)
{
    struct arena *a = arena_new();
    struct conn *c = test_conn(e, client);
    conn_helo(c, str_of(helo));
    struct msg *m;
    const struct outcome *o = test_message(c, from, auth, FIELDS(str_cstr(a, str_printf(a, "From: %s", author))), &m);
    struct sent s = { .action = o->decision.action, .code = o->decision.code, .labelled = says(o, o->deferral) };
    snprintf(s.rule, sizeof(s.rule), "%s", o->decision.rule);
    snprintf(s.deferral, sizeof(s.deferral), "%s", o->deferral != NULL ? o->deferral : "");
    msg_free(m);
    conn_free(c);
    arena_free(a);
    return s;
}

static struct sent deliver_slow(struct env *e, const char *client)
{
    return deliver(e, client, "mx.good.example", "<a@good.example>", "a@slow.example", false);
}

#define DEFER "dmarc-temperror = tempfail\ndefer-times = 3\nresolver-down-share = 100\n"

static void a_pair_is_deferred_within_its_budget(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, DEFER, 0);
    for (int i = 1; i <= 3; i++) {
        clock_fix(NOW + 300 * i);
        for (int same_round = 0; same_round < 2; same_round++) {
            struct sent s = deliver_slow(e, "192.0.2.1");
            assert_int_equal(s.action, ACTION_TEMPFAIL);
            assert_int_equal(s.code, 451);
            ROW_STR("within", str_of(s.deferral), str_printf(a, "deferred %d of 3", i));
        }
    }
    clock_fix(NOW + 1320);
    capture();
    for (int i = 0; i < 2; i++) {
        struct sent s = deliver_slow(e, "192.0.2.77");
        assert_int_equal(s.action, ACTION_ACCEPT);
        assert_int_equal(s.code, 0);
        assert_string_equal(s.rule, "dmarc-temperror");
        assert_string_equal(s.deferral, "deferral used up after 3 times in 17 minutes");
        assert_true(s.labelled);
    }
    assert_string_equal(captured(), "mailseal: mail of 'slow.example' from '192.0.2.77/24' is no longer deferred until answers "
                                    "come: it was 3 times in 17 minutes\n");
    assert_string_equal(deliver_slow(e, "192.0.3.1").deferral, "deferred 1 of 3");
    /* A reload forgets nothing, and has new limits. */
    env_set_conf(e, test_conf(a, DEFER));
    assert_int_equal(deliver_slow(e, "192.0.2.1").action, ACTION_ACCEPT);
    clock_fix(0);
    env_free(e);
    arena_free(a);
}

static void a_budget_ends_with_its_minutes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, DEFER "defer-minutes = 10\n", 0);
    clock_fix(NOW);
    assert_string_equal(deliver_slow(e, "192.0.2.1").deferral, "deferred 1 of 3");
    clock_fix(NOW + 599);
    assert_string_equal(deliver_slow(e, "192.0.2.1").deferral, "deferred 2 of 3");
    clock_fix(NOW + 660);
    assert_string_equal(deliver_slow(e, "192.0.2.1").deferral, "deferral used up after 2 times in 11 minutes");
    env_free(e);
    arena_free(a);
    clock_fix(0);
}

/* Answers for mail of the pair, and two hours: what fails then is another outage. */
static void a_budget_returns_with_answers(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = harsh_env(a, "resolver-down-share = 100\n");
    for (int answered = 0; answered < 2; answered++) {
        const char *client = answered ? "192.0.2.1" : "198.51.100.1";
        clock_fix(NOW);
        struct sent s = deliver(e, client, "mx.good.example", "<a@slow.example>", "a@good.example", false);
        assert_string_equal(s.deferral, "deferred 1 of 12");
        if (answered) {
            s = deliver(e, client, "mx.good.example", "<a@good.example>", "a@good.example", false);
            assert_int_equal(s.action, ACTION_ACCEPT);
            assert_string_equal(s.deferral, "");
        }
        clock_fix(NOW + 7200);
        s = deliver(e, client, "mx.good.example", "<a@slow.example>", "a@good.example", false);
        assert_string_equal(s.deferral, answered ? "deferred 1 of 12" : "deferred 2 of 12");
    }
    env_free(e);
    arena_free(a);
    clock_fix(0);
}

/* Without a single author the sender's domain is the one that counts. */
static void the_sender_stands_in_for_the_author(void **state)
{
    (void)state;
    static const struct {
        const char *name, *author, *want;
    } rows[] = {
        { "no author", "nobody", "deferred 1 of 12" },
        { "several", "a@good.example, b@shop.example", "deferred 2 of 12" },
        { "one, the same", "a@slow.example", "deferred 3 of 12" },
        { "one, another", "a@good.example", "deferred 1 of 12" },
    };
    struct arena *a = arena_new();
    struct env *e = harsh_env(a, "resolver-down-share = 100\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        clock_fix(NOW + 100 * (int64_t)i);
        struct sent s = deliver(e, "192.0.2.1", "mx.good.example", "<a@Slow.Example>", rows[i].author, false);
        ROW_STR(rows[i].name, str_of(s.deferral), str_of(rows[i].want));
    }
    clock_fix(0);
    env_free(e);
    arena_free(a);
}

/* Such a rule is the site's own affair. */
static void a_rule_that_lacks_no_answer_has_no_budget(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = harsh_env(a, "defer-times = 1\n");
    for (int i = 0; i < 5; i++) {
        clock_fix(NOW + 3600 * i);
        struct sent s = deliver(e, "192.0.2.1", "mx.good.example", "<a@good.example>", "a@later.example", false);
        assert_int_equal(s.action, ACTION_TEMPFAIL);
        assert_string_equal(s.deferral, "");
    }
    clock_fix(0);
    env_free(e);
    arena_free(a);
}

/* A list that cannot be looked up is an answer that did not come. */
static void lists_have_the_same_budget(void **state)
{
    (void)state;
    static const struct {
        int64_t after;
        const char *list, *unanswered;
        enum action action;
        bool want;
    } rows[] = {
        { 0, "partners", NULL, ACTION_TEMPFAIL, false },
        { 100, NULL, "partners", ACTION_TEMPFAIL, false },
        /* Decided some other way, but without its list: not all is well again. */
        { 7400, "partners", NULL, ACTION_LABEL, false },
        { 7500, "partners", NULL, ACTION_TEMPFAIL, true },
        /* A rule that defers though nothing is missing. */
        { 7600, NULL, NULL, ACTION_TEMPFAIL, false },
    };
    struct arena *a = arena_new();
    struct env *e = test_env(a, "defer-times = 2\nresolver-down-share = 100\n", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct msg *m;
        test_message(c, "<a@good.example>", true, FIELDS("Subject: no author"), &m);
        m->now = NOW + rows[i].after;
        m->exempt_reason = NULL;
        m->outcome.decision = (struct policy_decision){ .action = rows[i].action, .list = rows[i].list };
        m->unanswered = rows[i].unanswered;
        ROW_INT("again", outage_ends_deferral(m), rows[i].want);
        ROW_INT("again", m->outcome.facts.no_tempfail, rows[i].want);
        msg_free(m);
    }
    conn_free(c);
    env_free(e);
    arena_free(a);
}

/* ---- the resolver is down ---- */

/* Messages that lack answers, until the brake is on; the line in the log comes once. */
static void take_resolver_down(struct env *e, const char *want)
{
    capture();
    struct sent s = { 0 };
    for (int i = 0; i < 20; i++)
        s = deliver(e, "192.0.2.1", "slow.example", "<a@slow.example>", "a@slow.example", false);
    const char *log = captured(), *line = strstr(log, "mailseal: error: the resolver is down: ");
    assert_non_null(line);
    assert_non_null(strstr(line, want));
    assert_null(strstr(line + 1, "mailseal: error: "));
    assert_true(str_istarts(str_of(s.deferral), STR("resolver down")));
}

static void questions_of_all_checks_count(void **state)
{
    (void)state;
    static const struct {
        const char *name, *helo, *from, *author;
    } rows[] = { { "SPF", "slow.example", "<a@slow.example>", "a@good.example" },
                 { "DMARC", "mx.good.example", "<a@good.example>", "a@slow.example" } };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e = test_env(a, "resolver-down-share = 1\n", 0);
        struct sent s = { 0 };
        capture();
        for (int n = 0; n < 20; n++)
            s = deliver(e, "192.0.2.1", rows[i].helo, rows[i].from, rows[i].author, false);
        (void)captured();
        ROW_STR(rows[i].name, str_of(s.deferral), STR("resolver down, released"));
        env_free(e);
        arena_free(a);
    }
}

static void the_brake_releases(void **state)
{
    (void)state;
    static const struct {
        const char *name, *helo, *from, *author;
        enum action action;
        const char *rule, *deferral;
    } rows[] = {
        { "missing answers", "mx.good.example", "<a@good.example>", "a@slow.example", ACTION_LABEL, "dmarc-temperror",
          "resolver down, released" },
        { "all answers", "mx.good.example", "<a@good.example>", "a@good.example", ACTION_ACCEPT, "default", "" },
        { "refused for what is known", "slow.example", "<a@nowhere.example>", "a@good.example", ACTION_REJECT, "dmarc-fail-reject",
          "resolver down, released" },
        { "quarantined for what is known", "slow.example", "<a@shop.example>", "a@shop.example", ACTION_QUARANTINE,
          "dmarc-fail-quarantine", "resolver down, released" },
    };
    struct arena *a = arena_new();
    struct env *e = test_env(a, "dmarc-temperror = tempfail\nresolver-down-share = 1\n", 0);
    take_resolver_down(e, "mail is released with a label\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent s = deliver(e, "192.0.2.1", rows[i].helo, rows[i].from, rows[i].author, false);
        ROW_INT(rows[i].name, s.action, rows[i].action);
        ROW_INT(rows[i].name, s.code, s.action == ACTION_REJECT ? 550 : 0);
        ROW_STR(rows[i].name, str_of(s.rule), str_of(rows[i].rule));
        ROW_STR(rows[i].name, str_of(s.deferral), str_of(rows[i].deferral));
    }
    env_free(e);
    arena_free(a);
}

/* Answers bring the share down; what was released meanwhile has taken nothing from the budget. */
static void the_brake_ends(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "dmarc-temperror = tempfail\nresolver-down-share = 40\n", 0);
    clock_fix(NOW);
    take_resolver_down(e, "mail is released with a label\n");
    clock_fix(NOW + 300);
    assert_string_equal(deliver_slow(e, "192.0.2.1").deferral, "resolver down, released");
    capture();
    for (int i = 0; i < 200; i++)
        deliver(e, "192.0.2.1", "mx.good.example", "<a@good.example>", "a@good.example", false);
    assert_true(str_istarts(str_of(captured()), STR("mailseal: warning: the resolver is no longer down: ")));
    struct sent s = deliver_slow(e, "192.0.2.1");
    assert_int_equal(s.action, ACTION_TEMPFAIL);
    assert_string_equal(s.deferral, "deferred 2 of 12");
    clock_fix(0);
    env_free(e);
    arena_free(a);
}

static void nobody_is_refused_for_missing_answers(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = harsh_env(a, "resolver-down-share = 1\n");
    take_resolver_down(e, "mail is released with a label\n");
    struct sent s = deliver(e, "192.0.2.1", "mx.good.example", "<a@slow.example>", "a@good.example", false);
    assert_int_equal(s.action, ACTION_LABEL);
    assert_int_equal(s.code, 0);
    assert_string_equal(s.rule, "nobody vouches");
    assert_string_equal(s.deferral, "resolver down, released");
    s = deliver(e, "192.0.2.1", "slow.example", "<a@good.example>", "a@shop.example", false);
    assert_int_equal(s.action, ACTION_LABEL);
    assert_string_equal(s.rule, "unaligned");
    /* Whatever HELO's zone may say, SPF has failed. */
    s = deliver(e, "192.0.2.1", "slow.example", "<a@shop.example>", "a@good.example", false);
    assert_int_equal(s.action, ACTION_REJECT);
    assert_int_equal(s.code, 550);
    env_free(e);
    arena_free(a);
}

static void the_brake_defers_all(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "resolver-down = tempfail\nresolver-down-share = 1\n", 0);
    take_resolver_down(e, "mail is deferred\n");
    struct sent s = deliver(e, "192.0.2.1", "mx.good.example", "<a@good.example>", "a@good.example", false);
    assert_int_equal(s.action, ACTION_TEMPFAIL);
    assert_int_equal(s.code, 451);
    assert_string_equal(s.rule, "resolver down");
    assert_string_equal(s.deferral, "resolver down, deferred");
    /* Our own mail is not judged, so it waits for nobody. */
    s = deliver(e, "192.0.2.1", "mx.good.example", "<a@good.example>", "a@good.example", true);
    assert_int_equal(s.action, ACTION_ACCEPT);
    assert_string_equal(s.rule, "exempt");
    env_free(e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_deferred_within_its_budget),
        cmocka_unit_test(a_budget_ends_with_its_minutes),
        cmocka_unit_test(a_budget_returns_with_answers),
        cmocka_unit_test(the_sender_stands_in_for_the_author),
        cmocka_unit_test(a_rule_that_lacks_no_answer_has_no_budget),
        cmocka_unit_test(lists_have_the_same_budget),
        cmocka_unit_test(questions_of_all_checks_count),
        cmocka_unit_test(the_brake_releases),
        cmocka_unit_test(the_brake_ends),
        cmocka_unit_test(nobody_is_refused_for_missing_answers),
        cmocka_unit_test(the_brake_defers_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
