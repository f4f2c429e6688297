/*
 * sign_table.c - OpenDKIM's KeyTable and SigningTable, read as they are (opendkim.conf(5), opendkim(8) "DATA SETS").
 *
 * Every line of a signing table is brought into one form, a pattern in which "*" stands for any text, matched against the author's
 * address. What a message has to look at does not grow with the table: a pattern is filed under the literal text that every
 * address it matches has at its end or beginning - the whole address, "@domain", ".parent" or "local@" - and only those without
 * any are tried one by one. Whatever lookup cannot find at all is an error when the table is read.
 */
#include <string.h>

#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

#define AUTHOR STR("%") /* stands for the author's domain */

struct table_key {
    struct str domain, selector, path; /* domain may be AUTHOR, the path may hold it */
};

struct entry {
    struct str pattern, identity;
    const struct table_key *key; /* NULL: the key whose name is the author's domain */
    unsigned rank, order;        /* which of several comes first: lowest rank, longest pattern where it says so, lowest order */
    struct entry *next;
};

struct sign_table {
    struct arena *arena;
    const struct sign_key *how;
    struct map *keys;    /* by name, to struct table_key */
    struct map *filed;   /* by literal text, to struct entry */
    struct entry *other; /* patterns without such a text */
    bool all;
};

struct reader {
    struct sign_table *table;
    struct table_file file;
    const char *dir;
    bool patterns; /* refile: */
};

static bool refuse(struct reader *r, const char *what, struct str value)
{
    return conf_text_fail(&r->file.text, r->file.line, "'%.*s' %s", STR_FMT(value), what);
}

/* The path of "file:/x", "refile:/x" or "/x". */
static const char *path_of(const char *option, bool *patterns)
{
    const char *colon = strchr(option, ':');
    *patterns = strncmp(option, "refile:", 7) == 0;
    return option[0] == '/' || colon == NULL ? option : colon + 1;
}

static bool open_table(struct reader *r, struct sign_table *t, struct arena *scratch, const char *option)
{
    *r = (struct reader){ .table = t };
    const char *path = path_of(option, &r->patterns);
    struct str dir, name;
    bool ok = table_file_open(&r->file, t->arena, scratch, path);
    (void)str_rcut(str_of(path), '/', &dir, &name);
    r->dir = str_cstr(t->arena, dir);
    return ok;
}

/* ---- the key table ---- */

/* A key that stands in the table itself is not repeated in the error. */
static bool set_path(struct reader *r, struct table_key *k, struct str path)
{
    bool relative = str_istarts(path, STR("./")) || str_istarts(path, STR("../"));
    if (!relative && !str_istarts(path, STR("/")))
        return conf_text_fail(&r->file.text, r->file.line, "no path of a key file (a key in the table itself is not read)");
    k->path = relative ? str_printf(r->table->arena, "%s/%.*s", r->dir, STR_FMT(path)) : path;
    return true;
}

static bool add_key(struct reader *r, struct str name, struct str value)
{
    struct table_key *k = ARENA_NEW(r->table->arena, struct table_key);
    struct str domain, selector, path, rest;
    if (!str_cut(value, ':', &domain, &rest) || !str_cut(rest, ':', &selector, &path))
        return refuse(r, "has no value DOMAIN:SELECTOR:PATH", name);
    k->domain = AUTHOR;
    if (!str_eq(domain, AUTHOR) && !domain_normalise(r->table->arena, str_trim(domain), &k->domain))
        return refuse(r, "is no domain name", domain);
    if (!domain_normalise(r->table->arena, str_trim(selector), &k->selector))
        return refuse(r, "is no selector", selector);
    if (memchr(name.p, '*', name.n) != NULL)
        return refuse(r, "is a pattern where the name of a key is wanted", name);
    if (!set_path(r, k, str_trim(path)))
        return false;
    /* Looking through the file, OpenDKIM takes the first. */
    if (map_get(r->table->keys, name) == NULL)
        map_set(r->table->keys, name, k);
    return true;
}

static bool read_keys(struct sign_table *t, struct arena *scratch, const char *option, const char **error)
{
    struct reader r;
    struct str entry, name, value;
    bool ok = open_table(&r, t, scratch, option);
    while (ok && table_file_next(&r.file, &entry)) {
        table_file_cut(entry, &name, &value);
        ok = add_key(&r, name, value);
    }
    *error = r.file.text.error;
    return ok;
}

/* ---- the signing table ---- */

static void file_under(struct sign_table *t, struct str text, struct entry *e)
{
    if (text.n == 0) {
        e->next = t->other;
        t->other = e;
        return;
    }
    e->next = map_set(t->filed, text, e);
}

/* The literal text by which lookup finds a pattern; empty: none. An address has one "@" behind its local part, so a tail that
 * begins with a dot lies within the domain, and one with an "@" holds all of it. */
static struct str literal_of(struct str pattern)
{
    struct str head, tail, local, domain;
    if (!str_rcut(pattern, '*', &head, &tail))
        return pattern;
    if (str_rcut(tail, '@', &local, &domain))
        return str_skip(tail, local.n);
    if (tail.n > 1 && tail.p[0] == '.')
        return tail;
    bool local_only = tail.n == 0 && head.n > 1 && head.p[head.n - 1] == '@' && memchr(head.p, '*', head.n) == NULL;
    return local_only ? head : STR_NONE;
}

/* The forms of a "file:" table, in the order in which OpenDKIM asks for them. */
static struct str file_pattern(struct arena *a, struct str key, unsigned *rank)
{
    struct str local, domain;
    bool address = str_rcut(key, '@', &local, &domain);
    if (str_eq(key, STR("*"))) {
        *rank = 5;
        return key;
    }
    if (!address) {
        *rank = key.p[0] == '.' ? 3 : 1;
        return str_printf(a, "%s%.*s", key.p[0] == '.' ? "*@*" : "*@", STR_FMT(key));
    }
    if (str_eq(local, STR("*"))) {
        *rank = 1;
        return key;
    }
    *rank = str_eq(domain, STR("*")) ? 4 : str_istarts(domain, STR(".")) ? 2 : 0;
    return *rank == 2 ? str_printf(a, "%.*s@*%.*s", STR_FMT(local), STR_FMT(domain)) : key;
}

/* Author domains are in normal form, so a domain that a pattern ends in has to be. */
static bool normal_pattern(struct reader *r, struct str key, struct entry *e)
{
    struct arena *a = r->table->arena;
    struct str pattern = r->patterns ? key : file_pattern(a, key, &e->rank), head, tail, normal;
    size_t end = pattern.n;
    while (end > 0 && pattern.p[end - 1] != '*' && pattern.p[end - 1] != '@')
        end--;
    head = str_first(pattern, end);
    tail = str_skip(pattern, end);
    bool dot = tail.n > 0 && tail.p[0] == '.';
    if (tail.n == (dot ? 1 : 0))
        e->pattern = str_lower(a, pattern);
    else if (!domain_normalise(a, str_skip(tail, dot), &normal))
        return refuse(r, "is no address, domain or pattern", key);
    else
        e->pattern = str_lower(a, str_printf(a, "%.*s%s%.*s", STR_FMT(head), dot ? "." : "", STR_FMT(normal)));
    return true;
}

static bool add_entry(struct reader *r, struct str key, struct str value, unsigned order)
{
    struct sign_table *t = r->table;
    struct str name;
    struct entry *e = ARENA_NEW(t->arena, struct entry);
    e->order = order;
    (void)str_cut(value, ':', &name, &e->identity);
    name = str_trim(name);
    e->identity = str_trim(e->identity);
    /* X06 */
    if (name.n == 0)
        return refuse(r, "names no key", key);
    e->key = str_eq(name, AUTHOR) ? NULL : map_get(t->keys, name);
    if (e->key == NULL && !str_eq(name, AUTHOR))
        return refuse(r, "is no name in the key table", name);
    if (!normal_pattern(r, key, e))
        return false;
    file_under(t, literal_of(e->pattern), e);
    return true;
}

static bool read_patterns(struct sign_table *t, struct arena *scratch, const char *option, const char **error)
{
    struct reader r;
    struct str entry, key, value;
    bool ok = open_table(&r, t, scratch, option);
    for (unsigned order = 0; ok && table_file_next(&r.file, &entry); order++) {
        table_file_cut(entry, &key, &value);
        ok = add_entry(&r, key, value, order);
    }
    *error = r.file.text.error;
    return ok;
}

struct sign_table *sign_table_read(struct arena *a, struct arena *scratch, const struct conf *c, const char **error)
{
    struct sign_table *t = ARENA_NEW(a, struct sign_table);
    *t = (struct sign_table){ .arena = a, .how = &c->sign, .all = c->sign_all_matches, .keys = map_new(a), .filed = map_new(a) };
    bool ok = read_keys(t, scratch, c->key_table, error) && read_patterns(t, scratch, c->signing_table, error);
    return ok ? t : NULL;
}

/* ---- lookup ---- */

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

struct search {
    struct arena *arena;
    struct str address, domain;
    const struct entry *best[LIMIT_SIGN_KEYS];
    size_t n, max;
};

/* Of the parents of a domain, the nearest comes first. */
static bool is_before(const struct entry *a, const struct entry *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if ((a->rank == 2 || a->rank == 3) && a->pattern.n != b->pattern.n)
        return a->pattern.n > b->pattern.n;
    return a->order < b->order;
}

static void consider(struct search *s, const struct entry *e)
{
    for (; e != NULL; e = e->next) {
        size_t at = s->n;
        if (!matches(e->pattern, s->address))
            continue;
        while (at > 0 && is_before(e, s->best[at - 1]))
            at--;
        if (at == s->max)
            continue;
        if (s->n < s->max)
            s->n++;
        memmove(&s->best[at + 1], &s->best[at], (s->n - at - 1) * sizeof(s->best[0]));
        s->best[at] = e;
    }
}

static void consider_all(struct search *s, const struct sign_table *t)
{
    struct str local_at = str_first(s->address, s->address.n - s->domain.n);
    consider(s, map_get(t->filed, s->address));
    consider(s, map_get(t->filed, str_skip(s->address, local_at.n - 1)));
    consider(s, map_get(t->filed, local_at));
    for (size_t i = 0; i < s->domain.n; i++)
        if (s->domain.p[i] == '.')
            consider(s, map_get(t->filed, str_skip(s->domain, i)));
    consider(s, t->other);
}

/* `text` with the author's domain for each AUTHOR. */
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
    struct str local, of, normal;
    const char *text = expand(a, identity, author);
    bool fits =
        str_rcut(str_of(text), '@', &local, &of) && domain_normalise(a, of, &normal) && domain_is_under(normal, str_of(domain));
    return fits ? text : "";
}

static const struct sign_key *resolve(const struct sign_table *t, struct search *s, const struct entry *e)
{
    const struct table_key *k = e->key != NULL ? e->key : map_get(t->keys, s->domain);
    if (k == NULL)
        return NULL;
    struct sign_key *out = ARENA_NEW(s->arena, struct sign_key);
    *out = *t->how;
    out->domain = str_cstr(s->arena, str_eq(k->domain, AUTHOR) ? s->domain : k->domain);
    out->selector = str_cstr(s->arena, k->selector);
    out->key_file = expand(s->arena, k->path, s->domain);
    out->identity = fitting_identity(s->arena, e->identity, s->domain, out->domain);
    return out;
}

static bool is_there(const struct sign_key *k, const struct sign_key **keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(k->domain, keys[i]->domain) == 0 && strcmp(k->selector, keys[i]->selector) == 0)
            return true;
    return false;
}

size_t sign_table_find(const struct sign_table *t, struct arena *a, struct str local, struct str domain,
                       const struct sign_key **out)
{
    struct str address = str_lower(a, str_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain)));
    struct search s = { .arena = a, .address = address, .domain = domain, .max = t->all ? LIMIT_SIGN_KEYS : 1 };
    size_t n = 0;
    if (address.n != local.n + 1 + domain.n) /* longer than anything that can be looked up */
        return 0;
    consider_all(&s, t);
    for (size_t i = 0; i < s.n; i++) {
        const struct sign_key *k = resolve(t, &s, s.best[i]);
        if (k != NULL && !is_there(k, out, n))
            out[n++] = k;
    }
    return n;
}

struct visit {
    struct arena *arena;
    const struct sign_table *table;
    void (*fn)(void *ctx, const struct sign_key *key);
    void *ctx;
};

static void visit_key(void *ctx, struct str name, void *value)
{
    const struct visit *v = ctx;
    const struct table_key *k = value;
    (void)name;
    if (memchr(k->path.p, '%', k->path.n) != NULL)
        return;
    struct sign_key key = *v->table->how;
    key.domain = str_cstr(v->arena, k->domain);
    key.selector = str_cstr(v->arena, k->selector);
    key.key_file = str_cstr(v->arena, k->path);
    v->fn(v->ctx, &key);
}

void sign_table_each(const struct sign_table *t, void (*fn)(void *ctx, const struct sign_key *key), void *ctx)
{
    struct visit v = { arena_new(), t, fn, ctx };
    map_each(t->keys, visit_key, &v);
    arena_free(v.arena);
}
