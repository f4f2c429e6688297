/* dmarc_record_test.c - records as text: which are records, what each tag is worth, what a fault costs. */
#include "tests/support/support.h"

#include "mailseal/dmarc.h"
#include "mailseal/limits.h"

/* "p/sp/np", with "!" for not usable and "~" for acting as p=none, then what differs from the defaults. */
static struct str summary(struct arena *a, const struct dmarc_record *r)
{
    static const char *const psd[] = { "", " psd=y", " psd=n" };

    return str_printf(a, "%s%s%s/%s/%s%s%s%s%s%s%.*s%s%.*s%s%.*s", r->usable ? "" : "!", r->defect ? "~" : "",
                      name_of(dmarc_policy_names, r->p), name_of(dmarc_policy_names, r->sp), name_of(dmarc_policy_names, r->np),
                      r->strict_dkim ? " adkim=s" : "", r->strict_spf ? " aspf=s" : "", psd[r->psd], r->testing ? " t=y" : "",
                      r->rua.n > 0 ? " rua=" : "", STR_FMT(r->rua), r->ruf.n > 0 ? " ruf=" : "", STR_FMT(r->ruf),
                      r->fo.n > 0 ? " fo=" : "", STR_FMT(r->fo));
}

struct row {
    const char *name, *text;
    const char *want;   /* summary; NULL: not a DMARC record */
    const char *remark; /* NULL: none */
};

static const struct row rows[] = {
    /* D-12: the first tag decides, the value of v exactly, its name in any case */
    { "plain", "v=DMARC1; p=reject", "reject/reject/reject", NULL },
    { "longer version", "v=DMARC1x; p=reject", NULL, NULL },
    { "version in lower case", "v=dmarc1; p=reject", NULL, NULL },
    { "version second", "p=reject; v=DMARC1", NULL, NULL },
    { "no separator behind the version", "v=DMARC1 p=reject", NULL, NULL },
    { "empty version", "v=; p=reject", NULL, NULL },
    { "another protocol", "v=spf1 -all", NULL, NULL },
    { "empty text", "", NULL, NULL },
    { "an element before the version", "; v=DMARC1; p=reject", NULL, NULL },
    { "no tag before the version", "DMARC1; v=DMARC1; p=reject", NULL, NULL },
    { "name of the version in upper case", "V=DMARC1;p=reject", "reject/reject/reject", NULL },
    /* D-24: white space around */
    { "white space around", " \tv = DMARC1 ; p\t=\treject ;\t", "reject/reject/reject", NULL },
    /* 4.8: literals without regard to case, D-22: order is free */
    { "upper case tags and values", "v=DMARC1;SP=None;P=Reject;ADKIM=S;AsPf=S;PSD=N;T=Y",
      "reject/none/none adkim=s aspf=s psd=n t=y", NULL },
    { "psd=y", "v=DMARC1; p=none; psd=y", "none/none/none psd=y", NULL },
    { "psd=u", "v=DMARC1; p=none; psd=u; t=n; adkim=r; aspf=r", "none/none/none", NULL },
    /* D-53: np falls back to sp, sp to p */
    { "sp without np", "v=DMARC1; p=reject; sp=quarantine", "reject/quarantine/quarantine", NULL },
    { "np without sp", "v=DMARC1; p=none; np=reject", "none/none/reject", NULL },
    { "all three", "v=DMARC1; p=none; sp=quarantine; np=reject", "none/quarantine/reject", NULL },
    /* D-20, D-75: unknown and historic tags */
    { "unknown tags", "v=DMARC1; p=reject; pct=0; rf=afrf; ri=86400; x=y; future=1", "reject/reject/reject", NULL },
    /* D-21: faults behind v= cost the tag only; D-74 */
    { "faulty modes", "v=DMARC1; p=reject; adkim=x; aspf=rs; psd=maybe; t=yes", "reject/reject/reject",
      "the value of adkim is not valid: taken as r" },
    { "faulty aspf", "v=DMARC1; p=none; aspf=", "none/none/none", "the value of aspf is not valid: taken as r" },
    { "faulty psd", "v=DMARC1; p=none; psd=maybe", "none/none/none", "the value of psd is not valid: taken as u" },
    { "faulty t", "v=DMARC1; p=none; t=1", "none/none/none", "the value of t is not valid: taken as n" },
    { "an element without =", "v=DMARC1; p=none; bogus; t=y", "none/none/none t=y", "it holds text that is no tag: ignored" },
    { "a name with a digit", "v=DMARC1; p=none; t1=y", "none/none/none", "it holds text that is no tag: ignored" },
    { "empty elements", "v=DMARC1;; p=none ;;", "none/none/none", NULL },
    /* D-25: bytes outside the grammar */
    { "8-bit byte", "v=DMARC1; p=reject; t=\xc3\xbf; adkim=s", "reject/reject/reject adkim=s",
      "the value of t is not valid: taken as n" },
    { "control character in p", "v=DMARC1; p=reject\x01", "!none/none/none", "the value of p is not valid" },
    /* D-23: repeated tags */
    { "repeated, equal", "v=DMARC1; p=reject; p=Reject", "reject/reject/reject", NULL },
    { "repeated, different", "v=DMARC1; p=none; p=reject", "!none/none/none", "the value of p is not valid" },
    { "repeated, different, rua", "v=DMARC1; p=none; p=reject; rua=mailto:d@example.com",
      "~none/none/none rua=mailto:d@example.com", "the value of p is not valid" },
    { "repeated mode", "v=DMARC1; p=none; adkim=s; adkim=r", "none/none/none", "the value of adkim is not valid: taken as r" },
    { "version again", "v=DMARC1; p=none; v=DMARC2", "none/none/none", NULL },
    /* D-30, D-31: no usable p */
    { "version alone", "v=DMARC1", "!none/none/none", "there is no p tag" },
    { "no p, rua", "v=DMARC1; rua=mailto:d@example.com", "~none/none/none rua=mailto:d@example.com", "there is no p tag" },
    { "no p, no rua, ruf", "v=DMARC1; ruf=mailto:d@example.com", "!none/none/none ruf=mailto:d@example.com", "there is no p tag" },
    { "unknown p", "v=DMARC1; p=discard", "!none/none/none", "the value of p is not valid" },
    { "empty np", "v=DMARC1; p=reject; np=", "!none/none/none", "the value of np is not valid" },
    /* D-32, D-33: the record as a whole acts as p=none, its other tags hold */
    { "bad sp, rua", "v=DMARC1; p=reject; sp=bogus; rua=mailto:d@example.com; adkim=s",
      "~none/none/none adkim=s rua=mailto:d@example.com", "the value of sp is not valid" },
    { "bad np, rua", "v=DMARC1; p=reject; sp=reject; np=x; rua=mailto:d@example.com", "~none/none/none rua=mailto:d@example.com",
      "the value of np is not valid" },
    { "bad sp, bad rua", "v=DMARC1; p=reject; sp=bogus; rua=nobody", "!none/none/none", "the value of sp is not valid" },
    /* 4.7 rua: what no report can be sent to is ignored, so it is no valid rua */
    { "rua of another scheme", "v=DMARC1; p=x; rua=https://example.com/r?a=b#c", "!none/none/none", "the value of p is not valid" },
    { "one of them is good", "v=DMARC1; p=x; rua=https://example.com/r,MAILTO:d@example.com?subject=x",
      "~none/none/none rua=https://example.com/r,MAILTO:d@example.com?subject=x", "the value of p is not valid" },
    /* D-21: entries of rua are dropped one by one */
    { "one good entry", "v=DMARC1; rua=bogus, mailto:d@example.com!10m", "~none/none/none rua=bogus, mailto:d@example.com!10m",
      "there is no p tag" },
    { "a bad entry is named", "v=DMARC1; p=none; rua=mailto:d@example.com,bogus", "none/none/none rua=mailto:d@example.com,bogus",
      "an entry of rua is not a mailto: URI: ignored" },
    { "size without unit", "v=DMARC1; p=none; rua=mailto:d@example.com!5000", "none/none/none rua=mailto:d@example.com!5000",
      NULL },
    { "size of nothing", "v=DMARC1; p=none; rua=mailto:d@example.com!", "none/none/none",
      "an entry of rua is not a mailto: URI: ignored" },
    { "bad percent encoding", "v=DMARC1; p=none; rua=mailto:d%4@example.com", "none/none/none",
      "an entry of rua is not a mailto: URI: ignored" },
    { "good percent encoding", "v=DMARC1; p=none; rua=mailto:d%21@example.com", "none/none/none rua=mailto:d%21@example.com",
      NULL },
    { "space inside a URI", "v=DMARC1; p=none; ruf=mailto:d @example.com", "none/none/none",
      "an entry of ruf is not a mailto: URI: ignored" },
    { "two fragments", "v=DMARC1; p=none; rua=mailto:a#b#c", "none/none/none", "an entry of rua is not a mailto: URI: ignored" },
    { "no scheme", "v=DMARC1; p=none; rua=d@example.com", "none/none/none", "an entry of rua is not a mailto: URI: ignored" },
    { "tabs in the list", "v=DMARC1; p=none; rua=mailto:a@example.com\t,\tmailto:b@example.com",
      "none/none/none rua=mailto:a@example.com\t,\tmailto:b@example.com", NULL },
    /* 4.7 fo: ignored without ruf, letters once, 0 and 1 exclude each other */
    { "fo", "v=DMARC1; p=none; ruf=mailto:d@example.com; fo=1:D:s", "none/none/none ruf=mailto:d@example.com fo=1:D:s", NULL },
    { "fo without ruf", "v=DMARC1; p=none; fo=1", "none/none/none", NULL },
    { "fo 0 and 1", "v=DMARC1; p=none; ruf=mailto:d@example.com; fo=0:1", "none/none/none ruf=mailto:d@example.com",
      "the value of fo is not valid: taken as 0" },
    { "fo twice d", "v=DMARC1; p=none; ruf=mailto:d@example.com; fo=d:d", "none/none/none ruf=mailto:d@example.com",
      "the value of fo is not valid: taken as 0" },
    { "fo without separator", "v=DMARC1; p=none; ruf=mailto:d@example.com; fo=ds", "none/none/none ruf=mailto:d@example.com",
      "the value of fo is not valid: taken as 0" },
};

static void each_record_is_read_as_written(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct dmarc_record r;

        if (dmarc_record_parse(a, str_of(row->text), &r) != (row->want != NULL))
            fail_msg("%s: want %s", row->name, row->want != NULL ? "a record" : "none");
        if (row->want == NULL)
            continue;
        ROW_STR(row->name, summary(a, &r), str_of(row->want));
        ROW_STR(row->name, str_of(r.remark), str_of(row->remark));
        ROW_STR(row->name, r.text, str_of(row->text));
    }
    arena_free(a);
}

/* D-26 */
static void too_many_elements_are_no_record(void **state)
{
    struct arena *a = arena_new();
    struct dmarc_record r;
    char text[4 * LIMIT_TAGS + 32] = "v=DMARC1;p=reject";

    (void)state;
    for (int i = 2; i < LIMIT_TAGS; i++)
        strcat(text, ";x=y");
    assert_true(dmarc_record_parse(a, str_of(text), &r));
    strcat(text, ";");
    assert_false(dmarc_record_parse(a, str_of(text), &r));
    arena_free(a);
}

/* D-26 */
static void a_text_beyond_the_limit_is_no_record(void **state)
{
    struct arena *a = arena_new();
    struct dmarc_record r;
    size_t n = LIMIT_DMARC_RECORD;
    char *text = malloc(n + 1);

    (void)state;
    memset(text, ' ', n + 1);
    memcpy(text, "v=DMARC1;p=reject;", 18);
    assert_true(dmarc_record_parse(a, (struct str){ text, n }, &r));
    assert_false(dmarc_record_parse(a, (struct str){ text, n + 1 }, &r));
    free(text);
    arena_free(a);
}

static void the_record_does_not_borrow_its_text(void **state)
{
    struct arena *a = arena_new();
    struct dmarc_record r;
    char text[] = "v=DMARC1; p=none; rua=mailto:d@example.com";

    (void)state;
    assert_true(dmarc_record_parse(a, str_of(text), &r));
    memset(text, 'x', sizeof(text) - 1);
    ROW_STR("rua", r.rua, STR("mailto:d@example.com"));
    ROW_STR("text", r.text, STR("v=DMARC1; p=none; rua=mailto:d@example.com"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_record_is_read_as_written),
        cmocka_unit_test(too_many_elements_are_no_record),
        cmocka_unit_test(a_text_beyond_the_limit_is_no_record),
        cmocka_unit_test(the_record_does_not_borrow_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
