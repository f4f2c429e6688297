/* dns_notes_test.c - answers noted by the meters of a message: bounded, shared, and a snapshot that answers the same. */
#include "mailseal/clock.h"
#include "mailseal/dns.h"
#include "mailseal/json.h"

#include "milter/dns/dns_int.h"
#include "tests/dns/desk.h"

static struct str one[] = { { "one", 3 } }, two[] = { { "two", 3 } };
static const struct dns_answer first = { .status = DNS_OK, .n = 1, .rr = one }, second = { .status = DNS_OK, .n = 1, .rr = two };

static struct str text_of(struct dns_notes *k, struct arena *a, bool whole)
{
    struct str line;
    bool got;
    struct json *j = dns_notes_json(k, a, NULL, NULL, &got);
    assert_true(js_line(a, j, 10000, &line));
    assert_int_equal(got, whole);
    return line;
}

static void the_last_answer_is_kept(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dns_notes *k = dns_notes_new(10000);
    ROW_STR("nothing", text_of(k, a, true), STR("{}"));
    dns_notes_keep(k, STR("b.example"), DNS_TXT, &first);
    dns_notes_keep(k, STR("a.example"), DNS_TXT, &first);
    dns_notes_keep(k, STR("b.example"), DNS_TXT, &second);
    ROW_STR("both", text_of(k, a, true), STR("{\"b.example\":{\"TXT\":[\"two\"]},\"a.example\":{\"TXT\":[\"one\"]}}"));
    dns_notes_keep(k, STR("not a name"), DNS_TXT, &second);
    ROW_STR("not all", text_of(k, a, false), STR("{\"b.example\":{\"TXT\":[\"two\"]},\"a.example\":{\"TXT\":[\"one\"]}}"));
    dns_notes_unref(k);
    dns_notes_unref(NULL);
    arena_free(a);
}

static bool hides_a(void *ctx, struct str name)
{
    ++*(int *)ctx;
    return name.p[0] == 'a';
}

static void names_can_be_hidden(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dns_notes *k = dns_notes_new(10000);
    struct str line;
    bool whole;
    int asked = 0;
    dns_notes_keep(k, STR("b.example"), DNS_TXT, &first);
    assert_true(js_line(a, dns_notes_json(k, a, hides_a, &asked, &whole), 1000, &line));
    assert_true(whole);
    dns_notes_keep(k, STR("a.example"), DNS_TXT, &first);
    assert_true(js_line(a, dns_notes_json(k, a, hides_a, &asked, &whole), 1000, &line));
    assert_false(whole);
    ROW_STR("rest", line, STR("{\"b.example\":{\"TXT\":[\"one\"]}}"));
    assert_int_equal(asked, 3);
    dns_notes_unref(k);
    arena_free(a);
}

static void what_does_not_fit_is_left_out(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dns_notes *k = dns_notes_new(1000);
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        dns_notes_keep(k, str_of(name), DNS_TXT, &first);
    }
    struct str text = text_of(k, a, false);
    assert_in_range(text.n, 20, 500);
    assert_non_null(strstr(str_cstr(a, text), "n0.example"));
    dns_notes_unref(k);
    arena_free(a);
}

static void two_meters_share_notes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct desk *desk = desk_new();
    struct dns_answer answer;
    desk->eager = true;
    desk->now_answer = &first;
    struct dns_notes *k = dns_notes_new(10000);
    struct dns *meters[] = { dns_meter_new(&desk->dns, 2, INT64_MAX), dns_meter_new(&desk->dns, 1, INT64_MAX),
                             dns_meter_new(&desk->dns, 9, INT64_MAX) };
    dns_meter_note(meters[0], k);
    dns_meter_note(meters[1], k);
    const int64_t deadline = clock_ms() + 1000;
    dns_ask(meters[0], STR("A.example"), DNS_TXT, deadline, a, &answer);
    dns_drop(dns_start(meters[0], STR("dropped.example"), DNS_TXT, deadline));
    dns_ask(meters[0], STR("refused.example"), DNS_TXT, deadline, a, &answer);
    dns_ask(meters[1], STR("b.example"), DNS_TXT, deadline, a, &answer);
    dns_ask(meters[2], STR("silent.example"), DNS_TXT, deadline, a, &answer);
    dns_free(meters[0]);
    ROW_STR("noted", text_of(k, a, true), STR("{\"a.example\":{\"TXT\":[\"one\"]},\"b.example\":{\"TXT\":[\"one\"]}}"));
    dns_notes_unref(k); /* the meters have references of their own */
    dns_ask(meters[1], STR("b.example"), DNS_TXT, deadline, a, &answer);
    dns_free(meters[1]);
    dns_free(meters[2]);
    dns_free(&desk->dns);
    arena_free(a);
}

static void a_time_out_is_noted(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct desk *desk = desk_new();
    struct dns_answer answer;
    struct dns_notes *k = dns_notes_new(10000);
    struct dns *d = dns_meter_new(&desk->dns, 9, clock_ms() + 50);
    dns_meter_note(d, k);
    dns_ask(d, STR("slow.example"), DNS_TXT, clock_ms() + 1000, a, &answer);
    ROW_STR("noted", text_of(k, a, true), STR("{\"slow.example\":{\"TXT\":\"TIMEOUT\"}}"));
    dns_notes_unref(k);
    dns_free(d);
    dns_free(&desk->dns);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_answer_is_kept),       cmocka_unit_test(names_can_be_hidden),
        cmocka_unit_test(what_does_not_fit_is_left_out), cmocka_unit_test(two_meters_share_notes),
        cmocka_unit_test(a_time_out_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
