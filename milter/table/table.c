/*
 * table.c - a table behind its door: what a spec may look like, and who answers.
 *
 * What a file holds is table_entries.c.
 */
#include <limits.h>
#include <string.h>

#include "mailseal/buf.h"

#include "table_int.h"

struct table {
    const char *spec;
    struct table_entries *file;
};

/* ---- specs ---- */

/* The path of "file:PATH" or "PATH". A path with a colon in it needs the prefix or a slash at its start. */
static bool path_of(struct str spec, struct str *path)
{
    struct str kind;
    *path = spec;
    if (!str_istarts(spec, STR("/")) && str_cut(spec, ':', &kind, path))
        return str_eq(kind, STR("file"));
    *path = spec;
    return true;
}

const char *table_spec_fault(struct str spec)
{
    struct str path;
    if (!path_of(spec, &path) || path.n == 0)
        return "is no table (PATH or file:PATH)";
    if (path.n >= PATH_MAX || memchr(path.p, '\0', path.n) != NULL)
        return "is too long for a path";
    return NULL;
}

const char *table_spec_below(struct arena *a, const char *dir, struct str spec)
{
    struct str path;
    struct buf out;
    if (!path_of(spec, &path) || path.n == 0 || path.p[0] == '/')
        return str_cstr(a, spec);
    buf_init(&out, a, strlen(dir) + 1 + spec.n);
    buf_str(&out, str_first(spec, spec.n - path.n));
    while (str_istarts(path, STR("./")))
        path = str_skip(path, 2);
    buf_printf(&out, "%s/", dir);
    buf_str(&out, path);
    return out.p;
}

/* ---- the table ---- */

struct table *table_read(struct arena *a, const char *spec, enum table_kind kind, const char **error)
{
    struct table *t = ARENA_NEW(a, struct table);
    struct str path;
    const char *fault = table_spec_fault(str_of(spec));
    if (fault != NULL) {
        *error = str_cstr(a, str_printf(a, "'%s' %s", spec, fault));
        return NULL;
    }
    (void)path_of(str_of(spec), &path);
    t->spec = str_cstr(a, str_of(spec));
    t->file = table_entries_read(a, str_cstr(a, path), kind, error);
    return t->file != NULL ? t : NULL;
}

const char *table_spec(const struct table *t)
{
    return t->spec;
}

size_t table_count(const struct table *t)
{
    return table_entries_count(t->file);
}

bool table_has_names(const struct table *t)
{
    return table_entries_has_names(t->file);
}

/* ---- looking up ---- */

enum table_answer table_has_domain(const struct table *t, struct str domain)
{
    return table_entries_has_domain(t->file, domain) ? TABLE_YES : TABLE_NO;
}

enum table_answer table_has_ip(const struct table *t, struct ip ip)
{
    return table_entries_has_ip(t->file, ip) ? TABLE_YES : TABLE_NO;
}

enum table_answer table_get(const struct table *t, struct arena *a, struct str key, struct str *value)
{
    return table_entries_get(t->file, a, key, value) ? TABLE_YES : TABLE_NO;
}
