/*
 * deferral.c - how often mail of a pair (client network, author domain) was deferred because nobody answered.
 *
 * Senders try again after 5 minutes to an hour or so, and give up after days: a dozen rounds within a few hours outlast most
 * outages, and honest mail does not grow older than that. A table of fixed size, by a seeded hash of the pair; no part of it is
 * kept on disk. Whether the DNS is to blame, and what is decided instead, is left to outage.c.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/log.h"
#include "mailseal/map.h"

#include "engine_int.h"

#define WAYS 8 /* places a pair can be at: the oldest of them makes room */
#define SETS (LIMIT_DEFERRALS / WAYS)

struct pair {
    uint64_t hash; /* stands for the pair: nobody outside can choose two that collide */
    int64_t first, last, round;
    unsigned count; /* 0: free */
    bool answered;  /* mail of the pair got all its answers since the last deferral */
    bool given_up;
};

struct deferral {
    pthread_mutex_t lock;
    struct pair pairs[LIMIT_DEFERRALS];
};

struct deferral *deferral_new(void)
{
    struct deferral *d = calloc(1, sizeof(*d));
    if (d == NULL)
        BUG("out of memory for deferrals");
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void deferral_free(struct deferral *d)
{
    pthread_mutex_destroy(&d->lock);
    free(d);
}

unsigned deferral_network_bits(struct ip client)
{
    return client.family == 4 ? 24 : client.family == 6 ? 64 : 0;
}

static uint64_t hash_of(struct ip client, struct str domain)
{
    char key[1 + 8 + LIMIT_DOMAIN];
    size_t n = deferral_network_bits(client) / 8;
    domain = str_first(domain, LIMIT_DOMAIN);
    key[0] = (char)client.family;
    memcpy(key + 1, client.b, n);
    for (size_t i = 0; i < domain.n; i++)
        key[1 + n + i] = char_lower(domain.p[i]);
    return map_hash((struct str){ key, 1 + n + domain.n });
}

static struct pair *set_of(struct deferral *d, uint64_t hash)
{
    return &d->pairs[hash % SETS * WAYS];
}

static struct pair *find(struct deferral *d, uint64_t hash)
{
    struct pair *set = set_of(d, hash);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].count > 0 && set[i].hash == hash)
            return &set[i];
    return NULL;
}

static struct pair *oldest(struct deferral *d, uint64_t hash)
{
    struct pair *set = set_of(d, hash), *p = set;
    for (size_t i = 1; i < WAYS; i++)
        if (p->count > 0 && (set[i].count == 0 || set[i].last < p->last))
            p = &set[i];
    return p;
}

/* An answer alone does not end it: of two streams of mail one may have answers while the other, behind a broken zone, is deferred
 * again and again. Nor does it give new budget to a pair that was given up on. A clock that was set back begins anew. */
static bool is_over(const struct pair *p, int64_t now)
{
    int64_t quiet = now - p->last;
    return now < p->first || quiet >= LIMIT_DEFERRAL_FORGET || (p->answered && !p->given_up && quiet >= LIMIT_DEFERRAL_QUIET);
}

/* A sender with many messages tries them all in one round, which takes no more of its budget than one message does. */
static bool take(struct pair *p, const struct deferral_limits *l, int64_t now)
{
    bool same_round = p->count > 0 && !p->given_up && now >= p->round && now - p->round < LIMIT_DEFERRAL_ROUND;
    if (!same_round) {
        if (p->count >= l->times || now - p->first >= l->minutes * 60)
            return false;
        p->count++;
        p->round = now;
    }
    p->last = now;
    p->answered = p->given_up = false;
    return true;
}

bool deferral_allows(struct deferral *d, struct ip client, struct str domain, const struct deferral_limits *l, int64_t now,
                     struct deferral_count *out)
{
    uint64_t hash = hash_of(client, domain);
    pthread_mutex_lock(&d->lock);
    struct pair *p = find(d, hash);
    if (p == NULL || is_over(p, now)) {
        p = p != NULL ? p : oldest(d, hash);
        *p = (struct pair){ .hash = hash, .first = now, .last = now };
    }
    bool allowed = take(p, l, now);
    *out = (struct deferral_count){ .count = p->count, .minutes = (now - p->first) / 60, .news = !allowed && !p->given_up };
    p->given_up = !allowed;
    pthread_mutex_unlock(&d->lock);
    return allowed;
}

void deferral_answered(struct deferral *d, struct ip client, struct str domain)
{
    uint64_t hash = hash_of(client, domain);
    pthread_mutex_lock(&d->lock);
    struct pair *p = find(d, hash);
    if (p != NULL)
        p->answered = true;
    pthread_mutex_unlock(&d->lock);
}
