/*
 * journal_write.c - batches into the file, and what keeps it small.
 *
 * A batch is one transaction: at a crash whole batches are lost, never the file. What is too old or too much is deleted before, in
 * small steps and in the same transaction; its pages are used again, and given back when the file is larger than it may be.
 */
#include <sys/stat.h>

#include "mailseal/clock.h"

#include "journal_int.h"

#define EXPIRE_STEP    1024 /* entries deleted for their age with one batch */
#define SHRINK_STEP    64   /* entries deleted for the size at once ... */
#define SHRINK_MAX     64   /* ... and how often with one batch */
#define ENTRY_OVERHEAD 256  /* bytes of an entry beside its texts, in the table and both indexes */

static bool step(sqlite3_stmt *s)
{
    int code;
    do
        code = sqlite3_step(s);
    while (code == SQLITE_ROW);
    return sqlite3_reset(s) == SQLITE_OK && code == SQLITE_DONE;
}

/* Bytes of the pages in use, or of all. */
static bool file_bytes(struct journal_db *db, int64_t *used, int64_t *all)
{
    bool ok = sqlite3_step(db->pages) == SQLITE_ROW;
    int64_t count = sqlite3_column_int64(db->pages, 0), unused = sqlite3_column_int64(db->pages, 1);
    int64_t size = sqlite3_column_int64(db->pages, 2);
    *used = (count - unused) * size;
    *all = count * size;
    return sqlite3_reset(db->pages) == SQLITE_OK && ok;
}

static bool expire(struct journal_db *db)
{
    sqlite3_bind_int64(db->expire, 1, clock_wall() - db->params.max_age);
    sqlite3_bind_int(db->expire, 2, EXPIRE_STEP);
    return step(db->expire);
}

/* Makes room for `more` bytes. */
static bool shrink(struct journal_db *db, int64_t more)
{
    int64_t used, all;
    for (int i = 0; i < SHRINK_MAX; i++) {
        if (!file_bytes(db, &used, &all))
            return false;
        if (used + more <= db->params.max_bytes)
            break;
        sqlite3_bind_int(db->shrink, 1, SHRINK_STEP);
        if (!step(db->shrink))
            return false;
    }
    return all <= db->params.max_bytes || step(db->vacuum);
}

static void bind_text(sqlite3_stmt *s, int i, struct str text)
{
    sqlite3_bind_text64(s, i, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_packed(struct journal_db *db, int i, enum journal_text kind, struct str text)
{
    struct str packed = journal_pack(db->pack, kind, text);
    sqlite3_bind_blob64(db->insert, i, packed.p, packed.n, SQLITE_TRANSIENT);
}

static bool insert(struct journal_db *db, const struct journal_entry *e)
{
    sqlite3_bind_int64(db->insert, 1, e->time);
    bind_text(db->insert, 2, e->queue_id);
    bind_text(db->insert, 3, e->domain);
    bind_text(db->insert, 4, e->action);
    bind_text(db->insert, 5, e->rule);
    bind_text(db->insert, 6, e->policy);
    bind_packed(db, 7, JOURNAL_FACTS, e->facts);
    bind_packed(db, 8, JOURNAL_DETAIL, e->detail);
    return step(db->insert);
}

static bool write_all(struct journal_db *db, const struct queued *first)
{
    int64_t more = 0; /* at the worst: texts that cannot be packed, of a length that leaves half of their pages empty */
    for (const struct queued *q = first; q != NULL; q = q->next)
        more += 2 * (int64_t)q->bytes + ENTRY_OVERHEAD;
    if (!step(db->begin) || !expire(db) || !shrink(db, more))
        return false;
    for (const struct queued *q = first; q != NULL; q = q->next)
        if (!insert(db, &q->entry))
            return false;
    return step(db->commit);
}

/* Somebody has removed or replaced the file. */
static bool is_gone(const struct journal_db *db)
{
    struct stat st;
    return stat(db->params.path, &st) != 0 || st.st_dev != db->dev || st.st_ino != db->ino;
}

/* The write-ahead log starts anew when everybody has read it. A reader that goes on for ever would let it grow without end. */
static bool wal_is_bounded(struct journal_db *db)
{
    struct stat st;
    if (stat(db->wal, &st) != 0 || st.st_size <= JOURNAL_WAL_BYTES)
        return true;
    return sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK;
}

enum db_result db_write(struct journal_db *db, const struct queued *first)
{
    enum db_result r = DB_DONE;
    if (db->h != NULL && is_gone(db))
        db_close(db);
    if (db->h == NULL)
        r = db_open(db);
    if (r != DB_DONE)
        return r;
    if (wal_is_bounded(db) && write_all(db, first))
        return DB_DONE;
    r = db_fault(db);
    db_close(db);
    return r;
}
