/*
 * env.c - the process: the current configuration, the DNS, the worker pool.
 *
 * A reload swaps one pointer; whoever works with the old configuration holds a reference of its own.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "engine_int.h"

struct env {
    pthread_mutex_t mutex; /* guards the pointer conf */
    struct conf *conf;
    struct dns *dns;
    struct pool *pool;
    struct sign_watch watch;
};

static struct dns *dns_of_conf(const struct conf *conf, const char **error)
{
    if (conf->dns_snapshot[0] != '\0')
        return dns_snapshot_new(conf->dns_snapshot, error);
    struct str servers[LIMIT_DNS_NAMESERVERS];
    for (size_t i = 0; i < conf->nameservers.n; i++)
        servers[i] = str_of(conf->nameservers.v[i]);
    struct dns *stub = dns_stub_new(servers, conf->nameservers.n, conf->trust_ad, error);
    return stub != NULL ? dns_cache_new(stub) : NULL;
}

struct env *env_new(struct conf *conf, struct dns *dns, unsigned workers, const char **error)
{
    if (dns == NULL)
        dns = dns_of_conf(conf, error);
    if (dns == NULL) {
        conf_unref(conf);
        return NULL;
    }
    struct env *e = calloc(1, sizeof(*e));
    if (e == NULL)
        BUG("out of memory for the environment");
    pthread_mutex_init(&e->mutex, NULL);
    e->conf = conf;
    e->dns = dns;
    e->pool = pool_new(workers);
    for (size_t i = 0; i < FRAGILE_KINDS; i++)
        atomic_init(&e->watch.warned[i], INT64_MIN / 2);
    return e;
}

void env_free(struct env *e)
{
    if (e == NULL)
        return;
    pool_free(e->pool);
    dns_free(e->dns);
    conf_unref(e->conf);
    pthread_mutex_destroy(&e->mutex);
    free(e);
}

struct conf *env_conf(struct env *e)
{
    pthread_mutex_lock(&e->mutex);
    struct conf *c = conf_ref(e->conf);
    pthread_mutex_unlock(&e->mutex);
    return c;
}

static bool strings_equal(const struct strings *a, const struct strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

/* What is bound to the process when it starts; a reload cannot change it. */
static void warn_of_restart(const struct conf *old, const struct conf *new)
{
    const struct {
        const char *option;
        bool same;
    } fixed[] = {
        { "socket", strcmp(old->socket, new->socket) == 0 },
        { "nameservers", strings_equal(&old->nameservers, &new->nameservers) && old->trust_ad == new->trust_ad },
        { "dns-snapshot", strcmp(old->dns_snapshot, new->dns_snapshot) == 0 },
        { "user", strcmp(old->user, new->user) == 0 },
        { "group", strcmp(old->group, new->group) == 0 },
        { "socket-mode", old->socket_mode == new->socket_mode },
        { "workers", old->workers == new->workers },
    };
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (!fixed[i].same)
            log_warning("option '%s' has changed and needs a restart", fixed[i].option);
}

void env_set_conf(struct env *e, struct conf *conf)
{
    pthread_mutex_lock(&e->mutex);
    struct conf *old = e->conf;
    e->conf = conf;
    pthread_mutex_unlock(&e->mutex);
    warn_of_restart(old, conf);
    conf_unref(old);
}

struct dns *env_dns(struct env *e)
{
    return e->dns;
}

struct pool *env_pool(struct env *e)
{
    return e->pool;
}

struct sign_watch *env_sign_watch(struct env *e)
{
    return &e->watch;
}

void env_sign_counts(struct env *e, struct sign_counts *out)
{
    out->failed = atomic_exchange(&e->watch.failed, 0);
    out->unpublished = atomic_exchange(&e->watch.unpublished, 0);
}
