/*
 * arena.c - memory that lives and goes together.
 *
 * Chunks are taken zeroed from the heap and handed out from their front. A request that is large for a chunk gets one of its own,
 * so that the current chunk is not wasted. Running out of memory ends the process: limits.h bounds what mail can make us hold.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"

#define CHUNK_SIZE 8192
#define ALIGNMENT  16

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(ALIGNMENT) char data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *p;
};

struct arena {
    struct chunk *chunks; /* the first is the one being filled */
    struct deferred *deferred;
    size_t bytes;
};

static void *zeroed(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL) {
        log_error("out of memory for %zu bytes", n);
        abort();
    }
    return p;
}

static struct chunk *chunk_new(struct arena *a, size_t size)
{
    struct chunk *c = zeroed(sizeof(*c) + size);
    c->size = size;
    a->bytes += size;
    return c;
}

struct arena *arena_new(void)
{
    struct arena *a = zeroed(sizeof(*a));
    a->chunks = chunk_new(a, CHUNK_SIZE);
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    while (a->deferred != NULL) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->p);
    }
    for (struct chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

/* A chunk for one large request stands behind the current one, which goes on being filled. */
static void *alloc_large(struct arena *a, size_t n)
{
    struct chunk *c = chunk_new(a, n);
    c->used = n;
    c->next = a->chunks->next;
    a->chunks->next = c;
    return c->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        BUG("arena request of %zu bytes", n);
    n = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (n > CHUNK_SIZE / 4)
        return alloc_large(a, n);
    if (a->chunks->size - a->chunks->used < n) {
        struct chunk *c = chunk_new(a, CHUNK_SIZE);
        c->next = a->chunks;
        a->chunks = c;
    }
    void *p = a->chunks->data + a->chunks->used;
    a->chunks->used += n;
    return p;
}

void *arena_copy(struct arena *a, const void *p, size_t n)
{
    void *copy = arena_alloc(a, n);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *p)
{
    struct deferred *d = ARENA_NEW(a, struct deferred);
    d->fn = fn;
    d->p = p;
    d->next = a->deferred;
    a->deferred = d;
}

size_t arena_bytes(const struct arena *a)
{
    return a->bytes;
}
