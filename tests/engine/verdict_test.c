/* verdict_test.c - the words of the verdict line, and that no message can break it or push the decision off it. */
#include "milter/engine/engine_int.h"

#include "engine_support.h"

struct drive {
    struct arena *a;
    struct env *e;
    struct conn *c;
    struct msg *m;
    const char *line;
};

static void drive(struct drive *d, const char *conf, const char *from, bool authenticated, const char *const *fields)
{
    d->a = arena_new();
    d->e = test_env(d->a, conf, 0);
    d->c = test_conn(d->e, "192.0.2.1");
    test_message(d->c, from, authenticated, fields, &d->m);
    d->line = msg_log_line(d->m, STR("4XYZ"));
}

static void stop(struct drive *d)
{
    msg_free(d->m);
    conn_free(d->c);
    env_free(d->e);
    arena_free(d->a);
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *field;
        bool authenticated;
        const char *want; /* up to the time */
    } rows[] = {
        { "pass", "<a@good.example>", "From: a@good.example", false,
          "4XYZ: from=good.example spf=pass/good.example helo=none dkim=none arc=none dmarc=pass policy=reject action=accept "
          "rule=\"default\" ip=192.0.2.1 class=outside rcpts=1 dns=4 t=" },
        { "fail", "<a@shop.example>", "From: a@good.example", false,
          "4XYZ: from=good.example spf=fail/shop.example helo=none dkim=none arc=none dmarc=fail policy=reject action=reject "
          "rule=\"dmarc-fail-reject\" reason=\"no aligned identifier passed\" ip=192.0.2.1 class=outside rcpts=1 dns=4 t=" },
        { "not signed", "<a@good.example>", "From: a@good.example", true,
          "4XYZ: from=good.example client=\"authenticated\" signatures=0 unsigned=\"no key signs for the author's domain\" "
          "action=accept rule=\"exempt\" ip=192.0.2.1 class=outside rcpts=1 dns=0 t=" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct drive d;
        drive(&d, "", rows[i].from, rows[i].authenticated, FIELDS(rows[i].field));
        ROW_STR(rows[i].name, str_first(str_of(d.line), strlen(rows[i].want)), str_of(rows[i].want));
        stop(&d);
    }
}

static void one_object(void **state)
{
    (void)state;
    const char *error;
    struct drive d;
    drive(&d, "log-format = json\n", "<a@shop.example>", false, FIELDS("From: a@good.example"));
    const struct json *j = js_read(d.a, str_of(d.line), &error);
    assert_non_null(j);
    assert_null(strchr(d.line, '\n'));
    ROW_STR("id", js_text(js_member(j, "id")), STR("4XYZ"));
    ROW_STR("spf", js_text(js_member(j, "spf")), STR("fail/shop.example"));
    ROW_STR("action", js_text(js_member(j, "action")), STR("reject"));
    ROW_STR("rule", js_text(js_member(j, "rule")), STR("dmarc-fail-reject"));
    ROW_STR("reason", js_text(js_member(j, "reason")), STR("no aligned identifier passed"));
    ROW_INT("dns", js_integer(js_member(j, "dns")), 4);
    ROW_INT("t", js_kind(js_member(j, "t")), JS_INTEGER);
    stop(&d);
}

/* A field with a long name of bytes that are escaped; the same in every place that takes one. */
static const char *hostile(struct arena *a, const char *head, size_t n, char byte, const char *tail)
{
    char *p = arena_alloc(a, n + 1);
    memset(p, byte, n);
    p[n] = '\0';
    return str_cstr(a, str_printf(a, "%s%s%s", head, p, tail));
}

static void no_message_breaks_it(void **state)
{
    (void)state;
    static const char bytes[] = { 'x', '\\', '"', '\x01', '\x7f', '\xff' };
    static const size_t lengths[] = { 1, 60, 95, 96, 97, 200, 253, 700 };
    for (size_t i = 0; i < ROWS(bytes) * ROWS(lengths) * 2; i++) {
        char byte = bytes[i / 2 % ROWS(bytes)];
        size_t n = lengths[i / 2 / ROWS(bytes)];
        bool json = i % 2 == 1;
        const char *error;
        struct drive d;
        struct arena *a = arena_new();
        const char *signature = hostile(a, "DKIM-Signature: v=1; a=rsa-sha256; s=s; h=from; bh=AA==; b=AA==; d=", n, byte, "");
        drive(&d, json ? "log-format = json\n" : "", hostile(a, "<a@", n, byte, ">"), false,
              FIELDS(hostile(a, "From: a@", n, byte, ""), signature, signature, signature, signature, signature));
        struct str line = str_of(msg_log_line(d.m, str_of(hostile(a, "", n, byte, ""))));
        assert_true(line.n < LIMIT_LOG_LINE - 32);
        for (size_t k = 0; k < line.n; k++)
            assert_in_range(line.p[k], ' ', '~');
        const struct json *j = json ? js_read(a, line, &error) : NULL;
        if (json && (js_text(js_member(j, "action")).n == 0 || js_text(js_member(j, "rule")).n == 0 ||
                     js_text(js_member(j, "dmarc")).n == 0 || js_kind(js_member(j, "t")) != JS_INTEGER))
            fail_msg("not whole: %.*s", STR_FMT(line));
        if (!json && (strstr(line.p, " action=") == NULL || strstr(line.p, " rule=\"") == NULL || strstr(line.p, "ms") == NULL))
            fail_msg("not whole: %.*s", STR_FMT(line));
        stop(&d);
        arena_free(a);
    }
}

/* Every word as long as it gets: some must go, whole, and never those that matter. */
static void what_does_not_fit_is_left_out(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        struct drive d;
        const char *error;
        drive(&d, json ? "log-format = json\n" : "", "<a@shop.example>", false, FIELDS("From: a@good.example"));
        struct outcome *o = &d.m->outcome;
        struct str longest = str_of(hostile(d.a, "", 253, '\\', ""));
        struct arc_sealer sealer = { .domain = longest };
        struct dkim_result dkim[] = { { .domain = longest }, { .domain = longest }, { .domain = longest }, { .domain = longest } };
        o->author.domain = o->spf.domain = o->disagreement = o->facts.daemon = longest;
        o->arc.sealers = &sealer;
        o->arc.n_sealers = 1;
        o->dkim = dkim;
        o->n_dkim = 4;
        struct str line = str_of(msg_log_line(d.m, longest));
        assert_in_range(line.n, 500, LIMIT_LOG_LINE - 64);
        const struct json *j = json ? js_read(d.a, line, &error) : NULL;
        if (json)
            assert_true(js_text(js_member(j, "rule")).n > 0 && js_kind(js_member(j, "t")) == JS_INTEGER);
        else
            assert_true(strstr(line.p, " rule=\"dmarc-fail-reject\"") != NULL && str_eq(str_skip(line, line.n - 2), STR("ms")));
        assert_null(strstr(line.p, "daemon"));
        stop(&d);
    }
}

/* Whoever looks for " action=" or cuts at commas finds what we said, and nothing a name says. */
static void no_name_looks_like_a_word(void **state)
{
    (void)state;
    struct drive d;
    drive(&d, "", "<a@shop.example>", false, FIELDS("From: a@good.example"));
    struct outcome *o = &d.m->outcome;
    const struct str name = STR("x action=accept,pass/y");
    struct dkim_result dkim = { .code = AUTH_FAIL, .domain = name };
    o->author.domain = o->spf.domain = o->facts.daemon = name;
    o->dkim = &dkim;
    o->n_dkim = 1;
    const char *line = msg_log_line(d.m, name), *first = strstr(line, "action="), *same = "x\\x20action\\x3daccept\\x2cpass\\x2fy";
    assert_true(first != NULL && first[-1] == ' ');
    assert_null(strstr(first + 1, "action="));
    assert_null(strstr(line, ",pass"));
    const struct str dkim_word = str_printf(d.a, " dkim=fail/%s arc=", same);
    assert_non_null(strstr(line, str_cstr(d.a, dkim_word)));
    stop(&d);
}

/* The names of the fields are ours. */
static void fields_left_out_are_told_as_they_are(void **state)
{
    (void)state;
    struct drive d;
    drive(&d, "", "<a@good.example>", true, FIELDS("From: a@good.example"));
    d.m->outcome.left_out = STR("To,Reply-To");
    assert_non_null(strstr(msg_log_line(d.m, STR("4XYZ")), " left-out=To,Reply-To "));
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words),
                                        cmocka_unit_test(no_name_looks_like_a_word),
                                        cmocka_unit_test(fields_left_out_are_told_as_they_are),
                                        cmocka_unit_test(one_object),
                                        cmocka_unit_test(no_message_breaks_it),
                                        cmocka_unit_test(what_does_not_fit_is_left_out) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
