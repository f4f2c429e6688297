/*
 * policy_reach.c - rules that can never match: a mistake that nobody would see otherwise, since the profile does something else.
 *
 * A rule is a box in the space of all messages (space.c). It is dead when the box is empty, or when what no message can be and what
 * earlier rules take covers all of it. A box minus a box is a few smaller boxes; the number of such steps is bounded, and beyond it
 * nothing is claimed. What may let a message through takes nothing: a rule that expires, and one that tempfails, since deferral has
 * its limits.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"
#include "mailseal/policy.h"

#include "policy_int.h"

#define STEPS_MAX 20000 /* boxes compared for one question */
#define NAMED_MAX 3     /* rules that one error names */

/* What may cover a box: first what is impossible, then the rules in their order. */
struct cover {
    const struct space *space;
    uint64_t *boxes; /* n of them, one after the other */
    bool *used;
    size_t n;
    uint64_t *work; /* a box for each level of the search */
    size_t steps;
};

static const uint64_t *cover_box(const struct cover *c, size_t i)
{
    return c->boxes + i * c->space->n;
}

static bool meets(const struct cover *c, const uint64_t *a, const uint64_t *b)
{
    for (size_t i = 0; i < c->space->n; i++) {
        if ((a[i] & b[i]) == 0)
            return false;
    }
    return true;
}

/* Is all of the box at this level covered by the boxes from `i` on? What lies outside of the first that meets it is cut off,
 * dimension by dimension, and must be covered by later ones. The box is used up. */
static bool is_covered(struct cover *c, size_t level, size_t i)
{
    size_t n = c->space->n;
    uint64_t *box = c->work + level * n, *part = box + n;
    const uint64_t *by;

    while (i < c->n && !(c->used[i] && meets(c, box, cover_box(c, i)))) {
        if (c->steps-- == 0)
            return false;
        i++;
    }
    if (i == c->n || c->steps == 0)
        return false;
    by = cover_box(c, i);
    for (size_t d = 0; d < n; d++) {
        if ((box[d] & ~by[d]) == 0)
            continue;
        memcpy(part, box, n * sizeof(*box));
        part[d] &= ~by[d];
        if (!is_covered(c, level + 1, i + 1))
            return false;
        box[d] &= by[d];
    }
    return true;
}

static bool covers(struct cover *c, const uint64_t *box)
{
    memcpy(c->work, box, c->space->n * sizeof(*box));
    c->steps = STEPS_MAX;
    return is_covered(c, 0, 0);
}

/* Leaves only those that are needed, so that the error names no others. */
static void drop_needless(struct cover *c, const uint64_t *box)
{
    for (size_t i = c->n; i-- > 0;) {
        bool used = c->used[i];

        c->used[i] = false;
        c->used[i] = used && !covers(c, box);
    }
}

static const char *name_impossible(struct arena *a, const struct cover *c)
{
    struct buf out;

    buf_init(&out, a, LIMIT_LOG_LINE);
    buf_puts(&out, "there is no message with ");
    for (size_t i = 0, n = 0; i < c->n; i++) {
        if (c->used[i])
            buf_printf(&out, "%s%s", n++ > 0 ? ", nor one with " : "", c->space->why[i]);
    }
    return out.p;
}

static const char *name_rules(struct arena *a, const struct cover *c, const struct rule *rules)
{
    size_t first = c->space->n_impossible, n = 0, named = 0;
    struct buf out;

    for (size_t i = first; i < c->n; i++)
        n += c->used[i];
    buf_init(&out, a, LIMIT_LOG_LINE);
    buf_puts(&out, n == 1 ? "rule " : "rules ");
    for (size_t i = first; i < c->n && named < NAMED_MAX; i++) {
        if (c->used[i]) {
            buf_printf(&out, "%s'%s'", named == 0 ? "" : named + 1 == n ? " and " : ", ", rules[i - first].name);
            named++;
        }
    }
    if (named < n)
        buf_printf(&out, " and %zu more", n - named);
    buf_puts(&out, n == 1 ? " before it takes all that it could" : " before it take all that it could");
    return out.p;
}

/* NULL, or why the rule can never match. The rules before it have been added to the cover. */
static const char *why_dead(struct arena *a, struct cover *c, const struct rule *rules, const struct rule *rule)
{
    uint64_t *box = ARENA_ARRAY(a, uint64_t, c->space->n);
    size_t n = c->n;

    (void)space_box(c->space, rule->when, rule->n_when, box);
    for (size_t d = 0; d < c->space->n; d++) {
        if (box[d] == 0)
            return str_cstr(a, str_printf(a, "its conditions leave no value of '%s'", c->space->dim[d].fact->name));
    }
    c->n = c->space->n_impossible;
    if (covers(c, box)) {
        drop_needless(c, box);
        return name_impossible(a, c);
    }
    c->n = n;
    if (!covers(c, box))
        return NULL;
    drop_needless(c, box);
    return name_rules(a, c, rules);
}

/* The last rule is there for what nobody thought of: it may be left without work, but not by another that has no conditions. */
static bool takes(const struct rule *rule, bool before_last)
{
    return rule->expires == 0 && rule->action != ACTION_TEMPFAIL && (!before_last || rule->all);
}

const struct rule *policy_dead_rule(struct arena *a, const struct rule *rules, size_t n, const char **why)
{
    struct space *s = space_of(a, rules, n);
    size_t max = s->n_impossible + n;
    struct cover c = { .space = s,
                       .boxes = ARENA_ARRAY(a, uint64_t, max * s->n),
                       .used = ARENA_ARRAY(a, bool, max),
                       .n = s->n_impossible,
                       .work = ARENA_ARRAY(a, uint64_t, (max + 1) * s->n) };

    memcpy(c.boxes, s->impossible, s->n_impossible * s->n * sizeof(*c.boxes));
    memset(c.used, true, s->n_impossible);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; i + 1 == n && k < i; k++)
            c.used[s->n_impossible + k] = c.used[s->n_impossible + k] && takes(&rules[k], true);
        *why = why_dead(a, &c, rules, &rules[i]);
        if (*why != NULL)
            return &rules[i];
        c.used[c.n] = space_box(s, rules[i].when, rules[i].n_when, c.boxes + c.n * s->n) && takes(&rules[i], false);
        c.n++;
    }
    return NULL;
}
