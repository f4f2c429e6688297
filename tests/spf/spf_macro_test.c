/* spf_macro_test.c - macro-strings: every letter, transformer and delimiter, every syntax error, names that are too long. */
#include "tests/support/support.h"

#include "mailseal/clock.h"

#include "milter/spf/spf_int.h"

#define L50 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define L60 L50 "0123456789"

/* The sender and the clients of all rows. */
static void fill(struct arena *a, const char *ip, struct spf_vars *vars)
{
    struct spf_input in = { .helo = STR("Out.Mail.example"), .receiver = STR("mx.here.example"), .now = 1234567890 };
    assert_true(ip_parse(str_of(ip), &in.client));
    spf_vars_init(vars, &in, STR("ann-marie+tag/x"), STR("mail.dept.example.com"), a);
    vars->value[SPF_VAR('d')] = STR("spf.example.net");
    vars->value[SPF_VAR('p')] = STR("host.example.org");
}

static const struct {
    const char *name, *in, *want; /* want of NULL: a syntax error */
} rows[] = {
    /* RFC 7208 7.2, each letter */
    { "s", "%{s}", "ann-marie+tag/x@mail.dept.example.com" },
    { "l", "%{l}", "ann-marie+tag/x" },
    { "o", "%{o}", "mail.dept.example.com" },
    { "d", "%{d}", "spf.example.net" },
    { "i", "%{i}", "192.0.2.77" },
    { "p", "%{p}", "host.example.org" },
    { "v", "%{v}", "in-addr" },
    { "h", "%{h}", "Out.Mail.example" },
    { "c", "%{c}", "192.0.2.77" },
    { "r", "%{r}", "mx.here.example" },
    { "t", "%{t}", "1234567890" },
    { "unknown letter", "%{a}", NULL },
    { "digit for a letter", "%{4}", NULL },
    { "no letter", "%{}", NULL },
    { "NUL-like letter", "%{@}", NULL },

    /* RFC 7208 7.1, escapes and literals */
    { "escapes", "a%%b%_c%-d", "a%b c%20d" },
    { "percent at the end", "abc%", NULL },
    { "percent and a letter", "%abc", NULL },
    { "parentheses", "%(d)", NULL },
    { "brace stays open", "%{d", NULL },
    { "brace stays open before another", "%{d %{i}", NULL },
    { "braces without percent", "{d}", "{d}" },
    { "control character", "a\tb", NULL },
    { "DEL", "a\x7f", NULL },
    { "8-bit character", "a\xc3\xa9", NULL },
    { "all literals", "!\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", "!\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~" },
    { "empty", "", "" },

    /* RFC 7208 7.1, transformers */
    { "keep one", "%{o1}", "com" },
    { "keep two", "%{o2}", "example.com" },
    { "keep all", "%{o4}", "mail.dept.example.com" },
    { "keep more than there are", "%{o5}", "mail.dept.example.com" },
    { "keep 128", "%{o128}", "mail.dept.example.com" },
    { "keep a number beyond any type", "%{o99999999999999999999999}", "mail.dept.example.com" },
    { "keep 01", "%{o01}", "com" },
    { "keep 0", "%{o0}", NULL },
    { "keep 00", "%{o00}", NULL },
    { "reverse", "%{or}", "com.example.dept.mail" },
    { "upper case R", "%{oR}", "com.example.dept.mail" },
    { "reverse, keep one", "%{o1r}", "mail" },
    { "reverse, keep two", "%{o2r}", "dept.mail" },
    { "reverse, keep all", "%{o4r}", "com.example.dept.mail" },
    { "reverse, keep more than there are", "%{o9r}", "com.example.dept.mail" },
    { "reversed address", "%{ir}", "77.2.0.192" },
    { "r before the number", "%{or2}", NULL },
    { "two r", "%{orr}", NULL },
    { "minus", "%{o-1}", NULL },

    /* RFC 7208 7.1, delimiters */
    { "hyphen", "%{l-}", "ann.marie+tag/x" },
    { "plus", "%{l+}", "ann-marie.tag/x" },
    { "slash", "%{l/}", "ann-marie+tag.x" },
    { "comma", "%{l,}", "ann-marie+tag/x" },
    { "underscore and equals sign", "%{l_=}", "ann-marie+tag/x" },
    { "several", "%{l-+/}", "ann.marie.tag.x" },
    { "all", "%{l1r.-+,/_=}", "ann" },
    { "keep and a delimiter", "%{l1+}", "tag/x" },
    { "keep, reverse, delimiters", "%{l2r-+}", "marie.ann" },
    { "a delimiter replaces the dot", "%{o1-}", "mail.dept.example.com" },
    { "bar is no delimiter", "%{l|}", NULL },
    { "dollar is no delimiter", "%{l$}", NULL },
    { "letter for a delimiter", "%{dx}", NULL },

    /* RFC 7208 7.3, upper case letters escape */
    { "upper case L", "%{L}", "ann-marie%2Btag%2Fx" },
    { "upper case S", "%{S}", "ann-marie%2Btag%2Fx%40mail.dept.example.com" },
    { "upper case D, keep", "%{D2}", "example.net" },
    { "upper case H", "%{H}", "Out.Mail.example" },
    { "what a split removes is not escaped", "%{L+}", "ann-marie.tag%2Fx" },

    { "mixed", "%{ir}.%{v}._spf.%{d2}", "77.2.0.192.in-addr._spf.example.net" },
};

static void macro_strings_expand_to_their_values(void **state)
{
    struct arena *a = arena_new();
    struct spf_vars vars;
    (void)state;
    fill(a, "192.0.2.77", &vars);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct spf_text text = { .max = SPF_TEXT_MAX };
        bool ok = spf_macro_expand(str_of(rows[i].in), true, &vars, &text);
        ROW_INT(rows[i].name, ok, rows[i].want != NULL);
        if (ok)
            ROW_STR(rows[i].name, ((struct str){ text.p, text.n }), str_of(rows[i].want));
    }
    arena_free(a);
}

static void an_ipv6_client_is_nibbles_in_i_and_text_in_c(void **state)
{
    struct arena *a = arena_new();
    struct spf_vars vars;
    struct spf_text text = { .max = SPF_TEXT_MAX };
    (void)state;
    fill(a, "2001:db8::cb01", &vars);
    assert_true(spf_macro_expand(STR("%{i} %{v} %{c} %{i2r}"), true, &vars, &text));
    ROW_STR("IPv6", ((struct str){ text.p, text.n }),
            STR("2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1 ip6 2001:db8::cb01 0.2"));
    /* SP-1: a mapped address is an IPv4 address. */
    fill(a, "::ffff:192.0.2.5", &vars);
    assert_true(spf_macro_expand(STR("%{i} %{v} %{c}"), true, &vars, &text));
    ROW_STR("mapped", ((struct str){ text.p, text.n }), STR("192.0.2.5 in-addr 192.0.2.5"));
    arena_free(a);
}

static void c_r_t_and_spaces_are_for_explanations_only(void **state)
{
    static const char *const only[] = { "%{c}", "%{r}", "%{t}", "%{C}", "a b" };
    (void)state;
    for (size_t i = 0; i < ROWS(only); i++) {
        struct str rest = str_of(only[i]);
        struct spf_macro m;
        const char *reason = NULL;
        bool ok = true;
        while (ok && rest.n > 0)
            ok = spf_macro_next(&rest, false, &m, &reason);
        ROW_INT(only[i], ok, false);
        assert_non_null(reason);
    }
}

static void letters_are_found_in_either_case(void **state)
{
    (void)state;
    assert_true(spf_macro_uses(STR("x.%{P}.example"), "p"));
    assert_true(spf_macro_uses(STR("%{d}%{l1r}"), "sl"));
    assert_false(spf_macro_uses(STR("p.%%{p}.%{d}"), "p"));
    assert_false(spf_macro_uses(STR_NONE, "p"));
}

static void an_explanation_keeps_its_beginning(void **state)
{
    struct arena *a = arena_new();
    struct spf_vars vars;
    struct spf_text text = { .max = 20 };
    (void)state;
    fill(a, "192.0.2.77", &vars);
    assert_true(spf_macro_expand(STR("%{d}, %{d}"), true, &vars, &text));
    ROW_STR("cut", ((struct str){ text.p, text.n }), STR("spf.example.net, spf"));
    /* What does not fit must still be correct. */
    assert_false(spf_macro_expand(STR("%{d}%{d}%{d}%"), true, &vars, &text));
    arena_free(a);
}

static const struct {
    const char *name, *in, *want; /* want of NULL: no such name can exist */
} names[] = {
    { "name", "%{d}", "spf.example.net" },
    { "final dot goes", "%{d2}.", "example.net" },
    { "two final dots", "a.example..", NULL },
    { "empty label", "a..example.com", NULL },
    { "dot in front", ".example.com", NULL },
    { "label of 63", L60 "abc.example", L60 "abc.example" },
    { "label of 64", L60 "abcd.example", NULL },
    { "space and percent sign", "a%_b%%.example.com", "a b%.example.com" },
    { "253 octets", L60 "." L60 "." L60 "." L60 ".abcdefghi", L60 "." L60 "." L60 "." L60 ".abcdefghi" },
    /* SP-21 */
    { "254 octets", L60 "." L60 "." L60 "." L60 ".abcdefghij", L60 "." L60 "." L60 ".abcdefghij" },
    { "far too long", L60 "." L60 "." L60 "." L60 "." L60 "." L60 ".%{o}." L60 "." L60, L60 ".mail.dept.example.com." L60 "." L60 },
    { "more than is kept",
      L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60 "." L60
          "." L60 "." L60 "." L60 ".last.example",
      L60 "." L60 "." L60 ".last.example" },
    { "too long without a dot", L60 L60 L60 L60 L60, NULL },
    { "nothing", "", NULL },
};

static void names_are_cut_from_the_left_and_must_be_possible(void **state)
{
    struct arena *a = arena_new();
    struct spf_vars vars;
    (void)state;
    fill(a, "192.0.2.77", &vars);
    for (size_t i = 0; i < ROWS(names); i++) {
        struct str out = STR_NONE;
        bool ok = spf_macro_domain(str_of(names[i].in), &vars, a, &out);
        ROW_INT(names[i].name, ok, names[i].want != NULL);
        if (ok)
            ROW_STR(names[i].name, out, str_of(names[i].want));
    }
    arena_free(a);
}

/* RFC 8616 4 */
static void a_helo_name_of_u_labels_becomes_a_labels(void **state)
{
    struct arena *a = arena_new();
    struct spf_vars vars;
    struct spf_input in = { .helo = STR("b\xc3\xbc"
                                        "cher.example") };
    (void)state;
    spf_vars_init(&vars, &in, STR("x"), STR("example.com"), a);
    ROW_STR("helo", vars.value[SPF_VAR('h')], STR("xn--bcher-kva.example"));
    ROW_STR("no receiver", vars.value[SPF_VAR('r')], STR("unknown"));
    in.helo = STR("\xff\xfe");
    spf_vars_init(&vars, &in, STR("x"), STR("example.com"), a);
    struct str out;
    assert_false(spf_macro_domain(STR("%{h}.example"), &vars, a, &out));
    arena_free(a);
}

/* The work is bounded by the text, not by the values it multiplies. */
static void a_large_expansion_ends_soon(void **state)
{
    struct arena *a = arena_new();
    struct spf_vars vars;
    char local[LIMIT_ADDRESS], text[LIMIT_SPF_RECORD];
    struct spf_input in = { .helo = STR_NONE };
    (void)state;
    memset(local, '.', sizeof(local));
    for (size_t i = 0; i + 6 <= sizeof(text); i += 6)
        memcpy(text + i, "%{L9r}", 6);
    spf_vars_init(&vars, &in, (struct str){ local, sizeof(local) }, STR("example.com"), a);
    size_t before = arena_bytes(a);
    struct spf_text out = { .max = SPF_TEXT_MAX, .keep_end = true };
    int64_t start = clock_ms();
    assert_true(spf_macro_expand((struct str){ text, sizeof(text) / 6 * 6 }, false, &vars, &out));
    assert_true(clock_ms() - start < 1000);
    assert_int_equal(arena_bytes(a), before);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macro_strings_expand_to_their_values),
        cmocka_unit_test(an_ipv6_client_is_nibbles_in_i_and_text_in_c),
        cmocka_unit_test(c_r_t_and_spaces_are_for_explanations_only),
        cmocka_unit_test(letters_are_found_in_either_case),
        cmocka_unit_test(an_explanation_keeps_its_beginning),
        cmocka_unit_test(names_are_cut_from_the_left_and_must_be_possible),
        cmocka_unit_test(a_helo_name_of_u_labels_becomes_a_labels),
        cmocka_unit_test(a_large_expansion_ends_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
