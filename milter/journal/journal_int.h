/* journal_int.h - what the files of the journal share: the packed texts, the file, and what waits for it. */
#ifndef MAILSEAL_JOURNAL_INT_H
#define MAILSEAL_JOURNAL_INT_H

#include <sys/types.h>

#include <sqlite3.h>

#include "mailseal/journal.h"

#define JOURNAL_SCHEMA      1          /* PRAGMA user_version */
#define JOURNAL_APPLICATION 0x6d73656a /* PRAGMA application_id: "msej" */

#define JOURNAL_BATCH     256                /* entries of one transaction, or ... */
#define JOURNAL_BATCH_MS  1000               /* ... what came in this time */
#define JOURNAL_RETRY_MS  1000               /* between tries while the file cannot be written */
#define JOURNAL_BUSY_MS   200                /* a try waits for another one's lock so long */
#define JOURNAL_TELL_MS   60000              /* one line in the log in this time; old entries are looked for as often */
#define JOURNAL_WAL_BYTES (16 * 1024 * 1024) /* of the write-ahead log; only a reader that never ends makes it so large */

/* ---- journal_pack.c: texts, compressed: each kind with a dictionary of the words it is made of. ---- */
enum journal_text { JOURNAL_FACTS, JOURNAL_DETAIL, JOURNAL_TEXTS };
struct journal_pack;
struct journal_pack *journal_pack_new(void);
void journal_pack_free(struct journal_pack *p);
/* The packed text, valid until the next call. */
struct str journal_pack(struct journal_pack *p, enum journal_text kind, struct str text);
/* The dictionary that is used, and the number by which a packed text names it. */
struct str journal_pack_words(enum journal_text kind, uint32_t *id);

/* Other versions have other words: the file keeps them beside the texts. Empty: there are none. */
struct journal_words {
    struct str (*find)(void *ctx, uint32_t id);
    void *ctx;
};
struct journal_unpack;
struct journal_unpack *journal_unpack_new(const struct journal_words *words);
void journal_unpack_free(struct journal_unpack *u);
/* The text, valid until the next call. False: what was packed is damaged, or larger than an entry may be. */
bool journal_unpack(struct journal_unpack *u, struct str packed, struct str *text) __attribute__((warn_unused_result));

/* journal_words.c: the dictionaries. */
extern const char *const journal_words[JOURNAL_TEXTS];

/* ---- journal_db.c: the file, for one thread ---- */
enum db_result {
    DB_DONE,
    DB_LATER,   /* locked, full, out of descriptors: may pass */
    DB_CORRUPT, /* no database, or a damaged one */
    DB_REFUSED  /* not ours to write: another program's, a newer version's, no permission */
};

struct journal_db {
    struct journal_params params;
    struct arena *arena;
    const char *dir;       /* where it is, with ... */
    const char *wal, *shm; /* ... the files beside it */
    sqlite3 *h;            /* NULL: closed */
    sqlite3_stmt *begin, *insert, *expire, *shrink, *pages, *vacuum, *commit;
    struct journal_pack *pack;
    dev_t dev;
    ino_t ino;
    const char *aside; /* the file set aside last, or NULL */
    char reason[256];  /* of the last result but DB_DONE */
};

void db_init(struct journal_db *db, const struct journal_params *params);
void db_free(struct journal_db *db);
/* Opens or makes the file. */
enum db_result db_open(struct journal_db *db);
void db_close(struct journal_db *db);
/* Puts a corrupt file out of the way. */
enum db_result db_set_aside(struct journal_db *db);
/* A result with its reason; that of what SQLite said last. */
enum db_result db_refuse(struct journal_db *db, enum db_result r, const char *reason);
enum db_result db_fault(struct journal_db *db);

/* ---- journal_write.c ---- */

/* What waits to be written: a block of memory that holds its texts. */
struct queued {
    struct queued *next;
    struct journal_entry entry;
    size_t bytes;
    char text[];
};
/* Deletes what is too old or too much, and writes a list: all or none. first may be NULL. Opens the file if need be. */
enum db_result db_write(struct journal_db *db, const struct queued *first);

#endif
