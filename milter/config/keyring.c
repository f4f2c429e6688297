/*
 * keyring.c - which key signs for whom.
 *
 * A map from domain to the keys of its sections, in the file's order; beside it a directory of keys and OpenDKIM's tables. Filled
 * while a configuration is read, only looked at afterwards. What may sign at all (whose mail it is) is decided by the engine.
 */
#include <stdatomic.h>

#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

#define WARN_MS 60000 /* between two lines about keys beyond the limit */

struct domain_keys {
    const struct sign_key *v[LIMIT_SIGN_KEYS];
    size_t n;
};

struct keyring {
    struct arena *arena;
    struct map *by_domain; /* to struct domain_keys */
    struct sign_key **keys;
    size_t n, max;
    struct key_store *store;
    struct key_lookup *dir;     /* or NULL */
    struct sign_table *table;   /* or NULL */
    struct sign_server *server; /* or NULL */
    atomic_llong *quiet_until;
};

struct keyring *keyring_new(struct arena *a, size_t max)
{
    struct keyring *k = ARENA_NEW(a, struct keyring);
    k->arena = a;
    k->by_domain = map_new(a);
    k->keys = ARENA_ARRAY(a, struct sign_key *, max);
    k->max = max;
    k->store = key_store_new(a);
    k->quiet_until = ARENA_NEW(a, atomic_llong);
    atomic_init(k->quiet_until, INT64_MIN);
    return k;
}

bool keyring_add(struct keyring *k, struct sign_key *key, const char **reason)
{
    struct domain_keys *of = map_get(k->by_domain, str_of(key->domain));
    if (of == NULL) {
        of = ARENA_NEW(k->arena, struct domain_keys);
        map_set(k->by_domain, str_of(key->domain), of);
    }
    for (size_t i = 0; i < of->n; i++) {
        if (str_eq(str_of(of->v[i]->selector), str_of(key->selector))) {
            *reason = "domain and selector are those of an earlier section";
            return false;
        }
    }
    if (k->n == k->max)
        BUG("keyring of %zu keys is full", k->max);
    if (of->n == LIMIT_SIGN_KEYS) {
        *reason = "too many keys for one domain";
        return false;
    }
    of->v[of->n++] = key;
    k->keys[k->n++] = key;
    return true;
}

void keyring_set_key(struct keyring *k, size_t i, const struct key_secret *secret)
{
    k->keys[i]->secret = secret;
    k->keys[i]->key = secret->key;
}

void keyring_set_sources(struct keyring *k, struct key_lookup *dir, struct sign_table *table, struct sign_server *server)
{
    k->dir = dir;
    k->table = table;
    k->server = server;
}

/* The keys of one domain, for an author in it or below it. True when the search has ended. */
static bool find_domain(const struct keyring *k, struct str domain, bool below, struct sign_found *f)
{
    const struct domain_keys *of = map_get(k->by_domain, domain);
    for (size_t i = 0; of != NULL && i < of->n; i++)
        if (!below || of->v[i]->subdomains)
            sign_key_add(of->v[i], f);
    if (k->dir != NULL)
        key_lookup_find(k->dir, domain, below, f);
    return f->n > 0 || f->unknown;
}

static void find(const struct keyring *k, struct arena *a, struct str local, struct str domain, struct sign_found *f)
{
    bool done = find_domain(k, domain, false, f);
    struct str label, parent = domain;
    while (!done && str_cut(parent, '.', &label, &parent))
        done = find_domain(k, parent, true, f);
    if (!done && k->table != NULL)
        sign_table_find(k->table, a, local, domain, f);
    else if (!done && k->server != NULL)
        sign_server_find(k->server, a, local, domain, f);
}

/* A limit that is hit is said, now and then. */
static void note_more(const struct keyring *k, struct str domain)
{
    int64_t now = clock_ms();
    long long until = atomic_load(k->quiet_until);
    if (now >= until && atomic_compare_exchange_strong(k->quiet_until, &until, now + WARN_MS))
        log_warning("more than %d keys are for authors in '%.*s': the others do not sign", LIMIT_SIGN_KEYS, STR_FMT(domain));
}

size_t keyring_find(const struct keyring *k, struct arena *a, struct str local, struct str domain, const struct sign_key **out)
{
    struct sign_found f = { .n = 0 };
    find(k, a, local, domain, &f);
    /* A directory that cannot be read takes nothing from the sections beside it. */
    if (f.unknown && f.n == 0)
        return KEYRING_UNKNOWN;
    if (f.more)
        note_more(k, domain);
    for (size_t i = 0; i < f.n; i++)
        out[i] = f.v[i];
    return f.n;
}

const struct key_secret *keyring_secret(const struct keyring *k, struct arena *a, const struct sign_key *key)
{
    return key->secret != NULL ? key->secret : key_store_take(k->store, a, key->key_file);
}

void keyring_each_of_table(const struct keyring *k, void (*fn)(void *ctx, const struct sign_key *key), void *ctx)
{
    if (k->table != NULL)
        sign_table_each(k->table, fn, ctx);
}

struct count {
    const struct keyring *keyring;
    size_t good, refused;
};

static void check_one(void *ctx, const struct sign_key *key)
{
    struct count *c = ctx;
    struct arena *a = arena_new();
    if (keyring_secret(c->keyring, a, key) != NULL)
        c->good++;
    else
        c->refused++;
    arena_free(a);
}

void keyring_check(const struct keyring *k, size_t *good, size_t *refused)
{
    struct count c = { .keyring = k };
    if (k->dir != NULL)
        key_lookup_each(k->dir, check_one, &c);
    keyring_each_of_table(k, check_one, &c);
    *good = c.good;
    *refused = c.refused;
}

size_t keyring_count(const struct keyring *k)
{
    return k->n;
}

const struct sign_key *keyring_get(const struct keyring *k, size_t i)
{
    return k->keys[i];
}
