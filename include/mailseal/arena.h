/*
 * arena.h - an arena is a lifetime.
 *
 * Whatever belongs to a message (a connection, a configuration) is allocated from its arena and goes with it in one call.
 * Allocation cannot fail: when memory is gone the process logs and aborts, so no caller checks. Inputs are bounded by limits.h
 * first, so mail cannot cause that. An arena belongs to one thread at a time.
 */
#ifndef MAILSEAL_ARENA_H
#define MAILSEAL_ARENA_H

#include <stddef.h>

struct arena;

/* A new, empty arena. The caller owns it and gives it to arena_free(). */
struct arena *arena_new(void);

/* Runs what was deferred, last first, then releases all memory. NULL is allowed. */
void arena_free(struct arena *a);

/* n zeroed bytes, aligned for any type. n of 0 gives a valid pointer that must not be read. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull, alloc_size(2)));

/* A copy of the n bytes at p. */
void *arena_copy(struct arena *a, const void *p, size_t n) __attribute__((returns_nonnull));

/* Ties a foreign handle to the arena: fn(p) runs in arena_free(). */
void arena_defer(struct arena *a, void (*fn)(void *), void *p);

/* Bytes of memory held, for tests and limits. */
size_t arena_bytes(const struct arena *a);

/* A zeroed array of n elements of TYPE. */
#define ARENA_ARRAY(a, TYPE, n) ((TYPE *)arena_alloc((a), (size_t)(n) * sizeof(TYPE)))
#define ARENA_NEW(a, TYPE)      ARENA_ARRAY((a), TYPE, 1)

#endif
