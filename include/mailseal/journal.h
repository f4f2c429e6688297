/*
 * journal.h - the verdict journal: what was decided about each message, for `mailseal explain --id` and `mailseal replay`.
 *
 * One SQLite file, one writer thread. Adding never blocks: what does not fit the queue is dropped and counted. Bounded in size and
 * age. It holds no body and no header text beyond what the decision needed (landlord of sqlite3).
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
    struct str action;   /* what was done */
    struct str rule;     /* by which rule ... */
    struct str policy;   /* ... of which profile */
    struct str facts;    /* policy_facts_write() */
    struct str detail;   /* JSON: what outcome_json() says, with the DNS answers used under "dns" */
};

struct journal_params {
    const char *path;
    int64_t max_bytes; /* of the file */
    int64_t max_age;   /* seconds an entry is kept */
};

/* Starts the writer. A file that is corrupt is set aside as PATH.corrupt-TIME and begun anew, which is logged. NULL with a reason
 * (thread-local text, until the next failing call). */
struct journal *journal_start(const struct journal_params *params, const char **error);
/* Any thread; copies what it keeps. False: dropped, and counted. */
bool journal_add(struct journal *j, const struct journal_entry *e);
/* Writes what is queued, for at most deadline_ms. NULL is allowed. */
void journal_stop(struct journal *j, int64_t deadline_ms);

/* Reading, while a daemon may write. Calls fn for each entry since `since`, oldest first, until it returns false. False with a
 * reason in a. */
bool journal_each(struct arena *a, const char *path, int64_t since, bool (*fn)(void *ctx, const struct journal_entry *e), void *ctx,
                  const char **error) __attribute__((warn_unused_result));
/* The newest entry of a queue id, in a. False with a reason in a. */
bool journal_find(struct arena *a, const char *path, struct str queue_id, struct journal_entry *out, const char **error)
    __attribute__((warn_unused_result));

#endif
