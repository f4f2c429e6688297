/* spf_record_test.c - the record: what is one, what is valid in it, and every kind of syntax error. */
#include "tests/support/support.h"

#include "milter/spf/spf_int.h"

static const struct {
    const char *name;
    struct str in;
    bool want;
} versions[] = {
    /* SP-12 */
    { "version alone", STR("v=spf1"), true },
    { "version and space", STR("v=spf1 "), true },
    { "version and terms", STR("v=spf1 -all"), true },
    { "upper case", STR("V=SPF1 -all"), true },
    { "nothing behind it but a space", STR("v=spf1-all"), false },
    { "another version", STR("v=spf10"), false },
    { "spf2.0", STR("spf2.0/mfrom -all"), false },
    { "space in front", STR(" v=spf1 -all"), false },
    { "tab behind", STR("v=spf1\t-all"), false },
    { "empty", STR(""), false },
    { "prefix", STR("v=spf"), false },
};

static void a_record_begins_with_its_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++)
        ROW_INT(versions[i].name, spf_record_is(versions[i].in), versions[i].want);
}

/* A row is the text behind "v=spf1 ". */
struct row {
    const char *in;
    const char *reason; /* part of it; NULL when the record is valid */
};

static const struct row syntax[] = {
    /* SP-15: spaces, and case */
    { "", NULL },
    { "   ", NULL },
    { "  a   mx  ", NULL },
    { "A MX Ptr ALL", NULL },
    { "INCLUDE:a.example Exists:a.example IP4:192.0.2.1 ip6:::1 REDIRECT=a.example", NULL },
    { "a\tmx", "printable" },
    { "a\r\n", "printable" },
    { "a:ex\x01.example", "printable" },
    { "a \x7f", "printable" },
    { "\xc3\xa9", "printable" },
    { "-all \xff", "printable" },

    /* qualifiers */
    { "+a -a ~a ?a", NULL },
    { "+-a", "unknown mechanism" },
    { "!a", "unknown mechanism" },
    { "-", "unknown mechanism" },
    { "- all", "unknown mechanism" },

    /* all */
    { "all.", "unknown mechanism" },
    { "all:x.example", "may not have" },
    { "all:", "may not have" },
    { "all/8", "may not have" },
    { "alle", "unknown mechanism" },

    /* include, exists */
    { "include:a.example", NULL },
    { "include", "without domain name" },
    { "include:", "empty domain name" },
    { "include/24", "may not have" },
    { "include:a.example/24", "last label" },
    { "exists", "without domain name" },
    { "exists:", "empty domain name" },
    { "exists:%{i}.a.example", NULL },
    { "exists:a.example/24", "last label" },

    /* a, mx and their prefix lengths: SP-22 */
    { "a mx", NULL },
    { "a/0 a/32 a//0 a//128 a/24//64", NULL },
    { "a:a.example/0 mx:a.example/32//128", NULL },
    { "a/", "may not have" },
    { "a//", "may not have" },
    { "a/33", "prefix length" },
    { "a//129", "prefix length" },
    { "a/024", "prefix length" },
    { "a//064", "prefix length" },
    { "a/00", "prefix length" },
    { "a/-1", "may not have" },
    { "a/24/64", "prefix length" },
    { "a//64/24", "may not have" },
    { "a/24//", "may not have" },
    { "a/24//64//64", "prefix length" },
    { "a/24///64", "may not have" },
    { "a/99999999999999999999", "prefix length" },
    { "a:", "empty domain name" },
    { "a:/24", "empty domain name" },
    { "a:a.example/", "last label" },
    { "a:a.example/x", "last label" },
    { "mx/33", "prefix length" },
    { "mx:a.example/24/24", "last label" },
    { "a:b/c.example/24", NULL },
    { "a:%{d1/}", NULL },
    { "a:%{d1/}/24", NULL },

    /* ptr */
    { "ptr ptr:a.example", NULL },
    { "ptr/24", "may not have" },
    { "ptr:", "empty domain name" },
    { "ptr:a.example/24", "last label" },

    /* ip4, ip6 */
    { "ip4:192.0.2.1 ip4:192.0.2.0/24 ip4:0.0.0.0/0 ip4:192.0.2.1/32", NULL },
    { "ip4", "network address" },
    { "ip4:", "network address" },
    { "ip4/24", "network address" },
    { "ip4:192.0.2", "network address" },
    { "ip4:192.0.2.1.1", "network address" },
    { "ip4:192.0.2.256", "network address" },
    { "ip4:192.0.2.01", "network address" },
    { "ip4:192.0.2.1/33", "network address" },
    { "ip4:192.0.2.1/032", "network address" },
    { "ip4:192.0.2.1/", "network address" },
    { "ip4:192.0.2.1//24", "network address" },
    { "ip4:192.0.2.1:25", "network address" },
    { "ip4:2001:db8::1", "network address" },
    { "ip4:a.example", "network address" },
    { "ip4: 192.0.2.1", "network address" },
    { "ip6:2001:db8::1 ip6:2001:db8::/32 ip6:::/0 ip6:::1/128 ip6:::ffff:192.0.2.1", NULL },
    { "ip6:192.0.2.1", "network address" },
    { "ip6:2001:db8:::1", "network address" },
    { "ip6:2001:db8::/129", "network address" },
    { "ip6:2001:db8::/048", "network address" },
    { "ip6:fe80::1%eth0", "network address" },
    { "ip6:2001:db8::1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", "network address" },
    { "ip6", "network address" },

    /* domain-spec */
    { "a:example", "without a dot" },
    { "a:example.", "without a dot" },
    { "a:.example", NULL },
    { "a:a.example.", NULL },
    { "a:a.example..", "last label" },
    { "a:192.0.2.1", "last label" },
    { "a:a.123", "last label" },
    { "a:a.1a", NULL },
    { "a:a.-ab", "last label" },
    { "a:a.ab-", "last label" },
    { "a:a.a-b", NULL },
    { "a:a.xn--zckzah", NULL },
    { "a:a.ab_c", "last label" },
    { "a:a.example:25", "last label" },
    { "a:foo:bar/baz.example", NULL },
    { "a:a..example", NULL },
    { "a:%{d}", NULL },
    { "a:%{d}.", "without a dot" },
    { "a:%{d}x", "without a dot" },
    { "a:%{d}.x.example", NULL },
    { "a:x.%{d}", NULL },
    { "a:%%", "without a dot" },
    { "a:a.example%_", "without a dot" },
    { "a:a%-b.example", NULL },
    { "a:%{c}", "explanations only" },
    { "a:%{x}", "unknown macro letter" },
    { "a:%{d0}", "keeps 0 parts" },
    { "a:%{d", "closing brace" },
    { "a:%d", "begins no macro" },
    { "a:%", "begins no macro" },

    /* modifiers: SP-14 */
    { "redirect=a.example", NULL },
    { "redirect=a.example -all", NULL },
    { "redirect=", "empty domain name" },
    { "redirect=example", "without a dot" },
    { "redirect:a.example", "unknown mechanism" },
    { "redirect", "unknown mechanism" },
    { "?redirect=a.example", "unknown mechanism" },
    { "redirect=a.example redirect=a.example", "second" },
    { "redirect=a.example/24", "last label" },
    { "exp=a.example", NULL },
    { "exp=%{i}.%{d}", NULL },
    { "exp=", "empty domain name" },
    { "exp=-all", "without a dot" },
    { "exp=%{r}.example", "explanations only" },
    { "exp=a.example EXP=b.example", "second" },
    { "exp:a.example", "unknown mechanism" },
    { "moo=", NULL },
    { "moo=x moo=x", NULL },
    { "m-o_o.1=%{d}%%:/", NULL },
    { "default=pass", NULL },
    { "moo=a=b", NULL },
    { "ip4=192.0.2.1", NULL },
    { "1moo=x", "unknown mechanism" },
    { "=x", "unknown mechanism" },
    { "-moo=x", "unknown mechanism" },
    { "mo+o=x", "unknown mechanism" },
    { "moo=%", "begins no macro" },
    { "moo=%{x}", "unknown macro letter" },
    { "moo=%{t}", "explanations only" },
    { "moo", "unknown mechanism" },

    /* SP-14: an error anywhere counts, also behind a term that matches. */
    { "all foo", "unknown mechanism" },
    { "+all ip4:1.2.3", "network address" },
    { "all moo=%{", "closing brace" },
    { "a:a.example=b", "last label" },
};

static void every_syntax_error_is_found(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < ROWS(syntax); i++) {
        struct spf_record r;
        struct str text = str_printf(a, "v=spf1 %s", syntax[i].in);
        bool ok = spf_record_parse(a, text, &r);
        if (ok != (syntax[i].reason == NULL))
            fail_msg("'%s': %s", syntax[i].in, ok ? "is accepted" : r.reason);
        if (!ok && strstr(r.reason, syntax[i].reason) == NULL)
            fail_msg("'%s': want '%s', got '%s'", syntax[i].in, syntax[i].reason, r.reason);
    }
    arena_free(a);
}

/* A NUL is a byte like others: it ends nothing. */
static void a_nul_is_refused(void **state)
{
    struct arena *a = arena_new();
    struct spf_record r;
    (void)state;
    assert_false(spf_record_parse(a, STR("v=spf1 a:a.example\0"), &r));
    assert_false(spf_record_parse(a, STR("v=spf1 ip4:192.0.2.1\0"), &r));
    assert_false(spf_record_parse(a, STR("v=spf1 mo\0o=x"), &r));
    assert_false(spf_record_parse(a, STR("v=spf1 \0"), &r));
    arena_free(a);
}

static void terms_are_read_in_full(void **state)
{
    struct arena *a = arena_new();
    struct spf_record r;
    (void)state;
    assert_true(spf_record_parse(a, STR("v=spf1 redirect=r.example ?a:x.example/20//56 -ip6:2001:db8::/32 exp=e.example ~mx"), &r));
    assert_int_equal(r.n, 4);
    ROW_INT("kind", r.terms[0].kind, SPF_A);
    ROW_INT("code", r.terms[0].code, AUTH_NEUTRAL);
    ROW_INT("bits4", r.terms[0].bits4, 20);
    ROW_INT("bits6", r.terms[0].bits6, 56);
    ROW_STR("spec", r.terms[0].spec, STR("x.example"));
    ROW_STR("text", r.terms[0].text, STR("?a:x.example/20//56"));
    ROW_INT("kind", r.terms[1].kind, SPF_IP6);
    ROW_INT("code", r.terms[1].code, AUTH_FAIL);
    ROW_INT("family", r.terms[1].net.family, 6);
    ROW_INT("byte", r.terms[1].net.b[1], 0x01);
    ROW_INT("bits6", r.terms[1].bits6, 32);
    ROW_INT("kind", r.terms[2].kind, SPF_MX);
    ROW_INT("code", r.terms[2].code, AUTH_SOFTFAIL);
    ROW_INT("bits4", r.terms[2].bits4, 32);
    ROW_INT("bits6", r.terms[2].bits6, 128);
    ROW_STR("spec", r.terms[2].spec, STR_NONE);
    /* RFC 7208 6.1: the redirect comes last, wherever it stands. */
    ROW_INT("kind", r.terms[3].kind, SPF_REDIRECT);
    ROW_STR("spec", r.terms[3].spec, STR("r.example"));
    ROW_STR("exp", r.exp, STR("e.example"));
    arena_free(a);
}

static void the_term_at_fault_is_named(void **state)
{
    struct arena *a = arena_new();
    struct spf_record r;
    (void)state;
    assert_false(spf_record_parse(a, STR("v=spf1 a mx:b.example/99 -all"), &r));
    ROW_STR("problem", r.problem, STR("mx:b.example/99"));
    arena_free(a);
}

static struct str filled(struct arena *a, size_t n, const char *unit)
{
    char *p = arena_alloc(a, n);
    size_t m = strlen(unit);
    memcpy(p, "v=spf1", 6);
    for (size_t i = 6; i < n; i++)
        p[i] = unit[(i - 6) % m];
    return (struct str){ p, n };
}

static void length_and_terms_are_limited(void **state)
{
    struct arena *a = arena_new();
    struct spf_record r;
    (void)state;
    assert_true(spf_record_parse(a, filled(a, LIMIT_SPF_RECORD - 1, " "), &r));
    assert_true(spf_record_parse(a, filled(a, LIMIT_SPF_RECORD, " "), &r));
    assert_false(spf_record_parse(a, filled(a, LIMIT_SPF_RECORD + 1, " "), &r));
    assert_non_null(strstr(r.reason, "4096"));
    assert_true(spf_record_parse(a, filled(a, 6 + (LIMIT_SPF_RECORD_TERMS - 1) * 2, " a"), &r));
    assert_int_equal(r.n, LIMIT_SPF_RECORD_TERMS - 1);
    assert_true(spf_record_parse(a, filled(a, 6 + LIMIT_SPF_RECORD_TERMS * 2, " a"), &r));
    assert_int_equal(r.n, LIMIT_SPF_RECORD_TERMS);
    assert_false(spf_record_parse(a, filled(a, 6 + (LIMIT_SPF_RECORD_TERMS + 1) * 2, " a"), &r));
    assert_non_null(strstr(r.reason, "512"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_begins_with_its_version),
        cmocka_unit_test(every_syntax_error_is_found),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(terms_are_read_in_full),
        cmocka_unit_test(the_term_at_fault_is_named),
        cmocka_unit_test(length_and_terms_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
