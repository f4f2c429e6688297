/*
 * domain.c - domain names: valid, normal form, ancestors (RFC 1035 2.3.4, RFC 5890, UTS #46).
 *
 * ASCII labels are only lowered, an A-label among them too: what was published is what is asked for. A label with 8-bit bytes goes
 * through libidn2, by itself, so that a label's normal form does not depend on its neighbours. Which names are public suffixes or
 * organizations is left to dmarc.
 */
#include <string.h>

#include <idn2.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/domain.h"

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* Adds a label in normal form. An ideographic full stop inside it (UTS #46 2.3) makes several labels. */
static bool label_normalise(struct arena *a, struct str label, struct buf *out)
{
    if (is_ascii(label)) {
        buf_str(out, str_lower(a, label));
        return true;
    }
    if (memchr(label.p, '\0', label.n) != NULL)
        return false;
    uint8_t *ascii = NULL;
    int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    if (idn2_lookup_u8((const uint8_t *)str_cstr(a, label), &ascii, flags) != IDN2_OK)
        return false;
    buf_puts(out, (const char *)ascii);
    idn2_free(ascii);
    return true;
}

bool domain_normalise(struct arena *a, struct str in, struct str *out)
{
    *out = STR_NONE;
    /* No character of a label takes more than four bytes of UTF-8. */
    if (in.n > 4 * (LIMIT_DOMAIN + 1))
        return false;
    struct buf name;
    buf_init(&name, a, 4 * (LIMIT_DOMAIN + 1));
    struct str label, rest = in;
    bool more;
    do {
        more = str_cut(rest, '.', &label, &rest);
        if (!label_normalise(a, label, &name))
            return false;
        if (more)
            buf_char(&name, '.');
    } while (more);

    struct str normal = buf_view(&name);
    if (normal.n > 0 && normal.p[normal.n - 1] == '.')
        normal.n--;
    if (name.full || !domain_is_valid(normal))
        return false;
    *out = normal;
    return true;
}

bool domain_is_valid(struct str name)
{
    if (name.n == 0 || name.n > LIMIT_DOMAIN)
        return false;
    size_t label = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        bool allowed = (c >= 'a' && c <= 'z') || char_is_digit(c) || c == '-' || c == '_';
        if (!allowed || ++label > LIMIT_LABEL)
            return false;
    }
    return label > 0;
}

bool domain_is_under(struct str name, struct str parent)
{
    if (parent.n == 0 || name.n < parent.n)
        return false;
    size_t below = name.n - parent.n;
    return str_eq(str_skip(name, below), parent) && (below == 0 || name.p[below - 1] == '.');
}

unsigned domain_labels(struct str name)
{
    unsigned labels = name.n > 0;
    for (size_t i = 0; i < name.n; i++)
        labels += name.p[i] == '.';
    return labels;
}

struct str domain_suffix(struct str name, unsigned n)
{
    size_t from = name.n;
    while (from > 0 && n > 0) {
        from--;
        if (name.p[from] == '.' && --n == 0)
            return str_skip(name, from + 1);
    }
    return str_skip(name, from);
}
