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
#include "mailseal/journal.h"
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
    struct sign_watch watch;
    pthread_mutex_t journal_mutex; /* guards the pointer journal, also while an entry is added */
    struct journal *journal;       /* or NULL */
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
    pthread_mutex_init(&e->journal_mutex, NULL);
    e->conf = conf;
    e->dns = dns;
    e->pool = pool_new(workers);
    e->deferral = deferral_new();
    e->brake = brake_new();
    begin_day(e, conf);
    for (size_t i = 0; i < FRAGILE_KINDS; i++)
        atomic_init(&e->watch.warned[i], INT64_MIN / 2);
    return e;
}

/* ---- the journal ---- */

bool env_start_journal(struct env *e, const char **error)
{
    const struct journal_params params = { .path = e->conf->journal,
                                           .max_bytes = e->conf->journal_max_size * 1024 * 1024,
                                           .max_age = e->conf->journal_max_age * 86400 };
    if (params.path[0] == '\0')
        return true;
    e->journal = journal_start(&params, error);
    return e->journal != NULL;
}

void env_stop_journal(struct env *e)
{
    pthread_mutex_lock(&e->journal_mutex);
    struct journal *j = e->journal;
    e->journal = NULL;
    pthread_mutex_unlock(&e->journal_mutex);
    journal_stop(j, LIMIT_JOURNAL_STOP_MS);
}

bool env_has_journal(struct env *e)
{
    pthread_mutex_lock(&e->journal_mutex);
    bool has = e->journal != NULL;
    pthread_mutex_unlock(&e->journal_mutex);
    return has;
}

void env_add_to_journal(struct env *e, const struct journal_entry *entry)
{
    pthread_mutex_lock(&e->journal_mutex);
    if (e->journal != NULL)
        journal_add(e->journal, entry);
    pthread_mutex_unlock(&e->journal_mutex);
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
    env_stop_journal(e);
    pthread_mutex_destroy(&e->journal_mutex);
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
        { "journal", strcmp(old->journal, new->journal) == 0 },
        { "journal-max-size", old->journal_max_size == new->journal_max_size },
        { "journal-max-age", old->journal_max_age == new->journal_max_age },
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

struct sign_watch *env_sign_watch(struct env *e)
{
    return &e->watch;
}

void env_sign_counts(struct env *e, struct sign_counts *out)
{
    out->failed = atomic_exchange(&e->watch.failed, 0);
    out->unpublished = atomic_exchange(&e->watch.unpublished, 0);
}
