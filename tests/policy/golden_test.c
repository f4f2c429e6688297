/*
 * golden_test.c - what each shipped profile decides, for every combination its rules can tell apart.
 *
 * tests/policy/golden/NAME.txt has one line per combination, so that a changed rule shows as a diff. UPDATE_GOLDEN=1 writes the
 * files anew instead of comparing them.
 */
#include "tests/support/support.h"

#include "mailseal/buf.h"
#include "mailseal/policy.h"

#include "milter/policy/policy_int.h"

#define CLASSES_MAX 32
#define LABEL_MAX   3 /* values a class may have before it is called "other" */
#define GOLDEN_MAX  (1024 * 1024)

/* A fact the rules of a profile mention, its values put together where no condition tells them apart. */
struct column {
    const struct fact *fact;
    int code[CLASSES_MAX]; /* one value of each class */
    struct str label[CLASSES_MAX];
    size_t n;
    size_t at; /* the class of the current line */
    int width;
};

static bool told_apart(const struct policy *p, const struct fact *f, unsigned a, unsigned b)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        for (size_t j = 0; j < p->rules[i].n_when; j++) {
            const struct condition *c = &p->rules[i].when[j];

            if (c->fact == f && ((c->values >> a) & 1) != ((c->values >> b) & 1))
                return true;
        }
    }
    return false;
}

static bool mentioned(const struct policy *p, const struct fact *f)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        for (size_t j = 0; j < p->rules[i].n_when; j++) {
            if (p->rules[i].when[j].fact == f)
                return true;
        }
    }
    return false;
}

/* Puts the values of a fact into classes. A big one is called "other"; the head of the file says what it holds. */
static void classify(struct arena *a, const struct policy *p, const struct fact *f, struct column *out, struct buf *head)
{
    size_t size[CLASSES_MAX] = { 0 };

    *out = (struct column){ .fact = f, .width = (int)strlen(f->name) };
    for (const struct name_code *v = f->values; v->name != NULL; v++) {
        size_t i = 0;

        while (i < out->n && told_apart(p, f, (unsigned)out->code[i], (unsigned)v->code))
            i++;
        if (i == out->n) {
            out->code[out->n++] = v->code;
            out->label[i] = str_of(v->name);
        } else {
            out->label[i] = str_printf(a, "%.*s|%s", STR_FMT(out->label[i]), v->name);
        }
        size[i]++;
    }
    for (size_t i = 0; i < out->n; i++) {
        if (size[i] > LABEL_MAX) {
            buf_printf(head, "# %s: other is %.*s\n", f->name, STR_FMT(out->label[i]));
            out->label[i] = STR("other");
        }
        out->width = (int)out->label[i].n > out->width ? (int)out->label[i].n : out->width;
    }
}

/* Sets the member of a fact. */
static void set_fact(struct policy_facts *facts, const struct fact *f, int code)
{
    bool flag = code != 0;

    memcpy((char *)facts + f->offset, f->size == sizeof(flag) ? (const void *)&flag : (const void *)&code, f->size);
    assert_int_equal(policy_fact_code(f, facts), code);
}

static void add_line(struct arena *a, const struct policy *p, const struct column *columns, size_t n, struct buf *out)
{
    struct policy_facts facts = { .from_domain = STR("author.example"), .spf_domain = STR("sender.example") };
    struct policy_decision d;

    for (size_t i = 0; i < n; i++) {
        set_fact(&facts, columns[i].fact, columns[i].code[columns[i].at]);
        buf_printf(out, "%-*.*s  ", columns[i].width, STR_FMT(columns[i].label[columns[i].at]));
    }
    policy_decide(p, &facts, a, &d);
    buf_printf(out, "-> %-10s  %s", name_of(action_names, (int)d.action), d.rule);
    if (d.code != 0)
        buf_printf(out, "  %d %s %.*s", d.code, d.xcode, STR_FMT(d.text));
    buf_char(out, '\n');
}

/* Counts the columns up, the last one fastest; false after the last combination. */
static bool next_combination(struct column *columns, size_t n)
{
    while (n-- > 0) {
        if (++columns[n].at < columns[n].n)
            return true;
        columns[n].at = 0;
    }
    return false;
}

static struct str golden(struct arena *a, const struct policy *p)
{
    struct column columns[16];
    struct buf out;
    size_t n = 0;

    buf_init(&out, a, GOLDEN_MAX);
    buf_printf(&out, "# What the profile \"%s\" decides: every combination its rules can tell apart.\n", policy_name(p));
    for (const struct fact *f = policy_fact_table; f->name != NULL; f++) {
        if (f->kind == FACT_WORD && f->offset != offsetof(struct policy_facts, direction) && mentioned(p, f))
            classify(a, p, f, &columns[n++], &out);
    }
    for (size_t i = 0; i < n; i++)
        buf_printf(&out, "%-*s  ", columns[i].width, columns[i].fact->name);
    buf_printf(&out, "-> %-10s  rule, reply\n", "action");
    do
        add_line(a, p, columns, n, &out);
    while (next_combination(columns, n));
    assert_false(out.full);
    return buf_view(&out);
}

static void write_golden(const char *path, struct str text)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

static struct str read_golden(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = arena_alloc(a, GOLDEN_MAX);
    struct str s;

    if (f == NULL)
        fail_msg("%s is missing", path);
    s = (struct str){ text, fread(text, 1, GOLDEN_MAX, f) };
    fclose(f);
    return s;
}

/* Fails with the first line that differs. */
static void compare(const char *name, struct str got, struct str want)
{
    for (int line = 1; got.n > 0 || want.n > 0; line++) {
        struct str g, w;

        str_cut(got, '\n', &g, &got);
        str_cut(want, '\n', &w, &want);
        if (!str_eq(g, w))
            fail_msg("%s.txt, line %d:\n  want %.*s\n  got  %.*s", name, line, STR_FMT(w), STR_FMT(g));
    }
}

static const char *const profiles[] = { "monitor", "cautious", "standard", "strict" };

static struct policy *shipped(struct arena *a, const char *name)
{
    const char *error = NULL;
    struct policy *p = policy_read(a, test_path(a, str_cstr(a, str_printf(a, "policies/%s.policy", name))), &error);

    if (p == NULL)
        fail_msg("%s", error);
    return p;
}

static void shipped_profiles_decide_as_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(profiles); i++) {
        struct arena *a = arena_new();
        struct str got = golden(a, shipped(a, profiles[i]));
        const char *path = test_path(a, str_cstr(a, str_printf(a, "tests/policy/golden/%s.txt", profiles[i])));

        if (getenv("UPDATE_GOLDEN") != NULL)
            write_golden(path, got);
        compare(profiles[i], got, read_golden(a, path));
        arena_free(a);
    }
}

/* A rule that no combination reaches would be a mistake in a profile. */
static void every_rule_of_a_shipped_profile_is_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(profiles); i++) {
        struct arena *a = arena_new();
        struct policy *p = shipped(a, profiles[i]);
        const char *text = str_cstr(a, golden(a, p));

        for (size_t r = 0; r < p->n_rules; r++) {
            const char *mark =
                str_cstr(a, str_printf(a, "-> %-10s  %s", name_of(action_names, (int)p->rules[r].action), p->rules[r].name));

            if (strstr(text, mark) == NULL)
                fail_msg("%s: rule '%s' is never reached", profiles[i], p->rules[r].name);
        }
        arena_free(a);
    }
}

/* RFC 9989 7.2, SC-5, D-128: a refusal on account of DMARC names DMARC and the domain. RFC 7372 4, SC-1: 5.7.26 names the other
 * checks. */
static void refusals_say_what_failed(void **state)
{
    struct policy_facts facts = { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT, .from_domain = STR("author.example") };

    (void)state;
    for (size_t i = 2; i < ROWS(profiles); i++) {
        struct arena *a = arena_new();
        struct policy *p = shipped(a, profiles[i]);
        struct policy_decision d;

        for (int both = 0; both < 2; both++) {
            facts.spf = facts.dkim = both ? AUTH_FAIL : AUTH_NONE;
            policy_decide(p, &facts, a, &d);
            ROW_INT(profiles[i], d.code, 550);
            ROW_STR(profiles[i], str_of(d.xcode), both ? STR("5.7.26") : STR("5.7.1"));
            assert_non_null(strstr(str_cstr(a, d.text), "DMARC"));
            assert_non_null(strstr(str_cstr(a, d.text), "author.example"));
            ROW_INT(profiles[i], strstr(str_cstr(a, d.text), "SPF, DKIM") != NULL, both);
        }
        arena_free(a);
    }
}

/* D-125, RFC 9989 7.4: without other knowledge p=reject is treated as quarantine; D-103: p=none changes nothing. */
static void profiles_keep_to_the_rfc(void **state)
{
    struct arena *a = arena_new();
    struct policy_decision d;
    const struct policy_facts reject = { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT }, none = { .dmarc = AUTH_FAIL };
    const struct policy_facts list = { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT, .list = true };

    (void)state;
    /* D-124 */
    policy_decide(shipped(a, "monitor"), &reject, a, &d);
    assert_int_equal(d.action, ACTION_ACCEPT);
    policy_decide(shipped(a, "cautious"), &reject, a, &d);
    assert_int_equal(d.action, ACTION_QUARANTINE);
    policy_decide(shipped(a, "standard"), &list, a, &d);
    assert_int_equal(d.action, ACTION_QUARANTINE);
    policy_decide(shipped(a, "strict"), &list, a, &d);
    assert_int_equal(d.action, ACTION_REJECT);
    for (size_t i = 0; i < ROWS(profiles); i++) {
        policy_decide(shipped(a, profiles[i]), &none, a, &d);
        ROW_INT(profiles[i], d.action, ACTION_ACCEPT);
    }
    arena_free(a);
}

static void expect_the_same(const char *profile, const struct policy *p, struct policy_facts f)
{
    struct arena *a = arena_new();
    struct policy_decision unsigned_mail, d;

    f.dkim = f.spf = AUTH_NONE;
    policy_decide(p, &f, a, &unsigned_mail);
    for (const struct name_code *dkim = auth_code_names; dkim->name != NULL; dkim++) {
        for (const struct name_code *spf = auth_code_names; spf->name != NULL; spf++) {
            f.dkim = (enum auth_code)dkim->code;
            f.spf = (enum auth_code)spf->code;
            policy_decide(p, &f, a, &d);
            ROW_INT(profile, d.action, unsigned_mail.action);
        }
    }
    ROW_INT(profile, d.action == ACTION_TEMPFAIL && !(f.dmarc == AUTH_TEMPERROR && f.tempfail_wanted), false);
    ROW_INT(profile, d.action == ACTION_REJECT && f.dmarc != AUTH_FAIL, false);
    arena_free(a);
}

/* DK-14, DK-64: a bad signature counts as none, and alone it refuses nothing; D-130: nor does SPF. SC-4, DK-63: only silence of the
 * DNS defers, and it refuses nothing. */
static void signatures_and_spf_alone_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(profiles); i++) {
        struct arena *a = arena_new();
        const struct policy *p = shipped(a, profiles[i]);

        for (const struct name_code *dmarc = auth_code_names; dmarc->name != NULL; dmarc++) {
            for (unsigned k = 0; k < 6; k++) {
                struct policy_facts f = { .dmarc = (enum auth_code)dmarc->code, .tempfail_wanted = k % 2 != 0 };

                f.policy = f.dmarc == AUTH_FAIL ? (enum dmarc_policy)(k / 2) : DMARC_POLICY_NONE;
                expect_the_same(profiles[i], p, f);
            }
        }
        arena_free(a);
    }
}

/* Mail without any author domain is refused by strict alone. */
static void only_strict_wants_an_author_domain(void **state)
{
    const struct policy_facts facts = { .from = AUTHOR_NONE };

    (void)state;
    for (size_t i = 0; i < ROWS(profiles); i++) {
        struct arena *a = arena_new();
        struct policy_decision d;

        policy_decide(shipped(a, profiles[i]), &facts, a, &d);
        ROW_INT(profiles[i], d.action, strcmp(profiles[i], "strict") == 0 ? ACTION_REJECT : ACTION_ACCEPT);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_profiles_decide_as_recorded),
        cmocka_unit_test(every_rule_of_a_shipped_profile_is_reached),
        cmocka_unit_test(refusals_say_what_failed),
        cmocka_unit_test(profiles_keep_to_the_rfc),
        cmocka_unit_test(signatures_and_spf_alone_change_nothing),
        cmocka_unit_test(only_strict_wants_an_author_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
