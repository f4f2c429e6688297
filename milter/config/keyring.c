/*
 * keyring.c - which key signs for whom.
 *
 * A map from domain to its keys, in the file's order. Filled while a configuration is read, only looked at afterwards. What may
 * sign at all (whose mail it is) is decided by the engine.
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
};

struct keyring *keyring_new(struct arena *a, size_t max)
{
    struct keyring *k = ARENA_NEW(a, struct keyring);
    k->arena = a;
    k->by_domain = map_new(a);
    k->keys = ARENA_ARRAY(a, struct sign_key *, max);
    k->max = max;
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

void keyring_set_key(struct keyring *k, size_t i, struct privkey *key)
{
    k->keys[i]->key = key;
}

size_t keyring_find(const struct keyring *k, struct str domain, const struct sign_key **out)
{
    const struct domain_keys *of = map_get(k->by_domain, domain);
    size_t n = of != NULL ? of->n : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = of->v[i];
    return n;
}

size_t keyring_count(const struct keyring *k)
{
    return k->n;
}

const struct sign_key *keyring_get(const struct keyring *k, size_t i)
{
    return k->keys[i];
}
