/*
 * dkim_support.h - for the tests of the dkim room: keys, a DNS of a few names that remembers what it was asked, and whole
 * messages signed and verified in one call.
 */
#ifndef TESTS_DKIM_SUPPORT_H
#define TESTS_DKIM_SUPPORT_H

#include "tests/support/support.h"

#include "mailseal/buf.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/dkim.h"

#define NOW 1700000000

static struct privkey *keys[2]; /* by enum key_type */

static int make_keys(void **state)
{
    (void)state;
    keys[KEY_RSA] = privkey_generate(KEY_RSA, 2048);
    keys[KEY_ED25519] = privkey_generate(KEY_ED25519, 0);
    return keys[KEY_RSA] == NULL || keys[KEY_ED25519] == NULL;
}

static int free_keys(void **state)
{
    (void)state;
    privkey_free(keys[KEY_RSA]);
    privkey_free(keys[KEY_ED25519]);
    return 0;
}

/* ---- a DNS ---- */
#define ZONE_MAX 64

struct zone_row {
    struct str name;
    enum dns_status status;
    struct str rr[4];
    size_t n;
};

struct zone {
    struct dns dns;
    struct zone_row row[ZONE_MAX];
    size_t n, asked, open; /* rows, questions so far, questions neither waited for nor dropped */
    struct str last;       /* the name asked for last */
    struct arena *arena;
};

struct zone_query {
    struct dns_query query;
    struct zone *zone;
    const struct zone_row *row;
};

static struct dns_query *zone_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline);

static void zone_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct zone_query *z = (struct zone_query *)q;
    *out = (struct dns_answer){ .status = DNS_NXDOMAIN };
    if (z->row != NULL) {
        out->status = z->row->status;
        out->reason = out->status == DNS_TEMPFAIL ? "time-out" : NULL;
        out->n = z->row->n;
        out->rr = arena_copy(a, z->row->rr, sizeof(z->row->rr));
    }
    z->zone->open--;
    free(z);
}

static void zone_drop(struct dns_query *q)
{
    struct zone_query *z = (struct zone_query *)q;
    z->zone->open--;
    free(z);
}

static const struct dns_ops zone_ops = { .start = zone_start, .wait = zone_wait, .drop = zone_drop };

static struct dns_query *zone_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct zone *z = (struct zone *)self;
    struct zone_query *q = calloc(1, sizeof(*q));
    (void)deadline;
    assert_int_equal(type, DNS_TXT);
    *q = (struct zone_query){ .query = { &zone_ops }, .zone = z };
    for (size_t i = 0; i < z->n; i++)
        if (str_ieq(z->row[i].name, name))
            q->row = &z->row[i];
    z->asked++;
    z->open++;
    z->last = str_dup(z->arena, name);
    return &q->query;
}

static inline struct zone *zone_new(struct arena *a)
{
    struct zone *z = ARENA_NEW(a, struct zone);
    z->dns.ops = &zone_ops;
    z->arena = a;
    return z;
}

/* A further record at a name. */
static inline void zone_add(struct zone *z, const char *name, struct str text)
{
    struct zone_row *r = NULL;
    for (size_t i = 0; i < z->n; i++)
        if (str_ieq(z->row[i].name, str_of(name)))
            r = &z->row[i];
    if (r == NULL)
        r = &z->row[z->n++];
    r->name = str_of(name);
    r->status = DNS_OK;
    r->rr[r->n++] = text;
}

static inline void zone_fail(struct zone *z, const char *name, enum dns_status status)
{
    z->row[z->n++] = (struct zone_row){ .name = str_of(name), .status = status };
}

/* ---- messages ---- */
/* Signs a message and puts the field on top. Fails the test when that cannot be done. */
static inline struct str sign_message(struct arena *a, struct str message, const struct dkim_sign_params *p)
{
    struct headers h;
    struct str body, value;
    const char *reason = NULL;
    headers_init(&h, a);
    assert_true(headers_read(&h, message, &body));
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_sign *s = dkim_sign_start(a, &h, b, p, &reason);
    if (s == NULL)
        fail_msg("not signed: %s", reason);
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    assert_true(dkim_sign_finish(s, &value, &reason));
    struct buf out;
    buf_init(&out, a, value.n + message.n + 32);
    buf_puts(&out, "DKIM-Signature:");
    buf_str(&out, value);
    buf_puts(&out, "\r\n");
    buf_str(&out, message);
    return buf_view(&out);
}

struct verify_params {
    struct dkim_params dkim;
    int64_t now;
    const char *author_domain;
    size_t piece; /* the body goes by in pieces of this many bytes; 0: whole */
    bool overflow;
};

static inline struct verify_params verify_params_default(void)
{
    return (struct verify_params){ .dkim = dkim_params_default, .now = NOW, .author_domain = "example.com" };
}

static inline size_t verify_message(struct arena *a, struct str message, struct zone *z, const struct verify_params *p,
                                    struct dkim_result **results)
{
    struct headers h;
    struct str body;
    headers_init(&h, a);
    (void)!headers_read(&h, message, &body);
    h.overflow = h.overflow || p->overflow;
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_verify *v = dkim_verify_start(a, &h, b, &p->dkim, &z->dns, p->now, clock_ms() + 5000, str_of(p->author_domain));
    size_t piece = p->piece > 0 ? p->piece : body.n + 1;
    for (; body.n > 0 && !dkim_body_done(b); body = str_skip(body, piece))
        dkim_body_update(b, body.p, str_first(body, piece).n);
    dkim_body_finish(b);
    size_t n = dkim_verify_finish(v, results);
    assert_int_equal(z->open, 0);
    return n;
}

/* "pass", or "fail: reason"; several joined by ", ". */
static inline struct str results_text(struct arena *a, const struct dkim_result *r, size_t n)
{
    struct buf b;
    buf_init(&b, a, 8192);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s%s%s", i > 0 ? ", " : "", auth_code_name(r[i].code), r[i].reason != NULL ? ": " : "",
                   r[i].reason != NULL ? r[i].reason : "");
    return buf_view(&b);
}

/* The text with the first `from` replaced by `to`; fails when it is not there. */
static inline struct str replaced(struct arena *a, struct str text, const char *from, const char *to)
{
    const char *at = memmem(text.p, text.n, from, strlen(from));
    struct buf b;
    if (at == NULL)
        fail_msg("'%s' is not there to be replaced", from);
    buf_init(&b, a, text.n + strlen(to));
    buf_add(&b, text.p, (size_t)(at - text.p));
    buf_puts(&b, to);
    buf_str(&b, str_skip(text, (size_t)(at - text.p) + strlen(from)));
    return buf_view(&b);
}

#endif
