/* authres_parse_test.c - Authentication-Results read, and every spelling of a forged identifier. */
#include "tests/support/support.h"

#include "mailseal/authres.h"
#include "mailseal/limits.h"

/* One text for all that was read: id/version|method/version=result{reason} ptype.property=value */
static struct str summary(struct arena *a, const struct authres *r)
{
    struct buf b;
    buf_init(&b, a, 65536);
    buf_printf(&b, "%.*s/%.*s%s", STR_FMT(r->authserv_id), STR_FMT(r->version), r->none ? "|none" : "");
    for (size_t i = 0; i < r->n_results; i++) {
        const struct authres_result *one = &r->results[i];
        buf_printf(&b, "|%.*s/%.*s=%.*s", STR_FMT(one->method), STR_FMT(one->version), STR_FMT(one->result));
        if (one->reason.n > 0)
            buf_printf(&b, "{%.*s}", STR_FMT(one->reason));
        for (size_t k = 0; k < one->n_props; k++)
            buf_printf(&b, " %.*s.%.*s=%.*s", STR_FMT(one->props[k].ptype), STR_FMT(one->props[k].property),
                       STR_FMT(one->props[k].value));
    }
    return buf_view(&b);
}

static const struct {
    const char *name;
    struct str in;
    bool want;
    const char *summary;
} fields[] = {
    { "none", STR(" mx.example.org; none"), true, "mx.example.org/|none" },
    { "none with version", STR("mx.example.org 1; NONE (x)"), true, "mx.example.org/1|none" },
    { "later version", STR("mx.example.org 2 ; none"), true, "mx.example.org/2|none" },
    { "one result", STR("a.b; spf=pass"), true, "a.b/|spf/=pass" },
    { "result with a property", STR("a.b; spf=pass smtp.mailfrom=example.com"), true, "a.b/|spf/=pass smtp.mailfrom=example.com" },
    { "several", STR("a.b; spf=pass smtp.mailfrom=x.y;\r\n\tdkim=fail reason=\"bad; sig\" header.d=x.y header.b=\"ab/c\\\"=\""),
      true, "a.b/|spf/=pass smtp.mailfrom=x.y|dkim/=fail{bad; sig} header.d=x.y header.b=ab/c\"=" },
    { "comments and folds everywhere",
      STR("(a)\r\n a.b (c(d)) 1 (e) ; (f) dkim (g) / (h) 1 (i) = (j) pass (k) reason (l) = (m) ok (n) header (o) . (p) i (q) = (r) "
          "@x.y (s)"),
      true, "a.b/1|dkim/1=pass{ok} header.i=@x.y" },
    { "comment right behind the result", STR("a.b; spf=pass(x)reason=y"), true, "a.b/|spf/=pass{y}" },
    { "quoted id", STR("\"a \\\"b\"; none"), true, "a \"b/|none" },
    { "semicolon at the end", STR("a.b; spf=pass ;"), true, "a.b/|spf/=pass" },
    { "no space at all", STR("a.b;spf=pass;dkim=none"), true, "a.b/|spf/=pass|dkim/=none" },
    { "case is kept", STR("A.B; SPF=Pass SMTP.MailFrom=X.Y"), true, "A.B/|SPF/=Pass SMTP.MailFrom=X.Y" },
    { "mailbox", STR("a.b; auth=pass smtp.auth=joe+x/y=z?@x.y"), true, "a.b/|auth/=pass smtp.auth=joe+x/y=z?@x.y" },
    { "quoted local part", STR("a.b; auth=pass smtp.auth=\"j \\\"d\"@x.y"), true, "a.b/|auth/=pass smtp.auth=\"j \\\"d\"@x.y" },
    { "quoted value", STR("a.b; auth=pass smtp.auth=\"j \\\"d\""), true, "a.b/|auth/=pass smtp.auth=j \"d" },
    { "bare base64", STR("a.b; dkim=pass header.b=a/b+c== header.s=s"), true, "a.b/|dkim/=pass header.b=a/b+c== header.s=s" },
    { "bare IPv6", STR("a.b; iprev=pass policy.iprev=2001:db8::1"), true, "a.b/|iprev/=pass policy.iprev=2001:db8::1" },
    { "UTF-8",
      STR("b\xc3\xbc"
          "cher.example; auth=pass smtp.auth=j\xc3\xb6@b\xc3\xbc"
          "cher.example"),
      true,
      "b\xc3\xbc"
      "cher.example/|auth/=pass smtp.auth=j\xc3\xb6@b\xc3\xbc"
      "cher.example" },
    { "empty quoted value", STR("a.b; spf=none smtp.mailfrom=\"\""), true, "a.b/|spf/=none smtp.mailfrom=" },
    { "unknown words", STR("a.b; x-new=odd what.ever=1"), true, "a.b/|x-new/=odd what.ever=1" },
    { "method named none", STR("a.b; none=pass"), true, "a.b/|none/=pass" },
    { "property named reason", STR("a.b; x=y reason.z=1"), true, "a.b/|x/=y reason.z=1" },

    /* The id could be read, the rest not. */
    { "id only", STR("a.b"), false, "a.b/" },
    { "id and semicolon", STR("a.b;"), false, "a.b/" },
    { "none twice", STR("a.b; none; none"), false, "a.b/" },
    { "none and a result", STR("a.b; none; spf=pass"), false, "a.b/" },
    { "a result and none", STR("a.b; spf=pass; none"), false, "a.b/" },
    { "empty element", STR("a.b; ; spf=pass"), false, "a.b/" },
    { "no result", STR("a.b; spf="), false, "a.b/" },
    { "no equals", STR("a.b; spf pass"), false, "a.b/" },
    { "quoted result", STR("a.b; spf=\"pass\""), false, "a.b/" },
    { "result runs on", STR("a.b; spf=pass!"), false, "a.b/" },
    { "hyphen ends a keyword", STR("a.b; spf-=pass"), false, "a.b/" },
    { "hyphen begins a keyword", STR("a.b; spf=-pass"), false, "a.b/" },
    { "two values", STR("a.b; spf=pass fail"), false, "a.b/" },
    { "reason behind a property", STR("a.b; spf=pass a.b=c reason=d"), false, "a.b/" },
    { "reason without value", STR("a.b; spf=pass reason="), false, "a.b/" },
    { "two reasons", STR("a.b; spf=pass reason=a reason=b"), false, "a.b/" },
    { "property without value", STR("a.b; spf=pass a.b="), false, "a.b/" },
    { "property without name", STR("a.b; spf=pass a.=b"), false, "a.b/" },
    { "property of three words", STR("a.b; spf=pass a.b.c=d"), false, "a.b/" },
    { "no ptype", STR("a.b; spf=pass action=none"), false, "a.b/" },
    { "@ without domain", STR("a.b; spf=pass a.b=c@"), false, "a.b/" },
    { "two @", STR("a.b; spf=pass a.b=c@d@e"), false, "a.b/" },
    { "angle", STR("a.b; spf=pass smtp.mailfrom=<>"), false, "a.b/" },
    { "quote not closed", STR("a.b; spf=pass a.b=\"c"), false, "a.b/" },
    { "comment not closed", STR("a.b; spf=pass (x"), false, "a.b/" },
    { "comment behind the id not closed", STR("a.b (x; spf=pass"), false, "a.b/" },
    { "comma", STR("a.b; spf=pass, dkim=pass"), false, "a.b/" },
    { "version with a dot", STR("a.b 1.0; none"), false, "a.b/1" },
    { "two versions", STR("a.b 1 1; none"), false, "a.b/1" },
    { "version no number", STR("a.b x; none"), false, "a.b/" },
    { "method version no number", STR("a.b; spf/x=pass"), false, "a.b/" },
    { "NUL", STR("a.b; spf=pass\0"), false, "a.b/" },

    /* No id. */
    { "nothing", STR(""), false, "/" },
    { "white space", STR(" \r\n "), false, "/" },
    { "semicolon first", STR("; spf=pass"), false, "/" },
    { "result first", STR("spf=pass smtp.mailfrom=x.y"), false, "/" },
    { "empty quoted id", STR("\"\"; none"), false, "/" },
    { "quoted id not closed", STR("\"a.b; none"), false, "/" },
    { "id runs on", STR("a.b/1; none"), false, "/" },
    { "comment not closed before the id", STR("(x a.b; none"), false, "/" },
};

static void fields_are_read_by_the_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(fields); i++) {
        struct arena *a = arena_new();
        struct authres r;
        ROW_INT(fields[i].name, authres_parse(a, fields[i].in, &r), fields[i].want);
        ROW_STR(fields[i].name, summary(a, &r), str_of(fields[i].summary));
        arena_free(a);
    }
}

static const struct {
    const char *name;
    struct str in;
    bool want;
} claims[] = {
    { "plain", STR(" mx.example.org; spf=pass"), true },
    { "cut into letters", STR("m x . e x a m p l e . o r g; spf=pass"), true },
    { "cut into letters by comments", STR("m(c)x(c).(c)e(c)x(c)a(c)m(c)p(c)l(c)e(c).(c)o(c)r(c)g; spf=pass"), true },
    { "its U-label cut into pieces", STR("(c)b\xc3(c)\xbc(c)ch(c)er(c).example; spf=pass"), true },
    { "its U-label cut before the first odd letter",
      STR("b \xc3\xbc"
          "cher.example 1;"),
      true },
    { "a foreign U-label", STR("m\xc3\xbcnchen.example 1; spf=pass"), false },
    { "its rest cannot be read", STR("mx.exam(c)\"ple.org 1; spf=pass"), true },
    { "its rest is escaped", STR("mx .example\\.org; spf=pass"), true },
    { "only its beginning", STR("mx; spf=pass"), false },
    { "the other id",
      STR(" b\xc3\xbc"
          "cher.example; spf=pass"),
      true },
    { "case", STR("MX.Example.ORG; spf=pass"), true },
    { "quoted", STR("\"mx.example.org\"; spf=pass"), true },
    { "quoted pairs", STR("\"\\m\\x.example\\.org\"; spf=pass"), true },
    { "white space in the quotes", STR("\" mx.example.org \"; spf=pass"), true },
    { "fold in the quotes", STR("\"mx.\r\n example.org\"; spf=pass"), true },
    { "comment before", STR("(hi)mx.example.org; spf=pass"), true },
    { "nested comments before", STR("(a (b\\)) c) (d) mx.example.org; spf=pass"), true },
    { "folded before", STR("\r\n\t\r\n mx.example.org\r\n ; spf=pass"), true },
    { "comment behind", STR("mx.example.org(x); spf=pass"), true },
    { "comment behind not closed", STR("mx.example.org (x; spf=pass"), true },
    { "final dot", STR("mx.example.org.; spf=pass"), true },
    { "final dots in quotes", STR("\"mx.example.org..\"; spf=pass"), true },
    { "version 1", STR("mx.example.org 1; spf=pass"), true },
    { "version 2", STR("mx.example.org 2; spf=pass"), true },
    { "version and comments", STR("mx.example.org (a) 1 (b); spf=pass"), true },
    { "odd version", STR("mx.example.org one; spf=pass"), true },
    { "A-label", STR("XN--bcher-kva.example; spf=pass"), true }, /* AR-11 */
    { "U-label in upper case, quoted",
      STR("\"B\xc3\x9c"
          "CHER.example\"; spf=pass"),
      true },
    { "decomposed U-label",
      STR("bu\xcc\x88"
          "cher.example; spf=pass"),
      true },
    { "full width letters", STR("\xef\xbd\x8dx.example.org; spf=pass"), true },
    { "soft hyphen", STR("mx.exam\xc2\xadple.org; spf=pass"), true },
    { "no results", STR("mx.example.org"), true },
    { "broken results", STR("mx.example.org; = ; =pass (("), true },
    { "none", STR("mx.example.org; none"), true },

    { "cut by a comment", STR("mx.example(x).org; spf=pass"), true },
    { "cut by a fold", STR("mx.\r\n example.org 1; spf=pass"), true },
    { "cut by quotes", STR("\"mx.\" \"example\" .org; spf=pass"), true },

    /* AR-23: not read far enough to tell. */
    { "nothing", STR(""), true },
    { "semicolon first", STR("; spf=pass"), true },
    { "result first", STR("spf=pass"), true },
    { "encoded word", STR("=?utf-8?q?mx.example.org?=; spf=pass"), true },
    { "comment not closed", STR("(mx.example.org; spf=pass"), true },
    { "quote not closed", STR("\"other.example; spf=pass"), true },
    { "NUL in the id", STR("mx.example.org\0; spf=pass"), true },
    { "NUL before the id", STR("\0mx.example.org; spf=pass"), true },
    { "id runs on", STR("other.example/1; spf=pass"), true },
    { "colon", STR("other.example:25; spf=pass"), true },

    /* AR-20: what others say of themselves stays. */
    { "foreign", STR("other.example; spf=pass"), false },
    { "foreign, no domain name", STR("\"other gateway\"; spf=pass"), false },
    { "foreign U-label",
      STR("b\xc3\xb6"
          "cher.example; spf=pass"),
      false },
    { "foreign, not UTF-8",
      STR("b\xfc"
          "cher.example; spf=pass"),
      false },
    { "foreign, broken results", STR("other.example; = ; ("), false },
    { "foreign, our id in a comment", STR("other.example (mx.example.org); spf=pass"), false },
    { "foreign, our id as a value", STR("other.example; spf=pass smtp.helo=mx.example.org"), false },
    { "ours is the end of it", STR("evil-mx.example.org; spf=pass"), false },
    { "ours is the parent", STR("a.mx.example.org; spf=pass"), false },
    { "ours is the beginning", STR("mx.example.org.evil.example; spf=pass"), false },
    { "foreign, our id as second word", STR("other.example mx.example.org; spf=pass"), false },
    { "foreign with version 1", STR("other.example 1; spf=pass"), false },
    { "foreign with version 01", STR("other.example (c) 01; spf=pass"), false },
    /* AR-22 */
    { "foreign with an unknown version", STR("other.example 2; spf=pass"), true },
    { "foreign with an unknown version, and garbage", STR("other.example 2 (c) ; ;;"), true },
    { "foreign with a huge version", STR("other.example 99999999999999999999999; none"), true },
};

static void a_field_claims_an_id_in_any_spelling(void **state)
{
    (void)state;
    const struct str ids[] = { STR("mx.example.org"), STR("b\xc3\xbc"
                                                          "cher.example") };
    for (size_t i = 0; i < ROWS(claims); i++) {
        struct arena *a = arena_new();
        ROW_INT(claims[i].name, authres_claims(a, claims[i].in, ids, ROWS(ids)), claims[i].want);
        arena_free(a);
    }
}

static void our_own_id_may_be_spelled_in_any_way_too(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct str ids[] = { STR("Mail Gateway"), STR("MX.Example.org."), STR("xn--bcher-kva.example") }; /* AR-26 */
    assert_true(authres_claims(a, STR("\"mail gateway\"; none"), ids, 3));
    assert_true(authres_claims(a, STR("mx.example.org; none"), ids, 3));
    assert_true(authres_claims(a,
                               STR("b\xc3\xbc"
                                   "cher.example; none"),
                               ids, 3));
    assert_false(authres_claims(a,
                                STR("b\xc3\xbc"
                                    "cher.example; none"),
                                ids, 2));
    assert_false(authres_claims(a, STR("mx.example.org; none"), ids, 0));
    /* What cannot be read behind a foreign beginning is still foreign, unless an id of ours is a U-label. */
    assert_false(authres_claims(a, STR("mx.example.com \"; spf=pass"), ids, 2));
    assert_true(authres_claims(a, STR("mx.example.com \"; spf=pass"), ids, 3));
    arena_free(a);
}

static void more_results_or_properties_than_the_limit_are_malformed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct authres r;
    struct buf results, props;
    buf_init(&results, a, 65536);
    buf_init(&props, a, 65536);
    buf_puts(&results, "a.b");
    buf_puts(&props, "a.b;x=y");
    for (int i = 0; i < 128; i++)
        buf_printf(&results, ";m%d=pass", i);
    for (int i = 0; i < 64; i++)
        buf_printf(&props, " p.k%d=v", i);
    assert_true(authres_parse(a, buf_view(&results), &r));
    assert_int_equal(r.n_results, 128);
    ROW_STR("last", r.results[127].method, STR("m127"));
    assert_true(authres_parse(a, buf_view(&props), &r));
    assert_int_equal(r.results[0].n_props, 64);
    ROW_STR("last", r.results[0].props[63].property, STR("k63"));
    buf_puts(&results, ";x=y");
    buf_puts(&props, " p.k=v");
    assert_false(authres_parse(a, buf_view(&results), &r));
    assert_int_equal(r.n_results, 0);
    assert_false(authres_parse(a, buf_view(&props), &r));
    ROW_STR("id", r.authserv_id, STR("a.b"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_by_the_grammar),
        cmocka_unit_test(a_field_claims_an_id_in_any_spelling),
        cmocka_unit_test(our_own_id_may_be_spelled_in_any_way_too),
        cmocka_unit_test(more_results_or_properties_than_the_limit_are_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
