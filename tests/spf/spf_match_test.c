/* spf_match_test.c - each mechanism against a small zone: what matches, what is asked, what counts against the limits. */
#include "tests/spf/zone.h"

static const char zone_text[] =
    "{"
    "'hosts.example': {'A': ['192.0.2.1', '192.0.2.9'], 'AAAA': ['2001:db8::1'], 'MX': [[10, 'mx1.example'], [20, 'mx2.example']]},"
    "'mx1.example': {'A': ['198.51.100.1'], 'AAAA': ['2001:db8:1::1']},"
    "'mx2.example': {'A': ['198.51.100.2']},"
    "'mapped.example': {'AAAA': ['::ffff:192.0.2.1']},"
    "'nullmx.example': {'MX': [[0, '']]},"
    "'gonemx.example': {'MX': [[10, 'gone1.invalid'], [10, 'gone2.invalid']]},"
    "'badmx.example': {'MX': [[10, 'mx1.example'], [20, 'slow.example'], [30, 'mx2.example']]},"
    "'alias.example': {'CNAME': ['hosts.example']},"
    "'slow.example': 'TIMEOUT', 'broken.example': 'SERVFAIL',"
    "'yes.example': {'A': ['127.0.0.2']}, 'v6only.example': {'AAAA': ['2001:db8::2']}, 'text.example': {'TXT': ['hello']},"
    "'ann.users.example': {'A': ['127.0.0.2']}, '1.2.0.192.list.example': {'A': ['127.0.0.2']},"
    "'host.test.example.ok.example': {'A': ['127.0.0.2']}, 'unknown.ok.example': {'A': ['127.0.0.3']},"
    "'1.2.0.192.in-addr.arpa': {'PTR': ['forged.example', 'Host.Test.Example', 'other.example']},"
    "'2.2.0.192.in-addr.arpa': {'PTR': ['slow.example', 'other2.example']},"
    "'3.2.0.192.in-addr.arpa': 'TIMEOUT',"
    "'4.2.0.192.in-addr.arpa': {'PTR': ['test.example', 'sub.test.example']},"
    "'5.2.0.192.in-addr.arpa': {'PTR': ['\\u00e9.test.example']},"
    "'1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': {'PTR': ['v6.test.example']},"
    "'forged.example': {'A': ['203.0.113.1']}, 'host.test.example': {'A': ['192.0.2.1']}, 'other.example': {'A': ['192.0.2.1']},"
    "'other2.example': {'A': ['192.0.2.2']}, 'sub.test.example': {'A': ['192.0.2.4']}, 'v6.test.example': {'AAAA': "
    "['2001:db8::1']},"
    "'notest.example': {'A': ['192.0.2.1']}, 'xtest.example': {'A': ['192.0.2.1']},"
    "'test.example': {'A': ['192.0.2.4'], 'MX': [[0, 'mx1.example']], 'TXT': ['%s']}"
    "}";

/* `record` is that of test.example; the sender is ann@test.example. */
static const struct {
    const char *name, *record, *ip;
    enum auth_code want;
    unsigned terms, voids, queries;
} rows[] = {
    /* RFC 7208 5.1 */
    { "all", "all", "192.0.2.1", AUTH_PASS, 0, 0, 1 },
    { "all, qualified", "~all", "192.0.2.1", AUTH_SOFTFAIL, 0, 0, 1 },

    /* RFC 7208 5.6 */
    { "ip4", "ip4:192.0.2.1 -all", "192.0.2.1", AUTH_PASS, 0, 0, 1 },
    { "ip4, another", "ip4:192.0.2.2 -all", "192.0.2.1", AUTH_FAIL, 0, 0, 1 },
    { "ip4, host bits are ignored", "ip4:192.0.2.255/24 -all", "192.0.2.1", AUTH_PASS, 0, 0, 1 },
    { "ip4, last bit", "ip4:192.0.2.0/31 -all", "192.0.2.1", AUTH_PASS, 0, 0, 1 },
    { "ip4, beyond the last bit", "ip4:192.0.2.0/31 -all", "192.0.2.2", AUTH_FAIL, 0, 0, 1 },
    { "ip4, /0", "ip4:10.0.0.0/0 -all", "192.0.2.1", AUTH_PASS, 0, 0, 1 },
    { "ip4 /0, IPv6 client", "ip4:10.0.0.0/0 -all", "2001:db8::1", AUTH_FAIL, 0, 0, 1 },
    { "ip6", "ip6:2001:db8::/32 -all", "2001:db8::1", AUTH_PASS, 0, 0, 1 },
    { "ip6, another", "ip6:2001:db9::/32 -all", "2001:db8::1", AUTH_FAIL, 0, 0, 1 },
    { "ip6 /0, IPv4 client", "ip6:::/0 -all", "192.0.2.1", AUTH_FAIL, 0, 0, 1 },
    /* SP-1 */
    { "mapped client, ip4", "ip4:192.0.2.1 -all", "::ffff:192.0.2.1", AUTH_PASS, 0, 0, 1 },
    { "mapped client, mapped ip6", "ip6:::ffff:192.0.2.1 -all", "::ffff:192.0.2.1", AUTH_FAIL, 0, 0, 1 },
    { "mapped client, mapped network", "ip6:::ffff:0:0/96 -all", "192.0.2.1", AUTH_FAIL, 0, 0, 1 },

    /* RFC 7208 5.3 */
    { "a of the domain", "a -all", "192.0.2.4", AUTH_PASS, 1, 0, 2 },
    { "a, one of several", "a:hosts.example -all", "192.0.2.9", AUTH_PASS, 1, 0, 2 },
    { "a, none of several", "a:hosts.example -all", "192.0.2.2", AUTH_FAIL, 1, 0, 2 },
    { "a, prefix", "a:hosts.example/29 -all", "192.0.2.6", AUTH_PASS, 1, 0, 2 },
    { "a, /0", "a:hosts.example/0 -all", "203.0.113.9", AUTH_PASS, 1, 0, 2 },
    { "a, IPv6 client", "a:hosts.example -all", "2001:db8::1", AUTH_PASS, 1, 0, 2 },
    { "a, IPv6 prefix", "a:hosts.example//64 -all", "2001:db8::ffff", AUTH_PASS, 1, 0, 2 },
    { "a, IPv4 prefix and IPv6 client", "a:hosts.example/0 -all", "2001:db8::ffff", AUTH_FAIL, 1, 0, 2 },
    { "a, mapped client", "a:hosts.example -all", "::ffff:192.0.2.1", AUTH_PASS, 1, 0, 2 },
    { "a, mapped address in AAAA", "a:mapped.example -all", "::ffff:192.0.2.1", AUTH_FAIL, 1, 1, 2 },
    { "a, /0 of nothing", "a:gone.invalid/0 -all", "192.0.2.1", AUTH_FAIL, 1, 1, 2 },
    { "a, no data", "a:text.example -all", "192.0.2.1", AUTH_FAIL, 1, 1, 2 },
    { "a through an alias", "a:alias.example -all", "192.0.2.9", AUTH_PASS, 1, 0, 2 },
    { "a, final dot", "a:hosts.example. -all", "192.0.2.9", AUTH_PASS, 1, 0, 2 },
    /* SP-20 */
    { "a, time-out", "a:slow.example +all", "192.0.2.1", AUTH_TEMPERROR, 1, 0, 2 },
    { "a, SERVFAIL", "a:broken.example +all", "192.0.2.1", AUTH_TEMPERROR, 1, 0, 2 },
    { "an earlier match spares the time-out", "ip4:192.0.2.1 a:slow.example", "192.0.2.1", AUTH_PASS, 0, 0, 1 },
    /* SP-21: nothing is asked for names that cannot exist. */
    { "a, empty label", "a:a..example -all", "192.0.2.1", AUTH_FAIL, 1, 0, 1 },
    { "a, label of 64", "a:0123456789012345678901234567890123456789012345678901234567890123.example -all", "192.0.2.1", AUTH_FAIL,
      1, 0, 1 },

    /* RFC 7208 5.4 */
    { "mx of the domain", "mx -all", "198.51.100.1", AUTH_PASS, 1, 0, 3 },
    { "mx, second exchange", "mx:hosts.example -all", "198.51.100.2", AUTH_PASS, 1, 0, 4 },
    { "mx, no exchange", "mx:hosts.example -all", "198.51.100.3", AUTH_FAIL, 1, 0, 4 },
    { "mx, prefix", "mx:hosts.example/24 -all", "198.51.100.3", AUTH_PASS, 1, 0, 4 },
    { "mx, IPv6 client; an exchange without AAAA is no void lookup", "mx:hosts.example -all", "2001:db8:1::2", AUTH_FAIL, 1, 0, 4 },
    { "mx, IPv6 prefix", "mx:hosts.example//48 -all", "2001:db8:1::2", AUTH_PASS, 1, 0, 4 },
    { "mx, none: no implicit one", "mx:yes.example -all", "127.0.0.2", AUTH_FAIL, 1, 1, 2 },
    { "mx, null", "mx:nullmx.example/0 -all", "192.0.2.1", AUTH_FAIL, 1, 0, 2 },
    { "mx, exchanges that do not exist", "mx:gonemx.example -all", "192.0.2.1", AUTH_FAIL, 1, 1, 4 },
    { "mx, time-out", "mx:slow.example +all", "192.0.2.1", AUTH_TEMPERROR, 1, 0, 2 },
    { "mx, time-out of an exchange", "mx:badmx.example +all", "192.0.2.1", AUTH_TEMPERROR, 1, 0, 5 },
    { "mx, match before the time-out", "mx:badmx.example -all", "198.51.100.1", AUTH_PASS, 1, 0, 5 },

    /* RFC 7208 5.5 */
    { "ptr", "ptr -all", "192.0.2.1", AUTH_PASS, 1, 0, 3 },
    { "ptr, the domain itself", "ptr -all", "192.0.2.4", AUTH_PASS, 1, 0, 4 },
    { "ptr, another domain", "ptr:other.example -all", "192.0.2.1", AUTH_PASS, 1, 0, 3 },
    { "ptr, upper case", "ptr:OTHER.example -all", "192.0.2.1", AUTH_PASS, 1, 0, 3 },
    { "ptr, name not confirmed", "ptr:forged.example -all", "192.0.2.1", AUTH_FAIL, 1, 0, 3 },
    { "ptr, no name below", "ptr:est.example -all", "192.0.2.1", AUTH_FAIL, 1, 0, 2 },
    { "ptr, IPv6", "ptr -all", "2001:db8::1", AUTH_PASS, 1, 0, 3 },
    { "ptr, none", "ptr -all", "192.0.2.200", AUTH_FAIL, 1, 1, 2 },
    { "ptr, a name nobody can ask for", "ptr -all", "192.0.2.5", AUTH_FAIL, 1, 0, 2 },
    { "ptr, error of the PTR lookup", "ptr ?all", "192.0.2.3", AUTH_NEUTRAL, 1, 0, 2 },
    { "ptr, error of a name is skipped", "ptr:slow.example ptr:other2.example -all", "192.0.2.2", AUTH_PASS, 2, 0, 4 },
    { "ptr, twice", "ptr:a.example ptr:other.example -all", "192.0.2.1", AUTH_PASS, 2, 0, 3 },

    /* RFC 7208 5.7 */
    { "exists", "exists:yes.example -all", "192.0.2.1", AUTH_PASS, 1, 0, 2 },
    { "exists, IPv6 client asks for A", "exists:yes.example -all", "2001:db8::1", AUTH_PASS, 1, 0, 2 },
    { "exists, AAAA alone", "exists:v6only.example -all", "2001:db8::1", AUTH_FAIL, 1, 1, 2 },
    { "exists, not", "exists:gone.invalid -all", "192.0.2.1", AUTH_FAIL, 1, 1, 2 },
    { "exists, time-out", "exists:slow.example +all", "192.0.2.1", AUTH_TEMPERROR, 1, 0, 2 },
    { "exists, local part", "exists:%{l}.users.example -all", "192.0.2.1", AUTH_PASS, 1, 0, 2 },
    { "exists, address reversed", "exists:%{ir}.list.example -all", "192.0.2.1", AUTH_PASS, 1, 0, 2 },

    /* RFC 7208 7.3, %{p}: its question is a term */
    { "%{p}", "exists:%{p}.ok.example -all", "192.0.2.1", AUTH_PASS, 2, 0, 4 },
    { "%{p} twice", "exists:%{p}.no.example exists:%{p}.ok.example -all", "192.0.2.1", AUTH_PASS, 3, 1, 5 },
    { "%{p}, none", "exists:%{p}.ok.example -all", "192.0.2.200", AUTH_PASS, 2, 1, 3 },
    { "%{p}, error", "exists:%{p}.ok.example -all", "192.0.2.3", AUTH_PASS, 2, 0, 3 },
};

static struct dns *zone_with(struct arena *a, const char *record)
{
    char text[sizeof(zone_text) + 4096];
    char full[4096];
    snprintf(full, sizeof(full), "v=spf1 %s", record);
    const char *at = strstr(zone_text, "%s");
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - zone_text), zone_text, full, at + 2);
    return zone_new(a, text);
}

static void each_mechanism_matches_what_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dns *zone = zone_with(a, rows[i].record);
        struct question q = { rows[i].ip, "mail.test.example", "<ann@test.example>", 0 };
        struct spf_result r;
        unsigned queries = zone_check(a, zone, &q, &r);
        ROW_STR(rows[i].name, str_of(auth_code_name(r.code)), str_of(auth_code_name(rows[i].want)));
        ROW_INT(rows[i].name, r.terms, rows[i].terms);
        ROW_INT(rows[i].name, r.voids, rows[i].voids);
        ROW_INT(rows[i].name, queries, rows[i].queries);
        dns_free(zone);
        arena_free(a);
    }
}

/* The domain itself, else a name below it, else any (RFC 7208 7.3). */
static void the_validated_name_prefers_the_domain(void **state)
{
    static const struct {
        const char *name, *names, *want;
    } choices[] = {
        { "the domain", "'z.invalid', 'low.v.example', 'v.example'", "v.example" },
        { "a name below", "'z.invalid', 'x.example', 'low.v.example'", "low.v.example" },
        { "any", "'gone.invalid', 'x.example'", "x.example" },
        { "none", "'gone.invalid', 'z.invalid'", "unknown" },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(choices); i++) {
        struct arena *a = arena_new();
        struct str text = str_printf(a,
                                     "{'v.example': {'TXT': ['v=spf1 -all exp=e.example'], 'A': ['192.0.2.1']},"
                                     "'low.v.example': {'A': ['192.0.2.1']}, 'x.example': {'A': ['192.0.2.1']},"
                                     "'z.invalid': {'A': ['192.0.2.2']}, 'e.example': {'TXT': ['%%{p}']},"
                                     "'1.2.0.192.in-addr.arpa': {'PTR': [%s]}}",
                                     choices[i].names);
        struct dns *zone = zone_new(a, str_cstr(a, text));
        struct question q = { "192.0.2.1", "h.example", "<a@v.example>", 0 };
        struct spf_result r;
        zone_check(a, zone, &q, &r);
        ROW_STR(choices[i].name, r.explanation, str_of(choices[i].want));
        dns_free(zone);
        arena_free(a);
    }
}

/* A list of n members: the unit with its number for each "#". */
static struct str listed(struct arena *a, unsigned n, const char *unit)
{
    struct buf b;
    buf_init(&b, a, 65536);
    for (unsigned i = 1; i <= n; i++) {
        if (i > 1)
            buf_char(&b, ',');
        for (const char *c = unit; *c != '\0'; c++)
            *c == '#' ? buf_printf(&b, "%u", i) : buf_char(&b, *c);
    }
    return buf_view(&b);
}

/* RFC 7208 4.6.4: 10 exchanges are looked at, 11 are a permerror, whichever of them would match. */
static void exchanges_are_limited(void **state)
{
    (void)state;
    for (unsigned n = 9; n <= 11; n++) {
        struct arena *a = arena_new();
        struct str mx = listed(a, n, "[1, 'm#.example']"), hosts = listed(a, n, "'m#.example': {'A': ['192.0.2.#']}");
        struct str text =
            str_printf(a, "{'t.example': {'TXT': ['v=spf1 mx -all'], 'MX': [%.*s]}, %.*s}", STR_FMT(mx), STR_FMT(hosts));
        struct dns *zone = zone_new(a, str_cstr(a, text));
        const char *const last = str_cstr(a, str_printf(a, "192.0.2.%u", n)), *const ips[] = { "192.0.2.1", last };
        for (size_t i = 0; i < ROWS(ips); i++) {
            struct question q = { ips[i], "h.example", "<a@t.example>", 0 };
            struct spf_result r;
            unsigned queries = zone_check(a, zone, &q, &r);
            ROW_INT(ips[i], r.code, n <= LIMIT_SPF_MX ? AUTH_PASS : AUTH_PERMERROR);
            ROW_INT(ips[i], queries, n <= LIMIT_SPF_MX ? 2 + n : 2);
        }
        dns_free(zone);
        arena_free(a);
    }
}

/* RFC 7208 4.6.4: names beyond the tenth are ignored, and that is no error. */
static void names_of_the_address_are_limited(void **state)
{
    (void)state;
    for (unsigned n = 9; n <= 12; n++) {
        struct arena *a = arena_new();
        struct str names = listed(a, n, "'p#.t.example'");
        struct str last = str_printf(a, "p%u.t.example", n);
        struct str text = str_printf(a,
                                     "{'t.example': {'TXT': ['v=spf1 ptr -all']}, '1.2.0.192.in-addr.arpa': {'PTR': [%.*s]},"
                                     "'%.*s': {'A': ['192.0.2.1']}}",
                                     STR_FMT(names), STR_FMT(last));
        struct dns *zone = zone_new(a, str_cstr(a, text));
        struct question q = { "192.0.2.1", "h.example", "<a@t.example>", 0 };
        struct spf_result r;
        unsigned queries = zone_check(a, zone, &q, &r);
        ROW_INT("ptr", r.code, n <= LIMIT_SPF_PTR ? AUTH_PASS : AUTH_FAIL);
        ROW_INT("queries", queries, 2 + (n < LIMIT_SPF_PTR ? n : LIMIT_SPF_PTR));
        ROW_INT("voids", r.voids, 0);
        dns_free(zone);
        arena_free(a);
    }
}

/* What is sent ahead ends at the first term sure to match, and is never more than the budget of terms. */
static void prefetching_is_bounded(void **state)
{
    static const struct {
        const char *name, *record;
        enum auth_code want;
        unsigned queries;
    } ahead[] = {
        { "nothing behind a network that matches", "ip4:192.0.2.0/24 a:n1.example a:n2.example -all", AUTH_PASS, 1 },
        { "nothing behind all", "?all a:n1.example include:n2.example redirect=n3.example", AUTH_NEUTRAL, 1 },
        { "all that comes before", "a:hosts.example a:n2.example a:n3.example ip4:192.0.2.0/24 a:n4.example", AUTH_PASS, 4 },
        { "not more than ten",
          "a:hosts.example a:n2.example a:n3.example a:n4.example a:n5.example a:n6.example a:n7.example a:n8.example a:n9.example "
          "a:n10.example a:n11.example a:n12.example -all",
          AUTH_PASS, 11 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(ahead); i++) {
        struct arena *a = arena_new();
        struct dns *zone = zone_with(a, ahead[i].record);
        struct question q = { "192.0.2.1", "h.example", "<a@test.example>", 0 };
        struct spf_result r;
        unsigned queries = zone_check(a, zone, &q, &r);
        ROW_INT(ahead[i].name, r.code, ahead[i].want);
        ROW_INT(ahead[i].name, queries, ahead[i].queries);
        dns_free(zone);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mechanism_matches_what_it_should),
        cmocka_unit_test(the_validated_name_prefers_the_domain),
        cmocka_unit_test(exchanges_are_limited),
        cmocka_unit_test(names_of_the_address_are_limited),
        cmocka_unit_test(prefetching_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
