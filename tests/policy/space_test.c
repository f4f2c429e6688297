/* space_test.c - the values a profile tells apart, and the boxes of its rules. */
#include "tests/policy/fake_table.h"
#include "tests/policy/profile.h"

#include "mailseal/buf.h"

#include "milter/policy/policy_int.h"

static const struct dimension *dimension_of(const struct space *s, const char *fact, bool table)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->dim[i].fact->name, fact) == 0 && (s->dim[i].table != NULL) == table)
            return &s->dim[i];
    }
    return NULL;
}

static struct str values_of(struct arena *a, const struct dimension *d)
{
    struct buf out;

    buf_init(&out, a, 4096);
    for (size_t i = 0; i < d->n; i++)
        buf_printf(&out, "%s%.*s", i > 0 ? " " : "", STR_FMT(d->value[i]));
    return buf_view(&out);
}

static void names_and_tables_are_told_apart(void **state)
{
    struct arena *a = arena_new();
    const struct policy *p =
        profile_of(a, "rule a { when = {\"from-domain!=A.example|.b.example\", \"daemon=x\"} action = accept }\n"
                      "rule b { when = {\"from-domain=a.example|x.b.example\"} action = accept }\n"
                      "rule c { when = {\"sender-domain=/t|c.example\"} action = accept }\n"
                      "rule d { when = {\"sender-domain!=/t|c.example\"} action = accept }\n"
                      "rule all { action = accept }\n");
    const struct space *s = space_of(a, p->rules, p->n_rules);
    uint64_t box[64] = { 0 };
    size_t from = (size_t)(dimension_of(s, "from-domain", false) - s->dim),
           table = (size_t)(dimension_of(s, "sender-domain", true) - s->dim);

    (void)state;
    ROW_STR("from", values_of(a, &s->dim[from]), STR(" | a.example |.b.example x.b.example"));
    ROW_STR("sender", values_of(a, dimension_of(s, "sender-domain", false)), STR(" |"));
    ROW_STR("table", values_of(a, &s->dim[table]), STR("yes no no answer"));
    ROW_INT("one table", s->n, table + 1);
    assert_true(space_box(s, p->rules[0].when, p->rules[0].n_when, box));
    assert_int_equal(box[from], 3);
    assert_true(space_box(s, p->rules[1].when, p->rules[1].n_when, box));
    assert_int_equal(box[from], 4 | 16);
    assert_true(space_box(s, p->rules[3].when, p->rules[3].n_when, box));
    assert_int_equal(box[table], 2);
    assert_int_equal(box[from], 31);
    arena_free(a);
}

static void too_many_names_are_not_told_apart(void **state)
{
    struct arena *a = arena_new();
    struct buf text;
    const struct policy *p;
    const struct space *s;
    uint64_t box[64];

    (void)state;
    buf_init(&text, a, 8192);
    buf_puts(&text, "rule a { when = {\"daemon=x");
    for (int i = 0; i < SPACE_VALUES_MAX; i++)
        buf_printf(&text, "|d%d", i);
    buf_puts(&text, "\"} action = accept }\nrule all { action = accept }\n");
    p = profile_of(a, text.p);
    s = space_of(a, p->rules, p->n_rules);
    assert_false(space_box(s, p->rules[0].when, p->rules[0].n_when, box));
    assert_true(space_box(s, p->rules[1].when, p->rules[1].n_when, box));
    arena_free(a);
}

/* Each of them excludes something, and there are messages left. */
static void what_is_impossible(void **state)
{
    struct arena *a = arena_new();
    const struct space *s = space_of(a, NULL, 0);

    (void)state;
    for (size_t i = 0; i < s->n_impossible; i++) {
        size_t narrowed = 0;

        for (size_t d = 0; d < s->n; d++) {
            uint64_t set = s->impossible[i * s->n + d];

            assert_true(set != 0);
            narrowed += set != (UINT64_C(1) << s->dim[d].n) - 1;
        }
        assert_in_range(narrowed, 1, 3);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_tables_are_told_apart),
        cmocka_unit_test(too_many_names_are_not_told_apart),
        cmocka_unit_test(what_is_impossible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
