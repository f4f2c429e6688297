/* fuzz_arc.c - a whole message with ARC fields; the DNS has one key at every name. A set of ours put on top of it passes exactly
 * when the chain was not broken. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arc.h"
#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str record = STR("v=DKIM1; k=ed25519; p=UIAZ0Dhv7murEalEeypnyo/A+7XHMlDDyRyS/rFn1J4=");
static const char private_key[] = "bmcHJ0/BI3DpyCIpaIeceTxd6hAOVvEIY9fpCciBS+k=\n";

static struct dns_query *any_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline);

static void any_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    (void)q;
    (void)a;
    *out = (struct dns_answer){ .status = DNS_OK, .n = 1, .rr = &record };
}

static void any_drop(struct dns_query *q)
{
    (void)q;
}

static const struct dns_ops any_ops = { .start = any_start, .wait = any_wait, .drop = any_drop };
static struct dns_query any_query = { &any_ops };

static struct dns_query *any_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    (void)self;
    (void)name;
    (void)type;
    (void)deadline;
    return &any_query;
}

/* Validates, and seals when a key is given; the new set is in *fields when the answer is true. */
static bool pass_through(struct arena *a, struct str message, const struct privkey *key, struct arc_result *r,
                         struct arc_fields *fields)
{
    struct dns any = { &any_ops };
    struct headers h;
    struct str body;
    const char *reason;
    const struct arc_seal_params p = { .domain = STR("example.com"),
                                       .selector = STR("s"),
                                       .key = key,
                                       .header_canon = DKIM_CANON_RELAXED,
                                       .body_canon = DKIM_CANON_RELAXED };
    headers_init(&h, a);
    headers_read(&h, message, &body);
    struct dkim_body *b = dkim_body_new(a);
    struct arc_verify *v = arc_verify_start(a, &h, b, &dkim_params_default, &any, 1700000000, clock_ms() + 1000);
    struct arc_seal *s = key != NULL ? arc_seal_start(a, b, &p, &reason) : NULL;
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    arc_verify_finish(v, r);
    struct str payload = arc_authres_merge(a, &h, STR("mx.example.com"), r, r->remote_ip);
    return s != NULL && arc_seal_finish(s, &h, r, payload, fields, &reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str message = { (const char *)data, size };
    struct arc_result before, after;
    struct arc_fields f;
    struct buf b;
    const char *reason;
    struct privkey *key = privkey_parse(str_of(private_key), &reason);
    bool sealed = pass_through(a, message, key, &before, &f);
    if ((before.code == AUTH_FAIL) != (before.reason != NULL) || (before.code == AUTH_PASS && before.n_sealers != before.instance))
        abort();
    if (before.code == AUTH_PASS && before.oldest_pass > before.instance)
        abort();
    /* An mbox line is one only at the very top. */
    if (sealed && !str_istarts(message, STR("From "))) {
        buf_init(&b, a, size + (size_t)4 * LIMIT_DKIM_FIELD + LIMIT_HEADER_FIELD);
        buf_printf(&b, "ARC-Seal:%.*s\r\nARC-Message-Signature:%.*s\r\n", STR_FMT(f.seal), STR_FMT(f.signature));
        buf_printf(&b, "ARC-Authentication-Results:%.*s\r\n", STR_FMT(f.authres));
        buf_str(&b, message);
        pass_through(a, buf_view(&b), NULL, &after, &f);
        if (b.full || (after.code == AUTH_PASS) != (before.code != AUTH_FAIL) || after.instance != before.instance + 1)
            abort();
    }
    privkey_free(key);
    arena_free(a);
    return 0;
}
