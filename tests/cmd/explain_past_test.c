/* explain_past_test.c - `mailseal explain --id`: which message is told of, what is said beside it, and how it ends. */
#include "mailseal/clock.h"
#include "mailseal/cmd.h"
#include "mailseal/journal.h"
#include "mailseal/json.h"

#include "milter/cmd/explain_past.h"
#include "tests/support/command.h"
#include "tests/support/files.h"

#define NOW 1780000000 /* 2026-05-28 20:26:40 UTC */

struct place {
    struct arena *a;
    const char *dir, *journal, *conf;
};

static void add(struct journal *j, int64_t time, const char *id, const char *detail)
{
    const struct journal_entry e = { .time = time,
                                     .queue_id = str_of(id),
                                     .action = STR("accept"),
                                     .rule = STR("default"),
                                     .policy = STR("standard"),
                                     .facts = STR("spf=pass"),
                                     .detail = str_of(detail) };
    assert_true(journal_add(j, &e));
}

static struct place place_new(void)
{
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *error;
    struct place p = { .a = a, .dir = dir, .journal = str_cstr(a, str_printf(a, "%s/j.db", dir)) };
    p.conf = write_file(a, dir, "m.conf", STR("journal = \"j.db\"\n"), 0644);
    const struct journal_params params = { p.journal, 8 * 1024 * 1024, 30 * 86400 };
    clock_fix(NOW);
    struct journal *j = journal_start(&params, &error);
    assert_non_null(j);
    add(j, NOW - 60, "TWICE", "{\"action\":\"reject\",\"dns_whole\":true}");
    add(j, NOW - 50, "TWICE", "{\"action\":\"accept\",\"rule\":\"de\\u001bfault\",\"profile\":\"standard\",\"dns_whole\":true}");
    add(j, NOW - 40, "HOLES", "{\"action\":\"accept\",\"dns_whole\":false}");
    add(j, NOW - 30, "LONG", "");
    add(j, NOW - 20, "BROKEN", "{\"action\":");
    add(j, NOW - 10, "A\x1b[m", "{\"action\":\"accept\",\"dns_whole\":true}");
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
    run_command((p)->a, explain_past, (int)ROWS(((const char *const[]){ "explain", __VA_ARGS__ })),                                \
                (const char *const[]){ "explain", __VA_ARGS__ })

static bool says(struct str text, const char *what)
{
    return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static void it_tells_people(void **state)
{
    (void)state;
    static const struct {
        const char *id, *says, *not ;
    } rows[] = {
        { "TWICE", "Message TWICE of 2026-05-28 20:25:50 UTC, as the journal has it.\nIt is the newest of 2 messages",
          "Not all DNS" },
        { "TWICE", "This message was accepted, by rule \"de\\x1bfault\"", "\x1b" },
        { "HOLES", "\nNot all DNS answers were kept.\n", "It is the newest" },
        { "A\x1b[m", "Message A\\x1b[m of ", "\x1b" },
    };
    struct place p = place_new();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct result r = RUN(&p, "--id", rows[i].id, "--journal", p.journal);
        ROW_STR(rows[i].id, r.err, STR_NONE);
        ROW_INT(rows[i].id, r.code, 0);
        ROW_INT(rows[i].says, says(r.out, rows[i].says), true);
        ROW_INT(rows[i].not, says(r.out, rows[i].not ), false);
    }
    place_free(&p);
}

static void it_tells_scripts(void **state)
{
    (void)state;
    struct place p = place_new();
    const char *error;
    struct result r = RUN(&p, "--json", "--id=TWICE", "-c", p.conf);
    const struct json *j = js_read(p.a, r.out, &error);
    assert_non_null(j);
    ROW_INT("code", r.code, 0);
    ROW_STR("action", js_text(js_member(j, "action")), STR("accept"));
    ROW_STR("queue_id", js_text(js_member(j, "queue_id")), STR("TWICE"));
    ROW_INT("time", js_integer(js_member(j, "time")), NOW - 50);
    ROW_INT("messages_of_id", js_integer(js_member(j, "messages_of_id")), 2);
    place_free(&p);
}

static void what_cannot_be_told(void **state)
{
    (void)state;
    struct place p = place_new();
    const struct {
        const char *name, *argv[4], *err;
        int argc, code;
    } rows[] = {
        { "no such message", { "explain", "--id=NONE" }, "no message with the queue id 'NONE'", 2, 1 },
        { "too long", { "explain", "--id=LONG" }, "the explanation of 'LONG' was too long to be kept", 2, 1 },
        { "damaged", { "explain", "--id=BROKEN" }, "the explanation of 'BROKEN' is damaged", 2, 1 },
        { "a message, too", { "explain", "--id=TWICE", "m.eml" }, "'m.eml': a message file does not go with --id", 3, 2 },
        { "another option", { "explain", "--id=TWICE", "--helo=x" }, "does not go with --id", 3, 2 },
        { "no value", { "explain", "--id" }, "option '--id' is unknown, lacks its value", 2, 2 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *argv[8] = { NULL };
        const char *option = str_cstr(p.a, str_printf(p.a, "--journal=%s", p.journal));
        argv[0] = rows[i].argv[0], argv[1] = option;
        for (int k = 1; k < rows[i].argc; k++)
            argv[k + 1] = rows[i].argv[k];
        struct result r = run_command(p.a, explain_past, rows[i].argc + 1, argv);
        ROW_INT(rows[i].name, r.code, rows[i].code);
        ROW_INT(rows[i].name, says(r.err, rows[i].err), true);
        ROW_STR(rows[i].name, r.out, STR_NONE);
    }
    struct result r = RUN(&p, "--id=TWICE", "--journal=/nonexistent/j.db");
    ROW_INT("no journal", r.code, 1);
    ROW_INT("no journal", says(r.err, "'/nonexistent/j.db': No such file or directory"), true);
    place_free(&p);
}

static void how_it_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool want;
    } rows[] = { { "--id", true }, { "--id=X", true }, { "--idle", false }, { "x.eml", false }, { "--json", false } };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *argv[] = { (char[]){ "--id" }, (char[]){ "-c" }, (char *)(uintptr_t)rows[i].word, NULL };
        ROW_INT(rows[i].word, explain_is_past(3, argv), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_people),
        cmocka_unit_test(it_tells_scripts),
        cmocka_unit_test(what_cannot_be_told),
        cmocka_unit_test(how_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
