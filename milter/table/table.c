/*
 * table.c - a table behind its door: what a spec may look like, and who answers.
 *
 * What a file holds is table_entries.c, servers are socketmap.c.
 */
#include <limits.h>
#include <string.h>

#include "mailseal/buf.h"

#include "table_int.h"

struct table {
    const char *spec;
    struct table_entries *file; /* NULL: a server */
    struct socketmap *server;
    bool clients;
};

/* ---- specs ---- */

/* What follows "socketmap:". */
static bool server_of(struct str spec, struct str *address)
{
    struct str kind;
    return str_cut(spec, ':', &kind, address) && str_eq(kind, STR("socketmap"));
}

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
    struct str path, address;
    struct socketmap_address parsed;
    if (server_of(spec, &address))
        return socketmap_address_parse(address, &parsed)
                   ? NULL
                   : "is no socketmap server (socketmap:unix:/PATH:NAME or socketmap:inet:ADDRESS:PORT:NAME)";
    if (!path_of(spec, &path) || path.n == 0)
        return "is no table (PATH, file:PATH or socketmap:...)";
    if (path.n >= PATH_MAX || memchr(path.p, '\0', path.n) != NULL)
        return "is too long for a path";
    return NULL;
}

bool table_spec_is_server(struct str spec)
{
    struct str address;
    return server_of(spec, &address);
}

struct str table_spec_path(struct str spec)
{
    struct str path;
    return path_of(spec, &path) ? path : STR_NONE;
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

struct table *table_read(struct arena *a, struct table_servers *servers, const char *spec, enum table_kind kind, const char **error)
{
    struct table *t = ARENA_NEW(a, struct table);
    struct str path;
    const char *fault = table_spec_fault(str_of(spec));
    if (fault != NULL) {
        *error = str_cstr(a, str_printf(a, "'%s' %s", spec, fault));
        return NULL;
    }
    *error = NULL;
    t->spec = str_cstr(a, str_of(spec));
    t->clients = kind == TABLE_CLIENTS;
    if (server_of(str_of(t->spec), &path))
        t->server = socketmap_new(a, servers != NULL ? servers : table_servers_new(a), path.p, &socketmap_limits);
    else if (path_of(str_of(t->spec), &path))
        t->file = table_entries_read(a, path.p, kind, error);
    return *error == NULL ? t : NULL;
}

const char *table_spec(const struct table *t)
{
    return t->spec;
}

size_t table_count(const struct table *t)
{
    return t->file != NULL ? table_entries_count(t->file) : 0;
}

bool table_has_names(const struct table *t)
{
    return t->file != NULL ? table_entries_has_names(t->file) : t->clients;
}

/* ---- looking up ---- */

static enum table_answer yes_or_no(bool yes)
{
    return yes ? TABLE_YES : TABLE_NO;
}

enum table_answer table_has_domain(const struct table *t, struct str domain)
{
    if (domain.n == 0)
        return TABLE_NO;
    return t->file != NULL ? yes_or_no(table_entries_has_domain(t->file, domain)) : socketmap_has_domain(t->server, domain);
}

enum table_answer table_has_ip(const struct table *t, struct ip ip)
{
    if (ip.family == 0)
        return TABLE_NO;
    if (t->file != NULL)
        return yes_or_no(table_entries_has_ip(t->file, ip));
    struct arena *a = arena_new();
    struct str value;
    enum table_answer answer = socketmap_get(t->server, a, ip_text(a, ip), &value);
    arena_free(a);
    return answer;
}

enum table_answer table_get(const struct table *t, struct arena *a, struct str key, struct str *value)
{
    if (t->file != NULL)
        return yes_or_no(table_entries_get(t->file, a, key, value));
    return socketmap_get(t->server, a, str_lower(a, key), value);
}
