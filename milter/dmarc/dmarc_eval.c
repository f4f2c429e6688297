/*
 * dmarc_eval.c - the DMARC result of a message (RFC 9989 5.3): which identifiers align with the Author Domain, and what follows.
 *
 * SPF and DKIM come in as results; records, walks and organizational domains come from dmarc_discover.c. What is done with the
 * result is the policy room's.
 */
#include <stddef.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/str.h"
#include "mailseal/domain.h"
#include "mailseal/address.h"
#include "mailseal/authres.h"
#include "mailseal/dns.h"
#include "mailseal/dmarc.h"

#include "dmarc_int.h"

/* Better answers are greater, so that the best of several identifiers is a maximum. */
enum alignment {
    ALIGN_NO,
    ALIGN_UNLOOKED, /* it might, but LIMIT_DMARC_WALKS are used up */
    ALIGN_UNKNOWN,  /* a question that decides it was not answered */
    ALIGN_YES
};

/* What the identifiers of a message are held against. */
struct author_side {
    struct dmarc *dmarc;
    struct arena *arena;
    struct walk *walk;
};

/* RFC 9989 4.10.2, 5.3.4: the organizational domains are the same, each found by its own walk. */
static enum alignment relaxed(struct author_side *s, struct str domain)
{
    const struct dmarc_walk *author = &s->walk->result;
    struct walk *own;

    dmarc_walk_finish(s->dmarc, s->arena, s->walk);
    /* An organizational domain is the name itself or above it: names with nothing in common, or an identifier beside the author's
     * organizational domain, cannot align whatever their walks would find. */
    if (!domain_is_under(domain, author->failed ? domain_suffix(author->start, 1) : author->org_domain))
        return ALIGN_NO;
    if (author->failed)
        return ALIGN_UNKNOWN;
    own = dmarc_walk_at(s->dmarc, s->arena, domain);
    if (own == NULL)
        return ALIGN_UNLOOKED;
    dmarc_walk_finish(s->dmarc, s->arena, own);
    if (own->result.failed)
        return ALIGN_UNKNOWN;
    return str_eq(own->result.org_domain, author->org_domain) ? ALIGN_YES : ALIGN_NO;
}

static enum alignment align_one(struct author_side *s, const struct dmarc_identifier *id, bool strict)
{
    enum alignment found;

    /* RFC 9989 4.4: only what passed is an identifier. What could not be looked up may have been one. */
    if (id->code != AUTH_PASS && id->code != AUTH_TEMPERROR)
        return ALIGN_NO;
    /* RFC 9989 4.10.2: equal names need no walk, and in strict mode nothing else aligns */
    if (str_eq(id->domain, s->walk->result.start))
        found = ALIGN_YES;
    else
        found = strict ? ALIGN_NO : relaxed(s, id->domain);
    return found == ALIGN_YES && id->code == AUTH_TEMPERROR ? ALIGN_UNKNOWN : found;
}

/* RFC 9989 4.4.1: one aligned identifier is enough. Those equal to the Author Domain come first: they need no questions. */
static enum alignment align_any(struct author_side *s, const struct dmarc_identifier *ids, size_t n, bool strict)
{
    enum alignment best = ALIGN_NO;

    for (size_t i = 0; i < n; i++) {
        if (ids[i].code == AUTH_PASS && str_eq(ids[i].domain, s->walk->result.start))
            return ALIGN_YES;
    }
    for (size_t i = 0; i < n && best != ALIGN_YES; i++) {
        enum alignment one = align_one(s, &ids[i], strict);

        if (one > best)
            best = one;
    }
    return best;
}

/* The record, and with it what alignment takes, was not to be had. A name that is not below the same top shares no organization. */
static bool any_might_align(struct str author, const struct dmarc_identifier *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((ids[i].code == AUTH_PASS || ids[i].code == AUTH_TEMPERROR) && domain_is_under(ids[i].domain, domain_suffix(author, 1)))
            return true;
    }
    return false;
}

static void conclude(struct dmarc_result *out, enum auth_code code, const char *reason)
{
    out->code = code;
    out->reason = reason;
    if (code == AUTH_FAIL)
        out->disposition = out->applied;
}

/* RFC 9989 5.3.5, 5.3.6: a pass needs one aligned identifier, a fail the answers to all that could have made it a pass. */
static void decide(struct dmarc_result *out, enum alignment best, bool existence_known)
{
    switch (best) {
    case ALIGN_YES:
        conclude(out, AUTH_PASS,
                 out->spf_aligned && out->dkim_aligned ? "SPF and DKIM are aligned"
                 : out->spf_aligned                    ? "SPF is aligned"
                                                       : "DKIM is aligned");
        return;
    case ALIGN_UNKNOWN:
        conclude(out, AUTH_TEMPERROR, "an identifier might align, but the DNS did not answer");
        return;
    case ALIGN_UNLOOKED:
    case ALIGN_NO:
        break;
    }
    if (!existence_known)
        conclude(out, AUTH_TEMPERROR, "the DNS did not say whether the domain exists, so its policy is open");
    else
        conclude(out, AUTH_FAIL,
                 best == ALIGN_NO ? "no aligned identifier passed" : "no aligned identifier among the first domains looked at");
}

static void evaluate(struct author_side *s, const struct dmarc_identifier *spf, const struct dmarc_identifier *dkim, size_t n_dkim,
                     struct dmarc_result *out)
{
    bool existence_known;
    enum alignment by_spf = ALIGN_NO, by_dkim;
    const struct dmarc_walk *walk = &s->walk->result;

    /* RFC 9989 4.10.1: without a record DMARC is not applied */
    if (!dmarc_find_policy(s->dmarc, s->arena, s->walk, &existence_known, out)) {
        out->dkim_open = out->code == AUTH_TEMPERROR && any_might_align(walk->start, dkim, n_dkim);
        return;
    }
    if (spf != NULL)
        by_spf = align_any(s, spf, 1, out->record->strict_spf);
    by_dkim = align_any(s, dkim, n_dkim, out->record->strict_dkim);
    out->spf_aligned = by_spf == ALIGN_YES;
    out->dkim_aligned = by_dkim == ALIGN_YES;
    out->dkim_open = by_dkim == ALIGN_UNKNOWN;
    decide(out, by_spf > by_dkim ? by_spf : by_dkim, existence_known);
    /* Nobody needed the rest of the walk; who reads why a message failed wants to know its organizational domain. */
    if (out->code == AUTH_FAIL)
        dmarc_walk_finish(s->dmarc, s->arena, s->walk);
    out->org_domain = walk->org_domain;
    /* RFC 9989 4.10.2: an identifier that equals an Author Domain with a record makes this the organizational domain */
    if (out->code == AUTH_PASS && walk->org_domain.n == 0)
        out->org_domain = walk->start;
}

/* RFC 9989 4.4, 5.3.1, 11.5: without exactly one author domain there is nothing to evaluate. The RFC names no result for it. */
static void not_evaluable(enum author_status status, struct dmarc_result *out)
{
    switch (status) {
    case AUTHOR_NONE:
        conclude(out, AUTH_NONE, "there is no author domain");
        return;
    case AUTHOR_SEVERAL:
        conclude(out, AUTH_PERMERROR, "the From field names several domains");
        return;
    case AUTHOR_REPEATED:
        conclude(out, AUTH_PERMERROR, "there are several From fields");
        return;
    case AUTHOR_MALFORMED:
        conclude(out, AUTH_PERMERROR, "the From field cannot be read");
        return;
    case AUTHOR_ONE:
        break;
    }
    BUG("author status %d", (int)status);
}

void dmarc_eval(struct dmarc *d, const struct author *author, const struct dmarc_identifier *spf,
                const struct dmarc_identifier *dkim, size_t n_dkim, struct arena *a, struct dmarc_result *out)
{
    *out = (struct dmarc_result){ .from_domain = STR_NONE, .org_domain = STR_NONE, .record_domain = STR_NONE };
    if (author->status == AUTHOR_ONE) {
        struct author_side side = { d, a, NULL };

        if (d == NULL || (side.walk = dmarc_walk_at(d, a, author->domain)) == NULL)
            BUG("an author domain without its walk");
        evaluate(&side, spf, dkim, n_dkim, out);
    } else {
        not_evaluable(author->status, out);
    }
    dmarc_drop(d);
}

static bool is_below(struct str name, struct str parent)
{
    return domain_labels(parent) >= 2 && domain_is_under(name, parent);
}

bool dmarc_is_aligned(const struct dmarc_result *r, struct str domain, bool strict)
{
    struct str author = r->from_domain;

    if (author.n == 0 || domain.n == 0)
        return false;
    if (strict || str_eq(domain, author))
        return str_eq(domain, author);
    if (r->record != NULL && r->org_domain.n > 0)
        return domain_is_under(domain, r->org_domain);
    return is_below(domain, author) || is_below(author, domain);
}
