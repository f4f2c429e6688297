/*
 * outage.c - answers that did not come: what they may do to a decision, and for how long.
 *
 * A rule may defer a message until the DNS answers, but neither for ever (deferral.c) nor when it is our own resolver that is down
 * (brake.c): then the policy decides as if no rule could defer. A missing answer of our resolver refuses nobody.
 */
#include "mailseal/clock.h"
#include "mailseal/log.h"

#include "engine_int.h"

/* ---- the brake ---- */

static struct dns_tally tally_of(const struct msg *m)
{
    struct dns_tally all = { 0 };
    const struct dns *meters[] = { m->spf_dns, m->dns };
    for (size_t i = 0; i < sizeof(meters) / sizeof(meters[0]); i++) {
        if (meters[i] == NULL)
            continue;
        struct dns_tally t = dns_meter_tally(meters[i]);
        all.ended += t.ended;
        all.failed += t.failed;
    }
    return all;
}

void outage_count(struct msg *m)
{
    const struct conf *conf = m->conf;
    struct brake_state s = brake_count(env_brake(m->env), tally_of(m), conf->resolver_down_share, clock_ms() / 1000);
    m->resolver_down = s.on;
    if (s.news == BRAKE_IS_ON)
        log_error("the resolver is down: %u of %u DNS questions failed in the last minute; until it answers, mail is %s",
                  s.tally.failed, s.tally.ended, conf->resolver_down_tempfail ? "deferred" : "released with a label");
    else if (s.news == BRAKE_ENDED)
        log_warning("the resolver is no longer down: %u of %u DNS questions failed in the last minute", s.tally.failed,
                    s.tally.ended);
}

/* ---- the budget ---- */

static struct str domain_of(const struct msg *m)
{
    return m->outcome.author.status == AUTHOR_ONE ? m->outcome.author.domain : m->domain;
}

/* Takes from the budget of the sender, and says so. */
static bool may_defer(struct msg *m)
{
    const struct deferral_limits limits = { .times = m->conf->defer_times, .minutes = m->conf->defer_minutes };
    struct deferral_count c;
    struct str domain = domain_of(m), text;
    bool allowed = deferral_allows(env_deferral(m->env), m->client, domain, &limits, m->now, &c);
    if (allowed)
        text = str_printf(m->arena, "deferred %u of %lld", c.count, (long long)limits.times);
    else
        text = str_printf(m->arena, "deferral used up after %u times in %lld minutes", c.count, (long long)c.minutes);
    m->outcome.deferral = str_cstr(m->arena, text);
    if (c.news)
        log_info("mail of '%.*s' from '%s/%u' is no longer deferred until answers come: it was %u times in %lld minutes",
                 STR_FMT(domain), str_cstr(m->arena, ip_text(m->arena, m->client)), deferral_network_bits(m->client), c.count,
                 (long long)c.minutes);
    return allowed;
}

/* ---- the decision ---- */

static enum auth_code *results_of(struct policy_facts *f, size_t i)
{
    enum auth_code *const results[] = { &f->spf, &f->helo, &f->dkim, &f->dkim_aligned, &f->dmarc };
    return i < sizeof(results) / sizeof(results[0]) ? results[i] : NULL;
}

static bool lacks_answers(struct policy_facts f)
{
    enum auth_code *c;
    for (size_t i = 0; (c = results_of(&f, i)) != NULL; i++)
        if (*c == AUTH_TEMPERROR)
            return true;
    return false;
}

/* Would it be refused even if every missing answer spoke for it? Then it is not for want of an answer. */
static bool is_refused_anyway(struct msg *m, struct policy_facts f)
{
    struct policy_decision d;
    enum auth_code *c;
    for (size_t i = 0; (c = results_of(&f, i)) != NULL; i++)
        if (*c == AUTH_TEMPERROR) {
            *c = AUTH_PASS;
            f.aligned = true;
        }
    policy_decide(m->conf->policy, &f, m->arena, &d);
    return refuses(&d);
}

void outage_begin(struct msg *m)
{
    struct outcome *o = &m->outcome;
    m->released = m->resolver_down && !m->conf->resolver_down_tempfail && lacks_answers(o->facts);
    if (!m->released)
        return;
    o->facts.no_tempfail = true;
    o->deferral = "resolver down, released";
}

void outage_soften(struct msg *m, const struct policy_facts *f, struct policy_decision *d)
{
    if (!m->released || (d->action != ACTION_ACCEPT && (!refuses(d) || is_refused_anyway(m, *f))))
        return;
    d->action = ACTION_LABEL;
    d->code = 0;
    d->xcode = "";
    d->text = STR_NONE;
}

static void defer_all(struct outcome *o)
{
    o->deferral = "resolver down, deferred";
    o->decision =
        (struct policy_decision){ .action = ACTION_TEMPFAIL,
                                  .rule = "resolver down",
                                  .code = 451,
                                  .xcode = "4.4.3",
                                  .text = STR("The DNS does not answer us, so mail cannot be checked; please try again later"),
                                  .reason = "" };
}

bool outage_ends_deferral(struct msg *m)
{
    struct outcome *o = &m->outcome;
    bool judged = m->exempt_reason == NULL;
    if (judged && m->resolver_down && m->conf->resolver_down_tempfail) {
        defer_all(o);
        return false;
    }
    if (!lacks_answers(o->facts) && o->decision.list == NULL && m->unanswered == NULL && !m->unnamed) {
        if (judged)
            deferral_answered(env_deferral(m->env), m->client, domain_of(m));
        return false;
    }
    if (o->decision.action != ACTION_TEMPFAIL || may_defer(m))
        return false;
    o->facts.no_tempfail = true;
    return true;
}
