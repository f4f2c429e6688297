/*
 * journal.c - the queue in front of the journal, and the thread that writes it.
 *
 * Mail is never held for its journal: whoever adds an entry takes a mutex that guards a list, nothing else. The writer takes
 * batches from the list and keeps each until it is written or the journal is stopped; what it holds counts as waiting, so the
 * memory is bounded whatever becomes of the disk.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "journal_int.h"

struct journal {
    struct journal_db db; /* the writer's */
    const char *path;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct queued *first, **last;
    size_t queued;       /* in the list */
    size_t count, bytes; /* with what the writer holds */
    bool stopping, ended;
    int64_t stop_at;
    struct journal_totals totals;
    int64_t told_at;      /* the writer's: when the log heard of trouble last; 0: never */
    bool told_of_trouble; /* ... which is not over yet */
    uint64_t told_of_dropped;
};

/* ---- adding ---- */

static struct str put(char **at, struct str s)
{
    char *p = *at;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return (struct str){ p, s.n };
}

static struct queued *copy_of(const struct journal_entry *e)
{
    size_t n = e->queue_id.n + e->domain.n + e->action.n + e->rule.n + e->policy.n + e->facts.n + e->detail.n;
    struct queued *q = n <= LIMIT_JOURNAL_ENTRY ? malloc(sizeof(*q) + n) : NULL;
    if (q == NULL)
        return NULL;
    char *at = q->text;
    q->next = NULL;
    q->bytes = sizeof(*q) + n;
    q->entry = (struct journal_entry){ .time = e->time,
                                       .queue_id = put(&at, e->queue_id),
                                       .domain = put(&at, e->domain),
                                       .action = put(&at, e->action),
                                       .rule = put(&at, e->rule),
                                       .policy = put(&at, e->policy),
                                       .facts = put(&at, e->facts),
                                       .detail = put(&at, e->detail) };
    return q;
}

bool journal_add(struct journal *j, const struct journal_entry *e)
{
    struct queued *q = copy_of(e);
    pthread_mutex_lock(&j->lock);
    bool fits = q != NULL && !j->stopping && j->count < LIMIT_JOURNAL_QUEUE && j->bytes + q->bytes <= LIMIT_JOURNAL_BYTES;
    if (fits) {
        *j->last = q;
        j->last = &q->next;
        j->count++;
        j->bytes += q->bytes;
        /* The writer sleeps until there is one, and then until there are enough. */
        if (++j->queued == 1 || j->queued == JOURNAL_BATCH)
            pthread_cond_broadcast(&j->changed);
    } else {
        j->totals.dropped++;
    }
    pthread_mutex_unlock(&j->lock);
    if (!fits)
        free(q);
    return fits;
}

void journal_totals(struct journal *j, struct journal_totals *out)
{
    pthread_mutex_lock(&j->lock);
    *out = j->totals;
    out->waiting = j->count;
    pthread_mutex_unlock(&j->lock);
}

/* ---- the writer ---- */

/* Until something changes; false when `until` (clock_ms()) has passed. */
static bool wait_until(struct journal *j, int64_t until)
{
    const struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
    return clock_ms() < until && pthread_cond_timedwait(&j->changed, &j->lock, &at) == 0;
}

/* One line in a minute about entries that were lost. */
static void tell_of_dropped(struct journal *j)
{
    struct journal_totals t;
    journal_totals(j, &t);
    if (t.dropped == j->told_of_dropped || (j->told_at != 0 && clock_ms() - j->told_at < JOURNAL_TELL_MS))
        return;
    log_warning("journal '%s': %llu entries were dropped, %llu in all", j->path,
                (unsigned long long)(t.dropped - j->told_of_dropped), (unsigned long long)t.dropped);
    j->told_of_dropped = t.dropped;
    j->told_at = clock_ms();
}

static void tell_of_trouble(struct journal *j)
{
    struct journal_totals t;
    if (j->told_at != 0 && clock_ms() - j->told_at < JOURNAL_TELL_MS)
        return;
    journal_totals(j, &t);
    log_error("journal '%s' cannot be written: %s; %zu entries wait, %llu were dropped", j->path, j->db.reason, t.waiting,
              (unsigned long long)t.dropped);
    j->told_of_dropped = t.dropped;
    j->told_at = clock_ms();
    j->told_of_trouble = true;
}

/* False, with a reason, when it stands in the way. */
static bool set_aside(struct journal *j)
{
    char what[sizeof(j->db.reason)];
    memcpy(what, j->db.reason, sizeof(what));
    if (db_set_aside(&j->db) != DB_DONE)
        return false;
    log_error("journal '%s' is corrupt (%s): set aside as '%s' and begun anew", j->path, what, j->db.aside);
    pthread_mutex_lock(&j->lock);
    j->totals.set_aside++;
    pthread_mutex_unlock(&j->lock);
    return true;
}

static bool try_to_write(struct journal *j, const struct queued *batch)
{
    enum db_result r = db_write(&j->db, batch);
    if (r == DB_CORRUPT && set_aside(j))
        r = db_write(&j->db, batch);
    return r == DB_DONE;
}

/* Between two tries. False: there is no time for another. */
static bool pause_writing(struct journal *j)
{
    int64_t until = clock_ms() + JOURNAL_RETRY_MS;
    tell_of_trouble(j);
    pthread_mutex_lock(&j->lock);
    while (!j->stopping && wait_until(j, until))
        ;
    bool stopping = j->stopping;
    /* Whoever stops us waits: the pauses become short. */
    for (until = clock_ms() + JOURNAL_RETRY_MS / 20; stopping && wait_until(j, until);)
        ;
    bool late = stopping && clock_ms() >= j->stop_at;
    pthread_mutex_unlock(&j->lock);
    return !late;
}

static void settle(struct journal *j, struct queued *batch, bool written)
{
    pthread_mutex_lock(&j->lock);
    while (batch != NULL) {
        struct queued *q = batch;
        batch = q->next;
        j->count--;
        j->bytes -= q->bytes;
        if (written)
            j->totals.written++;
        else
            j->totals.dropped++;
        free(q);
    }
    pthread_mutex_unlock(&j->lock);
}

/* The first entries of the list, as many as one transaction takes. */
static struct queued *detach(struct journal *j)
{
    struct queued *first = j->first, **end = &first;
    for (size_t n = 0; n < JOURNAL_BATCH && *end != NULL; n++, j->queued--)
        end = &(*end)->next;
    j->first = *end;
    *end = NULL;
    if (j->first == NULL)
        j->last = &j->first;
    return first;
}

/* The next entries, those of a second or of one transaction, or none when a while has passed. False: it is over. */
static bool take_batch(struct journal *j, struct queued **batch)
{
    pthread_mutex_lock(&j->lock);
    for (int64_t idle = clock_ms() + JOURNAL_TELL_MS; j->first == NULL && !j->stopping && wait_until(j, idle);)
        ;
    for (int64_t full = clock_ms() + JOURNAL_BATCH_MS; j->first != NULL && j->queued < JOURNAL_BATCH && !j->stopping;)
        if (!wait_until(j, full))
            break;
    bool over = j->stopping && (j->first == NULL || clock_ms() >= j->stop_at);
    *batch = over ? NULL : detach(j);
    pthread_mutex_unlock(&j->lock);
    return !over;
}

static void tell_of_recovery(struct journal *j)
{
    if (j->told_of_trouble)
        log_info("journal '%s' can be written again", j->path);
    j->told_of_trouble = false;
}

static void *write_journal(void *arg)
{
    struct journal *j = arg;
    struct queued *batch;
    while (take_batch(j, &batch)) {
        bool written;
        while (!(written = try_to_write(j, batch)) && pause_writing(j))
            ;
        if (written)
            tell_of_recovery(j);
        settle(j, batch, written);
        tell_of_dropped(j);
    }
    db_close(&j->db);
    pthread_mutex_lock(&j->lock);
    j->ended = true;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* ---- start and stop ---- */

static void free_journal(struct journal *j)
{
    db_free(&j->db);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

/* What can be known at the start: false for a file that will never do. */
static bool open_file(struct journal *j)
{
    enum db_result r = db_open(&j->db);
    if (r == DB_CORRUPT)
        r = set_aside(j) ? db_open(&j->db) : DB_REFUSED;
    if (r == DB_LATER)
        tell_of_trouble(j);
    return r == DB_DONE || r == DB_LATER;
}

static bool start_writer(struct journal *j)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    bool ok = pthread_create(&thread, &detached, write_journal, j) == 0;
    pthread_attr_destroy(&detached);
    if (!ok)
        db_refuse(&j->db, DB_LATER, "no thread to be had");
    return ok;
}

struct journal *journal_start(const struct journal_params *params, const char **error)
{
    static _Thread_local char text[LIMIT_LOG_LINE];
    struct journal *j = calloc(1, sizeof(*j));
    pthread_condattr_t attr;
    if (j == NULL)
        BUG("out of memory for the journal");
    j->last = &j->first;
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->changed, &attr);
    pthread_condattr_destroy(&attr);
    db_init(&j->db, params);
    j->path = j->db.params.path;
    if (open_file(j) && start_writer(j))
        return j;
    snprintf(text, sizeof(text), "journal '%s': %s", j->path, j->db.reason);
    *error = text;
    free_journal(j);
    return NULL;
}

/* A disk that does not answer holds the writer for ever: then it is left alone. */
void journal_stop(struct journal *j, int64_t deadline_ms)
{
    if (j == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    j->stop_at = clock_ms() + deadline_ms;
    pthread_cond_broadcast(&j->changed);
    while (!j->ended && wait_until(j, j->stop_at + JOURNAL_RETRY_MS))
        ;
    bool ended = j->ended;
    pthread_mutex_unlock(&j->lock);
    if (!ended) {
        log_warning("journal '%s': the disk does not answer, stopped without it", j->path);
        return;
    }
    settle(j, j->first, false);
    log_info("journal '%s': %llu entries were written, %llu dropped", j->path, (unsigned long long)j->totals.written,
             (unsigned long long)j->totals.dropped);
    free_journal(j);
}
