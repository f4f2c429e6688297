/*
 * arc_chain.c - the ARC sets of a message: collect them, check their structure (RFC 8617 4.2, 5.2 steps 1 to 3), and the text a
 * seal is made over (5.1.1).
 *
 * Only the first field of each kind and instance is read in full, so a flood of fields costs little more than looking at their
 * i=. Keys and signatures are left to arc_verify.c.
 */
#include "mailseal/arena.h"

#include "arc_int.h"

#define POSITION_DIGITS 2 /* RFC 8617 4.2.1 position = 1*2DIGIT */

static const char *const field_names[ARC_KINDS] = { ARC_AAR_NAME, ARC_AMS_NAME, ARC_AS_NAME };

static bool read_position(struct str s, unsigned *instance)
{
    uint64_t n;
    if (s.n > POSITION_DIGITS || !str_to_uint(s, 99, &n) || n == 0)
        return false;
    *instance = (unsigned)n;
    return true;
}

/* RFC 5322 3.2.2: white space and comments, which may nest. A comment that does not end takes all there is. */
static struct str skip_cfws(struct str s)
{
    size_t depth = 0, i = 0;
    for (; i < s.n; i++) {
        if (s.p[i] == '(')
            depth++;
        else if (depth > 0 && s.p[i] == ')')
            depth--;
        else if (depth > 0 && s.p[i] == '\\')
            i++;
        else if (depth == 0 && !char_is_space(s.p[i]))
            break;
    }
    return str_skip(s, i);
}

static bool take(struct str *s, char c)
{
    *s = skip_cfws(*s);
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

/* RFC 8617 4.1.1, 4.2.1: instance [CFWS] ";" authres-payload, nothing before it. */
static bool read_authres(struct str value, unsigned *instance, struct str *payload)
{
    size_t n = 0;
    if (!take(&value, 'i') || !take(&value, '='))
        return false;
    value = skip_cfws(value);
    while (n < value.n && char_is_digit(value.p[n]))
        n++;
    if (!read_position(str_first(value, n), instance))
        return false;
    *payload = str_skip(value, n);
    return take(payload, ';');
}

/* RFC 8617 4.1.2, 4.1.3 put i= first, but everybody takes it from anywhere in the list. */
static bool read_list(struct str value, struct taglist *list, unsigned *instance)
{
    const char *reason;
    struct str position;
    return taglist_parse(list, value, &reason) && taglist_get(list, "i", &position) && read_position(position, instance);
}

static void find_fault(struct arc_chain *c, const char *reason)
{
    if (c->fault == NULL)
        c->fault = reason;
}

static void add_field(struct arena *a, struct arc_chain *c, enum arc_kind kind, const struct header *field)
{
    struct taglist list;
    struct str payload;
    unsigned instance;
    bool good = kind == ARC_AAR ? read_authres(field->value, &instance, &payload) : read_list(field->value, &list, &instance);
    if (!good) {
        find_fault(c, "ARC field that cannot be read");
        return;
    }
    if (instance > c->n)
        c->n = instance;
    if (instance > LIMIT_ARC_SETS) {
        find_fault(c, "more than 50 ARC sets");
        return;
    }
    struct arc_set *set = &c->set[instance];
    if (set->field[kind] != NULL) {
        find_fault(c, "two ARC fields of one kind and instance");
        return;
    }
    set->field[kind] = field;
    if (kind == ARC_AAR)
        set->authres = payload;
    else if (kind == ARC_AMS)
        arc_ams_read(a, &list, &set->ams);
    else
        arc_as_read(a, &list, &set->as, &set->cv);
}

/* RFC 8617 5.2 step 3. */
static const char *set_fault(const struct arc_set *set, unsigned instance)
{
    for (int kind = 0; kind < ARC_KINDS; kind++)
        if (set->field[kind] == NULL)
            return "incomplete ARC set";
    if (set->as.reason != NULL)
        return set->as.reason;
    if (set->cv == AUTH_FAIL)
        return "a seal says cv=fail";
    if (instance == 1)
        return set->cv == AUTH_NONE ? NULL : "the first seal does not say cv=none";
    return set->cv == AUTH_PASS ? NULL : "a later seal does not say cv=pass";
}

static bool says_fail(const struct arc_chain *c)
{
    if (c->n == 0 || c->n > LIMIT_ARC_SETS)
        return false;
    const struct arc_set *newest = &c->set[c->n];
    return newest->field[ARC_AS] != NULL && newest->as.reason == NULL && newest->cv == AUTH_FAIL;
}

void arc_chain_read(struct arena *a, const struct headers *h, struct arc_chain *out)
{
    *out = (struct arc_chain){ .present = false };
    for (size_t i = 0; i < h->n; i++) {
        for (int kind = 0; kind < ARC_KINDS; kind++) {
            if (!str_ieq(h->v[i].name, str_of(field_names[kind])))
                continue;
            out->present = true;
            add_field(a, out, (enum arc_kind)kind, &h->v[i]);
        }
    }
    out->ended = says_fail(out);
    for (unsigned i = out->n; i >= 1 && out->fault == NULL; i--)
        find_fault(out, set_fault(&out->set[i], i));
}

/* RFC 8617 4.1.3: there is no c=, the fields are always relaxed. */
static struct str relaxed(struct arena *a, struct str raw, bool crlf)
{
    struct buf b;
    /* Canonical fields are never longer than raw ones, but for the final CRLF. */
    buf_init(&b, a, raw.n + 2);
    dkim_canon_header(DKIM_CANON_RELAXED, raw, crlf, &b);
    return buf_view(&b);
}

struct str arc_canonical(struct arena *a, struct str raw)
{
    return relaxed(a, raw, true);
}

void arc_seal_digest(struct arena *a, const struct str *covered, size_t n, struct str seal, uint8_t out[SHA256_SIZE])
{
    struct hash *hash = hash_new(a);
    for (size_t i = 0; i < n; i++)
        hash_update(hash, covered[i].p, covered[i].n);
    struct str last = relaxed(a, dkim_sig_unsigned(a, seal), false);
    hash_update(hash, last.p, last.n);
    hash_final(hash, out);
}
