/*
 * policy_decide.c - the first rule that matches. Pure but for tables that are asked: same facts, same decision.
 */
#include <stddef.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"
#include "mailseal/str.h"
#include "mailseal/policy.h"

#include "policy_int.h"

const struct name_code action_names[] = {
    { "accept", ACTION_ACCEPT },
    { "label", ACTION_LABEL },
    { "quarantine", ACTION_QUARANTINE },
    { "tempfail", ACTION_TEMPFAIL },
    { "reject", ACTION_REJECT },
    { "discard", ACTION_DISCARD },
    { NULL, 0 },
};

static bool has_expired(const struct rule *rule, int64_t now)
{
    return rule->expires != 0 && now >= rule->expires;
}

/* The first condition that does not hold, or NULL. A table may take its time: it is asked when all the rest holds. */
static const struct condition *unmet(const struct rule *rule, const struct policy_facts *facts, const char **unknown)
{
    for (int tables = 0; tables < 2; tables++) {
        for (size_t i = 0; i < rule->n_when; i++) {
            const struct condition *c = &rule->when[i];

            if (c->asks_table == tables && !condition_holds(c, facts, unknown))
                return c;
        }
    }
    return NULL;
}

/* Tries one rule, and says how it went. */
static bool try_rule(const struct rule *rule, const struct policy_facts *facts, const char **unknown, struct policy_step *step)
{
    const struct condition *c;

    *step = (struct policy_step){ .rule = rule->name,
                                  .reason = rule->reason,
                                  .owner = rule->owner,
                                  .action = rule->action,
                                  .expired = has_expired(rule, facts->now),
                                  .condition = STR_NONE,
                                  .value = STR_NONE };
    if (step->expired)
        return false;
    if (rule->action == ACTION_TEMPFAIL && facts->no_tempfail) {
        step->condition = STR("action=tempfail");
        step->value = STR("not any more");
        return false;
    }
    c = unmet(rule, facts, unknown);
    if (c != NULL) {
        step->condition = c->text;
        step->value = policy_fact_value(c->fact, facts);
    }
    step->matched = c == NULL;
    return step->matched;
}

void policy_decide(const struct policy *p, const struct policy_facts *f, struct arena *a, struct policy_decision *out)
{
    const char *unknown = NULL;
    struct policy_step step;

    for (size_t i = 0; i < p->n_rules; i++) {
        const struct rule *rule = &p->rules[i];

        if (!try_rule(rule, f, &unknown, &step))
            continue;
        *out = (struct policy_decision){ .action = rule->action,
                                         .rule = rule->name,
                                         .code = rule->code,
                                         .xcode = rule->xcode,
                                         .text = rule->code != 0 ? reply_write(rule, f, a) : STR_NONE,
                                         .reason = rule->reason,
                                         .list = unknown };
        return;
    }
    /* The last rule is for inbound mail like any other without conditions: what our own clients send is not judged. */
    if (f->direction != DIRECTION_OUTBOUND)
        BUG("no rule of '%s' matches", p->name);
    *out = (struct policy_decision){
        .action = ACTION_ACCEPT, .rule = POLICY_EXEMPT, .xcode = "", .text = STR_NONE, .reason = "", .list = unknown
    };
}

void policy_trace(const struct policy *p, const struct policy_facts *f, struct arena *a,
                  void (*fn)(void *ctx, const struct policy_step *step), void *ctx)
{
    struct policy_step step = { .matched = false };

    for (size_t i = 0; i < p->n_rules && !step.matched; i++) {
        const char *unknown = NULL;

        if (!try_rule(&p->rules[i], f, &unknown, &step) && unknown != NULL)
            step.value = str_printf(a, "%.*s, and '%s' gives no answer", STR_FMT(step.value), unknown);
        fn(ctx, &step);
    }
}

bool policy_asks_recipient(const struct policy *p)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        for (size_t k = 0; k < p->rules[i].n_when; k++) {
            if (p->rules[i].when[k].fact->offset == offsetof(struct policy_facts, recipient_domain))
                return true;
        }
    }
    return false;
}

/* The values of a fact that no condition of the rule excludes. */
static uint32_t allowed(const struct rule *rule, const char *fact)
{
    uint32_t values = UINT32_MAX;

    for (size_t i = 0; i < rule->n_when; i++) {
        if (rule->when[i].fact == policy_fact_find(str_of(fact)))
            values &= rule->when[i].values;
    }
    return values;
}

/* Outbound is what authenticated clients and our own hosts send. */
static bool may_be_outbound(const struct rule *rule)
{
    uint32_t own = UINT32_C(1) << CLIENT_INTERNAL | UINT32_C(1) << CLIENT_LOCAL;

    return (allowed(rule, "direction") >> DIRECTION_OUTBOUND & 1) != 0 &&
           ((allowed(rule, "authenticated") >> true & 1) != 0 || (allowed(rule, "client") & own) != 0);
}

bool policy_asks_outbound(const struct policy *p)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        if (may_be_outbound(&p->rules[i]))
            return true;
    }
    return false;
}

size_t policy_expired(const struct policy *p, struct arena *a, int64_t now, const char ***names)
{
    size_t n = 0;

    *names = ARENA_ARRAY(a, const char *, p->n_rules);
    for (size_t i = 0; i < p->n_rules; i++) {
        if (has_expired(&p->rules[i], now))
            (*names)[n++] = p->rules[i].name;
    }
    return n;
}
