/* headers_test.c - fields kept as received, their line ends, and the limits. */
#include "tests/support/support.h"

#include "mailseal/headers.h"
#include "mailseal/limits.h"

static const struct {
    const char *name;
    struct str field, value, want_raw, want_name, want_value;
} adds[] = {
    { "plain", STR("Subject"), STR(" hello"), STR("Subject: hello"), STR("Subject"), STR(" hello") },
    { "no space", STR("Subject"), STR("x"), STR("Subject:x"), STR("Subject"), STR("x") },
    { "empty value", STR("Subject"), STR(""), STR("Subject:"), STR("Subject"), STR("") },
    { "space before the colon", STR("Subject \t"), STR(" x"), STR("Subject \t: x"), STR("Subject"), STR(" x") },
    { "LF fold", STR("To"), STR(" a,\n b"), STR("To: a,\r\n b"), STR("To"), STR(" a,\r\n b") },
    { "CRLF fold", STR("To"), STR(" a,\r\n b"), STR("To: a,\r\n b"), STR("To"), STR(" a,\r\n b") },
    { "both folds, empty first line", STR("To"), STR("\n a,\r\n\tb\n c"), STR("To:\r\n a,\r\n\tb\r\n c"), STR("To"),
      STR("\r\n a,\r\n\tb\r\n c") },
    { "bare CR is data", STR("To"), STR(" a\rb\r"), STR("To: a\rb\r"), STR("To"), STR(" a\rb\r") },
    { "CR CR LF", STR("To"), STR("a\r\r\n b"), STR("To:a\r\r\n b"), STR("To"), STR("a\r\r\n b") },
    { "NUL and 8-bit are data", STR("To"), STR("a\0\xff"), STR("To:a\0\xff"), STR("To"), STR("a\0\xff") },
    { "case is kept", STR("sUBJECT"), STR(" X"), STR("sUBJECT: X"), STR("sUBJECT"), STR(" X") },
};

static void added_fields_keep_every_byte_but_line_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(adds); i++) {
        struct arena *a = arena_new();
        struct headers h;
        headers_init(&h, a);
        assert_true(headers_add(&h, adds[i].field, adds[i].value));
        ROW_INT(adds[i].name, h.n, 1);
        ROW_STR(adds[i].name, h.v[0].raw, adds[i].want_raw);
        ROW_STR(adds[i].name, h.v[0].name, adds[i].want_name);
        ROW_STR(adds[i].name, h.v[0].value, adds[i].want_value);
        ROW_INT(adds[i].name, h.bytes, adds[i].want_raw.n);
        ROW_INT(adds[i].name, h.overflow, false);
        arena_free(a);
    }
}

static void instances_are_counted_from_the_top_without_regard_to_case(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct headers h;
    headers_init(&h, a);
    for (int i = 0; i < 100; i++)
        assert_true(headers_add(&h, i % 2 == 0 ? STR("Received") : STR("rECEIVED "), str_printf(a, "%d", i)));
    assert_true(headers_add(&h, STR("Receive"), STR("x")));
    assert_int_equal(headers_count(&h, STR("received")), 100);
    assert_int_equal(headers_count(&h, STR("From")), 0);
    ROW_STR("first", headers_get(&h, STR("RECEIVED"), 0)->value, STR("0"));
    ROW_STR("last", headers_get(&h, STR("Received"), 99)->value, STR("99"));
    assert_null(headers_get(&h, STR("Received"), 100));
    assert_null(headers_get(&h, STR("From"), 0));
    arena_free(a);
}

static void the_caller_may_reuse_its_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct headers h;
    char value[] = " one";
    headers_init(&h, a);
    assert_true(headers_add(&h, STR("A"), (struct str){ value, 4 }));
    memset(value, 'x', sizeof(value));
    ROW_STR("copy", h.v[0].value, STR(" one"));
    arena_free(a);
}

static void a_field_beyond_a_limit_is_not_kept_and_says_so(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *big = arena_alloc(a, LIMIT_HEADER_FIELD);
    memset(big, 'x', LIMIT_HEADER_FIELD);
    struct headers h;

    headers_init(&h, a);
    assert_true(headers_add(&h, STR("X"), (struct str){ big, LIMIT_HEADER_FIELD - 2 }));
    assert_false(h.overflow);
    assert_false(headers_add(&h, STR("X"), (struct str){ big, LIMIT_HEADER_FIELD - 1 }));
    assert_true(h.overflow);
    assert_int_equal(h.n, 1);

    /* The CR that a lone LF gets counts too. */
    headers_init(&h, a);
    big[0] = '\n';
    assert_false(headers_add(&h, STR("X"), (struct str){ big, LIMIT_HEADER_FIELD - 2 }));
    assert_true(h.overflow);
    big[0] = 'x';

    headers_init(&h, a);
    for (int i = 0; i < LIMIT_HEADER_BYTES / LIMIT_HEADER_FIELD; i++)
        assert_true(headers_add(&h, STR("X"), (struct str){ big, LIMIT_HEADER_FIELD - 2 }));
    assert_false(headers_add(&h, STR("X"), STR("")));
    assert_true(h.overflow);

    headers_init(&h, a);
    for (int i = 0; i < LIMIT_HEADER_FIELDS; i++)
        assert_true(headers_add(&h, STR("X"), STR("y")));
    assert_false(h.overflow);
    assert_false(headers_add(&h, STR("X"), STR("y")));
    assert_true(h.overflow);
    assert_int_equal(h.n, LIMIT_HEADER_FIELDS);
    arena_free(a);
}

/* The raw fields are joined by "|". */
static const struct {
    const char *name;
    struct str message, want_fields, want_body;
} reads[] = {
    { "CRLF", STR("A: 1\r\nB: 2\r\n\r\nbody\r\n"), STR("A: 1|B: 2"), STR("body\r\n") },
    { "LF", STR("A: 1\nB: 2\n\nbody\n"), STR("A: 1|B: 2"), STR("body\n") },
    { "folds", STR("A: 1\n  2\r\n\t3\nB: x\n\n"), STR("A: 1\r\n  2\r\n\t3|B: x"), STR("") },
    { "fold of white space only", STR("A: 1\r\n \r\nB: 2\r\n\r\nx"), STR("A: 1\r\n |B: 2"), STR("x") },
    { "no body", STR("A: 1\r\n\r\n"), STR("A: 1"), STR("") },
    { "no empty line", STR("A: 1\r\n"), STR("A: 1"), STR("") },
    { "no line end", STR("A: 1"), STR("A: 1"), STR("") },
    { "no header", STR("\r\nbody"), STR(""), STR("body") },
    { "nothing", STR(""), STR(""), STR("") },
    { "a line that is no field begins the body", STR("A: 1\r\nhello\r\nB: 2\r\n\r\nx"), STR("A: 1"),
      STR("hello\r\nB: 2\r\n\r\nx") },
    { "a fold without a field", STR(" A: 1\r\nB: 2\r\n"), STR(""), STR(" A: 1\r\nB: 2\r\n") },
    { "8-bit in a name", STR("\xc3\xa9: 1\n"), STR(""), STR("\xc3\xa9: 1\n") },
    { "no name", STR(": 1\n"), STR(""), STR(": 1\n") },
    { "mbox line", STR("From joe@example.com Thu Jan  1 00:00:00 1970\nFrom: a@b\n\nx"), STR("From: a@b"), STR("x") },
    { "mbox line further down begins the body", STR("A: 1\nFrom joe\nB: 2\n"), STR("A: 1"), STR("From joe\nB: 2\n") },
    { "space before the colon is no mbox line", STR("From : a@b\n\nx"), STR("From : a@b"), STR("x") },
    { "bare CR ends no line", STR("A: 1\rB: 2\r\n\r\nx"), STR("A: 1\rB: 2"), STR("x") },
    { "CR CR LF is no empty line", STR("A: 1\r\n\r\r\nx"), STR("A: 1"), STR("\r\r\nx") },
    { "colon in the value", STR("A: b: c\n\n"), STR("A: b: c"), STR("") },
};

static void a_message_is_cut_into_fields_and_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(reads); i++) {
        struct arena *a = arena_new();
        struct headers h;
        struct str body, fields = STR_NONE;
        headers_init(&h, a);
        assert_true(headers_read(&h, reads[i].message, &body));
        for (size_t k = 0; k < h.n; k++)
            fields = str_printf(a, "%.*s%s%.*s", STR_FMT(fields), k > 0 ? "|" : "", STR_FMT(h.v[k].raw));
        ROW_STR(reads[i].name, fields, reads[i].want_fields);
        ROW_STR(reads[i].name, body, reads[i].want_body);
        arena_free(a);
    }
}

static void reading_goes_on_to_the_body_when_a_limit_is_hit(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    size_t lines = LIMIT_HEADER_FIELDS + 10, n = 0;
    char *text = arena_alloc(a, lines * 5 + 5);
    for (size_t i = 0; i < lines; i++, n += 5)
        memcpy(text + n, "A: 1\n", 5);
    memcpy(text + n, "\nbody", 5);
    struct headers h;
    struct str body;
    headers_init(&h, a);
    assert_false(headers_read(&h, (struct str){ text, n + 5 }, &body));
    assert_true(h.overflow);
    assert_int_equal(h.n, LIMIT_HEADER_FIELDS);
    ROW_STR("body", body, STR("body"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_fields_keep_every_byte_but_line_ends),
        cmocka_unit_test(instances_are_counted_from_the_top_without_regard_to_case),
        cmocka_unit_test(the_caller_may_reuse_its_text),
        cmocka_unit_test(a_field_beyond_a_limit_is_not_kept_and_says_so),
        cmocka_unit_test(a_message_is_cut_into_fields_and_body),
        cmocka_unit_test(reading_goes_on_to_the_body_when_a_limit_is_hit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
