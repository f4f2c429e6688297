/*
 * dns_cache.c - answers kept by (name, type), and equal questions made one.
 *
 * The first who asks starts the question inside, always with a whole lookup's time, so that its outcome does not depend on who
 * asked; everyone waits for it as long as his own deadline says. The answer is kept for its TTL (RFC 1035 3.2.1, RFC 2308 5), a
 * failure for LIMIT_DNS_FAILURE (RFC 2308 7); what was not asked for longest goes first when the bounds are met. One mutex guards
 * everything; it is held for a look into the table, never for a copy or a call inside.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/map.h"

#include "dns_int.h"

#define MALLOC_COST 16 /* bytes the heap adds to a block */

struct link {
    struct link *before, *after;
};

/* An entry is also the query of everyone who finds it answered. */
struct entry {
    struct dns_query query;
    struct link used; /* in the order of use, from the moment it is answered */
    struct entry *next;
    struct cache *cache;
    uint64_t hash;
    atomic_uint refs; /* the table, the question inside, and everyone who holds it */
    enum dns_type type;
    bool answered;
    int64_t expires;
    size_t bytes;
    struct waiter *waiters;
    struct dns_query *inner;
    struct dns_answer answer;
    void *block; /* of the answer */
    struct str name;
    char text[];
};

/* Someone who waits for an entry. Two owners: the list of the entry, and who waits. */
struct waiter {
    struct dns_query query;
    struct waiter *next;
    struct entry *entry;
    atomic_uint refs;
    bool done;
    int64_t deadline;
    pthread_cond_t changed;
    void (*fn)(void *ctx);
    void *ctx;
};

struct cache {
    struct dns dns;
    struct dns *inner;
    struct dns_cache_params params;
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t mask, bytes, count;
    struct link used; /* a ring: after it the last used, before it the first to go */
};

static struct cache *cache_of(struct dns *d)
{
    return (struct cache *)(void *)d;
}

static struct entry *entry_of(struct dns_query *q)
{
    return (struct entry *)(void *)q;
}

static struct waiter *waiter_of(struct dns_query *q)
{
    return (struct waiter *)(void *)q;
}

static struct entry *entry_of_link(struct link *l)
{
    return (struct entry *)(void *)((char *)l - offsetof(struct entry, used));
}

static void entry_unref(struct entry *e)
{
    if (atomic_fetch_sub(&e->refs, 1) > 1)
        return;
    free(e->block);
    free(e);
}

static void waiter_unref(struct waiter *w)
{
    if (atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    pthread_cond_destroy(&w->changed);
    entry_unref(w->entry);
    free(w);
}

static void entry_answer(const struct entry *e, struct arena *a, struct dns_answer *out)
{
    int64_t left = e->expires - e->cache->params.now();
    dns_answer_copy(a, &e->answer, out);
    out->ttl = left > 0 ? (uint32_t)((left + 999) / 1000) : 0;
}

static void entry_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    entry_answer(entry_of(q), a, out);
    entry_unref(entry_of(q));
}

static void entry_drop(struct dns_query *q)
{
    entry_unref(entry_of(q));
}

static void entry_notify(struct dns_query *q, void (*fn)(void *ctx), void *ctx)
{
    (void)q;
    fn(ctx);
}

static const struct dns_ops entry_ops = { .wait = entry_wait, .drop = entry_drop, .notify = entry_notify };

static void waiter_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct waiter *w = waiter_of(q);
    pthread_mutex_t *lock = &w->entry->cache->lock;
    pthread_mutex_lock(lock);
    while (!w->done && dns_cond_wait(&w->changed, lock, w->deadline))
        ;
    bool done = w->done;
    pthread_mutex_unlock(lock);
    if (done)
        entry_answer(w->entry, a, out);
    else
        dns_fail(out, "time-out");
    waiter_unref(w);
}

static void waiter_drop(struct dns_query *q)
{
    waiter_unref(waiter_of(q));
}

static void waiter_notify(struct dns_query *q, void (*fn)(void *ctx), void *ctx)
{
    struct waiter *w = waiter_of(q);
    pthread_mutex_lock(&w->entry->cache->lock);
    bool done = w->done;
    if (!done) {
        w->fn = fn;
        w->ctx = ctx;
    }
    pthread_mutex_unlock(&w->entry->cache->lock);
    if (done)
        fn(ctx);
}

static const struct dns_ops waiter_ops = { .wait = waiter_wait, .drop = waiter_drop, .notify = waiter_notify };

static void link_first(struct cache *c, struct link *l)
{
    *l = (struct link){ &c->used, c->used.after };
    l->before->after = l->after->before = l;
}

static void unlink_used(struct link *l)
{
    l->before->after = l->after;
    l->after->before = l->before;
}

/* Takes an answered entry out of the table. */
static void evict(struct cache *c, struct entry *e)
{
    struct entry **at = &c->buckets[e->hash & c->mask];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    unlink_used(&e->used);
    c->bytes -= e->bytes;
    c->count--;
    entry_unref(e);
}

static void keep_answered(struct cache *c, struct entry *e)
{
    link_first(c, &e->used);
    c->bytes += e->bytes;
    c->count++;
    while ((c->bytes > c->params.bytes || c->count > c->params.count) && c->used.before != &c->used)
        evict(c, entry_of_link(c->used.before));
}

/* The question inside has its answer: runs in the thread that brought it. */
static void arrived(void *ctx)
{
    struct entry *e = ctx;
    struct cache *c = e->cache;
    struct dns_answer answer;
    struct arena *a = arena_new();
    dns_wait(e->inner, a, &answer);
    size_t block = dns_answer_bytes(&answer);
    e->block = dns_alloc(block);
    dns_answer_pack(e->block, &answer, &e->answer);
    arena_free(a);
    e->bytes = sizeof(*e) + e->name.n + block + 2 * MALLOC_COST;
    e->expires = c->params.now() + 1000 * (int64_t)(answer.status == DNS_TEMPFAIL ? LIMIT_DNS_FAILURE : answer.ttl);

    pthread_mutex_lock(&c->lock);
    e->answered = true;
    struct waiter *waiters = e->waiters;
    for (struct waiter *w = waiters; w != NULL; w = w->next) {
        w->done = true;
        pthread_cond_signal(&w->changed);
    }
    keep_answered(c, e);
    pthread_mutex_unlock(&c->lock);

    for (struct waiter *w = waiters, *next; w != NULL; w = next) {
        next = w->next;
        if (w->fn != NULL)
            w->fn(w->ctx);
        waiter_unref(w);
    }
    entry_unref(e);
}

static void ask_inside(struct cache *c, struct entry *e)
{
    e->inner = c->inner->ops->start(c->inner, e->name, e->type, clock_ms() + LIMIT_DNS_LOOKUP_MS);
    if (e->inner->ops->notify != NULL)
        e->inner->ops->notify(e->inner, arrived, e);
    else
        arrived(e);
}

static struct entry *find(const struct cache *c, uint64_t hash, struct str name, enum dns_type type)
{
    struct entry *e = c->buckets[hash & c->mask];
    while (e != NULL && (e->hash != hash || e->type != type || !str_eq(e->name, name)))
        e = e->next;
    return e;
}

static struct entry *insert(struct cache *c, uint64_t hash, struct str name, enum dns_type type)
{
    struct entry *e = dns_alloc(sizeof(*e) + name.n);
    e->query.ops = &entry_ops;
    e->cache = c;
    e->hash = hash;
    e->type = type;
    e->refs = 2;
    memcpy(e->text, name.p, name.n);
    e->name = (struct str){ e->text, name.n };
    e->next = c->buckets[hash & c->mask];
    c->buckets[hash & c->mask] = e;
    return e;
}

static struct dns_query *wait_for(struct entry *e, int64_t deadline)
{
    struct waiter *w = dns_alloc(sizeof(*w));
    w->query.ops = &waiter_ops;
    w->entry = e;
    w->refs = 2;
    w->deadline = deadline;
    dns_cond_init(&w->changed);
    atomic_fetch_add(&e->refs, 1);
    w->next = e->waiters;
    e->waiters = w;
    return &w->query;
}

static struct dns_query *cache_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct cache *c = cache_of(self);
    uint64_t hash = map_hash(name) + (uint64_t)type;
    int64_t now = c->params.now();
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, hash, name, type);
    if (e != NULL && e->answered && e->expires > now) {
        atomic_fetch_add(&e->refs, 1);
        unlink_used(&e->used);
        link_first(c, &e->used);
        pthread_mutex_unlock(&c->lock);
        return &e->query;
    }
    if (e != NULL && e->answered) {
        evict(c, e);
        e = NULL;
    }
    bool first = e == NULL;
    if (first)
        e = insert(c, hash, name, type);
    struct dns_query *q = wait_for(e, deadline);
    pthread_mutex_unlock(&c->lock);
    if (first)
        ask_inside(c, e);
    return q;
}

/* Freeing what is inside answers what is still in flight, so only the table holds entries then. */
static void cache_free(struct dns *self)
{
    struct cache *c = cache_of(self);
    dns_free(c->inner);
    while (c->used.after != &c->used)
        evict(c, entry_of_link(c->used.after));
    pthread_mutex_destroy(&c->lock);
    free(c->buckets);
    free(c);
}

static const struct dns_ops cache_ops = { .start = cache_start, .free = cache_free };

struct dns *dns_cache_new_with(struct dns *inner, const struct dns_cache_params *params)
{
    struct cache *c = dns_alloc(sizeof(*c));
    size_t buckets = 16;
    while (buckets < params->count)
        buckets *= 2;
    c->dns.ops = &cache_ops;
    c->inner = inner;
    c->params = *params;
    c->buckets = dns_alloc(buckets * sizeof(struct entry *));
    c->mask = buckets - 1;
    c->used = (struct link){ &c->used, &c->used };
    pthread_mutex_init(&c->lock, NULL);
    return &c->dns;
}

struct dns *dns_cache_new(struct dns *inner)
{
    const struct dns_cache_params params = { .bytes = LIMIT_DNS_CACHE_BYTES, .count = LIMIT_DNS_CACHE_COUNT, .now = clock_ms };
    return dns_cache_new_with(inner, &params);
}

size_t dns_cache_bytes(struct dns *d)
{
    pthread_mutex_lock(&cache_of(d)->lock);
    size_t n = cache_of(d)->bytes;
    pthread_mutex_unlock(&cache_of(d)->lock);
    return n;
}

size_t dns_cache_count(struct dns *d)
{
    pthread_mutex_lock(&cache_of(d)->lock);
    size_t n = cache_of(d)->count;
    pthread_mutex_unlock(&cache_of(d)->lock);
    return n;
}
