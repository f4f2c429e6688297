/* journal_test.c - the queue and its writer: never blocks, drops and counts, recovers by itself, survives kill -9. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "mailseal/log.h"

#include "journal_support.h"

static struct journal *start(const struct place *p)
{
    const char *error = NULL;
    struct journal *j = journal_start(&p->params, &error);
    if (j == NULL)
        fail_msg("%s", error);
    return j;
}

static struct journal_totals totals_of(struct journal *j)
{
    struct journal_totals t;
    journal_totals(j, &t);
    return t;
}

static void stopping_writes_what_waits(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1"), got;
    const char *error;
    struct journal *j = start(&p);
    for (int i = 0; i < 1000; i++)
        assert_true(journal_add(j, &e));
    e = entry_at(NOW, "B2");
    e.detail = STR_NONE;
    assert_true(journal_add(j, &e));
    journal_stop(j, 5000);
    journal_stop(NULL, 0);
    assert_int_equal(entries_in(&p), 1001);
    assert_true(journal_find(p.a, p.path, STR("B2"), &got, &error));
    ROW_STR("detail", got.detail, STR_NONE);
    place_free(&p);
}

/* Nobody stops the journal: the entry is in the file after a second. */
static void an_entry_does_not_wait_for_others(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    int64_t begun = clock_ms();
    assert_true(journal_add(j, &e));
    while (totals_of(j).written == 0 && clock_ms() < begun + 20000)
        sched_yield();
    assert_int_equal(totals_of(j).written, 1);
    assert_int_equal(totals_of(j).waiting, 0);
    assert_int_equal(entries_in(&p), 1);
    journal_stop(j, 5000);
    place_free(&p);
}

static void too_large_an_entry_is_dropped(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    size_t others = e.queue_id.n + e.domain.n + e.action.n + e.rule.n + e.policy.n + e.facts.n;
    e.detail = (struct str){ arena_alloc(p.a, LIMIT_JOURNAL_ENTRY), LIMIT_JOURNAL_ENTRY - others };
    assert_true(journal_add(j, &e));
    e.detail.n++;
    assert_false(journal_add(j, &e));
    assert_int_equal(totals_of(j).dropped, 1);
    journal_stop(j, 5000);
    assert_int_equal(entries_in(&p), 1);
    place_free(&p);
}

static void a_lock_holds_no_mail(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    sqlite3 *other = other_program(p.path, "BEGIN EXCLUSIVE");
    int64_t begun = clock_ms();
    size_t added = 0;
    while (added < 3 * LIMIT_JOURNAL_QUEUE && journal_add(j, &e))
        added++;
    assert_int_equal(added, LIMIT_JOURNAL_QUEUE);
    for (int i = 0; i < 99; i++)
        assert_false(journal_add(j, &e));
    assert_in_range(clock_ms() - begun, 0, 5000);
    struct journal_totals t = totals_of(j);
    assert_int_equal(t.dropped, 100);
    assert_int_equal(t.waiting, LIMIT_JOURNAL_QUEUE);
    assert_int_equal(t.written, 0);
    sqlite3_close(other);
    journal_stop(j, 20000);
    assert_int_equal(entries_in(&p), LIMIT_JOURNAL_QUEUE);
    place_free(&p);
}

static void the_queue_is_bounded_in_bytes(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    sqlite3 *other = other_program(p.path, "BEGIN EXCLUSIVE");
    e.detail = (struct str){ arena_alloc(p.a, LIMIT_JOURNAL_ENTRY), LIMIT_JOURNAL_ENTRY / 2 };
    size_t added = 0;
    while (added < LIMIT_JOURNAL_QUEUE && journal_add(j, &e))
        added++;
    assert_int_equal(added, LIMIT_JOURNAL_BYTES / (LIMIT_JOURNAL_ENTRY / 2) - 1);
    sqlite3_close(other);
    journal_stop(j, 20000);
    place_free(&p);
}

static void a_stop_with_a_lock_has_an_end(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    sqlite3 *other = other_program(p.path, "BEGIN EXCLUSIVE");
    for (int i = 0; i < LIMIT_JOURNAL_QUEUE; i++)
        assert_true(journal_add(j, &e));
    int64_t begun = clock_ms();
    journal_stop(j, 300); /* one try more, not one for each batch */
    assert_in_range(clock_ms() - begun, 250, 300 + JOURNAL_RETRY_MS - 50);
    sqlite3_close(other);
    assert_int_equal(entries_in(&p), 0);
    place_free(&p);
}

/* Locked or full at the start: a passing fault, which keeps no daemon from starting. */
static void a_start_with_a_lock_recovers(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    journal_stop(start(&p), 5000);
    sqlite3 *other = other_program(p.path, "BEGIN EXCLUSIVE");
    struct journal *j = start(&p);
    assert_true(journal_add(j, &e));
    sqlite3_close(other);
    journal_stop(j, 5000);
    assert_int_equal(entries_in(&p), 1);
    place_free(&p);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_full_disk_is_waited_for(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    signal(SIGXFSZ, SIG_IGN);
    limit_file_size(64 * 1024);
    for (int i = 0; i < 5000; i++)
        assert_true(journal_add(j, &e));
    for (int64_t begun = clock_ms(); totals_of(j).written == 0 && clock_ms() < begun + 700;)
        sched_yield();
    assert_in_range(totals_of(j).waiting, 4000, 5000);
    limit_file_size(RLIM_INFINITY);
    journal_stop(j, 20000);
    assert_int_equal(entries_in(&p), 5000);
    place_free(&p);
}

static void a_corrupt_file_is_set_aside(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct stat st;
    struct journal *j = start(&p);
    for (int i = 0; i < 1000; i++)
        assert_true(journal_add(j, &e));
    journal_stop(j, 5000);
    assert_int_equal(stat(p.path, &st), 0);
    /* Found by the writer, behind a header that is in order; then at the start. */
    overwrite(p.path, 4096, (size_t)st.st_size - 4096);
    j = start(&p);
    assert_true(journal_add(j, &e));
    while (totals_of(j).written == 0 && totals_of(j).set_aside == 0)
        sched_yield();
    assert_int_equal(totals_of(j).set_aside, 1);
    journal_stop(j, 5000);
    assert_int_equal(entries_in(&p), 1);
    assert_int_equal(place_files(&p, "journal.db.corrupt-1780000000", true), 1);
    overwrite(p.path, 0, 100);
    j = start(&p);
    assert_int_equal(totals_of(j).set_aside, 1);
    journal_stop(j, 5000);
    assert_int_equal(entries_in(&p), 0);
    place_free(&p);
}

static void a_file_replaced_by_garbage_is_set_aside(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    assert_true(journal_add(j, &e));
    while (totals_of(j).written == 0)
        sched_yield();
    place_files(&p, "journal.db", true);
    FILE *f = fopen(p.path, "we");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", f);
    fclose(f);
    assert_true(journal_add(j, &e));
    while (totals_of(j).waiting > 0)
        sched_yield();
    assert_int_equal(totals_of(j).set_aside, 1);
    journal_stop(j, 5000);
    assert_int_equal(entries_in(&p), 1);
    assert_int_equal(place_files(&p, "journal.db.corrupt-1780000000", false), 1);
    place_free(&p);
}

static void what_will_never_do_is_refused(void **state)
{
    (void)state;
    struct place p = place_new();
    const char *error = NULL;
    run_other(p.path, "CREATE TABLE mine (x)");
    assert_null(journal_start(&p.params, &error));
    assert_non_null(strstr(error, "/journal.db': is the database of another program"));
    p.params.path = "/nonexistent/journal.db";
    assert_null(journal_start(&p.params, &error));
    ROW_STR("reason", str_of(error), STR("journal '/nonexistent/journal.db': No such file or directory"));
    place_free(&p);
}

static void *add_many(void *arg)
{
    struct journal_entry e = entry_at(NOW, "A1");
    for (int i = 0; i < 2000; i++)
        journal_add(arg, &e);
    return NULL;
}

static void many_threads_add(void **state)
{
    (void)state;
    struct place p = place_new();
    pthread_t threads[8];
    struct journal *j = start(&p);
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, j), 0);
    for (size_t i = 0; i < ROWS(threads); i++)
        pthread_join(threads[i], NULL);
    uint64_t dropped = totals_of(j).dropped;
    journal_stop(j, 20000);
    assert_int_equal(entries_in(&p) + dropped, 16000);
    place_free(&p);
}

static void a_killed_daemon_leaves_a_good_file(void **state)
{
    (void)state;
    struct place p = place_new();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *error;
        struct journal *j = journal_start(&p.params, &error);
        while (j != NULL)
            add_many(j);
        _exit(1);
    }
    const char *error;
    size_t before = 0;
    while (before < 2000 && waitpid(child, NULL, WNOHANG) == 0) {
        before = 0;
        if (!journal_each(p.a, p.path, 0, count_one, &before, &error))
            before = 0; /* not made yet */
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_in_range(before, 2000, SIZE_MAX);
    struct journal_entry e = entry_at(NOW, "A1");
    struct journal *j = start(&p);
    assert_true(journal_add(j, &e));
    assert_int_equal(totals_of(j).set_aside, 0);
    journal_stop(j, 5000);
    size_t after = entries_in(&p);
    assert_true(after > before && after % JOURNAL_BATCH == 1);
    run_other(p.path, "CREATE TEMP TABLE ok (x CHECK (x = 'ok')); INSERT INTO ok SELECT * FROM pragma_integrity_check");
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_writes_what_waits),         cmocka_unit_test(an_entry_does_not_wait_for_others),
        cmocka_unit_test(too_large_an_entry_is_dropped),      cmocka_unit_test(a_lock_holds_no_mail),
        cmocka_unit_test(the_queue_is_bounded_in_bytes),      cmocka_unit_test(a_stop_with_a_lock_has_an_end),
        cmocka_unit_test(a_start_with_a_lock_recovers),       cmocka_unit_test(a_full_disk_is_waited_for),
        cmocka_unit_test(a_corrupt_file_is_set_aside),        cmocka_unit_test(a_file_replaced_by_garbage_is_set_aside),
        cmocka_unit_test(what_will_never_do_is_refused),      cmocka_unit_test(many_threads_add),
        cmocka_unit_test(a_killed_daemon_leaves_a_good_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
