/* key_lookup_test.c - which keys of the key directory sign, by their state, and that a domain is looked at once. */
#include "config_support.h"

#include "mailseal/clock.h"
#include "mailseal/limits.h"

static void write_below(struct arena *a, const char *dir, const char *domain, const char *name, const char *text)
{
    const char *of = str_cstr(a, str_printf(a, "%s/%s", dir, domain));
    (void)mkdir(of, 0700);
    write_file(a, of, name, str_of(text), 0600);
}

static const char *make_keys(struct arena *a)
{
    const char *dir = make_directory(a);
    write_below(a, dir, "a.example", "s2.pem", "x");
    write_below(a, dir, "a.example", "s1.pem", "x");
    write_below(a, dir, "a.example", "s1.state", "active since=5\n");
    write_below(a, dir, "a.example", "s3.pem", "x");
    write_below(a, dir, "a.example", "s3.state", "pending\n");
    write_below(a, dir, "a.example", "s4.pem", "x");
    write_below(a, dir, "a.example", "s4.state", "retired\n");
    write_below(a, dir, "a.example", "s5.pem", "x");
    write_below(a, dir, "a.example", "s5.state", "broken\n");
    write_below(a, dir, "a.example", "notes", "x");
    write_below(a, dir, "b.example", "s9.pem", "x");
    for (int i = 0; i < LIMIT_SIGN_KEYS + 1; i++)
        write_below(a, dir, "many.example", str_cstr(a, str_printf(a, "k%d.pem", i)), "x");
    return dir;
}

static struct str selectors(struct arena *a, struct key_lookup *l, const char *domain)
{
    struct sign_found found = { .n = 0 };
    struct buf b;
    key_lookup_find(l, str_of(domain), false, &found);
    buf_init(&b, a, 1000);
    for (size_t i = 0; i < found.n; i++) {
        buf_printf(&b, "%s ", found.v[i]->selector);
        assert_string_equal(found.v[i]->domain, domain);
        assert_int_equal(found.v[i]->expire_after, 7);
    }
    buf_puts(&b, found.more ? "and more " : "");
    buf_puts(&b, found.unknown ? "and ?" : "");
    return buf_view(&b);
}

static void only_active_keys_sign(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_keys(a);
    struct sign_key how = { .expire_after = 7 };
    struct key_lookup *l = key_lookup_new(a, dir, &how);
    clock_fix(100000);
    ROW_STR("states", selectors(a, l, "a.example"), STR("s1 s2 and ?"));
    ROW_STR("other domain", selectors(a, l, "b.example"), STR("s9 "));
    ROW_STR("too many", selectors(a, l, "many.example"), STR("k0 k1 k2 k3 and more "));
    ROW_STR("none", selectors(a, l, "c.example"), STR(""));
    ROW_STR("no domain", selectors(a, l, ".."), STR(""));
    ROW_STR("no domain", selectors(a, l, ""), STR(""));
    remove_directory(a, dir);
    ROW_STR("kept", selectors(a, l, "b.example"), STR("s9 "));
    ROW_STR("kept for a while", selectors(a, l, "a.example"), STR("s1 s2 and ?"));
    clock_fix(100060);
    ROW_STR("kept", selectors(a, l, "b.example"), STR("s9 "));
    ROW_STR("as after a reload", selectors(a, key_lookup_new(a, dir, &how), "a.example"), STR(""));
    clock_fix(0);
    arena_free(a);
}

/* A directory that is there and cannot be read is not one that is not there. */
static void what_cannot_be_read_is_tried_again(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    const char *of = str_cstr(a, str_printf(a, "%s/a.example", dir));
    struct sign_key how = { .expire_after = 7, .subdomains = true };
    struct key_lookup *l = key_lookup_new(a, dir, &how);
    write_below(a, dir, "a.example", "s.pem", "x");
    assert_int_equal(chmod(of, 0777), 0);
    clock_fix(100000);
    ROW_STR("refused", selectors(a, l, "a.example"), STR("and ?"));
    assert_int_equal(chmod(of, 0700), 0);
    ROW_STR("not yet", selectors(a, l, "a.example"), STR("and ?"));
    clock_fix(99999);
    ROW_STR("a clock that was set back", selectors(a, l, "a.example"), STR("s "));
    clock_fix(0);
    remove_directory(a, dir);
    arena_free(a);
}

static void only_for_subdomains_where_it_is_said(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_keys(a);
    for (int subdomains = 0; subdomains < 2; subdomains++) {
        struct sign_key how = { .subdomains = subdomains };
        struct sign_found found = { .n = 0 };
        key_lookup_find(key_lookup_new(a, dir, &how), STR("a.example"), true, &found);
        assert_int_equal(found.n, 2 * subdomains);
        assert_int_equal(found.unknown, subdomains);
    }
    remove_directory(a, dir);
    arena_free(a);
}

static void a_new_domain_is_seen_at_once(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    struct sign_key how = { .expire_after = 7 };
    struct key_lookup *l = key_lookup_new(a, dir, &how);
    ROW_STR("before", selectors(a, l, "a.example"), STR(""));
    write_below(a, dir, "a.example", "s.pem", "x");
    ROW_STR("after", selectors(a, l, "a.example"), STR("s "));
    remove_directory(a, dir);
    arena_free(a);
}

static void count_key(void *ctx, const struct sign_key *key)
{
    (void)key;
    ++*(size_t *)ctx;
}

static void every_key_is_visited(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_keys(a);
    struct sign_key how = { .expire_after = 7 };
    size_t n = 0;
    key_lookup_each(key_lookup_new(a, dir, &how), count_key, &n);
    assert_int_equal(n, 2 + 1 + LIMIT_SIGN_KEYS);
    remove_directory(a, dir);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(only_active_keys_sign), cmocka_unit_test(a_new_domain_is_seen_at_once),
                                        cmocka_unit_test(what_cannot_be_read_is_tried_again),
                                        cmocka_unit_test(only_for_subdomains_where_it_is_said),
                                        cmocka_unit_test(every_key_is_visited) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
