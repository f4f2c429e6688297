/*
 * keyring.c - which key signs for whom.
 *
 * A map from domain to the keys of its sections, in the file's order; beside it a directory of keys and OpenDKIM's tables. Filled
 * while a configuration is read, only looked at afterwards. What may sign at all (whose mail it is) is decided by the engine.
 */
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

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
};

struct keyring *keyring_new(struct arena *a, size_t max)
{
    struct keyring *k = ARENA_NEW(a, struct keyring);
    k->arena = a;
    k->by_domain = map_new(a);
    k->keys = ARENA_ARRAY(a, struct sign_key *, max);
    k->max = max;
    k->store = key_store_new(a);
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

/* The keys of one domain, for an author in it or below it. */
static size_t find_domain(const struct keyring *k, struct str domain, bool below, const struct sign_key **out)
{
    const struct sign_key *keys[LIMIT_SIGN_KEYS];
    const struct domain_keys *of = map_get(k->by_domain, domain);
    size_t n = 0, found = 0;
    for (size_t i = 0; of != NULL && i < of->n; i++)
        if (!below || of->v[i]->subdomains)
            out[n++] = of->v[i];
    if (k->dir != NULL)
        found = key_lookup_find(k->dir, domain, keys);
    for (size_t i = 0; i < found && n < LIMIT_SIGN_KEYS; i++)
        if (!below || keys[i]->subdomains)
            out[n++] = keys[i];
    return n;
}

size_t keyring_find(const struct keyring *k, struct arena *a, struct str local, struct str domain, const struct sign_key **out)
{
    size_t n = find_domain(k, domain, false, out);
    struct str label, parent = domain;
    while (n == 0 && str_cut(parent, '.', &label, &parent))
        n = find_domain(k, parent, true, out);
    if (n == 0 && k->table != NULL)
        n = sign_table_find(k->table, a, local, domain, out);
    if (n == 0 && k->server != NULL)
        n = sign_server_find(k->server, a, local, domain, out);
    return n;
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
