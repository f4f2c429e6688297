/*
 * dkim_sig.c - one DKIM-Signature field: its tags (RFC 6376 3.5 and 6.1.1, RFC 8301, RFC 8463, RFC 8616).
 *
 * RFC 8601 2.7.1 gives the results: "neutral" for what cannot be processed (syntax, unknown algorithms), "permerror" for a
 * signature that is understood and can never be good. Whether it has expired, its key and its hashes are left to dkim_verify.c.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

#include "dkim_int.h"

#define LENGTH_DIGITS 76 /* RFC 6376 3.5 l= */
#define TIME_DIGITS   12 /* RFC 6376 3.5 t=, x=: longer ones may be taken as infinite */

bool dkim_sig_refuse(struct dkim_sig *s, enum auth_code code, const char *reason)
{
    /* The first thing that is wrong is the one to report. */
    if (s->code == AUTH_NONE) {
        s->code = code;
        s->reason = reason;
    }
    return false;
}

struct str dkim_squeeze(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_space(s.p[i]))
            p[n++] = s.p[i];
    return (struct str){ p, n };
}

bool dkim_list_next(struct str *rest, struct str *element)
{
    if (rest->p == NULL)
        return false;
    struct str after;
    bool more = str_cut(*rest, ':', element, &after);
    *element = str_trim(*element);
    *rest = more ? after : (struct str){ NULL, 0 };
    return true;
}

/* RFC 6376 6.1.1: another version is incompatible. */
static bool read_version(struct arena *a, struct str v, struct dkim_sig *s)
{
    (void)a;
    return str_eq(v, STR("1")) || dkim_sig_refuse(s, AUTH_PERMERROR, "signature version is not 1");
}

static bool read_algorithm(struct arena *a, struct str v, struct dkim_sig *s)
{
    s->algorithm = str_lower(a, str_first(v, LIMIT_AUTHRES_VALUE));
    s->type = str_eq(v, STR("ed25519-sha256")) ? KEY_ED25519 : KEY_RSA;
    /* RFC 8301 3.1: rsa-sha1 must not be verified. */
    if (str_eq(v, STR("rsa-sha1")))
        return dkim_sig_refuse(s, AUTH_PERMERROR, "algorithm rsa-sha1 is not secure");
    return s->type == KEY_ED25519 || str_eq(v, STR("rsa-sha256")) || dkim_sig_refuse(s, AUTH_NEUTRAL, "unknown algorithm");
}

static bool read_signature(struct arena *a, struct str v, struct dkim_sig *s)
{
    s->b = dkim_squeeze(a, v);
    return base64_decode_exact(a, s->b, &s->signature) || dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed b=");
}

static bool read_body_hash(struct arena *a, struct str v, struct dkim_sig *s)
{
    return (base64_decode(a, v, &s->body_hash) && s->body_hash.n == SHA256_SIZE) ||
           dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed bh=");
}

static bool read_canon_word(struct str word, enum dkim_canon *canon)
{
    *canon = str_eq(word, STR("relaxed")) ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
    return *canon == DKIM_CANON_RELAXED || str_eq(word, STR("simple"));
}

/* RFC 6376 3.5: a single word is for the header; the body is then simple. */
static bool read_canon(struct arena *a, struct str v, struct dkim_sig *s)
{
    (void)a;
    struct str header, body;
    if (!str_cut(v, '/', &header, &body))
        body = STR("simple");
    return (read_canon_word(header, &s->header_canon) && read_canon_word(body, &s->body_canon)) ||
           dkim_sig_refuse(s, AUTH_NEUTRAL, "unknown canonicalization");
}

static bool read_domain(struct arena *a, struct str v, struct dkim_sig *s)
{
    if (domain_normalise(a, v, &s->domain))
        return true;
    s->domain = str_first(v, LIMIT_DOMAIN);
    return dkim_sig_refuse(s, AUTH_NEUTRAL, "d= is not a domain name");
}

static bool read_selector(struct arena *a, struct str v, struct dkim_sig *s)
{
    if (domain_normalise(a, v, &s->selector))
        return true;
    s->selector = str_first(v, LIMIT_DOMAIN);
    return dkim_sig_refuse(s, AUTH_NEUTRAL, "s= is not a selector");
}

bool dkim_sig_read_names(struct arena *a, struct str v, struct dkim_sig *s)
{
    struct str name, rest = v;
    size_t room = 1;
    for (size_t i = 0; i < v.n && room < LIMIT_DKIM_H; i++)
        room += v.p[i] == ':';
    s->names = ARENA_ARRAY(a, struct str, room);
    while (dkim_list_next(&rest, &name)) {
        if (name.n == 0)
            return dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed h=");
        if (s->n_names == LIMIT_DKIM_H)
            return dkim_sig_refuse(s, AUTH_POLICY, "h= names too many fields");
        s->names[s->n_names++] = name;
    }
    return true;
}

/* RFC 6376 5.4, 6.1.1 */
static bool read_fields(struct arena *a, struct str v, struct dkim_sig *s)
{
    if (!dkim_sig_read_names(a, v, s))
        return false;
    for (size_t i = 0; i < s->n_names; i++)
        if (str_ieq(s->names[i], STR("From")))
            return true;
    return dkim_sig_refuse(s, AUTH_PERMERROR, "From is not signed");
}

/* RFC 6376 3.5 i=: [local-part] "@" domain-name, as dkim-quoted-printable; only the domain means anything to us. */
static bool read_identity(struct arena *a, struct str v, struct dkim_sig *s)
{
    struct str local, domain;
    s->identity = dkim_squeeze(a, v);
    if (!str_rcut(s->identity, '@', &local, &domain) || !domain_normalise(a, domain, &s->identity_domain))
        return dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed i=");
    return true;
}

/* A count of digits; what is too large for any body or time becomes the largest number. */
static bool read_digits(struct str v, size_t max_digits, uint64_t *out)
{
    if (v.n == 0 || v.n > max_digits)
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (!char_is_digit(v.p[i]))
            return false;
    if (!str_to_uint(v, DKIM_LENGTH_ALL - 1, out))
        *out = DKIM_LENGTH_ALL - 1;
    return true;
}

static bool read_length(struct arena *a, struct str v, struct dkim_sig *s)
{
    (void)a;
    return read_digits(v, LENGTH_DIGITS, &s->length) || dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed l=");
}

static bool read_time_value(struct str v, uint64_t *out)
{
    if (!read_digits(v, LIMIT_TAGLIST, out))
        return false;
    if (v.n > TIME_DIGITS)
        *out = DKIM_LENGTH_ALL - 1;
    return true;
}

static bool read_time(struct arena *a, struct str v, struct dkim_sig *s)
{
    (void)a;
    s->has_time = read_time_value(v, &s->time);
    return s->has_time || dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed t=");
}

static bool read_expiry(struct arena *a, struct str v, struct dkim_sig *s)
{
    (void)a;
    s->has_expiry = read_time_value(v, &s->expiry);
    return s->has_expiry || dkim_sig_refuse(s, AUTH_NEUTRAL, "malformed x=");
}

/* RFC 6376 3.5 q=: methods we do not know are passed over; one of them must be dns/txt. */
static bool read_query(struct arena *a, struct str v, struct dkim_sig *s)
{
    (void)a;
    struct str method, rest = v;
    while (dkim_list_next(&rest, &method))
        if (str_eq(method, STR("dns/txt")))
            return true;
    return dkim_sig_refuse(s, AUTH_PERMERROR, "no known query method in q=");
}

/* RFC 6376 3.5. z= is never used, and unknown tags are passed over. */
static const struct {
    const char *tag;
    const char *missing; /* what to say when a required tag is absent */
    bool (*read)(struct arena *a, struct str value, struct dkim_sig *s);
} tags[] = {
    { "v", "no v= tag", read_version },
    { "a", "no a= tag", read_algorithm },
    { "d", "no d= tag", read_domain },
    { "s", "no s= tag", read_selector },
    { "c", NULL, read_canon },
    { "q", NULL, read_query },
    { "h", "no h= tag", read_fields },
    { "bh", "no bh= tag", read_body_hash },
    { "b", "no b= tag", read_signature },
    { "i", NULL, read_identity },
    { "l", NULL, read_length },
    { "t", NULL, read_time },
    { "x", NULL, read_expiry },
};

static void check_together(struct dkim_sig *s)
{
    if (s->code != AUTH_NONE)
        return;
    /* RFC 6376 3.5 i=, 6.1.1 */
    if (s->identity_domain.n > 0 && !domain_is_under(s->identity_domain, s->domain))
        dkim_sig_refuse(s, AUTH_PERMERROR, "i= is not within d=");
    else if (s->has_time && s->has_expiry && s->expiry <= s->time)
        dkim_sig_refuse(s, AUTH_PERMERROR, "x= is not later than t=");
}

/* The first tag of this name in a list that may be malformed, with the white space around its value. */
static bool find_tag(struct str list, const char *tag, struct str *value)
{
    struct str element, name;
    for (bool more = true; more;) {
        more = str_cut(list, ';', &element, &list);
        if (str_cut(element, '=', &name, value) && str_eq(str_trim(name), str_of(tag)))
            return true;
    }
    return false;
}

void dkim_sig_init(struct dkim_sig *sig)
{
    memset(sig, 0, sizeof(*sig));
    sig->code = AUTH_NONE;
    sig->length = DKIM_LENGTH_ALL;
    sig->algorithm = sig->domain = sig->selector = sig->identity = sig->identity_domain = sig->b = STR_NONE;
}

static void read_tag(struct arena *a, size_t i, bool found, struct str value, struct dkim_sig *sig)
{
    if (found)
        tags[i].read(a, str_trim(value), sig);
    else if (tags[i].missing != NULL)
        dkim_sig_refuse(sig, AUTH_PERMERROR, tags[i].missing);
}

void dkim_sig_read(struct arena *a, const struct taglist *list, const char *const *names, struct dkim_sig *sig)
{
    for (; *names != NULL; names++) {
        struct str value = STR_NONE;
        bool found = taglist_get(list, *names, &value);
        for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
            if (strcmp(tags[i].tag, *names) == 0)
                read_tag(a, i, found, value, sig);
    }
}

void dkim_sig_parse(struct arena *a, const struct header *field, struct dkim_sig *sig)
{
    struct taglist list;
    const char *reason;
    dkim_sig_init(sig);
    sig->field = field;
    bool is_list = taglist_parse(&list, field->value, &reason);
    if (!is_list)
        dkim_sig_refuse(sig, AUTH_NEUTRAL, reason);
    /* All are read, whatever is wrong: a report names domain and selector even of a malformed signature. */
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        struct str value = STR_NONE;
        bool found = is_list ? taglist_get(&list, tags[i].tag, &value) : find_tag(field->value, tags[i].tag, &value);
        read_tag(a, i, found, value, sig);
    }
    check_together(sig);
}

struct str dkim_sig_unsigned(struct arena *a, struct str raw)
{
    struct str name, list, value;
    if (!str_cut(raw, ':', &name, &list) || !find_tag(list, "b", &value))
        return raw;
    size_t before = (size_t)(value.p - raw.p), after = before + value.n;
    char *p = arena_copy(a, raw.p, raw.n);
    memmove(p + before, p + after, raw.n - after);
    return (struct str){ p, raw.n - value.n };
}
