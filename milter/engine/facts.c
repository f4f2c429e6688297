/* facts.c - what the checks found, and what the site knows about the client, as facts for the policy. */
#include "mailseal/table.h"

#include "engine_int.h"

/* What could not be looked up may have been a pass, so it is better than any that is known not to be one. */
static unsigned rank(enum auth_code c)
{
    static const unsigned ranks[] = {
        [AUTH_NONE] = 0,    [AUTH_PERMERROR] = 1, [AUTH_FAIL] = 2,      [AUTH_SOFTFAIL] = 2,
        [AUTH_NEUTRAL] = 3, [AUTH_POLICY] = 4,    [AUTH_TEMPERROR] = 5, [AUTH_PASS] = 6,
    };
    return ranks[c];
}

static enum auth_code best_dkim(const struct outcome *o)
{
    enum auth_code best = AUTH_NONE;
    for (size_t i = 0; i < o->n_dkim; i++)
        if (rank(o->dkim[i].code) > rank(best))
            best = o->dkim[i].code;
    return best;
}

static bool from_list(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct dmarc_identifier *passing = ARENA_ARRAY(m->arena, struct dmarc_identifier, o->n_dkim + 1);
    size_t n = 0;
    if (o->spf.code == AUTH_PASS)
        passing[n++] = (struct dmarc_identifier){ o->spf.domain, AUTH_PASS };
    for (size_t i = 0; i < o->n_dkim; i++)
        if (o->dkim[i].code == AUTH_PASS)
            passing[n++] = (struct dmarc_identifier){ o->dkim[i].domain, AUTH_PASS };
    return list_evidence(m->arena, &m->headers, passing, n);
}

static bool sealed_by_trusted(struct msg *m)
{
    const struct strings *names = &m->conf->trusted_sealers;
    struct str *trusted = ARENA_ARRAY(m->arena, struct str, names->n);
    for (size_t i = 0; i < names->n; i++)
        trusted[i] = str_of(names->v[i]);
    return sealer_evidence(m->arena, &m->outcome.arc, trusted, names->n, m->outcome.dmarc.from_domain);
}

/* ---- alignment ---- */

/* A signature whose domain is the author's, or of the same organization. Where there is a record, dmarc_eval() has decided about
 * all that passed or may have, each by a walk of its own, and here it is not decided again. Where the DNS did not answer for the
 * record, only the author's own name is certain. */
static enum auth_code code_if_aligned(const struct dmarc_result *dmarc, const struct dkim_result *r)
{
    bool decided = dmarc->has_policy || (dmarc->code == AUTH_TEMPERROR && !str_eq(r->domain, dmarc->from_domain));
    if (!dmarc_is_aligned(dmarc, r->domain, dmarc->has_policy && dmarc->record->strict_dkim))
        return AUTH_NONE;
    return decided && (r->code == AUTH_PASS || r->code == AUTH_TEMPERROR) ? AUTH_NONE : r->code;
}

static enum auth_code best_aligned(const struct outcome *o)
{
    enum auth_code best = o->dmarc.dkim_aligned ? AUTH_PASS : o->dmarc.dkim_open ? AUTH_TEMPERROR : AUTH_NONE;
    for (size_t i = 0; i < o->n_dkim; i++) {
        enum auth_code code = code_if_aligned(&o->dmarc, &o->dkim[i]);
        if (rank(code) > rank(best))
            best = code;
    }
    return best;
}

static bool is_aligned(const struct outcome *o)
{
    if (o->dmarc.has_policy)
        return o->dmarc.spf_aligned || o->dmarc.dkim_aligned;
    return o->facts.dkim_aligned == AUTH_PASS || (o->spf.code == AUTH_PASS && dmarc_is_aligned(&o->dmarc, o->spf.domain, false));
}

/* ---- the site's lists ---- */

/* What is not answered counts as "no", and is remembered: it might have spared the message. */
static bool is_yes(struct msg *m, const struct table *t, enum table_answer answer)
{
    if (answer == TABLE_UNKNOWN && m->unanswered == NULL)
        m->unanswered = table_spec(t);
    return answer == TABLE_YES;
}

static bool lists(struct msg *m, const struct table *t, struct str domain)
{
    return t != NULL && is_yes(m, t, table_has_domain(t, domain));
}

static bool client_is_exempt(struct msg *m)
{
    const struct table *t = m->conf->exempt_clients;
    const struct client_names *names = m->client_names;
    if (t == NULL)
        return false;
    if (is_yes(m, t, table_has_ip(t, m->client)))
        return true;
    for (size_t i = 0; i < names->n; i++)
        if (lists(m, t, names->name[i]))
            return true;
    m->unnamed = names->failed;
    return false;
}

static bool signer_is_exempt(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    for (size_t i = 0; i < o->n_dkim; i++)
        if (o->dkim[i].code == AUTH_PASS && lists(m, m->conf->exempt_dkim_domains, o->dkim[i].domain))
            return true;
    return false;
}

/* ---- the facts ---- */

static void add_site(struct msg *m)
{
    const struct conf *conf = m->conf;
    struct policy_facts *f = &m->outcome.facts;
    f->exempt = client_is_exempt(m) || signer_is_exempt(m);
    f->treat_as_reject = lists(m, conf->treat_as_reject, f->from_domain);
    f->never_reject = lists(m, conf->never_reject, f->from_domain);
    f->require_dkim = lists(m, conf->require_dkim, f->from_domain);
}

static void add_results(struct msg *m)
{
    struct outcome *o = &m->outcome;
    struct policy_facts *f = &o->facts;
    f->spf = o->spf.code;
    f->helo = o->helo.code;
    f->dkim = best_dkim(o);
    f->dmarc = o->dmarc.code;
    f->policy = o->dmarc.disposition;
    f->arc = o->arc.code;
    f->list = from_list(m);
    f->sealer = sealed_by_trusted(m);
    /* A relay that does not say where a message came from passes on other people's mail, and SPF is no help. */
    f->forwarder = m->no_spf != NULL || network_list_has(m->conf->forwarders.v, m->conf->forwarders.n, m->client);
    f->dkim_aligned = best_aligned(o);
    f->aligned = is_aligned(o);
    f->spf_domain = o->spf.domain;
    f->spf_explanation = o->spf.explanation;
}

void facts_of(struct msg *m)
{
    struct outcome *o = &m->outcome;
    o->facts = (struct policy_facts){ .from = o->author.status,
                                      .tempfail_wanted = m->conf->temperror_tempfail,
                                      .direction = o->exempt ? DIRECTION_OUTBOUND : DIRECTION_INBOUND,
                                      .client = m->class,
                                      .authenticated = m->authenticated,
                                      .from_domain = o->dmarc.from_domain,
                                      .sender_domain = m->domain,
                                      .recipient_domain = STR_NONE,
                                      .daemon = m->daemon,
                                      .now = m->now,
                                      .spf_domain = STR_NONE,
                                      .spf_explanation = STR_NONE,
                                      .client_ip = ip_text(m->arena, m->client),
                                      .queue_id = m->queue_id };
    if (o->exempt)
        return;
    add_results(m);
    add_site(m);
}
