/* dkim_fold_test.c - a field written: where lines end. */
#include "mailseal/dkim.h"
#include "tests/support/support.h"

/* The longest line of a text. */
static size_t widest(struct str text)
{
    size_t max = 0;
    struct str line;
    for (bool more = true; more;) {
        more = str_cut(text, '\n', &line, &text);
        line = str_trim(line).n > 0 && line.p[line.n - 1] == '\r' ? str_first(line, line.n - 1) : line;
        max = line.n > max ? line.n : max;
    }
    return max;
}

/* DK-92 */
static void lines_are_at_most_78_wide(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char base64[1000];
    static const struct str names[] = { STR("From"), STR("Subject"), STR("List-Unsubscribe-Post"),
                                        STR("Content-Transfer-Encoding") };
    struct str list[40];
    memset(base64, 'x', sizeof(base64));
    for (size_t i = 0; i < ROWS(list); i++)
        list[i] = names[i % ROWS(names)];
    for (size_t n = 0; n < sizeof(base64); n += 7) {
        struct dkim_folder f;
        dkim_fold_init(&f, a, "Field", 8192);
        dkim_fold_tag(&f, "d", (struct str){ base64, n % 60 });
        dkim_fold_names(&f, list, 1 + n % ROWS(list));
        dkim_fold_word(&f, 2);
        dkim_fold_add(&f, STR("b="));
        dkim_fold_base64(&f, (struct str){ base64, n });
        assert_true(widest(buf_view(&f.buf)) <= 78);
        assert_false(f.buf.full);
    }
    arena_free(a);
}

static void text_is_as_expected(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_folder f;
    static const struct str names[] = { STR("From"), STR("To") };
    dkim_fold_init(&f, a, "Field", 8192);
    dkim_fold_tag(&f, "i", STR("1"));
    dkim_fold_names(&f, names, 2);
    dkim_fold_tag(&f, "d", STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"));
    dkim_fold_base64(&f, STR("QUJD"));
    ROW_STR("text", buf_view(&f.buf),
            STR("Field: i=1; h=From:To;\r\n d=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example;QUJD"));
    ROW_INT("column", f.column, 65);
    arena_free(a);
}

static void the_last_column_is_used(void **state)
{
    (void)state;
    for (size_t n = 71; n <= 72; n++) {
        struct arena *a = arena_new();
        struct dkim_folder f;
        dkim_fold_init(&f, a, "Field", 8192);
        dkim_fold_word(&f, n);
        ROW_STR("word", buf_view(&f.buf), n == 71 ? STR("Field: ") : STR("Field:\r\n "));
        arena_free(a);
    }
}

static void what_does_not_fit_is_known(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_folder f;
    dkim_fold_init(&f, a, "Field", 4);
    dkim_fold_add(&f, STR("1234"));
    assert_false(f.buf.full);
    dkim_fold_add(&f, STR("5"));
    assert_true(f.buf.full);
    ROW_STR("text", buf_view(&f.buf), STR("Field:1234"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_at_most_78_wide), cmocka_unit_test(text_is_as_expected),
                                        cmocka_unit_test(the_last_column_is_used), cmocka_unit_test(what_does_not_fit_is_known) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
