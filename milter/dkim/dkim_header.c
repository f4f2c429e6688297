/*
 * dkim_header.c - the header hash: which instance of which field, in which order (RFC 6376 3.7, 5.4.2).
 *
 * The fields are indexed by name once per message, so that long h= lists over long headers cost their sum and not their product.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/log.h"
#include "mailseal/map.h"
#include "mailseal/crypto.h"
#include "mailseal/headers.h"

#include "dkim_int.h"

#define NO_FIELD SIZE_MAX

/* The instances of one name, bottom-most first. */
struct chain {
    size_t last; /* the bottom-most instance */
    size_t next; /* the one to take next, in round `round` */
    unsigned round;
};

struct field_index {
    struct arena *arena;
    const struct headers *headers;
    struct map *chains; /* lower-case name -> struct chain */
    size_t *above;      /* by field: the next instance of its name further up */
    unsigned round;     /* a number for each digest */
    struct buf buf;
};

struct field_index *field_index_new(struct arena *a, const struct headers *h)
{
    struct field_index *x = ARENA_NEW(a, struct field_index);
    x->arena = a;
    x->headers = h;
    x->chains = map_new(a);
    x->above = ARENA_ARRAY(a, size_t, h->n);
    /* Canonical fields are never longer than raw ones, but for the final CRLF. */
    buf_init(&x->buf, a, LIMIT_HEADER_FIELD + 2);
    for (size_t i = 0; i < h->n; i++) {
        struct str key = str_lower(a, h->v[i].name);
        struct chain *c = map_get(x->chains, key);
        x->above[i] = c != NULL ? c->last : NO_FIELD;
        if (c == NULL) {
            c = ARENA_NEW(a, struct chain);
            map_set(x->chains, key, c);
        }
        c->last = i;
    }
    return x;
}

/* RFC 6376 5.4.2: the bottom-most instance not taken yet; NULL when there is none left. The signature never covers itself. */
static const struct header *take_field(struct field_index *x, struct str name, const struct header *self)
{
    struct chain *c = map_get(x->chains, str_lower(x->arena, name));
    if (c == NULL)
        return NULL;
    if (c->round != x->round) {
        c->round = x->round;
        c->next = c->last;
    }
    if (c->next != NO_FIELD && &x->headers->v[c->next] == self)
        c->next = x->above[c->next];
    if (c->next == NO_FIELD)
        return NULL;
    const struct header *field = &x->headers->v[c->next];
    c->next = x->above[c->next];
    return field;
}

static void hash_field(struct field_index *x, struct hash *hash, enum dkim_canon canon, struct str raw, bool crlf)
{
    buf_cut(&x->buf, 0);
    dkim_canon_header(canon, raw, crlf, &x->buf);
    if (x->buf.full)
        BUG("a header field is longer than it can be");
    hash_update(hash, x->buf.p, x->buf.n);
}

void field_index_digest(struct field_index *x, const struct str *names, size_t n, enum dkim_canon canon, const struct header *self,
                        struct str signature, uint8_t out[SHA256_SIZE])
{
    struct hash *hash = hash_new(x->arena);
    x->round++;
    for (size_t i = 0; i < n; i++) {
        const struct header *field = take_field(x, names[i], self);
        if (field != NULL)
            hash_field(x, hash, canon, field->raw, true);
    }
    hash_field(x, hash, canon, signature, false);
    hash_final(hash, out);
}
