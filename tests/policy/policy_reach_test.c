/* policy_reach_test.c - a rule that can never match is an error that says why, and no other rule is. */
#include "tests/policy/fake_table.h"
#include "tests/policy/profile.h"

#include "mailseal/buf.h"

#include "milter/policy/policy_int.h"

#define ALL "\nrule all { action = accept }\n"

static const struct {
    const char *name, *text;
    const char *error; /* NULL: each rule can match */
} rows[] = {
    { "a value and its contrary", "rule a { when = {\"spf=pass\", \"spf!=pass\"} action = accept }" ALL,
      ":1: rule 'a' can never match: its conditions leave no value of 'spf'" },
    { "no value left", "rule a { when = {\"list!=yes|no\"} action = accept }" ALL,
      ":1: rule 'a' can never match: its conditions leave no value of 'list'" },
    { "two names", "rule a { when = {\"from-domain=a.example\", \"from-domain=b.example\"} action = accept }" ALL,
      ":1: rule 'a' can never match: its conditions leave no value of 'from-domain'" },
    { "names of two facts", "rule a { when = {\"from-domain=a.example\", \"sender-domain=b.example\"} action = accept }" ALL,
      NULL },
    { "a name, and what is below it",
      "rule a { when = {\"from-domain=a.example\", \"from-domain=.a.example\"} action = accept }" ALL,
      ":1: rule 'a' can never match: its conditions leave no value of 'from-domain'" },
    { "a name below", "rule a { when = {\"from-domain=x.a.example\", \"from-domain=.a.example\"} action = accept }" ALL, NULL },
    { "a table and its contrary", "rule a { when = {\"from-domain=/t\", \"from-domain!=/t\"} action = accept }" ALL,
      ":1: rule 'a' can never match: its conditions leave no value of 'from-domain'" },
    { "two tables", "rule a { when = {\"from-domain=/t\", \"from-domain!=/u\"} action = accept }" ALL, NULL },
    { "one table for two facts", "rule a { when = {\"from-domain=/t\", \"sender-domain!=/t\"} action = accept }" ALL, NULL },
    /* what the facts mean */
    { "a policy without a failure", "rule a { when = {\"dmarc=pass\", \"policy=reject\"} action = accept }" ALL,
      ":1: rule 'a' can never match: there is no message with policy!=none and dmarc!=fail" },
    { "a sealer without a chain", "rule a { when = {\"sealer=trusted\", \"arc=none|fail\"} action = accept }" ALL,
      ":1: rule 'a' can never match: there is no message with sealer=trusted and arc!=pass" },
    { "a word that a check never says", "rule a { when = {\"arc=permerror\"} action = accept }" ALL,
      ":1: rule 'a' can never match: there is no message with arc=softfail|neutral|policy|temperror|permerror" },
    { "such a word among others", "rule a { when = {\"dmarc=fail|softfail\"} action = accept }" ALL, NULL },
    { "inbound, and authenticated", "rule a { when = {\"direction=inbound\", \"authenticated=yes\"} action = accept }" ALL,
      ":1: rule 'a' can never match: there is no message with direction=inbound and authenticated=yes" },
    { "outbound, but from nobody of ours",
      "rule a { when = {\"direction=outbound\", \"authenticated=no\", \"client=relay\"} action = accept }" ALL,
      ":1: rule 'a' can never match: there is no message with direction=outbound and authenticated=no and client=outside|relay" },
    { "by two reasons",
      "rule a { when = {\"dkim-aligned!=none|fail|neutral|policy|temperror|permerror\", \"dkim!=pass\"} action = accept }" ALL,
      ":1: rule 'a' can never match: there is no message with dkim-aligned=pass and dkim!=pass, nor one with "
      "dkim-aligned=softfail" },
    /* what earlier rules take */
    { "the same again", "rule a { when = {\"spf=fail\"} action = accept }\nrule b { when = {\"spf=fail\"} action = label }" ALL,
      ":2: rule 'b' can never match: rule 'a' before it takes all that it could" },
    { "a narrower one",
      "rule a { when = {\"spf=fail\"} action = accept }\nrule b { when = {\"spf=fail\", \"dkim=fail\"} action = label }" ALL,
      ":2: rule 'b' can never match: rule 'a' before it takes all that it could" },
    { "a wider one",
      "rule a { when = {\"spf=fail\", \"dkim=fail\"} action = accept }\nrule b { when = {\"spf=fail\"} action = label }" ALL,
      NULL },
    { "two together",
      "rule n { when = {\"helo=fail\"} action = accept }\nrule a { when = {\"list=yes\"} action = accept }\n"
      "rule b { when = {\"list=no\", \"spf=pass\"} action = label }\nrule c { when = {\"spf=pass\"} action = label }" ALL,
      ":4: rule 'c' can never match: rules 'a' and 'b' before it take all that it could" },
    { "many together",
      "rule a { when = {\"from=one\"} action = accept }\nrule b { when = {\"from=none\"} action = accept }\n"
      "rule c { when = {\"from=several\"} action = accept }\nrule d { when = {\"from=repeated\"} action = accept }\n"
      "rule e { when = {\"from=malformed\"} action = accept }\nrule f { when = {\"spf=pass\"} action = accept }" ALL,
      ":6: rule 'f' can never match: rules 'a', 'b', 'c' and 2 more before it take all that it could" },
    { "together with what cannot be",
      "rule a { when = {\"policy=reject|quarantine\"} action = accept }\nrule b { when = {\"dmarc=fail\"} action = label }\n"
      "rule c { when = {\"policy!=none\", \"list=yes\"} action = accept }" ALL,
      ":3: rule 'c' can never match: rule 'a' before it takes all that it could" },
    { "a name below",
      "rule a { when = {\"from-domain=.a.example\"} action = accept }\n"
      "rule b { when = {\"from-domain=x.a.example\"} action = label }" ALL,
      ":2: rule 'b' can never match: rule 'a' before it takes all that it could" },
    { "all but a name",
      "rule a { when = {\"from-domain!=a.example|<>\"} action = accept }\n"
      "rule b { when = {\"from-domain=<>\"} action = label }\n"
      "rule c { when = {\"from-domain=A.example\"} action = label }\n"
      "rule d { when = {\"spf=fail\"} action = label }" ALL,
      ":4: rule 'd' can never match: rules 'a', 'b' and 'c' before it take all that it could" },
    { "a table that may not answer",
      "rule a { when = {\"from-domain=/t\"} action = accept }\nrule b { when = {\"from-domain!=/t\"} action = label }\n"
      "rule c { when = {\"spf=fail\"} action = label }" ALL,
      NULL },
    { "the same table",
      "rule a { when = {\"from-domain=/t\"} action = accept }\nrule b { when = {\"from-domain=/t\", \"spf=fail\"} action = label "
      "}" ALL,
      ":2: rule 'b' can never match: rule 'a' before it takes all that it could" },
    { "another direction",
      "rule a { when = {\"direction=outbound\"} action = accept }\n"
      "rule b { when = {\"spf=fail\"} action = label }\n"
      "rule c { when = {\"client=internal\"} action = label }" ALL,
      ":3: rule 'c' can never match: rule 'a' before it takes all that it could" },
    { "a rule that expires takes nothing",
      "rule a { when = {\"spf=fail\"} action = accept expires = \"2030-01-01\" }\nrule b { when = {\"spf=fail\"} action = label "
      "}" ALL,
      NULL },
    { "a rule that tempfails takes nothing",
      "rule a { when = {\"spf=fail\"} action = tempfail reply = \"451 4.7.1 x\" }\n"
      "rule b { when = {\"spf=fail\"} action = label }" ALL,
      NULL },
    { "an expiring rule is looked at, too",
      "rule a { when = {\"spf=fail\"} action = accept }\n"
      "rule b { when = {\"spf=fail\"} action = label expires = \"2030-01-01\" }" ALL,
      ":2: rule 'b' can never match: rule 'a' before it takes all that it could" },
    { "the last rule may be idle",
      "rule a { when = {\"list=yes\"} action = accept }\nrule b { when = {\"list=no\"} action = accept }" ALL, NULL },
    { "but not behind its like", "rule a { action = accept }\nrule b { action = accept }",
      ":2: rule 'b' can never match: rule 'a' before it takes all that it could" },
};

static void a_rule_that_can_never_match_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *error;

        (void)profile_read(a, rows[i].text, strlen(rows[i].text), &error);
        ROW_STR(rows[i].name, str_of(error), str_of(rows[i].error));
        arena_free(a);
    }
}

/* ---- against brute force ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Some facts that depend on each other, some that do not, and a text. */
static const char *const conditions[] = {
    "dmarc=fail",
    "dmarc!=fail",
    "dmarc=pass|none",
    "policy=reject",
    "policy!=none",
    "policy=none",
    "aligned=yes",
    "aligned=no",
    "from=one",
    "from!=one",
    "list=yes",
    "list=no",
    "from-domain=<>",
    "from-domain=a.example|.b.example",
    "from-domain!=.b.example|x.b.example",
    "from-domain=x.b.example",
};

static const char *random_profile(struct arena *a, uint64_t *random)
{
    struct buf text;
    int n = 2 + (int)(next_random(random) % 5);

    buf_init(&text, a, 4096);
    for (int i = 0; i < n; i++) {
        int k = 1 + (int)(next_random(random) % 3);

        buf_printf(&text, "rule r%d { when = {", i);
        for (int c = 0; c < k; c++)
            buf_printf(&text, "%s\"%s\"", c > 0 ? ", " : "", conditions[next_random(random) % ROWS(conditions)]);
        buf_printf(&text, "} action = %s }\n", next_random(random) % 8 != 0 ? "accept" : "label expires = \"2030-01-01\"");
    }
    buf_puts(&text, "rule all { action = accept }\n");
    return text.p;
}

static bool can_be(const struct policy_facts *f)
{
    bool judged = f->dmarc == AUTH_PASS || f->dmarc == AUTH_FAIL || f->dmarc == AUTH_TEMPERROR;

    return !(f->policy != DMARC_POLICY_NONE && f->dmarc != AUTH_FAIL) && !(judged && f->from != AUTHOR_ONE) &&
           !(f->dmarc == AUTH_PERMERROR && (f->from == AUTHOR_ONE || f->from == AUTHOR_NONE)) &&
           !(f->dmarc == AUTH_PASS && !f->aligned) && !(f->aligned && f->from != AUTHOR_ONE);
}

/* Marks the rules that take a message; ones that have expired for half of the messages take nothing from the others. */
static void mark(const char *text, const struct policy_facts *f, bool *taken)
{
    struct arena *a = arena_new();
    const char *at = text;

    for (size_t r = 0; (at = strstr(at, "rule r")) != NULL; at++, r++) {
        const char *end = strchr(at, '}'), *c = at;
        struct tables none = { .dir = "." };
        bool holds = true, expires = strncmp(end, "} action = label", 16) == 0;

        while ((c = strchr(c, '"')) != NULL && c < end) {
            struct condition condition;
            const char *unknown = NULL;
            struct str word = { c + 1, (size_t)(strchr(c + 1, '"') - c - 1) };

            assert_null(condition_parse(a, &none, word, &condition));
            holds = holds && condition_holds(&condition, f, &unknown);
            c = word.p + word.n + 1;
        }
        taken[r] = taken[r] || holds;
        if (holds && !expires)
            break;
    }
    arena_free(a);
}

/* The number of the first rule that no message reaches, or -1. */
static int first_dead(const char *text, size_t n)
{
    static const struct str names[] = { { "", 0 },          { "a.example", 9 }, { "x.b.example", 11 }, { "y.b.example", 11 },
                                        { "b.example", 9 }, { "c.example", 9 } };
    static const enum auth_code dmarc[] = { AUTH_NONE, AUTH_PASS, AUTH_FAIL, AUTH_TEMPERROR, AUTH_PERMERROR };
    bool taken[16] = { false };

    for (unsigned i = 0; i < 5 * 3 * 2 * 2 * 2 * 6; i++) {
        struct policy_facts f = { .dmarc = dmarc[i % 5],
                                  .policy = (enum dmarc_policy)(i / 5 % 3),
                                  .aligned = i / 15 % 2 != 0,
                                  .from = i / 30 % 2 != 0 ? AUTHOR_SEVERAL : AUTHOR_ONE,
                                  .list = i / 60 % 2 != 0,
                                  .from_domain = names[i / 120 % 6] };

        if (can_be(&f))
            mark(text, &f, taken);
    }
    for (size_t r = 0; r < n; r++) {
        if (!taken[r])
            return (int)r;
    }
    return -1;
}

static void brute_force_finds_the_same(void **state)
{
    uint64_t random = 1;
    int dead_ones = 0;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct arena *a = arena_new();
        const char *text = random_profile(a, &random), *error, *at = text;
        size_t n = 0;
        int dead, found = -1;

        for (; (at = strstr(at, "rule r")) != NULL; at++)
            n++;
        dead = first_dead(text, n);
        if (profile_read(a, text, strlen(text), &error) == NULL)
            found = atoi(strstr(error, "rule 'r") + 7);
        if (found != dead)
            fail_msg("want %d, got %d: %s\n%s", dead, found, error != NULL ? error : "", text);
        dead_ones += dead >= 0;
        arena_free(a);
    }
    /* both kinds were among them */
    assert_in_range(dead_ones, 300, 1200);
}

/* What takes too long is not claimed. Each rule takes one point of twelve facts away; together they leave hardly anything. */
static void a_hard_question_has_no_answer_but_an_end(void **state)
{
    static const char *const facts[] = {
        "list", "forwarder", "exempt", "aligned", "treat-as-reject", "never-reject", "require-dkim"
    };
    struct arena *a = arena_new();
    const char *error;
    struct buf text;

    (void)state;
    buf_init(&text, a, 256 * 1024);
    for (unsigned i = 0; i < 250; i++) {
        buf_printf(&text, "rule r%u { when = {\"daemon!=d%u\"", i, i % 60);
        for (unsigned k = 0; k < ROWS(facts); k++)
            buf_printf(&text, ", \"%s=%s\"", facts[k], (i * 2654435761u >> (k + 8) & 1) != 0 ? "yes" : "no");
        buf_printf(&text, ", \"spf=%s\"} action = accept }\n", i % 2 == 0 ? "pass" : "fail");
    }
    buf_puts(&text, ALL);
    (void)profile_read(a, text.p, text.n, &error);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_can_never_match_is_an_error),
        cmocka_unit_test(brute_force_finds_the_same),
        cmocka_unit_test(a_hard_question_has_no_answer_but_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
