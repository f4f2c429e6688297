/*
 * dns_meter.c - the questions of one message: counted, bounded, and called off when the message is gone.
 *
 * RFC 7208 4.6.4 asks for a bound of all its lookups; this one is over all mechanisms. A question beyond the bounds is a failure
 * with a reason, never an answer. Waits end when the meter is cancelled, which needs a maker inside that can notify().
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/clock.h"

#include "dns_int.h"

struct meter {
    struct dns dns;
    struct dns *inner;
    struct dns_notes *notes; /* or NULL */
    unsigned max;
    int64_t deadline;
    atomic_uint refs, count, ended, failed;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a question of the meter has its answer, or it is cancelled */
    bool cancelled;
};

/* One question. Two owners: who asked, and the notice of its answer. */
struct metered {
    struct dns_query query;
    struct meter *meter;
    struct dns_query *inner;
    int64_t deadline;
    atomic_uint refs;
    bool ready;
    enum dns_type type;
    struct str name; /* for the notes, or empty */
    char text[];
};

static struct meter *meter_of(const struct dns *d)
{
    return (struct meter *)(uintptr_t)d;
}

static struct metered *metered_of(struct dns_query *q)
{
    return (struct metered *)(void *)q;
}

static void metered_unref(struct metered *m)
{
    if (atomic_fetch_sub(&m->refs, 1) > 1)
        return;
    dns_meter_unref(m->meter);
    free(m);
}

static void metered_ready(void *ctx)
{
    struct metered *m = ctx;
    pthread_mutex_lock(&m->meter->lock);
    m->ready = true;
    pthread_cond_broadcast(&m->meter->changed);
    pthread_mutex_unlock(&m->meter->lock);
    metered_unref(m);
}

/* The reasons of a refusal are recognised by their address. */
static const char too_many[] = "too many DNS queries for one message", no_time[] = "no time left for DNS queries";

bool dns_meter_refused(const struct dns_answer *a)
{
    return a->status == DNS_TEMPFAIL && (a->reason == too_many || a->reason == no_time);
}

/* NULL, or why the meter refuses another question. */
static const char *refusal(struct meter *t)
{
    pthread_mutex_lock(&t->lock);
    bool cancelled = t->cancelled;
    pthread_mutex_unlock(&t->lock);
    if (cancelled)
        return "cancelled";
    if (atomic_fetch_add(&t->count, 1) >= t->max)
        return too_many;
    return clock_ms() >= t->deadline ? no_time : NULL;
}

static struct dns_query *meter_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct meter *t = meter_of(self);
    const char *reason = refusal(t);
    if (reason != NULL)
        return dns_fixed(DNS_TEMPFAIL, reason);
    size_t noted = t->notes != NULL ? name.n : 0;
    struct metered *m = dns_alloc(sizeof(*m) + noted);
    memcpy(m->text, name.p, noted);
    m->name = (struct str){ m->text, noted };
    m->type = type;
    m->query.ops = self->ops;
    m->meter = meter_of(dns_meter_ref(self));
    m->deadline = deadline < t->deadline ? deadline : t->deadline;
    m->inner = t->inner->ops->start(t->inner, name, type, m->deadline);
    m->ready = m->inner->ops->notify == NULL;
    m->refs = m->ready ? 1 : 2;
    if (!m->ready)
        m->inner->ops->notify(m->inner, metered_ready, m);
    return &m->query;
}

static void meter_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct metered *m = metered_of(q);
    struct meter *t = m->meter;
    pthread_mutex_lock(&t->lock);
    while (!m->ready && !t->cancelled && dns_cond_wait(&t->changed, &t->lock, m->deadline))
        ;
    bool ready = m->ready, cancelled = t->cancelled;
    pthread_mutex_unlock(&t->lock);
    if (ready) {
        dns_wait(m->inner, a, out);
    } else {
        dns_drop(m->inner);
        dns_fail(out, cancelled ? "cancelled" : "time-out");
    }
    if (!cancelled) {
        atomic_fetch_add(&t->ended, 1);
        atomic_fetch_add(&t->failed, out->status == DNS_TEMPFAIL);
    }
    if (t->notes != NULL && !cancelled)
        dns_notes_keep(t->notes, m->name, m->type, out);
    metered_unref(m);
}

static void meter_drop(struct dns_query *q)
{
    dns_drop(metered_of(q)->inner);
    metered_unref(metered_of(q));
}

static void meter_free(struct dns *self)
{
    dns_meter_unref(self);
}

static const struct dns_ops meter_ops = { .start = meter_start, .wait = meter_wait, .drop = meter_drop, .free = meter_free };

struct dns *dns_meter_new(struct dns *inner, unsigned max, int64_t deadline)
{
    struct meter *t = dns_alloc(sizeof(*t));
    t->dns.ops = &meter_ops;
    t->inner = inner;
    t->max = max;
    t->deadline = deadline;
    t->refs = 1;
    pthread_mutex_init(&t->lock, NULL);
    dns_cond_init(&t->changed);
    return &t->dns;
}

struct dns *dns_meter_ref(struct dns *d)
{
    atomic_fetch_add(&meter_of(d)->refs, 1);
    return d;
}

void dns_meter_unref(void *d)
{
    struct meter *t = d;
    if (atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    dns_notes_unref(t->notes);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void dns_meter_note(struct dns *d, struct dns_notes *k)
{
    meter_of(d)->notes = dns_notes_ref(k);
}

unsigned dns_meter_count(const struct dns *d)
{
    return atomic_load(&meter_of(d)->count);
}

struct dns_tally dns_meter_tally(const struct dns *d)
{
    /* In this order: a question that ends meanwhile is no failure without having ended. */
    unsigned failed = atomic_load(&meter_of(d)->failed);
    return (struct dns_tally){ .ended = atomic_load(&meter_of(d)->ended), .failed = failed };
}

void dns_meter_cancel(struct dns *d)
{
    struct meter *t = meter_of(d);
    pthread_mutex_lock(&t->lock);
    t->cancelled = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}
