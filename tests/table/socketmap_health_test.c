/* socketmap_health_test.c - who may ask a server when, and which tables are of the same server. */
#include "../../milter/table/table_int.h"

#include "../support/support.h"

#define LOOKUP  2000
#define FAILURE 5000

static struct socketmap_health *health_of(struct table_servers *servers, const char *spec)
{
    struct socketmap_address address;
    assert_true(socketmap_address_parse(str_of(spec), &address));
    return socketmap_health_of(servers, &address);
}

static void tables_of_one_address_share_it(void **state)
{
    static const struct {
        const char *first, *second;
        bool same;
    } rows[] = {
        { "unix:/run/a:x", "unix:/run/a:y", true },
        { "unix:/run/a:x", "unix:/run/b:x", false },
        { "unix:/run/a:x", "unix:/run/aa:x", false },
        { "inet:192.0.2.1:99:x", "inet:192.0.2.1:99:y", true },
        { "inet:localhost:99:x", "inet:127.0.0.1:99:x", true },
        { "inet:192.0.2.1:99:x", "inet:192.0.2.1:98:x", false },
        { "inet:192.0.2.1:99:x", "inet:192.0.2.2:99:x", false },
        { "inet:[::1]:99:x", "inet:[0:0::1]:99:y", true },
        { "inet:[::1]:99:x", "inet:[::2]:99:x", false },
        { "inet:[::1]:99:x", "inet:127.0.0.1:99:x", false },
    };
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct table_servers *servers = table_servers_new(a);
        struct socketmap_health *h = health_of(servers, rows[i].first);
        (void)health_of(servers, "unix:/run/other:x");
        ROW_INT(rows[i].second, health_of(servers, rows[i].second) == h, rows[i].same);
        assert_ptr_equal(health_of(servers, rows[i].first), h);
        assert_ptr_not_equal(health_of(table_servers_new(a), rows[i].first), h);
    }
    arena_free(a);
}

/* What happens in turn to one server, and when. */
static void one_asks_after_a_failure(void **state)
{
    static const struct {
        const char *name;
        int64_t now;
        enum { ASK, ANSWER, FAIL } what;
        bool want; /* of ASK */
    } steps[] = {
        { "a new server", -100, ASK, true },
        { "a second asker", -100, ASK, true },
        { "the first fails", 0, FAIL, true },
        { "at once", 0, ASK, false },
        { "before the end", FAILURE - 1, ASK, false },
        { "the end", FAILURE, ASK, true },
        { "one alone", FAILURE, ASK, false },
        { "still", FAILURE + LOOKUP - 1, ASK, false },
        { "that one is lost", FAILURE + LOOKUP, ASK, true },
        { "it fails", 8000, FAIL, true },
        { "after it", 8001, ASK, false },
        { "again one", 13000, ASK, true },
        { "an answer", 13001, ANSWER, true },
        { "all ask", 13001, ASK, true },
        { "and all the time", 13001, ASK, true },
        { "one key of it fails", 13002, FAIL, true },
        { "the others are asked for", 13002, ASK, true },
        { "it fails again", 13000 + LOOKUP, FAIL, true },
        { "and is still asked", 13000 + LOOKUP, ASK, true },
        { "nothing else came meanwhile", 13001 + LOOKUP, FAIL, true },
        { "now it is down", 13001 + LOOKUP, ASK, false },
    };
    const struct socketmap_limits limits = { .lookup_ms = LOOKUP, .failure_ms = FAILURE };
    struct arena *a = arena_new();
    (void)state;
    struct socketmap_health *h = health_of(table_servers_new(a), "unix:/run/a:x");
    for (size_t i = 0; i < ROWS(steps); i++) {
        if (steps[i].what == ASK)
            ROW_INT(steps[i].name, socketmap_health_may_ask(h, steps[i].now, LOOKUP), steps[i].want);
        else
            socketmap_health_note(h, steps[i].what == ANSWER, steps[i].now, &limits);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_one_address_share_it),
        cmocka_unit_test(one_asks_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
