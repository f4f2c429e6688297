/*
 * dns_try_test.c - one question on the wire, against a server that lies, cuts, refuses and keeps silent.
 *
 * The tries are driven through the stub with short times; what each row waits for is a reply or a deadline, never a pause.
 */
#include <fcntl.h>

#include "mailseal/clock.h"
#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"
#include "tests/dns/server.h"

#define TRY_MS 150

static void plain(struct query *q, struct wire *w)
{
    server_begin(q, w, 0);
    wire_text(w, NULL, 300, q->tcp ? "over TCP" : "over UDP");
    server_send(q, w);
}

static void cut(struct query *q, struct wire *w)
{
    if (q->tcp) {
        plain(q, w);
        return;
    }
    server_begin(q, w, WIRE_TC);
    server_send(q, w);
}

static void cut_then_silent(struct query *q, struct wire *w)
{
    if (!q->tcp)
        cut(q, w);
}

static void cut_then_dripping(struct query *q, struct wire *w)
{
    if (q->tcp)
        server_drip(q, w);
    else
        cut(q, w);
}

static void cut_then_closed(struct query *q, struct wire *w)
{
    if (q->tcp)
        shutdown(q->fd, SHUT_RDWR);
    else
        cut(q, w);
}

static void cut_over_tcp_too(struct query *q, struct wire *w)
{
    server_begin(q, w, WIRE_TC);
    server_send(q, w);
}

static void wrong_over_tcp(struct query *q, struct wire *w)
{
    if (q->tcp)
        q->id ^= 1;
    cut(q, w);
}

static void empty_over_tcp(struct query *q, struct wire *w)
{
    if (!q->tcp) {
        cut(q, w);
        return;
    }
    w->n = 0;
    server_send(q, w);
}

/* The forged reply goes first. */
static void forged_id(struct query *q, struct wire *w)
{
    server_begin(q, w, 0);
    w->p[0] ^= 0x55;
    wire_text(w, NULL, 300, "forged");
    server_send(q, w);
    plain(q, w);
}

static void forged_question(struct query *q, struct wire *w)
{
    wire_begin(w, q->id, WIRE_QR | WIRE_RA, "other.example", q->type);
    wire_text(w, NULL, 300, "forged");
    server_send(q, w);
    plain(q, w);
}

static void forged_query(struct query *q, struct wire *w)
{
    wire_begin(w, q->id, WIRE_RD, q->name, q->type);
    wire_text(w, NULL, 300, "forged");
    server_send(q, w);
    plain(q, w);
}

static void forged_source(struct query *q, struct wire *w)
{
    struct query other = *q;
    other.fd = socket(AF_INET, SOCK_DGRAM, 0);
    server_begin(q, w, 0);
    wire_text(w, NULL, 300, "forged");
    server_send(&other, w);
    close(other.fd);
    plain(q, w);
}

static void garbage(struct query *q, struct wire *w)
{
    server_begin(q, w, 0);
    wire_text(w, NULL, 300, "cut off here");
    w->n -= 3;
    server_send(q, w);
}

static void with_rcode(struct query *q, struct wire *w, unsigned rcode)
{
    server_begin(q, w, rcode);
    if (rcode == 3)
        wire_soa(w, 300, 300);
    server_send(q, w);
}

static void servfail(struct query *q, struct wire *w)
{
    with_rcode(q, w, 2);
}

static void nxdomain(struct query *q, struct wire *w)
{
    with_rcode(q, w, 3);
}

static void notimp(struct query *q, struct wire *w)
{
    with_rcode(q, w, 4);
}

static void refused(struct query *q, struct wire *w)
{
    with_rcode(q, w, 5);
}

static void formerr(struct query *q, struct wire *w)
{
    with_rcode(q, w, 1);
}

static void no_edns(struct query *q, struct wire *w)
{
    if (q->edns)
        formerr(q, w);
    else
        plain(q, w);
}

static void lame(struct query *q, struct wire *w)
{
    wire_begin(w, q->id, WIRE_QR | WIRE_RD, q->name, q->type);
    server_send(q, w);
}

static void authentic(struct query *q, struct wire *w)
{
    server_begin(q, w, WIRE_AD);
    wire_text(w, NULL, 300, "signed");
    server_send(q, w);
}

/* N08: 255 strings of 255 bytes. */
static void big(struct query *q, struct wire *w)
{
    char part[256] = { (char)255 };
    memset(part + 1, 'x', 255);
    if (!q->tcp) {
        cut(q, w);
        return;
    }
    server_begin(q, w, 0);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_TXT, 300);
    for (int i = 0; i < 255; i++)
        wire_bytes(w, part, sizeof(part));
    wire_end(w, data);
    server_send(q, w);
}

static const struct line script[] = {
    { "plain", plain },
    { "cut", cut },
    { "cut-silent", cut_then_silent },
    { "cut-dripping", cut_then_dripping },
    { "cut-closed", cut_then_closed },
    { "cut-cut", cut_over_tcp_too },
    { "cut-wrong", wrong_over_tcp },
    { "cut-empty", empty_over_tcp },
    { "forged-id", forged_id },
    { "forged-question", forged_question },
    { "forged-query", forged_query },
    { "forged-source", forged_source },
    { "garbage", garbage },
    { "servfail", servfail },
    { "nxdomain", nxdomain },
    { "notimp", notimp },
    { "refused", refused },
    { "formerr", formerr },
    { "no-edns", no_edns },
    { "lame", lame },
    { "authentic", authentic },
    { "big", big },
    { "hold", server_hold },
    { NULL, NULL },
};

static struct dns *stub_to(const struct server *const *servers, size_t n, int64_t down_ms)
{
    const struct dns_stub_params params = { .try_ms = TRY_MS, .down_ms = down_ms, .follow_ms = 1000, .port = 53 };
    struct arena *a = arena_new();
    struct str text[4];
    const char *error = NULL;
    for (size_t i = 0; i < n; i++)
        text[i] = str_printf(a, "127.0.0.1:%u", server_port(servers[i]));
    struct dns *d = dns_stub_new_with(text, n, false, &params, &error);
    if (d == NULL)
        fail_msg("no stub: %s", error);
    arena_free(a);
    return d;
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

struct try_row {
    const char *name; /* first label */
    enum dns_status status;
    const char *rr, *reason;
    unsigned udp, tcp; /* queries the server saw; 0 in udp: any number */
};

/* clang-format off */
static const struct try_row try_rows[] = {
    { "plain", DNS_OK, "over UDP", NULL, 1, 0 },
    { "cut", DNS_OK, "over TCP", NULL, 1, 1 },                               /* N01 */
    { "cut-closed", DNS_TEMPFAIL, NULL, "connection closed", 1, 1 },         /* N02 */
    { "cut-cut", DNS_TEMPFAIL, NULL, "malformed reply", 1, 1 },
    { "cut-wrong", DNS_TEMPFAIL, NULL, "malformed reply", 1, 1 },
    { "cut-empty", DNS_TEMPFAIL, NULL, "malformed reply", 1, 1 },
    { "forged-id", DNS_OK, "over UDP", NULL, 1, 0 },                         /* N04 */
    { "forged-question", DNS_OK, "over UDP", NULL, 1, 0 },
    { "forged-query", DNS_OK, "over UDP", NULL, 1, 0 },
    { "forged-source", DNS_OK, "over UDP", NULL, 1, 0 },
    { "garbage", DNS_TEMPFAIL, NULL, "malformed reply", 1, 0 },              /* N07 */
    { "servfail", DNS_TEMPFAIL, NULL, "SERVFAIL", 1, 0 },                    /* N11, N17 */
    { "nxdomain", DNS_NXDOMAIN, NULL, NULL, 1, 0 },
    { "notimp", DNS_TEMPFAIL, NULL, "NOTIMP", 1, 0 },
    { "refused", DNS_TEMPFAIL, NULL, "REFUSED", 1, 0 },
    { "formerr", DNS_TEMPFAIL, NULL, "FORMERR", 2, 0 },
    { "no-edns", DNS_OK, "over UDP", NULL, 2, 0 },
    { "lame", DNS_TEMPFAIL, NULL, "lame server", 1, 0 },
};
/* clang-format on */

static void check(const char *name, const struct dns_answer *answer, enum dns_status status, const char *rr, const char *reason)
{
    ROW_INT(name, answer->status, status);
    ROW_STR(name, str_of(answer->reason), str_of(reason));
    ROW_INT(name, answer->n, rr != NULL);
    if (rr != NULL)
        ROW_STR(name, answer->rr[0], str_of(rr));
}

static void replies_are_taken_or_refused(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    (void)state;
    for (size_t i = 0; i < ROWS(try_rows); i++) {
        const struct try_row *r = &try_rows[i];
        struct arena *a = arena_new();
        struct dns_answer answer;
        atomic_store(&s->udp_seen, 0);
        atomic_store(&s->tcp_seen, 0);
        dns_ask(d, str_printf(a, "%s.Example", r->name), DNS_TXT, clock_ms() + 4000, a, &answer);
        check(r->name, &answer, r->status, r->rr, r->reason);
        ROW_INT(r->name, atomic_load(&s->tcp_seen), r->tcp);
        ROW_INT(r->name, atomic_load(&s->udp_seen), r->udp);
        arena_free(a);
    }
    dns_free(d);
    server_free(s);
}

/* N08 */
static void a_reply_of_64_kb_comes_over_tcp(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    dns_ask(d, STR("big.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    assert_int_equal(answer.status, DNS_OK);
    assert_int_equal(answer.rr[0].n, 255 * 255);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

/* N02, N03: whatever the server does not do, the lookup ends at its deadline and closes what it opened. */
static void silence_ends_at_the_deadline(void **state)
{
    static const char *const names[] = { "cut-silent.example", "cut-dripping.example", "silent.example" };
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        struct arena *a = arena_new();
        struct dns_answer answer;
        int64_t deadline = clock_ms() + 4 * TRY_MS;
        dns_ask(d, str_of(names[i]), DNS_TXT, deadline, a, &answer);
        check(names[i], &answer, DNS_TEMPFAIL, NULL, "time-out");
        assert_in_range(clock_ms(), deadline, deadline + 2000);
        arena_free(a);
    }
    assert_in_range(atomic_load(&s->udp_seen), 6, 9); /* TRY_MS and twice that fit in four of it */
    dns_free(d);
    server_free(s);
}

/* N02 */
static void refused_tcp_is_a_failure_at_once(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, false);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    int64_t deadline = clock_ms() + 4000;
    dns_ask(d, STR("cut.example"), DNS_TXT, deadline, a, &answer);
    check("no TCP", &answer, DNS_TEMPFAIL, NULL, "nameserver cannot be reached");
    assert_true(clock_ms() < deadline);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void wait_for_held(struct server *s, unsigned n)
{
    for (int i = 0; i < 5000 && atomic_load(&s->held) < n; i++)
        poll(NULL, 0, 1);
    assert_true(atomic_load(&s->held) >= n);
}

/* N03: late replies find nobody, and no try resembles another. */
static void late_replies_are_nobodys(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    dns_ask(d, STR("hold.example"), DNS_TXT, clock_ms() + 4 * TRY_MS, a, &answer);
    check("first", &answer, DNS_TEMPFAIL, NULL, "time-out");
    wait_for_held(s, 2);
    assert_int_not_equal(s->hold[0].from.sin_port, s->hold[1].from.sin_port);
    assert_memory_not_equal(s->hold[0].p, s->hold[1].p, 2);
    server_release(s);
    dns_ask(d, STR("plain.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    check("second", &answer, DNS_OK, "over UDP", NULL);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void a_retry_gets_the_answer_of_a_slow_server(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    struct dns_query *q = dns_start(d, STR("hold.example"), DNS_TXT, clock_ms() + 4000);
    wait_for_held(s, 2);
    server_release(s);
    dns_wait(q, a, &answer);
    check("slow", &answer, DNS_OK, "late", NULL);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void the_next_server_is_asked_when_one_cannot_help(void **state)
{
    static const struct line bad[] = { { "plain", servfail }, { "cut", refused },          { "forged-id", lame },
                                       { "big", notimp },     { "forged-query", garbage }, { NULL, NULL } };
    static const char *const names[] = { "plain.example", "cut.example", "forged-id.example", "big.example",
                                         "forged-query.example" };
    struct server *first = server_new("127.0.0.1", 0, bad, true), *second = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ first, second }, 2, 1000);
    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        struct arena *a = arena_new();
        struct dns_answer answer;
        dns_ask(d, str_of(names[i]), DNS_TXT, clock_ms() + 4000, a, &answer);
        ROW_INT(names[i], answer.status, DNS_OK);
        arena_free(a);
    }
    assert_int_equal(atomic_load(&first->udp_seen), ROWS(names));
    dns_free(d);
    server_free(first);
    server_free(second);
}

/* N16 */
static void a_dead_first_server_is_paid_for_once_and_comes_back(void **state)
{
    struct server *dead = server_new("127.0.0.1", 0, script, true), *alive = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ dead, alive }, 2, 1000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    atomic_store(&dead->silent, true);
    int64_t start = clock_ms();
    for (int i = 0; i < 5; i++) {
        dns_ask(d, STR("plain.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
        check("one dead", &answer, DNS_OK, "over UDP", NULL);
        if (i == 0)
            assert_true(clock_ms() >= start + TRY_MS);
    }
    assert_int_equal(atomic_load(&dead->udp_seen), 1);
    atomic_store(&dead->silent, false);
    for (int i = 0; i < 5000 && atomic_load(&dead->udp_seen) < 3; i++) {
        dns_ask(d, STR("plain.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
        poll(NULL, 0, 1);
    }
    assert_true(atomic_load(&dead->udp_seen) >= 3);
    arena_free(a);
    dns_free(d);
    server_free(dead);
    server_free(alive);
}

/* N14, N15: also when nobody listens at all. */
static void a_resolver_that_comes_back_is_used_again(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 10);
    struct arena *a = arena_new();
    struct dns_answer answer;
    unsigned port = server_port(s);
    (void)state;
    server_free(s);
    for (int i = 0; i < 3; i++) {
        int64_t deadline = clock_ms() + 4000;
        dns_ask(d, STR("plain.example"), DNS_TXT, deadline, a, &answer);
        check("down", &answer, DNS_TEMPFAIL, NULL, "nameserver cannot be reached");
        assert_true(clock_ms() < deadline);
    }
    s = server_new("127.0.0.1", port, script, true);
    dns_ask(d, STR("plain.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    check("up", &answer, DNS_OK, "over UDP", NULL);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

static void ad_is_believed_from_loopback(void **state)
{
    struct server *s = server_new("127.0.0.1", 0, script, true);
    struct dns *d = stub_to((const struct server *const[]){ s }, 1, 1000);
    struct arena *a = arena_new();
    struct dns_answer answer;
    (void)state;
    dns_ask(d, STR("authentic.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    assert_true(answer.authentic);
    dns_ask(d, STR("plain.example"), DNS_TXT, clock_ms() + 4000, a, &answer);
    assert_false(answer.authentic);
    arena_free(a);
    dns_free(d);
    server_free(s);
}

/* OpenDKIM 149/381 leaked sockets: all descriptors are back after everything above has been done once more. */
static void no_descriptor_stays_open(void **state)
{
    size_t before = open_descriptors();
    replies_are_taken_or_refused(state);
    silence_ends_at_the_deadline(state);
    a_dead_first_server_is_paid_for_once_and_comes_back(state);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_taken_or_refused),
        cmocka_unit_test(a_reply_of_64_kb_comes_over_tcp),
        cmocka_unit_test(silence_ends_at_the_deadline),
        cmocka_unit_test(refused_tcp_is_a_failure_at_once),
        cmocka_unit_test(late_replies_are_nobodys),
        cmocka_unit_test(a_retry_gets_the_answer_of_a_slow_server),
        cmocka_unit_test(the_next_server_is_asked_when_one_cannot_help),
        cmocka_unit_test(a_dead_first_server_is_paid_for_once_and_comes_back),
        cmocka_unit_test(a_resolver_that_comes_back_is_used_again),
        cmocka_unit_test(ad_is_believed_from_loopback),
        cmocka_unit_test(no_descriptor_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
