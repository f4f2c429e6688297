/* zone.h - what the tests of spf share: a zone from JSON text, and one evaluation against it with its questions counted. */
#ifndef TESTS_ZONE_H
#define TESTS_ZONE_H

#include "tests/support/support.h"

#include "mailseal/address.h"
#include "mailseal/buf.h"
#include "mailseal/clock.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"
#include "mailseal/spf.h"

/* JSON in which a single quote stands for a double one. The caller frees the zone before the arena. */
static inline struct dns *zone_new(struct arena *a, const char *text)
{
    const char *error = NULL;
    size_t n = strlen(text);
    char *p = arena_copy(a, text, n);
    for (size_t i = 0; i < n; i++)
        if (p[i] == '\'')
            p[i] = '"';
    const struct json *j = js_read(a, (struct str){ p, n }, &error);
    if (j == NULL)
        fail_msg("zone: %s", error);
    struct dns *d = dns_snapshot_of_json(j, &error);
    if (d == NULL)
        fail_msg("zone: %s", error);
    return d;
}

struct question {
    const char *ip, *helo, *mail_from; /* mail_from of NULL: the HELO identity */
    unsigned max_queries;              /* of the meter; 0: what a message may ask */
};

/* How many questions it took. */
static inline unsigned zone_check(struct arena *a, struct dns *zone, const struct question *q, struct spf_result *out)
{
    int64_t deadline = clock_ms() + LIMIT_DNS_MESSAGE_MS;
    struct dns *meter = dns_meter_new(zone, q->max_queries > 0 ? q->max_queries : LIMIT_DNS_QUERIES, deadline);
    struct spf_input in = { .helo = str_of(q->helo),
                            .identity = q->mail_from != NULL ? SPF_MAILFROM : SPF_HELO,
                            .local = STR_NONE,
                            .domain = STR_NONE,
                            .receiver = STR("mx.here.example"),
                            .now = 1234567890 };
    if (q->ip != NULL && !ip_parse(str_of(q->ip), &in.client))
        fail_msg("'%s' is no address", q->ip);
    if (q->mail_from != NULL && !path_parse(a, str_of(q->mail_from), &in.local, &in.domain))
        assert_int_equal(in.domain.n, 0);
    spf_check(meter, &in, deadline, a, out);
    unsigned count = dns_meter_count(meter);
    dns_free(meter);
    return count;
}

/* A zone of one record at t.example, and what it may refer to. */
static inline unsigned zone_check_record(struct arena *a, struct str record, const char *more, const char *ip, struct spf_result *r)
{
    struct buf b;
    buf_init(&b, a, 65536);
    buf_puts(&b, "{'t.example': {'A': ['203.0.113.1'], 'TXT': ['v=spf1");
    buf_str(&b, record);
    buf_puts(&b, "']}");
    buf_puts(&b, more);
    buf_puts(&b, "}");
    struct dns *zone = zone_new(a, b.p);
    struct question q = { ip, "h.example", "<a@t.example>", 0 };
    unsigned queries = zone_check(a, zone, &q, r);
    dns_free(zone);
    return queries;
}

#endif
