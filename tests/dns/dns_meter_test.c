/* dns_meter_test.c - the questions of one message: counted, refused, called off. */
#include "mailseal/clock.h"
#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"
#include "tests/dns/desk.h"

static struct str one[] = { { "one", 3 } };
static const struct dns_answer ok_60 = { .status = DNS_OK, .n = 1, .rr = one, .ttl = 60 };

static void questions_beyond_the_maximum_are_refused(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = dns_meter_new(&desk->dns, 2, INT64_MAX);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    desk->eager = true;
    desk->now_answer = &ok_60;
    for (int i = 0; i < 2; i++) {
        dns_ask(d, STR("a.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
        ROW_INT("within", answer.status, DNS_OK);
        ROW_STR("within", answer.rr[0], STR("one"));
    }
    dns_ask(d, STR("a.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    ROW_INT("beyond", answer.status, DNS_TEMPFAIL);
    ROW_STR("beyond", str_of(answer.reason), STR("too many DNS queries for one message"));
    dns_drop(dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 1000));
    assert_int_equal(dns_meter_count(d), 4);
    assert_int_equal(atomic_load(&desk->asked), 2);
    arena_free(a);
    dns_free(d);
    dns_free(&desk->dns);
}

static void deadlines_are_cut_to_the_message_s(void **state)
{
    struct desk *desk = desk_new();
    int64_t start = clock_ms();
    struct dns *d = dns_meter_new(&desk->dns, 9, start + 100);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    struct dns_query *q = dns_start(d, STR("a.example"), DNS_TXT, start + 4000);
    assert_int_equal(desk->first->deadline, start + 100);
    dns_wait(q, a, &answer);
    ROW_INT("during", answer.status, DNS_TEMPFAIL);
    ROW_STR("during", str_of(answer.reason), STR("time-out"));
    assert_in_range(clock_ms(), start + 100, start + 3000);
    dns_ask(d, STR("a.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    ROW_STR("after", str_of(answer.reason), STR("no time left for DNS queries"));
    assert_int_equal(atomic_load(&desk->asked), 1);
    arena_free(a);
    dns_free(d);
    dns_free(&desk->dns);
}

static void *wait_long(void *p)
{
    struct arena *a = arena_new();
    struct dns_answer answer;
    dns_ask(p, STR("a.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    const char *reason = answer.reason;
    arena_free(a);
    return (void *)(uintptr_t)reason;
}

static void a_cancelled_meter_ends_waits_and_refuses(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = dns_meter_new(&desk->dns, 9, INT64_MAX);
    struct arena *a = arena_new();
    struct dns_answer answer;
    pthread_t thread;
    void *reason;
    (void)state;
    int64_t start = clock_ms();
    assert_int_equal(pthread_create(&thread, NULL, wait_long, d), 0);
    while (atomic_load(&desk->asked) == 0)
        ;
    dns_meter_cancel(d);
    pthread_join(thread, &reason);
    ROW_STR("waiting", str_of(reason), STR("cancelled"));
    assert_true(clock_ms() < start + 3000);
    dns_ask(d, STR("b.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    ROW_STR("new", str_of(answer.reason), STR("cancelled"));
    assert_int_equal(dns_meter_tally(d).ended, 0);
    assert_int_equal(atomic_load(&desk->asked), 1);
    arena_free(a);
    dns_free(d);
    dns_free(&desk->dns);
}

static void a_task_may_outlive_its_message(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = dns_meter_new(&desk->dns, 9, INT64_MAX);
    struct dns *task = dns_meter_ref(d);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    struct dns_query *q = dns_start(task, STR("a.example"), DNS_TXT, clock_ms() + 4000);
    struct dns_query *dropped = dns_start(task, STR("b.example"), DNS_TXT, clock_ms() + 4000);
    dns_free(d);
    desk_answer(desk, &ok_60);
    dns_wait(q, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    dns_drop(dropped); /* its notice comes when the desk closes */
    dns_meter_unref(task);
    arena_free(a);
    dns_free(&desk->dns);
}

/* What the meter itself refuses or calls off says nothing about the resolver. */
static void failures_are_those_of_the_dns(void **state)
{
    static const struct dns_answer none = { .status = DNS_NXDOMAIN }, failed = { .status = DNS_TEMPFAIL, .reason = "SERVFAIL" };
    const struct {
        const char *name;
        const struct dns_answer *answer; /* NULL: dropped */
        struct dns_tally want;
    } rows[] = { { "answered", &ok_60, { 1, 0 } },
                 { "no such name", &none, { 2, 0 } },
                 { "failed", &failed, { 3, 1 } },
                 { "dropped", NULL, { 3, 1 } },
                 { "refused", &ok_60, { 3, 1 } } };
    struct desk *desk = desk_new();
    struct dns *d = dns_meter_new(&desk->dns, 4, INT64_MAX);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    desk->eager = true;
    for (size_t i = 0; i < ROWS(rows); i++) {
        desk->now_answer = rows[i].answer != NULL ? rows[i].answer : &failed;
        struct dns_query *q = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 1000);
        if (rows[i].answer != NULL)
            dns_wait(q, a, &answer);
        else
            dns_drop(q);
        ROW_INT(rows[i].name, dns_meter_tally(d).ended, rows[i].want.ended);
        ROW_INT(rows[i].name, dns_meter_tally(d).failed, rows[i].want.failed);
    }
    arena_free(a);
    dns_free(d);
    dns_free(&desk->dns);
}

static void a_maker_without_notices_is_waited_for(void **state)
{
    struct desk *desk = desk_new();
    const struct dns_ops ops = { .start = desk_start, .wait = desk_wait, .drop = desk_drop, .free = desk_free };
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    desk->dns.ops = &ops;
    desk->eager = true;
    desk->now_answer = &ok_60;
    struct dns *d = dns_meter_new(&desk->dns, 9, INT64_MAX);
    dns_ask(d, STR("a.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    dns_free(d);
    arena_free(a);
    dns_free(&desk->dns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_beyond_the_maximum_are_refused),
        cmocka_unit_test(deadlines_are_cut_to_the_message_s),
        cmocka_unit_test(a_cancelled_meter_ends_waits_and_refuses),
        cmocka_unit_test(a_task_may_outlive_its_message),
        cmocka_unit_test(failures_are_those_of_the_dns),
        cmocka_unit_test(a_maker_without_notices_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
