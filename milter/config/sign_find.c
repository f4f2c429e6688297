/*
 * sign_find.c - which lines of a signing table are for an author, and which keys they name.
 *
 * A message looks at the lines filed under the author's address, its parts and its parent domains, and at the few that cannot be
 * filed (sign_table.c).
 */
#include <string.h>

#include "mailseal/limits.h"
#include "mailseal/map.h"

#include "config_int.h"

/* "*" stands for any text. Only the last star met is ever gone back to: that is enough, and not exponential. */
static bool matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* A line that is for the author; key is NULL when it leads to none. */
struct match {
    const struct sign_entry *entry;
    const struct table_key *key;
};

/* One more than may sign, to know that there are more. */
#define MATCHES_MAX (LIMIT_SIGN_KEYS + 1)

struct search {
    const struct sign_table *table;
    struct str address, domain;
    struct match best[MATCHES_MAX]; /* no two for the same signature */
    size_t n, max;
};

static size_t domain_size(struct str pattern)
{
    struct str local, domain;
    return str_rcut(pattern, '@', &local, &domain) ? domain.n : pattern.n;
}

/* Of the parents of a domain the nearest comes first; of the lines for one parent, that for a user. */
static bool is_before(const struct sign_entry *a, const struct sign_entry *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->rank == RANK_PARENT) {
        size_t x = domain_size(a->pattern), y = domain_size(b->pattern);
        bool any_x = a->pattern.p[0] == '*', any_y = b->pattern.p[0] == '*';
        if (x != y || any_x != any_y)
            return x != y ? x > y : any_y;
    }
    return a->order < b->order;
}

static struct str signing_domain(const struct search *s, const struct table_key *k)
{
    return str_eq(k->domain, SIGN_AUTHOR) ? s->domain : k->domain;
}

static bool is_same(const struct search *s, const struct table_key *a, const struct table_key *b)
{
    return a == b ||
           (a != NULL && b != NULL && str_eq(a->selector, b->selector) && str_eq(signing_domain(s, a), signing_domain(s, b)));
}

/* Of lines for the same signature the first stays, so that they do not take the places of others. */
static void keep(struct search *s, struct match m)
{
    size_t at = 0, same = 0, end;
    while (at < s->n && !is_before(m.entry, s->best[at].entry))
        at++;
    while (same < s->n && !is_same(s, m.key, s->best[same].key))
        same++;
    if (same < at || at == s->max)
        return;
    if (same < s->n)
        end = same;
    else
        end = s->n < s->max ? s->n++ : s->n - 1;
    memmove(&s->best[at + 1], &s->best[at], (end - at) * sizeof(s->best[0]));
    s->best[at] = m;
}

static const struct table_key *key_of(const struct sign_table *t, const struct sign_entry *e, struct str author)
{
    return e->key != NULL ? e->key : map_get(t->keys, author);
}

/* Where the first line alone counts, it does so even if it leads to no key. */
static void consider(struct search *s, const struct sign_entry *e)
{
    for (; e != NULL; e = e->next) {
        if (!matches(e->pattern, s->address))
            continue;
        struct match m = { e, key_of(s->table, e, s->domain) };
        if (m.key != NULL || !s->table->all)
            keep(s, m);
    }
}

static void consider_all(struct search *s)
{
    const struct sign_table *t = s->table;
    struct str local_at = str_first(s->address, s->address.n - s->domain.n);
    consider(s, map_get(t->filed, s->address));
    consider(s, map_get(t->filed, str_skip(s->address, local_at.n - 1)));
    consider(s, map_get(t->filed, local_at));
    for (size_t i = 0; i < s->domain.n; i++)
        if (s->domain.p[i] == '.')
            consider(s, map_get(t->filed, str_skip(s->domain, i)));
    consider(s, t->other);
}

static const struct sign_key *make(const struct sign_table *t, struct arena *a, const struct table_key *k,
                                   const struct sign_entry *e, struct str author)
{
    struct sign_recipe r = { k->domain, k->selector, k->path, e != NULL ? e->identity : STR_NONE };
    return sign_key_make(a, t->how, &r, author);
}

void sign_table_find(const struct sign_table *t, struct arena *a, struct str local, struct str domain, struct sign_found *out)
{
    struct str address = str_lower(a, str_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain)));
    struct search s = { .table = t, .address = address, .domain = domain, .max = t->all ? MATCHES_MAX : 1 };
    if (address.n != local.n + 1 + domain.n) /* longer than anything that can be looked up */
        return;
    consider_all(&s);
    for (size_t i = 0; i < s.n; i++)
        if (s.best[i].key != NULL)
            sign_key_add(make(t, a, s.best[i].key, s.best[i].entry, domain), out);
}

/* ---- all of them ---- */

struct visit {
    struct arena *arena;
    const struct sign_table *table;
    void (*fn)(void *ctx, const struct sign_key *key);
    void *ctx;
    struct map *seen; /* keys of the author's domain that were given */
};

static void give(const struct visit *v, const struct table_key *k, const struct sign_entry *e, struct str author)
{
    struct arena *a = arena_new(); /* there may be many */
    v->fn(v->ctx, make(v->table, a, k, e, author));
    arena_free(a);
}

static void visit_key(void *ctx, struct str name, void *value)
{
    const struct visit *v = ctx;
    const struct table_key *k = value;
    (void)name;
    if (str_eq(k->domain, SIGN_AUTHOR))
        return;
    give(v, k, NULL, k->domain);
}

/* A pattern for one domain says for whom such a key signs. */
static void visit_entry(struct visit *v, const struct sign_entry *e)
{
    struct str local, author;
    if (!str_rcut(e->pattern, '@', &local, &author) || memchr(author.p, '*', author.n) != NULL)
        return;
    const struct table_key *k = key_of(v->table, e, author);
    if (k == NULL || !str_eq(k->domain, SIGN_AUTHOR))
        return;
    struct str id = str_printf(v->arena, "%.*s %.*s %.*s", STR_FMT(author), STR_FMT(k->selector), STR_FMT(k->path));
    if (map_set(v->seen, id, v) == NULL)
        give(v, k, e, author);
}

static void visit_entries(void *ctx, struct str text, void *value)
{
    (void)text;
    for (const struct sign_entry *e = value; e != NULL; e = e->next)
        visit_entry(ctx, e);
}

void sign_table_each(const struct sign_table *t, void (*fn)(void *ctx, const struct sign_key *key), void *ctx)
{
    struct visit v = { .arena = arena_new(), .table = t, .fn = fn, .ctx = ctx };
    v.seen = map_new(v.arena);
    map_each(t->keys, visit_key, &v);
    map_each(t->filed, visit_entries, &v);
    arena_free(v.arena);
}
