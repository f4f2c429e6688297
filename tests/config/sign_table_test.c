/* sign_table_test.c - OpenDKIM's tables: which line signs for whom, what is refused, and that a large table is found in. */
#include <time.h>

#include "config_support.h"

#include "mailseal/limits.h"

static struct conf *conf_of(struct arena *a, const char *dir, const char *keys, const char *patterns, const char *kind, bool all)
{
    struct conf *c = ARENA_NEW(a, struct conf);
    c->arena = a;
    c->sign_all_matches = all;
    c->sign.expire_after = 7;
    c->key_table = write_file(a, dir, "keys", str_of(keys), 0644);
    const char *path = write_file(a, dir, "patterns", str_of(patterns), 0644);
    c->signing_table = str_cstr(a, str_printf(a, "%s%s", kind, path));
    return c;
}

#define KEYS                                                                                                                       \
    "# names\n\na a.example:s1:/k/a\nb\tb.example:s2:./b.pem  # relative\n% %:s3:/k/%/x.pem\nany %:s4:/k/any\na "                  \
    "x.example:s:/k/x\n"                                                                                                           \
    "c.example c.example:s5:/k/c\nown d.example:s6:/k/%/y.pem\n"

static const struct {
    const char *kind, *patterns;
    bool all;
    const char *address, *want; /* d/s/file/i of each */
} rows[] = {
    { "file:", "ann@a.example a\n", false, "ann@a.example", "a.example/s1/k/a" },
    { "", "ann@a.example a\n", false, "ANN@a.example", "a.example/s1/k/a" },
    { "file:", "ann@a.example a\n", false, "bob@a.example", "" },
    { "file:", "A.example a\nbob@a.example b\n", false, "bob@a.example", "b.example/s2DIR/./b.pem" },
    { "file:", "a.example a\n", false, "bob@x.a.example", "" },
    { "file:", "*@a.example a\n", false, "bob@a.example", "a.example/s1/k/a" },
    { "file:", ".example a\n.a.example any\n", false, "bob@x.a.example", "x.a.example/s4/k/any" },
    { "file:", ".a.example a\n", false, "bob@a.example", "" },
    { "file:", "bob@.example any\n.a.example a\n", false, "bob@x.a.example", "a.example/s1/k/a" },
    { "file:", ".example a\nbob@.example any\n", false, "bob@x.a.example", "x.a.example/s4/k/any" },
    { "file:", ".example a\nbob@.a.example any\n", false, "bob@x.a.example", "x.a.example/s4/k/any" },
    { "file:", "bob@* any\n.example a\n", true, "bob@x.a.example", "a.example/s1/k/a x.a.example/s4/k/any" },
    { "file:", "z.example any\nZ.example a\n", true, "eve@z.example", "z.example/s4/k/any" }, /* of equal lines the first */
    { "file:", "* a\nbob@* any\n", false, "bob@z.example", "z.example/s4/k/any" },
    { "file:", "* a\nbob@* any\n", false, "eve@z.example", "a.example/s1/k/a" },
    { "file:", "* a\nz.example any\n", true, "eve@z.example", "z.example/s4/k/any a.example/s1/k/a" },
    { "refile:", "*@a.example a\n*@* any\n", false, "x@a.example", "a.example/s1/k/a" },
    { "refile:", "*@* any\n*@a.example a\n", false, "x@a.example", "a.example/s4/k/any" },
    { "refile:", "*@* any\n*@a.example a\n", true, "x@a.example", "a.example/s4/k/any a.example/s1/k/a" },
    { "refile:", "*@a.example a\n*@a.example a:x\n", true, "x@a.example", "a.example/s1/k/a" },
    { "refile:", "*@*.a.example a\n", false, "x@y.z.a.example", "a.example/s1/k/a" },
    { "refile:", "*@*.a.example a\n", false, "x@a.example", "" },
    { "refile:", "*.a.example a\n", false, "x@y.a.example", "a.example/s1/k/a" },
    { "refile:", "*@*a.example a\n", false, "x@ya.example", "a.example/s1/k/a" },
    { "refile:", "*@a*.example a\n", false, "x@abc.example", "a.example/s1/k/a" },
    { "refile:", "an*@a.example a\n", false, "ann@a.example", "a.example/s1/k/a" },
    { "refile:", "an*@a.example a\n", false, "bob@a.example", "" },
    { "refile:", "ann@* a\n", false, "ann@z.example", "a.example/s1/k/a" },
    { "refile:", "a.example a\n", false, "ann@a.example", "" },
    { "refile:", "* %\n", false, "ann@c.example", "c.example/s5/k/c" },
    { "refile:", "* %\n", false, "ann@other.example", "" },
    { "refile:",
      "*@b\xc3\xbc"
      "cher.example any\n",
      false, "x@xn--bcher-kva.example", "xn--bcher-kva.example/s4/k/any" },
    { "refile:", "*@c.example any:ann@%\n", false, "x@c.example", "c.example/s4/k/any i=ann@c.example" },
    { "refile:", "*@c.example any:a=b@%\n", false, "x@c.example", "c.example/s4/k/any" },
    { "refile:", "*@c.example a:ann@%\n", false, "x@c.example", "a.example/s1/k/a" },           /* does not fit d= */
    { "refile:", "*@c.example own\n", false, "x@c.example", "d.example/s6/k/d.example/y.pem" }, /* the domain that signs */
    { "refile:", "*@a.example a # x\n#*@c.example b\n", false, "x@c.example", "" },
    /* Lines for the same signature take no place from others, and those that lead to no key do not either. */
    { "refile:", "* a\n*@* a\n*@z.example b\n*@z* any\n*.example own\n", true, "x@z.example",
      "a.example/s1/k/a b.example/s2DIR/./b.pem z.example/s4/k/any d.example/s6/k/d.example/y.pem" },
    { "refile:", "* %\n*@* a\n*@z.example b\n*@z* any\n*.example own\n", true, "x@z.example",
      "a.example/s1/k/a b.example/s2DIR/./b.pem z.example/s4/k/any d.example/s6/k/d.example/y.pem" },
    { "refile:", "* c.example\n*@* a\n*@z.example b\n*@z* any\n*.example own\n", true, "x@z.example",
      "c.example/s5/k/c a.example/s1/k/a b.example/s2DIR/./b.pem z.example/s4/k/any and more" },
    { "refile:", "*@* a:p@a.example\n* a:q@a.example\n", true, "x@z.example", "a.example/s1/k/a i=p@a.example" },
    { "file:", "bob@* a:u@a.example\n.example a:p@a.example\n", true, "bob@z.example", "a.example/s1/k/a i=p@a.example" },
    { "refile:", "* %\n* c.example\n*@* a\n*@z.example b\n*@z* any\n*.example own\n", true, "x@z.example",
      "c.example/s5/k/c a.example/s1/k/a b.example/s2DIR/./b.pem z.example/s4/k/any and more" },
    { "file:", "bob@z.example a:p@a.example\nz.example a:q@a.example\n* b\n", true, "bob@z.example",
      "a.example/s1/k/a i=p@a.example b.example/s2DIR/./b.pem" },
    { "refile:", "* %\n*@* a\n", false, "x@z.example", "" }, /* the first line alone counts */
};

static struct str describe(struct arena *a, const char *dir, const struct sign_found *f)
{
    struct buf b;
    buf_init(&b, a, 4000);
    for (size_t i = 0; i < f->n; i++) {
        const struct sign_key *k = f->v[i];
        const char *file = k->key_file;
        bool here = strncmp(file, dir, strlen(dir)) == 0;
        buf_printf(&b, "%s%s/%s%s%s%s%s", i > 0 ? " " : "", k->domain, k->selector, here ? "DIR" : "",
                   here ? file + strlen(dir) : file, k->identity[0] != '\0' ? " i=" : "", k->identity);
        assert_int_equal(k->expire_after, 7);
    }
    buf_puts(&b, f->more ? " and more" : "");
    return buf_view(&b);
}

static void lines_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *dir = make_directory(a), *error = NULL;
        struct sign_found found = { .n = 0 };
        struct str local, domain;
        struct sign_table *t = sign_table_read(a, a, conf_of(a, dir, KEYS, rows[i].patterns, rows[i].kind, rows[i].all), &error);
        if (t == NULL)
            fail_msg("%s: %s", rows[i].patterns, error);
        assert_true(str_rcut(str_of(rows[i].address), '@', &local, &domain));
        sign_table_find(t, a, local, domain, &found);
        ROW_STR(rows[i].patterns, describe(a, dir, &found), str_of(rows[i].want));
        remove_directory(a, dir);
        arena_free(a);
    }
}

/* X06 among them. */
static const struct {
    const char *keys, *patterns, *want;
} refused[] = {
    { KEYS, "*@a.example a\n*\n", "/patterns:2: '*' names no key" },
    { KEYS, "*@a.example :x\n", "/patterns:1: '*@a.example' names no key" },
    { KEYS, "\n# x\n*@a.example nosuch\n", "/patterns:3: 'nosuch' is no name in the key table" },
    { KEYS, "*@a..b a\n", "/patterns:1: '*@a..b' is no address, domain or pattern" },
    { "a a.example:s1\n", "", "/keys:1: 'a' has no value DOMAIN:SELECTOR:PATH" },
    { "a\n", "", "/keys:1: 'a' has no value DOMAIN:SELECTOR:PATH" },
    { "a a_..x:s1:/k\n", "", "/keys:1: 'a_..x' is no domain name" },
    { "a a.example:s 1:/k\n", "", "/keys:1: 's 1' is no selector" },
    { "*@x a.example:s:/k\n", "", "/keys:1: '*@x' is a pattern where the name of a key is wanted" },
    { "a a.example:s:MIIEsecret\n", "", "/keys:1: no path of a key file (a key in the table itself is not read)" },
};

static void faults_are_refused_with_file_and_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct arena *a = arena_new();
        const char *dir = make_directory(a), *error = "";
        assert_null(sign_table_read(a, a, conf_of(a, dir, refused[i].keys, refused[i].patterns, "refile:", false), &error));
        ROW_STR(refused[i].want, str_of(error), str_printf(a, "%s%s", dir, refused[i].want));
        remove_directory(a, dir);
        arena_free(a);
    }
}

#define DOMAINS 100000

/* A hoster's tables; time and memory are told, not judged. */
static void a_hundred_thousand_domains(void **state)
{
    (void)state;
    struct arena *a = arena_new(), *text = arena_new();
    struct buf keys, patterns;
    const char *dir = make_directory(a), *error = NULL;
    buf_init(&keys, text, 64 << 20);
    buf_init(&patterns, text, 64 << 20);
    for (int i = 0; i < DOMAINS; i++) {
        buf_printf(&keys, "key%d d%d.example:s1:/etc/keys/d%d.example/s1.pem\n", i, i, i);
        buf_printf(&patterns, i % 2 == 0 ? "*@d%d.example key%d\n" : "*@*.d%d.example key%d\n", i, i);
    }
    struct arena *table = arena_new();
    struct conf *c = conf_of(text, dir, keys.p, patterns.p, "refile:", false);
    c->arena = table;
    struct timespec from, to;
    assert_int_equal(timespec_get(&from, TIME_UTC), TIME_UTC);
    struct sign_table *t = sign_table_read(table, text, c, &error);
    assert_int_equal(timespec_get(&to, TIME_UTC), TIME_UTC);
    assert_non_null(t);
    print_message("%d domains: %.0f ms, %zu KiB\n", DOMAINS,
                  (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6, arena_bytes(table) / 1024);
    for (int i = 0; i < DOMAINS; i += 997) {
        struct sign_found found = { .n = 0 };
        struct arena *scratch = arena_new();
        struct str domain = str_printf(scratch, i % 2 == 0 ? "d%d.example" : "x.d%d.example", i);
        sign_table_find(t, scratch, STR("ann"), domain, &found);
        assert_int_equal(found.n, 1);
        ROW_STR("key", str_of(found.v[0]->key_file), str_printf(scratch, "/etc/keys/d%d.example/s1.pem", i));
        arena_free(scratch);
    }
    arena_free(table);
    remove_directory(a, dir);
    arena_free(text);
    arena_free(a);
}

static void add_text(void *ctx, const struct sign_key *k)
{
    buf_printf(ctx, "%s/%s%s\n", k->domain, k->selector, k->key_file);
}

/* Keys of the author's domain are met for each domain that the signing table names, once. */
static void every_key_is_met(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *patterns, *want;
    } each_rows[] = {
        { "refile:", "", "a.example/s1/k/a\nc.example/s5/k/c\nf.example/s6/k/f.example\n" },
        { "refile:", "*@x.example any\nann@x.example any\n*@*.y.example any\n* any\n*@z.example %\n*@d.example %\n",
          "a.example/s1/k/a\nc.example/s5/k/c\nf.example/s6/k/f.example\nx.example/s4/k/any\n" },
        { "file:", "x.example any\n.y.example any\n",
          "a.example/s1/k/a\nc.example/s5/k/c\nf.example/s6/k/f.example\nx.example/s4/k/any\n" },
        { "file:", "c.example %\n*@a.example a\n", "a.example/s1/k/a\nc.example/s5/k/c\nf.example/s6/k/f.example\n" },
        { "file:", "e.example own\n", "a.example/s1/k/a\nc.example/s5/k/c\nf.example/s6/k/f.example\n" },
    };
    static const char keys[] = "a a.example:s1:/k/a\nany %:s4:/k/any\nc.example c.example:s5:/k/c\nown f.example:s6:/k/%\n";
    for (size_t i = 0; i < ROWS(each_rows); i++) {
        struct arena *a = arena_new();
        const char *dir = make_directory(a), *error = NULL;
        struct sign_table *t =
            sign_table_read(a, a, conf_of(a, dir, keys, each_rows[i].patterns, each_rows[i].kind, false), &error);
        assert_null(error);
        struct buf b;
        buf_init(&b, a, 4000);
        sign_table_each(t, add_text, &b);
        struct str line, rest = buf_view(&b);
        ROW_INT(each_rows[i].patterns, rest.n, strlen(each_rows[i].want));
        while (str_cut(rest, '\n', &line, &rest))
            if (memmem(each_rows[i].want, strlen(each_rows[i].want), line.p, line.n + 1) == NULL)
                fail_msg("%s: '%.*s' is too much", each_rows[i].patterns, STR_FMT(line));
        remove_directory(a, dir);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_met),
        cmocka_unit_test(lines_are_found),
        cmocka_unit_test(faults_are_refused_with_file_and_line),
        cmocka_unit_test(a_hundred_thousand_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
