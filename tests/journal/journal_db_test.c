/* journal_db_test.c - the file: made safely, refused when it is not ours, set aside when it is corrupt. */
#include "journal_support.h"

static enum db_result open_once(const struct place *p, char *reason, size_t n)
{
    struct journal_db db;
    db_init(&db, &p->params);
    enum db_result r = db_open(&db);
    snprintf(reason, n, "%s", r == DB_DONE ? "" : db.reason);
    db_free(&db);
    return r;
}

static void a_new_file_is_private_and_small(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    struct stat st;
    mode_t old = umask(0);
    db_init(&db, &p.params);
    assert_int_equal(db_open(&db), DB_DONE);
    umask(old);
    const char *const files[] = { p.path, db.wal, db.shm };
    for (size_t i = 0; i < ROWS(files); i++) {
        assert_int_equal(stat(files[i], &st), 0);
        ROW_INT(files[i], st.st_mode & 0777, 0600);
    }
    db_free(&db);
    assert_int_equal(place_files(&p, "", false), 1);
    char reason[256];
    assert_int_equal(open_once(&p, reason, sizeof(reason)), DB_DONE);
    place_free(&p);
}

static void make_database(const struct place *p)
{
    run_other(p->path, "CREATE TABLE mine (x)");
}
static void make_newer(const struct place *p)
{
    char reason[256];
    assert_int_equal(open_once(p, reason, sizeof(reason)), DB_DONE);
    run_other(p->path, "PRAGMA user_version = 2");
}
static void make_directory(const struct place *p)
{
    assert_int_equal(mkdir(p->path, 0700), 0);
}
static void make_garbage(const struct place *p)
{
    FILE *f = fopen(p->path, "we");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", f);
    fclose(f);
}
static void make_halfway(const struct place *p)
{
    char reason[256];
    assert_int_equal(open_once(p, reason, sizeof(reason)), DB_DONE);
    overwrite(p->path, 100, 4096 - 100); /* behind the file's header: the schema */
}
static void make_nothing(const struct place *p)
{
    FILE *f = fopen(p->path, "we");
    fclose(f);
}
static void make_unreadable(const struct place *p)
{
    make_nothing(p);
    chmod(p->path, 0);
}
static void make_locked_away(const struct place *p)
{
    chmod(p->dir, 0500);
}
static void make_no_directory(const struct place *p)
{
    rmdir(p->dir);
}

static void make_open_to_all(const struct place *p)
{
    make_nothing(p);
    chmod(p->path, 0602);
}
static void make_open_directory(const struct place *p)
{
    chmod(p->dir, 01777);
}
static void make_link_in_open_directory(const struct place *p)
{
    assert_int_equal(symlink("/dev/null", p->path), 0);
    chmod(p->dir, 01777);
}
static void make_somebody_elses(const struct place *p)
{
    make_nothing(p);
    assert_int_equal(chown(p->path, 65534, (gid_t)-1), 0);
}

static void what_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*make)(const struct place *p);
        enum db_result want;
        const char *reason;
        enum { ANYBODY, ROOT, NOT_ROOT } who; /* root is not held by permissions, and can make files of others */
    } rows[] = {
        { "another program's", make_database, DB_REFUSED, "is the database of another program", ANYBODY },
        { "a newer version's", make_newer, DB_REFUSED, "is the journal of another version of mailseal", ANYBODY },
        { "a directory", make_directory, DB_REFUSED, "is no regular file", ANYBODY },
        { "no directory", make_no_directory, DB_REFUSED, "No such file or directory", ANYBODY },
        { "empty", make_nothing, DB_DONE, "", ANYBODY },
        { "no database", make_garbage, DB_CORRUPT, "file is not a database", ANYBODY },
        { "a damaged schema", make_halfway, DB_CORRUPT, "database disk image is malformed", ANYBODY },
        { "not ours to read", make_unreadable, DB_REFUSED, "Permission denied", NOT_ROOT },
        { "a directory that is not ours", make_locked_away, DB_REFUSED, "Permission denied", NOT_ROOT },
        { "all may write it", make_open_to_all, DB_REFUSED, "everybody can write it", ANYBODY },
        { "all may replace it", make_open_directory, DB_REFUSED, "everybody can write in its directory", ANYBODY },
        { "a link to what is no file", make_link_in_open_directory, DB_REFUSED, "is no regular file", ANYBODY },
        { "another user's", make_somebody_elses, DB_REFUSED, "belongs to another user", ROOT },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct place p = place_new();
        char reason[256];
        if (rows[i].who == ANYBODY || (rows[i].who == ROOT) == (geteuid() == 0)) {
            rows[i].make(&p);
            ROW_INT(rows[i].name, open_once(&p, reason, sizeof(reason)), rows[i].want);
            ROW_STR(rows[i].name, str_of(reason), str_of(rows[i].reason));
        }
        rmdir(p.path);
        if (access(p.dir, F_OK) != 0)
            assert_int_equal(mkdir(p.dir, 0700), 0);
        place_free(&p);
    }
}

static void what_is_refused_stays_as_it_is(void **state)
{
    (void)state;
    struct place p = place_new();
    char reason[256];
    struct stat before, after;
    make_newer(&p);
    assert_int_equal(stat(p.path, &before), 0);
    assert_int_equal(open_once(&p, reason, sizeof(reason)), DB_REFUSED);
    assert_int_equal(stat(p.path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(place_files(&p, "", false), 1);
    place_free(&p);
}

static void the_last_corrupt_file_is_kept(void **state)
{
    (void)state;
    struct place p = place_new();
    struct journal_db db;
    db_init(&db, &p.params);
    for (int i = 0; i < 3; i++) {
        clock_fix(NOW + i);
        make_garbage(&p);
        assert_int_equal(db_open(&db), DB_CORRUPT);
        assert_int_equal(db_set_aside(&db), DB_DONE);
        assert_int_equal(db_open(&db), DB_DONE);
        db_close(&db);
        assert_int_equal(place_files(&p, "journal.db.corrupt-", false), 1);
        assert_int_equal(access(db.aside, F_OK), 0);
    }
    assert_non_null(strstr(db.aside, "/journal.db.corrupt-1780000002"));
    db_free(&db);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_is_private_and_small),
        cmocka_unit_test(what_is_found),
        cmocka_unit_test(what_is_refused_stays_as_it_is),
        cmocka_unit_test(the_last_corrupt_file_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
