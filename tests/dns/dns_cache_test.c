/* dns_cache_test.c - what is kept and how long, what goes, and equal questions in flight. Expiry runs on the test's clock. */
#include "mailseal/clock.h"
#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"
#include "tests/dns/desk.h"

static struct str one[] = { { "one", 3 } };
static const struct dns_answer ok_60 = { .status = DNS_OK, .n = 1, .rr = one, .ttl = 60 };
static const struct dns_answer nodata_5 = { .status = DNS_NODATA, .ttl = 5 };
static const struct dns_answer nxdomain_300 = { .status = DNS_NXDOMAIN, .ttl = 300, .alias = true };
static const struct dns_answer servfail = { .status = DNS_TEMPFAIL, .reason = "SERVFAIL" };

static _Atomic int64_t now;

static int64_t test_now(void)
{
    return now;
}

static struct dns *cache_over(struct desk *desk, size_t bytes, size_t count)
{
    const struct dns_cache_params params = { .bytes = bytes, .count = count, .now = test_now };
    return dns_cache_new_with(&desk->dns, &params);
}

static struct dns *large_cache_over(struct desk *desk)
{
    return cache_over(desk, LIMIT_DNS_CACHE_BYTES, LIMIT_DNS_CACHE_COUNT);
}

static void answer_with(struct desk *desk, const struct dns_answer *answer)
{
    desk->eager = true;
    desk->now_answer = answer;
}

struct kept_row {
    const char *name;
    const struct dns_answer *answer;
    int64_t seconds; /* how long it is kept */
};

static const struct kept_row kept_rows[] = {
    { "an answer", &ok_60, 60 },
    { "no data", &nodata_5, 5 },
    { "no name", &nxdomain_300, 300 },
    { "a failure", &servfail, LIMIT_DNS_FAILURE },
};

/* DK-29 */
static void answers_are_kept_for_their_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(kept_rows); i++) {
        const struct kept_row *r = &kept_rows[i];
        struct desk *desk = desk_new();
        struct dns *d = large_cache_over(desk);
        struct arena *a = arena_new();
        const int64_t when[] = { 0, 1000, r->seconds * 1000 - 1, r->seconds * 1000 };
        const unsigned asked[] = { 1, 1, 1, 2 };
        const int64_t left[] = { r->seconds, r->seconds - 1, 1, r->seconds };
        answer_with(desk, r->answer);
        for (size_t j = 0; j < ROWS(when); j++) {
            struct dns_answer answer;
            now = when[j];
            dns_ask(d, STR("Name.example."), DNS_TXT, clock_ms() + 1000, a, &answer);
            ROW_INT(r->name, atomic_load(&desk->asked), asked[j]);
            ROW_INT(r->name, answer.status, r->answer->status);
            ROW_INT(r->name, answer.alias, r->answer->alias);
            ROW_INT(r->name, answer.ttl, left[j]);
            ROW_STR(r->name, str_of(answer.reason), str_of(r->answer->reason));
            ROW_INT(r->name, answer.n, r->answer->n);
            if (answer.n > 0)
                ROW_STR(r->name, answer.rr[0], STR("one"));
        }
        arena_free(a);
        dns_free(d);
    }
}

static void names_and_types_are_kept_apart(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = large_cache_over(desk);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    answer_with(desk, &ok_60);
    dns_ask(d, STR("a.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    dns_ask(d, STR("a.example"), DNS_A, clock_ms() + 1000, a, &answer);
    dns_ask(d, STR("b.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    assert_int_equal(atomic_load(&desk->asked), 3);
    dns_ask(d, STR("A.EXAMPLE"), DNS_TXT, clock_ms() + 1000, a, &answer);
    assert_int_equal(atomic_load(&desk->asked), 3);
    arena_free(a);
    dns_free(d);
}

/* N18 */
static void the_cache_is_bounded_in_entries_and_bytes(void **state)
{
    static char text[1000];
    static struct str rr[] = { { text, sizeof(text) } };
    static const struct dns_answer large = { .status = DNS_OK, .n = 1, .rr = rr, .ttl = 60 };
    static const struct {
        size_t bytes, count;
    } rows[] = { { 1 << 30, 100 }, { 100000, 1 << 20 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct desk *desk = desk_new();
        struct dns *d = cache_over(desk, rows[i].bytes, rows[i].count);
        answer_with(desk, &large);
        for (int j = 0; j < 2000; j++) {
            struct arena *a = arena_new();
            struct dns_answer answer;
            dns_ask(d, str_printf(a, "s%d.example", j), DNS_TXT, clock_ms() + 1000, a, &answer);
            assert_int_equal(answer.rr[0].n, sizeof(text));
            assert_true(dns_cache_bytes(d) <= rows[i].bytes && dns_cache_count(d) <= rows[i].count);
            arena_free(a);
        }
        assert_true(dns_cache_count(d) > 50);
        dns_free(d);
    }
}

static void what_was_not_used_for_longest_goes_first(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = cache_over(desk, 1 << 20, 2);
    struct arena *a = arena_new();
    struct dns_answer answer;
    static const char *const names[] = { "a", "b", "a", "c", "a", "b" };
    static const unsigned asked[] = { 1, 2, 2, 3, 3, 4 };
    (void)state;
    answer_with(desk, &ok_60);
    for (size_t i = 0; i < ROWS(names); i++) {
        dns_ask(d, str_of(names[i]), DNS_TXT, clock_ms() + 1000, a, &answer);
        ROW_INT(names[i], atomic_load(&desk->asked), asked[i]);
    }
    arena_free(a);
    dns_free(d);
}

static void an_answer_larger_than_the_cache_is_still_given(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = cache_over(desk, 10, 10);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    answer_with(desk, &ok_60);
    dns_ask(d, STR("a"), DNS_TXT, clock_ms() + 1000, a, &answer);
    ROW_STR("large", answer.rr[0], STR("one"));
    assert_int_equal(dns_cache_bytes(d), 0);
    arena_free(a);
    dns_free(d);
}

static void an_entry_that_went_is_still_whole_for_who_holds_it(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = cache_over(desk, 1 << 20, 1);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    answer_with(desk, &ok_60);
    dns_ask(d, STR("a"), DNS_TXT, clock_ms() + 1000, a, &answer);
    struct dns_query *held = dns_start(d, STR("a"), DNS_TXT, clock_ms() + 1000);
    dns_ask(d, STR("b"), DNS_TXT, clock_ms() + 1000, a, &answer);
    dns_wait(held, a, &answer);
    ROW_STR("held", answer.rr[0], STR("one"));
    arena_free(a);
    dns_free(d);
}

/* N19 */
static void equal_questions_in_flight_become_one(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = large_cache_over(desk);
    struct arena *a = arena_new();
    struct dns_query *q[200];
    (void)state;
    for (size_t i = 0; i < ROWS(q); i++)
        q[i] = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 1000);
    assert_int_equal(atomic_load(&desk->asked), 1);
    assert_true(desk_answer(desk, &ok_60));
    for (size_t i = 0; i < ROWS(q); i++) {
        struct dns_answer answer;
        dns_wait(q[i], a, &answer);
        assert_int_equal(answer.status, DNS_OK);
    }
    assert_int_equal(atomic_load(&desk->asked), 1);
    arena_free(a);
    dns_free(d);
}

static void each_of_the_merged_obeys_its_own_deadline(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = large_cache_over(desk);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    int64_t start = clock_ms();
    struct dns_query *hurried = dns_start(d, STR("a.example"), DNS_TXT, start + 20);
    struct dns_query *patient = dns_start(d, STR("a.example"), DNS_TXT, start + 4000);
    assert_in_range(desk->first->deadline, start + LIMIT_DNS_LOOKUP_MS, clock_ms() + LIMIT_DNS_LOOKUP_MS);
    dns_wait(hurried, a, &answer);
    assert_int_equal(answer.status, DNS_TEMPFAIL);
    assert_string_equal(answer.reason, "time-out");
    assert_in_range(clock_ms(), start + 20, start + 3000);
    assert_true(desk_answer(desk, &ok_60));
    dns_wait(patient, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    arena_free(a);
    dns_free(d);
}

static void who_drops_a_question_loses_it_for_nobody(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = large_cache_over(desk);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    struct dns_query *owner = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 4000);
    struct dns_query *other = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 4000);
    dns_drop(owner);
    assert_true(desk_answer(desk, &ok_60));
    dns_wait(other, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    /* Nor for who asks later, when all have dropped it. */
    dns_drop(dns_start(d, STR("b.example"), DNS_TXT, clock_ms() + 4000));
    assert_true(desk_answer(desk, &ok_60));
    dns_ask(d, STR("b.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    assert_int_equal(atomic_load(&desk->asked), 2);
    assert_int_equal(atomic_load(&desk->dropped), 0);
    arena_free(a);
    dns_free(d);
}

static void count_up(void *ctx)
{
    atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void notice_is_given_once_of_a_hit_and_of_a_miss(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = large_cache_over(desk);
    atomic_uint notices = 0;
    (void)state;
    struct dns_query *miss = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 4000);
    struct dns_query *dropped = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 4000);
    miss->ops->notify(miss, count_up, &notices);
    dropped->ops->notify(dropped, count_up, &notices);
    dns_drop(dropped);
    assert_int_equal(atomic_load(&notices), 0);
    desk_answer(desk, &ok_60);
    assert_int_equal(atomic_load(&notices), 2);
    struct dns_query *hit = dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 4000);
    hit->ops->notify(hit, count_up, &notices);
    assert_int_equal(atomic_load(&notices), 3);
    dns_drop(hit);
    dns_drop(miss);
    dns_free(d);
}

static void free_ends_what_is_in_flight(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = large_cache_over(desk);
    (void)state;
    for (int i = 0; i < 3; i++)
        dns_drop(dns_start(d, STR("a.example"), DNS_TXT, clock_ms() + 4000));
    dns_free(d); /* the sanitizer knows whether everything went */
}

struct askers {
    struct dns *d;
    unsigned seed;
};

static void *ask_often(void *p)
{
    const struct askers *k = p;
    intptr_t good = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct arena *a = arena_new();
        struct dns_answer answer;
        struct dns_query *q = dns_start(k->d, str_printf(a, "n%u.example", (i * 7 + k->seed) % 50), DNS_TXT, INT64_MAX);
        if (i % 3 == 0) {
            dns_drop(q);
            good++;
        } else {
            dns_wait(q, a, &answer);
            good += answer.status == DNS_OK && str_eq(answer.rr[0], STR("one"));
        }
        arena_free(a);
    }
    return (void *)good;
}

static void *answer_all(void *p)
{
    struct desk *desk = p;
    for (bool stop = false; !stop;) {
        while (desk_answer(desk, &ok_60))
            ;
        pthread_mutex_lock(&desk->lock);
        stop = desk->eager;
        pthread_mutex_unlock(&desk->lock);
    }
    return NULL;
}

/* 40 entries for 50 names: misses, hits, merges and evictions beside each other. */
static void threads_share_the_cache(void **state)
{
    struct desk *desk = desk_new();
    struct dns *d = cache_over(desk, 1 << 20, 40);
    struct askers askers[4];
    pthread_t thread[4], answering;
    (void)state;
    assert_int_equal(pthread_create(&answering, NULL, answer_all, desk), 0);
    for (unsigned i = 0; i < ROWS(thread); i++) {
        askers[i] = (struct askers){ d, i * 11 };
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, &askers[i]), 0);
    }
    for (size_t i = 0; i < ROWS(thread); i++) {
        void *good;
        pthread_join(thread[i], &good);
        assert_int_equal((intptr_t)good, 2000);
    }
    pthread_mutex_lock(&desk->lock);
    answer_with(desk, &ok_60);
    pthread_mutex_unlock(&desk->lock);
    pthread_join(answering, NULL);
    dns_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_kept_for_their_time),
        cmocka_unit_test(names_and_types_are_kept_apart),
        cmocka_unit_test(the_cache_is_bounded_in_entries_and_bytes),
        cmocka_unit_test(what_was_not_used_for_longest_goes_first),
        cmocka_unit_test(an_answer_larger_than_the_cache_is_still_given),
        cmocka_unit_test(an_entry_that_went_is_still_whole_for_who_holds_it),
        cmocka_unit_test(equal_questions_in_flight_become_one),
        cmocka_unit_test(each_of_the_merged_obeys_its_own_deadline),
        cmocka_unit_test(who_drops_a_question_loses_it_for_nobody),
        cmocka_unit_test(notice_is_given_once_of_a_hit_and_of_a_miss),
        cmocka_unit_test(free_ends_what_is_in_flight),
        cmocka_unit_test(threads_share_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
