/*
 * key_lookup.c - the keys of a domain in the key directory (keydir.h).
 *
 * A domain is looked at when its first message comes and kept until the next reload, so that loading costs nothing however many
 * there are. A domain without a directory is not kept: names come from mail. Only active keys sign. What cannot be read is tried
 * again after a while.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/keydir.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

struct domain_keys {
    struct sign_found keys;
    int64_t read_at; /* wall clock */
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
    if (k->reason != NULL) {
        log_error("private key '%s' is not used: %s", file, k->reason);
        of->keys.unknown = true;
        return;
    }
    if (k->state.word != KEYDIR_ACTIVE)
        return;
    struct sign_key *key = ARENA_NEW(l->arena, struct sign_key);
    *key = *l->how;
    key->domain = str_cstr(l->arena, domain);
    key->selector = str_cstr(l->arena, k->selector);
    key->key_file = str_cstr(l->arena, str_of(file));
    sign_key_add(key, &of->keys);
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
        of->keys.unknown = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        add_key(l, of, domain, keydir_path(d, scratch, keys[i].selector), &keys[i]);
}

/* A clock that was set back does not keep a fault for longer. */
static bool is_stale(const struct domain_keys *of)
{
    return of->keys.unknown && (uint64_t)clock_wall() - (uint64_t)of->read_at >= KEY_RETRY_S;
}

static struct domain_keys *look(struct key_lookup *l, struct str domain, struct domain_keys *of)
{
    struct arena *scratch = arena_new();
    const char *path = str_cstr(scratch, str_printf(scratch, "%s/%.*s", l->path, STR_FMT(domain)));
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
        if (of == NULL) {
            of = ARENA_NEW(l->arena, struct domain_keys);
            map_set(l->domains, str_dup(l->arena, domain), of);
        }
        *of = (struct domain_keys){ .read_at = clock_wall() };
        read_domain(l, scratch, domain, of);
    }
    arena_free(scratch);
    return of;
}

void key_lookup_find(struct key_lookup *l, struct str domain, bool below, struct sign_found *out)
{
    if ((below && !l->how->subdomains) || !domain_is_valid(domain)) /* it becomes a file name */
        return;
    pthread_mutex_lock(&l->mutex);
    struct domain_keys *of = map_get(l->domains, domain);
    if (of == NULL || is_stale(of))
        of = look(l, domain, of);
    for (size_t i = 0; of != NULL && i < of->keys.n; i++)
        sign_key_add(of->keys.v[i], out);
    out->more = out->more || (of != NULL && of->keys.more);
    out->unknown = of != NULL && of->keys.unknown;
    pthread_mutex_unlock(&l->mutex);
}

void key_lookup_each(struct key_lookup *l, void (*fn)(void *ctx, const struct sign_key *key), void *ctx)
{
    struct arena *scratch = arena_new();
    struct str *domains;
    size_t n;
    const char *reason;
    if (!keydir_domains(scratch, l->path, &domains, &n, &reason)) {
        log_error("key directory '%s' cannot be read: %s", l->path, reason);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct sign_found found = { .n = 0 };
        key_lookup_find(l, domains[i], false, &found);
        for (size_t j = 0; j < found.n; j++)
            fn(ctx, found.v[j]);
    }
    arena_free(scratch);
}
