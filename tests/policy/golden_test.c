/*
 * golden_test.c - what each shipped profile decides, for all messages its rules can tell apart.
 *
 * tests/policy/golden/NAME.txt is a decision table (decision_table.h), so that a changed rule shows as a diff. UPDATE_GOLDEN=1
 * writes the files anew instead of comparing them.
 */
#include "tests/policy/decision_table.h"

#include "mailseal/policy.h"

#define GOLDEN_MAX (256 * 1024)

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

static struct policy *read_profile(struct arena *a, const char *dir, const char *name)
{
    const char *error = NULL;
    struct policy *p = policy_read(a, test_path(a, str_cstr(a, str_printf(a, "%s/%s.policy", dir, name))), &error);

    if (p == NULL)
        fail_msg("%s", error);
    return p;
}

static struct policy *shipped(struct arena *a, const char *name)
{
    return read_profile(a, "policies", name);
}

static void check_golden(const char *dir, const char *name)
{
    struct arena *a = arena_new();
    const char *path = test_path(a, str_cstr(a, str_printf(a, "tests/policy/golden/%s.txt", name)));
    struct decision_table t;
    struct str got;

    decision_table_of(a, read_profile(a, dir, name), &t);
    got = decision_table_text(a, &t, GOLDEN_MAX);
    if (getenv("UPDATE_GOLDEN") != NULL)
        write_golden(path, got);
    compare(name, got, read_golden(a, path));
    arena_free(a);
}

static void profiles_decide_as_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(profiles); i++)
        check_golden("policies", profiles[i]);
    check_golden("tests/policy", "site");
}

/* The table is made from the rules; here it is held against the decisions. */
static void check_table(const char *dir, const char *name, uint64_t random)
{
    struct arena *a = arena_new();
    struct policy *p = read_profile(a, dir, name);
    struct decision_table t;

    decision_table_of(a, p, &t);
    for (int i = 0; i < 20000; i++) {
        struct policy_facts facts = { .dmarc = AUTH_NONE };
        struct policy_decision d;
        uint64_t point[TABLE_DIMENSIONS_MAX];
        size_t rows = 0, row = 0;

        for (size_t k = 0; k < t.space->n; k++) {
            size_t v;

            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            v = (size_t)(random >> 33) % t.space->dim[k].n;
            point[k] = bit(v);
            set_value(&facts, &t.space->dim[k], v);
        }
        if (is_impossible(t.space, point))
            continue;
        for (size_t k = 0; k < t.n; k++) {
            if (is_inside(t.space->n, point, t.row[k].set)) {
                rows++;
                row = k;
            }
        }
        ROW_INT(name, rows, 1);
        policy_decide(p, &facts, a, &d);
        ROW_STR(name, str_of(d.rule), str_of(t.row[row].rule < p->n_rules ? p->rules[t.row[row].rule].name : POLICY_EXEMPT));
    }
    arena_free(a);
}

static void the_tables_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(profiles); i++)
        check_table("policies", profiles[i], i);
    check_table("tests/policy", "site", 99);
}

/* One message that can be, drawn at random: the fact of each dimension. */
static struct policy_facts random_facts(const struct space *s, uint64_t *random)
{
    struct policy_facts facts = { .dmarc = AUTH_NONE };
    uint64_t point[TABLE_DIMENSIONS_MAX];

    do {
        for (size_t k = 0; k < s->n; k++) {
            size_t v;

            *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            v = (size_t)(*random >> 33) % s->dim[k].n;
            point[k] = bit(v);
            set_value(&facts, &s->dim[k], v);
        }
    } while (is_impossible(s, point));
    return facts;
}

/* What must hold whatever the rules are, of one message and what the four profiles, mildest first, do with it. */
static void check_invariants(const struct policy_facts *f, const enum action *done)
{
    bool asked = f->dmarc == AUTH_FAIL && f->policy == DMARC_POLICY_REJECT;
    bool unsigned_mail = f->require_dkim && f->dkim_aligned != AUTH_PASS && f->dkim_aligned != AUTH_TEMPERROR;
    bool silent = f->dmarc == AUTH_TEMPERROR || f->dkim_aligned == AUTH_TEMPERROR;
    bool treated = f->treat_as_reject && !f->aligned && f->spf != AUTH_TEMPERROR && !silent;
    bool indirect = f->list || f->sealer || f->forwarder;

    assert_int_equal(done[0], ACTION_ACCEPT);
    for (int i = 1; i < 4; i++) {
        assert_int_not_equal(done[i], ACTION_DISCARD);
        if (f->exempt || f->direction == DIRECTION_OUTBOUND)
            assert_int_equal(done[i], ACTION_ACCEPT);
        /* only silence of the DNS defers, where the site wants it */
        if (done[i] == ACTION_TEMPFAIL)
            assert_true(silent && f->tempfail_wanted);
        if (done[i] == ACTION_REJECT)
            assert_true(asked || treated || unsigned_mail || f->from != AUTHOR_ONE);
        if (done[i] == ACTION_REJECT && f->never_reject)
            assert_true(unsigned_mail || f->from != AUTHOR_ONE);
        /* harder profiles do no less */
        if (done[i] != ACTION_TEMPFAIL && done[i - 1] != ACTION_TEMPFAIL)
            assert_true(done[i] >= done[i - 1]);
    }
    assert_int_not_equal(done[1], ACTION_REJECT);
    if (done[2] == ACTION_REJECT && indirect)
        assert_true(unsigned_mail || f->from != AUTHOR_ONE);
    /* SPF that could not be looked at is not held against a relay's mail */
    if (done[3] == ACTION_REJECT && f->client == CLIENT_RELAY && f->forwarder && f->spf == AUTH_NONE)
        assert_true(unsigned_mail || f->from != AUTHOR_ONE);
    if (f->no_tempfail)
        assert_true(done[1] != ACTION_TEMPFAIL && done[2] != ACTION_TEMPFAIL && done[3] != ACTION_TEMPFAIL);
}

static void the_profiles_keep_their_promises(void **state)
{
    struct arena *a = arena_new();
    struct policy *p[4];
    struct space *s;
    uint64_t random = 7;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        p[i] = shipped(a, profiles[i]);
    s = space_of(a, p[2]->rules, p[2]->n_rules);
    for (int n = 0; n < 50000; n++) {
        struct arena *scratch = arena_new();
        struct policy_facts facts = random_facts(s, &random);
        enum action done[4];

        facts.no_tempfail = n % 8 == 0;
        for (size_t i = 0; i < 4; i++) {
            struct policy_decision d;

            policy_decide(p[i], &facts, scratch, &d);
            done[i] = d.action;
        }
        check_invariants(&facts, done);
        arena_free(scratch);
    }
    arena_free(a);
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
        cmocka_unit_test(profiles_decide_as_recorded),        cmocka_unit_test(the_tables_are_right),
        cmocka_unit_test(the_profiles_keep_their_promises),   cmocka_unit_test(refusals_say_what_failed),
        cmocka_unit_test(profiles_keep_to_the_rfc),           cmocka_unit_test(signatures_and_spf_alone_change_nothing),
        cmocka_unit_test(only_strict_wants_an_author_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
