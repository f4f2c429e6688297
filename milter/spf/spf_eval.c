/*
 * spf_eval.c - check_host(): which identity, which record, which result, which explanation (RFC 7208 2.3, 2.4, 4, 5.2, 6).
 *
 * include and redirect recurse; the limit on terms bounds the depth. The evaluation carries the counters, so nesting starts
 * nothing anew. How a single mechanism matches is left to spf_match.c.
 */
#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/domain.h"

#include "spf_int.h"

static enum auth_code check_host(struct spf_eval *ev, struct str domain, const struct dns_answer *txt);

static enum auth_code end(struct spf_eval *ev, enum auth_code code, const char *reason)
{
    ev->reason = reason;
    return code;
}

static enum auth_code matched(struct spf_eval *ev, const struct spf_scope *scope, const struct spf_term *t)
{
    static const char *const reasons[] = {
        [AUTH_PASS] = "a term of the record permits the client",
        [AUTH_FAIL] = "a term of the record forbids the client",
        [AUTH_SOFTFAIL] = "a term of the record says the client is probably not permitted",
        [AUTH_NEUTRAL] = "a term of the record says nothing about the client",
    };
    ev->mechanism = t->text;
    ev->exp = scope->record.exp;
    ev->exp_domain = scope->domain;
    return end(ev, t->code, reasons[t->code]);
}

/* An error keeps the innermost term that explains it. */
static enum auth_code failed(struct spf_eval *ev, const struct spf_term *t, enum auth_code code)
{
    if (ev->mechanism.n == 0)
        ev->mechanism = t->text;
    return code;
}

/* RFC 7208 5.2, 6.1: asks for the record of term i and evaluates it. AUTH_NONE as well when there can be none. */
static enum auth_code check_target(struct spf_eval *ev, struct spf_scope *scope, size_t i)
{
    struct dns_answer txt;
    switch (spf_term_ask(ev, scope, i, &txt)) {
    case SPF_MATCH:
        return check_host(ev, scope->lookups[i].name, &txt);
    case SPF_TEMPERROR:
        return AUTH_TEMPERROR;
    case SPF_PERMERROR:
        return AUTH_PERMERROR;
    default:
        return end(ev, AUTH_NONE, "target is no domain name");
    }
}

static enum spf_match include(struct spf_eval *ev, struct spf_scope *scope, size_t i)
{
    switch (check_target(ev, scope, i)) {
    case AUTH_PASS:
        return SPF_MATCH;
    case AUTH_FAIL:
    case AUTH_SOFTFAIL:
    case AUTH_NEUTRAL:
        ev->mechanism = STR_NONE;
        return SPF_NO_MATCH;
    case AUTH_TEMPERROR:
        return SPF_TEMPERROR;
    case AUTH_NONE:
        /* RFC 8616 4: such a term does not match anything. */
        if (scope->lookups[i].target == SPF_TARGET_NEVER)
            return SPF_NO_MATCH;
        ev->reason = "included domain has no SPF record";
        return SPF_PERMERROR;
    default:
        return SPF_PERMERROR;
    }
}

static enum auth_code redirect(struct spf_eval *ev, struct spf_scope *scope, size_t i)
{
    enum auth_code code = check_target(ev, scope, i);
    if (code != AUTH_NONE)
        return code;
    if (scope->lookups[i].target == SPF_TARGET_NEVER)
        return AUTH_NONE;
    /* RFC 7208 6.1: no record at the target is a permerror. */
    return end(ev, AUTH_PERMERROR, "domain redirected to has no SPF record");
}

/* RFC 7208 4.6.4: the time is a limit too. */
static bool out_of_time(struct spf_eval *ev)
{
    if (clock_ms() < ev->deadline)
        return false;
    ev->reason = "out of time";
    return true;
}

static enum spf_match match(struct spf_eval *ev, struct spf_scope *scope, size_t i)
{
    if (out_of_time(ev))
        return SPF_TEMPERROR;
    if (!spf_count_term(ev))
        return SPF_PERMERROR;
    bool is_include = scope->record.terms[i].kind == SPF_INCLUDE;
    enum spf_match result = is_include ? include(ev, scope, i) : spf_term_match(ev, scope, i);
    /* A lookup that failed for lack of time may only have made ptr not match: the terms behind it must not decide. */
    return result == SPF_NO_MATCH && out_of_time(ev) ? SPF_TEMPERROR : result;
}

/* AUTH_NONE: the term does not match. */
static enum auth_code evaluate_term(struct spf_eval *ev, struct spf_scope *scope, size_t i)
{
    const struct spf_term *t = &scope->record.terms[i];
    if (!spf_term_asks(t))
        return spf_term_holds(t, ev->client) ? matched(ev, scope, t) : AUTH_NONE;
    if (t->kind == SPF_REDIRECT) {
        enum auth_code code = spf_count_term(ev) ? redirect(ev, scope, i) : AUTH_PERMERROR;
        return code == AUTH_TEMPERROR || code == AUTH_PERMERROR ? failed(ev, t, code) : code;
    }
    switch (match(ev, scope, i)) {
    case SPF_MATCH:
        return matched(ev, scope, t);
    case SPF_TEMPERROR:
        return failed(ev, t, AUTH_TEMPERROR);
    case SPF_PERMERROR:
        return failed(ev, t, AUTH_PERMERROR);
    default:
        return AUTH_NONE;
    }
}

/* RFC 7208 4.6.2, 4.7: the first term that matches decides; without one the result is neutral. */
static enum auth_code evaluate(struct spf_eval *ev, struct spf_scope *scope)
{
    enum auth_code code = AUTH_NONE;
    scope->lookups = ARENA_ARRAY(ev->arena, struct spf_lookup, scope->record.n);
    spf_prefetch(ev, scope);
    for (size_t i = 0; i < scope->record.n && code == AUTH_NONE; i++)
        code = evaluate_term(ev, scope, i);
    spf_prefetch_end(scope);
    if (code != AUTH_NONE)
        return code;
    ev->mechanism = STR("default");
    return end(ev, AUTH_NEUTRAL, "no term of the record matches the client");
}

/* From the answer to the TXT question on (RFC 7208 4.4 to 4.7). */
static enum auth_code check_host(struct spf_eval *ev, struct str domain, const struct dns_answer *txt)
{
    const struct str *text = NULL;
    /* RFC 7208 4.5: what does not begin with the version is none of our business; two that do are a permerror. */
    for (size_t i = 0; i < txt->n; i++) {
        if (!spf_record_is(txt->rr[i]))
            continue;
        if (text != NULL)
            return end(ev, AUTH_PERMERROR, "domain has several SPF records");
        text = &txt->rr[i];
    }
    if (text == NULL)
        return end(ev, AUTH_NONE, txt->status == DNS_NXDOMAIN ? "domain does not exist" : "domain has no SPF record");

    struct spf_scope scope = { .domain = domain };
    if (!spf_record_parse(ev->arena, *text, &scope.record)) {
        ev->mechanism = str_escape(ev->arena, scope.record.problem, LIMIT_SPF_RECORD);
        return end(ev, AUTH_PERMERROR, scope.record.reason);
    }
    return evaluate(ev, &scope);
}

/* RFC 7208 6.2: any trouble on the way means that there is no explanation. */
static void explain(struct spf_eval *ev, struct str *out)
{
    struct str name;
    struct dns_answer txt;
    struct spf_text text = { .max = LIMIT_SPF_EXPLANATION };
    if (ev->exp.n == 0 || spf_never_matches(ev, ev->exp))
        return;
    (void)spf_set_domain(ev, ev->exp_domain, ev->exp, false);
    if (!spf_macro_domain(ev->exp, &ev->vars, ev->arena, &name))
        return;
    dns_ask(ev->dns, name, DNS_TXT, ev->deadline, ev->arena, &txt);
    if (txt.status != DNS_OK || txt.n != 1)
        return;
    (void)spf_set_domain(ev, ev->exp_domain, txt.rr[0], false);
    if (!spf_macro_expand(txt.rr[0], true, &ev->vars, &text))
        return;
    /* RFC 7208 8.4, 11.5.3: macros may bring in anything the client said. */
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            text.p[i] = '?';
    *out = str_dup(ev->arena, (struct str){ text.p, text.n });
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > 0x7f)
            return false;
    return true;
}

/* RFC 7208 4.3: at least two labels. A name that ends in digits alone is an address, not a name. */
static bool is_checkable(struct str domain)
{
    struct str before, top;
    if (!str_rcut(domain, '.', &before, &top))
        return false;
    for (size_t i = 0; i < top.n; i++)
        if (!char_is_digit(top.p[i]))
            return true;
    return false;
}

/* RFC 7208 2.3, 2.4, 4.3: the identity, and the sender it stands for. False with the reason set: there is nothing to check. */
static bool find_identity(const struct spf_input *in, struct arena *a, struct spf_result *out, struct str *local)
{
    *local = STR("postmaster");
    out->identity = in->identity;
    out->null_sender = in->identity == SPF_MAILFROM && in->local.n == 0 && in->domain.n == 0;
    if (in->identity == SPF_HELO || out->null_sender) {
        struct str helo = str_first(in->helo, LIMIT_DOMAIN);
        if (domain_normalise(a, in->helo, &out->domain) && is_checkable(out->domain))
            return true;
        out->domain = str_dup(a, helo);
        out->reason = "HELO name is no domain name of several labels";
        return false;
    }
    struct str before, domain = in->domain;
    if (domain.n == 0 && !str_rcut(in->local, '@', &before, &domain))
        domain = in->local;
    out->domain = str_dup(a, str_first(domain, LIMIT_DOMAIN));
    out->reason = "MAIL FROM has no domain name of several labels";
    if (in->local.n > 0)
        *local = str_first(in->local, LIMIT_ADDRESS);
    return in->domain.n > 0 && is_checkable(in->domain);
}

void spf_check(struct dns *dns, const struct spf_input *in, int64_t deadline, struct arena *a, struct spf_result *out)
{
    struct str local;
    *out = (struct spf_result){ .code = AUTH_NONE, .domain = STR_NONE, .mechanism = STR_NONE, .explanation = STR_NONE };
    if (!find_identity(in, a, out, &local))
        return;
    if (in->client.family == 0) {
        out->reason = "address of the client is not known";
        return;
    }
    struct spf_eval ev = { .dns = dns, .arena = a, .deadline = deadline, .client = in->client, .local_ascii = is_ascii(local) };
    struct dns_answer txt;
    spf_vars_init(&ev.vars, in, local, out->domain, a);
    dns_ask(dns, out->domain, DNS_TXT, deadline, a, &txt);
    if (txt.status == DNS_TEMPFAIL)
        /* RFC 7208 4.4 */
        out->code = end(&ev, AUTH_TEMPERROR, txt.reason != NULL ? txt.reason : "DNS lookup failed");
    else
        out->code = check_host(&ev, out->domain, &txt);
    out->reason = ev.reason;
    if (out->code == AUTH_FAIL)
        explain(&ev, &out->explanation);
    if (ev.ptr_query != NULL)
        dns_drop(ev.ptr_query);
    out->mechanism = ev.mechanism;
    out->terms = ev.terms;
    out->voids = ev.voids;
}
