/*
 * map.c - a hash table with open addressing, keyed by byte strings.
 *
 * The hash is SipHash-1-3 (Aumasson, Bernstein 2012) over a per-process random key: names come from strangers.
 */
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

struct slot {
    struct str key;
    void *value; /* NULL: free */
};

struct map {
    struct arena *arena;
    struct slot *slots;
    size_t size, count; /* size is a power of two, at least twice count */
};

static uint64_t seed[2];

static void seed_once(void)
{
    if (getentropy(seed, sizeof(seed)) != 0)
        BUG("no random numbers from the system");
}

static uint64_t rotate(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t map_hash(struct str key)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, seed_once);
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575ULL, seed[1] ^ 0x646f72616e646f6dULL, seed[0] ^ 0x6c7967656e657261ULL,
                      seed[1] ^ 0x7465646279746573ULL };
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= key.n; i += 8) {
        memcpy(&word, key.p + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)key.n << 56;
    for (size_t j = 0; i + j < key.n; j++)
        word |= (uint64_t)(unsigned char)key.p[i + j] << (8 * j);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new_for(struct arena *a, size_t n)
{
    struct map *m = ARENA_NEW(a, struct map);
    m->arena = a;
    m->size = 16;
    while (m->size < 2 * n)
        m->size *= 2;
    m->slots = ARENA_ARRAY(a, struct slot, m->size);
    return m;
}

struct map *map_new(struct arena *a)
{
    return map_new_for(a, 0);
}

/* The slot that holds key, or the free one where it would go. */
static struct slot *find(const struct map *m, struct str key)
{
    size_t i = (size_t)map_hash(key) & (m->size - 1);
    while (m->slots[i].value != NULL && !str_eq(m->slots[i].key, key))
        i = (i + 1) & (m->size - 1);
    return &m->slots[i];
}

static void grow(struct map *m)
{
    struct slot *old = m->slots;
    size_t n = m->size;
    m->size *= 2;
    m->slots = ARENA_ARRAY(m->arena, struct slot, m->size);
    for (size_t i = 0; i < n; i++)
        if (old[i].value != NULL)
            *find(m, old[i].key) = old[i];
}

void *map_set(struct map *m, struct str key, void *value)
{
    struct slot *s = find(m, key);
    void *before = s->value;
    if (before == NULL) {
        if ((m->count + 1) * 2 > m->size) {
            grow(m);
            s = find(m, key);
        }
        m->count++;
    }
    *s = (struct slot){ key, value };
    return before;
}

void *map_get(const struct map *m, struct str key)
{
    return find(m, key)->value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_each(const struct map *m, void (*fn)(void *ctx, struct str key, void *value), void *ctx)
{
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].value != NULL)
            fn(ctx, m->slots[i].key, m->slots[i].value);
}
