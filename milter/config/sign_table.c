/*
 * sign_table.c - OpenDKIM's KeyTable and SigningTable, read as they are (opendkim.conf(5), opendkim(8) "DATA SETS").
 *
 * Every line of a signing table is brought into one form, a pattern in which "*" stands for any text, matched against the author's
 * address. What a message has to look at does not grow with the table: a pattern is filed under the literal text that every
 * address it matches has at its end or beginning - the whole address, "@domain", ".parent" or "local@" - and only those without
 * any are tried one by one. Whatever lookup (sign_find.c) cannot find at all is an error when the table is read.
 */
#include <string.h>

#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

struct reader {
    struct sign_table *table;
    struct table_file file;
    const char *dir;
    bool patterns;    /* refile: */
    struct map *seen; /* the lines of a "file:" table */
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

/* What normalising takes on the way would be most of the table's memory. */
static bool normal_name(struct reader *r, struct str name, struct str *out)
{
    struct arena *scratch = arena_new();
    bool valid = domain_normalise(scratch, name, out);
    *out = valid ? str_dup(r->table->arena, *out) : STR_NONE;
    arena_free(scratch);
    return valid;
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
    k->domain = SIGN_AUTHOR;
    if (!str_eq(domain, SIGN_AUTHOR) && !normal_name(r, str_trim(domain), &k->domain))
        return refuse(r, "is no domain name", domain);
    if (!normal_name(r, str_trim(selector), &k->selector))
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

static void file_under(struct sign_table *t, struct str text, struct sign_entry *e)
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
        *rank = RANK_ANY;
        return key;
    }
    if (!address) {
        *rank = key.p[0] == '.' ? RANK_PARENT : RANK_DOMAIN;
        return str_printf(a, "%s%.*s", key.p[0] == '.' ? "*@*" : "*@", STR_FMT(key));
    }
    if (str_eq(local, STR("*"))) {
        *rank = RANK_DOMAIN;
        return key;
    }
    *rank = str_eq(domain, STR("*")) ? RANK_USER : str_istarts(domain, STR(".")) ? RANK_PARENT : RANK_ADDRESS;
    return *rank == RANK_PARENT ? str_printf(a, "%.*s@*%.*s", STR_FMT(local), STR_FMT(domain)) : key;
}

/* Author domains are in normal form, so a domain that a pattern ends in has to be. */
static bool normal_pattern(struct reader *r, struct str key, struct sign_entry *e)
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
    else if (!normal_name(r, str_skip(tail, dot), &normal))
        return refuse(r, "is no address, domain or pattern", key);
    else
        e->pattern = str_lower(a, str_printf(a, "%.*s%s%.*s", STR_FMT(head), dot ? "." : "", STR_FMT(normal)));
    return true;
}

static bool add_entry(struct reader *r, struct str key, struct str value, unsigned order)
{
    struct sign_table *t = r->table;
    struct str name;
    struct sign_entry *e = ARENA_NEW(t->arena, struct sign_entry);
    e->order = order;
    (void)str_cut(value, ':', &name, &e->identity);
    name = str_trim(name);
    e->identity = str_trim(e->identity);
    /* X06 */
    if (name.n == 0)
        return refuse(r, "names no key", key);
    e->key = str_eq(name, SIGN_AUTHOR) ? NULL : map_get(t->keys, name);
    if (e->key == NULL && !str_eq(name, SIGN_AUTHOR))
        return refuse(r, "is no name in the key table", name);
    if (!normal_pattern(r, key, e))
        return false;
    /* Of equal lines OpenDKIM finds the first alone. */
    if (!r->patterns && map_get(r->seen, str_lower(t->arena, key)) != NULL)
        return true;
    if (!r->patterns)
        map_set(r->seen, str_lower(t->arena, key), e);
    file_under(t, literal_of(e->pattern), e);
    return true;
}

static bool read_patterns(struct sign_table *t, struct arena *scratch, const char *option, const char **error)
{
    struct reader r;
    struct str entry, key, value;
    bool ok = open_table(&r, t, scratch, option);
    r.seen = map_new(scratch);
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
