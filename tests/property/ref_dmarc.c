/*
 * ref_dmarc.c - a model of RFC 9989: records (4.7, 4.8, 4.10.1), the walk (4.10), the organizational domain (4.10.2), alignment
 * (3.2.10, 4.4) and the result (5.3.5, 5.3.6), with three truth values where a lookup failed.
 */
#include "mailseal/dmarc.h"

#include "tests/property/property.h"

enum { MAX_TAGS = 60, NONE = 0, QUARANTINE = 1, REJECT = 2, ABSENT = -1, WRONG = -2 };

struct record {
    int p, sp, np; /* NONE .. REJECT, ABSENT, WRONG */
    bool dkim_strict, spf_strict, test, usable, unsure;
    char psd;
};

/* ---- one record ---- */
struct ref_tag {
    struct str name, value;
};

static struct str trimmed(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = str_skip(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static size_t read_tags(struct str s, struct ref_tag v[MAX_TAGS])
{
    size_t n = 0;
    for (size_t i = 0; i <= s.n && n < MAX_TAGS;) {
        size_t end = i, equals;
        while (end < s.n && s.p[end] != ';')
            end++;
        for (equals = i; equals < end && s.p[equals] != '=';)
            equals++;
        if (equals < end)
            v[n++] = (struct ref_tag){ trimmed((struct str){ s.p + i, equals - i }),
                                       trimmed((struct str){ s.p + equals + 1, end - equals - 1 }) };
        else if (n == 0)
            return 0;
        i = end + 1;
    }
    return n;
}

static bool same(struct str a, struct str b)
{
    return a.n == b.n && str_ieq(a, b);
}

/* -1 absent, 0 there but not valid, 1 valid. Only the tags behind v= count. */
static int find(const struct ref_tag *v, size_t n, const char *name, struct str *value)
{
    int state = -1;
    for (size_t i = 1; i < n; i++) {
        if (!ref_name_is(v[i].name, name))
            continue;
        bool good = v[i].value.n > 0 && (state != 1 || same(v[i].value, *value));
        for (size_t k = 0; k < v[i].value.n; k++)
            good = good && v[i].value.p[k] >= ' ' && v[i].value.p[k] <= '~';
        if (state == 0 || !good)
            return 0;
        state = 1;
        *value = v[i].value;
    }
    return state;
}

static int policy_of(const struct ref_tag *v, size_t n, const char *name)
{
    struct str value;
    int state = find(v, n, name, &value);
    if (state != 1)
        return state < 0 ? ABSENT : WRONG;
    return ref_name_is(value, "none")         ? NONE
           : ref_name_is(value, "quarantine") ? QUARANTINE
           : ref_name_is(value, "reject")     ? REJECT
                                              : WRONG;
}

static bool says(const struct ref_tag *v, size_t n, const char *name, const char *word)
{
    struct str value;
    return find(v, n, name, &value) == 1 && ref_name_is(value, word);
}

/* An address that is a mailto: URI beyond doubt, or something about which the RFC's URI grammar would have to be asked. */
static bool rua_is_plain(struct str s)
{
    if (s.n < 10 || !ref_name_is(str_first(s, 7), "mailto:"))
        return false;
    for (size_t i = 7; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '@' && s.p[i] != '.')
            return false;
    return true;
}

static bool read_record(struct str text, struct record *r)
{
    struct ref_tag v[MAX_TAGS];
    struct str rua;
    size_t n = read_tags(text, v);
    if (n == 0 || !ref_name_is(v[0].name, "v") || !str_eq(v[0].value, STR("DMARC1")))
        return false;
    *r = (struct record){ .p = policy_of(v, n, "p"), .sp = policy_of(v, n, "sp"), .np = policy_of(v, n, "np"), .usable = true };
    r->dkim_strict = says(v, n, "adkim", "s");
    r->spf_strict = says(v, n, "aspf", "s");
    r->test = says(v, n, "t", "y");
    r->psd = says(v, n, "psd", "y") ? 'y' : says(v, n, "psd", "n") ? 'n' : 'u';
    if (r->p >= 0 && r->sp != WRONG && r->np != WRONG)
        return true;
    /* D-31, D-33 */
    int has_rua = find(v, n, "rua", &rua);
    r->p = NONE;
    r->sp = r->np = ABSENT;
    r->usable = has_rua == 1 && rua_is_plain(rua);
    r->unsure = !r->usable && has_rua >= 0;
    return true;
}

/* ---- the walk ---- */
static struct str last_labels(struct str name, size_t n)
{
    size_t i = name.n;
    while (i > 0 && !(name.p[i - 1] == '.' && --n == 0))
        i--;
    return str_skip(name, i);
}

static size_t count_labels(struct str name)
{
    size_t n = 1;
    for (size_t i = 0; i < name.n; i++)
        n += name.p[i] == '.';
    return n;
}

static bool is_or_below(struct str name, struct str top)
{
    return str_eq(last_labels(name, count_labels(top)), top);
}

struct walk {
    bool failed, first_failed, at_start; /* at_start: a record at the start itself, which is found[0] */
    size_t n;
    struct {
        struct str name;
        struct record record;
    } found[9];
    struct str org;
};

static void walk(const struct zone *z, struct arena *a, struct str start, struct walk *w)
{
    size_t labels = count_labels(start);
    *w = (struct walk){ .org = STR_NONE };
    for (struct str target = start;;) {
        struct look l;
        struct record r, one;
        size_t records = 0;
        zone_look(z, zone_name(a, "_dmarc.", target), DNS_TXT, &l);
        if (l.status == DNS_TEMPFAIL) {
            w->failed = true;
            w->first_failed = str_eq(target, start);
            return;
        }
        for (size_t i = 0; i < l.n; i++) {
            if (!read_record(l.v[i], &one))
                continue;
            r = one;
            records++;
        }
        if (records == 1) {
            w->at_start = w->at_start || str_eq(target, start);
            w->found[w->n].name = target;
            w->found[w->n++].record = r;
            if (r.psd != 'u')
                break;
        }
        size_t left = count_labels(target);
        if (left == 1)
            break;
        target = left == labels && labels > 8 ? last_labels(start, 7) : last_labels(target, left - 1);
    }
    /* 4.10.2 */
    w->org = w->n == 0 ? start : w->found[w->n - 1].name;
    if (w->n > 0 && w->found[w->n - 1].record.psd == 'y' && !str_eq(w->org, start))
        w->org = last_labels(start, count_labels(w->org) + 1);
}

/* ---- the result ---- */
enum truth { NO, MAYBE, YES };

/* 3.2.10: each identifier has a walk of its own. MAYBE: by what is known it could still align. */
static enum truth aligned(const struct zone *z, struct arena *a, struct str author, const struct walk *w, const struct ref_id *id,
                          bool strict, bool *open)
{
    struct walk own;
    if (str_eq(id->domain, author))
        return YES;
    if (strict)
        return NO;
    if (w->failed) {
        *open = true;
        return str_eq(last_labels(id->domain, 1), last_labels(author, 1)) ? MAYBE : NO;
    }
    if (!is_or_below(id->domain, w->org))
        return NO;
    walk(z, a, id->domain, &own);
    if (own.failed)
        return MAYBE;
    return str_eq(own.org, w->org) ? YES : NO;
}

static enum truth any_aligned(const struct zone *z, struct arena *a, struct str author, const struct walk *w,
                              const struct record *r, const struct ref_id *ids, size_t n, bool *open)
{
    enum truth best = NO;
    for (size_t i = 0; i < n; i++) {
        if (ids[i].code != AUTH_PASS && ids[i].code != AUTH_TEMPERROR)
            continue;
        enum truth one = aligned(z, a, author, w, &ids[i], ids[i].spf ? r->spf_strict : r->dkim_strict, open);
        if (one == YES && ids[i].code == AUTH_TEMPERROR)
            one = MAYBE;
        best = one > best ? one : best;
    }
    return best;
}

/* 4.10.1: which of p, sp, np; MAYBE when it hangs on a name about which nothing is known. */
static enum truth choose_policy(const struct zone *z, struct arena *a, struct str author, const struct record *r, bool own,
                                struct ref_dmarc *out)
{
    struct look l, below;
    int sub = r->sp >= 0 ? r->sp : r->p;
    enum truth known = YES;
    out->policy = own ? r->p : sub;
    if (!own && r->np >= 0 && r->np != sub) {
        zone_look(z, author, DNS_A, &l);
        zone_look(z, zone_name(a, "_dmarc.", author), DNS_TXT, &below);
        if (l.status == DNS_TEMPFAIL)
            known = below.status == DNS_NXDOMAIN ? NO : MAYBE;
        else if (l.status == DNS_NXDOMAIN)
            out->policy = r->np;
    }
    if (r->test && out->policy > NONE)
        out->policy--;
    return known;
}

static void result(struct ref_dmarc *out, enum auth_code code, enum auth_code other)
{
    out->code = code;
    out->other = other;
}

void ref_dmarc_eval(const struct zone *z, struct arena *a, struct str author, const struct ref_id *ids, size_t n,
                    struct ref_dmarc *out)
{
    struct walk w;
    const struct record *r = NULL;
    bool open = false;
    walk(z, a, author, &w);
    *out = (struct ref_dmarc){ .policy = NONE };
    if (w.first_failed || (w.failed && !w.at_start)) {
        result(out, AUTH_TEMPERROR, AUTH_TEMPERROR);
        return;
    }
    for (size_t i = 0; i < w.n && r == NULL; i++)
        if (str_eq(w.found[i].name, w.at_start ? author : w.org))
            r = &w.found[i].record;
    if (r == NULL && w.n > 0 && w.found[w.n - 1].record.psd == 'y')
        r = &w.found[w.n - 1].record;
    if (r == NULL || (!r->usable && !r->unsure)) {
        result(out, AUTH_NONE, AUTH_NONE);
        return;
    }
    enum truth known = choose_policy(z, a, author, r, w.at_start, out);
    enum truth best = any_aligned(z, a, author, &w, r, ids, n, &open);
    if (best == YES)
        result(out, AUTH_PASS, AUTH_PASS);
    else if (best == MAYBE)
        result(out, AUTH_TEMPERROR, open ? AUTH_FAIL : AUTH_TEMPERROR);
    else if (known == YES)
        result(out, AUTH_FAIL, AUTH_FAIL);
    else
        result(out, AUTH_TEMPERROR, known == MAYBE ? AUTH_FAIL : AUTH_TEMPERROR);
    if (r->unsure)
        out->other = AUTH_NONE;
}
