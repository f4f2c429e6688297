/* spf_limits_test.c - the limits of RFC 7208 4.6.4, at, below and above each; hostile records and what they cost. */
#include "tests/spf/zone.h"

#define IP "192.0.2.1"

static struct str repeated(struct arena *a, const char *unit, unsigned n, const char *last)
{
    struct buf b;
    buf_init(&b, a, 65536);
    while (n-- > 0)
        buf_puts(&b, unit);
    buf_puts(&b, last);
    return buf_view(&b);
}

/* RFC 7208 4.6.4: each kind of term that asks, at the limit and above it. */
static void terms_are_limited(void **state)
{
    static const char *const units[] = { " a", " mx:m.example", " ptr:p.example", " include:i.example" };
    static const char more[] = ", 'm.example': {'MX': [[1, 'h.example']]}, 'h.example': {'A': ['203.0.113.2']},"
                               " 'i.example': {'TXT': ['v=spf1']},"
                               " '1.2.0.192.in-addr.arpa': {'PTR': ['x.example']}, 'r.example': {'TXT': ['v=spf1 -all']}";
    (void)state;
    for (size_t i = 0; i < ROWS(units); i++)
        for (unsigned n = 9; n <= 12; n++) {
            struct arena *a = arena_new();
            struct spf_result r;
            zone_check_record(a, repeated(a, units[i], n, " -all"), more, IP, &r);
            ROW_INT(units[i], r.code, n <= LIMIT_SPF_TERMS ? AUTH_FAIL : AUTH_PERMERROR);
            ROW_INT(units[i], r.terms, n <= LIMIT_SPF_TERMS ? n : LIMIT_SPF_TERMS);
            /* The redirect is a term as well. */
            zone_check_record(a, repeated(a, units[i], n, " redirect=r.example"), more, IP, &r);
            ROW_INT(units[i], r.code, n + 1 <= LIMIT_SPF_TERMS ? AUTH_FAIL : AUTH_PERMERROR);
            /* An eleventh that is not reached does not matter. */
            struct str early = str_printf(a, " ip4:192.0.2.1%.*s", STR_FMT(repeated(a, units[i], n, "")));
            zone_check_record(a, early, more, IP, &r);
            ROW_INT(units[i], r.code, AUTH_PASS);
            arena_free(a);
        }
}

/* What is nested counts together: 1 include and 9 or 10 terms in it. */
static void nested_terms_count_together(void **state)
{
    (void)state;
    for (unsigned n = 8; n <= 10; n++) {
        struct arena *a = arena_new();
        struct spf_result r;
        struct str more =
            str_printf(a, ", 'i.example': {'A': ['203.0.113.1'], 'TXT': ['v=spf1%.*s']}", STR_FMT(repeated(a, " a", n, "")));
        zone_check_record(a, STR(" include:i.example -all"), str_cstr(a, more), IP, &r);
        ROW_INT("nested", r.code, n + 1 <= LIMIT_SPF_TERMS ? AUTH_FAIL : AUTH_PERMERROR);
        arena_free(a);
    }
}

static const struct {
    const char *name, *record;
    enum auth_code want;
    unsigned voids;
} void_rows[] = {
    { "one", " a:g1.invalid -all", AUTH_FAIL, 1 },
    { "two", " a:g1.invalid mx:g2.invalid -all", AUTH_FAIL, 2 },
    { "three", " a:g1.invalid mx:g2.invalid exists:g3.invalid -all", AUTH_PERMERROR, 3 },
    { "three, the last not reached", " a:g1.invalid mx:g2.invalid ip4:192.0.2.1 exists:g3.invalid -all", AUTH_PASS, 2 },
    { "no data is void too", " a:text.example mx:text.example exists:text.example -all", AUTH_PERMERROR, 3 },
    { "ptr, the question asked once", " ptr ptr:a.example -all", AUTH_FAIL, 2 },
    { "three ptr", " ptr ptr:a.example ptr:b.example -all", AUTH_PERMERROR, 3 },
    { "nested", " include:voids.example a:g3.invalid -all", AUTH_PERMERROR, 3 },
    { "nested, two", " include:voids.example -all", AUTH_FAIL, 2 },
    { "names that cannot exist are not looked up", " a:a..example a:b..example a:c..example a:d..example -all", AUTH_FAIL, 0 },
    { "exchanges of three terms do not exist", " mx:m1.example mx:m1.example mx:m1.example -all", AUTH_PERMERROR, 3 },
};

static void lookups_without_answer_are_limited(void **state)
{
    static const char more[] = ", 'text.example': {'TXT': ['x']}, 'voids.example': {'TXT': ['v=spf1 a:g1.invalid a:g2.invalid']},"
                               " 'm1.example': {'MX': [[1, 'x1.invalid'], [2, 'x2.invalid'], [3, 'x3.invalid']]}";
    (void)state;
    for (size_t i = 0; i < ROWS(void_rows); i++) {
        struct arena *a = arena_new();
        struct spf_result r;
        zone_check_record(a, str_of(void_rows[i].record), more, IP, &r);
        ROW_INT(void_rows[i].name, r.code, void_rows[i].want);
        ROW_INT(void_rows[i].name, r.voids, void_rows[i].voids);
        arena_free(a);
    }
}

/* %{p} makes a question and counts as a term for it. */
static void the_validated_name_counts_as_a_term(void **state)
{
    static const char more[] = ", 'x.example.q.example': {'A': ['127.0.0.2']}, 'x.example': {'A': ['192.0.2.1']},"
                               " '1.2.0.192.in-addr.arpa': {'PTR': ['x.example']}";
    (void)state;
    for (unsigned n = 7; n <= 10; n++) {
        struct arena *a = arena_new();
        struct spf_result r;
        zone_check_record(a, repeated(a, " a", n, " exists:%{p}.q.example -all"), more, IP, &r);
        ROW_INT("terms", r.code, n + 2 <= LIMIT_SPF_TERMS ? AUTH_PASS : AUTH_PERMERROR);
        arena_free(a);
    }
}

/* Seven records of ten includes each would be a million questions if every record counted for itself. */
static void a_bomb_of_includes_is_cheap(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    (void)state;
    buf_init(&b, a, 65536);
    buf_puts(&b, "{'l0.example': {'TXT': ['v=spf1 ?all']}");
    for (unsigned level = 1; level <= 7; level++) {
        buf_printf(&b, ", 'l%u.example': {'TXT': ['v=spf1", level);
        for (unsigned i = 0; i < 10; i++)
            buf_printf(&b, " include:l%u.example", level - 1);
        buf_puts(&b, "']}");
    }
    buf_puts(&b, "}");
    struct dns *zone = zone_new(a, b.p);
    struct question q = { IP, "h.example", "<a@l7.example>", 1000 };
    struct spf_result r;
    unsigned queries = zone_check(a, zone, &q, &r);
    ROW_INT("permerror", r.code, AUTH_PERMERROR);
    ROW_INT("terms", r.terms, LIMIT_SPF_TERMS);
    assert_in_range(queries, 11, 21);
    dns_free(zone);
    arena_free(a);
}

/* Ten terms of ten exchanges each: the most that RFC 7208 lets a record ask. What the message may ask is less, and then it is a
 * temperror, never a fail. */
static void many_exchanges_end_at_the_meter(void **state)
{
    struct arena *a = arena_new();
    struct buf b;
    (void)state;
    buf_init(&b, a, 65536);
    buf_puts(&b, "{'t.example': {'TXT': ['v=spf1");
    for (unsigned i = 0; i < 10; i++)
        buf_printf(&b, " mx:m%u.example", i);
    buf_puts(&b, " -all']}");
    for (unsigned i = 0; i < 10; i++) {
        buf_printf(&b, ", 'm%u.example': {'MX': [", i);
        for (unsigned k = 0; k < 10; k++)
            buf_printf(&b, "%s[%u, 'h%u.m%u.example']", k > 0 ? "," : "", k, k, i);
        buf_puts(&b, "]}");
        for (unsigned k = 0; k < 10; k++)
            buf_printf(&b, ", 'h%u.m%u.example': {'A': ['203.0.113.1']}", k, i);
    }
    buf_puts(&b, "}");
    struct dns *zone = zone_new(a, b.p);
    struct question q = { IP, "h.example", "<a@t.example>", 0 };
    struct spf_result r;
    zone_check(a, zone, &q, &r);
    ROW_INT("meter", r.code, AUTH_TEMPERROR);
    q.max_queries = 1000;
    unsigned queries = zone_check(a, zone, &q, &r);
    ROW_INT("no meter", r.code, AUTH_FAIL);
    ROW_INT("queries", queries, 1 + 10 + 100);
    dns_free(zone);
    arena_free(a);
}

/* RFC 7208 4.6.4 counts the terms whose questions have no answer; that one question serves several terms is our economy. */
static void each_ptr_without_a_name_is_a_void_lookup(void **state)
{
    static const struct {
        const char *record;
        enum auth_code want;
    } rows[] = {
        { " ptr:x.example ptr:y.example -all", AUTH_FAIL },
        { " ptr:x.example ptr:y.example ptr:z.example -all", AUTH_PERMERROR },
        { " ptr:x.example ptr:y.example a:none.example -all", AUTH_PERMERROR },
        { " ptr:x.example exists:%{p}.example -all", AUTH_PERMERROR },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct spf_result r;
        zone_check_record(a, str_of(rows[i].record), "", IP, &r);
        ROW_INT(rows[i].record, r.code, rows[i].want);
        arena_free(a);
    }
}

/* RFC 7208 5.5 lets ptr not match when the DNS fails; a question we did not ask is no failure of the DNS. */
static void a_ptr_beyond_the_meter_is_a_temperror(void **state)
{
    static const struct {
        unsigned queries;
        enum auth_code want;
    } rows[] = { { 1, AUTH_TEMPERROR }, { 2, AUTH_TEMPERROR }, { 3, AUTH_TEMPERROR }, { 4, AUTH_FAIL } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dns *zone = zone_new(a, "{'t.example': {'TXT': ['v=spf1 ptr -all']},"
                                       " '1.2.0.192.in-addr.arpa': {'PTR': ['x.t.example', 'y.t.example']},"
                                       " 'x.t.example': {'A': ['203.0.113.1']}, 'y.t.example': {'A': ['203.0.113.2']}}");
        struct question q = { IP, "h.example", "<a@t.example>", rows[i].queries };
        struct spf_result r;
        zone_check(a, zone, &q, &r);
        ROW_INT("queries", r.code, rows[i].want);
        dns_free(zone);
        arena_free(a);
    }
}

/* libspf2 cuts records of this size without a word. */
static void records_of_four_kibibytes_are_read_whole(void **state)
{
    static const struct {
        const char *name, *ip;
        size_t size;
        enum auth_code want;
    } sizes[] = {
        { "last term matches", "192.0.2.200", 4096, AUTH_PASS },
        { "no term matches", "198.51.100.1", 4096, AUTH_FAIL },
        { "one byte more", "192.0.2.200", 4097, AUTH_PERMERROR },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(sizes); i++) {
        struct arena *a = arena_new();
        struct buf b;
        struct spf_result r;
        buf_init(&b, a, 65536);
        static const char end[] = " ip4:192.0.2.200 -all";
        while (b.n + 17 < sizes[i].size - 6 - strlen(end))
            buf_printf(&b, " ip4:203.0.%03zu.0", 100 + b.n % 100);
        while (b.n < sizes[i].size - 6 - strlen(end))
            buf_char(&b, ' ');
        buf_puts(&b, end);
        zone_check_record(a, buf_view(&b), "", sizes[i].ip, &r);
        ROW_INT(sizes[i].name, r.code, sizes[i].want);
        arena_free(a);
    }
}

/* RFC 7208 4.6.4 */
static void past_the_deadline_is_a_temperror(void **state)
{
    static const char *const records[] = { "v=spf1 ptr -all", "v=spf1 a -all", "v=spf1 include:t.example -all" };
    (void)state;
    for (size_t i = 0; i < ROWS(records); i++) {
        struct arena *a = arena_new();
        struct str text =
            str_printf(a, "{'t.example': {'TXT': ['%s'], 'A': ['203.0.113.1']}, '1.2.0.192.in-addr.arpa': 'TIMEOUT'}", records[i]);
        struct dns *zone = zone_new(a, str_cstr(a, text));
        struct spf_input in = { .helo = STR("h.example"), .local = STR("a"), .domain = STR("t.example") };
        struct spf_result r;
        assert_true(ip_parse(STR(IP), &in.client));
        spf_check(zone, &in, clock_ms() - 1, a, &r);
        ROW_INT(records[i], r.code, AUTH_TEMPERROR);
        dns_free(zone);
        arena_free(a);
    }
}

/* A DNS that answers everything at once but PTR, for which it takes all the time there is. */
struct slow {
    struct dns dns;
    struct dns_query query; /* one at a time */
    enum dns_type type;
    int64_t deadline;
};

static struct dns_query *slow_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct slow *s = (struct slow *)(void *)self;
    (void)name;
    s->type = type;
    s->deadline = deadline;
    s->query.ops = self->ops;
    return &s->query;
}

static void slow_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    const struct slow *s = (const struct slow *)(const void *)((char *)q - offsetof(struct slow, query));
    *out = (struct dns_answer){ .status = DNS_TEMPFAIL, .reason = "time-out" };
    if (s->type == DNS_TXT) {
        *out = (struct dns_answer){ .status = DNS_OK, .n = 1, .rr = ARENA_NEW(a, struct str) };
        out->rr[0] = STR("v=spf1 ptr -all");
    }
    while (s->type == DNS_PTR && clock_ms() < s->deadline)
        ;
}

static void slow_drop(struct dns_query *q)
{
    (void)q;
}

/* RFC 7208 4.6.4: the time is a limit as well; a ptr term that fails for lack of it must not lead to the -all behind it. */
static void a_ptr_that_takes_all_the_time_does_not_fail_the_sender(void **state)
{
    static const struct dns_ops ops = { .start = slow_start, .wait = slow_wait, .drop = slow_drop };
    struct arena *a = arena_new();
    struct slow slow = { .dns = { .ops = &ops } };
    struct spf_input in = { .helo = STR("h.example"), .local = STR("a"), .domain = STR("t.example") };
    struct spf_result r;
    (void)state;
    assert_true(ip_parse(STR(IP), &in.client));
    spf_check(&slow.dns, &in, clock_ms() + 300, a, &r);
    ROW_INT("code", r.code, AUTH_TEMPERROR);
    ROW_STR("term", r.mechanism, STR("ptr"));
    ROW_STR("reason", str_of(r.reason), STR("out of time"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_are_limited),
        cmocka_unit_test(nested_terms_count_together),
        cmocka_unit_test(lookups_without_answer_are_limited),
        cmocka_unit_test(the_validated_name_counts_as_a_term),
        cmocka_unit_test(a_bomb_of_includes_is_cheap),
        cmocka_unit_test(many_exchanges_end_at_the_meter),
        cmocka_unit_test(a_ptr_beyond_the_meter_is_a_temperror),
        cmocka_unit_test(each_ptr_without_a_name_is_a_void_lookup),
        cmocka_unit_test(records_of_four_kibibytes_are_read_whole),
        cmocka_unit_test(past_the_deadline_is_a_temperror),
        cmocka_unit_test(a_ptr_that_takes_all_the_time_does_not_fail_the_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
