/*
 * dmarc_record.c - one DMARC record from its text (RFC 9989 4.7, 4.8), and what its faults mean (4.10.1).
 *
 * A record is known by its first tag alone; whatever is wrong behind it costs the tag, never the record, except in p, sp and np.
 * Which record applies to a message is decided in dmarc_discover.c.
 */
#include <stddef.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"
#include "mailseal/dmarc.h"

const struct name_code dmarc_policy_names[] = {
    { "none", DMARC_POLICY_NONE }, { "quarantine", DMARC_POLICY_QUARANTINE }, { "reject", DMARC_POLICY_REJECT }, { NULL, 0 }
};

static const struct name_code alignment_names[] = { { "r", false }, { "s", true }, { NULL, 0 } };
static const struct name_code psd_names[] = { { "u", DMARC_PSD_U }, { "y", DMARC_PSD_Y }, { "n", DMARC_PSD_N }, { NULL, 0 } };
static const struct name_code yes_no_names[] = { { "n", false }, { "y", true }, { NULL, 0 } };

/* One element of the list. */
struct part {
    struct str name, value;
    bool legal; /* the value follows dmarc-value */
};

struct parts {
    struct part v[LIMIT_TAGS];
    size_t n;
};

/* What became of a tag: absent, or there with a value that holds or does not. */
enum tag_state { TAG_ABSENT, TAG_VALID, TAG_INVALID };

static struct str trim_wsp(struct str s)
{
    while (s.n > 0 && char_is_wsp(s.p[0]))
        s = str_skip(s, 1);
    while (s.n > 0 && char_is_wsp(s.p[s.n - 1]))
        s.n--;
    return s;
}

static void note(struct dmarc_record *r, const char *remark)
{
    if (r->remark == NULL)
        r->remark = remark;
}

/* RFC 9989 4.8: dmarc-tag = 1*ALPHA */
static bool is_tag_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_alpha(s.p[i]))
            return false;
    }
    return s.n > 0;
}

/* RFC 9989 4.8: dmarc-value = %x20-3A / %x3C-7E; HTAB stands in URI lists, where the grammar has WSP. */
static bool is_tag_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] > 0x7e)
            return false;
    }
    return s.n > 0;
}

/* False when there are more elements than LIMIT_TAGS. Elements that are no tag at all are left out. */
static bool split(struct str text, struct parts *out, bool *strays)
{
    struct str rest = text;
    size_t elements = 0;

    out->n = 0;
    *strays = false;
    for (bool more = true; more; elements++) {
        struct str element, name, value;

        if (elements == LIMIT_TAGS)
            return false;
        more = str_cut(rest, ';', &element, &rest);
        element = trim_wsp(element);
        if (element.n == 0 && out->n > 0)
            continue;
        if (!str_cut(element, '=', &name, &value) || !is_tag_name(trim_wsp(name))) {
            if (out->n == 0)
                return false;
            *strays = true;
            continue;
        }
        value = trim_wsp(value);
        out->v[out->n++] = (struct part){ trim_wsp(name), value, is_tag_value(value) };
    }
    return true;
}

/* RFC 9989 has no word on repeated tags: with the same value they are harmless, with another the tag is invalid. */
static enum tag_state find(const struct parts *parts, const char *name, struct str *value)
{
    enum tag_state state = TAG_ABSENT;

    *value = STR_NONE;
    for (size_t i = 1; i < parts->n; i++) {
        const struct part *part = &parts->v[i];

        if (!str_ieq(part->name, str_of(name)))
            continue;
        if (!part->legal || (state != TAG_ABSENT && !str_ieq(part->value, *value)))
            return TAG_INVALID;
        state = TAG_VALID;
        *value = part->value;
    }
    return state;
}

static enum tag_state find_code(const struct parts *parts, const char *name, const struct name_code *table, int *code)
{
    struct str value;
    enum tag_state state = find(parts, name, &value);
    int found;

    if (state != TAG_VALID)
        return state;
    found = code_of(table, value);
    if (found < 0)
        return TAG_INVALID;
    *code = found;
    return TAG_VALID;
}

static bool is_hex(char c)
{
    return char_is_digit(c) || (char_lower(c) >= 'a' && char_lower(c) <= 'f');
}

/* RFC 3986 2: the characters of a URI behind its scheme; RFC 9989 4.8: "!" and "," only percent-encoded. */
static bool is_uri_text(struct str s)
{
    bool fragment = false;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            if (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
                return false;
        } else if (c == '#') {
            if (fragment)
                return false;
            fragment = true;
        } else if (!char_is_alnum(c) && (c == '\0' || strchr("-._~:/?[]@$&'()*+;=", c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* RFC 9989 4.8: obs-dmarc-report-size is read and ignored. */
static struct str without_size(struct str s)
{
    struct str uri, size;

    if (!str_rcut(s, '!', &uri, &size) || size.n == 0)
        return s;
    if (memchr("kmgt", char_lower(size.p[size.n - 1]), 4) != NULL)
        size.n--;
    for (size_t i = 0; i < size.n; i++) {
        if (!char_is_digit(size.p[i]))
            return s;
    }
    return size.n > 0 ? uri : s;
}

/* RFC 9989 4.7 "rua", "ruf": a URI of a scheme that no report can be sent to is ignored, as if it were not there. */
static bool is_report_uri(struct str s)
{
    struct str uri = without_size(s), scheme = STR("mailto:");

    return str_istarts(uri, scheme) && is_uri_text(str_skip(uri, scheme.n));
}

/* True when at least one entry is a URI; *clean when all are. */
static bool has_uri(struct str list, bool *clean)
{
    bool more = true, any = false;

    *clean = true;
    while (more) {
        struct str entry;

        more = str_cut(list, ',', &entry, &list);
        if (is_report_uri(trim_wsp(entry)))
            any = true;
        else
            *clean = false;
    }
    return any;
}

static struct str read_uris(const struct parts *parts, const char *name, const char *fault, struct dmarc_record *r)
{
    struct str value;
    bool clean, any;

    switch (find(parts, name, &value)) {
    case TAG_ABSENT:
        return STR_NONE;
    case TAG_INVALID:
        note(r, fault);
        return STR_NONE;
    case TAG_VALID:
        break;
    }
    any = has_uri(value, &clean);
    if (!clean)
        note(r, fault);
    return any ? value : STR_NONE;
}

/* RFC 9989 4.8: dmarc-fo, each letter once, 0 and 1 exclude each other */
static bool is_fo(struct str s)
{
    static const char letters[] = "01ds";
    unsigned seen = 0;
    bool more = true;

    while (more) {
        struct str item;
        const char *at;
        unsigned bit;

        more = str_cut(s, ':', &item, &s);
        if (item.n != 1 || (at = memchr(letters, char_lower(item.p[0]), 4)) == NULL)
            return false;
        bit = 1U << (unsigned)(at - letters);
        if ((seen & bit) != 0)
            return false;
        seen |= bit;
    }
    return (seen & 3) != 3;
}

static void read_fo(const struct parts *parts, struct dmarc_record *r)
{
    struct str value;
    enum tag_state state = find(parts, "fo", &value);

    /* RFC 9989 4.7 "fo": ignored without ruf */
    if (state == TAG_ABSENT || r->ruf.n == 0)
        return;
    if (state == TAG_VALID && is_fo(value))
        r->fo = value;
    else
        note(r, "the value of fo is not valid: taken as 0");
}

static void read_modes(const struct parts *parts, struct dmarc_record *r)
{
    int strict_dkim = false, strict_spf = false, psd = DMARC_PSD_U, testing = false;
    const struct {
        const char *tag;
        const struct name_code *values;
        int *code;
        const char *fault;
    } modes[] = {
        { "adkim", alignment_names, &strict_dkim, "the value of adkim is not valid: taken as r" },
        { "aspf", alignment_names, &strict_spf, "the value of aspf is not valid: taken as r" },
        { "psd", psd_names, &psd, "the value of psd is not valid: taken as u" },
        { "t", yes_no_names, &testing, "the value of t is not valid: taken as n" },
    };

    /* RFC 9989 4.8: a syntax error after v= is passed over in favour of the default */
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (find_code(parts, modes[i].tag, modes[i].values, modes[i].code) == TAG_INVALID)
            note(r, modes[i].fault);
    }
    r->strict_dkim = strict_dkim != 0;
    r->strict_spf = strict_spf != 0;
    r->psd = (enum dmarc_psd)psd;
    r->testing = testing != 0;
}

static void read_policies(const struct parts *parts, struct dmarc_record *r)
{
    int p = DMARC_POLICY_NONE, sp = DMARC_POLICY_NONE, np = DMARC_POLICY_NONE;
    enum tag_state p_state = find_code(parts, "p", dmarc_policy_names, &p);
    enum tag_state sp_state = find_code(parts, "sp", dmarc_policy_names, &sp);
    enum tag_state np_state = find_code(parts, "np", dmarc_policy_names, &np);

    /* RFC 9989 4.10.1: no valid p, or an sp or np that is not valid: with a valid rua the record as a whole acts as p=none, even
     * where p itself is good; without one there is no DMARC processing */
    if (p_state != TAG_VALID || sp_state == TAG_INVALID || np_state == TAG_INVALID) {
        r->usable = r->rua.n > 0;
        r->defect = r->usable;
        r->remark = p_state == TAG_ABSENT     ? "there is no p tag"
                    : p_state == TAG_INVALID  ? "the value of p is not valid"
                    : sp_state == TAG_INVALID ? "the value of sp is not valid"
                                              : "the value of np is not valid";
        return;
    }
    r->usable = true;
    r->has_p = true;
    r->has_sp = sp_state == TAG_VALID;
    r->has_np = np_state == TAG_VALID;
    r->p = (enum dmarc_policy)p;
    /* RFC 9989 4.7 "sp", "np": np falls back to sp, sp to p */
    r->sp = r->has_sp ? (enum dmarc_policy)sp : r->p;
    r->np = r->has_np ? (enum dmarc_policy)np : r->sp;
}

bool dmarc_record_parse(struct arena *a, struct str text, struct dmarc_record *out)
{
    struct parts parts;
    bool strays;

    *out = (struct dmarc_record){ 0 };
    out->rua = out->ruf = out->fo = STR_NONE;
    if (text.n > LIMIT_DMARC_RECORD)
        return false;
    out->text = str_dup(a, text);
    /* RFC 9989 4.7 "v": first, and exactly DMARC1; else the whole record is ignored */
    if (!split(trim_wsp(out->text), &parts, &strays) || !str_ieq(parts.v[0].name, STR("v")) ||
        !str_eq(parts.v[0].value, STR("DMARC1")))
        return false;
    if (strays)
        note(out, "it holds text that is no tag: ignored");
    out->rua = read_uris(&parts, "rua", "an entry of rua is not a mailto: URI: ignored", out);
    out->ruf = read_uris(&parts, "ruf", "an entry of ruf is not a mailto: URI: ignored", out);
    read_fo(&parts, out);
    read_modes(&parts, out);
    read_policies(&parts, out);
    return true;
}
