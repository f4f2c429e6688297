/*
 * brake.c - is our resolver down? The share of DNS questions that failed in the last minute, over all messages.
 *
 * A single broken zone says nothing about the resolver, so each message counts with few of its questions, and there must be some
 * number of them before anything is said. What happens to mail then is left to outage.c.
 */
#include <pthread.h>
#include <stdlib.h>

#include "mailseal/log.h"

#include "engine_int.h"

#define BUCKETS   6
#define BUCKET_S  10
#define SAY_AGAIN 60 /* seconds between two lines in the log */

struct brake {
    pthread_mutex_t lock;
    struct {
        int64_t slot; /* which ten seconds these are; older ones are no longer looked at */
        struct dns_tally tally;
    } bucket[BUCKETS];
    bool said;
    int64_t said_at;
};

struct brake *brake_new(void)
{
    struct brake *b = calloc(1, sizeof(*b));
    if (b == NULL)
        BUG("out of memory for the brake");
    pthread_mutex_init(&b->lock, NULL);
    b->said_at = -SAY_AGAIN;
    return b;
}

void brake_free(struct brake *b)
{
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static struct dns_tally cut(struct dns_tally t)
{
    if (t.ended <= LIMIT_BRAKE_MESSAGE)
        return t;
    return (struct dns_tally){ .ended = LIMIT_BRAKE_MESSAGE, .failed = t.failed * LIMIT_BRAKE_MESSAGE / t.ended };
}

static void add(struct brake *b, struct dns_tally t, int64_t slot)
{
    size_t i = (size_t)slot % BUCKETS;
    if (b->bucket[i].slot != slot)
        b->bucket[i].tally = (struct dns_tally){ 0 };
    b->bucket[i].slot = slot;
    b->bucket[i].tally.ended += t.ended;
    b->bucket[i].tally.failed += t.failed;
}

static struct dns_tally sum(const struct brake *b, int64_t slot)
{
    struct dns_tally all = { 0 };
    for (size_t i = 0; i < BUCKETS; i++)
        if (b->bucket[i].slot > slot - BUCKETS) {
            all.ended += b->bucket[i].tally.ended;
            all.failed += b->bucket[i].tally.failed;
        }
    return all;
}

/* A share that goes up and down around the limit must not fill the log: the end is told only after a beginning that was. */
static enum brake_news news_of(struct brake *b, bool on, int64_t now)
{
    if (on && now - b->said_at >= SAY_AGAIN) {
        b->said = true;
        b->said_at = now;
        return BRAKE_IS_ON;
    }
    if (on || !b->said)
        return BRAKE_NO_NEWS;
    b->said = false;
    return BRAKE_ENDED;
}

struct brake_state brake_count(struct brake *b, struct dns_tally t, int64_t share, int64_t now)
{
    int64_t slot = now / BUCKET_S;
    struct brake_state s;
    pthread_mutex_lock(&b->lock);
    add(b, cut(t), slot);
    s.tally = sum(b, slot);
    s.on = s.tally.ended >= LIMIT_BRAKE_QUESTIONS && (int64_t)s.tally.failed * 100 > (int64_t)s.tally.ended * share;
    s.news = news_of(b, s.on, now);
    pthread_mutex_unlock(&b->lock);
    return s;
}
