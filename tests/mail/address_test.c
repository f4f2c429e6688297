/* address_test.c - the author of a message: every oddity of a From field. */
#include "tests/support/support.h"

#include "mailseal/address.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"

static const struct {
    const char *name;
    struct str in;
    enum author_status want;
    const char *domain, *address;
} authors[] = {
    { "bare address", STR(" joe@example.com"), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "angle", STR("<joe@example.com>"), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "display name", STR("Joe Doe <joe@Example.COM>"), AUTHOR_ONE, "example.com", "joe@Example.COM" },
    { "no space before the angle", STR("Joe<joe@example.com>"), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "dots in the display name", STR("Joe Q. Public, <j@example.com>"), AUTHOR_MALFORMED, "", "" },
    { "dots in an obsolete phrase", STR("Joe Q. Public Jr. <j@example.com>"), AUTHOR_ONE, "example.com", "j@example.com" },
    { "final dot of the domain", STR("joe@example.com."), AUTHOR_ONE, "example.com", "joe@example.com." },
    { "white space inside the angle", STR("< joe@example.com > "), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "folded", STR(" Joe\r\n Doe\r\n\t<joe@example.com>\r\n "), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "one label", STR("root@localhost"), AUTHOR_ONE, "localhost", "root@localhost" },

    /* D-116: what is quoted or encoded in a display name is not an address. */
    { "address in a quoted display name", STR("\"ceo@example.com\" <x@attacker.example>"), AUTHOR_ONE, "attacker.example",
      "x@attacker.example" },
    { "angle in a quoted display name", STR("\"<ceo@example.com>\" <x@attacker.example>"), AUTHOR_ONE, "attacker.example",
      "x@attacker.example" },
    { "quoted pairs in a display name", STR("\"a\\\" <ceo@example.com>, \\\\\" <x@attacker.example>"), AUTHOR_ONE,
      "attacker.example", "x@attacker.example" },
    { "encoded word", STR("=?utf-8?q?ceo=40example.com?= <x@attacker.example>"), AUTHOR_ONE, "attacker.example",
      "x@attacker.example" },
    { "address in a comment", STR("x@attacker.example (ceo@example.com)"), AUTHOR_ONE, "attacker.example", "x@attacker.example" },
    { "address in a comment before", STR("(<ceo@example.com>,) x@attacker.example"), AUTHOR_ONE, "attacker.example",
      "x@attacker.example" },
    { "nested comments everywhere", STR("(a(b))Joe(c)<(d)joe(e)@(f)example.com(g)>(h\\))"), AUTHOR_ONE, "example.com",
      "joe@example.com" },
    { "bare address before the angle", STR("a@example.com <b@example.net>"), AUTHOR_SEVERAL, "example.com", "b@example.net" },
    { "bare address before the angle, same domain", STR("a@example.com <b@Example.com>"), AUTHOR_ONE, "example.com",
      "b@Example.com" },
    { "words and a bare address before the angle", STR("Joe a@example.com <b@example.net>"), AUTHOR_MALFORMED, "", "" },
    { "bare address and words before the angle", STR("a@example.com Joe <b@example.net>"), AUTHOR_MALFORMED, "", "" },
    { "second address behind the angle", STR("<a@example.com> <b@example.net>"), AUTHOR_MALFORMED, "example.com", "a@example.com" },
    { "words behind the angle", STR("<a@example.com> Joe"), AUTHOR_MALFORMED, "example.com", "a@example.com" },
    { "angle in the angle", STR("<a <b@example.net>>"), AUTHOR_MALFORMED, "", "" },

    /* D-117 */
    { "quoted local part", STR("\"a@b <c>\"@example.com"), AUTHOR_ONE, "example.com", "\"a@b <c>\"@example.com" },
    { "empty quoted local part", STR("\"\"@example.com"), AUTHOR_ONE, "example.com", "\"\"@example.com" },
    { "partly quoted local part", STR("joe.\"doe\".x@example.com"), AUTHOR_ONE, "example.com", "joe.\"doe\".x@example.com" },
    { "atom glued to a quoted string", STR("joe\"doe\"@example.com"), AUTHOR_MALFORMED, "", "" },
    { "local part with spaces", STR("joe doe@example.com"), AUTHOR_MALFORMED, "", "" },
    { "white space around the dots of the local part", STR("joe . doe @example.com"), AUTHOR_ONE, "example.com",
      "joe.doe@example.com" },
    { "dots of a telephone carrier", STR("a..b.@example.com"), AUTHOR_ONE, "example.com", "a..b.@example.com" },
    { "source route", STR("<@relay.example:joe@example.com>"), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "long source route", STR("<@a.example,,@b.example , @[192.0.2.1]:joe@example.com>"), AUTHOR_ONE, "example.com",
      "joe@example.com" },
    { "source route without end", STR("<@relay.example joe@example.com>"), AUTHOR_MALFORMED, "", "" },
    { "source route only", STR("<@relay.example>"), AUTHOR_MALFORMED, "", "" },
    { "source route, no address", STR("<@relay.example:>"), AUTHOR_MALFORMED, "", "" },
    { "source route outside an angle", STR("@relay.example:joe@example.com"), AUTHOR_MALFORMED, "", "" },

    /* Readers differ on these domains. */
    { "comment inside the domain", STR("joe@example.com(x).evil.example"), AUTHOR_MALFORMED, "", "" },
    { "white space inside the domain", STR("joe@example.com .evil.example"), AUTHOR_MALFORMED, "", "" },
    { "fold inside the domain", STR("joe@exam\r\n ple.com"), AUTHOR_MALFORMED, "", "" },
    { "quoted string behind the domain", STR("joe@example.com\"x\""), AUTHOR_MALFORMED, "", "" },
    { "second @", STR("joe@example.com@evil.example"), AUTHOR_MALFORMED, "", "" },
    { "second @ in the angle", STR("<joe@example.com@evil.example>"), AUTHOR_MALFORMED, "", "" },
    { "encoded word as local part", STR("=?utf-8?q?a=40evil.example=3e?=@example.com"), AUTHOR_MALFORMED, "", "" },
    { "encoded word as address", STR("=?utf-8?b?am9lQGV4YW1wbGUuY29t?="), AUTHOR_MALFORMED, "", "" },
    { "quoted string as domain", STR("joe@\"example.com\""), AUTHOR_MALFORMED, "", "" },
    { "two dots in the domain", STR("joe@example..com"), AUTHOR_MALFORMED, "", "" },
    { "slash in the domain", STR("joe@example.com/evil"), AUTHOR_MALFORMED, "", "" },
    { "backslash", STR("joe\\@evil@example.com"), AUTHOR_MALFORMED, "", "" },
    { "semicolon", STR("joe@example.com; ceo@example.net"), AUTHOR_MALFORMED, "example.com", "joe@example.com" },
    { "bracket not closed", STR("Joe <joe@example.com"), AUTHOR_MALFORMED, "example.com", "" },
    { "bracket not closed, next address", STR("<joe@example.com, x@evil.example>"), AUTHOR_MALFORMED, "example.com", "" },
    { "bracket not opened", STR("joe@example.com>"), AUTHOR_MALFORMED, "example.com", "joe@example.com" },
    { "comment not closed", STR("joe@example.com (x"), AUTHOR_MALFORMED, "", "" },
    { "comment not opened", STR("joe@example.com )"), AUTHOR_MALFORMED, "example.com", "joe@example.com" },
    { "quote not closed", STR("\"Joe <joe@example.com>"), AUTHOR_MALFORMED, "", "" },

    /* D-113: missing or empty addresses. */
    { "nothing", STR(""), AUTHOR_MALFORMED, "", "" },
    { "white space", STR(" \r\n "), AUTHOR_MALFORMED, "", "" },
    { "commas", STR(" ,, "), AUTHOR_MALFORMED, "", "" },
    { "comment only", STR("(joe@example.com)"), AUTHOR_MALFORMED, "", "" },
    { "empty angle", STR("<>"), AUTHOR_MALFORMED, "", "" },
    { "display name, empty angle", STR("\"joe@example.com\" <>"), AUTHOR_MALFORMED, "", "" },
    { "words only", STR("Joe Doe"), AUTHOR_MALFORMED, "", "" },
    { "quoted string only", STR("\"joe@example.com\""), AUTHOR_MALFORMED, "", "" },
    { "no @ in the angle", STR("Joe <joe>"), AUTHOR_MALFORMED, "", "" },
    { "no local part", STR("@example.com"), AUTHOR_MALFORMED, "", "" },
    { "dot as local part", STR(".@example.com"), AUTHOR_MALFORMED, "", "" },
    { "no domain", STR("joe@"), AUTHOR_MALFORMED, "", "" },
    { "no domain in the angle", STR("<joe@>"), AUTHOR_MALFORMED, "", "" },
    { "dot as domain", STR("joe@."), AUTHOR_MALFORMED, "", "" },

    /* D-1, D-111, D-112 */
    { "two mailboxes, one domain", STR("a@example.com, B <b@EXAMPLE.com.>"), AUTHOR_ONE, "example.com", "a@example.com" },
    { "two domains", STR("a@example.com, b@example.net"), AUTHOR_SEVERAL, "example.com", "a@example.com" },
    { "domain and its subdomain", STR("a@example.com, b@sub.example.com"), AUTHOR_SEVERAL, "example.com", "a@example.com" },
    { "three, the first twice", STR("a@example.com, b@example.net, c@example.com"), AUTHOR_SEVERAL, "example.com",
      "a@example.com" },
    { "empty list elements", STR(", a@example.com,, b@example.com ,"), AUTHOR_ONE, "example.com", "a@example.com" },
    { "second address is garbage", STR("a@example.com, garbage"), AUTHOR_MALFORMED, "example.com", "a@example.com" },

    /* D-115, RFC 6854 */
    { "group", STR("Team: a@example.com, B <b@example.com>;"), AUTHOR_ONE, "example.com", "a@example.com" },
    { "group of two domains", STR("Team: a@example.com, b@example.net;"), AUTHOR_SEVERAL, "example.com", "a@example.com" },
    { "group and mailbox", STR("\"Team\": a@example.com;, b@example.net"), AUTHOR_SEVERAL, "example.com", "a@example.com" },
    { "empty group", STR("undisclosed: (x) ;"), AUTHOR_NONE, "", "" },
    { "empty group with commas", STR("undisclosed: , ,;"), AUTHOR_NONE, "", "" },
    { "empty group and mailbox", STR("Team:;, a@example.com"), AUTHOR_ONE, "example.com", "a@example.com" },
    { "group not closed", STR("mailto:joe@example.com"), AUTHOR_MALFORMED, "example.com", "joe@example.com" },
    { "group without a name", STR(":joe@example.com;"), AUTHOR_MALFORMED, "", "" },
    { "group in a group", STR("A: B: joe@example.com;;"), AUTHOR_MALFORMED, "", "" },
    { "text behind a group", STR("A: a@example.com; b@example.net"), AUTHOR_MALFORMED, "example.com", "a@example.com" },

    /* D-47 */
    { "address literal", STR("joe@[192.0.2.1]"), AUTHOR_NONE, "", "joe@[192.0.2.1]" },
    { "IPv6 literal", STR("Joe <joe@[IPv6:2001:db8::1]>"), AUTHOR_NONE, "", "joe@[IPv6:2001:db8::1]" },
    { "bare address of a host", STR("joe@192.0.2.1"), AUTHOR_NONE, "", "joe@192.0.2.1" },
    { "literal beside a domain", STR("a@example.com, b@[192.0.2.1]"), AUTHOR_SEVERAL, "example.com", "a@example.com" },
    { "literal not closed", STR("joe@[192.0.2.1"), AUTHOR_MALFORMED, "", "" },
    { "literal with a backslash", STR("joe@[192\\.0.2.1]"), AUTHOR_MALFORMED, "", "" },
    { "text behind a literal", STR("joe@[192.0.2.1]example.com"), AUTHOR_MALFORMED, "", "" },

    /* RFC 6532, D-110 */
    { "UTF-8 everywhere",
      STR("J\xc3\xb6 <j\xc3\xb6@b\xc3\xbc"
          "cher.example>"),
      AUTHOR_ONE, "xn--bcher-kva.example",
      "j\xc3\xb6@b\xc3\xbc"
      "cher.example" },
    { "U-label and A-label are one domain",
      STR("a@b\xc3\xbc"
          "cher.example, b@XN--bcher-kva.example"),
      AUTHOR_ONE, "xn--bcher-kva.example",
      "a@b\xc3\xbc"
      "cher.example" },
    { "Latin-1 in the display name", STR("J\xf6 <joe@example.com>"), AUTHOR_ONE, "example.com", "joe@example.com" },
    { "Latin-1 in the domain",
      STR("joe@b\xfc"
          "cher.example"),
      AUTHOR_MALFORMED, "", "" },
    { "full width @",
      STR("joe\xef\xbc\xa0"
          "example.com"),
      AUTHOR_MALFORMED, "", "" },
    { "full width @ in the domain",
      STR("joe@evil.example\xef\xbc\xa0"
          "example.com"),
      AUTHOR_MALFORMED, "", "" },

    { "NUL", STR("joe@example.com\0"), AUTHOR_MALFORMED, "", "" },
    { "NUL in a quoted string", STR("\"a\0\" <joe@example.com>"), AUTHOR_MALFORMED, "", "" },
    { "bare CR", STR("joe@example.com\r"), AUTHOR_MALFORMED, "", "" },
    { "bare CR before white space", STR("joe@example.com\r (x)"), AUTHOR_MALFORMED, "", "" },
    { "bare LF", STR("joe@example.com\n (x)"), AUTHOR_MALFORMED, "", "" },
    { "CRLF without white space", STR("joe@example.com\r\n(x)"), AUTHOR_MALFORMED, "", "" },
    { "control character", STR("Joe\x1b <joe@example.com>"), AUTHOR_MALFORMED, "", "" },
    { "DEL", STR("Joe\x7f <joe@example.com>"), AUTHOR_MALFORMED, "", "" },
    { "tab is white space", STR("\tJoe\t<joe@example.com>"), AUTHOR_ONE, "example.com", "joe@example.com" },
};

static void a_from_field_names_one_domain_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(authors); i++) {
        struct arena *a = arena_new();
        struct author out;
        author_parse(a, authors[i].in, &out);
        ROW_INT(authors[i].name, out.status, authors[i].want);
        ROW_STR(authors[i].name, out.domain, str_of(authors[i].domain));
        ROW_STR(authors[i].name, out.address, str_of(authors[i].address));
        ROW_INT(authors[i].name, out.reason == NULL, out.status == AUTHOR_ONE);
        arena_free(a);
    }
}

static const struct {
    struct str in;
    const char *want;
} reasons[] = {
    { STR("a@example.com, b@example.net"), "several domains" },
    { STR("a@example.com, b@[192.0.2.1]"), "a domain and an address literal" },
    { STR("a@[192.0.2.1]"), "address literal" },
    { STR("a:;"), "empty group" },
    { STR("<>"), "empty address" },
    { STR(""), "no address" },
    { STR("Joe"), "no '@' in an address" },
    { STR("a@b@c"), "second '@' in an address" },
    { STR("<a@b"), "no '>' behind an address" },
    { STR("a b@c"), "malformed local part of an address" },
    { STR("a@b c"), "text behind the domain of an address" },
    { STR("a@b\xff"), "invalid domain name in an address" },
    { STR("=?a?q?b?=@c"), "encoded word in an address" },
    { STR("a@b\0"), "NUL byte" },
    { STR("a@b\r"), "CR that is no fold" },
    { STR("a@b\n "), "LF that is no fold" },
    { STR("a@b\x01"), "control character" },
    { STR("a:b@c"), "group not closed" },
};

static void each_oddity_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(reasons); i++) {
        struct arena *a = arena_new();
        struct author out;
        author_parse(a, reasons[i].in, &out);
        assert_non_null(out.reason);
        assert_string_equal(out.reason, reasons[i].want);
        arena_free(a);
    }
}

static void mailboxes_and_groups_are_counted_up_to_the_limit(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct author out;
    struct str many = STR_NONE, groups = STR_NONE;
    for (int i = 0; i < LIMIT_MAILBOXES; i++) {
        many = str_printf(a, "%.*s%d@x.y,", STR_FMT(many), i);
        groups = str_printf(a, "%.*sg:;,", STR_FMT(groups));
    }
    author_parse(a, many, &out);
    assert_int_equal(out.status, AUTHOR_ONE);
    assert_int_equal(out.mailboxes, LIMIT_MAILBOXES);
    author_parse(a, str_printf(a, "%.*sz@x.y", STR_FMT(many)), &out);
    assert_int_equal(out.status, AUTHOR_MALFORMED);
    assert_string_equal(out.reason, "too many mailboxes");
    author_parse(a, groups, &out);
    assert_int_equal(out.status, AUTHOR_NONE);
    author_parse(a, str_printf(a, "%.*sg:;", STR_FMT(groups)), &out);
    assert_string_equal(out.reason, "too many groups");
    arena_free(a);
}

static void a_large_field_costs_little_memory(void **state)
{
    (void)state;
    static const char patterns[][4] = { ",", "(", "()", "\"\"", "a ", ".", "a:;", "<@a", "@a,", "\\" };
    char *text = malloc(LIMIT_HEADER_FIELD);
    for (size_t i = 0; i < ROWS(patterns); i++) {
        struct arena *a = arena_new();
        struct author out;
        for (size_t k = 0; k < LIMIT_HEADER_FIELD; k++)
            text[k] = patterns[i][k % strlen(patterns[i])];
        author_parse(a, (struct str){ text, LIMIT_HEADER_FIELD }, &out);
        ROW_INT(patterns[i], out.status, AUTHOR_MALFORMED);
        assert_true(arena_bytes(a) < 512 * 1024);
        arena_free(a);
    }
    free(text);
}

/* Fields, each "name:value", ended by NULL names. */
static const struct {
    const char *name;
    const char *fields[4][2];
    enum author_status want;
    const char *domain, *reason;
} messages[] = {
    { "one From", { { "Sender", " x@evil.example" }, { "FROM ", " joe@example.com" } }, AUTHOR_ONE, "example.com", NULL },
    { "none", { { "Sender", " x@example.com" } }, AUTHOR_NONE, "", "no From field" },
    { "two",
      { { "From", " a@example.com" }, { "From", " b@example.net" } },
      AUTHOR_REPEATED,
      "example.com",
      "several From fields" },
    { "two equal", { { "From", " a@b.c" }, { "from", " a@b.c" } }, AUTHOR_REPEATED, "b.c", "several From fields" },
    { "two, space before the colon",
      { { "From", " a@b.c" }, { "From \t", " a@b.c" } },
      AUTHOR_REPEATED,
      "b.c",
      "several From fields" },
    { "second behind a bare CR",
      { { "From", " a@b.c" }, { "Subject", " x\rFrom: e@vil.example" } },
      AUTHOR_REPEATED,
      "b.c",
      "From field hidden in another field" },
    { "second behind LF",
      { { "Subject", " x\nfrom\t: e@vil.example" }, { "From", " a@b.c" } },
      AUTHOR_REPEATED,
      "b.c",
      "From field hidden in another field" },
    { "only a hidden one",
      { { "Subject", " x\rFrom: e@vil.example" } },
      AUTHOR_REPEATED,
      "",
      "From field hidden in another field" },
    { "From in a folded line is text", { { "From", " a@b.c" }, { "Subject", " x\n From: joe" } }, AUTHOR_ONE, "b.c", NULL },
    { "another name begins with From", { { "From-X", " x@y.z" }, { "From", " a@b.c" } }, AUTHOR_ONE, "b.c", NULL },
    { "malformed", { { "From", " a@b.c, x" } }, AUTHOR_MALFORMED, "b.c", "no '@' in an address" },
};

static void the_author_is_that_of_the_only_from_field(void **state) /* D-113, D-118 */
{
    (void)state;
    for (size_t i = 0; i < ROWS(messages); i++) {
        struct arena *a = arena_new();
        struct headers h;
        struct author out;
        headers_init(&h, a);
        for (size_t k = 0; messages[i].fields[k][0] != NULL; k++)
            assert_true(headers_add(&h, str_of(messages[i].fields[k][0]), str_of(messages[i].fields[k][1])));
        author_read(a, &h, &out);
        ROW_INT(messages[i].name, out.status, messages[i].want);
        ROW_STR(messages[i].name, out.domain, str_of(messages[i].domain));
        ROW_STR(messages[i].name, str_of(out.reason), str_of(messages[i].reason));
        arena_free(a);
    }
}

static void missing_fields_leave_no_author(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct headers h;
    struct author out;
    headers_init(&h, a);
    assert_true(headers_add(&h, STR("From"), STR(" a@b.c")));
    for (int i = 1; i < LIMIT_HEADER_FIELDS; i++)
        assert_true(headers_add(&h, STR("X"), STR("y")));
    author_read(a, &h, &out);
    assert_int_equal(out.status, AUTHOR_ONE);
    assert_false(headers_add(&h, STR("From"), STR(" x@evil.example")));
    author_read(a, &h, &out);
    assert_int_equal(out.status, AUTHOR_MALFORMED);
    assert_string_equal(out.reason, "header too large");
    arena_free(a);
}

/* What author_parse() names must stand in the text, as the domain of an address would: behind "@", white space and comments. */
static void check_mutant(const char *text, size_t n)
{
    struct arena *a = arena_new();
    struct author out;
    author_parse(a, (struct str){ text, n }, &out);
    assert_true((out.reason == NULL) == (out.status == AUTHOR_ONE));
    if (out.status == AUTHOR_ONE) {
        struct str lower = str_lower(a, (struct str){ text, n });
        assert_true(domain_is_valid(out.domain));
        bool is_ascii = true;
        for (size_t i = 0; i < n; i++)
            is_ascii = is_ascii && (unsigned char)text[i] < 0x80;
        if (is_ascii && memmem(lower.p, lower.n, out.domain.p, out.domain.n) == NULL)
            fail_msg("'%.*s' is not in '%.*s'", STR_FMT(out.domain), (int)n, text);
    }
    arena_free(a);
}

static const struct str nasties[] = {
    STR(" \"J\\\" <x@y>\"\r\n (c(d)\\)) Q. <@r.example,@s.example:\"a@b\".c @ Example.com(e)>, G: f@example.com , "
        "\r\n\t<g@example.com> ;, h@EXAMPLE.COM."),
    STR("a@example.com <b@example.com>"),
    STR("=?utf-8?q?x=40y?= <joe@[192.0.2.1]>, \"\"@example.com"),
};

static void truncated_and_mutated_fields_name_no_domain_that_is_not_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(nasties); i++) {
        size_t n = nasties[i].n;
        char *copy = malloc(n);
        memcpy(copy, nasties[i].p, n);
        for (size_t k = 0; k < n; k++) {
            char *cut = malloc(k + 1); /* its own block, so that ASan sees a read beyond */
            memcpy(cut, copy, k);
            check_mutant(cut, k);
            free(cut);
            for (int c = 0; c < 256; c++) {
                copy[k] = (char)c;
                check_mutant(copy, n);
            }
            copy[k] = nasties[i].p[k];
        }
        free(copy);
    }
    struct arena *a = arena_new();
    struct author out;
    author_parse(a, nasties[0], &out);
    assert_int_equal(out.status, AUTHOR_ONE);
    assert_int_equal(out.mailboxes, 4);
    ROW_STR("nasty", out.domain, STR("example.com"));
    ROW_STR("nasty", out.address, STR("\"a@b\".c@Example.com"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_from_field_names_one_domain_or_says_why_not),
        cmocka_unit_test(each_oddity_has_its_reason),
        cmocka_unit_test(mailboxes_and_groups_are_counted_up_to_the_limit),
        cmocka_unit_test(a_large_field_costs_little_memory),
        cmocka_unit_test(the_author_is_that_of_the_only_from_field),
        cmocka_unit_test(missing_fields_leave_no_author),
        cmocka_unit_test(truncated_and_mutated_fields_name_no_domain_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
