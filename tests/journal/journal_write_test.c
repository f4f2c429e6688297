/* journal_write_test.c - batches: all or none, bounded in size and age, and what a file that cannot be written answers. */
#include "journal_support.h"

/* n entries with queue ids from `from` on, `size` bytes of detail each that do not compress. */
static struct queued *batch(struct arena *a, int64_t time, int from, int n, size_t size)
{
    struct queued *first = NULL, **last = &first;
    for (int i = 0; i < n; i++) {
        struct queued *q = ARENA_NEW(a, struct queued);
        char *detail = arena_alloc(a, size);
        uint64_t x = (uint64_t)(from + i + 1) * 0x9e3779b97f4a7c15U;
        for (size_t k = 0; k < size; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            detail[k] = (char)(x >> 32);
        }
        q->entry = entry_at(time, str_cstr(a, str_printf(a, "Q%d", from + i)));
        q->entry.detail = (struct str){ detail, size };
        q->bytes = sizeof(*q) + size + 100;
        *last = q;
        last = &q->next;
    }
    return first;
}

static void old_entries_go(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    struct journal_entry e;
    const char *error;
    p.params.max_age = 3600;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW - 3700, 0, 10, 10)), DB_DONE);
    assert_int_equal(db_write(&db, batch(p.a, NOW - 3600, 10, 10, 10)), DB_DONE);
    assert_int_equal(entries_in(&p), 10);
    assert_false(journal_find(p.a, p.path, STR("Q9"), &e, &error));
    assert_true(journal_find(p.a, p.path, STR("Q10"), &e, &error));
    clock_fix(NOW + 1);
    assert_int_equal(db_write(&db, NULL), DB_DONE); /* nothing to write: it is looked at all the same */
    assert_int_equal(entries_in(&p), 0);
    db_free(&db);
    place_free(&p);
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void the_file_stays_below_its_maximum(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    struct journal_entry e;
    const char *error;
    p.params.max_bytes = 2 * 1024 * 1024;
    db_init(&db, &p.params);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(db_write(&db, batch(p.a, NOW, i * 100, 100, 2000)), DB_DONE);
        if (size_of(p.path) > p.params.max_bytes || size_of(db.wal) > JOURNAL_WAL_BYTES)
            fail_msg("%lld bytes, %lld in the log", (long long)size_of(p.path), (long long)size_of(db.wal));
    }
    size_t n = entries_in(&p);
    assert_in_range(n, 400, 1000); /* of 2000 bytes, one or two on a page */
    assert_true(journal_find(p.a, p.path, STR("Q3999"), &e, &error));
    assert_false(journal_find(p.a, p.path, STR("Q0"), &e, &error));
    db_close(&db);
    /* A smaller maximum makes the file smaller. */
    db.params.max_bytes = 512 * 1024;
    for (int i = 0; i < 10; i++)
        assert_int_equal(db_write(&db, batch(p.a, NOW, 4000 + i, 1, 100)), DB_DONE);
    db_close(&db);
    assert_in_range(size_of(p.path), 100 * 1024, 512 * 1024);
    db_free(&db);
    place_free(&p);
}

static void a_lock_is_waited_for(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 0, 1, 10)), DB_DONE);
    sqlite3 *other = other_program(p.path, "BEGIN EXCLUSIVE");
    int64_t start = clock_ms();
    assert_int_equal(db_write(&db, batch(p.a, NOW, 1, 1, 10)), DB_LATER);
    assert_in_range(clock_ms() - start, JOURNAL_BUSY_MS / 2, JOURNAL_BUSY_MS * 10);
    ROW_STR("reason", str_of(db.reason), STR("database is locked"));
    assert_int_equal(db_write(&db, NULL), DB_LATER); /* opening it anew meets the lock too */
    sqlite3_close(other);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 1, 1, 10)), DB_DONE);
    assert_int_equal(entries_in(&p), 2);
    db_free(&db);
    place_free(&p);
}

static void a_full_disk_loses_no_file(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 0, 1, 10)), DB_DONE);
    assert_int_equal(sqlite3_exec(db.h, "PRAGMA max_page_count = 20", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 1, 100, 2000)), DB_LATER);
    ROW_STR("reason", str_of(db.reason), STR("database or disk is full"));
    assert_int_equal(entries_in(&p), 1);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 1, 100, 2000)), DB_DONE); /* opened anew, it has room again */
    assert_int_equal(entries_in(&p), 101);
    db_free(&db);
    place_free(&p);
}

static void damage_in_the_middle_is_found(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 0, 200, 1000)), DB_DONE);
    db_close(&db);
    overwrite(p.path, 4096, (size_t)size_of(p.path) - 4096);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 200, 1, 10)), DB_CORRUPT);
    ROW_STR("reason", str_of(db.reason), STR("database disk image is malformed"));
    assert_int_equal(db_set_aside(&db), DB_DONE);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 200, 1, 10)), DB_DONE);
    assert_int_equal(entries_in(&p), 1);
    db_free(&db);
    place_free(&p);
}

static void a_file_that_was_removed_is_made_again(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 0, 5, 10)), DB_DONE);
    assert_int_equal(unlink(p.path), 0);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 5, 2, 10)), DB_DONE);
    assert_int_equal(entries_in(&p), 2);
    db_free(&db);
    place_free(&p);
}

/* A reader in the middle of its reading keeps the log from beginning anew. */
static void a_reader_that_never_ends_does_not_fill_the_disk(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 0, 1, 10)), DB_DONE);
    sqlite3 *other = other_program(p.path, "BEGIN; SELECT count(*) FROM entry");
    int i = 1;
    while (i < 100 && db_write(&db, batch(p.a, NOW, i * 1000, 100, 8000)) == DB_DONE)
        i++;
    assert_in_range(i, 10, 50);
    assert_in_range(size_of(db.wal), JOURNAL_WAL_BYTES, JOURNAL_WAL_BYTES + 4 * 1024 * 1024);
    sqlite3_close(other);
    assert_int_equal(db_write(&db, batch(p.a, NOW, i * 1000, 100, 8000)), DB_DONE);
    assert_in_range(size_of(db.wal), 0, 8 * 1024 * 1024);
    db_free(&db);
    place_free(&p);
}

/* A packed text names its words (RFC 1950 2.2): those of its kind. */
static void each_text_has_words_of_its_kind(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    uint32_t facts, detail;
    db_init(&db, &p.params);
    assert_int_equal(db_write(&db, batch(p.a, NOW, 0, 3, 10)), DB_DONE);
    db_free(&db);
    journal_pack_words(JOURNAL_FACTS, &facts);
    journal_pack_words(JOURNAL_DETAIL, &detail);
    struct str sql = str_printf(p.a,
                                "SELECT 1 / (count(*) = 3) FROM entry WHERE hex(substr(facts, 3, 4)) = '%08X'"
                                " AND hex(substr(detail, 3, 4)) = '%08X'",
                                facts, detail);
    run_other(p.path, str_cstr(p.a, str_printf(p.a, "CREATE TEMP TABLE t (x NOT NULL); INSERT INTO t %.*s", STR_FMT(sql))));
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_entries_go),
        cmocka_unit_test(the_file_stays_below_its_maximum),
        cmocka_unit_test(a_lock_is_waited_for),
        cmocka_unit_test(a_full_disk_loses_no_file),
        cmocka_unit_test(damage_in_the_middle_is_found),
        cmocka_unit_test(a_file_that_was_removed_is_made_again),
        cmocka_unit_test(a_reader_that_never_ends_does_not_fill_the_disk),
        cmocka_unit_test(each_text_has_words_of_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
