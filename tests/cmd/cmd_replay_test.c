/* cmd_replay_test.c - `mailseal replay`: what it prints and how it ends. */
#include "mailseal/clock.h"
#include "mailseal/cmd.h"
#include "mailseal/journal.h"
#include "mailseal/json.h"

#include "milter/cmd/replay.h"
#include "tests/support/command.h"
#include "tests/support/files.h"

#define NOW 1780000000 /* 2026-05-28 20:26:40 UTC */

static const char rules[] =
    "rule \"refuse\" { when = { \"dmarc=fail\" } action = reject reply = \"550 5.7.1 no\" reason = \"spoofs\" }\n"
    "rule \"default\" { action = accept }\n";

struct place {
    struct arena *a;
    const char *dir, *journal, *policy, *conf;
};

static void add(struct journal *j, int64_t time, const char *id, const char *domain, const char *facts)
{
    const struct journal_entry e = { .time = time,
                                     .queue_id = str_of(id),
                                     .domain = str_of(domain),
                                     .action = STR("accept"),
                                     .rule = STR("old rule"),
                                     .policy = STR("before"),
                                     .facts = str_of(facts) };
    assert_true(journal_add(j, &e));
}

static struct place place_new(void)
{
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *error;
    struct place p = { .a = a, .dir = dir, .journal = str_cstr(a, str_printf(a, "%s/j.db", dir)) };
    p.policy = write_file(a, dir, "mine.policy", str_of(rules), 0644);
    p.conf = write_file(a, dir, "m.conf", STR("journal = \"j.db\" policy = \"./mine.policy\"\n"), 0644);
    const struct journal_params params = { p.journal, 8 * 1024 * 1024, 30 * 86400 };
    clock_fix(NOW);
    struct journal *j = journal_start(&params, &error);
    assert_non_null(j);
    add(j, NOW - 7200, "OLD", "bad.example", "dmarc=fail");
    add(j, NOW - 60, "A1", "bad.example", "dmarc=fail");
    add(j, NOW - 50, "A\x1b[m", "bad.example", "dmarc=fail");
    add(j, NOW - 40, "A3", "good.example", "dmarc=pass");
    add(j, NOW - 30, "A4", "", "dmarc=fail");
    add(j, NOW - 20, "A5", "odd.example", "");
    journal_stop(j, 5000);
    return p;
}

static void place_free(struct place *p)
{
    remove_directory(p->a, p->dir);
    arena_free(p->a);
    clock_fix(0);
}

#define RUN(p, ...)                                                                                                                \
    run_command((p)->a, cmd_replay, (int)ROWS(((const char *const[]){ "replay", __VA_ARGS__ })),                                   \
                (const char *const[]){ "replay", __VA_ARGS__ })

static void it_tells_people(void **state)
{
    (void)state;
    struct place p = place_new();
    struct result r = RUN(&p, "--policy", p.policy, "--journal", p.journal, "--since", "1h", "--examples", "1");
    ROW_STR("errors", r.err, STR_NONE);
    ROW_INT("code", r.code, 0);
    ROW_STR("told", r.out,
            STR("4 messages from 2026-05-28 20:25:40 to 2026-05-28 20:26:10 UTC, 3 of them treated differently by policy 'mine'\n"
                "1 further entries could not be understood\n"
                "\n"
                "accept -> reject: 3\n"
                "       2  bad.example: rule 'refuse' (spoofs) instead of 'old rule'\n"
                "          2026-05-28 20:25:50  A\\x1b[m\n"
                "       1  -: rule 'refuse' (spoofs) instead of 'old rule'\n"
                "          2026-05-28 20:26:10  A4\n"));
    place_free(&p);
}

static void the_journal_of_the_configuration_is_read(void **state)
{
    (void)state;
    struct place p = place_new();
    struct result r = RUN(&p, "--policy", p.policy, "-c", p.conf);
    ROW_INT("code", r.code, 0);
    ROW_STR("told", str_first(r.out, 11), STR("5 messages "));
    place_free(&p);
}

static void it_tells_scripts(void **state)
{
    (void)state;
    struct place p = place_new();
    const char *error;
    struct result r = RUN(&p, "--policy", p.policy, "--journal", p.journal, "--json");
    const struct json *j = js_read(p.a, r.out, &error), *g = js_item(js_member(j, "groups"), 0);
    assert_non_null(j);
    ROW_STR("policy", js_text(js_member(j, "policy")), STR("mine"));
    ROW_INT("messages", js_integer(js_member(j, "messages")), 5);
    ROW_INT("different", js_integer(js_member(j, "different")), 4);
    ROW_INT("unreadable", js_integer(js_member(j, "unreadable")), 1);
    ROW_INT("first", js_integer(js_member(j, "first")), NOW - 7200);
    ROW_INT("last", js_integer(js_member(j, "last")), NOW - 30);
    ROW_INT("groups", js_count(js_member(j, "groups")), 2);
    ROW_STR("from", js_text(js_member(g, "from")), STR("accept"));
    ROW_STR("to", js_text(js_member(g, "to")), STR("reject"));
    ROW_STR("domain", js_text(js_member(g, "domain")), STR("bad.example"));
    ROW_STR("from_rule", js_text(js_member(g, "from_rule")), STR("old rule"));
    ROW_STR("rule", js_text(js_member(g, "rule")), STR("refuse"));
    ROW_STR("reason", js_text(js_member(g, "reason")), STR("spoofs"));
    ROW_INT("of the group", js_integer(js_member(g, "messages")), 3);
    ROW_INT("examples", js_count(js_member(g, "examples")), 3);
    ROW_STR("example", js_text(js_member(js_item(js_member(g, "examples"), 0), "queue_id")), STR("OLD"));
    ROW_INT("its time", js_integer(js_member(js_item(js_member(g, "examples"), 0), "time")), NOW - 7200);
    place_free(&p);
}

static void many_groups_are_summed_up(void **state)
{
    (void)state;
    struct place p = place_new();
    const struct journal_params params = { p.journal, 8 * 1024 * 1024, 30 * 86400 };
    const char *error;
    struct journal *j = journal_start(&params, &error);
    for (int i = 0; i < 30; i++)
        add(j, NOW, "B", str_cstr(p.a, str_printf(p.a, "d%d.example", i)), "dmarc=fail");
    journal_stop(j, 5000);
    struct result r = RUN(&p, "--policy", p.policy, "--journal", p.journal, "--examples", "0");
    assert_non_null(memmem(r.out.p, r.out.n, "\naccept -> reject: 34\n", 22));
    assert_non_null(memmem(r.out.p, r.out.n, "\n      12  in 12 further groups\n", 31));
    place_free(&p);
}

static void domains_beyond_the_limit_are_named_so(void **state)
{
    (void)state;
    struct place p = place_new();
    const struct journal_params params = { p.journal, 64 * 1024 * 1024, 30 * 86400 };
    const char *error;
    for (int from = 0; from < REPLAY_GROUPS_MAX + 50; from += 4000) {
        struct journal *j = journal_start(&params, &error);
        for (int i = from; i < from + 4000 && i < REPLAY_GROUPS_MAX + 50; i++)
            add(j, NOW, "B", str_cstr(p.a, str_printf(p.a, "d%d.example", i)), "dmarc=fail");
        journal_stop(j, 60000);
    }
    struct result r = RUN(&p, "--policy", p.policy, "--journal", p.journal, "--examples", "0");
    assert_non_null(memmem(r.out.p, r.out.n, "\n      53  (other domains): rule 'refuse'", 37));
    place_free(&p);
}

static void faults_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *name, *argv[8], *err;
        int code;
    } rows[] = {
        { "no policy", { "replay" }, "mailseal replay: --policy is needed\n", 2 },
        { "no such profile", { "replay", "--policy", "none", "--journal", "J" }, "mailseal replay: ", 1 },
        { "no such journal",
          { "replay", "--policy", "P", "--journal", "/nonexistent" },
          "mailseal replay: '/nonexistent': No such file or directory\n",
          1 },
        { "no journal at all",
          { "replay", "--policy", "P", "-c", "EMPTY" },
          "mailseal replay: the configuration names no journal",
          1 },
        { "no configuration",
          { "replay", "--policy", "P", "-c", "/nonexistent" },
          "mailseal replay: /nonexistent: No such file",
          1 },
        { "no age", { "replay", "--policy", "P", "--since", "7" }, "mailseal replay: --since '7' is no age", 2 },
        { "no unit", { "replay", "--policy", "P", "--since", "7y" }, "mailseal replay: --since '7y' is no age", 2 },
        { "no number", { "replay", "--policy", "P", "--since", "-7d" }, "mailseal replay: --since '-7d' is no age", 2 },
        { "too many", { "replay", "--policy", "P", "--examples", "21" }, "mailseal replay: --examples '21' is no number", 2 },
        { "a word too much", { "replay", "--policy", "P", "x" }, "mailseal replay: 'x' is too much\n", 2 },
        { "unknown", { "replay", "--nonsense" }, "mailseal replay: option '--nonsense' is unknown", 2 },
    };
    struct place p = place_new();
    const char *empty = write_file(p.a, p.dir, "empty.conf", STR("policy = \"./mine.policy\"\n"), 0644);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *argv[8];
        int argc = 0;
        for (; argc < 8 && rows[i].argv[argc] != NULL; argc++) {
            const char *word = rows[i].argv[argc];
            argv[argc] = strcmp(word, "P") == 0       ? p.policy
                         : strcmp(word, "J") == 0     ? p.journal
                         : strcmp(word, "EMPTY") == 0 ? empty
                                                      : word;
        }
        struct result r = run_command(p.a, cmd_replay, argc, argv);
        ROW_INT(rows[i].name, r.code, rows[i].code);
        ROW_STR(rows[i].name, str_first(r.err, strlen(rows[i].err)), str_of(rows[i].err));
        ROW_STR(rows[i].name, r.out, STR_NONE);
    }
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_people),           cmocka_unit_test(the_journal_of_the_configuration_is_read),
        cmocka_unit_test(it_tells_scripts),          cmocka_unit_test(faults_are_told),
        cmocka_unit_test(many_groups_are_summed_up), cmocka_unit_test(domains_beyond_the_limit_are_named_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
