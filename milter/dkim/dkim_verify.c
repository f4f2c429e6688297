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

/* One name that holds keys; several signatures may share it. */
struct key_lookup {
    struct str name;
    struct dns_query *query; /* NULL once answered */
    struct dns_answer answer;
};

struct candidate {
    struct dkim_sig sig;
    bool chosen;
    int body; /* number of its body hash */
    struct key_lookup *lookup;
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
    struct key_lookup lookups[LIMIT_DKIM_KEYS];
    size_t n_lookups;
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

/* RFC 6376 3.6.2.1 */
static struct key_lookup *lookup_start(struct dkim_verify *v, const struct dkim_sig *s, struct dns *dns, int64_t deadline)
{
    struct buf name;
    buf_init(&name, v->arena, (size_t)2 * LIMIT_DOMAIN + 16);
    buf_printf(&name, "%.*s._domainkey.%.*s", STR_FMT(s->selector), STR_FMT(s->domain));
    for (size_t i = 0; i < v->n_lookups; i++)
        if (str_eq(v->lookups[i].name, buf_view(&name)))
            return &v->lookups[i];
    if (v->n_lookups == LIMIT_DKIM_KEYS)
        return NULL;
    struct key_lookup *k = &v->lookups[v->n_lookups++];
    k->name = buf_view(&name);
    k->query = dns_start(dns, k->name, DNS_TXT, deadline);
    return k;
}

static void choose(struct dkim_verify *v, struct candidate *c, struct dns *dns, int64_t deadline)
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
    c->lookup = lookup_start(v, &c->sig, dns, deadline);
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
    read_candidates(v, now);
    /* The signatures DMARC can use come first, so that others cannot crowd them out. */
    for (int turn = 0; turn <= 2; turn++)
        for (size_t i = 0; i < v->n; i++)
            if (v->candidates[i].sig.code == AUTH_NONE && rank(&v->candidates[i].sig, author_domain) == turn)
                choose(v, &v->candidates[i], dns, deadline);
    if (v->n_chosen > 0)
        v->index = field_index_new(a, h);
    return v;
}

/* What one key record says to this signature: NULL when it can be used. */
static const char *key_refusal(struct arena *a, struct str text, const struct dkim_sig *s, struct dkim_key *key)
{
    const char *reason;
    if (!dkim_key_parse(a, text, key, &reason))
        return reason;
    /* RFC 6376 6.1.2: 7. */
    if (key->type != s->type)
        return "key is of another type than the signature";
    /* RFC 6376 3.6.1 t=s */
    if (key->strict && s->identity_domain.n > 0 && !str_eq(s->identity_domain, s->domain))
        return "i= is not exactly d=, which the key demands";
    return NULL;
}

/* RFC 6376 3.6.2.2: several records are undefined, so more than one usable key is an error, unless they are the same text.
 * Records that are no usable key do not count (6.1.2: 3.); when none is usable, the first says why. */
static const char *key_choose(struct arena *a, const struct dns_answer *answer, const struct dkim_sig *s, struct dkim_key *key)
{
    const char *first = NULL;
    const struct str *used = NULL;
    size_t n = 0;
    for (size_t i = 0; i < answer->n; i++) {
        struct dkim_key k;
        if (used != NULL && str_eq(answer->rr[i], *used))
            continue;
        const char *reason = key_refusal(a, answer->rr[i], s, &k);
        if (i == 0)
            first = reason;
        if (i == 0 || reason == NULL)
            *key = k;
        if (reason != NULL)
            continue;
        used = &answer->rr[i];
        if (++n > LIMIT_DKIM_KEY_RRS)
            return "several keys at one name";
    }
    return n > 0 ? NULL : first;
}

/* RFC 6376 6.1.2 */
static enum auth_code key_get(struct dkim_verify *v, struct candidate *c, struct dkim_key *key, const char **reason)
{
    struct key_lookup *k = c->lookup;
    if (k->query != NULL)
        dns_wait(k->query, v->arena, &k->answer);
    k->query = NULL;
    if (k->answer.status == DNS_TEMPFAIL) {
        *reason = "no answer to the key lookup";
        return AUTH_TEMPERROR;
    }
    *reason = k->answer.status == DNS_OK && k->answer.n > 0 ? key_choose(v->arena, &k->answer, &c->sig, key) : "no key record";
    return *reason == NULL ? AUTH_NONE : AUTH_PERMERROR;
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
    r->code = key_get(v, c, &key, &r->reason);
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
    for (size_t i = 0; i < v->n_lookups; i++) {
        if (v->lookups[i].query != NULL)
            dns_drop(v->lookups[i].query);
        v->lookups[i].query = NULL;
    }
}
