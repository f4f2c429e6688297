/*
 * replay.c - decides the messages of a journal once more, with another policy.
 *
 * What is compared is what both policies say about the same facts. Options of the site stand behind either and are left out of it;
 * rules that expire are taken at the time of the message.
 */
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/map.h"

#include "replay.h"

void replay_init(struct replay *r, struct arena *a, const struct policy *policy, size_t max_examples)
{
    *r = (struct replay){ .arena = a, .policy = policy, .max_examples = max_examples, .groups = map_new(a) };
}

/* The word that has the domains of several recipients; empty: there is none. */
static struct str recipients_of(struct str facts)
{
    struct str word, value;
    for (bool more = true; more;) {
        more = str_cut(facts, ' ', &word, &facts);
        if (str_cut(word, '=', &word, &value) && str_eq(word, STR("recipients")))
            return value;
    }
    return STR_NONE;
}

/* As the engine does: the mildest of what the policy wants for each of them. */
static void decide(const struct policy *p, struct policy_facts *f, struct str recipients, struct arena *a,
                   struct policy_decision *out)
{
    struct policy_decision d;
    bool first = true;
    while (policy_asks_recipient(p) && recipients.n > 0) {
        str_cut(recipients, ',', &f->recipient_domain, &recipients);
        policy_decide(p, f, a, &d);
        if (first || d.action < out->action)
            *out = d;
        first = false;
    }
    if (first)
        policy_decide(p, f, a, out);
}

static struct replay_group *new_group(struct replay *r, struct str key, const struct replay_group *like)
{
    struct replay_group *g = ARENA_NEW(r->arena, struct replay_group);
    *g = *like;
    g->domain = str_dup(r->arena, like->domain);
    g->was_rule = str_dup(r->arena, like->was_rule);
    g->examples = ARENA_ARRAY(r->arena, struct replay_example, r->max_examples);
    map_set(r->groups, str_dup(r->arena, key), g);
    return g;
}

static struct replay_group *group_of(struct replay *r, struct arena *a, const struct replay_group *like)
{
    struct replay_group folded = *like;
    struct str key = str_printf(a, "%d %d %.*s %.*s %s", (int)like->was, (int)like->is, STR_FMT(like->domain),
                                STR_FMT(like->was_rule), like->rule);
    struct replay_group *g = map_get(r->groups, key);
    if (g != NULL)
        return g;
    if (map_count(r->groups) < REPLAY_GROUPS_MAX || like->domain.n == 0)
        return new_group(r, key, like);
    folded.domain = STR_NONE;
    return group_of(r, a, &folded);
}

/* The newest ones stay. */
static void keep_example(struct replay *r, struct replay_group *g, const struct journal_entry *e)
{
    if (r->max_examples == 0)
        return;
    struct replay_example *x = &g->examples[g->count % r->max_examples];
    size_t n = e->queue_id.n < sizeof(x->queue_id) ? e->queue_id.n : sizeof(x->queue_id) - 1;
    x->time = e->time;
    memcpy(x->queue_id, e->queue_id.p, n);
    x->queue_id[n] = '\0';
}

static void compare(struct replay *r, struct arena *a, const struct journal_entry *e)
{
    struct policy_facts facts = { .now = e->time };
    struct policy_decision d;
    int was = code_of(action_names, e->action);
    if (was < 0 || !policy_facts_read(a, e->facts, &facts)) {
        r->unreadable++;
        return;
    }
    r->first = r->messages == 0 ? e->time : r->first;
    r->last = e->time;
    r->messages++;
    decide(r->policy, &facts, recipients_of(e->facts), a, &d);
    if ((int)d.action == was)
        return;
    r->different++;
    const struct replay_group like = { .was = (enum action)was,
                                       .is = d.action,
                                       .domain = str_first(e->domain, LIMIT_DOMAIN),
                                       .was_rule = e->rule,
                                       .rule = d.rule,
                                       .reason = d.reason != NULL ? d.reason : "" };
    struct replay_group *g = group_of(r, a, &like);
    keep_example(r, g, e);
    g->count++;
}

bool replay_entry(void *ctx, const struct journal_entry *e)
{
    struct arena *a = arena_new();
    compare(ctx, a, e);
    arena_free(a);
    return true;
}

static int by_change(const void *a, const void *b)
{
    const struct replay_group *const *x = a, *const *y = b;
    if ((*x)->was != (*y)->was)
        return (*x)->was < (*y)->was ? -1 : 1;
    if ((*x)->is != (*y)->is)
        return (*x)->is > (*y)->is ? -1 : 1; /* the gravest first */
    if ((*x)->count != (*y)->count)
        return (*x)->count > (*y)->count ? -1 : 1;
    int order = str_cmp((*x)->domain, (*y)->domain);
    return order != 0 ? order : strcmp((*x)->rule, (*y)->rule);
}

struct listing {
    struct replay_group **v;
    size_t n;
};

static void list(void *ctx, struct str key, void *value)
{
    struct listing *l = ctx;
    (void)key;
    l->v[l->n++] = value;
}

struct replay_group **replay_groups(const struct replay *r, size_t *n)
{
    struct listing l = { ARENA_ARRAY(r->arena, struct replay_group *, map_count(r->groups)), 0 };
    map_each(r->groups, list, &l);
    qsort(l.v, l.n, sizeof(*l.v), by_change);
    *n = l.n;
    return l.v;
}
