/*
 * dkim_verify.c - verify the DKIM-Signature fields of a message (RFC 6376 6.1, RFC 8301, RFC 8463).
 *
 * dkim_verify_start() reads the fields, picks those to verify and starts their key lookups; dkim_verify_finish() judges them once
 * the body has gone by. Which limit kept a signature from being verified is said in its result: it never passes and is never
 * dropped.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"

#include "dkim_int.h"

const struct dkim_params dkim_params_default = { .min_rsa_bits = LIMIT_RSA_BITS_MIN,
                                                 .accept_unsigned_tail = false,
                                                 .clock_slack = 300 };

struct candidate {
    struct dkim_sig sig;
    bool chosen;
    int body; /* number of its body hash */
    struct dkim_lookup *lookup;
};

struct dkim_verify {
    struct arena *arena;
    const struct headers *headers;
    struct dkim_body *body;
    struct dkim_params params;
    struct field_index *index;
    struct candidate *candidates;
    size_t n, n_fields; /* fields looked at, fields there are */
    size_t n_chosen;
    struct dkim_keys *keys;
};

static void refuse(struct dkim_sig *s, enum auth_code code, const char *reason)
{
    s->code = code;
    s->reason = reason;
}

/* RFC 6376 3.5 x=, t=, with the slack of 3.5 x= for clocks that differ. */
static void check_time(struct dkim_sig *s, int64_t now, int64_t slack)
{
    int64_t early = now - slack, late = now + slack;
    if (s->has_expiry && early > 0 && s->expiry < (uint64_t)early)
        refuse(s, AUTH_PERMERROR, "signature has expired");
    else if (s->has_time && (late < 0 || s->time > (uint64_t)late))
        refuse(s, AUTH_PERMERROR, "signature is from the future");
}

static void read_candidates(struct dkim_verify *v, int64_t now)
{
    v->n_fields = headers_count(v->headers, STR(DKIM_FIELD_NAME));
    size_t room = v->n_fields < LIMIT_DKIM_SIGNATURES ? v->n_fields : LIMIT_DKIM_SIGNATURES;
    v->candidates = ARENA_ARRAY(v->arena, struct candidate, room);
    for (size_t i = 0; i < v->headers->n && v->n < room; i++) {
        const struct header *field = &v->headers->v[i];
        if (!str_ieq(field->name, STR(DKIM_FIELD_NAME)))
            continue;
        struct dkim_sig *s = &v->candidates[v->n++].sig;
        dkim_sig_parse(v->arena, field, s);
        if (v->headers->overflow)
            refuse(s, AUTH_PERMERROR, "header beyond the limits");
        if (s->code == AUTH_NONE)
            check_time(s, now, v->params.clock_slack);
    }
}

static void choose(struct dkim_verify *v, struct candidate *c)
{
    if (v->n_chosen == LIMIT_DKIM_VERIFIED) {
        refuse(&c->sig, AUTH_POLICY, "not verified: too many signatures");
        return;
    }
    c->body = dkim_body_want(v->body, c->sig.body_canon, c->sig.length);
    if (c->body < 0) {
        refuse(&c->sig, AUTH_POLICY, "not verified: too many different body hashes");
        return;
    }
    c->lookup = dkim_keys_start(v->keys, &c->sig);
    if (c->lookup == NULL) {
        refuse(&c->sig, AUTH_POLICY, "not verified: too many different keys");
        return;
    }
    c->chosen = true;
    v->n_chosen++;
}

/* 0 for the author's domain, 1 for those above and below it, which may be aligned too (RFC 9989 4.4), 2 for the rest. */
static int rank(const struct dkim_sig *s, struct str author_domain)
{
    if (str_eq(s->domain, author_domain))
        return 0;
    return domain_is_under(s->domain, author_domain) || domain_is_under(author_domain, s->domain) ? 1 : 2;
}

struct dkim_verify *dkim_verify_start(struct arena *a, const struct headers *h, struct dkim_body *body,
                                      const struct dkim_params *params, struct dns *dns, int64_t now, int64_t deadline,
                                      struct str author_domain)
{
    struct dkim_verify *v = ARENA_NEW(a, struct dkim_verify);
    v->arena = a;
    v->headers = h;
    v->body = body;
    v->params = *params;
    v->keys = dkim_keys_new(a, dns, deadline, LIMIT_DKIM_KEYS);
    read_candidates(v, now);
    /* The signatures DMARC can use come first, so that others cannot crowd them out. */
    for (int turn = 0; turn <= 2; turn++)
        for (size_t i = 0; i < v->n; i++)
            if (v->candidates[i].sig.code == AUTH_NONE && rank(&v->candidates[i].sig, author_domain) == turn)
                choose(v, &v->candidates[i]);
    if (v->n_chosen > 0)
        v->index = field_index_new(a, h);
    return v;
}

/* RFC 6376 6.1.3 */
static enum auth_code hashes_check(struct dkim_verify *v, struct candidate *c, const struct dkim_key *key, uint64_t canonical,
                                   const uint8_t *body_digest, const char **reason)
{
    const struct dkim_sig *s = &c->sig;
    uint8_t digest[SHA256_SIZE];
    /* RFC 6376 3.5 l= */
    if (s->length != DKIM_LENGTH_ALL && s->length > canonical) {
        *reason = "l= is longer than the body";
        return AUTH_PERMERROR;
    }
    if (memcmp(body_digest, s->body_hash.p, SHA256_SIZE) != 0) {
        *reason = "body hash did not verify";
        return AUTH_FAIL;
    }
    field_index_digest(v->index, s->names, s->n_names, s->header_canon, s->field, dkim_sig_unsigned(v->arena, s->field->raw),
                       digest);
    if (!pubkey_verify(key->key, digest, s->signature)) {
        *reason = "signature did not verify";
        return AUTH_FAIL;
    }
    return AUTH_PASS;
}

/* A good signature that this site may still not accept, or that deserves a remark. */
static enum auth_code policy_check(const struct dkim_params *p, const struct dkim_key *key, const struct dkim_result *r,
                                   const char **reason)
{
    /* RFC 8301 3.2 sets the least size, a site may ask for more. */
    if (key->type == KEY_RSA && key->bits < p->min_rsa_bits) {
        *reason = "RSA key shorter than this site accepts";
        return AUTH_POLICY;
    }
    /* RFC 6376 8.2 */
    if (r->limited) {
        *reason = "l= leaves the end of the body unsigned";
        return p->accept_unsigned_tail ? AUTH_PASS : AUTH_POLICY;
    }
    /* RFC 6376 3.6.1 t=y */
    *reason = key->testing ? "test key" : NULL;
    return AUTH_PASS;
}

static void judge(struct dkim_verify *v, struct candidate *c, struct dkim_result *r)
{
    struct dkim_key key = { .bits = 0 };
    uint8_t body_digest[SHA256_SIZE];
    uint64_t canonical;
    /* What a short key signed is looked at all the same: policy_check() judges its size. */
    r->code = dkim_keys_get(v->keys, c->lookup, &c->sig, 0, &key, &r->reason);
    r->bits = key.bits;
    r->testing = key.testing;
    dkim_body_digest(v->body, c->body, body_digest, &canonical);
    r->limited = c->sig.length < canonical;
    if (r->code == AUTH_NONE)
        r->code = hashes_check(v, c, &key, canonical, body_digest, &r->reason);
    if (r->code == AUTH_PASS)
        r->code = policy_check(&v->params, &key, r, &r->reason);
}

/* RFC 6008 4: eight characters of b=, or as many as it takes to tell the signatures apart. */
static struct str b_prefix(const struct dkim_verify *v, const struct candidate *c)
{
    size_t n = 8;
    for (const struct candidate *other = v->candidates; other < v->candidates + v->n; other++) {
        size_t common = 0;
        while (other != c && common < c->sig.b.n && common < other->sig.b.n && c->sig.b.p[common] == other->sig.b.p[common])
            common++;
        if (common + 1 > n)
            n = common + 1;
    }
    return str_first(c->sig.b, n < LIMIT_AUTHRES_VALUE ? n : LIMIT_AUTHRES_VALUE);
}

size_t dkim_verify_finish(struct dkim_verify *v, struct dkim_result **results)
{
    bool more = v->n_fields > v->n;
    size_t n = v->n + more;
    struct dkim_result *r = ARENA_ARRAY(v->arena, struct dkim_result, n);
    for (size_t i = 0; i < v->n; i++) {
        struct candidate *c = &v->candidates[i];
        r[i] = (struct dkim_result){ .code = c->sig.code,
                                     .reason = c->sig.reason,
                                     .domain = c->sig.domain,
                                     .selector = c->sig.selector,
                                     .identity = c->sig.identity.n <= LIMIT_AUTHRES_VALUE ? c->sig.identity : STR_NONE,
                                     .algorithm = c->sig.algorithm,
                                     .b = b_prefix(v, c) };
        if (c->chosen)
            judge(v, c, &r[i]);
    }
    if (more)
        r[v->n] = (struct dkim_result){ .code = AUTH_POLICY,
                                        .reason = "further signatures were not looked at",
                                        .domain = STR_NONE,
                                        .selector = STR_NONE,
                                        .identity = STR_NONE,
                                        .algorithm = STR_NONE,
                                        .b = STR_NONE };
    *results = r;
    return n;
}

void dkim_verify_drop(struct dkim_verify *v)
{
    dkim_keys_drop(v->keys);
}
