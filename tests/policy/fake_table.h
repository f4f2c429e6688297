/*
 * fake_table.h - tables without files and servers: every table has "listed.example", and gives no answer about "silent.example".
 *
 * Included by one file of a test program, it takes the place of the room table there.
 */
#ifndef TESTS_FAKE_TABLE_H
#define TESTS_FAKE_TABLE_H

#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/table.h"

struct table {
    const char *spec;
};

static unsigned fake_tables_read, fake_tables_asked;

struct table_servers {
    int none;
};

struct table_servers *table_servers_new(struct arena *a)
{
    return ARENA_NEW(a, struct table_servers);
}

struct table *table_read(struct arena *a, struct table_servers *servers, const char *spec, enum table_kind kind, const char **error)
{
    struct table *t = ARENA_NEW(a, struct table);

    if (servers == NULL || kind != TABLE_DOMAINS)
        abort();
    fake_tables_read++;
    if (strstr(spec, "missing") != NULL) {
        *error = "/lists/missing: No such file or directory";
        return NULL;
    }
    t->spec = str_cstr(a, str_of(spec));
    return t;
}

const char *table_spec_below(struct arena *a, const char *dir, struct str spec)
{
    (void)dir;
    return str_cstr(a, spec);
}

const char *table_spec(const struct table *t)
{
    return t->spec;
}

enum table_answer table_has_domain(const struct table *t, struct str domain)
{
    (void)t;
    fake_tables_asked++;
    return str_eq(domain, STR("listed.example")) ? TABLE_YES : str_eq(domain, STR("silent.example")) ? TABLE_UNKNOWN : TABLE_NO;
}

#endif
