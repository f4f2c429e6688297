/*
 * space.c - all messages a profile can tell apart: a dimension for each fact, and the sets of values that conditions ask for.
 *
 * The sets of one rule are a box in this space. Boxes that no message is in, by what the facts mean, are known too. Questions to
 * tables are dimensions of their own, as if each table could hold anything: so the space is never smaller than what there is.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/log.h"
#include "mailseal/str.h"
#include "mailseal/policy.h"

#include "policy_int.h"

#define CONDITIONS_MAX 3

/* True by the meaning of the facts (policy.h, dmarc.h, arc.h), also of a message that was not judged. */
static const char *const impossible[][CONDITIONS_MAX] = {
    { "direction=inbound", "authenticated=yes" },
    { "direction=inbound", "client=internal|local" },
    { "direction=outbound", "authenticated=no", "client=outside|relay" },
    { "policy!=none", "dmarc!=fail" },
    { "sealer=trusted", "arc!=pass" },
    { "dmarc=pass|fail|temperror", "from!=one" },
    { "dmarc=permerror", "from=one|none" },
    { "dmarc=pass", "aligned=no" },
    { "aligned=yes", "from!=one" },
    { "dkim-aligned=pass", "aligned=no" },
    { "dkim-aligned=pass", "dkim!=pass" },
    { "dkim-aligned!=none", "dkim=none" },
    { "dmarc=softfail|neutral|policy" },
    { "arc=softfail|neutral|policy|temperror|permerror" },
    { "spf=policy" },
    { "helo=policy" },
    { "dkim=softfail" },
    { "dkim-aligned=softfail" },
};

#define IMPOSSIBLE (sizeof(impossible) / sizeof(impossible[0]))

/* Stands for any other name: no pattern fits it, since none holds this character. */
#define ANY_OTHER "|"

static void add_value(struct dimension *d, struct str value)
{
    for (size_t i = 0; i < d->n; i++) {
        if (str_ieq(d->value[i], value))
            return;
    }
    if (d->n < SPACE_VALUES_MAX)
        d->value[d->n++] = value;
    else
        d->full = true;
}

static void add_names(struct arena *a, struct dimension *d, const struct condition *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->pattern[i].kind == PATTERN_EQUAL)
            add_value(d, c->pattern[i].text);
        else if (c->pattern[i].kind == PATTERN_BELOW)
            add_value(d, str_printf(a, ANY_OTHER ".%.*s", STR_FMT(c->pattern[i].text)));
    }
}

static bool same_question(const struct condition *a, const struct condition *b)
{
    bool same = a->fact == b->fact && a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++) {
        same = a->pattern[i].kind == b->pattern[i].kind && a->pattern[i].table == b->pattern[i].table &&
               str_ieq(a->pattern[i].text, b->pattern[i].text);
    }
    return same;
}

static struct dimension *find(const struct space *s, const struct condition *c)
{
    for (size_t i = 0; i < s->n; i++) {
        struct dimension *d = &s->dim[i];

        if (c->asks_table ? d->table != NULL && same_question(d->table, c) : d->table == NULL && d->fact == c->fact)
            return d;
    }
    return NULL;
}

static void add_fact(struct space *s, const struct fact *f)
{
    struct dimension *d = &s->dim[s->n++];

    d->fact = f;
    if (f->kind != FACT_WORD) {
        add_value(d, STR_NONE);
        add_value(d, STR(ANY_OTHER));
        return;
    }
    for (const struct name_code *v = f->values; v->name != NULL; v++) {
        if (v->code != (int)d->n)
            BUG("the values of '%s' are out of order", f->name);
        add_value(d, str_of(v->name));
    }
}

static void add_condition(struct arena *a, struct space *s, const struct condition *c, size_t max)
{
    struct dimension *d;

    if (c->fact->kind == FACT_WORD)
        return;
    if (!c->asks_table) {
        add_names(a, find(s, c), c);
    } else if (find(s, c) == NULL && s->n < max) {
        d = &s->dim[s->n++];
        d->fact = c->fact;
        d->table = c;
        add_value(d, STR("yes"));
        add_value(d, STR("no"));
        add_value(d, STR("no answer"));
    }
}

/* The set of values that fulfil a condition. */
static uint64_t values_of(const struct dimension *d, const struct condition *c)
{
    uint64_t values = 0, all = d->n == 64 ? UINT64_MAX : (UINT64_C(1) << d->n) - 1;

    if (c->fact->kind == FACT_WORD)
        return c->values & all;
    if (d->table != NULL)
        return UINT64_C(1) << c->negated;
    for (size_t v = 0; v < d->n; v++) {
        bool fits = false;

        for (size_t i = 0; i < c->n; i++)
            fits = fits || pattern_fits(&c->pattern[i], d->value[v]);
        if (fits != c->negated)
            values |= UINT64_C(1) << v;
    }
    return values;
}

bool space_box(const struct space *s, const struct condition *when, size_t n, uint64_t *box)
{
    bool exact = true;

    for (size_t i = 0; i < s->n; i++)
        box[i] = s->dim[i].n == 64 ? UINT64_MAX : (UINT64_C(1) << s->dim[i].n) - 1;
    for (size_t i = 0; i < n; i++) {
        const struct dimension *d = find(s, &when[i]);

        if (d == NULL || d->full)
            exact = false;
        else
            box[d - s->dim] &= values_of(d, &when[i]);
    }
    return exact;
}

static void add_impossible(struct arena *a, struct space *s)
{
    struct tables none = { .n = 0 };

    s->n_impossible = IMPOSSIBLE;
    s->impossible = ARENA_ARRAY(a, uint64_t, IMPOSSIBLE * s->n);
    s->why = ARENA_ARRAY(a, const char *, IMPOSSIBLE);
    for (size_t i = 0; i < IMPOSSIBLE; i++) {
        struct condition when[CONDITIONS_MAX];
        struct buf why;
        size_t n = 0;

        buf_init(&why, a, 256);
        for (; n < CONDITIONS_MAX && impossible[i][n] != NULL; n++) {
            if (condition_parse(a, &none, str_of(impossible[i][n]), &when[n]) != NULL)
                BUG("'%s' is no condition", impossible[i][n]);
            buf_printf(&why, "%s%s", n > 0 ? " and " : "", impossible[i][n]);
        }
        (void)space_box(s, when, n, s->impossible + i * s->n);
        s->why[i] = why.p;
    }
}

struct space *space_of(struct arena *a, const struct rule *rules, size_t n_rules)
{
    struct space *s = ARENA_NEW(a, struct space);
    size_t max = SPACE_TABLES_MAX;

    for (const struct fact *f = policy_fact_table; f->name != NULL; f++)
        max++;
    s->dim = ARENA_ARRAY(a, struct dimension, max);
    for (const struct fact *f = policy_fact_table; f->name != NULL; f++)
        add_fact(s, f);
    for (size_t i = 0; i < n_rules; i++) {
        for (size_t k = 0; k < rules[i].n_when; k++)
            add_condition(a, s, &rules[i].when[k], max);
    }
    add_impossible(a, s);
    return s;
}
