/* spf_eval_test.c - check_host(): identities, records, results, nesting, explanations. */
#include "tests/spf/zone.h"

static const char zone_text[] =
    "{"
    "'pass.example': {'TXT': ['v=spf1 +all']}, 'fail.example': {'TXT': ['v=spf1 -all']},"
    "'soft.example': {'TXT': ['v=spf1 ~all']}, 'neutral.example': {'TXT': ['v=spf1 ?all']},"
    "'empty.example': {'TXT': ['v=spf1']}, 'default.example': {'TXT': ['v=spf1 ip4:203.0.113.0/24']},"
    "'upper.example': {'TXT': ['V=SPF1 -ALL']},"
    "'none.example': {'TXT': ['hello', 'v=spf10 -all', ' v=spf1 -all']}, 'notxt.example': {'A': ['192.0.2.1']},"
    "'other.example': {'TXT': ['hello', 'v=spf1 -all', 'v=spf1-all', '\\u00e9']},"
    "'two.example': {'TXT': ['v=spf1 -all', 'V=spf1 +all']}, 'joined.example': {'TXT': [['v=spf', '1 -', 'all']]},"
    "'glued.example': {'TXT': [['v=spf1 ip4:192.0.2.1', '-all']]},"
    "'slow.example': 'TIMEOUT', 'broken.example': {'TXT': 'SERVFAIL'},"
    "'syntax.example': {'TXT': ['v=spf1 +all foo:bar']},"
    "'xn--bcher-kva.example': {'TXT': ['v=spf1 -all']},"
    "'alias.example': {'CNAME': ['fail.example']},"
    "'localhost': {'TXT': ['v=spf1 -all']}, '192.0.2.1': {'TXT': ['v=spf1 -all']},"
    "'helo.example': {'TXT': ['v=spf1 exists:%{l}.%{o}.l.example -all']}, 'postmaster.helo.example.l.example': {'A': "
    "['127.0.0.2']},"
    "'post.example': {'TXT': ['v=spf1 exists:%{s}.s.example -all']}, 'postmaster@post.example.s.example': {'A': ['127.0.0.2']},"

    "'inc-pass.example': {'TXT': ['v=spf1 ?include:pass.example -all']},"
    "'inc-fail.example': {'TXT': ['v=spf1 include:fail.example ~all']},"
    "'inc-soft.example': {'TXT': ['v=spf1 include:soft.example -all']},"
    "'inc-neutral.example': {'TXT': ['v=spf1 include:neutral.example -all']},"
    "'inc-none.example': {'TXT': ['v=spf1 include:none.example -all']},"
    "'inc-gone.example': {'TXT': ['v=spf1 include:gone.invalid +all']},"
    "'inc-temp.example': {'TXT': ['v=spf1 include:slow.example +all']},"
    "'inc-perm.example': {'TXT': ['v=spf1 include:syntax.example +all']},"
    "'inc-two.example': {'TXT': ['v=spf1 include:two.example +all']},"
    "'inc-bad.example': {'TXT': ['v=spf1 include:a..example +all']},"
    "'inc-label.example': {'TXT': ['v=spf1 include:%{d1}. +all']},"
    "'inc-late.example': {'TXT': ['v=spf1 ip4:192.0.2.1 include:slow.example']},"
    "'inc-short.example': {'TXT': ['v=spf1 include:%{h} +all']},"
    "'inc-then.example': {'TXT': ['v=spf1 include:fail.example a:slow.example -all']},"
    "'inc-deep.example': {'TXT': ['v=spf1 include:inc-fail.example include:inc-pass.example -all']},"

    "'red-pass.example': {'TXT': ['v=spf1 redirect=pass.example']},"
    "'red-fail.example': {'TXT': ['v=spf1 redirect=fail.example ip4:203.0.113.1']},"
    "'red-early.example': {'TXT': ['v=spf1 redirect=fail.example ip4:192.0.2.1']},"
    "'red-all.example': {'TXT': ['v=spf1 redirect=pass.example ~all']},"
    "'red-none.example': {'TXT': ['v=spf1 redirect=none.example']},"
    "'red-gone.example': {'TXT': ['v=spf1 redirect=gone.invalid']},"
    "'red-temp.example': {'TXT': ['v=spf1 redirect=slow.example']},"
    "'red-perm.example': {'TXT': ['v=spf1 redirect=syntax.example']},"
    "'red-bad.example': {'TXT': ['v=spf1 redirect=a..example']},"
    "'red-default.example': {'TXT': ['v=spf1 redirect=default.example']},"
    "'red-d.example': {'TXT': ['v=spf1 redirect=d.example']}, 'd.example': {'TXT': ['v=spf1 a:%{d}.x.example a:%{o}.y.example "
    "-all']},"
    "'d.example.x.example': {'A': ['192.0.2.1']}, 'red-d.example.y.example': {'A': ['192.0.2.2']},"
    "'d2.example': {'A': ['192.0.2.1'], 'TXT': ['v=spf1 redirect=d3.example']},"
    "'d3.example': {'A': ['192.0.2.3'], 'TXT': ['v=spf1 a -all']},"
    "'d4.example': {'TXT': ['v=spf1 include:d3.example -all']},"

    "'loop.example': {'TXT': ['v=spf1 include:loop.example -all']}, 'rloop.example': {'TXT': ['v=spf1 redirect=rloop.example']},"
    "'mutual1.example': {'TXT': ['v=spf1 include:mutual2.example']}, 'mutual2.example': {'TXT': ['v=spf1 "
    "redirect=mutual1.example']},"
    "'users.example': {'TXT': ['v=spf1 -exists:%{l}.u.example -exists:%{S}.u.example ?all']}"
    "}";

#define IP "192.0.2.1"

static const struct {
    const char *name;
    struct question q;
    enum auth_code want;
    const char *domain, *mechanism, *reason; /* a part of the reason */
} rows[] = {
    /* RFC 7208 2.6, 4.6.2: the results */
    { "pass", { IP, "h.example", "<a@pass.example>", 0 }, AUTH_PASS, "pass.example", "+all", "permits" },
    { "fail", { IP, "h.example", "<a@fail.example>", 0 }, AUTH_FAIL, "fail.example", "-all", "forbids" },
    { "softfail", { IP, "h.example", "<a@soft.example>", 0 }, AUTH_SOFTFAIL, "soft.example", "~all", "probably" },
    { "neutral", { IP, "h.example", "<a@neutral.example>", 0 }, AUTH_NEUTRAL, "neutral.example", "?all", "nothing" },
    { "no term", { IP, "h.example", "<a@empty.example>", 0 }, AUTH_NEUTRAL, "empty.example", "default", "no term" },
    { "no match", { IP, "h.example", "<a@default.example>", 0 }, AUTH_NEUTRAL, "default.example", "default", "no term" },

    /* SP-10, SP-12: the record */
    { "no record", { IP, "h.example", "<a@none.example>", 0 }, AUTH_NONE, "none.example", "", "no SPF record" },
    { "no TXT", { IP, "h.example", "<a@notxt.example>", 0 }, AUTH_NONE, "notxt.example", "", "no SPF record" },
    { "no domain", { IP, "h.example", "<a@gone.invalid>", 0 }, AUTH_NONE, "gone.invalid", "", "does not exist" },
    { "other texts", { IP, "h.example", "<a@other.example>", 0 }, AUTH_FAIL, "other.example", "-all", "forbids" },
    { "case of record", { IP, "h.example", "<a@upper.example>", 0 }, AUTH_FAIL, "upper.example", "-ALL", "forbids" },
    { "case of domain", { IP, "h.example", "<a@FAIL.Example.>", 0 }, AUTH_FAIL, "fail.example", "-all", "forbids" },
    { "two records", { IP, "h.example", "<a@two.example>", 0 }, AUTH_PERMERROR, "two.example", "", "several SPF records" },
    /* SP-13 */
    { "strings are joined", { IP, "h.example", "<a@joined.example>", 0 }, AUTH_FAIL, "joined.example", "-all", "forbids" },
    { "without a space",
      { IP, "h.example", "<a@glued.example>", 0 },
      AUTH_PERMERROR,
      "glued.example",
      "ip4:192.0.2.1-all",
      "network" },
    { "alias", { IP, "h.example", "<a@alias.example>", 0 }, AUTH_FAIL, "alias.example", "-all", "forbids" },
    /* SP-11 */
    { "time-out", { IP, "h.example", "<a@slow.example>", 0 }, AUTH_TEMPERROR, "slow.example", "", "time-out" },
    { "SERVFAIL", { IP, "h.example", "<a@broken.example>", 0 }, AUTH_TEMPERROR, "broken.example", "", "SERVFAIL" },
    /* SP-14 */
    { "syntax", { IP, "h.example", "<a@syntax.example>", 0 }, AUTH_PERMERROR, "syntax.example", "foo:bar", "unknown mechanism" },

    /* SP-2: HELO */
    { "HELO", { IP, "helo.example", NULL, 0 }, AUTH_PASS, "helo.example", "exists:%{l}.%{o}.l.example", "permits" },
    { "HELO, case and dot", { IP, "HELO.Example.", NULL, 0 }, AUTH_PASS, "helo.example", "exists:%{l}.%{o}.l.example", "permits" },
    { "HELO, address literal", { IP, "[192.0.2.1]", NULL, 0 }, AUTH_NONE, "[192.0.2.1]", "", "HELO" },
    { "HELO, IPv6 literal", { IP, "[IPv6:2001:db8::1]", NULL, 0 }, AUTH_NONE, "[IPv6:2001:db8::1]", "", "HELO" },
    { "HELO, address", { IP, "192.0.2.1", NULL, 0 }, AUTH_NONE, "192.0.2.1", "", "HELO" },
    { "HELO, one label", { IP, "localhost", NULL, 0 }, AUTH_NONE, "localhost", "", "HELO" },
    { "HELO, one label and dot", { IP, "localhost.", NULL, 0 }, AUTH_NONE, "localhost.", "", "HELO" },
    { "HELO, empty", { IP, "", NULL, 0 }, AUTH_NONE, "", "", "HELO" },
    { "HELO, no name", { IP, "a b.example", NULL, 0 }, AUTH_NONE, "a b.example", "", "HELO" },
    { "HELO, empty label", { IP, "a..example", NULL, 0 }, AUTH_NONE, "a..example", "", "HELO" },
    { "HELO, U-label",
      { IP,
        "b\xc3\xbc"
        "cher.example",
        NULL, 0 },
      AUTH_FAIL,
      "xn--bcher-kva.example",
      "-all",
      "forbids" },
    /* SP-3 */
    { "null sender", { IP, "helo.example", "<>", 0 }, AUTH_PASS, "helo.example", "exists:%{l}.%{o}.l.example", "permits" },
    { "null sender, no name", { IP, "localhost", "<>", 0 }, AUTH_NONE, "localhost", "", "HELO" },
    /* SP-4 */
    { "no local part", { IP, "h.example", "<@post.example>", 0 }, AUTH_PASS, "post.example", "exists:%{s}.s.example", "permits" },
    { "sender, one label", { IP, "h.example", "<a@localhost>", 0 }, AUTH_NONE, "localhost", "", "MAIL FROM" },
    { "sender, address", { IP, "h.example", "<a@192.0.2.1>", 0 }, AUTH_NONE, "192.0.2.1", "", "MAIL FROM" },
    { "sender, address literal", { IP, "helo.example", "<a@[192.0.2.1]>", 0 }, AUTH_NONE, "[192.0.2.1]>", "", "MAIL FROM" },
    /* SP-10 */
    { "sender, empty label", { IP, "helo.example", "a@b..example", 0 }, AUTH_NONE, "b..example", "", "MAIL FROM" },
    { "sender, empty domain", { IP, "helo.example", "a@", 0 }, AUTH_NONE, "", "", "MAIL FROM" },
    { "sender without domain", { IP, "helo.example", "<root>", 0 }, AUTH_NONE, "root", "", "MAIL FROM" },
    { "sender, U-label",
      { IP, "h.example",
        "<a@b\xc3\xbc"
        "cher.example>",
        0 },
      AUTH_FAIL,
      "xn--bcher-kva.example",
      "-all",
      "forbids" },
    { "client not known", { NULL, "h.example", "<a@fail.example>", 0 }, AUTH_NONE, "fail.example", "", "client" },

    /* RFC 7208 5.2, the table */
    { "include, pass",
      { IP, "h.example", "<a@inc-pass.example>", 0 },
      AUTH_NEUTRAL,
      "inc-pass.example",
      "?include:pass.example",
      "nothing" },
    { "include, fail", { IP, "h.example", "<a@inc-fail.example>", 0 }, AUTH_SOFTFAIL, "inc-fail.example", "~all", "probably" },
    { "include, softfail", { IP, "h.example", "<a@inc-soft.example>", 0 }, AUTH_FAIL, "inc-soft.example", "-all", "forbids" },
    { "include, neutral", { IP, "h.example", "<a@inc-neutral.example>", 0 }, AUTH_FAIL, "inc-neutral.example", "-all", "forbids" },
    { "include, none",
      { IP, "h.example", "<a@inc-none.example>", 0 },
      AUTH_PERMERROR,
      "inc-none.example",
      "include:none.example",
      "included domain has no" },
    { "include, no domain",
      { IP, "h.example", "<a@inc-gone.example>", 0 },
      AUTH_PERMERROR,
      "inc-gone.example",
      "include:gone.invalid",
      "included domain has no" },
    { "include, temperror",
      { IP, "h.example", "<a@inc-temp.example>", 0 },
      AUTH_TEMPERROR,
      "inc-temp.example",
      "include:slow.example",
      "time-out" },
    { "include, permerror",
      { IP, "h.example", "<a@inc-perm.example>", 0 },
      AUTH_PERMERROR,
      "inc-perm.example",
      "foo:bar",
      "unknown mechanism" },
    { "include, two records",
      { IP, "h.example", "<a@inc-two.example>", 0 },
      AUTH_PERMERROR,
      "inc-two.example",
      "include:two.example",
      "several" },
    /* SP-21 */
    { "include, impossible name",
      { IP, "h.example", "<a@inc-bad.example>", 0 },
      AUTH_PERMERROR,
      "inc-bad.example",
      "include:a..example",
      "included domain has no" },
    { "include, one label",
      { IP, "localhost", "<a@inc-short.example>", 0 },
      AUTH_PERMERROR,
      "inc-short.example",
      "include:%{h}",
      "included domain has no" },
    { "include, not reached",
      { IP, "h.example", "<a@inc-late.example>", 0 },
      AUTH_PASS,
      "inc-late.example",
      "ip4:192.0.2.1",
      "permits" },
    { "include, then an error",
      { IP, "h.example", "<a@inc-then.example>", 0 },
      AUTH_TEMPERROR,
      "inc-then.example",
      "a:slow.example",
      "time-out" },
    { "include, nested", { IP, "h.example", "<a@inc-deep.example>", 0 }, AUTH_FAIL, "inc-deep.example", "-all", "forbids" },

    /* RFC 7208 6.1 */
    { "redirect, pass", { IP, "h.example", "<a@red-pass.example>", 0 }, AUTH_PASS, "red-pass.example", "+all", "permits" },
    { "redirect, fail", { IP, "h.example", "<a@red-fail.example>", 0 }, AUTH_FAIL, "red-fail.example", "-all", "forbids" },
    { "redirect comes last",
      { IP, "h.example", "<a@red-early.example>", 0 },
      AUTH_PASS,
      "red-early.example",
      "ip4:192.0.2.1",
      "permits" },
    { "redirect and all", { IP, "h.example", "<a@red-all.example>", 0 }, AUTH_SOFTFAIL, "red-all.example", "~all", "probably" },
    { "redirect, none",
      { IP, "h.example", "<a@red-none.example>", 0 },
      AUTH_PERMERROR,
      "red-none.example",
      "redirect=none.example",
      "redirected" },
    { "redirect, no domain",
      { IP, "h.example", "<a@red-gone.example>", 0 },
      AUTH_PERMERROR,
      "red-gone.example",
      "redirect=gone.invalid",
      "redirected" },
    { "redirect, temperror",
      { IP, "h.example", "<a@red-temp.example>", 0 },
      AUTH_TEMPERROR,
      "red-temp.example",
      "redirect=slow.example",
      "time-out" },
    { "redirect, permerror",
      { IP, "h.example", "<a@red-perm.example>", 0 },
      AUTH_PERMERROR,
      "red-perm.example",
      "foo:bar",
      "unknown mechanism" },
    { "redirect, impossible name",
      { IP, "h.example", "<a@red-bad.example>", 0 },
      AUTH_PERMERROR,
      "red-bad.example",
      "redirect=a..example",
      "redirected" },
    { "redirect, default",
      { IP, "h.example", "<a@red-default.example>", 0 },
      AUTH_NEUTRAL,
      "red-default.example",
      "default",
      "no term" },
    /* SP-1: the domain changes, the sender does not */
    { "redirect changes d",
      { IP, "h.example", "<a@red-d.example>", 0 },
      AUTH_PASS,
      "red-d.example",
      "a:%{d}.x.example",
      "permits" },
    { "redirect keeps o",
      { "192.0.2.2", "h.example", "<a@red-d.example>", 0 },
      AUTH_PASS,
      "red-d.example",
      "a:%{o}.y.example",
      "permits" },
    { "redirect changes the implicit domain",
      { "192.0.2.3", "h.example", "<a@d2.example>", 0 },
      AUTH_PASS,
      "d2.example",
      "a",
      "permits" },
    { "include changes the implicit domain",
      { "192.0.2.3", "h.example", "<a@d4.example>", 0 },
      AUTH_PASS,
      "d4.example",
      "include:d3.example",
      "permits" },

    /* RFC 7208 4.6.4 */
    { "include loop",
      { IP, "h.example", "<a@loop.example>", 0 },
      AUTH_PERMERROR,
      "loop.example",
      "include:loop.example",
      "more than 10 terms" },
    { "redirect loop",
      { IP, "h.example", "<a@rloop.example>", 0 },
      AUTH_PERMERROR,
      "rloop.example",
      "redirect=rloop.example",
      "more than 10 terms" },
    { "mutual loop",
      { IP, "h.example", "<a@mutual1.example>", 0 },
      AUTH_PERMERROR,
      "mutual1.example",
      "include:mutual2.example",
      "more than 10 terms" },

    /* the meter of the message */
    { "no question left",
      { IP, "h.example", "<a@inc-deep.example>", 1 },
      AUTH_TEMPERROR,
      "inc-deep.example",
      "include:inc-fail.example",
      "too many" },
};

static void each_question_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dns *zone = zone_new(a, zone_text);
        struct spf_result r;
        zone_check(a, zone, &rows[i].q, &r);
        ROW_STR(rows[i].name, str_of(auth_code_name(r.code)), str_of(auth_code_name(rows[i].want)));
        ROW_STR(rows[i].name, r.domain, str_of(rows[i].domain));
        ROW_STR(rows[i].name, r.mechanism, str_of(rows[i].mechanism));
        ROW_INT(rows[i].name, r.identity, rows[i].q.mail_from != NULL ? SPF_MAILFROM : SPF_HELO);
        if (strstr(r.reason, rows[i].reason) == NULL)
            fail_msg("%s: want '%s', got '%s'", rows[i].name, rows[i].reason, r.reason);
        dns_free(zone);
        arena_free(a);
    }
}

static void the_null_sender_is_marked(void **state)
{
    struct arena *a = arena_new();
    struct dns *zone = zone_new(a, zone_text);
    struct question q = { IP, "pass.example", "<>", 0 };
    struct spf_result r;
    (void)state;
    zone_check(a, zone, &q, &r);
    assert_true(r.null_sender);
    q.mail_from = "<a@pass.example>";
    zone_check(a, zone, &q, &r);
    assert_false(r.null_sender);
    q.mail_from = NULL;
    zone_check(a, zone, &q, &r);
    assert_false(r.null_sender);
    dns_free(zone);
    arena_free(a);
}

static const struct {
    const char *name, *record, *more, *want;
} explanations[] = {
    /* RFC 7208 6.2 */
    { "text", " -all exp=e.example", ", 'e.example': {'TXT': ['Not from %{c}, %{d}!']}", "Not from 192.0.2.1, t.example!" },
    { "macros of exp", " -all exp=e.example", ", 'e.example': {'TXT': ['%{r} at %{t}: %{S}']}",
      "mx.here.example at 1234567890: a%40t.example" },
    { "strings are joined", " -all exp=e.example", ", 'e.example': {'TXT': [['one ', 'two']]}", "one two" },
    { "expanded name", " -all exp=%{i}.%{d}.e.example", ", '192.0.2.1.t.example.e.example': {'TXT': ['yes']}", "yes" },
    { "validated name", " -all exp=%{p}.e.example", ", 'unknown.e.example': {'TXT': ['from %{p}']}", "from unknown" },
    { "none", " -all", "", "" },
    { "softfail has none", " ~all exp=e.example", ", 'e.example': {'TXT': ['x']}", "" },
    { "pass has none", " +all exp=e.example", ", 'e.example': {'TXT': ['x']}", "" },
    { "a mechanism other than all", " -ip4:192.0.2.0/24 exp=e.example", ", 'e.example': {'TXT': ['x']}", "x" },
    { "no name", " -all exp=gone.invalid", "", "" },
    { "no TXT", " -all exp=t2.example", ", 't2.example': {'A': ['192.0.2.1']}", "" },
    { "two TXT", " -all exp=e.example", ", 'e.example': {'TXT': ['x', 'y']}", "" },
    { "time-out", " -all exp=e.example", ", 'e.example': 'TIMEOUT'", "" },
    { "unknown letter", " -all exp=e.example", ", 'e.example': {'TXT': ['%{x}']}", "" },
    { "stray percent", " -all exp=e.example", ", 'e.example': {'TXT': ['100% sure']}", "" },
    { "8-bit text", " -all exp=e.example", ", 'e.example': {'TXT': ['caf\\u00e9']}", "" },
    { "line break", " -all exp=e.example", ", 'e.example': {'TXT': ['a\\r\\nb']}", "" },
    { "impossible name", " -all exp=a..example", "", "" },
    { "empty text", " -all exp=e.example", ", 'e.example': {'TXT': ['']}", "" },
    { "void lookups behind it do not count", " a:g1.invalid a:g2.invalid -all exp=gone.invalid", "", "" },
    /* RFC 7208 5.2, 6.1: whose explanation */
    { "of include is not used", " include:i.example -all exp=e.example",
      ", 'i.example': {'TXT': ['v=spf1 -all exp=f.example']}, 'e.example': {'TXT': ['outer']}, 'f.example': {'TXT': ['inner']}",
      "outer" },
    { "of include is not used instead of none", " include:i.example -all",
      ", 'i.example': {'TXT': ['v=spf1 -all exp=f.example']}, 'f.example': {'TXT': ['inner']}", "" },
    { "of the target of redirect", " redirect=i.example exp=e.example",
      ", 'i.example': {'TXT': ['v=spf1 -all exp=f.%{d}']}, 'e.example': {'TXT': ['outer']}, 'f.i.example': {'TXT': ['inner %{d} "
      "%{o}']}",
      "inner i.example t.example" },
    { "of redirect, none there", " redirect=i.example exp=e.example",
      ", 'i.example': {'TXT': ['v=spf1 -all']}, 'e.example': {'TXT': ['outer']}", "" },
    { "of a failing include", " -include:i.example exp=e.example",
      ", 'i.example': {'TXT': ['v=spf1 +all exp=f.example']}, 'e.example': {'TXT': ['outer']}, 'f.example': {'TXT': ['inner']}",
      "outer" },
};

static void explanations_are_those_of_the_record_that_failed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(explanations); i++) {
        struct arena *a = arena_new();
        struct spf_result r;
        zone_check_record(a, str_of(explanations[i].record), explanations[i].more, IP, &r);
        ROW_STR(explanations[i].name, r.explanation, str_of(explanations[i].want));
        arena_free(a);
    }
}

/* RFC 7208 8.4, 11.5.3: what the client says gets in cleaned and bounded. */
static void explanations_are_harmless(void **state)
{
    struct arena *a = arena_new();
    struct dns *zone = zone_new(a, "{'t.example': {'TXT': ['v=spf1 -all exp=e.example']}, 'e.example': {'TXT': ['%{l} %{h}']}}");
    struct spf_input in = { .helo = STR("x\r\nInjected: y\x80"), .local = STR("\"a\nb\""), .domain = STR("t.example") };
    struct spf_result r;
    char longest[2000];
    (void)state;
    assert_true(ip_parse(STR(IP), &in.client));
    spf_check(zone, &in, clock_ms() + 5000, a, &r);
    ROW_STR("cleaned", r.explanation, STR("\"a?b\" x??Injected: y?"));
    memset(longest, 'h', sizeof(longest));
    in.helo = (struct str){ longest, sizeof(longest) };
    spf_check(zone, &in, clock_ms() + 5000, a, &r);
    assert_int_equal(r.explanation.n, LIMIT_SPF_EXPLANATION);
    dns_free(zone);
    arena_free(a);
}

/* RFC 8616 4: a local part that is not ASCII matches no %{s} and no %{l}, and nothing is asked for it. */
static void non_ascii_local_parts_match_nothing(void **state)
{
    static const struct {
        const char *name, *record;
        enum auth_code want;
    } eai[] = {
        { "exists with l", " exists:%{l}.u.example -all", AUTH_FAIL },
        { "exists with S", " exists:%{S}.u.example -all", AUTH_FAIL },
        { "include with l", " include:%{l}.u.example -all", AUTH_FAIL },
        { "redirect with l", " redirect=%{l}.u.example", AUTH_NEUTRAL },
        { "a macro without it", " exists:%{o}.u.example -all", AUTH_PASS },
        { "explanation", " -all exp=%{l}.u.example", AUTH_FAIL },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(eai); i++) {
        struct arena *a = arena_new();
        struct str text =
            str_printf(a,
                       "{'t.example': {'TXT': ['v=spf1%s']}, '\xc3\xa9.u.example': {'A': ['127.0.0.2'], 'TXT': ['v=spf1 +all']},"
                       "'t.example.u.example': {'A': ['127.0.0.2']}}",
                       eai[i].record);
        struct dns *zone = zone_new(a, str_cstr(a, text));
        struct question q = { IP, "h.example", "<\xc3\xa9@t.example>", 0 };
        struct spf_result r;
        unsigned queries = zone_check(a, zone, &q, &r);
        ROW_INT(eai[i].name, r.code, eai[i].want);
        ROW_INT(eai[i].name, queries, eai[i].want == AUTH_PASS ? 2 : 1);
        ROW_STR(eai[i].name, r.explanation, STR_NONE);
        dns_free(zone);
        arena_free(a);
    }
}

/* RFC 7208 10.1.1 and the wish for privacy: the local part goes nowhere unless a macro asks for it. */
static void a_sender_that_is_no_path_keeps_its_domain_only(void **state)
{
    struct arena *a = arena_new();
    struct dns *zone = zone_new(a, "{}");
    struct spf_input in = { .helo = STR("h.example"), .local = STR("<secret@[192.0.2.1]>"), .domain = STR_NONE };
    struct spf_result r;
    (void)state;
    assert_true(ip_parse(STR(IP), &in.client));
    spf_check(zone, &in, clock_ms() + 5000, a, &r);
    ROW_INT("code", r.code, AUTH_NONE);
    ROW_STR("domain", r.domain, STR("[192.0.2.1]>"));
    assert_false(r.null_sender);
    dns_free(zone);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_question_has_its_answer),
        cmocka_unit_test(the_null_sender_is_marked),
        cmocka_unit_test(explanations_are_those_of_the_record_that_failed),
        cmocka_unit_test(explanations_are_harmless),
        cmocka_unit_test(non_ascii_local_parts_match_nothing),
        cmocka_unit_test(a_sender_that_is_no_path_keeps_its_domain_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
