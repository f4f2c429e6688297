/*
 * future.c - a pool of workers and the futures they run.
 *
 * A future has two owners, its maker and whoever runs it, and goes with the second of them: neither has to wait for the other. One
 * mutex guards the queue and every state; tasks are long compared with what it guards.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/future.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

enum state { NEW, QUEUED, RUNNING, DONE };

struct future {
    struct pool *pool;
    struct future *next; /* in the queue */
    struct arena *arena;
    void *(*fn)(void *input, struct arena *a);
    void *input, *result;
    enum state state;
    int refs;
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    struct future *head, **tail;
    pthread_t thread[LIMIT_WORKERS];
    unsigned max, threads, idle, queued;
    bool stopping;
};

struct pool *pool_new(unsigned threads)
{
    struct pool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        BUG("out of memory for a pool");
    p->max = threads < LIMIT_WORKERS ? threads : LIMIT_WORKERS;
    p->tail = &p->head;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, &attr);
    pthread_cond_init(&p->done, &attr);
    pthread_condattr_destroy(&attr);
    return p;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

struct future *future_new(struct pool *p)
{
    struct future *f = calloc(1, sizeof(*f));
    if (f == NULL)
        BUG("out of memory for a future");
    f->pool = p;
    f->arena = arena_new();
    f->refs = 1;
    return f;
}

struct arena *future_arena(struct future *f)
{
    return f->arena;
}

static void destroy(struct future *f)
{
    arena_free(f->arena);
    free(f);
}

/* Called with the mutex held; gives it up while fn runs. Frees the future when its maker is gone. */
static void run(struct pool *p, struct future *f)
{
    f->state = RUNNING;
    f->refs++;
    pthread_mutex_unlock(&p->mutex);
    void *result = f->fn(f->input, f->arena);
    pthread_mutex_lock(&p->mutex);
    f->result = result;
    f->state = DONE;
    pthread_cond_broadcast(&p->done);
    if (--f->refs == 0) {
        pthread_mutex_unlock(&p->mutex);
        destroy(f);
        pthread_mutex_lock(&p->mutex);
    }
}

static void unqueue(struct pool *p, struct future *f)
{
    struct future **at = &p->head;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    if (p->tail == &f->next)
        p->tail = at;
    p->queued--;
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->mutex);
    while (!p->stopping || p->head != NULL) {
        if (p->head == NULL) {
            p->idle++;
            pthread_cond_wait(&p->work, &p->mutex);
            p->idle--;
            continue;
        }
        struct future *f = p->head;
        unqueue(p, f);
        run(p, f);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* One more worker; without it the joiner does the work, so failing is no error. */
static void add_worker(struct pool *p)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, LIMIT_THREAD_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&p->thread[p->threads], &attr, worker, p) == 0)
        p->threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

void future_start(struct future *f, void *(*fn)(void *input, struct arena *a), void *input)
{
    struct pool *p = f->pool;
    f->fn = fn;
    f->input = input;
    pthread_mutex_lock(&p->mutex);
    f->state = QUEUED;
    f->next = NULL;
    *p->tail = f;
    p->tail = &f->next;
    p->queued++;
    if (p->queued > p->idle && p->threads < p->max)
        add_worker(p);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->mutex);
}

void *future_join(struct future *f, int64_t deadline)
{
    struct pool *p = f->pool;
    struct timespec until = { .tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000 };
    pthread_mutex_lock(&p->mutex);
    if (f->state == QUEUED) {
        unqueue(p, f);
        run(p, f);
    }
    while (f->state == RUNNING)
        if (pthread_cond_timedwait(&p->done, &p->mutex, &until) == ETIMEDOUT)
            break;
    void *result = f->state == DONE ? f->result : NULL;
    pthread_mutex_unlock(&p->mutex);
    return result;
}

void future_free(struct future *f)
{
    if (f == NULL)
        return;
    struct pool *p = f->pool;
    pthread_mutex_lock(&p->mutex);
    if (f->state == QUEUED)
        unqueue(p, f);
    int left = --f->refs;
    pthread_mutex_unlock(&p->mutex);
    if (left == 0)
        destroy(f);
}
