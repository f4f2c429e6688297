/* authres_write_test.c - Authentication-Results written: quoting, folding, limits, and that we read what we wrote. */
#include "tests/support/support.h"

#include "mailseal/authres.h"
#include "mailseal/limits.h"

static void all_codes_have_their_words(void **state)
{
    (void)state;
    static const char *const words[] = { "none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror" };
    for (size_t i = 0; i < ROWS(words); i++) {
        assert_string_equal(auth_code_name((enum auth_code)i), words[i]);
        ROW_INT(words[i], code_of(auth_code_names, str_of(words[i])), i);
    }
    assert_int_equal(code_of(auth_code_names, STR("hardfail")), -1);
}

static const struct {
    const char *name;
    struct str value;
    const char *want;
} values[] = {
    { "domain", STR("example.com"), "example.com" },
    { "mailbox", STR("joe@example.com"), "joe@example.com" },
    { "local part with atext that is no token", STR("a/b=c?@example.com"), "a/b=c?@example.com" },
    { "no local part", STR("@example.com"), "@example.com" },
    { "quoted local part", STR("\"a b\"@example.com"), "\"a b\"@example.com" },
    { "quoted local part with pairs", STR("\"a\\\"@\\\\\"@example.com"), "\"a\\\"@\\\\\"@example.com" },
    { "token with signs", STR("rsa-sha256+x"), "rsa-sha256+x" },
    { "IPv4", STR("192.0.2.1"), "192.0.2.1" },
    { "IPv6", STR("2001:db8::1"), "\"2001:db8::1\"" },
    { "base64", STR("ab/c=="), "\"ab/c==\"" },
    { "plus is a token", STR("ab+c"), "ab+c" },
    { "empty", STR(""), "\"\"" },
    { "spaces", STR("a b"), "\"a b\"" },
    { "quote and backslash", STR("a\"b\\c"), "\"a\\\"b\\\\c\"" },
    { "result syntax", STR("x; dmarc=pass (y)"), "\"x; dmarc=pass (y)\"" },
    { "result syntax behind a mailbox", STR("a@b.c; dmarc=pass"), "\"a@b.c; dmarc=pass\"" },
    { "comment in the domain", STR("a@b.c(x)"), "\"a@b.c(x)\"" },
    { "two @", STR("a@b@c.d"), "\"a@b@c.d\"" },
    { "@ at the end", STR("a@"), "\"a@\"" },
    { "empty label", STR("a@b..c"), "\"a@b..c\"" },
    { "two dots in the local part", STR("a..b@c.d"), "\"a..b@c.d\"" },
    { "quote not closed", STR("\"a@b.c"), "\"\\\"a@b.c\"" },
    { "text behind the quoted local part", STR("\"a\"b@c.d"), "\"\\\"a\\\"b@c.d\"" },
    { "two quoted strings", STR("\"a\" \"b\"@c.d"), "\"\\\"a\\\" \\\"b\\\"@c.d\"" },
    { "CR LF", STR("a\r\nX-Evil: b"), "\"a??X-Evil: b\"" },
    { "NUL and tab", STR("a\0b\tc"), "\"a?b?c\"" },
    { "8-bit", STR("j\xc3\xb6@example.com"), "j??@example.com" },
    { "8-bit in the domain", STR("j@b\xc3\xbc.de"), "\"j@b??.de\"" },
    { "DEL", STR("a\x7f"), "\"a?\"" },
};

static void values_are_quoted_as_the_grammar_needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(values); i++) {
        struct arena *a = arena_new();
        struct authres_writer w;
        authres_begin(&w, a, STR("mx"));
        authres_add(&w, "x", AUTH_PASS);
        authres_prop(&w, "p", "v", values[i].value);
        ROW_STR(values[i].name, authres_end(&w), str_printf(a, "mx;\n\tx=pass p.v=%s", values[i].want));
        arena_free(a);
    }
}

static const struct {
    const char *name;
    struct str text;
    const char *want;
} comments[] = {
    { "plain", STR("2048-bit key"), "(2048-bit key)" },
    { "empty", STR(""), "()" },
    { "parentheses and backslash", STR("a) b(c\\"), "(a\\) b\\(c\\\\)" },
    { "quote", STR("a\"b"), "(a\"b)" },
    { "line end, NUL, 8-bit", STR("a\r\nb\0\xff"), "(a??b?\x3f)" },
};

static void comments_cannot_be_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(comments); i++) {
        struct arena *a = arena_new();
        struct authres_writer w;
        authres_begin(&w, a, STR("mx"));
        authres_add(&w, "x", AUTH_FAIL);
        authres_comment(&w, comments[i].text);
        ROW_STR(comments[i].name, authres_end(&w), str_printf(a, "mx;\n\tx=fail %s", comments[i].want));
        arena_free(a);
    }
}

static const struct {
    struct str id;
    const char *want;
} ids[] = {
    { STR("MX.Example.org"), "mx.example.org; none" },
    { STR("b\xc3\xbc"
          "cher.example"),
      "xn--bcher-kva.example; none" },
    { STR("mail gateway \"1\""), "\"mail gateway \\\"1\\\"\"; none" },
    { STR("a;b\n"), "\"a;b?\"; none" },
};

static void the_id_is_a_value_and_none_says_that_nothing_was_done(void **state) /* AR-3 */
{
    (void)state;
    for (size_t i = 0; i < ROWS(ids); i++) {
        struct arena *a = arena_new();
        struct authres_writer w;
        authres_begin(&w, a, ids[i].id);
        ROW_STR(ids[i].want, authres_end(&w), str_of(ids[i].want));
        arena_free(a);
    }
}

static void a_field_is_folded_between_its_elements(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct authres_writer w;
    authres_begin(&w, a, STR("mx.example.org"));
    authres_add(&w, "spf", AUTH_PASS);
    authres_prop(&w, "smtp", "mailfrom", STR("example.com"));
    authres_add(&w, "dkim", AUTH_FAIL);
    authres_comment(&w, STR("body hash did not verify"));
    authres_reason(&w, STR("the \"body\" changed"));
    authres_prop(&w, "header", "d", STR("example.com"));
    authres_prop(&w, "header", "i", STR("@example.com"));
    authres_prop(&w, "header", "b", STR("q/9Zx1=="));
    authres_add(&w, "arc", AUTH_NONE);
    ROW_STR("field", authres_end(&w),
            STR("mx.example.org;\n"
                "\tspf=pass smtp.mailfrom=example.com;\n"
                "\tdkim=fail (body hash did not verify) reason=\"the \\\"body\\\" changed\"\n"
                "\theader.d=example.com header.i=@example.com header.b=\"q/9Zx1==\";\n"
                "\tarc=none"));
    struct authres r;
    assert_true(authres_parse(a, buf_view(&w.buf), &r));
    assert_int_equal(r.n_results, 3);
    ROW_STR("reason", r.results[1].reason, STR("the \"body\" changed"));
    arena_free(a);
}

static void results_beyond_the_count_are_dropped(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct authres_writer w;
    struct authres r;
    authres_begin(&w, a, STR("mx"));
    for (int i = 0; i < LIMIT_AUTHRES_RESULTS + 5; i++) {
        authres_add(&w, "dkim", AUTH_PASS);
        authres_prop(&w, "header", "s", str_printf(a, "s%d", i));
    }
    assert_true(authres_parse(a, authres_end(&w), &r));
    assert_int_equal(r.n_results, LIMIT_AUTHRES_RESULTS);
    ROW_STR("last", r.results[LIMIT_AUTHRES_RESULTS - 1].props[0].value, str_printf(a, "s%d", LIMIT_AUTHRES_RESULTS - 1));
    assert_int_equal(r.results[LIMIT_AUTHRES_RESULTS - 1].n_props, 1);
    arena_free(a);
}

static void a_result_without_room_is_dropped_whole(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct authres_writer w;
    struct authres r;
    char text[LIMIT_AUTHRES_VALUE];
    memset(text, '"', sizeof(text));
    authres_begin(&w, a, STR("mx"));
    for (int i = 0; i < LIMIT_AUTHRES_RESULTS - 1; i++) {
        authres_add(&w, "dkim", AUTH_FAIL);
        authres_prop(&w, "header", "s", str_printf(a, "s%d", i));
        authres_prop(&w, "header", "x", (struct str){ text, sizeof(text) });
        authres_prop(&w, "header", "y", STR("end"));
    }
    /* Small ones still fit, and those dropped do not count. */
    for (int i = 0; i < LIMIT_AUTHRES_RESULTS; i++)
        authres_add(&w, "spf", AUTH_PASS);
    struct str field = authres_end(&w);
    assert_true(field.n <= LIMIT_AUTHRES);
    assert_true(field.n > LIMIT_AUTHRES - 600);
    assert_true(authres_parse(a, field, &r));
    assert_int_equal(r.n_results, LIMIT_AUTHRES_RESULTS);
    size_t large = 0;
    while (str_eq(r.results[large].method, STR("dkim"))) {
        assert_int_equal(r.results[large].n_props, 3);
        assert_int_equal(r.results[large].props[1].value.n, LIMIT_AUTHRES_VALUE);
        large++;
    }
    assert_true(large > 10 && large < LIMIT_AUTHRES_RESULTS - 1);
    for (size_t i = large; i < r.n_results; i++)
        ROW_STR("small", r.results[i].method, STR("spf"));
    arena_free(a);
}

static void long_texts_are_cut_but_long_values_left_out(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct authres_writer w;
    struct authres r;
    char text[LIMIT_AUTHRES_VALUE + 1];
    memset(text, ')', sizeof(text));
    struct str longer = { text, sizeof(text) }, longest = { text, sizeof(text) - 1 };
    authres_begin(&w, a, STR("mx"));
    authres_add(&w, "x", AUTH_FAIL);
    authres_comment(&w, longer);
    authres_reason(&w, longer);
    authres_prop(&w, "p", "a", longer);
    authres_prop(&w, "p", "b", longest);
    assert_true(authres_parse(a, authres_end(&w), &r));
    assert_int_equal(r.results[0].reason.n, LIMIT_AUTHRES_VALUE);
    assert_int_equal(r.results[0].n_props, 1);
    ROW_STR("kept", r.results[0].props[0].property, STR("b"));
    ROW_STR("kept", r.results[0].props[0].value, longest);
    arena_free(a);
}

/* Bytes that make trouble more often than chance would have them. */
static struct str random_text(struct arena *a, size_t max)
{
    static const char nasty[] = "\"\\();=@.,:/<>[]? \t\r\n-_";
    size_t n = (size_t)rand() % (max + 1);
    char *text = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++) {
        int kind = rand() % 4;
        text[i] = kind == 0   ? (char)(rand() % 256)
                  : kind == 1 ? nasty[(size_t)rand() % (sizeof(nasty) - 1)]
                              : (char)('a' + rand() % 26);
    }
    return (struct str){ text, n };
}

static struct str as_written(struct arena *a, struct str s)
{
    char *text = arena_copy(a, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 0x7f)
            text[i] = '?';
    return (struct str){ text, s.n };
}

static void check_random_field(void)
{
    struct arena *a = arena_new();
    struct authres_writer w;
    struct authres r;
    struct str reasons[4], props[4][2];
    size_t n = (size_t)rand() % 4 + 1;
    authres_begin(&w, a, STR("mx.example.org"));
    for (size_t i = 0; i < n; i++) {
        authres_add(&w, "dkim", (enum auth_code)(rand() % 8));
        authres_comment(&w, random_text(a, 40));
        authres_reason(&w, reasons[i] = random_text(a, 60));
        authres_prop(&w, "header", "d", props[i][0] = random_text(a, 12));
        authres_comment(&w, random_text(a, 10));
        authres_prop(&w, "header", "i", props[i][1] = random_text(a, LIMIT_AUTHRES_VALUE));
    }
    struct str field = authres_end(&w);
    assert_true(authres_parse(a, field, &r));
    ROW_STR("id", r.authserv_id, STR("mx.example.org"));
    ROW_INT("results", r.n_results, n);
    for (size_t i = 0; i < n; i++) {
        ROW_STR("reason", r.results[i].reason, as_written(a, reasons[i]));
        ROW_INT("properties", r.results[i].n_props, 2);
        ROW_STR("d", r.results[i].props[0].value, as_written(a, props[i][0]));
        ROW_STR("i", r.results[i].props[1].value, as_written(a, props[i][1]));
    }
    for (size_t i = 0; i < field.n; i++)
        assert_true((field.p[i] >= ' ' && field.p[i] < 0x7f) || field.p[i] == '\t' ||
                    (field.p[i] == '\n' && field.p[i + 1] == '\t'));
    arena_free(a);
}

static void whatever_is_written_is_read_back(void **state)
{
    (void)state;
    const char *given = getenv("MAILSEAL_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 20240131;
    print_message("seed %u (MAILSEAL_TEST_SEED)\n", seed);
    srand(seed);
    for (int i = 0; i < 5000; i++)
        check_random_field();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_codes_have_their_words),
        cmocka_unit_test(values_are_quoted_as_the_grammar_needs),
        cmocka_unit_test(comments_cannot_be_left),
        cmocka_unit_test(the_id_is_a_value_and_none_says_that_nothing_was_done),
        cmocka_unit_test(a_field_is_folded_between_its_elements),
        cmocka_unit_test(results_beyond_the_count_are_dropped),
        cmocka_unit_test(a_result_without_room_is_dropped_whole),
        cmocka_unit_test(long_texts_are_cut_but_long_values_left_out),
        cmocka_unit_test(whatever_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
