/*
 * condition.c - one condition of a rule, "fact=a|b" or "fact!=a|b": read, and asked.
 *
 * Of a text the alternatives are names, ".name" for all names below one, "<>" for none, and tables. A table that gives no answer
 * proves nothing: then neither the condition nor its contrary holds.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/str.h"
#include "mailseal/domain.h"
#include "mailseal/policy.h"
#include "mailseal/table.h"

#include "policy_int.h"

static const char *fault(struct arena *a, const char *format, struct str subject)
{
    return str_cstr(a, str_printf(a, "%s '%.*s'", format, STR_FMT(subject)));
}

static const char *parse_words(struct arena *a, struct str values, struct condition *out)
{
    bool more = true;

    while (more) {
        struct str value;
        int code;

        more = str_cut(values, '|', &value, &values);
        code = code_of(out->fact->values, str_trim(value));
        if (code < 0)
            return str_cstr(a, str_printf(a, "'%s' has no value '%.*s'", out->fact->name, STR_FMT(str_trim(value))));
        out->values |= UINT32_C(1) << (unsigned)code;
    }
    if (out->negated)
        out->values = ~out->values;
    return NULL;
}

static const char *find_table(struct arena *a, struct tables *tables, struct str value, const struct table **out)
{
    const char *error = NULL, *spec = table_spec_below(a, tables->dir, value);
    struct table *t;

    for (size_t i = 0; i < tables->n; i++) {
        if (strcmp(spec, table_spec(tables->v[i])) == 0) {
            *out = tables->v[i];
            return NULL;
        }
    }
    if (tables->n == POLICY_TABLES_MAX)
        return str_cstr(a, str_printf(a, "more than %d tables", POLICY_TABLES_MAX));
    if (tables->servers == NULL)
        tables->servers = table_servers_new(a);
    t = table_read(a, tables->servers, spec, TABLE_DOMAINS, &error);
    if (t == NULL)
        return error;
    *out = tables->v[tables->n++] = t;
    return NULL;
}

/* No domain name holds either character. */
static bool is_table(struct str value)
{
    return memchr(value.p, '/', value.n) != NULL || memchr(value.p, ':', value.n) != NULL;
}

static const char *parse_pattern(struct arena *a, struct tables *tables, const struct fact *fact, struct str value,
                                 struct pattern *out)
{
    bool below = fact->kind == FACT_DOMAIN && value.n > 0 && value.p[0] == '.';

    if (str_eq(value, STR(POLICY_NOTHING))) {
        out->kind = PATTERN_NOTHING;
        return NULL;
    }
    if (fact->kind == FACT_DOMAIN && is_table(value)) {
        out->kind = PATTERN_TABLE;
        return find_table(a, tables, value, &out->table);
    }
    out->kind = below ? PATTERN_BELOW : PATTERN_EQUAL;
    if (fact->kind == FACT_NAME) {
        out->text = str_dup(a, value);
        return value.n > 0 ? NULL : "a name is missing; " POLICY_NOTHING " stands for none";
    }
    if (!domain_normalise(a, str_skip(value, below), &out->text))
        return fault(a, "no domain name, no table and not " POLICY_NOTHING ":", value);
    return NULL;
}

static const char *parse_patterns(struct arena *a, struct tables *tables, struct str values, struct condition *out)
{
    bool more = true;
    size_t n = 1;

    for (size_t i = 0; i < values.n; i++)
        n += values.p[i] == '|';
    out->pattern = ARENA_ARRAY(a, struct pattern, n);
    while (more) {
        struct pattern *p = &out->pattern[out->n++];
        struct str value;
        const char *error;

        more = str_cut(values, '|', &value, &values);
        error = parse_pattern(a, tables, out->fact, str_trim(value), p);
        if (error != NULL)
            return error;
        out->asks_table = out->asks_table || p->kind == PATTERN_TABLE;
    }
    return NULL;
}

const char *condition_parse(struct arena *a, struct tables *tables, struct str text, struct condition *out)
{
    struct str name, values;

    *out = (struct condition){ .text = str_dup(a, text) };
    if (!str_cut(text, '=', &name, &values))
        return str_cstr(a, str_printf(a, "'%.*s' is no condition: fact=value or fact!=value", STR_FMT(text)));
    out->negated = name.n > 0 && name.p[name.n - 1] == '!';
    name = str_trim(str_first(name, name.n - out->negated));
    out->fact = policy_fact_find(name);
    if (out->fact == NULL)
        return fault(a, "there is no fact", name);
    return out->fact->kind == FACT_WORD ? parse_words(a, values, out) : parse_patterns(a, tables, values, out);
}

bool pattern_fits(const struct pattern *p, struct str value)
{
    switch (p->kind) {
    case PATTERN_NOTHING:
        return value.n == 0;
    case PATTERN_EQUAL:
        return str_ieq(value, p->text);
    case PATTERN_BELOW:
        return value.n > p->text.n && domain_is_under(value, p->text);
    case PATTERN_TABLE:
        break;
    }
    return false;
}

bool condition_holds(const struct condition *c, const struct policy_facts *facts, const char **unknown)
{
    const char *silent = NULL;
    struct str value;

    if (c->fact->kind == FACT_WORD)
        return c->values >> policy_fact_code(c->fact, facts) & 1;
    value = policy_fact_text(c->fact, facts);
    for (size_t i = 0; i < c->n; i++) {
        const struct pattern *p = &c->pattern[i];
        enum table_answer answer = p->kind == PATTERN_TABLE ? table_has_domain(p->table, value)
                                   : pattern_fits(p, value) ? TABLE_YES
                                                            : TABLE_NO;

        if (answer == TABLE_YES)
            return !c->negated;
        if (answer == TABLE_UNKNOWN && silent == NULL)
            silent = table_spec(p->table);
    }
    if (silent != NULL && *unknown == NULL)
        *unknown = silent;
    return silent == NULL && c->negated;
}
