/*
 * sign_server.c - a signing table and a key table that are socketmap servers.
 *
 * The first is asked for the forms that OpenDKIM looks for in a "file:" table, in the same order, and answers "name" or
 * "name:identity"; the second is asked for the name and answers "domain:selector:/path". What does not answer, or answers what
 * cannot be used, leaves open who signs: then nobody knows, which is not the same as nobody signs.
 */
#include <stdatomic.h>
#include <string.h>

#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "config_int.h"

#define PARENTS_MAX 8     /* right-most labels of a domain whose names are asked for as ".NAME" */
#define WARN_MS     60000 /* between two lines about useless answers */

struct sign_server {
    const struct sign_key *how;
    struct table *patterns, *keys;
    bool all;
    atomic_llong quiet_until;
};

struct sign_server *sign_server_new(struct arena *a, const struct conf *c, const char **error)
{
    struct sign_server *s = ARENA_NEW(a, struct sign_server);
    *s = (struct sign_server){ .how = &c->sign, .all = c->sign_all_matches };
    atomic_init(&s->quiet_until, INT64_MIN);
    s->patterns = table_read(a, c->servers, c->signing_table, TABLE_TEXT, error);
    s->keys = s->patterns != NULL ? table_read(a, c->servers, c->key_table, TABLE_TEXT, error) : NULL;
    return s->keys != NULL ? s : NULL;
}

static bool useless(struct sign_server *s, const struct table *t, struct str key, const char *what)
{
    int64_t now = clock_ms();
    long long until = atomic_load(&s->quiet_until);
    if (now >= until && atomic_compare_exchange_strong(&s->quiet_until, &until, now + WARN_MS))
        log_error("table '%s': '%.*s' %s", table_spec(t), STR_FMT(key), what);
    return false;
}

static bool read_key(struct sign_server *s, struct arena *a, struct str name, struct str value, struct sign_recipe *r)
{
    struct str domain, selector, rest;
    bool ok = str_cut(value, ':', &domain, &rest) && str_cut(rest, ':', &selector, &r->path);
    r->domain = SIGN_AUTHOR;
    if (ok && !str_eq(domain, SIGN_AUTHOR))
        ok = domain_normalise(a, str_trim(domain), &r->domain);
    ok = ok && domain_normalise(a, str_trim(selector), &r->selector);
    r->path = str_trim(r->path);
    if (!ok || !str_istarts(r->path, STR("/")))
        return useless(s, s->keys, name, "has no value DOMAIN:SELECTOR:/PATH");
    return true;
}

/* One answer of the signing table. The name SIGN_AUTHOR is a key that need not be there. False: nobody knows. */
static bool resolve(struct sign_server *s, struct arena *a, struct str line, struct str author, const struct sign_key **out)
{
    struct sign_recipe r;
    struct str name, value;
    *out = NULL;
    (void)str_cut(line, ':', &name, &r.identity);
    name = str_trim(name);
    r.identity = str_trim(r.identity);
    bool own = str_eq(name, SIGN_AUTHOR);
    enum table_answer answer = table_get(s->keys, a, own ? author : name, &value);
    if (answer == TABLE_NO && !own)
        return useless(s, s->keys, name, "is no name in the key table");
    if (answer == TABLE_UNKNOWN || (answer == TABLE_YES && !read_key(s, a, name, value, &r)))
        return false;
    if (answer == TABLE_YES)
        *out = sign_key_make(a, s->how, &r, author);
    return true;
}

/* ---- what is asked for ---- */

#define FORMS_MAX (2 * PARENTS_MAX + 4)

/* As sign_find.c ranks them: of the lines for one parent, that for a user comes first. */
static size_t forms(struct arena *a, struct str local, struct str domain, struct str v[FORMS_MAX])
{
    size_t n = 0;
    struct str label, parent = domain;
    v[n++] = str_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    v[n++] = domain;
    while (str_cut(parent, '.', &label, &parent)) {
        if (domain_labels(parent) > PARENTS_MAX)
            continue;
        v[n++] = str_printf(a, "%.*s@.%.*s", STR_FMT(local), STR_FMT(parent));
        v[n++] = str_printf(a, ".%.*s", STR_FMT(parent));
    }
    v[n++] = str_printf(a, "%.*s@*", STR_FMT(local));
    v[n++] = STR("*");
    return n;
}

void sign_server_find(struct sign_server *s, struct arena *a, struct str local, struct str domain, struct sign_found *out)
{
    struct str v[FORMS_MAX], line;
    size_t asked = forms(a, local, domain, v);
    if (v[0].n != local.n + 1 + domain.n) /* longer than anything that can be looked up */
        return;
    for (size_t i = 0; i < asked && !out->more; i++) {
        const struct sign_key *k;
        enum table_answer answer = table_get(s->patterns, a, v[i], &line);
        out->unknown = answer == TABLE_UNKNOWN || (answer == TABLE_YES && !resolve(s, a, line, domain, &k));
        if (out->unknown) {
            out->n = 0;
            return;
        }
        if (answer == TABLE_YES && k != NULL)
            sign_key_add(k, out);
        if (answer == TABLE_YES && !s->all)
            return;
    }
}
