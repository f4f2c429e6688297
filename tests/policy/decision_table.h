/*
 * decision_table.h - all that a profile decides, as a table: each row is a set of messages and the rule that takes them.
 *
 * Facts are told apart from left to right, and only as far as rules still ask for them; values that lead to the same rows stand
 * together, and "-" is any value. So each message is in one row, and the table stays as small as the profile is simple.
 */
#ifndef TESTS_DECISION_TABLE_H
#define TESTS_DECISION_TABLE_H

#include "tests/support/support.h"

#include "mailseal/buf.h"

#include "milter/policy/policy_int.h"

#define TABLE_DIMENSIONS_MAX 32
#define TABLE_ROWS_MAX       2000

struct table_row {
    uint64_t set[TABLE_DIMENSIONS_MAX];
    size_t rule; /* n_rules: outbound mail that no rule takes */
};

struct decision_table {
    const struct policy *policy;
    struct space *space;
    uint64_t *rules; /* their boxes */
    struct table_row *row;
    size_t n;
    uint64_t any[TABLE_DIMENSIONS_MAX]; /* the values there are */
};

static bool is_inside(size_t n, const uint64_t *a, const uint64_t *b)
{
    for (size_t i = 0; i < n; i++) {
        if ((a[i] & ~b[i]) != 0)
            return false;
    }
    return true;
}

static bool is_impossible(const struct space *s, const uint64_t *box)
{
    for (size_t i = 0; i < s->n; i++) {
        if (box[i] == 0)
            return true;
    }
    for (size_t i = 0; i < s->n_impossible; i++) {
        if (is_inside(s->n, box, s->impossible + i * s->n))
            return true;
    }
    return false;
}

/* Does the rule take anything of the box? */
static bool takes_of(const struct decision_table *t, size_t rule, const uint64_t *box)
{
    uint64_t common[TABLE_DIMENSIONS_MAX];

    for (size_t i = 0; i < t->space->n; i++)
        common[i] = box[i] & t->rules[rule * t->space->n + i];
    return !is_impossible(t->space, common);
}

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

/* Does the box take any value from dimension d on? */
static bool is_settled(const struct decision_table *t, const uint64_t *box, size_t d)
{
    while (d < t->space->n && (t->any[d] & ~box[d]) == 0)
        d++;
    return d == t->space->n;
}

/* Two values that no rule which may take the box, and nothing impossible, tells apart. */
static bool are_alike(const struct decision_table *t, const uint64_t *box, size_t d, size_t v, size_t w)
{
    const struct space *s = t->space;

    for (size_t i = 0; i < s->n_impossible; i++) {
        const uint64_t *not = s->impossible + i * s->n;

        if ((not [d] >> v & 1) != (not [d] >> w & 1) && is_settled(t, not, d + 1))
            return false;
    }
    for (size_t r = 0; r < t->policy->n_rules; r++) {
        const uint64_t *rule = t->rules + r * s->n;

        if (takes_of(t, r, box) && (rule[d] >> v & 1) != (rule[d] >> w & 1))
            return false;
        if (is_inside(s->n, box, rule))
            break;
    }
    return true;
}

static bool is_asked(const struct decision_table *t, const uint64_t *box, size_t d)
{
    for (size_t r = 0; r < t->policy->n_rules; r++) {
        const uint64_t *rule = t->rules + r * t->space->n;

        if (takes_of(t, r, box) && (box[d] & ~rule[d]) != 0)
            return true;
        if (is_inside(t->space->n, box, rule))
            break;
    }
    return false;
}

static bool same_rows(const struct decision_table *t, size_t a, size_t b, size_t n, size_t from)
{
    for (size_t i = 0; i < n; i++) {
        const struct table_row *x = &t->row[a + i], *y = &t->row[b + i];

        if (x->rule != y->rule || memcmp(x->set + from, y->set + from, (TABLE_DIMENSIONS_MAX - from) * sizeof(x->set[0])) != 0)
            return false;
    }
    return true;
}

/* Rows begin..end are of value set `set` of d: they join rows of other values that are the same but for d. */
static void join_rows(struct decision_table *t, size_t first, size_t begin, size_t d, uint64_t set)
{
    size_t n = t->n - begin;

    for (size_t i = first; i + n <= begin; i++) {
        bool starts = i == first || t->row[i].set[d] != t->row[i - 1].set[d];
        bool ends = i + n == begin || t->row[i + n].set[d] != t->row[i].set[d];

        if (!starts || !ends || t->row[i].set[d] != t->row[i + n - 1].set[d] || !same_rows(t, i, begin, n, d + 1))
            continue;
        for (size_t k = 0; k < n; k++)
            t->row[i + k].set[d] |= set;
        t->n = begin;
        return;
    }
}

static void expand(struct decision_table *t, size_t d, uint64_t *box)
{
    uint64_t all, done = 0;
    size_t rule = 0, first = t->n;

    if (is_impossible(t->space, box))
        return;
    while (rule < t->policy->n_rules && !takes_of(t, rule, box))
        rule++;
    if (rule == t->policy->n_rules || is_inside(t->space->n, box, t->rules + rule * t->space->n)) {
        assert_true(t->n < TABLE_ROWS_MAX);
        t->row[t->n].rule = rule;
        memcpy(t->row[t->n++].set, box, t->space->n * sizeof(*box));
        return;
    }
    while (!is_asked(t, box, d))
        d++;
    all = box[d];
    for (size_t v = 0; v < t->space->dim[d].n; v++) {
        uint64_t set = 0;
        size_t begin = t->n;

        if ((all & ~done & bit(v)) == 0)
            continue;
        for (size_t w = v; w < t->space->dim[d].n; w++) {
            box[d] = all;
            if ((all & ~done & bit(w)) != 0 && are_alike(t, box, d, v, w))
                set |= bit(w);
        }
        done |= set;
        box[d] = set;
        expand(t, d + 1, box);
        if (t->n > begin)
            join_rows(t, first, begin, d, set);
    }
    box[d] = all;
    /* of values that cannot be, nothing needs to be said */
    for (size_t i = first; i < t->n && t->row[i].set[d] == t->row[first].set[d]; i++) {
        if (i + 1 == t->n) {
            for (size_t k = first; k < t->n; k++)
                t->row[k].set[d] = all;
        }
    }
}

static void decision_table_of(struct arena *a, const struct policy *p, struct decision_table *t)
{
    struct space *s = space_of(a, p->rules, p->n_rules);
    uint64_t box[TABLE_DIMENSIONS_MAX] = { 0 };

    *t = (struct decision_table){ .policy = p,
                                  .space = s,
                                  .rules = ARENA_ARRAY(a, uint64_t, p->n_rules * s->n),
                                  .row = ARENA_ARRAY(a, struct table_row, TABLE_ROWS_MAX) };
    assert_true(s->n <= TABLE_DIMENSIONS_MAX);
    for (size_t i = 0; i < p->n_rules; i++)
        assert_true(space_box(s, p->rules[i].when, p->rules[i].n_when, t->rules + i * s->n));
    (void)space_box(s, NULL, 0, box);
    for (size_t d = 0; d < s->n; d++) {
        uint64_t all = box[d];

        for (size_t v = 0; v < s->dim[d].n; v++) {
            box[d] = bit(v);
            if (is_impossible(s, box))
                all &= ~bit(v);
        }
        box[d] = all;
    }
    memcpy(t->any, box, sizeof(box));
    expand(t, 0, box);
}

/* The name of a value: "<>" is none, "*" any other. */
static struct str value_name(struct arena *a, const struct dimension *d, size_t v)
{
    struct str name = d->value[v];

    if (d->fact->kind == FACT_WORD)
        return name;
    if (name.n == 0)
        return STR(POLICY_NOTHING);
    return name.p[0] == '|' ? str_printf(a, "*%.*s", STR_FMT(str_skip(name, 1))) : name;
}

static struct str list_values(struct arena *a, const struct dimension *d, uint64_t set)
{
    struct buf out;

    buf_init(&out, a, 4096);
    for (size_t v = 0; v < d->n; v++) {
        if ((set & bit(v)) != 0)
            buf_printf(&out, "%s%.*s", out.n > 0 ? "|" : "", STR_FMT(value_name(a, d, v)));
    }
    return buf_view(&out);
}

static struct str cell(struct arena *a, const struct decision_table *t, size_t row, size_t d)
{
    const struct dimension *dim = &t->space->dim[d];
    uint64_t set = t->row[row].set[d], rest = t->any[d] & ~set;
    struct str is = list_values(a, dim, set), is_not = list_values(a, dim, rest);

    if (rest == 0)
        return STR("-");
    return is.n <= is_not.n + 1 || dim->n == 2 ? is : str_printf(a, "!%.*s", STR_FMT(is_not));
}

static void add_row(const struct decision_table *t, size_t row, struct buf *out)
{
    const struct policy *p = t->policy;
    const struct rule *rule = &p->rules[t->row[row].rule];

    if (t->row[row].rule == p->n_rules) {
        buf_printf(out, "-> %-10s  %s\n", name_of(action_names, ACTION_ACCEPT), POLICY_EXEMPT);
        return;
    }
    buf_printf(out, "-> %-10s  %s", name_of(action_names, (int)rule->action), rule->name);
    if (rule->code != 0)
        buf_printf(out, "  %d %s", rule->code, rule->xcode);
    buf_char(out, '\n');
}

static struct str decision_table_text(struct arena *a, const struct decision_table *t, size_t max)
{
    struct buf out;
    int width[TABLE_DIMENSIONS_MAX] = { 0 };

    buf_init(&out, a, max);
    buf_printf(&out, "# What the profile \"%s\" decides. Each message is in one row; - is any value, ! all but those named.\n",
               policy_name(t->policy));
    for (size_t d = 0; d < t->space->n; d++) {
        for (size_t i = 0; i < t->n; i++) {
            if (t->row[i].set[d] != t->any[d]) {
                int n = (int)cell(a, t, i, d).n;

                width[d] = n > width[d] ? n : width[d];
            }
        }
        if (width[d] > 0) {
            const char *name = t->space->dim[d].fact->name;

            width[d] = (int)strlen(name) > width[d] ? (int)strlen(name) : width[d];
            buf_printf(&out, "%-*s  ", width[d], name);
        }
    }
    buf_printf(&out, "-> %-10s  rule, reply codes\n", "action");
    for (size_t i = 0; i < t->n; i++) {
        for (size_t d = 0; d < t->space->n; d++) {
            if (width[d] > 0)
                buf_printf(&out, "%-*.*s  ", width[d], STR_FMT(cell(a, t, i, d)));
        }
        add_row(t, i, &out);
    }
    assert_false(out.full);
    return buf_view(&out);
}

/* Sets a fact to a value of its dimension. */
static void set_value(struct policy_facts *facts, const struct dimension *d, size_t v)
{
    unsigned code = (unsigned)v;
    bool flag = v != 0;

    if (d->fact->kind != FACT_WORD)
        memcpy((char *)facts + d->fact->offset, &d->value[v], sizeof(d->value[v]));
    else
        memcpy((char *)facts + d->fact->offset, d->fact->size == sizeof(flag) ? (const void *)&flag : (const void *)&code,
               d->fact->size);
}

#endif
