/* journal_read_test.c - what the commands read, while somebody writes or not, and what they say when they cannot. */
#include "journal_support.h"

static void fill(const struct place *p)
{
    static const struct {
        const char *id;
        int64_t time;
    } rows[] = { { "A1", NOW - 100 }, { "B2", NOW - 50 }, { "A1", NOW - 10 }, { "", NOW - 5 }, { "C3", NOW - 60 } };
    struct journal_db db;
    db_init(&db, &p->params);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct queued q = { .entry = entry_at(rows[i].time, rows[i].id), .bytes = 100 };
        q.entry.rule = i == 2 ? STR("second") : STR("first");
        assert_int_equal(db_write(&db, &q), DB_DONE);
    }
    db_free(&db);
}

struct seen {
    struct arena *a;
    struct str ids;
    size_t n, stop_at;
};

static bool see(void *ctx, const struct journal_entry *e)
{
    struct seen *s = ctx;
    ROW_STR("domain", e->domain, STR("shop.example"));
    ROW_STR("action", e->action, STR("quarantine"));
    ROW_STR("policy", e->policy, STR("standard"));
    ROW_STR("facts", e->facts, STR("spf=fail dmarc=fail"));
    ROW_STR("detail", e->detail, STR_NONE);
    s->ids = str_printf(s->a, "%.*s%.*s,", STR_FMT(s->ids), STR_FMT(e->queue_id));
    return ++s->n != s->stop_at;
}

static void entries_come_oldest_first(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t since;
        size_t stop_at;
        const char *want;
    } rows[] = { { "all", 0, 0, "A1,C3,B2,A1,," },
                 { "since", NOW - 50, 0, "B2,A1,," },
                 { "the first two", 0, 2, "A1,C3," },
                 { "none", NOW, 0, "" } };
    struct place p = place_new();
    fill(&p);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct seen s = { .a = p.a, .ids = STR_NONE, .stop_at = rows[i].stop_at };
        const char *error;
        if (!journal_each(p.a, p.path, rows[i].since, see, &s, &error))
            fail_msg("%s", error);
        ROW_STR(rows[i].name, s.ids, str_of(rows[i].want));
    }
    place_free(&p);
}

static void the_newest_of_a_queue_id_is_found(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e;
    const char *error;
    fill(&p);
    assert_true(journal_find(p.a, p.path, STR("A1"), &e, &error));
    ROW_INT("time", e.time, NOW - 10);
    ROW_INT("entries of the id", e.with_its_id, 2);
    ROW_STR("rule", e.rule, STR("second"));
    ROW_STR("detail", e.detail, STR("{\"spf\":{\"result\":\"fail\"}}"));
    ROW_STR("facts", e.facts, STR("spf=fail dmarc=fail"));
    assert_false(journal_find(p.a, p.path, STR("a1"), &e, &error));
    assert_non_null(strstr(error, "/journal.db': no message with the queue id 'a1'"));
    place_free(&p);
}

/* A clock set back: the id was used again, at what seems to be an earlier time. */
static void the_newest_is_what_was_written_last(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e;
    const char *error;
    struct journal_db db;
    const int64_t times[] = { NOW, NOW - 100, 0 };
    db_init(&db, &p.params);
    for (size_t i = 0; i < ROWS(times); i++) {
        struct queued q = { .entry = entry_at(times[i], "A1"), .bytes = 100 };
        assert_int_equal(db_write(&db, &q), DB_DONE);
        assert_true(journal_find(p.a, p.path, STR("A1"), &e, &error));
        ROW_INT("time", e.time, times[i]);
        ROW_INT("entries of the id", e.with_its_id, i + 1);
    }
    db_free(&db);
    place_free(&p);
}

static bool each(struct place *p, const char **error)
{
    size_t n = 0;
    return journal_each(p->a, p->path, 0, count_one, &n, error);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e;
    const char *error;
    assert_false(each(&p, &error));
    assert_non_null(strstr(error, "/journal.db': No such file or directory"));
    assert_int_equal(place_files(&p, "", false), 0);
    fill(&p);
    run_other(p.path, "UPDATE entry SET facts = x'00' WHERE queue_id = 'B2'");
    assert_false(each(&p, &error));
    assert_non_null(strstr(error, "an entry is damaged"));
    assert_false(journal_find(p.a, p.path, STR("B2"), &e, &error));
    assert_true(journal_find(p.a, p.path, STR("A1"), &e, &error));
    run_other(p.path, "UPDATE entry SET detail = x'00' WHERE queue_id = 'A1'");
    assert_false(journal_find(p.a, p.path, STR("A1"), &e, &error));
    assert_non_null(strstr(error, "the entry is damaged"));
    run_other(p.path, "PRAGMA user_version = 9");
    assert_false(each(&p, &error));
    assert_non_null(strstr(error, "another version of mailseal"));
    overwrite(p.path, 0, 100);
    assert_false(each(&p, &error));
    assert_non_null(strstr(error, "file is not a database"));
    place_free(&p);
}

/* Texts packed by a version with other words are read with those. */
static void words_come_from_the_file(void **state)
{
    (void)state;
    struct place p = place_new();
    const char *error;
    fill(&p);
    assert_int_equal(entries_in(&p), 5);
    run_other(p.path, "DELETE FROM dictionary");
    assert_false(each(&p, &error));
    place_free(&p);
}

static void reading_waits_for_nobody(void **state)
{
    (void)state;
    struct place p = place_new();
    fill(&p);
    sqlite3 *other = other_program(p.path, "BEGIN IMMEDIATE; DELETE FROM entry");
    assert_int_equal(entries_in(&p), 5);
    sqlite3_close(other);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_what_was_written_last),
        cmocka_unit_test(entries_come_oldest_first),
        cmocka_unit_test(the_newest_of_a_queue_id_is_found),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(words_come_from_the_file),
        cmocka_unit_test(reading_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
