/*
 * dkim_body.c - body hashes: each (canonicalization, length) once, for all signatures (RFC 6376 3.7, 3.5 l=).
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/crypto.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "dkim_int.h"

struct body_hash {
    enum dkim_canon canon;
    uint64_t length, hashed;
    struct hash *hash;
    uint8_t digest[SHA256_SIZE];
};

struct dkim_body {
    struct arena *arena;
    struct canon_body *canon[2]; /* by enum dkim_canon; NULL when nobody wants it */
    struct body_hash hash[LIMIT_BODY_HASHES];
    int n;
    bool begun, finished;
};

struct dkim_body *dkim_body_new(struct arena *a)
{
    struct dkim_body *b = ARENA_NEW(a, struct dkim_body);
    b->arena = a;
    return b;
}

/* Canonical bytes, for each hash as many as it still wants. */
static void body_sink(void *ctx, enum dkim_canon canon, const char *p, size_t n)
{
    struct dkim_body *b = ctx;
    for (int i = 0; i < b->n; i++) {
        struct body_hash *h = &b->hash[i];
        if (h->canon != canon || h->hashed == h->length)
            continue;
        uint64_t left = h->length - h->hashed;
        size_t take = n < left ? n : (size_t)left;
        hash_update(h->hash, p, take);
        h->hashed += take;
    }
}

int dkim_body_want(struct dkim_body *b, enum dkim_canon canon, uint64_t length)
{
    if (b->begun)
        BUG("a body hash is asked for after the body began");
    for (int i = 0; i < b->n; i++)
        if (b->hash[i].canon == canon && b->hash[i].length == length)
            return i;
    if (b->n == LIMIT_BODY_HASHES)
        return -1;
    if (b->canon[canon] == NULL) {
        b->canon[canon] = ARENA_NEW(b->arena, struct canon_body);
        b->canon[canon]->canon = canon;
        b->canon[canon]->sink = body_sink;
        b->canon[canon]->ctx = b;
    }
    b->hash[b->n] = (struct body_hash){ .canon = canon, .length = length, .hash = hash_new(b->arena) };
    return b->n++;
}

/* A hash cut by l= is settled only when the body is known to be longer. */
static bool canon_is_done(const struct dkim_body *b, enum dkim_canon canon)
{
    for (int i = 0; i < b->n; i++)
        if (b->hash[i].canon == canon && b->canon[canon]->length <= b->hash[i].length)
            return false;
    return true;
}

void dkim_body_update(struct dkim_body *b, const void *p, size_t n)
{
    b->begun = true;
    for (enum dkim_canon canon = DKIM_CANON_SIMPLE; canon <= DKIM_CANON_RELAXED; canon++)
        if (!canon_is_done(b, canon))
            canon_body_update(b->canon[canon], p, n);
}

bool dkim_body_done(const struct dkim_body *b)
{
    return canon_is_done(b, DKIM_CANON_SIMPLE) && canon_is_done(b, DKIM_CANON_RELAXED);
}

void dkim_body_finish(struct dkim_body *b)
{
    if (b->finished)
        return;
    b->begun = b->finished = true;
    for (enum dkim_canon canon = DKIM_CANON_SIMPLE; canon <= DKIM_CANON_RELAXED; canon++)
        if (b->canon[canon] != NULL)
            canon_body_finish(b->canon[canon]);
    for (int i = 0; i < b->n; i++)
        hash_final(b->hash[i].hash, b->hash[i].digest);
}

void dkim_body_digest(const struct dkim_body *b, int number, uint8_t out[SHA256_SIZE], uint64_t *canonical)
{
    if (!b->finished || number < 0 || number >= b->n)
        BUG("body hash %d is not there", number);
    memcpy(out, b->hash[number].digest, SHA256_SIZE);
    *canonical = b->canon[b->hash[number].canon]->length;
}
