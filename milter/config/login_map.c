/*
 * login_map.c - which login may use which author address: the text of Postfix's smtpd_sender_login_maps.
 *
 *     ann@example.com     ann, boss
 *     @example.com        postmaster
 *
 * A file of such lines, or a socketmap server with such keys and values. As Postfix does, an address is looked for as it is, then
 * by its domain, and the first line found decides: who is not in it, or whose address is in no line, may not. Logins are compared
 * in any case. A line of a local part alone says nothing about a domain we could know and is not looked at.
 */
#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/map.h"

#include "config_int.h"

struct logins {
    struct str text; /* of one line */
    struct logins *more;
};

struct login_map {
    struct arena *arena;
    struct map *by_address; /* to struct logins */
    struct table *server;   /* or NULL: a file */
};

static struct str address_key(struct arena *a, struct str local, struct str domain)
{
    return str_lower(a, str_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain)));
}

static bool add_line(struct login_map *m, struct table_file *f, struct str entry, struct logins **last)
{
    struct str address = entry, value = entry, local, domain, normal;
    struct logins *l = ARENA_NEW(m->arena, struct logins);
    if (f->continues) {
        if (*last == NULL)
            return conf_text_fail(&f->text, f->line, "continues a line that is not there");
        *l = (struct logins){ entry, (*last)->more };
        (*last)->more = l;
        return true;
    }
    table_file_cut(entry, &address, &value);
    if (value.n == 0)
        return conf_text_fail(&f->text, f->line, "'%.*s' names no login", STR_FMT(address));
    *l = (struct logins){ value, NULL };
    *last = l;
    if (!str_rcut(address, '@', &local, &domain))
        return true;
    if (!domain_normalise(m->arena, domain, &normal))
        return conf_text_fail(&f->text, f->line, "'%.*s' is no address", STR_FMT(address));
    struct str key = address_key(m->arena, local, normal);
    if (map_get(m->by_address, key) == NULL)
        map_set(m->by_address, key, l);
    return true;
}

struct login_map *login_map_read(struct arena *a, struct arena *scratch, struct table_servers *servers, const char *spec,
                                 const char **error)
{
    struct login_map *m = ARENA_NEW(a, struct login_map);
    struct table_file f;
    struct str entry;
    struct logins *last = NULL;
    *m = (struct login_map){ .arena = a, .by_address = map_new(a) };
    if (table_spec_is_server(str_of(spec))) {
        m->server = table_read(a, servers, spec, TABLE_TEXT, error);
        return m->server != NULL ? m : NULL;
    }
    bool ok = table_file_open(&f, a, scratch, str_cstr(scratch, table_spec_path(str_of(spec))));
    while (ok && table_file_next(&f, &entry))
        ok = add_line(m, &f, entry, &last);
    *error = f.text.error;
    return ok ? m : NULL;
}

static bool has_login(const struct logins *l, struct str login)
{
    for (; l != NULL; l = l->more) {
        size_t from = 0;
        for (size_t i = 0; i <= l->text.n; i++) {
            if (i < l->text.n && l->text.p[i] != ',' && !char_is_space(l->text.p[i]))
                continue;
            if (i > from && str_ieq(str_first(str_skip(l->text, from), i - from), login))
                return true;
            from = i + 1;
        }
    }
    return false;
}

/* The logins of a key, NULL: it is not there. False: nobody knows. */
static bool find(const struct login_map *m, struct arena *a, struct str key, const struct logins **out)
{
    if (m->server == NULL) {
        *out = map_get(m->by_address, key);
        return true;
    }
    struct logins *l = ARENA_NEW(a, struct logins);
    enum table_answer answer = table_get(m->server, a, key, &l->text);
    *out = answer == TABLE_YES ? l : NULL;
    return answer != TABLE_UNKNOWN;
}

enum table_answer login_map_ask(const struct login_map *m, struct str login, struct str local, struct str domain)
{
    if (m == NULL)
        return TABLE_YES;
    struct arena *a = arena_new();
    const struct logins *l = NULL;
    bool known = find(m, a, address_key(a, local, domain), &l);
    if (known && l == NULL)
        known = find(m, a, address_key(a, STR_NONE, domain), &l);
    enum table_answer answer = login.n > 0 && has_login(l, login) ? TABLE_YES : TABLE_NO;
    arena_free(a);
    return known ? answer : TABLE_UNKNOWN;
}
