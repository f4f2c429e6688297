/* conf_parse_test.c - a text becomes a configuration, or one line that says where it is wrong. */
#include "config_support.h"

#include "mailseal/limits.h"

#define KEY "selector = s1 key-file = \"k.pem\""

static const struct {
    const char *name, *input, *want;
} faults[] = {
    { "unknown option", "user = a\nusr = b\n", "x.conf:2: no such option 'usr'" },
    { "unknown option behind comments", "# a\nuser = a # b\n# c\n\nusr = b\n", "x.conf:5: no such option 'usr'" },
    { "unknown section", "user = a\nverify \"x\" { a = b }\n", "x.conf:2: no such option 'verify'" },
    { "option of a section outside of it", "selector = s1\n", "x.conf:1: no such option 'selector'" },
    { "option in a section", "\nsign \"example.com\" {\n" KEY "\nuser = a\n}\n", "x.conf:4: no such option 'user'" },
    { "option in the second section", "sign \"a.example\" { " KEY " }\nsign \"b.example\" {\n\nx = a }\n",
      "x.conf:4: no such option 'x'" },
    { "name of a nested option", "sign|selector = x", "x.conf:1: unexpected character '|' outside of a string" },
    { "twice", "user = a\nlog = syslog\nuser = a\n", "x.conf:3: option 'user' is set twice, first in line 1" },
    { "list twice", "nameservers = {}\n\nnameservers = {}\n", "x.conf:3: option 'nameservers' is set twice, first in line 1" },
    { "twice around a section", "user = a\nsign \"x\" { " KEY " }\nuser = a\n",
      "x.conf:3: option 'user' is set twice, first in line 1" },
    { "twice in a section", "sign \"x\" {\n" KEY "\nselector = s2\n}\n",
      "x.conf:3: option 'selector' is set twice, first in line 2" },
    { "no value", "user =\n\n", "x.conf:1: option 'user' has no value" },
    { "no equals sign", "user\n", "x.conf:1: 'user' must be followed by '=', or by a title and '{'" },
    { "another word", "user a\n", "x.conf:1: 'user' must be followed by '=', or by a title and '{'" },
    { "two values", "user = a b\n", "x.conf:1: 'b' must be followed by '=', or by a title and '{'" },
    { "list where one value stands", "user = { a }\n", "x.conf:1: unexpected token '{'" },
    { "open list", "nameservers = { \"::1\"\n", "x.conf:1: the list of 'nameservers' is not closed" },
    { "list without commas", "nameservers = { \"::1\"\n\"::1\" }\n", "x.conf:2: unexpected token '::1'" },
    { "closing brace", "user = a\n}\n", "x.conf:2: '}' without '{'" },
    { "section without title", "\nsign { " KEY " }\n", "x.conf:2: 'sign' must be followed by '=', or by a title and '{'" },
    { "section with equals sign", "sign = { a }\n", "x.conf:1: missing title for section 'sign'" },
    { "section in a section", "sign \"x\" {\nsign \"y\" { }\n}\n",
      "x.conf:2: 'sign' must be followed by '=' (a section stands in no other)" },
    { "scan", "user = a\nlog = \"sys\n", "x.conf:2: string is not closed on its line" },
    { "value in a section", "sign \"x\" {\n" KEY "\noversign = 2\n}\n",
      "x.conf:3: oversign: '2' is none of true, false, yes, no, on, off" },
    { "canonicalization", "sign \"x\" {\n" KEY "\ncanonicalization = \"relaxed\"\n}\n",
      "x.conf:3: canonicalization: 'relaxed' is none of simple/simple, simple/relaxed, relaxed/simple, relaxed/relaxed" },
    { "expire-after", "sign \"x\" {\n" KEY "\nexpire-after = \"-1\"\n}\n",
      "x.conf:3: expire-after: '-1' is no number from 0 to 315360000" },
    { "selector", "sign \"x\" {\nselector = \"a b\" }\n", "x.conf:2: selector: 'a b' is no domain name" },
    { "field name", "sign \"x\" { " KEY "\nheaders = { from, \"a:b\" } }\n", "x.conf:2: headers: 'a:b' is no header field name" },
    { "domain", "\nsign \"ex ample\" { " KEY " }\n", "x.conf:2: sign: 'ex ample' is no domain name" },
    { "domain for all", "sign \"*\" { " KEY " }\n", "x.conf:1: sign: '*' is no domain name" },         /* X06 */
    { "no key", "\nsign \"x\" {\nselector = s1\n}\n", "x.conf:2: sign \"x\": key-file is missing" },   /* X06 */
    { "no selector", "sign \"x\" {\nkey-file = a\n}\n", "x.conf:1: sign \"x\": selector is missing" }, /* X06 */
    { "nothing in a section", "sign \"x\" {}\n", "x.conf:1: sign \"x\": selector is missing" },
    { "without From", "sign \"x\" { " KEY " headers = { to } }\n", "x.conf:1: sign \"x\": headers must name From" },
    { "all fields taken away", "sign \"x\" { " KEY " headers = \"*,-from\" }\n", "x.conf:1: sign \"x\": headers must name From" },
    { "a change without a name", "sign \"x\" { " KEY "\nheaders = \"*,,+a\" }\n",
      "x.conf:2: headers: '*,,+a' is no header field name" },
    { "identity elsewhere", "sign \"x.example\" { " KEY " identity = \"@y.example\" }\n",
      "x.conf:1: sign \"x.example\": identity is not within the domain" },
    { "identity without @", "sign \"x\" { " KEY "\nidentity = x }\n",
      "x.conf:2: identity: 'x' is no identity (@DOMAIN or USER@DOMAIN)" },
    { "subdomains", "sign \"x\" { " KEY "\nsubdomains = 2 }\n",
      "x.conf:2: subdomains: '2' is none of true, false, yes, no, on, off" },
    { "key table alone", "user = a\nkey-table = \"/k\"\n", "x.conf:2: key-table and signing-table need each other" },
    { "signing table alone", "signing-table = \"refile:/k\"\n", "x.conf:1: key-table and signing-table need each other" },
    { "sign-headers without From", "\nsign-headers = { to }\n", "x.conf:2: sign-headers must name From" },
    { "same domain and selector", "sign \"x\" { " KEY " }\nsign \"X.\" { selector = S1 key-file = b }\n",
      "x.conf:2: sign \"X.\": domain and selector are those of an earlier section" },
};

static void faults_are_named_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(faults); i++) {
        struct arena *a = arena_new();
        const char *error = "(none)";
        struct conf *c = parse_text(a, str_of(faults[i].input), &error);
        ROW_INT(faults[i].name, c == NULL, true);
        ROW_STR(faults[i].name, str_of(error), str_of(faults[i].want));
        arena_free(a);
    }
}

static void sections_become_keys(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error = "";
    struct conf *c = parse_text(a,
                                STR("sign \"Example.COM.\" { selector = \"S1\" key-file = \"keys/a\" }\n"
                                    "sign \"b\xc3\xbc"
                                    "cher.example\" {\n  selector = \"2026.mx\"\n  key-file = \"/k/b\"\n"
                                    "  headers = { \"From\", Subject }\n  canonicalization = \"simple/relaxed\"\n"
                                    "  oversign = no\n  expire-after = 604800\n}\n"
                                    "sign \"example.com\" { selector = s2 key-file = c }\n"),
                                &error);
    assert_non_null(c);
    assert_int_equal(keyring_count(c->keyring), 3);
    const struct sign_key *k = keyring_get(c->keyring, 0);
    assert_string_equal(k->domain, "example.com");
    assert_string_equal(k->selector, "s1");
    assert_string_equal(k->key_file, "/etc/keys/a");
    /* DK-85 */
    assert_int_equal(k->header_canon, DKIM_CANON_RELAXED);
    assert_int_equal(k->body_canon, DKIM_CANON_RELAXED);
    assert_int_equal(k->headers.n, 0);
    assert_true(k->oversign);
    assert_int_equal(k->expire_after, 0);
    k = keyring_get(c->keyring, 1);
    assert_string_equal(k->domain, "xn--bcher-kva.example");
    assert_string_equal(k->selector, "2026.mx");
    assert_string_equal(k->key_file, "/k/b");
    assert_int_equal(k->header_canon, DKIM_CANON_SIMPLE);
    assert_int_equal(k->body_canon, DKIM_CANON_RELAXED);
    assert_int_equal(k->headers.n, 2);
    assert_string_equal(k->headers.v[1], "Subject");
    assert_false(k->oversign);
    assert_int_equal(k->expire_after, 604800);
    assert_string_equal(keyring_get(c->keyring, 2)->selector, "s2");
    arena_free(a);
}

static void keys_of_one_domain_have_a_maximum(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf text;
    const char *error = "";
    buf_init(&text, a, 1000);
    for (int i = 0; i < LIMIT_SIGN_KEYS; i++)
        buf_printf(&text, "sign x { selector = s%d key-file = k }\n", i);
    assert_non_null(parse_text(a, buf_view(&text), &error));
    buf_puts(&text, "sign x { selector = other key-file = k }\n");
    assert_null(parse_text(a, buf_view(&text), &error));
    assert_string_equal(error, "x.conf:5: sign \"x\": too many keys for one domain");
    arena_free(a);
}

/* A hoster's file: as many sections as there may be. */
static void many_sections_are_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf text;
    const char *error = "";
    const struct sign_key *found[LIMIT_SIGN_KEYS];
    buf_init(&text, a, LIMIT_CONFIG_FILE);
    for (int i = 0; i < CONF_TEXT_SECTIONS_MAX; i++)
        buf_printf(&text, "sign \"d%d.example\" {\n  selector = s1\n  key-file = \"d%d.pem\"\n}\n", i, i);
    assert_false(text.full);
    struct conf *c = parse_text(a, buf_view(&text), &error);
    assert_non_null(c);
    assert_int_equal(keyring_count(c->keyring), CONF_TEXT_SECTIONS_MAX);
    assert_int_equal(keyring_find(c->keyring, a, STR("ann"), STR("d9999.example"), found), 1);
    assert_string_equal(found[0]->key_file, "/etc/d9999.pem");
    arena_free(a);
}

/* What an earlier text left in libconfuse's lexer must not reach the next one. */
static void a_fault_leaves_nothing_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(faults); i++) {
        struct arena *a = arena_new();
        const char *error = "";
        assert_null(parse_text(a, str_of(faults[i].input), &error));
        struct conf *c = parse_text(a, STR("user = a\n"), &error);
        if (c == NULL)
            fail_msg("after '%s': %s", faults[i].name, error);
        assert_string_equal(c->user, "a");
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named_with_their_line),  cmocka_unit_test(sections_become_keys),
        cmocka_unit_test(keys_of_one_domain_have_a_maximum), cmocka_unit_test(many_sections_are_read),
        cmocka_unit_test(a_fault_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
