/* dmarc_eval_test.c - alignment, results, and what a failed lookup does to them. */
#include "tests/dmarc/zone.h"

#include "mailseal/address.h"
#include "mailseal/clock.h"
#include "mailseal/dmarc.h"

#define EX    "example.com"
#define MAIL  "mail.example.com"
#define BANK  "bank.example"
#define GIANT "giant.bank.example"

#define NOT_ALIGNED "fail: no aligned identifier passed"
#define MAYBE       "temperror: an identifier might align, but the DNS did not answer"

struct row {
    const char *name, *from;
    struct zone_line zone[4];
    const char *spf, *dkim; /* identifiers as "domain=result", several with spaces between; NULL: none */
    const char *want;       /* "result: reason", and the disposition where it is not none */
};

static const struct row rows[] = {
    /* The alignment table. D-91: relaxed and strict */
    { "parent of the Author Domain", MAIL, { { EX, "p=none" } }, NULL, "example.com=pass", "pass: DKIM is aligned" },
    { "below the Author Domain", EX, { { EX, "p=none" } }, NULL, "mail.example.com=pass", "pass: DKIM is aligned" },
    { "siblings", "news.example.com", { { EX, "p=none" } }, NULL, "mail.example.com=pass", "pass: DKIM is aligned" },
    { "strict, below", EX, { { EX, "p=reject; adkim=s" } }, NULL, "mail.example.com=pass", NOT_ALIGNED " -> reject" },
    { "strict, equal",
      EX,
      { { EX, "p=reject; adkim=s; aspf=s" } },
      "example.com=pass",
      "example.com=pass",
      "pass: SPF and DKIM are aligned" },
    { "another organization",
      EX,
      { { EX, "p=reject" }, { "example.net", "p=none" } },
      NULL,
      "example.net=pass",
      NOT_ALIGNED " -> reject" },
    /* D-94: nothing is asked for a name beside the organizational domain */
    { "another organization, its walk would fail",
      EX,
      { { EX, "p=reject" }, { "example.net", "SERVFAIL" } },
      NULL,
      "example.net=pass",
      NOT_ALIGNED " -> reject" },
    /* D-141, D-142: with a list of public suffixes it would pass */
    { "record below the identifier only", MAIL, { { MAIL, "p=reject" } }, NULL, "example.com=pass", NOT_ALIGNED " -> reject" },
    { "psd=n at the Author Domain",
      MAIL,
      { { MAIL, "p=reject; psd=n" }, { EX, "p=none" } },
      NULL,
      "example.com=pass",
      NOT_ALIGNED " -> reject" },
    /* D-92, D-94: below the organizational domain, but its own walk ends elsewhere */
    { "psd=n between",
      EX,
      { { EX, "p=reject" }, { "dept.example.com", "p=none; psd=n" } },
      NULL,
      "x.dept.example.com=pass",
      NOT_ALIGNED " -> reject" },
    { "another registrant", GIANT, { { BANK, "p=reject; psd=y" } }, NULL, "mega.bank.example=pass", NOT_ALIGNED " -> reject" },
    { "the public suffix itself", GIANT, { { BANK, "p=reject; psd=y" } }, NULL, "bank.example=pass", NOT_ALIGNED " -> reject" },
    { "below the registrant",
      GIANT,
      { { GIANT, "p=quarantine" }, { BANK, "p=reject; psd=y" } },
      "mail.giant.bank.example=pass",
      NULL,
      "pass: SPF is aligned" },
    { "HELO's domain of a null sender", EX, { { EX, "p=reject" } }, "mta.example.com=pass", NULL, "pass: SPF is aligned" },
    { "a record at the top-level domain aligns all below",
      EX,
      { { EX, "p=reject" }, { "com", "p=none" } },
      NULL,
      "other.com=pass",
      "pass: DKIM is aligned" },
    /* D-90 */
    { "softfail is no pass", EX, { { EX, "p=reject" } }, "example.com=softfail", "example.com=fail", NOT_ALIGNED " -> reject" },
    /* D-98 */
    { "policy is no pass",
      EX,
      { { EX, "p=quarantine" } },
      "example.com=neutral",
      "example.com=policy",
      NOT_ALIGNED " -> quarantine" },
    { "permerror is no pass",
      EX,
      { { EX, "p=reject" } },
      "example.com=permerror",
      "example.com=permerror",
      NOT_ALIGNED " -> reject" },
    { "nothing at all", EX, { { EX, "p=reject" } }, NULL, NULL, NOT_ALIGNED " -> reject" },
    /* D-95, D-96 */
    { "any signature",
      EX,
      { { EX, "p=reject" } },
      NULL,
      "example.net=pass mail.example.com=fail news.example.com=pass",
      "pass: DKIM is aligned" },
    { "adkim is not for SPF",
      EX,
      { { EX, "p=reject; adkim=s" } },
      "mail.example.com=pass",
      "mail.example.com=pass",
      "pass: SPF is aligned" },
    { "aspf is not for DKIM",
      EX,
      { { EX, "p=reject; aspf=s" } },
      "mail.example.com=pass",
      "mail.example.com=pass",
      "pass: DKIM is aligned" },
    /* D-56: modes are those of the record that applies */
    { "modes of the organizational domain",
      MAIL,
      { { EX, "p=reject; adkim=s" } },
      NULL,
      "example.com=pass",
      NOT_ALIGNED " -> reject" },
    /* Appendix B.4 */
    { "B.4.1",
      EX,
      { { EX, "p=reject" }, { "signing.example.com", "p=none" } },
      "example.com=pass",
      "signing.example.com=pass",
      "pass: SPF and DKIM are aligned" },
    { "B.4.2",
      "a.b.c.d.e.f.g.h.i.j.k.example.com",
      { { EX, "p=reject" }, { "signing.example.com", "p=none" } },
      "example.com=pass",
      "signing.example.com=pass",
      "pass: SPF and DKIM are aligned" },
    { "B.4.3",
      GIANT,
      { { GIANT, "p=quarantine" }, { BANK, "p=reject; psd=y" } },
      "mail.giant.bank.example=pass",
      "mail.mega.bank.example=pass",
      "pass: SPF is aligned" },
    /* D-70, D-71 */
    { "t=y", EX, { { EX, "p=reject; t=y" } }, NULL, NULL, NOT_ALIGNED " -> quarantine" },
    { "t=y and a pass", EX, { { EX, "p=reject; t=y" } }, "example.com=pass", NULL, "pass: SPF is aligned" },
    /* D-30, D-31, D-103 */
    { "acts as p=none", EX, { { EX, "p=reject; sp=x; rua=mailto:d@example.com" } }, NULL, NULL, NOT_ALIGNED },
    { "a record of no use",
      EX,
      { { EX, "p=x" } },
      "example.com=pass",
      NULL,
      "none: the DMARC record has no valid policy and no valid rua: it does not apply" },
    { "no record", EX, { { "example.net", "p=reject" } }, "example.com=pass", NULL, "none: no DMARC record applies" },
    /* D-100, D-101 */
    { "Author Domain's record fails",
      EX,
      { { EX, "SERVFAIL" } },
      "example.com=pass",
      NULL,
      "temperror: the DNS did not answer for the DMARC record" },
    { "a level above fails, no record below",
      MAIL,
      { { EX, "SERVFAIL" } },
      "mail.example.com=pass",
      NULL,
      "temperror: the DNS did not answer for the DMARC record" },
    { "38: equal identifier, the walk above fails",
      EX,
      { { EX, "p=reject" }, { "com", "SERVFAIL" } },
      NULL,
      "example.com=pass",
      "pass: DKIM is aligned" },
    { "39: another identifier, the walk above fails",
      EX,
      { { EX, "p=reject" }, { "com", "SERVFAIL" } },
      NULL,
      "mail.example.com=pass",
      MAYBE },
    { "the walk above fails, nothing in common",
      EX,
      { { EX, "p=reject" }, { "com", "SERVFAIL" } },
      NULL,
      "example.net=pass",
      NOT_ALIGNED " -> reject" },
    { "an identifier's walk fails, another aligns",
      EX,
      { { EX, "p=reject" }, { MAIL, "SERVFAIL" } },
      NULL,
      "mail.example.com=pass news.example.com=pass",
      "pass: DKIM is aligned" },
    { "an identifier's walk fails, nothing else aligns",
      EX,
      { { EX, "p=reject" }, { MAIL, "SERVFAIL" } },
      NULL,
      "mail.example.com=pass",
      MAYBE },
    /* D-93 */
    { "strict, differs, its walk would fail",
      EX,
      { { EX, "p=reject; adkim=s" }, { MAIL, "SERVFAIL" } },
      NULL,
      "mail.example.com=pass",
      NOT_ALIGNED " -> reject" },
    { "SPF temperror for the Author Domain", EX, { { EX, "p=reject" } }, "example.com=temperror", NULL, MAYBE },
    { "DKIM temperror below", EX, { { EX, "p=reject" } }, NULL, "mail.example.com=temperror", MAYBE },
    { "DKIM temperror elsewhere", EX, { { EX, "p=reject" } }, NULL, "example.net=temperror", NOT_ALIGNED " -> reject" },
    { "DKIM temperror, strict, differs",
      EX,
      { { EX, "p=reject; adkim=s" } },
      NULL,
      "mail.example.com=temperror",
      NOT_ALIGNED " -> reject" },
    { "DKIM temperror, SPF aligned",
      EX,
      { { EX, "p=reject" } },
      "example.com=pass",
      "example.com=temperror",
      "pass: SPF is aligned" },
    /* D-63 */
    { "existence not known, pass",
      "nx.example.com",
      { { EX, "p=none; np=reject" }, { "nx.example.com", "@SERVFAIL" } },
      "example.com=pass",
      NULL,
      "pass: SPF is aligned" },
    { "existence not known, no pass",
      "nx.example.com",
      { { EX, "p=none; np=reject" }, { "nx.example.com", "@SERVFAIL" } },
      NULL,
      NULL,
      "temperror: the DNS did not say whether the domain exists, so its policy is open" },
};

/* Fills ids from "domain=result domain=result". */
static size_t identifiers(const char *text, struct dmarc_identifier *ids)
{
    struct str rest = str_of(text), one, code;
    size_t n = 0;

    while (rest.n > 0) {
        str_cut(rest, ' ', &one, &rest);
        assert_true(str_cut(one, '=', &ids[n].domain, &code));
        ids[n].code = (enum auth_code)code_of(auth_code_names, code);
        assert_int_not_equal(ids[n].code, -1);
        n++;
    }
    return n;
}

static void each_message_gets_its_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct arena *a = arena_new(), *start = arena_new();
        struct zone_dns *zone = zone_new(a, row->zone, ROWS(row->zone));
        struct author author = { .status = AUTHOR_ONE, .domain = str_of(row->from) };
        struct dmarc_identifier spf, dkim[4];
        size_t n_spf = identifiers(row->spf, &spf), n_dkim = identifiers(row->dkim, dkim);
        struct dmarc_result r;
        struct str got;

        dmarc_eval(dmarc_start(start, &zone->dns, author.domain, clock_ms() + 60000), &author, n_spf > 0 ? &spf : NULL, dkim,
                   n_dkim, a, &r);
        got = str_printf(a, "%s: %s%s%s", auth_code_name(r.code), r.reason, r.disposition != DMARC_POLICY_NONE ? " -> " : "",
                         r.disposition != DMARC_POLICY_NONE ? name_of(dmarc_policy_names, (int)r.disposition) : "");
        ROW_STR(row->name, got, str_of(row->want));
        ROW_INT(row->name, zone->open, 0);
        dns_free(&zone->dns);
        arena_free(start);
        arena_free(a);
    }
}

/* What may yet turn out to be aligned, for sites that want a signature of the author. */
static const struct {
    const char *name, *from;
    struct zone_line zone[3];
    const char *dkim;
    bool aligned, open;
} open_rows[] = {
    { "answered", EX, { { EX, "p=none" } }, "mail.example.com=pass", true, false },
    { "no key", EX, { { EX, "p=none" } }, "mail.example.com=temperror", false, true },
    { "no key, but another", EX, { { EX, "p=none" } }, "mail.example.com=temperror example.com=pass", true, false },
    { "no key, an organization of its own",
      EX,
      { { EX, "p=none" }, { MAIL, "psd=n" } },
      "a.mail.example.com=temperror",
      false,
      false },
    { "passed, an organization of its own", EX, { { EX, "p=none" }, { MAIL, "psd=n" } }, "a.mail.example.com=pass", false, false },
    { "its walk fails", EX, { { EX, "p=none" }, { MAIL, "SERVFAIL" } }, "mail.example.com=pass", false, true },
    { "no record known, siblings", "news.example.com", { { EX, "SERVFAIL" } }, "mail.example.com=pass", false, true },
    { "no record known, elsewhere", EX, { { EX, "SERVFAIL" } }, "example.net=pass", false, false },
    { "no record known, failed", EX, { { EX, "SERVFAIL" } }, "example.com=fail", false, false },
    { "the author's walk fails, siblings",
      "news.example.com",
      { { "news.example.com", "p=none" }, { EX, "SERVFAIL" } },
      "mail.example.com=pass",
      false,
      true },
    { "strict", EX, { { EX, "p=none; adkim=s" } }, "mail.example.com=temperror", false, false },
    { "no record", EX, { { NULL, NULL } }, "example.com=temperror", false, false },
};

static void what_is_not_answered_stays_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(open_rows); i++) {
        struct arena *a = arena_new();
        struct zone_dns *zone = zone_new(a, open_rows[i].zone, ROWS(open_rows[i].zone));
        struct author author = { .status = AUTHOR_ONE, .domain = str_of(open_rows[i].from) };
        struct dmarc_identifier dkim[4];
        size_t n = identifiers(open_rows[i].dkim, dkim);
        struct dmarc_result r;

        dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, NULL, dkim, n, a, &r);
        ROW_INT(open_rows[i].name, r.dkim_aligned, open_rows[i].aligned);
        ROW_INT(open_rows[i].name, r.dkim_open, open_rows[i].open);
        dns_free(&zone->dns);
        arena_free(a);
    }
}

struct from_row {
    const char *name;
    struct author author;
    enum auth_code code;
    const char *reason;
};

/* D-111, D-113, D-119, row 41 */
static const struct from_row from_rows[] = {
    { "none", { .status = AUTHOR_NONE }, AUTH_NONE, "there is no author domain" },
    /* D-114 */
    { "several", { .status = AUTHOR_SEVERAL, .domain = STR(EX) }, AUTH_PERMERROR, "the From field names several domains" },
    { "repeated", { .status = AUTHOR_REPEATED, .domain = STR(EX) }, AUTH_PERMERROR, "there are several From fields" },
    { "malformed", { .status = AUTHOR_MALFORMED }, AUTH_PERMERROR, "the From field cannot be read" },
};

static void without_one_author_domain_nothing_is_evaluated(void **state)
{
    static const struct zone_line lines[] = { { EX, "p=reject" } };
    const struct dmarc_identifier pass = { STR(EX), AUTH_PASS };

    (void)state;
    for (size_t i = 0; i < ROWS(from_rows); i++) {
        struct arena *a = arena_new();
        struct zone_dns *zone = zone_new(a, lines, ROWS(lines));
        struct dmarc_result r;

        for (int guessed = 0; guessed < 2; guessed++) {
            struct dmarc *d = guessed ? dmarc_start(a, &zone->dns, STR(EX), clock_ms() + 60000) : NULL;

            dmarc_eval(d, &from_rows[i].author, &pass, &pass, 1, a, &r);
            ROW_INT(from_rows[i].name, r.code, from_rows[i].code);
            ROW_STR(from_rows[i].name, str_of(r.reason), str_of(from_rows[i].reason));
            ROW_STR(from_rows[i].name, r.from_domain, STR_NONE);
            ROW_INT(from_rows[i].name, r.has_policy || r.spf_aligned || r.dkim_aligned || r.walk != NULL, false);
            ROW_INT(from_rows[i].name, zone->open, 0);
            ROW_INT(from_rows[i].name, zone->txt, guessed ? 2 : 0);
        }
        dns_free(&zone->dns);
        arena_free(a);
    }
}

/* A guess at MAIL that proves wrong costs its questions, not the result. */
static void the_guess_may_be_another_domain(void **state)
{
    static const struct zone_line lines[] = { { EX, "p=reject" }, { "example.net", "p=quarantine" } };
    struct arena *a = arena_new();
    struct zone_dns *zone = zone_new(a, lines, ROWS(lines));
    struct author author = { .status = AUTHOR_ONE, .domain = STR("example.net") };
    struct dmarc_result r;

    (void)state;
    dmarc_eval(dmarc_start(a, &zone->dns, STR(EX), clock_ms() + 60000), &author, NULL, NULL, 0, a, &r);
    assert_int_equal(r.code, AUTH_FAIL);
    assert_int_equal(r.disposition, DMARC_POLICY_QUARANTINE);
    assert_int_equal(zone->open, 0);
    dns_free(&zone->dns);
    arena_free(a);
}

/* D-48: each name is asked for once per message. */
static void walks_share_their_answers(void **state)
{
    static const struct zone_line lines[] = { { EX, "p=reject" }, { "b.example.com", "p=none; psd=n" } };
    struct arena *a = arena_new();
    struct zone_dns *zone = zone_new(a, lines, ROWS(lines));
    struct author author = { .status = AUTHOR_ONE, .domain = STR(MAIL) };
    const struct dmarc_identifier spf = { STR("x.b.example.com"), AUTH_PASS };
    const struct dmarc_identifier dkim[] = { { STR("b.example.com"), AUTH_PASS }, { STR("x.b.example.com"), AUTH_PASS } };
    struct dmarc_result r;

    (void)state;
    dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, &spf, dkim, 2, a, &r);
    assert_int_equal(r.code, AUTH_FAIL);
    /* mail.example.com, example.com, com; x.b.example.com, b.example.com */
    assert_int_equal(zone->txt, 5);
    assert_int_equal(zone->other, 0);
    dns_free(&zone->dns);
    arena_free(a);
}

/* D-48: LIMIT_DMARC_WALKS start names, SPF's first; the limit never makes a pass. */
static void walks_are_bounded(void **state)
{
    static const struct zone_line lines[] = { { EX, "p=reject" },
                                              { "d0.example.com", "p=none; psd=n" },
                                              { "d1.example.com", "p=none; psd=n" },
                                              { "d2.example.com", "p=none; psd=n" },
                                              { "d3.example.com", "p=none; psd=n" },
                                              { "d4.example.com", "p=none; psd=n" },
                                              { "d5.example.com", "p=none; psd=n" },
                                              { "d6.example.com", "p=none; psd=n" },
                                              { "d7.example.com", "p=none; psd=n" },
                                              { "d8.example.com", "p=none; psd=n" } };
    static const char *const names[] = { "d0.example.com", "d1.example.com", "d2.example.com", "d3.example.com", "d4.example.com",
                                         "d5.example.com", "d6.example.com", "d7.example.com", "d8.example.com", "ok.example.com" };
    struct author author = { .status = AUTHOR_ONE, .domain = STR(EX) };
    struct dmarc_identifier dkim[ROWS(names)], spf = { STR("spf.example.com"), AUTH_PASS };

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++)
        dkim[i] = (struct dmarc_identifier){ str_of(names[i]), AUTH_PASS };
    for (size_t first = 0; first < 2; first++) {
        struct arena *a = arena_new();
        struct zone_dns *zone = zone_new(a, lines, ROWS(lines));
        struct dmarc_result r;

        /* The Author Domain and d0 to d8 are ten; without d0 the last one is looked at. */
        dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, NULL, dkim + first, ROWS(names) - first,
                   a, &r);
        assert_int_equal(r.code, first == 0 ? AUTH_FAIL : AUTH_PASS);
        assert_string_equal(r.reason, first == 0 ? "no aligned identifier among the first domains looked at" : "DKIM is aligned");
        dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, &spf, dkim, ROWS(names), a, &r);
        assert_true(r.spf_aligned);
        dns_free(&zone->dns);
        arena_free(a);
    }
}

static void the_result_names_what_applied(void **state)
{
    static const struct zone_line lines[] = { { EX, "p=reject; sp=quarantine; t=y" } };
    struct arena *a = arena_new();
    struct zone_dns *zone = zone_new(a, lines, ROWS(lines));
    struct author author = { .status = AUTHOR_ONE, .domain = STR(MAIL) };
    const struct dmarc_identifier spf = { STR(EX), AUTH_PASS };
    struct dmarc_result r;

    (void)state;
    dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, &spf, NULL, 0, a, &r);
    ROW_STR("from", r.from_domain, STR(MAIL));
    ROW_STR("org", r.org_domain, STR(EX));
    ROW_STR("record", r.record_domain, STR(EX));
    assert_string_equal(r.tag, "sp");
    assert_true(r.has_policy && r.record->testing && r.spf_aligned && !r.dkim_aligned);
    assert_int_equal(r.policy, DMARC_POLICY_QUARANTINE);
    assert_int_equal(r.applied, DMARC_POLICY_NONE);
    assert_int_equal(r.disposition, DMARC_POLICY_NONE);
    /* D-93: equal to an Author Domain with a record: no walk, it is the organizational domain */
    author.domain = STR(EX);
    dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, &spf, NULL, 0, a, &r);
    ROW_STR("org", r.org_domain, STR(EX));
    assert_int_equal(r.walk->n, 1);
    dns_free(&zone->dns);
    arena_free(a);
}

static void domains_beside_the_result(void **state)
{
    static const struct dmarc_record record;
    static const struct {
        const char *author, *org, *domain; /* org NULL: no record was found */
        bool strict, want;
    } beside[] = {
        { MAIL, EX, MAIL, false, true },        { MAIL, EX, MAIL, true, true },         { MAIL, EX, EX, false, true },
        { MAIL, EX, EX, true, false },          { MAIL, EX, "web." EX, false, true },   { MAIL, EX, "x" EX, false, false },
        { MAIL, MAIL, EX, false, false },       { MAIL, "", EX, false, true }, /* a record, but its walk did not end */
        { MAIL, NULL, EX, false, true },        { EX, NULL, MAIL, false, true },        { MAIL, NULL, "web." EX, false, false },
        { "a.com", NULL, "com", false, false }, { "com", NULL, "a.com", false, false }, { "com", NULL, "com", false, true },
        { "", NULL, "", false, false },         { EX, NULL, "", false, false },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(beside); i++) {
        struct dmarc_result r = { .from_domain = str_of(beside[i].author),
                                  .org_domain = str_of(beside[i].org != NULL ? beside[i].org : beside[i].author),
                                  .record = beside[i].org != NULL ? &record : NULL };

        if (dmarc_is_aligned(&r, str_of(beside[i].domain), beside[i].strict) != beside[i].want)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_gets_its_result),
        cmocka_unit_test(what_is_not_answered_stays_open),
        cmocka_unit_test(without_one_author_domain_nothing_is_evaluated),
        cmocka_unit_test(the_guess_may_be_another_domain),
        cmocka_unit_test(walks_share_their_answers),
        cmocka_unit_test(walks_are_bounded),
        cmocka_unit_test(the_result_names_what_applied),
        cmocka_unit_test(domains_beside_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
