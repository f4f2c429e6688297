/* trace_test.c - which client and sender a message's own trace fields name, and when they name none. */
#include "milter/cmd/judge.h"
#include "tests/engine/engine_support.h"

#define MINE "from mx.site.example (mx.site.example [192.0.2.10]) by store.site.example with ESMTP id 1"
#define WAY  "from a.good.example (b.good.example [203.0.113.5]) by mx.site.example (Postfix) with ESMTPS id 2"
#define MADE "from bank.example (bank.example [198.51.100.1]) by a.good.example with ESMTP id 3"

static void who_handed_it_over(void **state)
{
    (void)state;
    static const struct {
        const char *name, *fields[5], *client, *helo;
        size_t taken;
        bool login;
    } rows[] = {
        { "none", { "From: a@b.example" }, NULL, "", 0, false },
        { "the first", { "Received: " WAY }, "203.0.113.5", "a.good.example", 1, false },
        { "below ours",
          { "Return-Path: <>", "Received: " MINE, "Received: " WAY, "Received: " MADE },
          "203.0.113.5",
          "a.good.example",
          3,
          false },
        { "by a program",
          { "Received: by store.site.example (Postfix, from userid 5) id 4; x", "Received: " WAY },
          "203.0.113.5",
          "a.good.example",
          2,
          false },
        { "all ours", { "Received: " MINE }, NULL, "", 0, false },
        { "login from our network",
          { "Received: from pc (pc [192.0.2.10]) by mx.site.example with ESMTPSA id 5" },
          "192.0.2.10",
          "pc",
          1,
          true },
        { "login", { "Received: from pc (pc [203.0.113.77]) by mx.site.example with esmtpa id 5" }, "203.0.113.77", "pc", 1, true },
        { "cannot be read", { "Received: nonsense ((", "Received: " MADE }, NULL, "", 0, false },
        { "without an address",
          { "Received: from x.example by mx.site.example with ESMTP id 6; x", "Received: " MADE },
          NULL,
          "",
          0,
          false },
        { "relay",
          { "Received: from r (r [192.0.2.99]) by mx.site.example with ESMTP id 7", "Received: " WAY },
          "203.0.113.5",
          "a.good.example",
          2,
          false },
    };
    struct arena *a = arena_new();
    struct conf *conf = test_conf(a, "internal-networks = {\"192.0.2.0/26\"}\ntrusted-relays = {\"192.0.2.99\"}\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct headers h;
        struct trace t;
        headers_init(&h, a);
        for (const char *const *f = rows[i].fields; *f != NULL; f++) {
            struct str name, value;
            assert_true(str_cut(str_of(*f), ':', &name, &value));
            assert_true(headers_add(&h, name, value));
        }
        trace_read(a, &h, conf, &t);
        ROW_INT(rows[i].name, t.client_error == NULL, rows[i].client != NULL);
        if (rows[i].client != NULL)
            ROW_STR(rows[i].name, ip_text(a, t.client), str_of(rows[i].client));
        ROW_STR(rows[i].name, t.helo.n > 0 ? t.helo : STR_NONE, str_of(rows[i].helo));
        ROW_INT(rows[i].name, t.fields, rows[i].taken);
        ROW_INT(rows[i].name, t.authenticated, rows[i].login);
    }
    conf_unref(conf);
    arena_free(a);
}

static void who_sent_it(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path, *received, *want;
    } rows[] = {
        { "path", "<a@b.example>", NULL, "<a@b.example>" },
        { "null", "<>", NULL, "<>" },
        { "path before comment", "<a@b.example>", WAY " (envelope-from <c@d.example>)", "<a@b.example>" },
        { "comment", NULL, WAY " (envelope-from <c@d.example>)", "<c@d.example>" },
        { "comment without brackets", NULL, WAY " (Envelope-From c@d.example)", "c@d.example" },
        { "comment not closed", NULL, WAY " (envelope-from c@d.example", NULL },
        { "none", NULL, WAY, NULL },
        { "nothing", NULL, NULL, NULL },
    };
    struct arena *a = arena_new();
    struct conf *conf = test_conf(a, "");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct headers h;
        struct trace t;
        headers_init(&h, a);
        if (rows[i].path != NULL)
            assert_true(headers_add(&h, STR("Return-Path"), str_printf(a, " %s", rows[i].path)));
        if (rows[i].received != NULL)
            assert_true(headers_add(&h, STR("Received"), str_of(rows[i].received)));
        trace_read(a, &h, conf, &t);
        ROW_INT(rows[i].name, t.sender_error == NULL, rows[i].want != NULL);
        if (rows[i].want != NULL)
            ROW_STR(rows[i].name, t.sender, str_of(rows[i].want));
    }
    conf_unref(conf);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(who_handed_it_over), cmocka_unit_test(who_sent_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
