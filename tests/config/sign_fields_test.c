/* sign_fields_test.c - lists of fields and changes to the usual list. */
#include "config_support.h"

#include "mailseal/limits.h"

#define USUAL_BEGIN "From,Sender,Reply-To,Subject"

static const struct {
    const char *headers, *first, *last; /* of the result; values of the option are separated by blanks */
    int more;                           /* than the usual list has; 1000: exactly first */
} rows[] = {
    { "from,to", "from,to", "to", 1000 },
    { "from To from", "from,To", "To", 1000 },
    { "*", USUAL_BEGIN, "List-Archive", 0 },
    { "*,+autocrypt", USUAL_BEGIN, "autocrypt", 1 },
    { "* +a,+b -sender", "From,Reply-To,Subject", "b", 1 },
    { "+x", USUAL_BEGIN, "x", 1 },
    { "-list-archive", USUAL_BEGIN, "List-Owner", -1 },
    { "*,+SUBJECT", USUAL_BEGIN, "List-Archive", 0 },
    { "*,-nosuch", USUAL_BEGIN, "List-Archive", 0 },
};

static void changes_are_made_to_the_usual_list(void **state)
{
    (void)state;
    size_t usual = 0;
    while (dkim_sign_default_field(usual) != NULL)
        usual++;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct sign_key key = { .headers = { ARENA_ARRAY(a, const char *, 8), 0 } };
        struct str rest = str_of(rows[i].headers), word;
        const char *reason = NULL;
        struct buf joined;
        for (bool more = true; more;) {
            more = str_cut(rest, ' ', &word, &rest);
            key.headers.v[key.headers.n++] = str_cstr(a, word);
        }
        assert_true(sign_key_expand(&key, a, &reason));
        buf_init(&joined, a, 10000);
        for (size_t j = 0; j < key.fields.n; j++)
            buf_printf(&joined, "%s%s", j > 0 ? "," : "", key.fields.v[j]);
        ROW_STR(rows[i].headers, str_first(buf_view(&joined), strlen(rows[i].first)), str_of(rows[i].first));
        ROW_STR(rows[i].headers, str_of(key.fields.v[key.fields.n - 1]), str_of(rows[i].last));
        if (rows[i].more == 1000)
            ROW_INT(rows[i].headers, joined.n, strlen(rows[i].first));
        else
            ROW_INT(rows[i].headers, key.fields.n, (int)usual + rows[i].more);
        arena_free(a);
    }
}

static void no_list_stays_none_and_from_is_needed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct sign_key key = { .headers = { NULL, 0 } };
    const char *reason = NULL, *without[] = { "*", "-From" };
    assert_true(sign_key_expand(&key, a, &reason));
    assert_int_equal(key.fields.n, 0);
    key.headers = (struct strings){ without, 2 };
    assert_false(sign_key_expand(&key, a, &reason));
    assert_string_equal(reason, "headers must name From");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(changes_are_made_to_the_usual_list),
                                        cmocka_unit_test(no_list_stays_none_and_from_is_needed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
