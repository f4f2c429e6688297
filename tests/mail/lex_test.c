/* lex_test.c - the words of structured fields. */
#include "tests/support/support.h"

#include "mailseal/limits.h"

#include "milter/mail/mail_int.h"

/* What is left behind the white space and comments; NULL: an error. */
static const struct {
    const char *name;
    struct str in;
    const char *rest;
} blanks[] = {
    { "none", STR("x"), "x" },
    { "white space of all kinds", STR(" \t\r\n x "), "x " },
    { "comment", STR("(a)x"), "x" },
    { "nested comments and white space", STR(" (a (b) (c(d)) ) (e)\r\n x"), "x" },
    { "quoted pairs", STR("(\\( \\) \\\\)x"), "x" },
    { "a quote means nothing in a comment", STR("(\"a)x"), "x" },
    { "end", STR(" () "), "" },
    { "not closed", STR("(a (b) x"), NULL },
    { "backslash at the end", STR("(a\\"), NULL },
    { "escaped end", STR("(a\\)"), NULL },
};

static void comments_and_white_space_are_stepped_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(blanks); i++) {
        struct lex l = { .s = blanks[i].in };
        ROW_INT(blanks[i].name, lex_cfws(&l), blanks[i].rest != NULL);
        ROW_INT(blanks[i].name, l.reason == NULL, blanks[i].rest != NULL);
        if (blanks[i].rest != NULL)
            ROW_STR(blanks[i].name, str_skip(l.s, l.i), str_of(blanks[i].rest));
    }
}

static void comments_nest_up_to_the_limit(void **state)
{
    (void)state;
    char text[2 * LIMIT_COMMENT_DEPTH + 2];
    memset(text, '(', LIMIT_COMMENT_DEPTH + 1);
    memset(text + LIMIT_COMMENT_DEPTH + 1, ')', LIMIT_COMMENT_DEPTH + 1);
    struct lex deepest = { .s = { text + 1, 2 * LIMIT_COMMENT_DEPTH } };
    assert_true(lex_cfws(&deepest));
    struct lex deeper = { .s = { text, 2 * LIMIT_COMMENT_DEPTH + 2 } };
    assert_false(lex_cfws(&deeper));
    assert_string_equal(deeper.reason, "comments nested too deep");
}

static const struct {
    const char *name;
    struct str in;
    const char *want, *rest; /* NULL: an error */
} strings[] = {
    { "plain", STR("\"a b\"c"), "a b", "c" },
    { "empty", STR("\"\""), "", "" },
    { "quoted pairs", STR("\"\\\"a\\\\\\b\""), "\"a\\b", "" },
    { "fold", STR("\"a\r\n b\""), "a b", "" },
    { "comment signs mean nothing", STR("\"(a\""), "(a", "" },
    { "8-bit", STR("\"\xc3\xa9\""), "\xc3\xa9", "" },
    { "not closed", STR("\"a"), NULL, NULL },
    { "one quote", STR("\""), NULL, NULL },
    { "end is escaped", STR("\"a\\\""), NULL, NULL },
    { "backslash at the end", STR("\"a\\"), NULL, NULL },
    { "NUL", STR("\"a\0\""), NULL, NULL },
    { "escaped NUL", STR("\"a\\\0\""), NULL, NULL },
    { "escaped line end", STR("\"a\\\r\n b\""), NULL, NULL },
    { "DEL", STR("\"\x7f\""), NULL, NULL },
};

static void quoted_strings_are_read_and_unquoted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(strings); i++) {
        struct arena *a = arena_new();
        struct lex l = { .s = strings[i].in };
        struct str raw;
        ROW_INT(strings[i].name, lex_quoted(&l, &raw), strings[i].want != NULL);
        if (strings[i].want != NULL) {
            ROW_STR(strings[i].name, lex_unquote(a, raw), str_of(strings[i].want));
            ROW_STR(strings[i].name, str_skip(l.s, l.i), str_of(strings[i].rest));
        }
        arena_free(a);
    }
}

static void a_quoted_string_has_a_limit(void **state)
{
    (void)state;
    char text[LIMIT_QUOTED_STRING + 3];
    struct str raw;
    memset(text, 'a', sizeof(text));
    text[0] = text[LIMIT_QUOTED_STRING] = '"';
    struct lex longest = { .s = { text, sizeof(text) } };
    assert_true(lex_quoted(&longest, &raw));
    text[LIMIT_QUOTED_STRING] = 'a';
    text[LIMIT_QUOTED_STRING + 1] = '"';
    struct lex longer = { .s = { text, sizeof(text) } };
    assert_false(lex_quoted(&longer, &raw));
    assert_string_equal(longer.reason, "quoted string too long");
}

static void characters_belong_to_their_classes(void **state)
{
    (void)state;
    /* Each ASCII character that is printable, with the class it has. */
    const char *both = "!#$%&'*+-^_`{|}~", *only_atext = "/=?", *only_token = ".", *none = "()<>@,;:\\\"[] ";
    for (int c = 0; c < 256; c++) {
        bool word = c != 0 && (char_is_alnum((char)c) || c >= 0x80 || strchr(both, c) != NULL);
        assert_int_equal(char_is_atext((char)c), word || (c != 0 && strchr(only_atext, c) != NULL));
        assert_int_equal(char_is_token((char)c), word || (c != 0 && strchr(only_token, c) != NULL));
        assert_int_equal(char_is_control((char)c), c < ' ' || c == 0x7f);
        if (c != 0 && strchr(none, c) != NULL)
            assert_false(char_is_atext((char)c) || char_is_token((char)c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_and_white_space_are_stepped_over), cmocka_unit_test(comments_nest_up_to_the_limit),
        cmocka_unit_test(quoted_strings_are_read_and_unquoted),      cmocka_unit_test(a_quoted_string_has_a_limit),
        cmocka_unit_test(characters_belong_to_their_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
