/* condition_test.c - single conditions over texts, with tables that are files. */
#include <unistd.h>

#include "tests/support/support.h"

#include "mailseal/policy.h"

#include "milter/policy/policy_int.h"

static char dir[] = "/tmp/mailseal-condition-XXXXXX";

static int make_lists(void **state)
{
    FILE *f;

    (void)state;
    if (mkdtemp(dir) == NULL || chdir(dir) != 0 || (f = fopen("partners", "w")) == NULL)
        return -1;
    fputs("# partners\npartner.example\n.below.example\n", f);
    fclose(f);
    return chdir("/");
}

static int remove_lists(void **state)
{
    (void)state;
    return chdir(dir) != 0 || unlink("partners") != 0 || chdir("/") != 0 || rmdir(dir) != 0;
}

static const struct {
    const char *condition, *domain;
    bool holds;
} rows[] = {
    { "from-domain=./partners", "partner.example", true },
    { "from-domain=./partners", "a.partner.example", false },
    { "from-domain=./partners", "a.below.example", true },
    { "from-domain=./partners", "below.example", false },
    { "from-domain=./partners", "", false },
    { "from-domain=./partners|<>", "", true },
    { "from-domain=./partners|other.example", "other.example", true },
    { "from-domain=file:partners", "partner.example", true },
    { "from-domain!=file:./partners", "partner.example", false },
    { "from-domain!=./partners", "other.example", true },
    { "from-domain!=./partners", "", true },
    { " from-domain != a.example | .b.example ", "x.b.example", false },
    { " from-domain != a.example | .b.example ", "b.example", true },
};

static void texts_and_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct tables tables = { .dir = dir };
        struct condition c;
        const struct policy_facts facts = { .from_domain = str_of(rows[i].domain) };
        const char *unknown = NULL;

        ROW_STR(rows[i].condition, str_of(condition_parse(a, &tables, str_of(rows[i].condition), &c)), STR_NONE);
        ROW_INT(rows[i].condition, condition_holds(&c, &facts, &unknown), rows[i].holds);
        assert_null(unknown);
        arena_free(a);
    }
}

static void a_list_that_is_not_there(void **state)
{
    struct arena *a = arena_new();
    struct tables tables = { .dir = dir };
    struct condition c;
    const char *error = condition_parse(a, &tables, STR("from-domain=./others"), &c);

    (void)state;
    ROW_STR("others", str_of(error), str_printf(a, "%s/others: No such file or directory", dir));
    assert_int_equal(tables.n, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_files),
        cmocka_unit_test(a_list_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, make_lists, remove_lists);
}
