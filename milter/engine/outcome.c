/*
 * outcome.c - results to decision, and the verdict line.
 *
 * The policy is asked about facts only. Two of the site's options are applied behind it: a quarantine may mean a label.
 */
#include "mailseal/buf.h"
#include "mailseal/limits.h"

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

static void judge(struct msg *m)
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
                                      .from_domain = o->dmarc.from_domain,
                                      .spf_domain = o->spf.domain };
    policy_decide(conf->policy, &o->facts, m->arena, &o->decision);
    if (o->decision.action == ACTION_QUARANTINE) {
        o->held = conf->quarantine_hold;
        if (!o->held)
            o->decision.action = ACTION_ACCEPT; /* the field we write is the label */
    }
}

void outcome_decide(struct msg *m)
{
    struct outcome *o = &m->outcome;
    o->exempt_reason = m->exempt_reason;
    o->exempt = m->exempt_reason != NULL;
    o->policy_name = policy_name(m->conf->policy);
    if (!o->exempt) {
        judge(m);
        return;
    }
    o->decision = (struct policy_decision){ .action = ACTION_ACCEPT, .rule = "exempt" };
    o->spf.reason = o->helo.reason = o->dmarc.reason = "not judged";
    if (o->author.status == AUTHOR_ONE)
        o->dmarc.from_domain = o->author.domain;
}

/* A domain in the line: "-" when there is none. Mail may put anything in it, so it is escaped and bounded. */
static void put_domain(struct buf *b, struct str domain)
{
    if (domain.n == 0)
        buf_char(b, '-');
    for (size_t i = 0; i < domain.n && i < LIMIT_DOMAIN; i++) {
        unsigned char c = (unsigned char)domain.p[i];
        if (c <= 0x20 || c > 0x7e || c == '"' || c == '\\')
            buf_printf(b, "\\x%02x", c);
        else
            buf_char(b, (char)c);
    }
}

static void put_dkim(struct buf *b, const struct outcome *o)
{
    size_t shown = 0;
    for (size_t i = 0; i < o->n_dkim && shown < 4; i++, shown++) {
        buf_puts(b, shown == 0 ? " dkim=" : ",");
        buf_printf(b, "%s/", auth_code_name(o->dkim[i].code));
        put_domain(b, o->dkim[i].domain);
    }
    if (o->n_dkim == 0)
        buf_puts(b, " dkim=none");
    if (o->n_dkim > shown)
        buf_printf(b, ",+%zu", o->n_dkim - shown);
}

static void put_results(struct buf *b, const struct outcome *o)
{
    buf_printf(b, " spf=%s/", auth_code_name(o->spf.code));
    put_domain(b, o->spf.domain);
    buf_printf(b, " helo=%s", auth_code_name(o->helo.code));
    put_dkim(b, o);
    buf_printf(b, " arc=%s", auth_code_name(o->arc.code));
    if (o->arc.n_sealers > 0) {
        buf_char(b, '/');
        put_domain(b, o->arc.sealers[0].domain);
    }
    buf_printf(b, " dmarc=%s", auth_code_name(o->dmarc.code));
    if (o->dmarc.has_policy)
        buf_printf(b, " policy=%s", name_of(dmarc_policy_names, (int)o->dmarc.applied));
}

const char *msg_log_line(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct buf b;
    buf_init(&b, m->arena, LIMIT_LOG_LINE);
    buf_puts(&b, "from=");
    put_domain(&b, o->author.domain);
    if (o->exempt)
        buf_printf(&b, " client=\"%s\" signatures=%zu", o->exempt_reason, o->n_signatures);
    else
        put_results(&b, o);
    if (o->exempt && o->n_signatures == 0 && o->sign_reason != NULL)
        buf_printf(&b, " unsigned=\"%s\"", o->sign_reason);
    if (o->n_unpublished > 0)
        buf_puts(&b, " keys=unpublished");
    buf_printf(&b, " action=%s rule=\"%s\"", name_of(action_names, (int)o->decision.action), o->decision.rule);
    if (!o->exempt && o->dmarc.code != AUTH_PASS)
        buf_printf(&b, " reason=\"%s\"", o->dmarc.reason);
    buf_printf(&b, " rcpts=%zu dns=%u t=%lldms", m->recipients, o->dns_queries, (long long)o->ms);
    return str_cstr(m->arena, buf_view(&b));
}
