/* dns_snapshot_test.c - the snapshot format: what it answers and what it refuses. */
#include <unistd.h>

#include "mailseal/clock.h"
#include "mailseal/dns.h"
#include "mailseal/json.h"

#include "tests/support/support.h"

static const char zone[] =
    "{"
    "\"text.example\": {\"TXT\": [\"v=spf1 -all\", [\"joined \", \"strings\"], \"\\u00e4\", \"\"]},"
    "\"Addr.Example.\": {\"A\": [\"192.0.2.1\", \"192.0.2.2\"], \"AAAA\": [\"::1\"], \"SPF\": [\"old\"], \"TYPE65\": 1},"
    "\"mail.example\": {\"MX\": [[20, \"B.example.\"], [10, \"a.example\"], [10, \"c.example\"]]},"
    "\"nullmx.example\": {\"MX\": [[0, \".\"]]},"
    "\"names.example\": {\"PTR\": [\"Host.example\"], \"NS\": [\"ns.example\"]},"
    "\"alias.example\": {\"CNAME\": [\"Text.example.\"]},"
    "\"dangling.example\": {\"CNAME\": [\"nowhere.example\"]},"
    "\"loop.example\": {\"CNAME\": [\"loop2.example\"]},"
    "\"loop2.example\": {\"CNAME\": [\"loop.example\"]},"
    "\"self.example\": {\"CNAME\": [\"self.example\"]},"
    "\"badalias.example\": {\"CNAME\": \"TIMEOUT\", \"A\": [\"192.0.2.1\"]},"
    "\"noalias.example\": {\"CNAME\": [], \"A\": [\"192.0.2.1\"]},"
    "\"slow.example\": \"TIMEOUT\","
    "\"broken.example\": \"SERVFAIL\","
    "\"gone.example\": \"NXDOMAIN\","
    "\"below.gone2.example\": \"NXDOMAIN\","
    "\"half.example\": {\"TXT\": \"SERVFAIL\", \"A\": [\"192.0.2.1\"], \"MX\": \"NXDOMAIN\", \"NS\": []},"
    "\"star.example\": {\"TXT\": [\"listed\"], \"*\": \"TIMEOUT\"},"
    "\"a.b.c.example\": {\"TXT\": [\"deep\"]},"
    "\"empty.example\": {},"
    "\"c1.example\": {\"CNAME\": [\"c2.example\"]}, \"c2.example\": {\"CNAME\": [\"c3.example\"]},"
    "\"c3.example\": {\"CNAME\": [\"c4.example\"]}, \"c4.example\": {\"CNAME\": [\"c5.example\"]},"
    "\"c5.example\": {\"CNAME\": [\"c6.example\"]}, \"c6.example\": {\"CNAME\": [\"c7.example\"]},"
    "\"c7.example\": {\"CNAME\": [\"c8.example\"]}, \"c8.example\": {\"CNAME\": [\"text.example\"]},"
    "\"c0.example\": {\"CNAME\": [\"c1.example\"]}"
    "}";

struct answer_row {
    const char *name;
    enum dns_type type;
    enum dns_status status;
    const char *rr, *reason;
    bool alias;
};

/* clang-format off */
static const struct answer_row answer_rows[] = {
    { "text.example", DNS_TXT, DNS_OK, "v=spf1 -all|joined strings|\xc3\xa4||", NULL, false },
    { "TEXT.example.", DNS_TXT, DNS_OK, "v=spf1 -all|joined strings|\xc3\xa4||", NULL, false },
    { "text.example", DNS_A, DNS_NODATA, "", NULL, false },
    { "addr.example", DNS_A, DNS_OK, "\xc0\0\2\1|\xc0\0\2\2|", NULL, false },
    { "addr.example", DNS_AAAA, DNS_OK, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1|", NULL, false },
    { "addr.example", DNS_TXT, DNS_NODATA, "", NULL, false },
    { "mail.example", DNS_MX, DNS_OK, "a.example|c.example|b.example|", NULL, false },
    { "nullmx.example", DNS_MX, DNS_OK, "|", NULL, false },
    { "names.example", DNS_PTR, DNS_OK, "host.example|", NULL, false },
    { "names.example", DNS_NS, DNS_OK, "ns.example|", NULL, false },
    { "alias.example", DNS_TXT, DNS_OK, "v=spf1 -all|joined strings|\xc3\xa4||", NULL, true },
    { "alias.example", DNS_A, DNS_NODATA, "", NULL, true },
    { "alias.example", DNS_CNAME, DNS_OK, "text.example|", NULL, false },
    { "dangling.example", DNS_TXT, DNS_NXDOMAIN, "", NULL, true },
    { "loop.example", DNS_TXT, DNS_TEMPFAIL, "", "too many aliases", true },
    { "self.example", DNS_TXT, DNS_TEMPFAIL, "", "too many aliases", true },
    { "badalias.example", DNS_A, DNS_TEMPFAIL, "", "time-out", false },
    { "noalias.example", DNS_A, DNS_OK, "\xc0\0\2\1|", NULL, false },
    { "c1.example", DNS_TXT, DNS_OK, "v=spf1 -all|joined strings|\xc3\xa4||", NULL, true },
    { "c0.example", DNS_TXT, DNS_TEMPFAIL, "", "too many aliases", true },
    { "slow.example", DNS_TXT, DNS_TEMPFAIL, "", "time-out", false },
    { "broken.example", DNS_A, DNS_TEMPFAIL, "", "SERVFAIL", false },
    { "gone.example", DNS_TXT, DNS_NXDOMAIN, "", NULL, false },
    { "gone2.example", DNS_TXT, DNS_NXDOMAIN, "", NULL, false },
    { "half.example", DNS_TXT, DNS_TEMPFAIL, "", "SERVFAIL", false },
    { "half.example", DNS_A, DNS_OK, "\xc0\0\2\1|", NULL, false },
    { "half.example", DNS_MX, DNS_NXDOMAIN, "", NULL, false },
    { "half.example", DNS_NS, DNS_NODATA, "", NULL, false },
    { "star.example", DNS_TXT, DNS_OK, "listed|", NULL, false },
    { "star.example", DNS_A, DNS_TEMPFAIL, "", "time-out", false },
    { "a.b.c.example", DNS_TXT, DNS_OK, "deep|", NULL, false },
    { "b.c.example", DNS_TXT, DNS_NODATA, "", NULL, false },
    { "c.example", DNS_TXT, DNS_NODATA, "", NULL, false },
    { "example", DNS_TXT, DNS_NODATA, "", NULL, false },
    { "empty.example", DNS_TXT, DNS_NODATA, "", NULL, false },
    { "other.example", DNS_TXT, DNS_NXDOMAIN, "", NULL, false },
    { "b.example", DNS_TXT, DNS_NXDOMAIN, "", NULL, false },
    { "x.a.b.c.example", DNS_TXT, DNS_NXDOMAIN, "", NULL, false },
    { "a..example", DNS_TXT, DNS_NXDOMAIN, "", NULL, false },
};
/* clang-format on */

static struct str joined(struct arena *a, const struct dns_answer *answer)
{
    size_t n = 0;
    for (size_t i = 0; i < answer->n; i++)
        n += answer->rr[i].n + 1;
    char *p = arena_alloc(a, n), *at = p;
    for (size_t i = 0; i < answer->n; i++) {
        memcpy(at, answer->rr[i].p, answer->rr[i].n);
        at += answer->rr[i].n;
        *at++ = '|';
    }
    return (struct str){ p, n };
}

/* Of a row: addresses have NULs in them. */
static struct str wanted(const struct answer_row *r)
{
    if (r->status == DNS_OK && r->type == DNS_A)
        return (struct str){ r->rr, strcmp(r->name, "addr.example") == 0 ? 10 : 5 };
    if (r->status == DNS_OK && r->type == DNS_AAAA)
        return (struct str){ r->rr, 17 };
    return str_of(r->rr);
}

static void check_zone(struct dns *d)
{
    for (size_t i = 0; i < ROWS(answer_rows); i++) {
        const struct answer_row *r = &answer_rows[i];
        struct arena *a = arena_new();
        struct dns_answer answer;
        dns_ask(d, str_of(r->name), r->type, clock_ms(), a, &answer);
        ROW_INT(r->name, answer.status, r->status);
        ROW_STR(r->name, joined(a, &answer), wanted(r));
        ROW_STR(r->name, str_of(answer.reason), str_of(r->reason));
        ROW_INT(r->name, answer.alias, r->alias);
        arena_free(a);
    }
}

static void names_are_answered_as_the_format_says(void **state)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    (void)state;
    const struct json *j = js_read(a, str_of(zone), &error);
    assert_non_null(j);
    struct dns *d = dns_snapshot_of_json(j, &error);
    arena_free(a); /* the snapshot does not need it any more */
    assert_non_null(d);
    check_zone(d);
    dns_free(d);
}

static void a_dropped_question_leaves_nothing(void **state)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    (void)state;
    struct dns *d = dns_snapshot_of_json(js_read(a, STR("{}"), &error), &error);
    assert_non_null(d);
    dns_drop(dns_start(d, STR("a.example"), DNS_TXT, 0));
    dns_free(d);
    arena_free(a);
}

struct fault_row {
    const char *input, *error;
};

static const struct fault_row fault_rows[] = {
    { "[]", "snapshot: is no object of names" },
    { "{\"a.example\": 1}", "a.example: is neither an object nor TIMEOUT, SERVFAIL or NXDOMAIN" },
    { "{\"a.example\": \"timeout\"}", "a.example: is neither an object nor TIMEOUT, SERVFAIL or NXDOMAIN" },
    { "{\"a.example\": {}, \"A.example.\": {}}", "A.example.: appears twice" },
    { "{\"a.example\": {\"txt\": []}}", "a.example: txt is no record type" },
    { "{\"a.example\": {\"\": []}}", "a.example: is no record type" },
    { "{\"a.example\": {\"TXT\": \"text\"}}", "a.example: TXT has a value that is not of this type" },
    { "{\"a.example\": {\"TXT\": [1]}}", "a.example: TXT has a value that is not of this type" },
    { "{\"a.example\": {\"TXT\": [[\"a\", 1]]}}", "a.example: TXT has a value that is not of this type" },
    { "{\"a.example\": {\"A\": [\"192.0.2\"]}}", "a.example: A has a value that is not of this type" },
    { "{\"a.example\": {\"AAAA\": [\"192.0.2.1\"]}}", "a.example: AAAA has a value that is not of this type" },
    { "{\"a.example\": {\"MX\": [\"a.example\"]}}", "a.example: MX has a value that is not of this type" },
    { "{\"a.example\": {\"MX\": [[65536, \"a.example\"]]}}", "a.example: MX has a value that is not of this type" },
    { "{\"a.example\": {\"MX\": [[-1, \"a.example\"]]}}", "a.example: MX has a value that is not of this type" },
    { "{\"a.example\": {\"MX\": [[1, 2]]}}", "a.example: MX has a value that is not of this type" },
    { "{\"a.example\": {\"CNAME\": [\"b\", \"c\"]}}", "a.example: CNAME has a value that is not of this type" },
    { "{\"a.example\": {\"PTR\": [null]}}", "a.example: PTR has a value that is not of this type" },
    { "{\"a.example\": {\"*\": []}}", "a.example: * is not TIMEOUT, SERVFAIL or NXDOMAIN" },
};

static void faults_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(fault_rows); i++) {
        struct arena *a = arena_new();
        const char *error = NULL;
        assert_null(dns_snapshot_of_json(js_read(a, str_of(fault_rows[i].input), &error), &error));
        ROW_STR(fault_rows[i].input, str_of(error), str_of(fault_rows[i].error));
        arena_free(a);
    }
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_file_is_read_and_its_faults_have_a_place(void **state)
{
    char path[] = "/tmp/mailseal-snapshot-XXXXXX";
    struct arena *a = arena_new();
    const char *error = NULL;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    put_file(path, zone);
    struct dns *d = dns_snapshot_new(path, &error);
    assert_non_null(d);
    check_zone(d);
    dns_free(d);
    put_file(path, "{\"a.example\": 1}");
    assert_null(dns_snapshot_new(path, &error));
    ROW_STR("name", str_of(error), str_printf(a, "%s: a.example: is neither an object nor TIMEOUT, SERVFAIL or NXDOMAIN", path));
    put_file(path, "{\n\"a.example\": {,\n}");
    assert_null(dns_snapshot_new(path, &error));
    ROW_STR("line", str_first(str_of(error), strlen(path) + 3), str_printf(a, "%s:2:", path));
    unlink(path);
    assert_null(dns_snapshot_new(path, &error));
    ROW_STR("no file", str_first(str_of(error), strlen(path)), str_of(path));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_answered_as_the_format_says),
        cmocka_unit_test(a_dropped_question_leaves_nothing),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(a_file_is_read_and_its_faults_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
