/*
 * decide.c - facts to decision: the policy, and the options of the site that stand behind it.
 */
#include "engine_int.h"

static void judge(struct msg *m)
{
    struct outcome *o = &m->outcome;
    const struct conf *conf = m->conf;
    facts_of(m);
    policy_decide(conf->policy, &o->facts, m->arena, &o->decision);
    o->said = o->decision;
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
    o->client = m->client;
    o->relayed = m->relayed;
    o->policy_name = policy_name(m->conf->policy);
    if (!o->exempt) {
        judge(m);
        return;
    }
    o->decision = (struct policy_decision){ .action = ACTION_ACCEPT, .rule = "exempt" };
    o->said = o->decision;
    o->spf.reason = o->helo.reason = o->dmarc.reason = "not judged";
    if (o->author.status == AUTHOR_ONE)
        o->dmarc.from_domain = o->author.domain;
}
