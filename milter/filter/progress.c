/*
 * progress.c - tells mail servers that wait at end of message that we are still at work.
 *
 * sendmail gives every single reply 10 seconds (T=R:), Postfix 300; waiting for a slow name service may take longer than the
 * former, and only end of message may ask for patience. libmilter's only other use of the connection, the callback's own, begins
 * after progress_leave().
 */
#include <pthread.h>
#include <time.h>

#include "mailseal/clock.h"

#include "filter_int.h"

static struct {
    pthread_mutex_t lock;
    struct progress *first;
} waiting = { .lock = PTHREAD_MUTEX_INITIALIZER };

void progress_enter(struct progress *p, SMFICTX *ctx)
{
    *p = (struct progress){ .ctx = ctx, .due = clock_ms() + LIMIT_PROGRESS_MS };
    pthread_mutex_lock(&waiting.lock);
    p->next = waiting.first;
    if (p->next != NULL)
        p->next->prev = p;
    waiting.first = p;
    pthread_mutex_unlock(&waiting.lock);
}

void progress_leave(struct progress *p)
{
    pthread_mutex_lock(&waiting.lock);
    if (p->next != NULL)
        p->next->prev = p->prev;
    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        waiting.first = p->next;
    pthread_mutex_unlock(&waiting.lock);
}

/* A mail server that is gone shows itself to the callback later; here its failure means nothing. */
static void tell_those_due(int64_t now)
{
    pthread_mutex_lock(&waiting.lock);
    for (struct progress *p = waiting.first; p != NULL; p = p->next) {
        if (p->due > now)
            continue;
        (void)smfi_progress(p->ctx);
        p->due = now + LIMIT_PROGRESS_MS;
    }
    pthread_mutex_unlock(&waiting.lock);
}

static void *run(void *unused)
{
    const struct timespec second = { .tv_sec = 1 };
    for (;;) {
        nanosleep(&second, NULL);
        tell_those_due(clock_ms());
    }
    return unused;
}

bool progress_start(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, run, NULL) == 0 && pthread_detach(thread) == 0;
}
