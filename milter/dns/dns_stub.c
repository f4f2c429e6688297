/*
 * dns_stub.c - the network: one thread that has all questions of the process on the wire.
 *
 * Callers queue a lookup and wait on its condition variable; the thread takes at most LIMIT_DNS_IN_FLIGHT of them at once, polls
 * their sockets and says when each is done. poll(2) rather than epoll: it is in every system, and 256 descriptors cost it a few
 * microseconds. A lookup has two owners, its caller and the thread, and goes with the second. What a try does is left to dns_try.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/log.h"

#include "dns_int.h"

#define DOWN_MS     30000 /* a server that timed out is asked last for that long */
#define FOLLOW_MS   3000  /* between two looks at resolv.conf */
#define RESOLV_CONF "/etc/resolv.conf"

struct dns_stub {
    struct dns dns;
    pthread_t thread;
    int wake[2]; /* a pipe: a byte in it ends the thread's poll() */

    pthread_mutex_t lock;
    struct dns_lookup *first, **last; /* the queue */
    bool woken, stop;

    /* The thread's own. */
    struct dns_net net;
    struct dns_lookup *active[LIMIT_DNS_IN_FLIGHT];
    size_t n;
};

static struct dns_stub *stub_of(struct dns *d)
{
    return (struct dns_stub *)(void *)d;
}

static struct dns_lookup *lookup_of(struct dns_query *q)
{
    return (struct dns_lookup *)(void *)q;
}

static void release(struct dns_lookup *l)
{
    pthread_mutex_lock(&l->stub->lock);
    bool last = --l->refs == 0;
    pthread_mutex_unlock(&l->stub->lock);
    if (!last)
        return;
    pthread_cond_destroy(&l->changed);
    arena_free(l->arena);
    free(l);
}

static void wake(struct dns_stub *s)
{
    if (write(s->wake[1], "", 1) < 0 && errno != EAGAIN)
        BUG("cannot wake the DNS thread");
}

static struct dns_query *stub_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct dns_stub *s = stub_of(self);
    struct dns_lookup *l = dns_alloc(sizeof(*l));
    l->query.ops = self->ops;
    l->stub = s;
    memcpy(l->name, name.p, name.n);
    l->question = (struct dns_question){ .name = { l->name, name.n }, .type = type, .edns = true };
    l->deadline = deadline;
    l->refs = 2;
    dns_cond_init(&l->changed);
    l->fd = -1;
    l->try_ms = s->net.params.try_ms;
    pthread_mutex_lock(&s->lock);
    *s->last = l;
    s->last = &l->next;
    bool asleep = !s->woken;
    s->woken = true;
    pthread_mutex_unlock(&s->lock);
    if (asleep)
        wake(s);
    return &l->query;
}

static void stub_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct dns_lookup *l = lookup_of(q);
    pthread_mutex_lock(&l->stub->lock);
    while (!l->done && dns_cond_wait(&l->changed, &l->stub->lock, l->deadline))
        ;
    bool done = l->done;
    pthread_mutex_unlock(&l->stub->lock);
    if (done)
        dns_answer_copy(a, &l->answer, out);
    else
        dns_fail(out, "time-out");
    release(l);
}

static void stub_drop(struct dns_query *q)
{
    release(lookup_of(q));
}

static void stub_notify(struct dns_query *q, void (*fn)(void *ctx), void *ctx)
{
    struct dns_lookup *l = lookup_of(q);
    pthread_mutex_lock(&l->stub->lock);
    bool done = l->done;
    if (!done) {
        l->fn = fn;
        l->ctx = ctx;
    }
    pthread_mutex_unlock(&l->stub->lock);
    if (done)
        fn(ctx);
}

/* The thread's part of a lookup is over. */
static void finish(struct dns_lookup *l)
{
    pthread_mutex_lock(&l->stub->lock);
    l->done = true;
    void (*fn)(void *ctx) = l->fn;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->stub->lock);
    if (fn != NULL)
        fn(l->ctx);
    release(l);
}

/* The first of the queue, when there is room for it or its time is over; *wanted unless it was dropped. */
static struct dns_lookup *take(struct dns_stub *s, int64_t now, bool *wanted)
{
    pthread_mutex_lock(&s->lock);
    struct dns_lookup *l = s->first;
    if (l != NULL && s->n == LIMIT_DNS_IN_FLIGHT && now < l->deadline)
        l = NULL;
    if (l != NULL) {
        s->first = l->next;
        if (s->first == NULL)
            s->last = &s->first;
        *wanted = l->refs > 1 || l->fn != NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return l;
}

/* Puts on the wire what there is room for. */
static void admit(struct dns_stub *s)
{
    struct dns_lookup *l;
    bool wanted;
    int64_t now = clock_ms();
    while ((l = take(s, now, &wanted)) != NULL) {
        if (wanted) {
            l->arena = arena_new();
            dns_try_next(&s->net, l, now);
        } else {
            dns_try_fail(l, "dropped");
        }
        if (l->phase == DNS_PHASE_DONE)
            finish(l);
        else
            s->active[s->n++] = l;
    }
}

/* True when the stub is to end. What was queued before is seen by the next admit(). */
static bool drain(struct dns_stub *s)
{
    char bytes[64];
    while (read(s->wake[0], bytes, sizeof(bytes)) > 0)
        ;
    pthread_mutex_lock(&s->lock);
    s->woken = false;
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

static void serve(struct dns_stub *s, const struct pollfd *fds)
{
    int64_t now = clock_ms();
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct dns_lookup *l = s->active[i];
        if (fds[i].revents != 0)
            dns_try_ready(&s->net, l, now);
        if (l->phase != DNS_PHASE_DONE && now >= l->until)
            dns_try_late(&s->net, l, now);
        if (l->phase == DNS_PHASE_DONE)
            finish(l);
        else
            s->active[kept++] = l;
    }
    s->n = kept;
}

static void *run(void *p)
{
    struct dns_stub *s = p;
    struct pollfd fds[1 + LIMIT_DNS_IN_FLIGHT];
    do {
        admit(s);
        int64_t first = INT64_MAX, now = clock_ms();
        fds[0] = (struct pollfd){ .fd = s->wake[0], .events = POLLIN };
        for (size_t i = 0; i < s->n; i++) {
            fds[1 + i] = (struct pollfd){ .fd = s->active[i]->fd, .events = dns_try_events(s->active[i]) };
            if (s->active[i]->until < first)
                first = s->active[i]->until;
        }
        poll(fds, 1 + s->n, s->n == 0 ? -1 : first > now ? (int)(first - now) : 0);
        serve(s, fds + 1);
    } while (fds[0].revents == 0 || !drain(s));
    return NULL;
}

/* Everybody who still waits is answered, by the thread that frees the stub. */
static void stub_free(struct dns *self)
{
    struct dns_stub *s = stub_of(self);
    struct dns_lookup *l;
    bool wanted;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    wake(s);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->n; i++) {
        dns_try_fail(s->active[i], "shutting down");
        finish(s->active[i]);
    }
    while ((l = take(s, INT64_MAX, &wanted)) != NULL) {
        dns_try_fail(l, "shutting down");
        finish(l);
    }
    close(s->wake[0]);
    close(s->wake[1]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Signals are for the main thread, and the stack need not be large. */
static bool start_thread(struct dns_stub *s)
{
    pthread_attr_t attr;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, LIMIT_THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&s->thread, &attr, run, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return started;
}

static const struct dns_ops stub_ops = {
    .start = stub_start, .wait = stub_wait, .drop = stub_drop, .free = stub_free, .notify = stub_notify
};

struct dns *dns_stub_new_with(const struct str *servers, size_t n, bool trust_ad, const struct dns_stub_params *params,
                              const char **error)
{
    struct dns_stub *s = dns_alloc(sizeof(*s));
    s->dns.ops = &stub_ops;
    s->last = &s->first;
    s->net.params = *params;
    s->net.trust_ad = trust_ad;
    s->net.servers = (struct dns_servers){ .port = params->port, .path = n == 0 ? params->resolv_conf : NULL };
    if (!dns_servers_set(&s->net.servers, servers, n)) {
        *error = "a nameserver is no address, or there are too many";
        free(s);
        return NULL;
    }
    if (pipe2(s->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        *error = "no pipe for the DNS thread";
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    if (!start_thread(s)) {
        *error = "no DNS thread";
        close(s->wake[0]);
        close(s->wake[1]);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return NULL;
    }
    return &s->dns;
}

struct dns *dns_stub_new(const struct str *servers, size_t n, bool trust_ad, const char **error)
{
    const struct dns_stub_params params = {
        .try_ms = LIMIT_DNS_TRY_MS, .down_ms = DOWN_MS, .follow_ms = FOLLOW_MS, .resolv_conf = RESOLV_CONF, .port = 53
    };
    return dns_stub_new_with(servers, n, trust_ad, &params, error);
}

size_t dns_system_servers(struct arena *a, struct str *out)
{
    struct dns_servers s = { .port = 53, .path = RESOLV_CONF };
    dns_servers_follow(&s, 0, 0);
    return dns_servers_text(&s, a, out);
}
