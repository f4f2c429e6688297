/*
 * key_lookup.c - the keys of a domain in the key directory (keydir.h).
 *
 * A domain is looked at when its first message comes and kept until the next reload, so that loading costs nothing however many
 * there are. A domain without a directory is not kept: names come from mail. Only active keys sign.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "mailseal/domain.h"
#include "mailseal/keydir.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

struct domain_keys {
    const struct sign_key *v[LIMIT_SIGN_KEYS];
    size_t n;
};

struct key_lookup {
    pthread_mutex_t mutex; /* guards the arena and the map */
    struct arena *arena;
    const char *path;
    const struct sign_key *how;
    struct map *domains; /* to struct domain_keys */
};

static void free_lookup(void *p)
{
    struct key_lookup *l = p;
    pthread_mutex_destroy(&l->mutex);
    arena_free(l->arena);
}

struct key_lookup *key_lookup_new(struct arena *a, const char *path, const struct sign_key *how)
{
    struct key_lookup *l = ARENA_NEW(a, struct key_lookup);
    pthread_mutex_init(&l->mutex, NULL);
    l->arena = arena_new();
    l->path = path;
    l->how = how;
    l->domains = map_new(l->arena);
    arena_defer(a, free_lookup, l);
    return l;
}

static void add_key(struct key_lookup *l, struct domain_keys *of, struct str domain, const char *file, const struct keydir_key *k)
{
    if (k->reason != NULL || (k->state.word == KEYDIR_ACTIVE && of->n == LIMIT_SIGN_KEYS)) {
        log_error("private key '%s' is not used: %s", file, k->reason != NULL ? k->reason : "too many keys for one domain");
        return;
    }
    if (k->state.word != KEYDIR_ACTIVE)
        return;
    struct sign_key *key = ARENA_NEW(l->arena, struct sign_key);
    *key = *l->how;
    key->domain = str_cstr(l->arena, domain);
    key->selector = str_cstr(l->arena, k->selector);
    key->key_file = str_cstr(l->arena, str_of(file));
    of->v[of->n++] = key;
}

/* Says in the log what cannot be used; the rest is used. */
static void read_domain(struct key_lookup *l, struct arena *scratch, struct str domain, struct domain_keys *of)
{
    const char *reason;
    struct keydir_key *keys;
    size_t n;
    struct keydir *d = keydir_open(scratch, l->path, domain, false, &reason);
    if (d == NULL || !keydir_list(d, scratch, &keys, &n, &reason)) {
        log_error("keys of '%.*s' are not used: %s", STR_FMT(domain), reason);
        return;
    }
    for (size_t i = 0; i < n; i++)
        add_key(l, of, domain, keydir_path(d, scratch, keys[i].selector), &keys[i]);
}

static struct domain_keys *look(struct key_lookup *l, struct str domain)
{
    struct arena *scratch = arena_new();
    struct domain_keys *of = NULL;
    const char *path = str_cstr(scratch, str_printf(scratch, "%s/%.*s", l->path, STR_FMT(domain)));
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
        of = ARENA_NEW(l->arena, struct domain_keys);
        read_domain(l, scratch, domain, of);
        map_set(l->domains, str_dup(l->arena, domain), of);
    }
    arena_free(scratch);
    return of;
}

size_t key_lookup_find(struct key_lookup *l, struct str domain, const struct sign_key **out)
{
    if (!domain_is_valid(domain)) /* it becomes a file name */
        return 0;
    pthread_mutex_lock(&l->mutex);
    struct domain_keys *of = map_get(l->domains, domain);
    if (of == NULL)
        of = look(l, domain);
    pthread_mutex_unlock(&l->mutex);
    size_t n = of != NULL ? of->n : 0; /* not changed any more once it is in the map */
    for (size_t i = 0; i < n; i++)
        out[i] = of->v[i];
    return n;
}

void key_lookup_each(struct key_lookup *l, void (*fn)(void *ctx, const struct sign_key *key), void *ctx)
{
    const struct sign_key *keys[LIMIT_SIGN_KEYS];
    struct arena *scratch = arena_new();
    struct str *domains;
    size_t n;
    const char *reason;
    if (!keydir_domains(scratch, l->path, &domains, &n, &reason)) {
        log_error("key directory '%s' cannot be read: %s", l->path, reason);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        size_t found = key_lookup_find(l, domains[i], keys);
        for (size_t j = 0; j < found; j++)
            fn(ctx, keys[j]);
    }
    arena_free(scratch);
}
