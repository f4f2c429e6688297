/* facts.c - what the checks found, and what the site knows about the client, as facts for the policy. */
#include "engine_int.h"

static unsigned rank(enum auth_code c)
{
    static const unsigned ranks[] = {
        [AUTH_NONE] = 0,    [AUTH_PERMERROR] = 1, [AUTH_FAIL] = 2,   [AUTH_SOFTFAIL] = 2,
        [AUTH_NEUTRAL] = 3, [AUTH_TEMPERROR] = 4, [AUTH_POLICY] = 5, [AUTH_PASS] = 6,
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

void facts_of(struct msg *m)
{
    struct outcome *o = &m->outcome;
    const struct conf *conf = m->conf;
    o->facts = (struct policy_facts){ .spf = o->spf.code,
                                      .helo = o->helo.code,
                                      .dkim = best_dkim(o),
                                      .dmarc = o->dmarc.code,
                                      .policy = o->dmarc.disposition,
                                      .from = o->author.status,
                                      .arc = o->arc.code,
                                      .list = from_list(m),
                                      .sealer = sealed_by_trusted(m),
                                      .forwarder = network_list_has(conf->forwarders.v, conf->forwarders.n, m->client),
                                      .tempfail_wanted = conf->temperror_tempfail,
                                      .client = m->class,
                                      .authenticated = m->authenticated,
                                      .from_domain = o->dmarc.from_domain,
                                      .spf_domain = o->spf.domain };
}
