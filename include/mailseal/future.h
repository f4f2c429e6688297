/*
 * future.h - a future is work that has started.
 *
 * A chain of questions that must run before anyone waits for it is a task: f = future_new(pool); build the input in
 * future_arena(f) (copies, nothing borrowed from a message); future_start(f, fn, input); later result = future_join(f, deadline).
 * A future nobody has begun is run by its joiner, so a full pool is slow, never stuck, and a pool of size 0 is sequential.
 * Past the deadline the joiner gets NULL and the worker's half of the future frees the arena when it returns.
 */
#ifndef MAILSEAL_FUTURE_H
#define MAILSEAL_FUTURE_H

#include <stdint.h>

struct arena;
struct pool;
struct future;

/* A pool of at most `threads` workers (they are started when first needed). */
struct pool *pool_new(unsigned threads);
/* Waits for all begun futures, and for the end of the workers. */
void pool_free(struct pool *p);

struct future *future_new(struct pool *p);
struct arena *future_arena(struct future *f);
/* fn sees its input and the future's arena; it returns its result, allocated there. */
void future_start(struct future *f, void *(*fn)(void *input, struct arena *a), void *input);
/* The result, borrowed from the future until future_free(), or NULL past the deadline (clock_ms()). */
void *future_join(struct future *f, int64_t deadline);
/* Drops the caller's half, joined or not. The worker's half lives until fn returns. */
void future_free(struct future *f);

#endif
