/*
 * decide.c - facts to decision: the policy, asked once for each domain among the recipients, and the options of the site that stand
 * behind it.
 *
 * A message is one answer for all its recipients: where the policy wants different things for them, the mildest is done, so that
 * nobody loses mail by a rule for somebody else.
 */
#include "mailseal/log.h"

#include "engine_int.h"

static const char *id_of(const struct msg *m)
{
    return m->queue_id.n > 0 ? str_cstr(m->arena, m->queue_id) : "NOQUEUE";
}

bool refuses(const struct policy_decision *d)
{
    return d->action == ACTION_REJECT || d->action == ACTION_DISCARD;
}

/* Who gave no answer that might have spared the message, or NULL. The names of a client are looked up where its owner wants: with
 * a zone that never answers he could have every refusal put off and then softened, so that ends with the budget. */
static const char *silent(const struct msg *m, const struct policy_facts *f, const struct policy_decision *d)
{
    if (d->list != NULL || m->unanswered != NULL)
        return d->list != NULL ? d->list : m->unanswered;
    return m->unnamed && (!f->no_tempfail || m->resolver_down) ? "the DNS about the client's name" : NULL;
}

/* What was not answered might have spared the message, so it is neither refused for good nor thrown away. */
static void spare(const struct msg *m, const struct policy_facts *f, struct policy_decision *d)
{
    if (silent(m, f, d) == NULL || !refuses(d))
        return;
    if (f->no_tempfail) {
        d->action = ACTION_QUARANTINE;
        d->code = 0;
        return;
    }
    d->action = ACTION_TEMPFAIL;
    d->code = 451;
    d->xcode = "4.3.0";
    d->text = STR("This site cannot look up now whether the message is welcome, please try again later");
}

/* Once it is settled: the policy may have been asked twice. */
static void note_spared(const struct msg *m)
{
    const struct policy_decision *said = &m->outcome.said, *done = &m->outcome.decision;
    if (refuses(said) && done->rule == said->rule && (done->action == ACTION_TEMPFAIL || done->action == ACTION_QUARANTINE))
        log_warning("%s: no answer from %s, so rule '%s' does not %s", id_of(m), silent(m, &m->outcome.facts, said), said->rule,
                    name_of(action_names, (int)said->action));
}

static void note_disagreement(const struct msg *m)
{
    const struct outcome *o = &m->outcome;
    if (o->disagreement.n > 0)
        log_info("%s: recipients differ, %s is done: %.*s", id_of(m), name_of(action_names, (int)o->decision.action),
                 STR_FMT(o->disagreement));
}

/* For recipients of a domain. */
static void ask_policy(struct msg *m, struct str domain, struct policy_decision *said, struct policy_decision *out)
{
    struct policy_facts *f = &m->outcome.facts;
    f->recipient_domain = domain;
    policy_decide(m->conf->policy, f, m->arena, said);
    *out = *said;
    outage_soften(m, f, out);
    spare(m, f, out);
}

static void add_opinion(struct buf *b, const struct policy_decision *d, struct str domain)
{
    buf_printf(b, "%s%s by \"%s\" for %.*s", b->n > 0 ? ", " : "", name_of(action_names, (int)d->action), d->rule, STR_FMT(domain));
    if (domain.n == 0)
        buf_puts(b, "others");
}

/* The facts of the outcome become those of the domain that had its way. */
static void ask_for_all(struct msg *m)
{
    struct outcome *o = &m->outcome;
    struct policy_decision d, said;
    struct str winner = m->rcpt_domain[0];
    struct buf b;
    bool disagree = false;
    buf_init(&b, m->arena, LIMIT_LOG_LINE / 2);
    ask_policy(m, winner, &o->said, &o->decision);
    add_opinion(&b, &o->decision, winner);
    for (size_t i = 1; i < m->n_rcpt_domains; i++) {
        ask_policy(m, m->rcpt_domain[i], &said, &d);
        add_opinion(&b, &d, m->rcpt_domain[i]);
        disagree = disagree || d.action != o->decision.action;
        if (d.action < o->decision.action) {
            o->decision = d;
            o->said = said;
            winner = m->rcpt_domain[i];
        }
    }
    o->facts.recipient_domain = winner;
    o->disagreement = disagree ? buf_view(&b) : STR_NONE;
}

static void apply_options(struct msg *m)
{
    struct outcome *o = &m->outcome;
    o->held = o->decision.action == ACTION_QUARANTINE && m->conf->quarantine_hold;
    if (o->decision.action == ACTION_LABEL || (o->decision.action == ACTION_QUARANTINE && !o->held)) {
        o->label = name_of(action_names, (int)o->decision.action);
        o->decision.action = ACTION_LABEL;
    }
}

/* The domains may be there for the journal alone. */
static void ask(struct msg *m)
{
    if (m->n_rcpt_domains > 0 && policy_asks_recipient(m->conf->policy))
        ask_for_all(m);
    else
        ask_policy(m, STR_NONE, &m->outcome.said, &m->outcome.decision);
}

static void judge(struct msg *m)
{
    facts_of(m);
    outage_begin(m);
    ask(m);
    if (outage_ends_deferral(m))
        ask(m);
    note_spared(m);
    note_disagreement(m);
    apply_options(m);
}

void outcome_decide(struct msg *m)
{
    struct outcome *o = &m->outcome;
    o->exempt_reason = m->exempt_reason;
    o->exempt = m->exempt_reason != NULL;
    o->client = m->client;
    o->relayed = m->relayed;
    o->policy_name = policy_name(m->conf->policy);
    if (o->exempt) {
        o->spf.reason = o->helo.reason = o->dmarc.reason = "not judged";
        if (o->author.status == AUTHOR_ONE)
            o->dmarc.from_domain = o->author.domain;
    }
    judge(m);
}
