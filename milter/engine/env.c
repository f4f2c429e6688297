/*
 * env.c - the process: the current configuration, the DNS, the worker pool.
 *
 * A reload swaps one pointer; whoever works with the old configuration holds a reference of its own.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "engine_int.h"

#define DAY_S 86400

struct env {
    pthread_mutex_t mutex; /* guards the pointer conf */
    struct conf *conf;
    struct dns *dns;
    struct pool *pool;
    struct deferral *deferral;
    struct brake *brake;
    _Atomic int64_t day; /* since 1970, the last on which expired rules were named */
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

/* ---- rules that have expired ---- */

/* Such a rule no longer does what it was made for, and nobody sees it. */
static void warn_of_expired(const struct conf *conf, int64_t now)
{
    struct arena *a = arena_new();
    struct policy_step *rules;
    size_t n = policy_expired(conf->policy, a, now, &rules);
    for (size_t i = 0; i < n; i++) {
        bool owned = rules[i].owner[0] != '\0';
        log_warning("rule '%s' of policy '%s' has expired%s%s%s", rules[i].rule, policy_name(conf->policy),
                    owned ? ", its owner is '" : "", rules[i].owner, owned ? "'" : "");
    }
    arena_free(a);
}

static void begin_day(struct env *e, const struct conf *conf)
{
    int64_t now = clock_wall();
    atomic_store(&e->day, now / DAY_S);
    warn_of_expired(conf, now);
}

void env_note_day(struct env *e, const struct conf *conf, int64_t now)
{
    int64_t day = now / DAY_S, seen = atomic_load(&e->day);
    if (day > seen && atomic_compare_exchange_strong(&e->day, &seen, day))
        warn_of_expired(conf, now);
}

/* ---- the process ---- */

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
    e->deferral = deferral_new();
    e->brake = brake_new();
    begin_day(e, conf);
    return e;
}

void env_free(struct env *e)
{
    if (e == NULL)
        return;
    pool_free(e->pool);
    dns_free(e->dns);
    deferral_free(e->deferral);
    brake_free(e->brake);
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
    begin_day(e, conf);
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

struct deferral *env_deferral(struct env *e)
{
    return e->deferral;
}

struct brake *env_brake(struct env *e)
{
    return e->brake;
}
