/*
 * dmarc_discover.c - the DNS tree walk (RFC 9989 4.10), the policy that applies to an Author Domain (4.10.1) and the organizational
 * domain (4.10.2). The only place that knows what an organizational domain is.
 *
 * All questions of a walk start together and are taken in the order of the walk, so that only those it needs are waited for. What
 * the record and its tags mean is in dmarc_record.c, alignment in dmarc_eval.c.
 */
#include <stddef.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"
#include "mailseal/str.h"
#include "mailseal/domain.h"
#include "mailseal/dns.h"
#include "mailseal/dmarc.h"

#include "dmarc_int.h"

/* RFC 9989 4.10: the i-th name of a walk. Beyond 8 labels the second name has 7, and the levels between are never asked. */
static struct str walk_name(struct str start, size_t i)
{
    unsigned labels = domain_labels(start);

    if (i > 0 && labels > LIMIT_DMARC_QUERIES)
        labels = LIMIT_DMARC_QUERIES;
    return i == 0 ? start : domain_suffix(start, labels - (unsigned)i);
}

static struct lookup *lookup_start(struct dmarc *d, struct str name)
{
    struct lookup *l = map_get(d->by_name, name);
    struct str question;

    if (l != NULL)
        return l;
    l = ARENA_NEW(d->arena, struct lookup);
    l->name = str_dup(d->arena, name);
    question = str_printf(d->arena, "_dmarc.%.*s", STR_FMT(name));
    l->query = dns_start(d->dns, question, DNS_TXT, d->deadline);
    l->next = d->lookups;
    d->lookups = l;
    map_set(d->by_name, l->name, l);
    return l;
}

/* What an answer means for the walk, in words. */
static const char *explain(const struct dmarc_step *s)
{
    if (s->status == DNS_TEMPFAIL)
        return "the DNS did not answer: the walk cannot be completed";
    /* RFC 9989 4.10 steps 2 and 6 */
    if (s->records > 1)
        return "several DMARC records: all are discarded";
    if (s->records == 1) {
        switch (s->record->psd) {
        case DMARC_PSD_N:
            return "a record with psd=n: an organizational domain, the walk ends";
        case DMARC_PSD_Y:
            return "a record with psd=y: a public suffix, the walk ends";
        case DMARC_PSD_U:
            return "a DMARC record";
        }
    }
    if (s->status == DNS_NXDOMAIN)
        return "no record: there is no such name";
    return s->status == DNS_NODATA ? "no record: the name has no text" : "no record: the name has other text only";
}

static const struct dmarc_step *lookup_wait(struct lookup *l, struct arena *a)
{
    struct dns_answer answer;
    struct dmarc_record record;

    if (l->query == NULL)
        return &l->step;
    dns_wait(l->query, a, &answer);
    l->query = NULL;
    l->step.status = answer.status;
    /* RFC 9989 4.7 "v", 4.10: other text at the name does not count */
    for (size_t i = 0; i < answer.n && answer.status == DNS_OK; i++) {
        if (!dmarc_record_parse(a, answer.rr[i], &record))
            continue;
        if (++l->step.records == 1)
            l->step.record = arena_copy(a, &record, sizeof(record));
    }
    if (l->step.records > 1)
        l->step.record = NULL;
    l->step.why = explain(&l->step);
    return &l->step;
}

struct walk *dmarc_walk_at(struct dmarc *d, struct arena *a, struct str start)
{
    struct walk *w;
    unsigned labels = domain_labels(start);

    for (size_t i = 0; i < d->n_walks; i++) {
        if (str_eq(d->walks[i]->result.start, start))
            return d->walks[i];
    }
    if (d->n_walks == LIMIT_DMARC_WALKS)
        return NULL;
    w = ARENA_NEW(a, struct walk);
    w->result.start = str_dup(a, start);
    w->result.org_domain = STR_NONE;
    w->levels = labels < LIMIT_DMARC_QUERIES ? labels : LIMIT_DMARC_QUERIES;
    for (size_t i = 0; i < w->levels; i++)
        lookup_start(d, walk_name(start, i));
    d->walks[d->n_walks++] = w;
    return w;
}

/* The next step of a walk that has not ended. */
static const struct dmarc_step *walk_step(struct dmarc *d, struct arena *a, struct walk *w)
{
    struct dmarc_step *s = &w->result.step[w->result.n];
    struct str name = walk_name(w->result.start, w->result.n);

    *s = *lookup_wait(lookup_start(d, name), a);
    s->name = name;
    w->result.n++;
    if (s->status == DNS_TEMPFAIL)
        w->result.failed = true;
    /* RFC 9989 4.10: psd=y, psd=n and the end of the labels end a walk, a record alone does not */
    w->ended = w->result.failed || w->result.n == w->levels || (s->record != NULL && s->record->psd != DMARC_PSD_U);
    return s;
}

/* The last, that is shortest, name with a record. */
static const struct dmarc_step *last_record(const struct dmarc_walk *w)
{
    for (size_t i = w->n; i > 0; i--) {
        if (w->step[i - 1].record != NULL)
            return &w->step[i - 1];
    }
    return NULL;
}

/* RFC 9989 4.10.2. Only the last record of a walk can bear psd=y or psd=n. */
static void choose_org_domain(struct dmarc_walk *w)
{
    const struct dmarc_step *last = last_record(w);

    if (last == NULL) {
        w->org_domain = w->start;
        w->why = "no record was found: the name itself";
    } else if (last->record->psd == DMARC_PSD_N) {
        w->org_domain = last->name;
        w->why = "its record says psd=n";
    } else if (last->record->psd == DMARC_PSD_Y && last != &w->step[0]) {
        /* One label below on the path to the start, which need not be a name that was asked for. */
        w->org_domain = domain_suffix(w->start, domain_labels(last->name) + 1);
        w->why = "one label below the record with psd=y";
    } else {
        w->org_domain = last->name;
        w->why = "the shortest name with a record";
    }
}

void dmarc_walk_finish(struct dmarc *d, struct arena *a, struct walk *w)
{
    while (!w->ended)
        walk_step(d, a, w);
    if (w->result.failed)
        w->result.why = "not known: the DNS did not answer";
    else
        choose_org_domain(&w->result);
}

enum existence { NAME_EXISTS, NAME_MISSING, NAME_UNKNOWN };

/* RFC 9989 3.2.13, A.4: only NXDOMAIN makes a domain non-existent. One question of any type is enough. */
static enum existence ask_existence(struct dmarc *d, struct arena *a, const struct dmarc_walk *w)
{
    struct dns_answer answer;

    /* RFC 8020: a name with something below it exists */
    if (w->step[0].status != DNS_NXDOMAIN)
        return NAME_EXISTS;
    dns_ask(d->dns, w->start, DNS_A, d->deadline, a, &answer);
    /* RFC 6604: behind an alias the status speaks of its target */
    if (answer.alias)
        return NAME_EXISTS;
    if (answer.status == DNS_TEMPFAIL)
        return NAME_UNKNOWN;
    return answer.status == DNS_NXDOMAIN ? NAME_MISSING : NAME_EXISTS;
}

/* RFC 9989 4.10.1: for a record above the Author Domain np, sp or p counts; its own record has p only. */
static bool select_tag(struct dmarc *d, struct arena *a, struct dmarc_result *out)
{
    const struct dmarc_record *r = out->record;
    enum existence existence = NAME_EXISTS;

    out->tag = "p";
    out->policy = r->p;
    if (str_eq(out->record_domain, out->from_domain))
        return true;
    if (r->has_sp)
        out->tag = "sp";
    out->policy = r->sp;
    /* Where np says the same, nothing hangs on the question. */
    if (r->has_np && r->np != r->sp)
        existence = ask_existence(d, a, out->walk);
    if (existence == NAME_MISSING) {
        out->tag = "np";
        out->policy = r->np;
    }
    return existence != NAME_UNKNOWN;
}

/* RFC 9989 4.10.1: the record at the organizational domain, else the public suffix's. Records below them are not for policy. */
static const struct dmarc_step *applicable(const struct dmarc_walk *w)
{
    const struct dmarc_step *last = last_record(w);

    for (size_t i = 0; i < w->n; i++) {
        if (w->step[i].record != NULL && str_eq(w->step[i].name, w->org_domain))
            return &w->step[i];
    }
    return last;
}

static bool none(struct dmarc_result *out, const char *reason)
{
    out->code = AUTH_NONE;
    out->reason = reason;
    return false;
}

/* RFC 9989 4.7 "t", A.6: one level down */
static enum dmarc_policy step_down(enum dmarc_policy p)
{
    return p == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}

bool dmarc_find_policy(struct dmarc *d, struct arena *a, struct walk *w, bool *existence_known, struct dmarc_result *out)
{
    const struct dmarc_step *found;

    *existence_known = true;
    out->from_domain = w->result.start;
    out->walk = &w->result;
    found = walk_step(d, a, w);
    /* RFC 9989 4.10.1: a record at the Author Domain decides, also when it is of no use */
    if (found->record == NULL) {
        dmarc_walk_finish(d, a, w);
        out->org_domain = w->result.org_domain;
        if (!w->result.failed)
            found = applicable(&w->result);
    }
    if (w->result.failed) {
        out->code = AUTH_TEMPERROR;
        out->reason = "the DNS did not answer for the DMARC record";
        return false;
    }
    if (found == NULL)
        return none(out, "no DMARC record applies");
    out->record = found->record;
    out->record_domain = found->name;
    if (!found->record->usable)
        return none(out, "the DMARC record has no valid policy and no valid rua: it does not apply");
    out->has_policy = true;
    *existence_known = select_tag(d, a, out);
    out->applied = found->record->testing ? step_down(out->policy) : out->policy;
    return true;
}

struct dmarc *dmarc_start(struct arena *a, struct dns *dns, struct str domain, int64_t deadline)
{
    struct dmarc *d = ARENA_NEW(a, struct dmarc);
    size_t levels = domain_labels(domain);

    d->arena = a;
    d->dns = dns;
    d->deadline = deadline;
    d->by_name = map_new(a);
    for (size_t i = 0; i < levels && i < LIMIT_DMARC_QUERIES; i++)
        lookup_start(d, walk_name(domain, i));
    return d;
}

void dmarc_drop(struct dmarc *d)
{
    if (d == NULL)
        return;
    for (struct lookup *l = d->lookups; l != NULL; l = l->next) {
        if (l->query != NULL)
            dns_drop(l->query);
        l->query = NULL;
    }
}

void dmarc_discover(struct dns *dns, struct str domain, int64_t deadline, struct arena *a, struct dmarc_result *out)
{
    struct dmarc *d = dmarc_start(a, dns, domain, deadline);
    struct walk *w = dmarc_walk_at(d, a, domain);
    bool existence_known;

    if (w == NULL)
        BUG("no walk for the first name");
    *out = (struct dmarc_result){ .org_domain = STR_NONE, .record_domain = STR_NONE };
    if (dmarc_find_policy(d, a, w, &existence_known, out)) {
        dmarc_walk_finish(d, a, w);
        out->org_domain = w->result.org_domain;
        out->code = existence_known ? AUTH_PASS : AUTH_TEMPERROR;
        out->reason = existence_known ? "a DMARC record applies" : "the DNS did not say whether the domain exists, so np is open";
    }
    dmarc_drop(d);
}
