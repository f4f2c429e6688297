/* replay_test.c - messages decided again: which differ, how they are grouped, and what stays bounded. */
#include "mailseal/map.h"

#include "milter/cmd/replay.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

static const char rules[] =
    "rule \"to a list\" { when = { \"dmarc=fail\", \"list=yes\" } action = label }\n"
    "rule \"refuse\" { when = { \"dmarc=fail\" } action = reject reply = \"550 5.7.1 no\" reason = \"spoofs\" }\n"
    "rule \"wait\" { when = { \"dmarc=temperror\" } action = tempfail reply = \"451 4.7.1 later\"\n"
    "              expires = \"2026-01-02\" }\n"
    "rule \"default\" { action = accept }\n";
#define BEFORE_EXPIRY 1767225600 /* 2026-01-01 */
#define AFTER_EXPIRY  1767500000

static struct policy *policy_of(struct arena *a, const char *text)
{
    char path[] = "/tmp/mailseal-replay-XXXXXX";
    const char *error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct policy *p = policy_read(a, path, &error);
    unlink(path);
    if (p == NULL)
        fail_msg("%s", error);
    return p;
}

static void feed(struct replay *r, int64_t time, const char *id, const char *domain, const char *action, const char *facts)
{
    const struct journal_entry e = { .time = time,
                                     .queue_id = str_of(id),
                                     .domain = str_of(domain),
                                     .action = str_of(action),
                                     .rule = STR("old"),
                                     .policy = STR("before"),
                                     .facts = str_of(facts) };
    assert_true(replay_entry(r, &e));
}

static void each_fact_decides(void **state)
{
    (void)state;
    static const struct {
        const char *action, *facts, *to, *rule;
        int64_t time;
    } rows[] = {
        { "accept", "dmarc=pass", "", "", 1 },
        { "reject", "dmarc=fail", "", "", 1 },
        { "accept", "dmarc=fail", "reject", "refuse", 1 },
        { "quarantine", "dmarc=fail", "reject", "refuse", 1 },
        { "reject", "dmarc=fail list=yes", "label", "to a list", 1 },
        { "reject", "dmarc=pass", "accept", "default", 1 },
        { "accept", "dmarc=fail not-yet-known=x", "reject", "refuse", 1 },
        { "accept", "dmarc=temperror", "tempfail", "wait", BEFORE_EXPIRY },
        { "accept", "dmarc=temperror", "", "", AFTER_EXPIRY },
        { "tempfail", "dmarc=temperror", "accept", "default", AFTER_EXPIRY },
        /* Not judged, and no rule asks for it. */
        { "accept", "direction=outbound dmarc=fail", "", "", 1 },
        { "reject", "direction=outbound dmarc=fail", "accept", "exempt", 1 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct replay r;
        size_t n;
        replay_init(&r, a, policy_of(a, rules), 3);
        feed(&r, rows[i].time, "Q", "a.example", rows[i].action, rows[i].facts);
        struct replay_group **v = replay_groups(&r, &n);
        ROW_INT(rows[i].facts, r.messages, 1);
        ROW_INT(rows[i].facts, r.different, rows[i].to[0] != '\0');
        ROW_INT(rows[i].facts, n, r.different);
        if (n > 0) {
            ROW_STR(rows[i].facts, str_of(name_of(action_names, (int)v[0]->is)), str_of(rows[i].to));
            ROW_STR(rows[i].facts, str_of(v[0]->rule), str_of(rows[i].rule));
        }
        arena_free(a);
    }
}

static void outbound_mail_is_decided_when_a_rule_asks(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct replay r;
    replay_init(&r, a,
                policy_of(a, "rule \"own\" { when = \"direction=outbound\" action = reject reply = \"550 5.7.1 no\" }\n"
                             "rule \"rest\" { action = accept }\n"),
                3);
    feed(&r, 1, "Q", "a.example", "accept", "direction=outbound");
    assert_int_equal(r.different, 1);
    arena_free(a);
}

static void the_mildest_for_all_recipients_is_done(void **state)
{
    (void)state;
    static const struct {
        const char *facts, *rule;
    } rows[] = {
        { "dmarc=fail recipient-domain=a.example", "mine" },
        { "dmarc=fail recipients=a.example", "mine" },
        { "dmarc=fail recipients=a.example,b.example", "theirs" },
        { "dmarc=fail recipient-domain=a.example recipients=b.example,a.example", "theirs" },
        { "dmarc=fail recipients=a.example,c.example", "mine" },
        { "dmarc=fail recipients=c.example,", "rest" },
        { "dmarc=fail recipients=", "rest" },
        { "dmarc=fail", "rest" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct replay r;
        size_t n;
        replay_init(&r, a,
                    policy_of(a, "rule \"theirs\" { when = \"recipient-domain=b.example\" action = label }\n"
                                 "rule \"mine\" { when = \"recipient-domain=a.example\" action = quarantine }\n"
                                 "rule \"rest\" { action = reject reply = \"550 5.7.1 no\" }\n"),
                    3);
        feed(&r, 1, "Q", "a.example", "accept", rows[i].facts);
        struct replay_group **v = replay_groups(&r, &n);
        assert_int_equal(n, 1);
        ROW_STR(rows[i].facts, str_of(v[0]->rule), str_of(rows[i].rule));
        arena_free(a);
    }
}

static void what_cannot_be_understood_is_counted(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct replay r;
    replay_init(&r, a, policy_of(a, rules), 3);
    feed(&r, 1, "Q", "a.example", "accept", "");
    feed(&r, 1, "Q", "a.example", "accept", "dmarc=perhaps");
    feed(&r, 1, "Q", "a.example", "explode", "dmarc=fail");
    assert_int_equal(r.unreadable, 3);
    assert_int_equal(r.messages, 0);
    arena_free(a);
}

static void groups_are_ordered(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct replay r;
    size_t n;
    replay_init(&r, a, policy_of(a, rules), 0);
    for (int i = 0; i < 3; i++)
        feed(&r, 10 + i, "Q", "many.example", "accept", "dmarc=fail");
    feed(&r, 20, "Q", "one.example", "accept", "dmarc=fail");
    feed(&r, 21, "Q", "alpha.example", "accept", "dmarc=fail");
    for (int i = 0; i < 9; i++)
        feed(&r, 30 + i, "Q", "list.example", "accept", "dmarc=fail list=yes");
    feed(&r, 50, "Q", "held.example", "quarantine", "dmarc=fail");
    struct replay_group **v = replay_groups(&r, &n);
    static const char *const want[] = { "many.example", "alpha.example", "one.example", "list.example", "held.example" };
    assert_int_equal(n, ROWS(want));
    for (size_t i = 0; i < n; i++)
        ROW_STR("order", v[i]->domain, str_of(want[i]));
    ROW_INT("count", v[0]->count, 3);
    ROW_STR("reason", str_of(v[0]->reason), STR("spoofs"));
    ROW_STR("no reason", str_of(v[3]->reason), STR_NONE);
    ROW_STR("instead of", v[0]->was_rule, STR("old"));
    ROW_INT("first", r.first, 10);
    ROW_INT("last", r.last, 50);
    arena_free(a);
}

static void the_newest_examples_stay(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct replay r;
    size_t n;
    char id[100];
    replay_init(&r, a, policy_of(a, rules), 3);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "Q%d", i);
        feed(&r, 100 + i, id, "a.example", "accept", "dmarc=fail");
    }
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    feed(&r, 110, id, "a.example", "accept", "dmarc=fail");
    struct replay_group *g = *replay_groups(&r, &n);
    ROW_STR("oldest kept", str_of(g->examples[g->count % 3].queue_id), STR("Q8"));
    ROW_INT("its time", g->examples[g->count % 3].time, 108);
    ROW_INT("a long one is cut", strlen(g->examples[(g->count + 2) % 3].queue_id), sizeof(g->examples[0].queue_id) - 1);
    arena_free(a);
}

static void many_domains_are_folded(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct replay r;
    size_t n, folded = 0;
    char domain[64];
    replay_init(&r, a, policy_of(a, rules), 1);
    for (int i = 0; i < REPLAY_GROUPS_MAX + 500; i++) {
        snprintf(domain, sizeof(domain), "d%d.example", i);
        feed(&r, i, "Q", domain, "accept", "dmarc=fail");
    }
    struct replay_group **v = replay_groups(&r, &n);
    assert_int_equal(n, REPLAY_GROUPS_MAX + 1);
    for (size_t i = 0; i < n; i++)
        folded += v[i]->domain.n == 0 ? v[i]->count : 0;
    assert_int_equal(folded, 500);
    assert_int_equal(r.different, REPLAY_GROUPS_MAX + 500);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_decides),
        cmocka_unit_test(outbound_mail_is_decided_when_a_rule_asks),
        cmocka_unit_test(groups_are_ordered),
        cmocka_unit_test(what_cannot_be_understood_is_counted),
        cmocka_unit_test(the_mildest_for_all_recipients_is_done),
        cmocka_unit_test(many_domains_are_folded),
        cmocka_unit_test(the_newest_examples_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
