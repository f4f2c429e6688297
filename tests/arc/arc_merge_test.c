/* arc_merge_test.c - which results a sealer carries on, and how they are written. */
#include "tests/support/support.h"

#include "mailseal/authres.h"

#include "milter/arc/arc_int.h"

#define AR   "Authentication-Results: "
#define ARCN "; arc=none"

static struct str merge(struct arena *a, struct str fields, const struct arc_result *arrival, struct str ip)
{
    struct headers h;
    struct str body;
    headers_init(&h, a);
    headers_read(&h, fields, &body);
    return arc_authres_merge(a, &h, STR("mx.example.com"), arrival, ip);
}

/* The text with each fold made one space. */
static struct str unfolded(struct arena *a, struct str s)
{
    struct buf b;
    buf_init(&b, a, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n')
            buf_char(&b, s.p[i]);
    return buf_view(&b);
}

/* AC-23, AR-4, AR-7, AR-10 */
static void results_are_carried(void **state)
{
    (void)state;
    static const struct {
        const char *name, *fields, *want;
    } rows[] = {
        { "none", "From: a\r\n", "" },
        { "one field", AR "mx.example.com; spf=pass smtp.mailfrom=a.example; dmarc=fail\r\n",
          "; spf=pass smtp.mailfrom=a.example; dmarc=fail" },
        { "several fields", AR "mx.example.com; spf=pass\r\n" AR "mx.example.com; iprev=fail\r\n", "; spf=pass; iprev=fail" },
        { "id in capitals", AR "MX.Example.com; spf=pass\r\n", "; spf=pass" },
        { "id quoted", AR "\"mx.example.com\" 1; spf=pass\r\n", "; spf=pass" },
        { "foreign id", AR "mx.example.com.evil.example; spf=pass\r\n", "" },
        { "version 2", AR "mx.example.com 2; spf=pass\r\n", "" },
        { "version 2 of the method", AR "mx.example.com; spf/2=pass; dmarc/1=pass\r\n", "; dmarc=pass" },
        { "not to the grammar", AR "mx.example.com; spf=pass; dkim\r\n", "" },
        { "no results", AR "mx.example.com; none\r\n", "" },
        { "the first of a method", AR "mx.example.com; spf=fail; SPF=pass\r\n", "; spf=fail" },
        { "every signature", AR "mx.example.com; dkim=pass header.d=a.b; dkim=fail header.d=c.d\r\n",
          "; dkim=pass header.d=a.b; dkim=fail header.d=c.d" },
        { "unknown method", AR "mx.example.com; x-evil=pass; spf=pass\r\n", "; spf=pass" },
        { "unknown result", AR "mx.example.com; spf=hardfail; dmarc=pass\r\n", "; dmarc=pass" },
        { "unknown property type", AR "mx.example.com; spf=pass x.y=z; dmarc=pass\r\n", "" },
        { "reason", AR "mx.example.com; spf=pass reason=\"a \\\"b\\\" ; c\" smtp.helo=h.example\r\n",
          "; spf=pass reason=\"a \\\"b\\\" ; c\" smtp.helo=h.example" },
        { "values that need quotes",
          AR "mx.example.com; dkim=pass header.b=\"a/b=\" header.i=@x.example; auth=pass smtp.auth=\"\xc3\xa9\"\r\n",
          "; dkim=pass header.b=\"a/b=\" header.i=@x.example; auth=pass smtp.auth=\"\xc3\xa9\"" },
        { "comment", AR "mx.example.com; spf=pass (; dmarc=pass)\r\n", "; spf=pass" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct arc_result arrival = { .code = AUTH_NONE };
        struct str want = str_printf(a, "mx.example.com%s" ARCN, rows[i].want);
        struct str got = merge(a, str_of(rows[i].fields), &arrival, STR_NONE);
        struct authres r;
        ROW_STR(rows[i].name, unfolded(a, got), want);
        assert_true(authres_parse(a, got, &r));
        arena_free(a);
    }
}

/* AC-12, AC-44 */
static void the_chain_on_arrival_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *ip;
        struct arc_result arrival;
        const char *want;
    } rows[] = {
        { "", "192.0.2.1", { .code = AUTH_NONE }, "mx.example.com; arc=none smtp.remote-ip=192.0.2.1" },
        { "", "2001:db8::1", { .code = AUTH_FAIL }, "mx.example.com; arc=fail smtp.remote-ip=\"2001:db8::1\"" },
        { "",
          "",
          { .code = AUTH_PASS, .has_oldest_pass = true, .oldest_pass = 2 },
          "mx.example.com; arc=pass header.oldest-pass=2" },
        { AR "mx.example.com; arc=pass\r\n", "192.0.2.1", { .code = AUTH_NONE }, "mx.example.com; arc=pass" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        ROW_STR("arc", unfolded(a, merge(a, str_of(rows[i].fields), &rows[i].arrival, str_of(rows[i].ip))), str_of(rows[i].want));
        arena_free(a);
    }
}

static void the_size_is_bounded(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct arc_result arrival = { .code = AUTH_NONE };
    struct authres r;
    struct buf b;
    buf_init(&b, a, 1 << 20);
    for (int i = 0; i < 300; i++)
        buf_printf(&b, AR "mx.example.com; dkim=pass header.d=d%d.example\r\n", i);
    assert_true(authres_parse(a, merge(a, buf_view(&b), &arrival, STR_NONE), &r));
    ROW_INT("results", r.n_results, LIMIT_ARC_MERGED + 1);
    buf_cut(&b, 0);
    /* A result that is too long goes whole, and others have room. */
    buf_puts(&b, AR "mx.example.com; spf=pass");
    for (int i = 0; i < 60; i++)
        buf_printf(&b, "\r\n\tsmtp.p%d=%0200d", i, i);
    buf_puts(&b, "; dkim=pass");
    buf_printf(&b, " header.%0100d=x header.d=%0300d; dmarc=pass\r\n", 0, 0);
    struct str got = merge(a, buf_view(&b), &arrival, STR_NONE);
    ROW_STR("long", unfolded(a, got), STR("mx.example.com; dkim=pass; dmarc=pass; arc=none"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(results_are_carried), cmocka_unit_test(the_chain_on_arrival_is_told),
                                        cmocka_unit_test(the_size_is_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
