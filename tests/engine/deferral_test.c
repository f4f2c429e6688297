/* deferral_test.c - the budget of a pair: times, minutes, rounds, when it is new again, and its bounds. */
#include <pthread.h>

#include "milter/engine/engine_int.h"
#include "tests/support/support.h"

#define NOW   1780000000
#define HOUR  3600
#define TIMES 3
static const struct deferral_limits limits = { .times = TIMES, .minutes = 240 };

static struct ip ip_of(const char *text)
{
    struct ip ip = { 0 };
    if (text[0] != '\0')
        assert_true(ip_parse(str_of(text), &ip));
    return ip;
}

static bool ask(struct deferral *d, const char *client, const char *domain, int64_t after, struct deferral_count *out)
{
    return deferral_allows(d, ip_of(client), str_of(domain), &limits, NOW + after, out);
}

struct step {
    int64_t after; /* seconds */
    bool answered; /* mail of the pair got its answers before it */
    bool want;
    unsigned count;
    bool news;
};

static void a_budget_is_used_up_and_renewed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct step steps[8];
    } rows[] = {
        { "times",
          { { 0, false, true, 1, false },
            { 300, false, true, 2, false },
            { 900, false, true, 3, false },
            { 2100, false, false, 3, true },
            { 4000, false, false, 3, false } } },
        { "minutes",
          { { 0, false, true, 1, false }, { 4 * HOUR - 1, false, true, 2, false }, { 4 * HOUR + 60, false, false, 2, true } } },
        { "many messages in one round",
          { { 0, false, true, 1, false }, { 59, false, true, 1, false }, { 60, false, true, 2, false } } },
        { "all messages of the last round",
          { { 0, false, true, 1, false },
            { 300, false, true, 2, false },
            { 600, false, true, 3, false },
            { 659, false, true, 3, false },
            { 660, false, false, 3, true },
            { 660, false, false, 3, false } } },
        { "a day without deferral",
          { { 0, false, true, 1, false },
            { 300, false, true, 2, false },
            { 600, false, true, 3, false },
            { 600 + 24 * HOUR - 1, false, false, 3, true },
            { 600 + 24 * HOUR, false, true, 1, false } } },
        { "answers, and a pause",
          { { 0, false, true, 1, false },
            { 300, false, true, 2, false },
            { 300 + 2 * HOUR, true, true, 1, false },
            { 300 + 6 * HOUR, false, false, 1, true } } },
        { "a pause without answers", { { 0, false, true, 1, false }, { 3 * HOUR, false, true, 2, false } } },
        { "answers without a pause", { { 0, false, true, 1, false }, { 2 * HOUR - 1, true, true, 2, false } } },
        { "answers from before",
          { { 0, false, true, 1, false }, { 300, true, true, 2, false }, { 3 * HOUR, false, true, 3, false } } },
        { "answers for who was given up on",
          { { 0, false, true, 1, false },
            { 300, false, true, 2, false },
            { 600, false, true, 3, false },
            { 900, false, false, 3, true },
            { 3 * HOUR, true, false, 3, false } } },
        { "the clock was set back",
          { { 0, false, true, 1, false },
            { 300, false, true, 2, false },
            { 200, false, true, 3, false },
            { -1, false, true, 1, false } } },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct deferral *d = deferral_new();
        for (const struct step *s = rows[i].steps; s->count > 0; s++) {
            struct deferral_count c;
            if (s->answered)
                deferral_answered(d, ip_of("192.0.2.1"), STR("a.example"));
            ROW_INT(rows[i].name, ask(d, "192.0.2.1", "a.example", s->after, &c), s->want);
            ROW_INT(rows[i].name, c.count, s->count);
            ROW_INT(rows[i].name, c.news, s->news);
        }
        deferral_free(d);
    }
}

static void a_pair_is_a_network_and_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *client, *domain;
        bool same;
    } rows[] = {
        { "192.0.2.1", "a.example", true },
        { "192.0.2.254", "A.Example", true },
        { "192.0.3.1", "a.example", false },
        { "192.0.2.1", "b.example", false },
        { "", "a.example", false },
        { "192.0.2.1", "", false },
        { "::ffff:192.0.2.9", "a.example", true },
        { "2001:db8::1", "a.example", false },
    };
    struct deferral_count c;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct deferral *d = deferral_new();
        ask(d, "192.0.2.1", "a.example", 0, &c);
        ask(d, rows[i].client, rows[i].domain, 100, &c);
        ROW_INT(rows[i].client, c.count, rows[i].same ? 2 : 1);
        deferral_free(d);
    }
    struct deferral *d = deferral_new();
    ask(d, "2001:db8:1:2::1", "a.example", 0, &c);
    ask(d, "2001:db8:1:2:ffff::1", "a.example", 100, &c);
    assert_int_equal(c.count, 2);
    ask(d, "2001:db8:1:3::1", "a.example", 200, &c);
    assert_int_equal(c.count, 1);
    deferral_free(d);
}

/* Bytes of an address are no letters of a domain. */
static void families_are_apart(void **state)
{
    (void)state;
    struct deferral *d = deferral_new();
    struct deferral_count c;
    ask(d, "1.2.3.4", "abcde.example", 0, &c);
    ask(d, "0102:0361:6263:6465::1", ".example", 100, &c);
    assert_int_equal(c.count, 1);
    deferral_free(d);
}

static void an_overlong_domain_is_cut(void **state)
{
    (void)state;
    char domain[2000];
    struct deferral_count c;
    struct deferral *d = deferral_new();
    memset(domain, 'a', sizeof(domain) - 1);
    domain[sizeof(domain) - 1] = '\0';
    assert_true(ask(d, "192.0.2.1", domain, 0, &c));
    assert_true(ask(d, "192.0.2.1", domain, 100, &c));
    assert_int_equal(c.count, 2);
    deferral_free(d);
}

/* A flood of pairs pushes out old ones, never those that were there a moment ago. */
static void the_table_is_bounded(void **state)
{
    (void)state;
    const struct deferral_limits many = { .times = 1000, .minutes = 7200 };
    struct deferral *d = deferral_new();
    struct deferral_count c;
    char domain[32];
    ask(d, "192.0.2.1", "old.example", 0, &c);
    for (int i = 0; i < 3 * LIMIT_DEFERRALS; i++) {
        snprintf(domain, sizeof(domain), "%d.example", i);
        ask(d, "192.0.2.1", domain, 100 + i / 100, &c);
        assert_int_equal(c.count, 1);
        if (i % 1000 == 0) {
            deferral_allows(d, ip_of("192.0.2.1"), STR("busy.example"), &many, NOW + 100 + i / 100, &c);
            assert_int_equal(c.count, 1 + i / 100 / 60);
        }
    }
    ask(d, "192.0.2.1", "old.example", 10000, &c);
    assert_int_equal(c.count, 1);
    ask(d, "192.0.2.1", domain, 10000, &c);
    assert_int_equal(c.count, 2);
    deferral_free(d);
}

/* Every time is given to one asker only; the thread sanitizer watches. */
struct asker {
    pthread_t thread;
    struct deferral *d;
    unsigned counted, news;
};

static void *ask_many(void *arg)
{
    struct asker *a = arg;
    const struct deferral_limits many = { .times = 1000000, .minutes = 7200 };
    const struct ip ip = { .family = 4, .b = { 192, 0, 2, 1 } };
    for (int i = 0; i < 2000; i++) {
        struct deferral_count c;
        deferral_allows(a->d, ip, STR("x.example"), &limits, NOW + i, &c);
        a->news += c.news;
        deferral_allows(a->d, ip, STR("y.example"), &many, NOW + i, &c);
        a->counted = c.count > a->counted ? c.count : a->counted;
        deferral_answered(a->d, ip, STR("y.example"));
    }
    return NULL;
}

static void askers_share_one_budget(void **state)
{
    (void)state;
    struct asker askers[4] = { 0 };
    struct deferral *d = deferral_new();
    unsigned news = 0;
    for (size_t i = 0; i < ROWS(askers); i++) {
        askers[i].d = d;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
    }
    for (size_t i = 0; i < ROWS(askers); i++) {
        pthread_join(askers[i].thread, NULL);
        news += askers[i].news;
        assert_true(askers[i].counted >= 2);
    }
    assert_int_equal(news, 1);
    deferral_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_is_used_up_and_renewed),
        cmocka_unit_test(a_pair_is_a_network_and_a_domain),
        cmocka_unit_test(families_are_apart),
        cmocka_unit_test(an_overlong_domain_is_cut),
        cmocka_unit_test(the_table_is_bounded),
        cmocka_unit_test(askers_share_one_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
