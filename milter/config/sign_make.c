/*
 * sign_make.c - a key as a table of OpenDKIM's tells it, for one author.
 */
#include <string.h>

#include "mailseal/domain.h"
#include "mailseal/limits.h"

#include "config_int.h"

/* `text` with the domain for each SIGN_AUTHOR. */
static const char *expand(struct arena *a, struct str text, struct str domain)
{
    struct buf b;
    buf_init(&b, a, CONF_TEXT_LINE_MAX);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%')
            buf_str(&b, domain);
        else
            buf_char(&b, text.p[i]);
    }
    return b.full ? "" : b.p;
}

/* opendkim.conf(5): an identity that does not fit the domain is left out. */
static const char *fitting_identity(struct arena *a, struct str identity, struct str author, const char *domain)
{
    const char *text = expand(a, identity, author);
    return dkim_identity_fits(a, str_of(text), str_of(domain)) ? text : "";
}

const struct sign_key *sign_key_make(struct arena *a, const struct sign_key *how, const struct sign_recipe *r, struct str author)
{
    struct sign_key *out = ARENA_NEW(a, struct sign_key);
    *out = *how;
    out->domain = str_cstr(a, str_eq(r->domain, SIGN_AUTHOR) ? author : r->domain);
    out->selector = str_cstr(a, r->selector);
    out->key_file = expand(a, r->path, str_of(out->domain));
    out->identity = fitting_identity(a, r->identity, author, out->domain);
    return out;
}

void sign_key_add(const struct sign_key *k, struct sign_found *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(k->domain, f->v[i]->domain) == 0 && strcmp(k->selector, f->v[i]->selector) == 0)
            return;
    if (f->n == LIMIT_SIGN_KEYS)
        f->more = true;
    else
        f->v[f->n++] = k;
}
