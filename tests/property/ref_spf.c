/*
 * ref_spf.c - an independent evaluator for a part of SPF: all, ip4, ip6, a, mx, include, redirect, and unknown modifiers (RFC 7208
 * 4, 5, 6.1, 12). What it is fed has no macros; one changed byte makes at most a "%-" of a blank before a qualifier.
 */
#include <arpa/inet.h>

#include "tests/property/property.h"

enum kind { ALL, IP4, IP6, A, MX, INCLUDE, REDIRECT };
enum { TERMS = 64 };

struct term {
    enum kind kind;
    enum auth_code code;
    struct str spec; /* empty: the domain itself */
    uint8_t net[16];
    unsigned bits4, bits6;
};
struct record {
    struct term v[TERMS];
    size_t n;
    bool has_redirect, has_exp;
    struct str redirect;
};

/* ---- syntax ---- */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes digits off the end of s behind a "/": 0 none, 1 taken, -1 wrong. */
static int take_length(struct str *s, unsigned max, unsigned *bits)
{
    size_t i = s->n;
    while (i > 0 && is_digit(s->p[i - 1]))
        i--;
    if (i == s->n || i == 0 || s->p[i - 1] != '/')
        return 0;
    size_t digits = s->n - i;
    unsigned v = 0;
    for (size_t k = i; k < s->n && v < 1000; k++)
        v = v * 10 + (unsigned)(s->p[k] - '0');
    if (v > max || digits > 3 || (digits > 1 && s->p[i] == '0'))
        return -1;
    *bits = v;
    s->n = i - 1;
    return 1;
}

static bool read_lengths(struct str *s, struct term *t)
{
    struct str both = *s;
    unsigned bits = 128;
    int six = take_length(&both, 999, &bits);
    if (six == 1 && both.n > 0 && both.p[both.n - 1] == '/') {
        if (take_length(s, 128, &t->bits6) != 1)
            return false;
        s->n--;
    } else if (six == -1 && both.n == s->n && s->n > 2) {
        return false;
    }
    return take_length(s, 32, &t->bits4) >= 0;
}

/* RFC 7208 7.1: of the macros only "%%", "%_" and "%-" are known here. */
static bool has_good_percents(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%')
            continue;
        if (++i == s.n || (s.p[i] != '%' && s.p[i] != '_' && s.p[i] != '-'))
            return false;
    }
    return true;
}

/* domain-spec: anything visible, then a dot and a label of the top level. */
static bool is_spec(struct str s)
{
    bool digits = true;
    size_t end = s.n, i;
    if (end > 0 && s.p[end - 1] == '.')
        end--;
    for (i = end; i > 0 && s.p[i - 1] != '.'; i--) {
        char c = s.p[i - 1];
        if (!is_letter(c) && !is_digit(c) && c != '-')
            return false;
        digits = digits && is_digit(c);
    }
    return has_good_percents(s) && i > 0 && i < end && !digits && s.p[i] != '-' && s.p[end - 1] != '-';
}

static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

static bool read_network(struct str s, struct term *t)
{
    char text[64];
    bool four = t->kind == IP4;
    size_t slash = 0;
    while (slash < s.n && s.p[slash] != '/')
        slash++;
    if (slash < s.n && (take_length(&s, four ? 32 : 128, four ? &t->bits4 : &t->bits6) != 1 || s.n != slash))
        return false;
    if (s.n >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", STR_FMT(s));
    return inet_pton(four ? AF_INET : AF_INET6, text, t->net) == 1;
}

static bool read_mechanism(struct str s, struct record *r)
{
    static const struct {
        const char *name;
        enum kind kind;
    } names[] = { { "all", ALL }, { "ip4", IP4 }, { "ip6", IP6 }, { "a", A }, { "mx", MX }, { "include", INCLUDE } };
    struct term t = { .code = AUTH_PASS, .bits4 = 32, .bits6 = 128, .spec = STR_NONE };
    const char *sign = s.n > 0 && s.p[0] != '\0' ? strchr("+-~?", s.p[0]) : NULL;
    if (sign != NULL) {
        t.code = *sign == '-' ? AUTH_FAIL : *sign == '~' ? AUTH_SOFTFAIL : *sign == '?' ? AUTH_NEUTRAL : AUTH_PASS;
        s = str_skip(s, 1);
    }
    size_t n = 0, k = 0;
    while (n < s.n && s.p[n] != ':' && s.p[n] != '/')
        n++;
    while (k < sizeof(names) / sizeof(names[0]) && !ref_name_is(str_first(s, n), names[k].name))
        k++;
    if (k == sizeof(names) / sizeof(names[0]))
        return false;
    t.kind = names[k].kind;
    s = str_skip(s, n);
    bool colon = s.n > 0 && s.p[0] == ':';
    if (t.kind == IP4 || t.kind == IP6) {
        if (!colon || !read_network(str_skip(s, 1), &t))
            return false;
    } else {
        if ((t.kind == A || t.kind == MX) && !read_lengths(&s, &t))
            return false;
        colon = s.n > 0 && s.p[0] == ':';
        if ((s.n > 0 && !colon) || (t.kind == ALL && colon) || (t.kind == INCLUDE && !colon))
            return false;
        t.spec = str_skip(s, 1);
        if (colon && !is_spec(t.spec))
            return false;
    }
    r->v[r->n++] = t;
    return true;
}

/* 0: no modifier, 1: a good one, -1: a faulty one. */
static int read_modifier(struct str s, struct record *r)
{
    size_t n = 0;
    while (n < s.n && (is_letter(s.p[n]) || (n > 0 && (is_digit(s.p[n]) || s.p[n] == '-' || s.p[n] == '_' || s.p[n] == '.'))))
        n++;
    if (n == 0 || n == s.n || s.p[n] != '=')
        return 0;
    struct str name = str_first(s, n), value = str_skip(s, n + 1);
    bool redirect = ref_name_is(name, "redirect"), exp = ref_name_is(name, "exp");
    if (!redirect && !exp)
        return has_good_percents(value) ? 1 : -1;
    if ((redirect ? r->has_redirect : r->has_exp) || !is_spec(value))
        return -1;
    *(redirect ? &r->has_redirect : &r->has_exp) = true;
    if (redirect)
        r->redirect = value;
    return 1;
}

static bool read_record(struct str s, struct record *r)
{
    *r = (struct record){ .redirect = STR_NONE };
    for (size_t i = 6; i < s.n;) {
        size_t end = i;
        while (end < s.n && s.p[end] != ' ')
            end++;
        struct str term = { s.p + i, end - i };
        i = end + 1;
        if (term.n == 0)
            continue;
        int modifier = is_visible(term) && r->n < TERMS ? read_modifier(term, r) : -1;
        if (modifier < 0 || (modifier == 0 && !read_mechanism(term, r)))
            return false;
    }
    return true;
}

/* ---- evaluation ---- */
static bool in_network(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

enum match { NO, YES, TEMP, PERM };

/* A name with a "%" in it is expanded to one that is not in the zone. */
static bool can_exist(struct str name)
{
    size_t label = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '%')
            return false;
        label = name.p[i] == '.' ? 0 : label + 1;
        if (label > 63 || (label == 0 && (i == 0 || name.p[i - 1] == '.')))
            return false;
    }
    return name.n > 0 && name.n <= 253;
}

static enum match addresses(struct ref_spf *s, struct str name, const struct term *t, bool *is_void)
{
    struct look l;
    bool four = s->client.family == 4;
    zone_look(s->zone, name, four ? DNS_A : DNS_AAAA, &l);
    *is_void = l.n == 0;
    if (l.status == DNS_TEMPFAIL)
        return TEMP;
    for (size_t i = 0; i < l.n; i++) {
        uint8_t b[16];
        if (inet_pton(four ? AF_INET : AF_INET6, str_cstr(s->arena, l.v[i]), b) == 1 &&
            in_network(b, s->client.b, four ? t->bits4 : t->bits6))
            return YES;
    }
    return NO;
}

static enum match no_answer(struct ref_spf *s)
{
    return ++s->voids > 2 ? PERM : NO;
}

static enum match match_mx(struct ref_spf *s, struct str name, const struct term *t)
{
    struct look l;
    bool is_void;
    zone_look(s->zone, name, DNS_MX, &l);
    if (l.status == DNS_TEMPFAIL)
        return TEMP;
    if (l.n == 0)
        return no_answer(s);
    if (l.n > 10)
        return PERM;
    for (size_t i = 0; i < l.n; i++) {
        enum match m = addresses(s, l.v[i], t, &is_void);
        if (m != NO)
            return m;
        /* Whether an exchange without an address is one more void lookup is not said. */
        s->unsure = s->unsure || is_void;
    }
    return NO;
}

static enum match match_term(struct ref_spf *s, struct str domain, const struct term *t)
{
    struct str name = t->spec.n > 0 ? t->spec : domain;
    bool is_void;
    if (t->kind == ALL)
        return YES;
    if (t->kind == IP4 || t->kind == IP6)
        return s->client.family == (t->kind == IP4 ? 4 : 6) && in_network(t->net, s->client.b, t->kind == IP4 ? t->bits4 : t->bits6)
                   ? YES
                   : NO;
    if (++s->terms > 10)
        return PERM;
    if (name.p[name.n - 1] == '.')
        name.n--;
    if (!can_exist(name)) {
        s->unsure = true;
        return t->kind == INCLUDE ? PERM : NO;
    }
    if (t->kind == MX)
        return match_mx(s, name, t);
    if (t->kind == A) {
        enum match m = addresses(s, name, t, &is_void);
        return m == NO && is_void ? no_answer(s) : m;
    }
    switch (ref_spf_check(s, name)) {
    case AUTH_PASS:
        return YES;
    case AUTH_TEMPERROR:
        return TEMP;
    case AUTH_NONE:
    case AUTH_PERMERROR:
        return PERM;
    default:
        return NO;
    }
}

static enum auth_code evaluate(struct ref_spf *s, struct str domain, const struct record *r)
{
    for (size_t i = 0; i < r->n; i++) {
        enum match m = match_term(s, domain, &r->v[i]);
        if (m != NO)
            return m == YES ? r->v[i].code : m == TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR;
    }
    if (!r->has_redirect)
        return AUTH_NEUTRAL;
    if (++s->terms > 10)
        return AUTH_PERMERROR;
    struct str target = r->redirect;
    if (target.p[target.n - 1] == '.')
        target.n--;
    enum auth_code code = can_exist(target) ? ref_spf_check(s, target) : AUTH_NONE;
    return code == AUTH_NONE ? AUTH_PERMERROR : code;
}

enum auth_code ref_spf_check(struct ref_spf *s, struct str domain)
{
    struct look l;
    struct record r;
    const struct str *text = NULL;
    zone_look(s->zone, domain, DNS_TXT, &l);
    if (l.status == DNS_TEMPFAIL)
        return AUTH_TEMPERROR;
    for (size_t i = 0; i < l.n; i++) {
        if (l.v[i].n < 6 || !ref_name_is(str_first(l.v[i], 6), "v=spf1") || (l.v[i].n > 6 && l.v[i].p[6] != ' '))
            continue;
        if (text != NULL)
            return AUTH_PERMERROR;
        text = &l.v[i];
    }
    if (text == NULL)
        return AUTH_NONE;
    return read_record(*text, &r) ? evaluate(s, domain, &r) : AUTH_PERMERROR;
}
