/*
 * socketmap_cache.c - what a server answered in the last minute, a bounded number of it.
 *
 * There are two halves. A new answer goes into the young one; when that is full, the old one is dropped whole and the young one
 * takes its place. So nothing is ever removed by itself, and each half is one arena.
 */
#include "mailseal/map.h"

#include "table_int.h"

struct kept {
    enum table_answer answer;
    struct str value;
    int64_t until;
};

struct half {
    struct arena *arena;
    struct map *by_key; /* to struct kept */
};

struct socketmap_cache {
    size_t max;
    struct half young, old;
};

static struct half half_new(void)
{
    struct arena *a = arena_new();
    return (struct half){ a, map_new(a) };
}

struct socketmap_cache *socketmap_cache_new(struct arena *a, size_t max)
{
    struct socketmap_cache *c = ARENA_NEW(a, struct socketmap_cache);
    *c = (struct socketmap_cache){ max, half_new(), half_new() };
    return c;
}

void socketmap_cache_free(struct socketmap_cache *c)
{
    arena_free(c->young.arena);
    arena_free(c->old.arena);
}

static const struct kept *find(const struct half *h, struct str key, int64_t now)
{
    const struct kept *k = map_get(h->by_key, key);
    return k != NULL && now < k->until ? k : NULL;
}

bool socketmap_cache_get(const struct socketmap_cache *c, struct arena *a, struct str key, int64_t now, enum table_answer *answer,
                         struct str *value)
{
    const struct kept *k = find(&c->young, key, now);
    if (k == NULL)
        k = find(&c->old, key, now);
    if (k == NULL)
        return false;
    *answer = k->answer;
    *value = str_dup(a, k->value);
    return true;
}

void socketmap_cache_put(struct socketmap_cache *c, struct str key, enum table_answer answer, struct str value, int64_t until)
{
    if (map_count(c->young.by_key) >= c->max / 2 || arena_bytes(c->young.arena) >= SOCKETMAP_KEPT_BYTES) {
        arena_free(c->old.arena);
        c->old = c->young;
        c->young = half_new();
    }
    struct arena *a = c->young.arena;
    struct kept *k = ARENA_NEW(a, struct kept);
    *k = (struct kept){ answer, str_dup(a, value), until };
    map_set(c->young.by_key, str_dup(a, key), k);
}
