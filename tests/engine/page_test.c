/* page_test.c - lines are wrapped at the width, words are kept, and long foreign text is cut. */
#include "milter/engine/page.h"
#include "tests/support/support.h"

static struct str text_of(struct page *p)
{
    size_t n = (size_t)ftell(p->f);
    char *text = arena_alloc(p->a, n);
    rewind(p->f);
    assert_int_equal(fread(text, 1, n, p->f), n);
    fclose(p->f);
    return (struct str){ text, n };
}

static void paragraphs(void **state)
{
    (void)state;
    static const char forty[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn";
    struct page p = { .f = tmpfile(), .a = arena_new() };
    page_say(&p, 0, "%s %.37s", forty, forty);
    page_say(&p, 0, "%s %.38s", forty, forty);
    page_say(&p, 2, "%s   %s", forty, forty);
    page_item(&p, 1, "10.", "a %s %s%s b", forty, forty, forty);
    page_say(&p, 3, "%s", "");
    ROW_STR("text", text_of(&p),
            str_printf(p.a, "%s %.37s\n%s\n%.38s\n  %s\n  %s\n 10. a %s\n     %s%s\n     b\n   \n", forty, forty, forty, forty,
                       forty, forty, forty, forty, forty));
    arena_free(p.a);
}

static void titles(void **state)
{
    (void)state;
    struct page p = { .f = tmpfile(), .a = arena_new() };
    page_title(&p, "One", "");
    page_title(&p, "Two", "what?");
    ROW_STR("text", text_of(&p), STR("One\n---\n\nTwo - what?\n-----------\n"));
    arena_free(p.a);
}

static void foreign_text(void **state)
{
    (void)state;
    char longer[400];
    struct page p = { .a = arena_new() };
    memset(longer, 'x', sizeof(longer));
    ROW_STR("escaped", str_of(page_shown(&p, STR("a\n\x1b\\"))), STR("a\\x0a\\x1b\\\\"));
    ROW_STR("whole", str_of(page_shown(&p, (struct str){ longer, 320 })), ((struct str){ longer, 320 }));
    struct str cut = str_of(page_shown(&p, (struct str){ longer, sizeof(longer) }));
    assert_true(cut.n < 200);
    assert_non_null(strstr(cut.p, "x... (400 bytes)"));
    arena_free(p.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(paragraphs), cmocka_unit_test(titles), cmocka_unit_test(foreign_text) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
