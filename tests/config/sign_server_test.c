/* sign_server_test.c - OpenDKIM's tables at servers: what is asked for in which order, and that no answer is not "nobody signs". */
#include "config_support.h"

#include "mailseal/limits.h"

#include "../table/server.h"

static const struct line patterns[] = {
    { "ann@a.example", "k1", VALUE },
    { "b.example", "k2:news@news.b.example ", VALUE },
    { ".c.example", "k2", VALUE },
    { "eve@.c.example", "k1", VALUE },
    { "bob@*", "k2:bob@other.example", VALUE },
    { "d.example", "%", VALUE },
    { "own.example", "%", VALUE },
    { "none.example", "k9", VALUE },
    { "empty.example", "", VALUE },
    { "bad1.example", "bad1", VALUE },
    { "bad2.example", "bad2", VALUE },
    { "bad3.example", "bad3", VALUE },
    { "gone.example", "gone", VALUE },
    { "temp.example", "6:TEMP x,", WHOLE },
    { "zoe@*", "k1", VALUE },
    { NULL, NULL, WHOLE },
};
static const struct line keys[] = {
    { "k1", "X.example:S1:/keys/x.pem", VALUE },
    { "k2", "%: s2 : /keys/%/k ", VALUE },
    { "own.example", "%:s3:/keys/own", VALUE },
    { "bad1", "x.example:s:k.pem", VALUE },
    { "bad2", "x.example:s", VALUE },
    { "bad3", "x..y:s:/k", VALUE },
    { "gone", "7:PERM no,", WHOLE },
    { NULL, NULL, WHOLE },
};

#define UNKNOWN "?"

static const struct {
    const char *address;
    bool all;
    const char *want, *asked, *asked_keys;
} rows[] = {
    { "ann@a.example", false, "x.example/s1/keys/x.pem", "ann@a.example|", "k1|" },
    { "Ann@a.example", false, "x.example/s1/keys/x.pem", "ann@a.example|", "k1|" },
    { "x@b.example", false, "b.example/s2/keys/b.example/k i=news@news.b.example", "x@b.example|b.example|", "k2|" },
    { "x@c.example", false, "", "x@c.example|c.example|x@.example|.example|x@*|*|", "" },
    { "x@y.z.c.example", false, "y.z.c.example/s2/keys/y.z.c.example/k",
      "x@y.z.c.example|y.z.c.example|x@.z.c.example|.z.c.example|x@.c.example|.c.example|", "k2|" },
    { "eve@z.c.example", false, "x.example/s1/keys/x.pem", "eve@z.c.example|z.c.example|eve@.c.example|", "k1|" },
    { "bob@y.example", false, "y.example/s2/keys/y.example/k", "bob@y.example|y.example|bob@.example|.example|bob@*|", "k2|" },
    { "x@d.example", false, "", "x@d.example|d.example|", "d.example|" },
    { "x@own.example", false, "own.example/s3/keys/own", "x@own.example|own.example|", "own.example|" },
    { "x@none.example", false, UNKNOWN, "x@none.example|none.example|", "k9|" },
    { "x@empty.example", false, UNKNOWN, "x@empty.example|empty.example|", "|" },
    { "x@bad1.example", false, UNKNOWN, "x@bad1.example|bad1.example|", "bad1|" },
    { "x@bad2.example", false, UNKNOWN, "x@bad2.example|bad2.example|", "bad2|" },
    { "x@bad3.example", false, UNKNOWN, "x@bad3.example|bad3.example|", "bad3|" },
    { "x@gone.example", false, UNKNOWN, "x@gone.example|gone.example|", "gone|" },
    { "x@temp.example", false, UNKNOWN, "x@temp.example|temp.example|", "" },
    { "eve@c.example", true, "", "eve@c.example|c.example|eve@.example|.example|eve@*|*|", "" },
    { "bob@b.example", true, "b.example/s2/keys/b.example/k i=news@news.b.example",
      "bob@b.example|b.example|bob@.example|.example|bob@*|*|", "k2|" },
    { "zoe@b.example", true, "b.example/s2/keys/b.example/k i=news@news.b.example x.example/s1/keys/x.pem",
      "zoe@b.example|b.example|zoe@.example|.example|zoe@*|*|", "k2|k1|" },
    { "x@j.i.h.g.f.e.d.c.b.example", false, "",
      "x@j.i.h.g.f.e.d.c.b.example|j.i.h.g.f.e.d.c.b.example|x@.h.g.f.e.d.c.b.example|.h.g.f.e.d.c.b.example|x@.g.f.e.d.c.b."
      "example|.g.f.e.d.c.b.example|x@.f.e.d.c.b.example|.f.e.d.c.b.example|x@.e.d.c.b.example|.e.d.c.b.example|x@.d.c.b.example|."
      "d.c.b.example|x@.c.b.example|.c.b.example|x@.b.example|.b.example|x@.example|.example|x@*|*|",
      "" },
};

struct place {
    struct arena *arena;
    const char *dir;
    struct server patterns, keys;
    struct conf conf;
};

static int setup(void **state)
{
    struct arena *a = arena_new();
    struct place *p = ARENA_NEW(a, struct place);
    p->arena = a;
    p->dir = make_directory(a);
    const char *of_keys = str_cstr(a, str_printf(a, "%s/k", p->dir));
    assert_int_equal(mkdir(of_keys, 0700), 0);
    server_start(&p->patterns, p->dir, patterns);
    server_start(&p->keys, of_keys, keys);
    p->conf.signing_table = str_cstr(a, str_printf(a, "socketmap:unix:%s:list", p->patterns.path));
    p->conf.key_table = str_cstr(a, str_printf(a, "socketmap:unix:%s:list", p->keys.path));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    server_stop(&p->patterns);
    server_stop(&p->keys);
    remove_directory(p->arena, p->dir);
    arena_free(p->arena);
    return 0;
}

static struct str describe(struct arena *a, const struct sign_found *f)
{
    struct buf b;
    buf_init(&b, a, 4000);
    if (f->unknown)
        return STR(UNKNOWN);
    for (size_t i = 0; i < f->n; i++) {
        const char *identity = f->v[i]->identity;
        buf_printf(&b, "%s%s/%s%s%s%s", i > 0 ? " " : "", f->v[i]->domain, f->v[i]->selector, f->v[i]->key_file,
                   identity[0] != '\0' ? " i=" : "", identity);
        assert_int_equal(f->v[i]->expire_after, 7);
    }
    return buf_view(&b);
}

static void the_forms_are_asked_for_in_turn(void **state)
{
    struct place *p = *state;
    p->conf.sign.expire_after = 7;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *error = NULL;
        struct sign_found found = { .n = 0 };
        struct str local, domain;
        p->conf.sign_all_matches = rows[i].all;
        struct sign_server *s = sign_server_new(a, &p->conf, &error);
        assert_non_null(s);
        assert_true(str_rcut(str_of(rows[i].address), '@', &local, &domain));
        sign_server_find(s, a, local, domain, &found);
        ROW_STR(rows[i].address, describe(a, &found), str_of(rows[i].want));
        ROW_STR(rows[i].address, str_of(server_log(&p->patterns, a)), str_of(rows[i].asked));
        ROW_STR(rows[i].address, str_of(server_log(&p->keys, a)), str_of(rows[i].asked_keys));
        arena_free(a);
    }
}

static void the_keyring_asks_after_the_sections(void **state)
{
    struct place *p = *state;
    const char *error = NULL, *reason;
    const struct sign_key *found[LIMIT_SIGN_KEYS];
    struct sign_key section = { .domain = "d.example", .selector = "s" };
    struct keyring *k = keyring_new(p->arena, 1);
    assert_true(keyring_add(k, &section, &reason));
    keyring_set_sources(k, NULL, NULL, sign_server_new(p->arena, &p->conf, &error));
    assert_int_equal(keyring_find(k, p->arena, STR("ann"), STR("a.example"), found), 1);
    assert_int_equal(keyring_find(k, p->arena, STR("ann"), STR("temp.example"), found), KEYRING_UNKNOWN);
    assert_int_equal(keyring_find(k, p->arena, STR("zed"), STR("d.example"), found), 1);
    assert_ptr_equal(found[0], &section);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(the_forms_are_asked_for_in_turn, setup, teardown),
                                        cmocka_unit_test_setup_teardown(the_keyring_asks_after_the_sections, setup, teardown) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
