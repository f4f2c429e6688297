/* dns_stub_test.c - many questions at once, their owners, and the beginning and end of the network thread. */
#include "mailseal/clock.h"
#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"
#include "tests/dns/server.h"

#define MANY 600

static void hello(struct query *q, struct wire *w)
{
    server_begin(q, w, 0);
    wire_text(w, NULL, 300, "hello");
    server_send(q, w);
}

static void goodbye(struct query *q, struct wire *w)
{
    server_begin(q, w, 0);
    wire_text(w, NULL, 300, "goodbye");
    server_send(q, w);
}

static const struct line script[] = { { "hello", hello }, { "hold", server_hold }, { NULL, NULL } };
static const struct line other_script[] = { { "hello", goodbye }, { NULL, NULL } };

static struct dns *stub_to(const struct server *s, int64_t try_ms)
{
    const struct dns_stub_params params = {
        .try_ms = try_ms, .down_ms = 1000, .follow_ms = 1000, .port = (uint16_t)server_port(s)
    };
    const struct str text = STR("127.0.0.1");
    const char *error = NULL;
    struct dns *d = dns_stub_new_with(&text, 1, false, &params, &error);
    if (d == NULL)
        fail_msg("no stub: %s", error);
    return d;
}

static void wait_for(atomic_uint *count, unsigned n)
{
    for (int i = 0; i < 10000 && atomic_load(count) < n; i++)
        poll(NULL, 0, 1);
    assert_true(atomic_load(count) >= n);
}

/* 256 are on the wire, the others in the queue; every one gets its answer. */
static void no_more_than_256_are_in_flight(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to(s, 4000);
    struct arena *a = arena_new();
    struct dns_query *q[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++)
        q[i] = dns_start(d, str_printf(a, "hold.%d.example", i), DNS_TXT, INT64_MAX);
    for (unsigned n = LIMIT_DNS_IN_FLIGHT; n < MANY; n += LIMIT_DNS_IN_FLIGHT) {
        wait_for(&s->held, n);
        poll(NULL, 0, 20); /* time for more of them, if there were no bound */
        assert_int_equal(atomic_load(&s->held), n);
        server_release(s);
    }
    wait_for(&s->held, MANY);
    server_release(s);
    for (int i = 0; i < MANY; i++) {
        struct dns_answer answer;
        dns_wait(q[i], a, &answer);
        assert_int_equal(answer.status, DNS_OK);
    }
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void a_queued_question_ends_at_its_deadline(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to(s, 4000);
    struct arena *a = arena_new();
    struct dns_query *q[LIMIT_DNS_IN_FLIGHT];
    struct dns_answer answer;
    (void)state;
    for (int i = 0; i < LIMIT_DNS_IN_FLIGHT; i++)
        q[i] = dns_start(d, str_printf(a, "hold.%d.example", i), DNS_TXT, INT64_MAX);
    wait_for(&s->held, LIMIT_DNS_IN_FLIGHT);
    dns_ask(d, STR("hello.example"), DNS_TXT, clock_ms() + 50, a, &answer);
    assert_int_equal(answer.status, DNS_TEMPFAIL);
    assert_string_equal(answer.reason, "time-out");
    assert_int_equal(atomic_load(&s->udp_seen), LIMIT_DNS_IN_FLIGHT);
    for (int i = 0; i < LIMIT_DNS_IN_FLIGHT; i++)
        dns_drop(q[i]);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void *ask_often(void *p)
{
    struct arena *a = arena_new();
    intptr_t good = 0;
    for (int i = 0; i < 100; i++) {
        struct dns_answer answer;
        struct dns_query *dropped = dns_start(p, STR("hello.example"), DNS_TXT, INT64_MAX);
        dns_ask(p, STR("hello.example"), DNS_TXT, INT64_MAX, a, &answer);
        good += answer.status == DNS_OK && str_eq(answer.rr[0], STR("hello"));
        dns_drop(dropped);
    }
    arena_free(a);
    return (void *)good;
}

static void threads_ask_beside_each_other(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to(s, 1000);
    pthread_t thread[4];
    (void)state;
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, d), 0);
    for (size_t i = 0; i < ROWS(thread); i++) {
        void *good;
        pthread_join(thread[i], &good);
        assert_int_equal((intptr_t)good, 100);
    }
    dns_free(d);
    server_free(s);
}

static void count_up(void *ctx)
{
    atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void notice_is_given_once_also_of_what_was_dropped(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to(s, 4000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    atomic_uint notices = 0;
    (void)state;
    struct dns_query *held = dns_start(d, STR("hold.example"), DNS_TXT, INT64_MAX);
    struct dns_query *dropped = dns_start(d, STR("hold.again.example"), DNS_TXT, INT64_MAX);
    held->ops->notify(held, count_up, &notices);
    dropped->ops->notify(dropped, count_up, &notices);
    dns_drop(dropped);
    wait_for(&s->held, 2);
    assert_int_equal(atomic_load(&notices), 0);
    server_release(s);
    wait_for(&notices, 2);
    dns_wait(held, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    struct dns_query *done = dns_start(d, STR("hello.example"), DNS_TXT, INT64_MAX);
    dns_ask(d, STR("hello.example"), DNS_TXT, INT64_MAX, a, &answer);
    done->ops->notify(done, count_up, &notices);
    wait_for(&notices, 3);
    dns_drop(done);
    arena_free(a);
    dns_free(d);
    assert_int_equal(atomic_load(&notices), 3);
    server_free(s);
}

static void free_answers_what_is_still_open(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to(s, 4000);
    struct arena *a = arena_new();
    atomic_uint notices = 0;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct dns_query *q = dns_start(d, str_printf(a, "hold.%d.example", i), DNS_TXT, INT64_MAX);
        q->ops->notify(q, count_up, &notices);
        dns_drop(q);
    }
    wait_for(&s->held, 1);
    dns_free(d);
    assert_int_equal(atomic_load(&notices), MANY);
    arena_free(a);
    server_free(s);
}

static void what_was_dropped_in_the_queue_is_not_asked(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to(s, 4000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    struct dns_query *q[LIMIT_DNS_IN_FLIGHT];
    (void)state;
    for (int i = 0; i < LIMIT_DNS_IN_FLIGHT; i++)
        q[i] = dns_start(d, str_printf(a, "hold.%d.example", i), DNS_TXT, INT64_MAX);
    wait_for(&s->held, LIMIT_DNS_IN_FLIGHT);
    for (int i = 0; i < 50; i++)
        dns_drop(dns_start(d, STR("hello.example"), DNS_TXT, INT64_MAX));
    struct dns_query *last = dns_start(d, STR("hello.again.example"), DNS_TXT, INT64_MAX);
    server_release(s);
    dns_wait(last, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    assert_int_equal(atomic_load(&s->udp_seen), LIMIT_DNS_IN_FLIGHT + 1);
    for (int i = 0; i < LIMIT_DNS_IN_FLIGHT; i++)
        dns_drop(q[i]);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* N15 */
static void a_changed_resolv_conf_is_followed(void **state)
{
    struct server *first = server_new("127.0.0.1", 0, script, true);
    struct server *second = server_new("127.0.0.2", server_port(first), other_script, true);
    char path[] = "/tmp/mailseal-resolv-XXXXXX";
    const struct dns_stub_params params = {
        .try_ms = 1000, .down_ms = 1000, .follow_ms = 1, .resolv_conf = path, .port = (uint16_t)server_port(first)
    };
    struct arena *a = arena_new();
    struct dns_answer answer;
    const char *error;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    put_file(path, "nameserver 127.0.0.1\n");
    struct dns *d = dns_stub_new_with(NULL, 0, false, &params, &error);
    assert_non_null(d);
    dns_ask(d, STR("hello.example"), DNS_TXT, INT64_MAX, a, &answer);
    ROW_STR("before", answer.rr[0], STR("hello"));
    put_file(path, "# changed\nnameserver 127.0.0.2\n");
    for (int i = 0; i < 1000 && str_eq(answer.rr[0], STR("hello")); i++) {
        dns_ask(d, STR("hello.example"), DNS_TXT, INT64_MAX, a, &answer);
        poll(NULL, 0, 1);
    }
    ROW_STR("after", answer.rr[0], STR("goodbye"));
    unlink(path);
    arena_free(a);
    dns_free(d);
    server_free(first);
    server_free(second);
}

static void wrong_servers_are_refused(void **state)
{
    const struct str wrong = STR("ns.example.org");
    const char *error = NULL;
    (void)state;
    assert_null(dns_stub_new(&wrong, 1, false, &error));
    assert_string_equal(error, "a nameserver is no address, or there are too many");
    struct dns *d = dns_stub_new(NULL, 0, false, &error);
    assert_non_null(d);
    dns_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_256_are_in_flight),    cmocka_unit_test(a_queued_question_ends_at_its_deadline),
        cmocka_unit_test(threads_ask_beside_each_other),     cmocka_unit_test(notice_is_given_once_also_of_what_was_dropped),
        cmocka_unit_test(free_answers_what_is_still_open),   cmocka_unit_test(what_was_dropped_in_the_queue_is_not_asked),
        cmocka_unit_test(a_changed_resolv_conf_is_followed), cmocka_unit_test(wrong_servers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
