/*
 * spf_match.c - the mechanisms that ask the DNS: their questions, sent ahead, and a, mx, ptr, exists (RFC 7208 5, 4.6.4).
 *
 * Prefetching starts the first question of every term that may be reached, so that a record costs the time of its slowest answer
 * and not the sum. What is asked beyond need is bounded: no more questions are sent ahead in a whole evaluation than it may have
 * terms. Order of terms, include, redirect and results are left to spf_eval.c.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "spf_int.h"

bool spf_term_asks(const struct spf_term *t)
{
    return t->kind != SPF_ALL && t->kind != SPF_IP4 && t->kind != SPF_IP6;
}

bool spf_term_holds(const struct spf_term *t, struct ip client)
{
    return t->kind == SPF_ALL || ip_in(client, t->net, t->kind == SPF_IP4 ? t->bits4 : t->bits6);
}

static enum spf_match stop(struct spf_eval *ev, enum spf_match how, const char *reason)
{
    ev->reason = reason;
    return how;
}

static enum spf_match dns_failed(struct spf_eval *ev, const struct dns_answer *answer)
{
    return stop(ev, SPF_TEMPERROR, answer->reason != NULL ? answer->reason : "DNS lookup failed");
}

bool spf_count_term(struct spf_eval *ev)
{
    if (ev->terms == LIMIT_SPF_TERMS) {
        ev->reason = "more than 10 terms that ask the DNS";
        return false;
    }
    ev->terms++;
    return true;
}

/* RFC 7208 4.6.4: the third is a permerror. */
static enum spf_match count_void(struct spf_eval *ev)
{
    return ++ev->voids <= LIMIT_SPF_VOID ? SPF_NO_MATCH : stop(ev, SPF_PERMERROR, "more than 2 lookups without an answer");
}

static enum dns_type address_type(const struct spf_eval *ev)
{
    return ev->client.family == 6 ? DNS_AAAA : DNS_A;
}

static enum dns_type question_type(const struct spf_eval *ev, enum spf_kind kind)
{
    switch (kind) {
    case SPF_MX:
        return DNS_MX;
    case SPF_A:
        return address_type(ev);
    case SPF_EXISTS:
        /* RFC 7208 5.7: A, whatever the client is. */
        return DNS_A;
    default:
        return DNS_TXT;
    }
}

bool spf_never_matches(const struct spf_eval *ev, struct str text)
{
    return !ev->local_ascii && spf_macro_uses(text, "sl");
}

/* Finds the name term i is about. %{p} must have been set. */
static void find_target(struct spf_eval *ev, const struct spf_scope *scope, size_t i)
{
    const struct spf_term *t = &scope->record.terms[i];
    struct spf_lookup *lookup = &scope->lookups[i];
    ev->vars.value[SPF_VAR('d')] = scope->domain;
    lookup->target = SPF_TARGET_NAME;
    lookup->name = scope->domain;
    if (t->spec.n == 0)
        return;
    if (spf_never_matches(ev, t->spec))
        lookup->target = SPF_TARGET_NEVER;
    else if (!spf_macro_domain(t->spec, &ev->vars, ev->arena, &lookup->name))
        lookup->target = SPF_TARGET_FAULTY;
    else if ((t->kind == SPF_INCLUDE || t->kind == SPF_REDIRECT) && domain_labels(lookup->name) < 2)
        /* RFC 7208 4.3: check_host() knows no domain of one label, so nothing need be asked. */
        lookup->target = SPF_TARGET_FAULTY;
}

static void start_question(struct spf_eval *ev, const struct spf_scope *scope, size_t i)
{
    struct spf_lookup *lookup = &scope->lookups[i];
    lookup->query = dns_start(ev->dns, lookup->name, question_type(ev, scope->record.terms[i].kind), ev->deadline);
    ev->started++;
}

static void start_ptr(struct spf_eval *ev)
{
    if (ev->ptr_known || ev->ptr_query != NULL)
        return;
    ev->ptr_query = dns_start(ev->dns, ip_reverse_name(ev->arena, ev->client), DNS_PTR, ev->deadline);
    ev->started++;
}

void spf_prefetch(struct spf_eval *ev, struct spf_scope *scope)
{
    for (size_t i = 0; i < scope->record.n && ev->started < LIMIT_SPF_TERMS; i++) {
        const struct spf_term *t = &scope->record.terms[i];
        if (!spf_term_asks(t)) {
            if (spf_term_holds(t, ev->client))
                return;
        } else if (t->kind == SPF_PTR) {
            start_ptr(ev);
        } else if (!spf_macro_uses(t->spec, "p")) {
            find_target(ev, scope, i);
            if (scope->lookups[i].target == SPF_TARGET_NAME)
                start_question(ev, scope, i);
        }
    }
}

void spf_prefetch_end(struct spf_scope *scope)
{
    for (size_t i = 0; i < scope->record.n; i++) {
        if (scope->lookups[i].query != NULL)
            dns_drop(scope->lookups[i].query);
        scope->lookups[i].query = NULL;
    }
}

enum spf_match spf_term_ask(struct spf_eval *ev, struct spf_scope *scope, size_t i, struct dns_answer *out)
{
    const struct spf_term *t = &scope->record.terms[i];
    struct spf_lookup *lookup = &scope->lookups[i];
    if (lookup->target == SPF_TARGET_UNKNOWN) {
        enum spf_match set = spf_set_domain(ev, scope->domain, t->spec, true);
        if (set != SPF_MATCH)
            return set;
        find_target(ev, scope, i);
    }
    if (lookup->target != SPF_TARGET_NAME)
        return SPF_NO_MATCH;
    if (lookup->query == NULL)
        start_question(ev, scope, i);
    dns_wait(lookup->query, ev->arena, out);
    lookup->query = NULL;
    /* RFC 7208 5: an RCODE other than 0 and 3, or a time-out, ends the evaluation. */
    if (out->status == DNS_TEMPFAIL)
        return dns_failed(ev, out);
    /* A domain without a record is no void lookup but the end of an include or redirect. */
    if (out->status != DNS_OK && t->kind != SPF_INCLUDE && t->kind != SPF_REDIRECT && count_void(ev) == SPF_PERMERROR)
        return SPF_PERMERROR;
    return SPF_MATCH;
}

static bool has_address(const struct spf_eval *ev, const struct dns_answer *answer, unsigned bits)
{
    size_t n = ev->client.family == 6 ? 16 : 4;
    for (size_t i = 0; i < answer->n; i++) {
        struct ip ip = { .family = ev->client.family };
        if (answer->rr[i].n != n)
            continue;
        memcpy(ip.b, answer->rr[i].p, n);
        if (ip_in(ev->client, ip, bits))
            return true;
    }
    return false;
}

/* RFC 7208 5.4: the addresses of up to 10 exchanges, asked at once. There is no fall back to the name's own address. */
static enum spf_match match_exchanges(struct spf_eval *ev, const struct dns_answer *mx, unsigned bits)
{
    struct dns_query *queries[LIMIT_SPF_MX] = { 0 };
    enum spf_match match = SPF_NO_MATCH;
    bool missing = false;
    /* RFC 7208 4.6.4: decided by the number, so that it does not depend on the order of equal preferences. */
    if (mx->n > LIMIT_SPF_MX)
        return stop(ev, SPF_PERMERROR, "more than 10 exchanges in one mx term");
    for (size_t i = 0; i < mx->n; i++)
        if (spf_name_can_exist(mx->rr[i]))
            queries[i] = dns_start(ev->dns, mx->rr[i], address_type(ev), ev->deadline);
    for (size_t i = 0; i < mx->n; i++) {
        struct dns_answer answer;
        if (queries[i] == NULL)
            continue;
        if (match != SPF_NO_MATCH) {
            dns_drop(queries[i]);
            continue;
        }
        dns_wait(queries[i], ev->arena, &answer);
        missing = missing || answer.status == DNS_NXDOMAIN;
        if (answer.status == DNS_TEMPFAIL)
            match = dns_failed(ev, &answer);
        else if (has_address(ev, &answer, bits))
            match = SPF_MATCH;
    }
    /* RFC 7208 4.6.4 counts terms, 11.1 says why: an exchange that does not exist makes this one void, whatever their number. An
     * exchange without an address of the client's family is an ordinary one. */
    return match == SPF_NO_MATCH && missing ? count_void(ev) : match;
}

/* RFC 7208 5.5: the names of the client's address; all beyond the tenth are ignored (4.6.4). */
static enum spf_match ask_ptr_names(struct spf_eval *ev)
{
    struct dns_answer answer;
    start_ptr(ev);
    dns_wait(ev->ptr_query, ev->arena, &answer);
    ev->ptr_query = NULL;
    if (dns_meter_refused(&answer))
        return dns_failed(ev, &answer);
    ev->ptr_known = true;
    /* RFC 7208 5.5: a DNS error here makes the mechanism fail to match, no more. */
    ev->ptr_void = answer.status == DNS_NODATA || answer.status == DNS_NXDOMAIN;
    ev->n_ptr_names = answer.n < LIMIT_SPF_PTR ? answer.n : LIMIT_SPF_PTR;
    ev->ptr_names = ARENA_ARRAY(ev->arena, struct spf_ptr_name, ev->n_ptr_names);
    for (size_t i = 0; i < ev->n_ptr_names; i++)
        ev->ptr_names[i].name = str_lower(ev->arena, answer.rr[i]);
    return SPF_MATCH;
}

/* The question is asked once; each term that needs its answer counts a void one (RFC 7208 4.6.4 counts terms). */
static enum spf_match find_ptr_names(struct spf_eval *ev, bool limited)
{
    enum spf_match asked = ev->ptr_known ? SPF_MATCH : ask_ptr_names(ev);
    if (asked != SPF_MATCH)
        return asked;
    return limited && ev->ptr_void && count_void(ev) == SPF_PERMERROR ? SPF_PERMERROR : SPF_MATCH;
}

/* Confirms the names at or below `domain`, or all when it is empty: one of their addresses must be the client's. A name whose
 * lookup fails is skipped; one that was not looked up, for a limit of the message, leaves the result open. */
static enum spf_match confirm_names(struct spf_eval *ev, struct str domain)
{
    enum spf_match result = SPF_MATCH;
    for (size_t i = 0; i < ev->n_ptr_names; i++) {
        struct spf_ptr_name *ptr = &ev->ptr_names[i];
        if (ptr->state == SPF_PTR_UNKNOWN && spf_name_can_exist(ptr->name) && (domain.n == 0 || domain_is_under(ptr->name, domain)))
            ptr->query = dns_start(ev->dns, ptr->name, address_type(ev), ev->deadline);
    }
    for (size_t i = 0; i < ev->n_ptr_names; i++) {
        struct spf_ptr_name *ptr = &ev->ptr_names[i];
        struct dns_answer answer;
        if (ptr->query == NULL)
            continue;
        dns_wait(ptr->query, ev->arena, &answer);
        ptr->query = NULL;
        ptr->state = has_address(ev, &answer, ev->client.family == 6 ? 128 : 32) ? SPF_PTR_CONFIRMED : SPF_PTR_WRONG;
        if (dns_meter_refused(&answer))
            result = dns_failed(ev, &answer);
    }
    return result;
}

/* The confirmed name at or below `domain`, `domain` itself first; any when it is empty. */
static bool find_confirmed(const struct spf_eval *ev, struct str domain, struct str *out)
{
    bool found = false;
    for (size_t i = 0; i < ev->n_ptr_names; i++) {
        const struct spf_ptr_name *ptr = &ev->ptr_names[i];
        if (ptr->state != SPF_PTR_CONFIRMED || (domain.n > 0 && !domain_is_under(ptr->name, domain)))
            continue;
        if (!found || str_eq(ptr->name, domain))
            *out = ptr->name;
        found = true;
    }
    return found;
}

static enum spf_match match_ptr(struct spf_eval *ev, struct str target)
{
    struct str name, domain = str_lower(ev->arena, target);
    enum spf_match found = find_ptr_names(ev, true);
    if (found != SPF_MATCH)
        return found;
    enum spf_match confirmed = confirm_names(ev, domain);
    if (find_confirmed(ev, domain, &name))
        return SPF_MATCH;
    return confirmed == SPF_MATCH ? SPF_NO_MATCH : confirmed;
}

/* RFC 7208 7.3: the domain itself, else a name below it, else any. */
enum spf_match spf_set_domain(struct spf_eval *ev, struct str domain, struct str text, bool limited)
{
    struct str name = STR("unknown");
    ev->vars.value[SPF_VAR('d')] = domain;
    if (!spf_macro_uses(text, "p"))
        return SPF_MATCH;
    /* RFC 7208 4.6.4: the question for the names counts as a term. */
    if (limited && !ev->ptr_known && !spf_count_term(ev))
        return SPF_PERMERROR;
    enum spf_match found = find_ptr_names(ev, limited);
    if (found != SPF_MATCH)
        return found;
    struct str parent = str_lower(ev->arena, domain);
    enum spf_match confirmed = confirm_names(ev, parent);
    if (confirmed == SPF_MATCH && !find_confirmed(ev, parent, &name)) {
        confirmed = confirm_names(ev, STR_NONE);
        (void)find_confirmed(ev, STR_NONE, &name);
    }
    if (confirmed != SPF_MATCH)
        return confirmed;
    ev->vars.value[SPF_VAR('p')] = name;
    return SPF_MATCH;
}

enum spf_match spf_term_match(struct spf_eval *ev, struct spf_scope *scope, size_t i)
{
    const struct spf_term *t = &scope->record.terms[i];
    unsigned bits = ev->client.family == 6 ? t->bits6 : t->bits4;
    struct dns_answer answer;
    if (t->kind == SPF_PTR) {
        enum spf_match set = spf_set_domain(ev, scope->domain, t->spec, true);
        if (set != SPF_MATCH)
            return set;
        find_target(ev, scope, i);
        return scope->lookups[i].target == SPF_TARGET_NAME ? match_ptr(ev, scope->lookups[i].name) : SPF_NO_MATCH;
    }
    enum spf_match asked = spf_term_ask(ev, scope, i, &answer);
    if (asked != SPF_MATCH)
        return asked;
    switch (t->kind) {
    case SPF_MX:
        return match_exchanges(ev, &answer, bits);
    case SPF_A:
        return has_address(ev, &answer, bits) ? SPF_MATCH : SPF_NO_MATCH;
    default:
        return answer.n > 0 ? SPF_MATCH : SPF_NO_MATCH;
    }
}
