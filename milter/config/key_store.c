/*
 * key_store.c - private keys read when they are first needed.
 *
 * A site may have more keys than memory should hold, and one bad file among them must not stop the others. So a key is read, by
 * the rules of privkey_read(), when a message needs it, and a bounded number is kept: in the set that its path hashes to, the one
 * unused for longest gives way. A refused file is kept as refused for a minute, so that it is not read and logged for each message.
 * The lock is never held while a file is read.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "mailseal/base64.h"
#include "mailseal/clock.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

#define SETS       1024 /* a power of two; with WAYS the number of keys kept */
#define WAYS       4
#define WARN_AFTER 60 /* seconds */

/* A key with an arena of its own: a message may still use it when it has been given up here. */
struct kept {
    struct key_secret secret; /* first: see key_secret_may_warn(); without key: refused */
    const char *path;
    struct arena *arena;
    atomic_int refs;
    atomic_llong warned;
    int64_t read_at; /* wall clock */
};

struct slot {
    struct kept *kept;
    uint64_t used;
};

struct key_store {
    pthread_mutex_t mutex; /* guards all below */
    uint64_t uses;
    struct slot slots[SETS][WAYS];
};

static void kept_unref(void *p)
{
    struct kept *k = p;
    if (k != NULL && atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) == 1)
        arena_free(k->arena);
}

static void free_key(void *key)
{
    privkey_free(key);
}

static bool read_secret(struct kept *k, const char **reason)
{
    struct str der;
    unsigned bits;
    struct privkey *key = privkey_read(k->arena, k->path, reason);
    if (key == NULL)
        return false;
    arena_defer(k->arena, free_key, key);
    k->secret.p = privkey_public(k->arena, key);
    if (!base64_decode(k->arena, k->secret.p, &der))
        BUG("our own base64 is wrong");
    k->secret.public = pubkey_parse(k->arena, privkey_type(key), der, &bits, reason);
    k->secret.key = k->secret.public != NULL ? key : NULL;
    return k->secret.key != NULL;
}

/* With one reference. */
static struct kept *kept_read(const char *path, const char **reason)
{
    struct arena *a = arena_new();
    struct kept *k = ARENA_NEW(a, struct kept);
    k->arena = a;
    k->path = str_cstr(a, str_of(path));
    atomic_init(&k->refs, 1);
    atomic_init(&k->warned, INT64_MIN / 2);
    k->read_at = clock_wall();
    *reason = NULL;
    (void)read_secret(k, reason);
    return k;
}

/* It was refused, and may be better now. A clock that was set back does not keep it for longer. */
static bool is_stale(const struct kept *k)
{
    return k->secret.key == NULL && (uint64_t)clock_wall() - (uint64_t)k->read_at >= KEY_RETRY_S;
}

/* The kept one, with a reference for the caller, or NULL. */
static struct kept *look_up(struct key_store *s, struct slot *set, const char *path)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct kept *k = set[i].kept;
        if (k == NULL || strcmp(k->path, path) != 0)
            continue;
        if (is_stale(k)) {
            set[i].used = 0; /* the first to go */
            continue;
        }
        set[i].used = ++s->uses;
        atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
        return k;
    }
    return NULL;
}

/* Puts k, with another reference, where the one stood that was unused for longest, which it returns. */
static struct kept *replace(struct key_store *s, struct slot *set, struct kept *k)
{
    struct slot *oldest = &set[0];
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].used < oldest->used)
            oldest = &set[i];
    struct kept *old = oldest->kept;
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    *oldest = (struct slot){ k, ++s->uses };
    return old;
}

static struct kept *take(struct key_store *s, const char *path)
{
    struct slot *set = s->slots[map_hash(str_of(path)) & (SETS - 1)];
    struct kept *mine = NULL, *old = NULL;
    const char *reason;
    pthread_mutex_lock(&s->mutex);
    struct kept *k = look_up(s, set, path);
    pthread_mutex_unlock(&s->mutex);
    if (k != NULL)
        return k;
    mine = kept_read(path, &reason);
    pthread_mutex_lock(&s->mutex);
    k = look_up(s, set, path);
    if (k == NULL)
        old = replace(s, set, mine);
    pthread_mutex_unlock(&s->mutex);
    kept_unref(old);
    if (k == NULL) {
        if (mine->secret.key == NULL)
            log_error("private key '%s' is not used: %s", path, reason);
        return mine;
    }
    kept_unref(mine);
    return k;
}

static void free_store(void *p)
{
    struct key_store *s = p;
    for (size_t i = 0; i < SETS; i++)
        for (size_t j = 0; j < WAYS; j++)
            kept_unref(s->slots[i][j].kept);
    pthread_mutex_destroy(&s->mutex);
}

const struct key_secret *key_secret_read(struct arena *a, const char *path, const char **reason)
{
    struct kept *k = kept_read(path, reason);
    if (k->secret.key == NULL)
        *reason = str_cstr(a, str_of(*reason));
    arena_defer(a, kept_unref, k);
    return k->secret.key != NULL ? &k->secret : NULL;
}

struct key_store *key_store_new(struct arena *a)
{
    struct key_store *s = ARENA_NEW(a, struct key_store);
    pthread_mutex_init(&s->mutex, NULL);
    arena_defer(a, free_store, s);
    return s;
}

const struct key_secret *key_store_take(struct key_store *s, struct arena *a, const char *path)
{
    struct kept *k = take(s, path);
    arena_defer(a, kept_unref, k);
    return k->secret.key != NULL ? &k->secret : NULL;
}

bool key_secret_may_warn(const struct key_secret *s, int64_t now)
{
    struct kept *k = (struct kept *)(uintptr_t)s; /* its first member; the count is no part of the secret */
    long long last = atomic_load(&k->warned);
    return now - last >= WARN_AFTER && atomic_compare_exchange_strong(&k->warned, &last, now);
}
