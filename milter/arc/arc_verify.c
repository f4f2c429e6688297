/*
 * arc_verify.c - the chain validation status of a message (RFC 8617 5.2).
 *
 * arc_verify_start() reads the sets and starts what must be known: the keys of all seals and of the newest message signature. A few
 * older message signatures are looked at as well, for header.oldest-pass. What the chain is worth is left to policy.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/ip.h"

#include "arc_int.h"

/* What was started for one set. */
struct plan {
    struct dkim_lookup *seal, *signature; /* NULL: not looked up */
    int body;                             /* number of the body hash, or -1 */
};

struct arc_verify {
    struct arena *arena;
    const struct headers *headers;
    struct dkim_body *body;
    struct dkim_params params;
    struct arc_chain chain;
    const char *refusal; /* a literal: known at the start; or NULL */
    struct plan plan[LIMIT_ARC_SETS + 1];
    struct dkim_keys *keys;
    struct field_index *index;
    bool temporary; /* the last check failed for want of an answer */
};

/* RFC 6376 3.5 x=, t= of a message signature; a literal or NULL. */
static const char *time_refusal(const struct dkim_sig *s, int64_t now, int64_t slack)
{
    int64_t early = now - slack, late = now + slack;
    if (s->has_expiry && early > 0 && s->expiry < (uint64_t)early)
        return "message signature has expired";
    if (s->has_time && (late < 0 || s->time > (uint64_t)late))
        return "message signature is from the future";
    return NULL;
}

/* RFC 8617 5.2 steps 4 and 6: the seals and the newest message signature must be checked, so more than we look up is a failure. */
static const char *plan_required(struct arc_verify *v)
{
    const struct dkim_sig *newest = &v->chain.set[v->chain.n].ams;
    struct plan *p = &v->plan[v->chain.n];
    if (newest->reason != NULL)
        return newest->reason;
    p->body = dkim_body_want(v->body, newest->body_canon, newest->length);
    if (p->body < 0)
        return "too many different body hashes";
    p->signature = dkim_keys_start(v->keys, newest);
    for (unsigned i = v->chain.n; i >= 1; i--) {
        v->plan[i].seal = dkim_keys_start(v->keys, &v->chain.set[i].as);
        if (v->plan[i].seal == NULL)
            return "too many different keys";
    }
    return NULL;
}

/* RFC 8617 5.2 step 5, optional: as far as the limits let us. */
static void plan_older(struct arc_verify *v)
{
    for (unsigned i = v->chain.n - 1; i >= 1 && i + LIMIT_ARC_OLDER >= v->chain.n; i--) {
        const struct dkim_sig *s = &v->chain.set[i].ams;
        struct plan *p = &v->plan[i];
        if (s->reason != NULL)
            return;
        p->body = dkim_body_want(v->body, s->body_canon, s->length);
        p->signature = p->body < 0 ? NULL : dkim_keys_start(v->keys, s);
        if (p->signature == NULL)
            return;
    }
}

struct arc_verify *arc_verify_start(struct arena *a, const struct headers *h, struct dkim_body *body,
                                    const struct dkim_params *params, struct dns *dns, int64_t now, int64_t deadline)
{
    struct arc_verify *v = ARENA_NEW(a, struct arc_verify);
    v->arena = a;
    v->headers = h;
    v->body = body;
    v->params = *params;
    v->keys = dkim_keys_new(a, dns, deadline, LIMIT_ARC_KEYS);
    arc_chain_read(a, h, &v->chain);
    if (!v->chain.present)
        return v;
    v->refusal = h->overflow ? "header beyond the limits" : v->chain.fault;
    for (unsigned i = 1; i <= v->chain.n && v->refusal == NULL; i++)
        if (v->chain.set[i].ams.reason == NULL)
            v->chain.set[i].ams.reason = time_refusal(&v->chain.set[i].ams, now, params->clock_slack);
    if (v->refusal == NULL)
        v->refusal = plan_required(v);
    if (v->refusal == NULL) {
        v->index = field_index_new(a, h);
        plan_older(v);
    } else {
        arc_verify_drop(v);
    }
    return v;
}

/* NULL, or why there is no key for this signature. */
static const char *key_get(struct arc_verify *v, struct dkim_lookup *lookup, const struct dkim_sig *s, struct dkim_key *key)
{
    const char *reason;
    v->temporary = dkim_keys_get(v->keys, lookup, s, v->params.min_rsa_bits, key, &reason) == AUTH_TEMPERROR;
    return reason;
}

/* RFC 8617 4.1.2: as a DKIM-Signature (RFC 6376 6.1.3). NULL when it verifies. */
static const char *signature_check(struct arc_verify *v, unsigned instance)
{
    const struct arc_set *set = &v->chain.set[instance];
    const struct dkim_sig *s = &set->ams;
    const struct header *field = set->field[ARC_AMS];
    uint8_t digest[SHA256_SIZE];
    uint64_t canonical;
    struct dkim_key key;
    const char *reason = key_get(v, v->plan[instance].signature, s, &key);
    if (reason != NULL)
        return reason;
    dkim_body_digest(v->body, v->plan[instance].body, digest, &canonical);
    /* RFC 6376 3.5 l= */
    if (s->length != DKIM_LENGTH_ALL && s->length > canonical)
        return "l= is longer than the body";
    if (memcmp(digest, s->body_hash.p, SHA256_SIZE) != 0)
        return "body hash did not verify";
    field_index_digest(v->index, s->names, s->n_names, s->header_canon, field, dkim_sig_unsigned(v->arena, field->raw), digest);
    if (!pubkey_verify(key.key, digest, s->signature))
        return "message signature did not verify";
    /* RFC 6376 8.2 */
    return s->length < canonical && !v->params.accept_unsigned_tail ? "l= leaves the end of the body unsigned" : NULL;
}

/* RFC 8617 5.1.1: the sets up to the seal's own. NULL when it verifies. */
static const char *seal_check(struct arc_verify *v, unsigned instance, const struct str *covered)
{
    const struct arc_set *set = &v->chain.set[instance];
    const struct dkim_sig *s = &set->as;
    uint8_t digest[SHA256_SIZE];
    struct dkim_key key;
    const char *reason = key_get(v, v->plan[instance].seal, s, &key);
    if (reason != NULL)
        return reason;
    arc_seal_digest(v->arena, covered, (size_t)instance * ARC_KINDS - 1, set->field[ARC_AS]->raw, digest);
    return pubkey_verify(key.key, digest, s->signature) ? NULL : "seal did not verify";
}

static const char *seals_check(struct arc_verify *v)
{
    struct str covered[LIMIT_ARC_SETS * ARC_KINDS];
    size_t n = 0;
    const char *reason = NULL;
    for (unsigned i = 1; i <= v->chain.n; i++)
        for (int kind = 0; kind < ARC_KINDS; kind++)
            covered[n++] = arc_canonical(v->arena, v->chain.set[i].field[kind]->raw);
    for (unsigned i = v->chain.n; i >= 1 && reason == NULL; i--)
        reason = seal_check(v, i, covered);
    return reason;
}

/* RFC 8617 5.2 step 5: the first failure on the way down decides; a signature that could not be looked at leaves it open. */
static void find_oldest_pass(struct arc_verify *v, struct arc_result *r)
{
    for (unsigned i = v->chain.n - 1; i >= 1; i--) {
        const char *reason = v->chain.set[i].ams.reason;
        if (reason == NULL && v->plan[i].signature == NULL)
            return;
        if (reason == NULL)
            reason = signature_check(v, i);
        if (reason != NULL && v->temporary)
            return;
        if (reason != NULL) {
            r->has_oldest_pass = true;
            r->oldest_pass = i + 1;
            return;
        }
    }
    r->has_oldest_pass = true;
}

static void name_sealers(struct arc_verify *v, struct arc_result *r)
{
    r->n_sealers = v->chain.n;
    r->sealers = ARENA_ARRAY(v->arena, struct arc_sealer, r->n_sealers);
    for (unsigned i = v->chain.n; i >= 1; i--) {
        const struct arc_set *set = &v->chain.set[i];
        r->sealers[v->chain.n - i] =
            (struct arc_sealer){ .instance = i, .domain = set->as.domain, .selector = set->as.selector, .authres = set->authres };
    }
}

/* RFC 8617 7.2.2, 10.2: what the first sealer says of its client. */
static struct str first_remote_ip(struct arena *a, struct str payload)
{
    struct authres r;
    struct ip ip;
    if (!authres_parse(a, payload, &r))
        return STR_NONE;
    for (size_t i = 0; i < r.n_results; i++)
        for (size_t k = 0; k < r.results[i].n_props; k++) {
            const struct authres_prop *p = &r.results[i].props[k];
            if (str_ieq(p->ptype, STR("smtp")) && str_ieq(p->property, STR("remote-ip")) && ip_parse(p->value, &ip))
                return p->value;
        }
    return STR_NONE;
}

void arc_verify_finish(struct arc_verify *v, struct arc_result *out)
{
    *out = (struct arc_result){ .code = AUTH_NONE, .instance = v->chain.n, .remote_ip = STR_NONE };
    if (!v->chain.present)
        return;
    /* RFC 8617 5.2.1: every failure is final, one of the DNS too. */
    out->code = AUTH_FAIL;
    out->reason = v->refusal;
    if (v->chain.fault == NULL)
        name_sealers(v, out);
    if (out->reason == NULL)
        out->reason = signature_check(v, v->chain.n);
    if (out->reason == NULL)
        out->reason = seals_check(v);
    out->temporary = v->temporary;
    if (out->reason == NULL) {
        out->code = AUTH_PASS;
        find_oldest_pass(v, out);
        out->remote_ip = first_remote_ip(v->arena, v->chain.set[1].authres);
    }
    arc_verify_drop(v);
}

void arc_verify_drop(struct arc_verify *v)
{
    dkim_keys_drop(v->keys);
}
