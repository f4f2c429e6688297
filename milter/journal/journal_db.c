/*
 * journal_db.c - the file of the journal: opened, made, or set aside.
 *
 * SQLite with a write-ahead log, so that commands read while the daemon writes; what goes into it is journal_write.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"

#include "journal_int.h"

static const char schema[] = "BEGIN IMMEDIATE;"
                             "CREATE TABLE dictionary (id INTEGER PRIMARY KEY, words BLOB NOT NULL);"
                             "CREATE TABLE entry (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, queue_id TEXT NOT NULL,"
                             " domain TEXT NOT NULL, action TEXT NOT NULL, rule TEXT NOT NULL, policy TEXT NOT NULL,"
                             " facts BLOB NOT NULL, detail BLOB NOT NULL);"
                             "CREATE INDEX entry_time ON entry (time);"
                             "CREATE INDEX entry_queue_id ON entry (queue_id);";

void db_init(struct journal_db *db, const struct journal_params *params)
{
    struct arena *a = arena_new();
    *db = (struct journal_db){ .arena = a, .params = *params, .pack = journal_pack_new() };
    db->params.path = str_cstr(a, str_of(params->path));
    struct str dir, file;
    bool bare = !str_rcut(str_of(db->params.path), '/', &dir, &file);
    db->dir = bare ? "." : dir.n > 0 ? str_cstr(a, dir) : "/";
    db->wal = str_cstr(a, str_printf(a, "%s-wal", params->path));
    db->shm = str_cstr(a, str_printf(a, "%s-shm", params->path));
}

void db_free(struct journal_db *db)
{
    db_close(db);
    journal_pack_free(db->pack);
    arena_free(db->arena);
}

void db_close(struct journal_db *db)
{
    sqlite3_stmt **all[] = { &db->begin, &db->insert, &db->expire, &db->shrink, &db->pages, &db->vacuum, &db->commit };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        sqlite3_finalize(*all[i]);
        *all[i] = NULL;
    }
    sqlite3_close(db->h);
    db->h = NULL;
}

enum db_result db_refuse(struct journal_db *db, enum db_result r, const char *reason)
{
    snprintf(db->reason, sizeof(db->reason), "%s", reason);
    return r;
}

/* What SQLite said last. */
enum db_result db_fault(struct journal_db *db)
{
    int code = sqlite3_errcode(db->h) & 0xff;
    db_refuse(db, DB_LATER, sqlite3_errmsg(db->h));
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? DB_CORRUPT : DB_LATER;
}

/* ---- opening ---- */

/* NULL, or why somebody else chooses what is read and written here. */
static const char *not_ours(const struct journal_db *db, const struct stat *file)
{
    struct stat dir;
    if (!S_ISREG(file->st_mode))
        return "is no regular file";
    if (file->st_uid != geteuid())
        return access(db->params.path, R_OK | W_OK) != 0 ? strerror(errno) : "belongs to another user";
    if ((file->st_mode & S_IWOTH) != 0)
        return "everybody can write it";
    if (stat(db->dir, &dir) == 0 && (dir.st_mode & S_IWOTH) != 0)
        return "everybody can write in its directory";
    return access(db->params.path, R_OK | W_OK) != 0 ? strerror(errno) : NULL;
}

/* A new file is nobody else's to read; those SQLite makes beside it have its mode. An old one is not opened here: closing it would
 * end the locks that this process has on it. */
static enum db_result make_file(struct journal_db *db)
{
    struct stat st;
    int fd = open(db->params.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return db_refuse(db, errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE ? DB_LATER : DB_REFUSED,
                         strerror(errno));
    if (stat(db->params.path, &st) != 0)
        return db_refuse(db, DB_LATER, strerror(errno));
    const char *reason = not_ours(db, &st);
    if (reason != NULL)
        return db_refuse(db, DB_REFUSED, reason);
    db->dev = st.st_dev;
    db->ino = st.st_ino;
    return DB_DONE;
}

static bool ask_number(struct journal_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db->h, sql, -1, &s, NULL) != SQLITE_OK)
        return false;
    bool ok = sqlite3_step(s) == SQLITE_ROW;
    if (ok)
        *out = sqlite3_column_int64(s, 0);
    return sqlite3_finalize(s) == SQLITE_OK && ok;
}

static enum db_result run(struct journal_db *db, const char *sql)
{
    return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK ? DB_DONE : db_fault(db);
}

/* auto_vacuum can be chosen only while there is no table. */
static enum db_result make_schema(struct journal_db *db)
{
    char marks[128];
    snprintf(marks, sizeof(marks), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", JOURNAL_APPLICATION,
             JOURNAL_SCHEMA);
    enum db_result r = run(db, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL");
    r = r == DB_DONE ? run(db, schema) : r;
    return r == DB_DONE ? run(db, marks) : r;
}

static enum db_result check_schema(struct journal_db *db)
{
    int64_t application, version, tables;
    if (!ask_number(db, "PRAGMA application_id", &application) || !ask_number(db, "PRAGMA user_version", &version) ||
        !ask_number(db, "SELECT count(*) FROM sqlite_schema", &tables))
        return db_fault(db);
    if (tables == 0 && application == 0 && version == 0)
        return make_schema(db);
    if (application != JOURNAL_APPLICATION)
        return db_refuse(db, DB_REFUSED, "is the database of another program");
    if (version != JOURNAL_SCHEMA)
        return db_refuse(db, DB_REFUSED, "is the journal of another version of mailseal");
    return DB_DONE;
}

static enum db_result keep_words(struct journal_db *db)
{
    enum db_result r = DB_DONE;
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db->h, "INSERT OR IGNORE INTO dictionary VALUES (?1, ?2)", -1, &s, NULL) != SQLITE_OK)
        return db_fault(db);
    for (int kind = 0; r == DB_DONE && kind < JOURNAL_TEXTS; kind++) {
        uint32_t id;
        struct str words = journal_pack_words((enum journal_text)kind, &id);
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_blob(s, 2, words.p, (int)words.n, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_DONE || sqlite3_reset(s) != SQLITE_OK)
            r = db_fault(db);
    }
    sqlite3_finalize(s);
    return r;
}

static enum db_result prepare(struct journal_db *db)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } all[] = {
        { &db->begin, "BEGIN IMMEDIATE" },
        { &db->commit, "COMMIT" },
        { &db->insert, "INSERT INTO entry (time, queue_id, domain, action, rule, policy, facts, detail)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
        { &db->expire, "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE time < ?1 ORDER BY time LIMIT ?2)" },
        { &db->shrink, "DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY id LIMIT ?1)" },
        { &db->pages,
          "SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size" },
        { &db->vacuum, "PRAGMA incremental_vacuum(256)" },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (sqlite3_prepare_v3(db->h, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].statement, NULL) != SQLITE_OK)
            return db_fault(db);
    return DB_DONE;
}

enum db_result db_open(struct journal_db *db)
{
    enum db_result r = make_file(db);
    if (r != DB_DONE)
        return r;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    r = sqlite3_open_v2(db->params.path, &db->h, flags, NULL) == SQLITE_OK ? DB_DONE : db_fault(db);
    sqlite3_busy_timeout(db->h, JOURNAL_BUSY_MS);
    r = r == DB_DONE ? check_schema(db) : r;
    r = r == DB_DONE ? run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304") : r;
    r = r == DB_DONE ? keep_words(db) : r;
    r = r == DB_DONE ? prepare(db) : r;
    if (r != DB_DONE)
        db_close(db);
    return r;
}

/* ---- a corrupt file ---- */

static bool move(struct journal_db *db, const char *from, const char *to)
{
    if (rename(from, to) == 0 || errno == ENOENT)
        return true;
    db_refuse(db, DB_LATER, strerror(errno));
    return false;
}

/* Its write-ahead log goes with it, so that SQLite's own tool can recover from both. */
enum db_result db_set_aside(struct journal_db *db)
{
    struct arena *a = db->arena;
    const char *to = str_cstr(a, str_printf(a, "%s.corrupt-%lld", db->params.path, (long long)clock_wall()));
    const char *to_wal = str_cstr(a, str_printf(a, "%s-wal", to));
    db_close(db);
    if (!move(db, db->wal, to_wal) || !move(db, db->params.path, to))
        return DB_LATER;
    unlink(db->shm);
    if (db->aside != NULL && strcmp(db->aside, to) != 0) {
        unlink(db->aside);
        unlink(str_cstr(a, str_printf(a, "%s-wal", db->aside)));
    }
    db->aside = to;
    return DB_DONE;
}
