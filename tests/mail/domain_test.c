/* domain_test.c - the normal form of domain names, and their ancestors. */
#include "tests/support/support.h"

#include "mailseal/domain.h"
#include "mailseal/limits.h"

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "abc"

/* An empty `want` is no domain name. */
static const struct {
    const char *name;
    struct str in, want;
} normals[] = {
    /* D-1 */
    { "lower case", STR("Mail.EXAMPLE.Com"), STR("mail.example.com") },
    { "final dot", STR("example.com."), STR("example.com") },
    { "one label", STR("localhost"), STR("localhost") },
    { "underscore", STR("_dmarc.Example.com"), STR("_dmarc.example.com") },
    { "hyphens anywhere", STR("-a-.b--c.example"), STR("-a-.b--c.example") },
    { "digits", STR("192.0.2.1"), STR("192.0.2.1") },
    { "A-label is kept", STR("XN--BCHER-KVA.example"), STR("xn--bcher-kva.example") },
    { "A-label that decodes to nothing is kept", STR("xn--0.example"), STR("xn--0.example") },
    /* D-110 */
    { "U-label",
      STR("b\xc3\xbc"
          "cher.example"),
      STR("xn--bcher-kva.example") },
    { "U-label in upper case",
      STR("B\xc3\x9c"
          "CHER.Example"),
      STR("xn--bcher-kva.example") },
    { "decomposed U-label",
      STR("bu\xcc\x88"
          "cher.example"),
      STR("xn--bcher-kva.example") },
    { "not transitional", STR("fa\xc3\x9f.example"), STR("xn--fa-hia.example") },
    { "U-label beside underscore and bad A-label",
      STR("_dmarc.b\xc3\xbc"
          "cher.xn--0"),
      STR("_dmarc.xn--bcher-kva.xn--0") },
    { "ideographic full stop",
      STR("b\xc3\xbc"
          "cher\xe3\x80\x82"
          "example"),
      STR("xn--bcher-kva.example") },
    { "ideographic full stop at the end",
      STR("b\xc3\xbc"
          "cher\xe3\x80\x82"),
      STR("xn--bcher-kva") },
    { "full width letters", STR("\xef\xbd\x85xample.com"), STR("example.com") },
    { "label of 63", STR(L63 ".com"), STR(L63 ".com") },
    { "name of 253", STR(L63 "." L63 "." L63 "." L60 "a"), STR(L63 "." L63 "." L63 "." L60 "a") },
    { "name of 253 and a final dot", STR(L63 "." L63 "." L63 "." L60 "a."), STR(L63 "." L63 "." L63 "." L60 "a") },
    { "name of 254", STR(L63 "." L63 "." L63 "." L60 "ab"), STR("") },
    { "label of 64", STR(L63 "d.com"), STR("") },
    { "empty", STR(""), STR("") },
    { "dot", STR("."), STR("") },
    { "two final dots", STR("example.com.."), STR("") },
    { "leading dot", STR(".example.com"), STR("") },
    { "empty label", STR("a..b"), STR("") },
    { "space", STR("exa mple.com"), STR("") },
    { "NUL", STR("example.com\0.evil"), STR("") },
    { "NUL in a U-label", STR("b\xc3\xbc\0.example"), STR("") },
    { "slash", STR("a/b.com"), STR("") },
    { "quote", STR("a\"b.com"), STR("") },
    { "percent", STR("a%b.com"), STR("") },
    { "at", STR("a@b.com"), STR("") },
    { "full width at",
      STR("a\xef\xbc\xa0"
          "b.com"),
      STR("") },
    { "account of, which maps to a slash", STR("\xe2\x84\x80.com"), STR("") },
    { "literal", STR("[192.0.2.1]"), STR("") },
    { "not UTF-8",
      STR("b\xfc"
          "cher.example"),
      STR("") },
    { "cut UTF-8", STR("b\xc3.example"), STR("") },
    { "overlong UTF-8", STR("\xc0\xaf.example"), STR("") },
    { "only ignored characters", STR("\xc2\xad.example"), STR("") },
    { "CR LF", STR("example.com\r\n"), STR("") },
};

static void names_have_one_normal_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(normals); i++) {
        struct arena *a = arena_new();
        struct str out;
        bool ok = domain_normalise(a, normals[i].in, &out);
        ROW_STR(normals[i].name, out, normals[i].want);
        ROW_INT(normals[i].name, ok, normals[i].want.n > 0);
        if (ok) {
            struct str again;
            ROW_INT(normals[i].name, domain_is_valid(out), true);
            assert_true(domain_normalise(a, out, &again));
            ROW_STR(normals[i].name, again, out);
        }
        arena_free(a);
    }
}

static void long_input_is_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *text = arena_alloc(a, 100000);
    struct str out;
    memset(text, '.', 100000);
    assert_false(domain_normalise(a, (struct str){ text, 100000 }, &out));
    memset(text, 0xc3, 100000);
    assert_false(domain_normalise(a, (struct str){ text, 100000 }, &out));
    arena_free(a);
}

static void only_the_normal_form_is_valid(void **state)
{
    (void)state;
    assert_true(domain_is_valid(STR("a.b-c._d.1")));
    assert_false(domain_is_valid(STR("A.b")));
    assert_false(domain_is_valid(STR("a.b.")));
    assert_false(domain_is_valid(STR("")));
    assert_false(domain_is_valid(STR("a..b")));
    assert_false(domain_is_valid(STR("b\xc3\xbc"
                                     "cher")));
}

static const struct {
    struct str name, parent;
    bool want;
} unders[] = {
    { STR("example.com"), STR("example.com"), true },
    { STR("a.b.example.com"), STR("example.com"), true },
    { STR("badexample.com"), STR("example.com"), false },
    { STR("example.com"), STR("a.example.com"), false },
    { STR("example.com.evil"), STR("example.com"), false },
    { STR("example.com"), STR("com"), true },
    { STR("example.com"), STR(""), false },
    { STR(""), STR(""), false },
};

static void under_stops_at_dots(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(unders); i++)
        ROW_INT(unders[i].name.p, domain_is_under(unders[i].name, unders[i].parent), unders[i].want);
}

static const struct {
    struct str name;
    unsigned n, want_labels;
    struct str want;
} suffixes[] = {
    { STR("a.b.c.d"), 1, 4, STR("d") },
    { STR("a.b.c.d"), 3, 4, STR("b.c.d") },
    { STR("a.b.c.d"), 4, 4, STR("a.b.c.d") },
    { STR("a.b.c.d"), 9, 4, STR("a.b.c.d") },
    { STR("a.b.c.d"), 0, 4, STR("") },
    { STR("com"), 1, 1, STR("com") },
    { STR(""), 1, 0, STR("") },
};

static void suffixes_count_labels_from_the_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(suffixes); i++) {
        ROW_STR(suffixes[i].name.p, domain_suffix(suffixes[i].name, suffixes[i].n), suffixes[i].want);
        ROW_INT(suffixes[i].name.p, domain_labels(suffixes[i].name), suffixes[i].want_labels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_one_normal_form),           cmocka_unit_test(long_input_is_refused),
        cmocka_unit_test(only_the_normal_form_is_valid),        cmocka_unit_test(under_stops_at_dots),
        cmocka_unit_test(suffixes_count_labels_from_the_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
