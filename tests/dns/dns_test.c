/* dns_test.c - names that can and cannot be asked for, deadlines, and answers as blocks. */
#include "mailseal/clock.h"
#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"
#include "tests/support/support.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct name_row {
    const char *name;
    struct str input;
    const char *want; /* NULL: cannot exist */
};

static const struct name_row name_rows[] = {
    { "plain", { "example.org", 11 }, "example.org" },
    { "upper case", { "Example.ORG", 11 }, "example.org" },
    { "final dot", { "example.org.", 12 }, "example.org" },
    { "one label", { "org", 3 }, "org" },
    { "empty", { "", 0 }, NULL },
    { "root", { ".", 1 }, NULL },
    { "two final dots", { "org..", 5 }, NULL },
    { "first dot", { ".org", 4 }, NULL },
    { "empty label", { "a..b", 4 }, NULL },
    { "label of 63", { L63 ".b", 65 }, L63 ".b" },
    { "label of 64", { L63 "a.b", 66 }, NULL },
    { "four labels of 63", { L63 "." L63 "." L63 "." L63, 255 }, NULL },
    { "name of 253 in labels",
      { L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 253 },
      L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
    { "name of 254", { L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 254 }, NULL },
    { "bytes", { "a\xff/ .b", 6 }, "a\xff/ .b" },
};

static void names_are_lowered_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(name_rows); i++) {
        const struct name_row *r = &name_rows[i];
        char room[LIMIT_DOMAIN];
        struct str out;
        bool possible = dns_name_normal(r->input, room, &out);
        ROW_INT(r->name, possible, r->want != NULL);
        if (possible)
            ROW_STR(r->name, out, str_of(r->want));
    }
}

/* A maker that keeps what it was asked. */
struct asked {
    struct dns dns;
    unsigned count;
    char name[LIMIT_DOMAIN];
    size_t n;
    int64_t deadline;
};

static struct dns_query *asked_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct asked *k = (struct asked *)(void *)self;
    (void)type;
    k->count++;
    memcpy(k->name, name.p, name.n);
    k->n = name.n;
    k->deadline = deadline;
    return dns_fixed(DNS_TEMPFAIL, "asked");
}

static const struct dns_ops asked_ops = { .start = asked_start };

static void a_maker_sees_normal_names_and_near_deadlines(void **state)
{
    struct asked k = { .dns.ops = &asked_ops };
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    int64_t before = clock_ms();
    dns_ask(&k.dns, STR("Example.ORG."), DNS_TXT, INT64_MAX, a, &answer);
    assert_string_equal(answer.reason, "asked");
    assert_true(str_eq((struct str){ k.name, k.n }, STR("example.org")));
    assert_in_range(k.deadline, before + LIMIT_DNS_LOOKUP_MS, clock_ms() + LIMIT_DNS_LOOKUP_MS);
    dns_drop(dns_start(&k.dns, STR("example.org"), DNS_TXT, before + 7));
    assert_int_equal(k.deadline, before + 7);
    arena_free(a);
}

static void an_impossible_name_is_answered_without_a_query(void **state)
{
    struct asked k = { .dns.ops = &asked_ops };
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    dns_ask(&k.dns, STR("a..b"), DNS_TXT, clock_ms() + 1000, a, &answer);
    assert_int_equal(answer.status, DNS_NXDOMAIN);
    assert_int_equal(answer.n, 0);
    assert_null(answer.reason);
    assert_int_equal(k.count, 0);
    arena_free(a);
}

static void a_copy_is_independent(void **state)
{
    struct arena *a = arena_new();
    char bytes[] = "abc";
    struct str rr[] = { { bytes, 3 }, { "", 0 }, { bytes + 1, 2 } };
    const struct dns_answer in = { .status = DNS_OK, .n = 3, .rr = rr, .ttl = 7, .authentic = true, .alias = true };
    struct dns_answer out;
    (void)state;
    dns_answer_copy(a, &in, &out);
    memset(bytes, 'x', 3);
    memset(rr, 0, sizeof(rr));
    assert_int_equal(out.n, 3);
    ROW_STR("first", out.rr[0], STR("abc"));
    ROW_STR("second", out.rr[1], STR(""));
    ROW_STR("third", out.rr[2], STR("bc"));
    assert_int_equal(out.ttl, 7);
    assert_true(out.authentic && out.alias);
    arena_free(a);
}

static void free_of_nothing_is_allowed(void **state)
{
    (void)state;
    dns_free(NULL);
    assert_string_equal(name_of(dns_type_names, DNS_AAAA), "AAAA");
    assert_int_equal(code_of(dns_type_names, STR("txt")), DNS_TXT);
    assert_string_equal(name_of(dns_status_names, DNS_NXDOMAIN), "NXDOMAIN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_lowered_or_refused),
        cmocka_unit_test(a_maker_sees_normal_names_and_near_deadlines),
        cmocka_unit_test(an_impossible_name_is_answered_without_a_query),
        cmocka_unit_test(a_copy_is_independent),
        cmocka_unit_test(free_of_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
