/*
 * spf_record.c - the SPF record: version, terms, and every syntax error in it (RFC 7208 4.5, 4.6.1, 5, 6, 12).
 *
 * A table of mechanisms says what each may carry. The record is checked whole: an error behind a term that would have matched still
 * counts (4.6). Names of the terms are compared without regard to case. What macros mean is left to spf_macro.c.
 */
#include <arpa/inet.h>
#include <string.h>

#include "mailseal/arena.h"

#include "spf_int.h"

enum spec { SPEC_NEVER, SPEC_MAY, SPEC_MUST };

static const struct mechanism {
    const char *name;
    enum spf_kind kind;
    enum spec spec; /* ":" domain-spec */
    bool cidr;      /* dual-cidr-length */
} mechanisms[] = {
    { "all", SPF_ALL, SPEC_NEVER, false }, { "include", SPF_INCLUDE, SPEC_MUST, false }, { "a", SPF_A, SPEC_MAY, true },
    { "mx", SPF_MX, SPEC_MAY, true },      { "ptr", SPF_PTR, SPEC_MAY, false },          { "ip4", SPF_IP4, SPEC_MUST, false },
    { "ip6", SPF_IP6, SPEC_MUST, false },  { "exists", SPF_EXISTS, SPEC_MUST, false },
};

static bool fail(struct spf_record *r, struct str problem, const char *why)
{
    r->problem = problem;
    r->reason = why;
    return false;
}

bool spf_record_is(struct str text)
{
    return str_istarts(text, STR("v=spf1")) && (text.n == 6 || text.p[6] == ' ');
}

/* RFC 7208 7.1: toplabel = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum ) */
static bool is_toplabel(struct str s)
{
    bool digits = true;
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
        digits = digits && char_is_digit(s.p[i]);
    }
    return s.n > 0 && !digits && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

/* RFC 7208 7.1: domain-spec = macro-string domain-end. NULL, or what is wrong. Of the things that may be expanded only a letter can
 * end in a label of the top level; "%%", "%_" and "%-" never make the fully qualified name 4.8 asks for, and are refused there. */
static const char *domain_spec_error(struct str spec)
{
    const char *reason = NULL;
    struct str before, top;
    struct spf_macro m = { 0 };
    if (spec.n == 0)
        return "empty domain name";
    while (spec.n > 0)
        if (!spf_macro_next(&spec, false, &m, &reason))
            return reason;
    if (m.letter != '\0')
        return NULL;
    struct str tail = m.text;
    if (tail.p[tail.n - 1] == '.')
        tail.n--;
    if (!str_rcut(tail, '.', &before, &top))
        return "domain name without a dot before its last label";
    return is_toplabel(top) ? NULL : "last label of the domain name is not valid";
}

/* RFC 7208 5.6, 12: no leading zeros, at most max. */
static bool parse_bits(struct str s, unsigned max, unsigned *out)
{
    uint64_t v;
    if (s.n == 0 || (s.n > 1 && s.p[0] == '0') || !str_to_uint(s, max, &v))
        return false;
    *out = (unsigned)v;
    return true;
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '!' || s.p[i] > '~')
            return false;
    return true;
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

/* Takes "/n", "//m" or "/n//m" off the end of `arg`. A slash before anything but digits belongs to the domain-spec, which may hold
 * some in its macro-string. */
static bool parse_dual_cidr(struct str *arg, struct spf_term *t)
{
    struct str before, bits;
    if (str_rcut(*arg, '/', &before, &bits) && is_digits(bits) && before.n > 0 && before.p[before.n - 1] == '/') {
        if (!parse_bits(bits, 128, &t->bits6))
            return false;
        *arg = str_first(before, before.n - 1);
    }
    if (str_rcut(*arg, '/', &before, &bits) && is_digits(bits)) {
        if (!parse_bits(bits, 32, &t->bits4))
            return false;
        *arg = before;
    }
    return true;
}

/* RFC 7208 5.6. An IPv4-mapped network of ip6 stays what it is: no client is one of it, RFC 7208 5. */
static bool parse_network(struct str arg, struct spf_term *t)
{
    char text[INET6_ADDRSTRLEN];
    struct str addr, bits;
    bool v4 = t->kind == SPF_IP4;
    unsigned *prefix = v4 ? &t->bits4 : &t->bits6;
    if (str_cut(arg, '/', &addr, &bits) && !parse_bits(bits, *prefix, prefix))
        return false;
    if (addr.n >= sizeof(text))
        return false;
    memcpy(text, addr.p, addr.n);
    text[addr.n] = '\0';
    t->net.family = v4 ? 4 : 6;
    return inet_pton(v4 ? AF_INET : AF_INET6, text, t->net.b) == 1;
}

static const struct mechanism *find_mechanism(struct str name)
{
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
        if (str_ieq(name, str_of(mechanisms[i].name)))
            return &mechanisms[i];
    return NULL;
}

static enum auth_code qualifier(char c)
{
    switch (c) {
    case '+':
        return AUTH_PASS;
    case '-':
        return AUTH_FAIL;
    case '~':
        return AUTH_SOFTFAIL;
    case '?':
        return AUTH_NEUTRAL;
    default:
        return AUTH_NONE;
    }
}

static bool parse_mechanism(struct str text, struct spf_record *r)
{
    struct spf_term t = { .code = qualifier(text.p[0]), .text = text, .bits4 = 32, .bits6 = 128 };
    struct str rest = t.code == AUTH_NONE ? text : str_skip(text, 1);
    if (t.code == AUTH_NONE)
        t.code = AUTH_PASS;
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ':' && rest.p[n] != '/')
        n++;
    const struct mechanism *m = find_mechanism(str_first(rest, n));
    if (m == NULL)
        return fail(r, text, "unknown mechanism");
    t.kind = m->kind;
    rest = str_skip(rest, n);
    if (t.kind == SPF_IP4 || t.kind == SPF_IP6) {
        if (rest.n == 0 || rest.p[0] != ':' || !parse_network(str_skip(rest, 1), &t))
            return fail(r, text, "faulty network address");
    } else {
        if (m->cidr && !parse_dual_cidr(&rest, &t))
            return fail(r, text, "faulty prefix length");
        bool has_spec = rest.n > 0 && rest.p[0] == ':';
        if ((rest.n > 0 && !has_spec) || (has_spec && m->spec == SPEC_NEVER))
            return fail(r, text, "mechanism with text it may not have");
        if (!has_spec && m->spec == SPEC_MUST)
            return fail(r, text, "mechanism without domain name");
        t.spec = str_skip(rest, 1);
        const char *why = has_spec ? domain_spec_error(t.spec) : NULL;
        if (why != NULL)
            return fail(r, text, why);
    }
    r->terms[r->n++] = t;
    return true;
}

/* RFC 7208 12: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ), and "=" directly behind it. */
static bool is_modifier(struct str text, struct str *name, struct str *value)
{
    if (!str_cut(text, '=', name, value) || name->n == 0 || !char_is_alpha(name->p[0]))
        return false;
    for (size_t i = 0; i < name->n; i++)
        if (!char_is_alnum(name->p[i]) && strchr("-_.", name->p[i]) == NULL)
            return false;
    return true;
}

static bool parse_modifier(struct str text, struct str name, struct str value, struct spf_record *r, struct spf_term *redirect)
{
    bool is_redirect = str_ieq(name, STR("redirect")), is_exp = str_ieq(name, STR("exp"));
    const char *why = NULL;
    if (is_redirect || is_exp) {
        /* RFC 7208 6: neither may stand twice. */
        if (is_redirect ? r->has_redirect : r->exp.n > 0)
            return fail(r, text, "second redirect or exp modifier");
        why = domain_spec_error(value);
        if (is_redirect) {
            r->has_redirect = true;
            *redirect = (struct spf_term){ .kind = SPF_REDIRECT, .text = text, .spec = value };
        } else {
            r->exp = value;
        }
    } else {
        /* RFC 7208 6: unknown modifiers are ignored, but they are macro-strings. */
        struct spf_macro m;
        while (why == NULL && value.n > 0)
            if (!spf_macro_next(&value, false, &m, &why))
                break;
    }
    return why == NULL || fail(r, text, why);
}

static size_t count_terms(struct str text)
{
    size_t n = 0;
    for (size_t i = 1; i < text.n; i++)
        n += text.p[i - 1] == ' ' && text.p[i] != ' ';
    return n;
}

bool spf_record_parse(struct arena *a, struct str text, struct spf_record *r)
{
    *r = (struct spf_record){ 0 };
    if (text.n > LIMIT_SPF_RECORD)
        return fail(r, STR_NONE, "record longer than 4096 bytes");
    size_t terms = count_terms(text);
    if (terms > LIMIT_SPF_RECORD_TERMS)
        return fail(r, STR_NONE, "record with more than 512 terms");
    r->terms = ARENA_ARRAY(a, struct spf_term, terms);

    struct spf_term redirect = { 0 };
    struct str term, name, value, rest = str_skip(text, 6);
    while (rest.n > 0) {
        /* RFC 7208 4.6.1: terms are separated by spaces, nothing else. */
        (void)str_cut(rest, ' ', &term, &rest);
        if (term.n == 0)
            continue;
        if (!is_printable(term))
            return fail(r, term, "character that is not printable ASCII");
        bool ok = is_modifier(term, &name, &value) ? parse_modifier(term, name, value, r, &redirect) : parse_mechanism(term, r);
        if (!ok)
            return false;
    }
    /* RFC 7208 6.1: a redirect is looked at last, wherever it stands. */
    if (r->has_redirect)
        r->terms[r->n++] = redirect;
    return true;
}
