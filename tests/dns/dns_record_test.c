/* dns_record_test.c - what was recorded answers the same when it is read back. */
#include <unistd.h>

#include "mailseal/clock.h"
#include "mailseal/dns.h"
#include "mailseal/json.h"

#include "milter/dns/dns_int.h"
#include "tests/support/support.h"

/* A maker that answers from a table: the snapshot cannot give an alias and a failure at will. */
struct said {
    const char *name;
    enum dns_type type;
    struct dns_answer answer;
};

static struct str text_rr[] = { { "v=spf1 -all", 11 }, { "", 0 }, { "\xc3\xa4\"\\\n", 5 } };
static struct str a_rr[] = { { "\xc0\0\2\1", 4 }, { "\xc0\0\2\2", 4 } };
static struct str aaaa_rr[] = { { "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16 } };
static struct str mx_rr[] = { { "z.example", 9 }, { "a.example", 9 }, { "m.example", 9 } };
static struct str null_rr[] = { { "", 0 } };
static struct str ptr_rr[] = { { "host.example", 12 } };

/* clang-format off */
static const struct said table[] = {
    { "text.example", DNS_TXT, { .status = DNS_OK, .n = 3, .rr = text_rr } },
    { "text.example", DNS_A, { .status = DNS_NODATA } },
    { "addr.example", DNS_A, { .status = DNS_OK, .n = 2, .rr = a_rr } },
    { "addr.example", DNS_AAAA, { .status = DNS_OK, .n = 1, .rr = aaaa_rr } },
    { "mail.example", DNS_MX, { .status = DNS_OK, .n = 3, .rr = mx_rr } },
    { "nullmx.example", DNS_MX, { .status = DNS_OK, .n = 1, .rr = null_rr } },
    { "1.2.0.192.in-addr.arpa", DNS_PTR, { .status = DNS_OK, .n = 1, .rr = ptr_rr } },
    { "zone.example", DNS_NS, { .status = DNS_OK, .n = 1, .rr = ptr_rr } },
    { "www.example", DNS_CNAME, { .status = DNS_OK, .n = 1, .rr = ptr_rr } },
    { "gone.example", DNS_TXT, { .status = DNS_NXDOMAIN } },
    { "gone.example", DNS_A, { .status = DNS_TEMPFAIL, .reason = "time-out" } },
    { "slow.example", DNS_TXT, { .status = DNS_TEMPFAIL, .reason = "time-out" } },
    { "broken.example", DNS_TXT, { .status = DNS_TEMPFAIL, .reason = "SERVFAIL" } },
    { "alias.example", DNS_TXT, { .status = DNS_OK, .n = 3, .rr = text_rr, .alias = true } },
    { "alias.example", DNS_A, { .status = DNS_NODATA, .alias = true } },
    { "dangling.example", DNS_TXT, { .status = DNS_NXDOMAIN, .alias = true } },
    { "alias-1.invalid", DNS_TXT, { .status = DNS_OK, .n = 1, .rr = ptr_rr } },
    { "x.y.z.example", DNS_TXT, { .status = DNS_NODATA } },
};
/* clang-format on */

struct known {
    struct dns_query query;
    const struct dns_answer *answer;
};

static void known_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    dns_answer_copy(a, ((struct known *)(void *)q)->answer, out);
    free(q);
}

static void known_drop(struct dns_query *q)
{
    free(q);
}

static struct dns_query *known_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct known *k = calloc(1, sizeof(*k));
    (void)deadline;
    k->query.ops = self->ops;
    for (size_t i = 0; i < ROWS(table); i++)
        if (str_eq(name, str_of(table[i].name)) && table[i].type == type)
            k->answer = &table[i].answer;
    if (k->answer == NULL)
        fail_msg("'%.*s' is not in the table", STR_FMT(name));
    return &k->query;
}

static void known_free(struct dns *self)
{
    free(self);
}

static const struct dns_ops known_ops = { .start = known_start, .wait = known_wait, .drop = known_drop, .free = known_free };

static struct dns *recorder(void)
{
    struct dns *d = calloc(1, sizeof(*d));
    d->ops = &known_ops;
    return dns_record_new(d);
}

static void check(struct dns *d, const char *what)
{
    for (size_t i = 0; i < ROWS(table); i++) {
        const struct said *s = &table[i];
        struct arena *a = arena_new();
        struct dns_answer answer;
        const char *name = str_cstr(a, str_printf(a, "%s: %s %s", what, s->name, name_of(dns_type_names, s->type)));
        dns_ask(d, str_of(s->name), s->type, clock_ms() + 1000, a, &answer);
        ROW_INT(name, answer.status, s->answer.status);
        ROW_INT(name, answer.alias, s->answer.alias);
        ROW_STR(name, str_of(answer.reason), str_of(s->answer.reason));
        ROW_INT(name, answer.n, s->answer.n);
        for (size_t j = 0; j < answer.n; j++)
            ROW_STR(name, answer.rr[j], s->answer.rr[j]);
        arena_free(a);
    }
}

static void temporary(char path[])
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void a_recording_answers_the_same(void **state)
{
    char path[] = "/tmp/mailseal-record-XXXXXX";
    const char *error = NULL;
    struct dns *d = recorder();
    (void)state;
    temporary(path);
    check(d, "live");
    dns_drop(dns_start(d, STR("text.example"), DNS_TXT, clock_ms() + 1000));
    assert_true(dns_record_write(d, path));
    dns_free(d);
    d = dns_snapshot_new(path, &error);
    if (d == NULL)
        fail_msg("%s", error);
    check(d, "read back");
    dns_free(d);
    unlink(path);
}

static void the_object_answers_the_same(void **state)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    struct dns *d = recorder();
    (void)state;
    check(d, "live");
    struct json *j = dns_record_json(d, a);
    dns_free(d);
    d = dns_snapshot_of_json(j, &error);
    assert_non_null(d);
    check(d, "from the object");
    dns_free(d);
    arena_free(a);
}

/* A recording of a snapshot's answers, taken through the cache, is a snapshot of the same answers. */
static void a_recording_of_a_recording_is_the_same(void **state)
{
    char path[] = "/tmp/mailseal-record-XXXXXX";
    const char *error = NULL;
    struct dns *d = recorder();
    (void)state;
    temporary(path);
    check(d, "live");
    assert_true(dns_record_write(d, path));
    dns_free(d);
    d = dns_record_new(dns_cache_new(dns_record_new(dns_snapshot_new(path, &error))));
    check(d, "first");
    assert_true(dns_record_write(d, path));
    dns_free(d);
    d = dns_snapshot_new(path, &error);
    check(d, "second");
    dns_free(d);
    unlink(path);
}

static struct str odd_rr[] = { { "a\xff\xfe"
                                 "b",
                                 4 } };
static const struct said odd[] = { { "odd.example", DNS_TXT, { .status = DNS_OK, .n = 1, .rr = odd_rr } } };

static struct dns_query *odd_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct known *k = calloc(1, sizeof(*k));
    (void)name;
    (void)type;
    (void)deadline;
    k->query.ops = self->ops;
    k->answer = &odd[0].answer;
    return &k->query;
}

static const struct dns_ops odd_ops = { .start = odd_start, .wait = known_wait, .drop = known_drop, .free = known_free };

static void bytes_and_names_without_words_in_json_are_lost(void **state)
{
    char path[] = "/tmp/mailseal-record-XXXXXX";
    struct arena *a = arena_new();
    struct dns *inner = calloc(1, sizeof(*inner));
    struct dns_answer answer;
    const char *error = NULL;
    (void)state;
    temporary(path);
    inner->ops = &odd_ops;
    struct dns *d = dns_record_new(inner);
    dns_ask(d, STR("odd.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    dns_ask(d, STR("od\xff.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    assert_true(dns_record_write(d, path));
    dns_free(d);
    d = dns_snapshot_new(path, &error);
    assert_non_null(d);
    dns_ask(d, STR("odd.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    ROW_STR("text", answer.rr[0],
            STR("a\xef\xbf\xbd\xef\xbf\xbd"
                "b"));
    dns_ask(d, STR("od\xff.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    assert_int_equal(answer.status, DNS_NXDOMAIN);
    dns_free(d);
    unlink(path);
    arena_free(a);
}

static void a_file_that_cannot_be_written_is_said(void **state)
{
    struct dns *d = recorder();
    (void)state;
    assert_false(dns_record_write(d, "/nonexistent/snapshot.json"));
    dns_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_answers_the_same),           cmocka_unit_test(the_object_answers_the_same),
        cmocka_unit_test(a_recording_of_a_recording_is_the_same), cmocka_unit_test(bytes_and_names_without_words_in_json_are_lost),
        cmocka_unit_test(a_file_that_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
