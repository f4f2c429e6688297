/*
 * desk.h - a maker of answers for tests: questions lie on a desk until the test answers them.
 *
 * Each question is kept with its name; desk_answer() gives the oldest open one its answer and the notice. With `eager` every
 * question is answered at once with `now_answer`.
 */
#ifndef TESTS_DNS_DESK_H
#define TESTS_DNS_DESK_H

#include <stdatomic.h>

#include "milter/dns/dns_int.h"
#include "tests/support/support.h"

struct paper {
    struct dns_query query;
    struct desk *desk;
    struct paper *next;
    char name[LIMIT_DOMAIN];
    size_t n;
    enum dns_type type;
    int64_t deadline;
    bool answered, ended;
    const struct dns_answer *answer;
    void (*fn)(void *ctx);
    void *ctx;
};

struct desk {
    struct dns dns;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct paper *first, **last; /* all, until desk_free() */
    atomic_uint asked;
    atomic_uint dropped;
    bool eager;
    const struct dns_answer *now_answer;
};

static inline struct dns_query *desk_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct desk *d = (struct desk *)(void *)self;
    struct paper *p = calloc(1, sizeof(*p));
    p->query.ops = self->ops;
    p->desk = d;
    memcpy(p->name, name.p, name.n);
    p->n = name.n;
    p->type = type;
    p->deadline = deadline;
    pthread_mutex_lock(&d->lock);
    p->answered = d->eager;
    p->answer = d->now_answer;
    *d->last = p;
    d->last = &p->next;
    pthread_mutex_unlock(&d->lock);
    atomic_fetch_add(&d->asked, 1);
    return &p->query;
}

static inline void desk_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct paper *p = (struct paper *)(void *)q;
    pthread_mutex_lock(&p->desk->lock);
    while (!p->answered)
        pthread_cond_wait(&p->desk->changed, &p->desk->lock);
    p->ended = true;
    pthread_mutex_unlock(&p->desk->lock);
    dns_answer_copy(a, p->answer, out);
}

static inline void desk_drop(struct dns_query *q)
{
    struct paper *p = (struct paper *)(void *)q;
    pthread_mutex_lock(&p->desk->lock);
    p->ended = true;
    pthread_mutex_unlock(&p->desk->lock);
    atomic_fetch_add(&p->desk->dropped, 1);
}

static inline void desk_notify(struct dns_query *q, void (*fn)(void *ctx), void *ctx)
{
    struct paper *p = (struct paper *)(void *)q;
    pthread_mutex_lock(&p->desk->lock);
    bool answered = p->answered;
    if (!answered) {
        p->fn = fn;
        p->ctx = ctx;
    }
    pthread_mutex_unlock(&p->desk->lock);
    if (answered)
        fn(ctx);
}

/* Answers the oldest open question; false when there is none. */
static inline bool desk_answer(struct desk *d, const struct dns_answer *answer)
{
    pthread_mutex_lock(&d->lock);
    struct paper *p = d->first;
    while (p != NULL && p->answered)
        p = p->next;
    void (*fn)(void *ctx) = NULL;
    if (p != NULL) {
        p->answer = answer;
        p->answered = true;
        fn = p->fn;
        pthread_cond_broadcast(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    if (fn != NULL)
        fn(p->ctx);
    return p != NULL;
}

/* As a maker must: what is still open is answered. */
static inline void desk_free(struct dns *self)
{
    static const struct dns_answer closed = { .status = DNS_TEMPFAIL, .reason = "closed" };
    struct desk *d = (struct desk *)(void *)self;
    while (desk_answer(d, &closed))
        ;
    for (struct paper *p = d->first, *next; p != NULL; p = next) {
        next = p->next;
        if (!p->ended)
            fail_msg("a question was never ended");
        free(p);
    }
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static const struct dns_ops desk_ops = {
    .start = desk_start, .wait = desk_wait, .drop = desk_drop, .free = desk_free, .notify = desk_notify
};

static inline struct desk *desk_new(void)
{
    struct desk *d = calloc(1, sizeof(*d));
    d->dns.ops = &desk_ops;
    d->last = &d->first;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    return d;
}

#endif
