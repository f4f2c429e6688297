/*
 * journal.h - the verdict journal: what was decided about each message, for `mailseal explain --id` and `mailseal replay`.
 *
 * One SQLite file, one writer thread. Adding never blocks: what does not fit the queue is dropped and counted. Bounded in size and
 * age. It holds no body and no header text beyond what the decision needed (landlord of sqlite3 and of zlib).
 *
 * What befalls the file is logged here, a line a minute at most. While it is locked or the disk is full, entries wait, up to
 * LIMIT_JOURNAL_QUEUE, and the writer tries again each second. A corrupt file is set aside as PATH.corrupt-TIME and begun anew; of
 * those one process sets aside only the last is kept.
 */
#ifndef MAILSEAL_JOURNAL_H
#define MAILSEAL_JOURNAL_H

#include "mailseal/str.h"

struct arena;
struct journal;

struct journal_entry {
    int64_t time;        /* seconds since 1970 */
    struct str queue_id; /* as the mail server gave it; may be empty */
    struct str domain;   /* the author's, normal form; or empty */
    struct str action;   /* what the policy said, before the options of the site that stand behind it: another policy is compared
                            with this ... */
    struct str rule;     /* ... by which rule ... */
    struct str policy;   /* ... of which profile */
    struct str facts;    /* policy_facts_write(), and "recipients=DOMAIN,...": their domains */
    size_t with_its_id;  /* of an entry found: so many have its queue id */
    struct str detail;   /* JSON: what outcome_json() says, with the DNS answers used under "dns" */
};

struct journal_params {
    const char *path;
    int64_t max_bytes; /* of the file; the write-ahead log beside it has a few megabytes more */
    int64_t max_age;   /* seconds an entry is kept */
};

/* Starts the writer. A file that cannot be written for now (locked, disk full) is no error: it is tried again. NULL with a reason
 * (thread-local text, until the next failing call) when it never could: no such directory, no permission, the file of another
 * program, user or version, which stays as it is, or one that everybody could replace or write. */
struct journal *journal_start(const struct journal_params *params, const char **error);
/* Any thread; copies what it keeps. False: dropped, and counted. */
bool journal_add(struct journal *j, const struct journal_entry *e);
/* Writes what is queued, for at most deadline_ms, and logs the totals. NULL is allowed. */
void journal_stop(struct journal *j, int64_t deadline_ms);

struct journal_totals {
    uint64_t written, dropped;
    uint64_t set_aside; /* corrupt files */
    size_t waiting;
};
/* Since the start. Any thread. */
void journal_totals(struct journal *j, struct journal_totals *out);

/* Reading, while a daemon may write. Calls fn for each entry since `since`, oldest first, until it returns false; without its
 * detail, which is empty. The texts are valid during the call. False with a reason in a. */
bool journal_each(struct arena *a, const char *path, int64_t since, bool (*fn)(void *ctx, const struct journal_entry *e), void *ctx,
                  const char **error) __attribute__((warn_unused_result));
/* The newest entry of a queue id, the one written last, in a. False with a reason in a. */
bool journal_find(struct arena *a, const char *path, struct str queue_id, struct journal_entry *out, const char **error)
    __attribute__((warn_unused_result));

#endif
