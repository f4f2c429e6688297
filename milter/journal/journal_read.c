/*
 * journal_read.c - the journal as the commands read it, while a daemon may write.
 *
 * Nothing is changed, not even a corrupt file: that is the daemon's to set aside.
 */
#include <string.h>

#include "mailseal/arena.h"

#include "journal_int.h"

#define READ_BUSY_MS 5000

struct reader {
    sqlite3 *h;
    sqlite3_stmt *s, *words;
    struct journal_unpack *unpack;
};

static void close_reader(struct reader *r)
{
    journal_unpack_free(r->unpack);
    sqlite3_finalize(r->s);
    sqlite3_finalize(r->words);
    sqlite3_close(r->h);
}

static struct str column(sqlite3_stmt *s, int i)
{
    const char *p = sqlite3_column_blob(s, i);
    return (struct str){ p != NULL ? p : "", (size_t)sqlite3_column_bytes(s, i) };
}

/* Valid until the next one is looked for. */
static struct str find_words(void *ctx, uint32_t id)
{
    struct reader *r = ctx;
    sqlite3_reset(r->words);
    sqlite3_bind_int64(r->words, 1, id);
    return sqlite3_step(r->words) == SQLITE_ROW ? column(r->words, 0) : STR_NONE;
}

static bool has_schema(struct reader *r)
{
    static const char sql[] = "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version";
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(r->h, sql, -1, &s, NULL) != SQLITE_OK)
        return false;
    bool ok = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) == JOURNAL_APPLICATION &&
              sqlite3_column_int(s, 1) == JOURNAL_SCHEMA;
    sqlite3_finalize(s);
    return ok;
}

/* NULL, or what is wrong; then the reader is closed. */
static const char *open_reader(struct reader *r, struct arena *a, const char *path, const char *sql)
{
    const struct journal_words words = { find_words, r };
    const char *reason = NULL;
    *r = (struct reader){ .unpack = journal_unpack_new(&words) };
    if (sqlite3_open_v2(path, &r->h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        int code = sqlite3_system_errno(r->h);
        reason = code != 0 ? strerror(code) : sqlite3_errmsg(r->h);
    } else {
        sqlite3_busy_timeout(r->h, READ_BUSY_MS);
        if (!has_schema(r))
            reason =
                sqlite3_errcode(r->h) == SQLITE_OK ? "is no journal, or that of another version of mailseal" : sqlite3_errmsg(r->h);
        else if (sqlite3_prepare_v2(r->h, "SELECT words FROM dictionary WHERE id = ?1", -1, &r->words, NULL) != SQLITE_OK ||
                 sqlite3_prepare_v2(r->h, sql, -1, &r->s, NULL) != SQLITE_OK)
            reason = sqlite3_errmsg(r->h);
    }
    if (reason == NULL)
        return NULL;
    reason = str_cstr(a, str_printf(a, "'%s': %s", path, reason));
    close_reader(r);
    return reason;
}

static bool read_entry(struct reader *r, struct journal_entry *e)
{
    *e = (struct journal_entry){ .time = sqlite3_column_int64(r->s, 0),
                                 .queue_id = column(r->s, 1),
                                 .domain = column(r->s, 2),
                                 .action = column(r->s, 3),
                                 .rule = column(r->s, 4),
                                 .policy = column(r->s, 5),
                                 .detail = STR_NONE };
    return journal_unpack(r->unpack, column(r->s, 6), &e->facts);
}

bool journal_each(struct arena *a, const char *path, int64_t since, bool (*fn)(void *ctx, const struct journal_entry *e), void *ctx,
                  const char **error)
{
    struct reader r;
    struct journal_entry e;
    int code = SQLITE_DONE;
    bool ok = true, more = true;
    *error = open_reader(
        &r, a, path, "SELECT time, queue_id, domain, action, rule, policy, facts FROM entry WHERE time >= ?1 ORDER BY time, id");
    if (*error != NULL)
        return false;
    sqlite3_bind_int64(r.s, 1, since);
    while (ok && more && (code = sqlite3_step(r.s)) == SQLITE_ROW) {
        ok = read_entry(&r, &e);
        more = ok && fn(ctx, &e);
    }
    if (ok && more && code != SQLITE_DONE)
        *error = str_cstr(a, str_printf(a, "'%s': %s", path, sqlite3_errmsg(r.h)));
    else if (!ok)
        *error = str_cstr(a, str_printf(a, "'%s': an entry is damaged", path));
    close_reader(&r);
    return *error == NULL;
}

static bool copy_entry(struct reader *r, struct arena *a, struct journal_entry *e)
{
    if (!read_entry(r, e))
        return false;
    struct str *all[] = { &e->queue_id, &e->domain, &e->action, &e->rule, &e->policy, &e->facts };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i] = str_dup(a, *all[i]);
    struct str detail;
    bool ok = journal_unpack(r->unpack, column(r->s, 7), &detail);
    e->detail = str_dup(a, detail);
    e->with_its_id = (size_t)sqlite3_column_int64(r->s, 8);
    return ok;
}

bool journal_find(struct arena *a, const char *path, struct str queue_id, struct journal_entry *out, const char **error)
{
    struct reader r;
    *error = open_reader(&r, a, path,
                         "SELECT time, queue_id, domain, action, rule, policy, facts, detail,"
                         " (SELECT count(*) FROM entry WHERE queue_id = ?1) FROM entry WHERE queue_id = ?1"
                         " ORDER BY id DESC LIMIT 1");
    if (*error != NULL)
        return false;
    sqlite3_bind_text64(r.s, 1, queue_id.p, queue_id.n, SQLITE_STATIC, SQLITE_UTF8);
    int code = sqlite3_step(r.s);
    if (code == SQLITE_DONE)
        *error = str_cstr(a, str_printf(a, "'%s': no message with the queue id '%.*s'", path, STR_FMT(queue_id)));
    else if (code != SQLITE_ROW)
        *error = str_cstr(a, str_printf(a, "'%s': %s", path, sqlite3_errmsg(r.h)));
    else if (!copy_entry(&r, a, out))
        *error = str_cstr(a, str_printf(a, "'%s': the entry is damaged", path));
    close_reader(&r);
    return *error == NULL;
}
