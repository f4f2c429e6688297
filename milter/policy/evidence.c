/*
 * evidence.c - signs that a message took an indirect way (RFC 9989 7.4): a mailing list that signs for itself.
 *
 * List-Id (RFC 2919) is a claim anybody can write. It counts when a domain that passed SPF or DKIM stands behind it.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/str.h"
#include "mailseal/domain.h"
#include "mailseal/headers.h"
#include "mailseal/dmarc.h"
#include "mailseal/policy.h"

#include "policy_int.h"

/* The index behind a quoted string or comment that opens at i; s.n when it is not closed. */
static size_t skip_enclosed(struct str s, size_t i)
{
    bool comment = s.p[i] == '(';
    size_t depth = 1;

    for (i++; i < s.n && depth > 0; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (comment && s.p[i] == '(')
            depth++;
        else if (s.p[i] == (comment ? ')' : '"'))
            depth--;
    }
    return i < s.n ? i : s.n;
}

/* What may follow ">" is white space and comments. */
static bool only_comments(struct str s)
{
    size_t i = 0;

    while (i < s.n) {
        if (s.p[i] == '(')
            i = skip_enclosed(s, i);
        else if (!char_is_space(s.p[i++]))
            return false;
    }
    return true;
}

/* RFC 2919 2, RFC 5322 3.2.3: list-label "." list-id-namespace, a dot-atom without white space. */
static bool is_list_id(struct str s)
{
    char before = '.';

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '.' ? before == '.' : !char_is_alnum(c) && (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL))
            return false;
        before = c;
    }
    return before != '.' && s.n <= POLICY_LIST_ID_MAX;
}

/* RFC 2919 3: [phrase] "<" list-id ">" */
static bool parse_list_id(struct arena *a, struct str value, struct str *id)
{
    size_t i = 0;
    struct str rest;

    while (i < value.n && value.p[i] != '<') {
        if (value.p[i] == '"' || value.p[i] == '(')
            i = skip_enclosed(value, i);
        else
            i++;
    }
    if (!str_cut(str_skip(value, i + 1), '>', id, &rest) || !only_comments(rest) || !is_list_id(*id))
        return false;
    /* RFC 2919 6: compared without regard to case */
    *id = str_lower(a, *id);
    return true;
}

bool list_evidence(struct arena *a, const struct headers *h, const struct dmarc_identifier *passing, size_t n)
{
    struct str id;

    /* Of several fields nobody can tell which one the list wrote. */
    if (headers_count(h, STR("List-Id")) != 1 || !parse_list_id(a, headers_get(h, STR("List-Id"), 0)->value, &id))
        return false;
    for (size_t i = 0; i < n; i++) {
        /* A single label is nobody's own domain. */
        if (passing[i].code == AUTH_PASS && domain_labels(passing[i].domain) >= 2 && domain_is_under(id, passing[i].domain))
            return true;
    }
    return false;
}

bool sealer_reports_pass(struct arena *a, struct str payload, struct str author_domain)
{
    struct authres r;
    struct str from;

    if (author_domain.n == 0 || !authres_parse(a, payload, &r))
        return false;
    for (size_t i = 0; i < r.n_results; i++) {
        const struct authres_result *result = &r.results[i];

        if (!str_ieq(result->method, STR("dmarc")) || !str_ieq(result->result, STR("pass")))
            continue;
        for (size_t k = 0; k < result->n_props; k++) {
            const struct authres_prop *p = &result->props[k];

            if (str_ieq(p->ptype, STR("header")) && str_ieq(p->property, STR("from")) && domain_normalise(a, p->value, &from) &&
                str_eq(from, author_domain))
                return true;
        }
    }
    return false;
}

static bool is_trusted(const struct str *trusted, size_t n, struct str domain)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(trusted[i], domain))
            return true;
    }
    return false;
}

bool sealer_evidence(struct arena *a, const struct arc_result *arc, const struct str *trusted, size_t n, struct str author_domain)
{
    if (arc->code != AUTH_PASS || author_domain.n == 0)
        return false;
    /* Newest first: below a seal we do not believe, anything may have been made up. */
    for (size_t i = 0; i < arc->n_sealers && is_trusted(trusted, n, arc->sealers[i].domain); i++) {
        if (sealer_reports_pass(a, arc->sealers[i].authres, author_domain))
            return true;
    }
    return false;
}
