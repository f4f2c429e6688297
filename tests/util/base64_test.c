/* base64_test.c - RFC 4648 10 vectors, white space, padding, the one exact form, what is refused. */
#include "mailseal/base64.h"
#include "tests/support/support.h"

static void decoding(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want; /* NULL: refused */
    } rows[] = {
        { "", "" },
        { "Zg==", "f" },
        { "Zm8=", "fo" },
        { "Zm9v", "foo" },
        { "Zm9vYmFy", "foobar" },
        { "Zg", "f" },
        { "Zm8", "fo" },
        { " Z\tm\r\n 9v ", "foo" },
        { "Z g = =", "f" },
        { "Z", NULL },
        { "Zg=", NULL },
        { "Zg===", NULL },
        { "====", NULL },
        { "Zm9v=", NULL },
        { "Zg==Zg==", NULL },
        { "Zm9vYg==Z", NULL },
        { "Zm9-", NULL },
        { "Zm9_", NULL },
        { "Zm\x80v", NULL },
        { "Zm9v;", NULL },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str out;
        ROW_INT(rows[i].in, base64_decode(a, str_of(rows[i].in), &out), rows[i].want != NULL);
        if (rows[i].want != NULL)
            ROW_STR(rows[i].in, out, str_of(rows[i].want));
    }
    arena_free(a);
}

static void exact_form(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want; /* NULL: refused, though the plain reader takes it */
    } rows[] = {
        { "Zg==", "f" },
        { "Zg", "f" },
        { "Zm8=", "fo" },
        { " Z\tm\r\n 9v ", "foo" },
        { "Zm9vYmFyYQ = =", "foobara" },
        { "", NULL },
        { "Zh==", NULL },
        { "Zm9=", NULL },
        { "Zm9", NULL },
        { "Zm9vYmFyYR", NULL },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str out;
        assert_true(base64_decode(a, str_of(rows[i].in), &out));
        ROW_INT(rows[i].in, base64_decode_exact(a, str_of(rows[i].in), &out), rows[i].want != NULL);
        if (rows[i].want != NULL)
            ROW_STR(rows[i].in, out, str_of(rows[i].want));
    }
    struct str out;
    assert_false(base64_decode_exact(a, STR("Zm9-"), &out));
    arena_free(a);
}

static void encoding_reads_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    ROW_STR("f", base64_encode(a, "f", 1), STR("Zg=="));
    ROW_STR("fo", base64_encode(a, "fo", 2), STR("Zm8="));
    ROW_STR("foobar", base64_encode(a, "foobar", 6), STR("Zm9vYmFy"));
    unsigned char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        struct str out;
        assert_true(base64_decode(a, base64_encode(a, bytes, n), &out));
        assert_int_equal(out.n, n);
        assert_memory_equal(out.p, bytes, n);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decoding), cmocka_unit_test(exact_form),
                                        cmocka_unit_test(encoding_reads_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
