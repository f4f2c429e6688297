/* fuzz_dkim_verify.c - a whole message; the DNS has the same keys at every name. However the body is cut, the verdict is the
 * same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str records[] = {
    STR("v=DKIM1; k=ed25519; p=UIAZ0Dhv7murEalEeypnyo/A+7XHMlDDyRyS/rFn1J4="),
    STR("v=DKIM1; t=y; "
        "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9hk+m9UOkVRc5OTUzhVq5WKaRQ9HnDDSfa/"
        "t2V2T5YftydFKqunUaFGinoXlINqICbp3MH5pbJ3jLvnm4HhpwXqbIQeMI/isTVvlRqgBbIx1/EjhuaQ64cZe+u+pi2OBc8VDBa/"
        "cn5uewynkv3d6NsnoqJgueDo+k6oMYWFn46QIDAQAB"),
};

static struct dns_query *any_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline);

static void any_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    (void)q;
    (void)a;
    *out = (struct dns_answer){ .status = DNS_OK, .n = sizeof(records) / sizeof(records[0]), .rr = records };
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

static size_t verify(struct arena *a, struct str message, size_t piece, struct dkim_result **r)
{
    struct dns any = { &any_ops };
    struct headers h;
    struct str body;
    headers_init(&h, a);
    (void)!headers_read(&h, message, &body);
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_verify *v =
        dkim_verify_start(a, &h, b, &dkim_params_default, &any, 1700000000, clock_ms() + 1000, STR("example.com"));
    for (; body.n > 0; body = str_skip(body, piece))
        dkim_body_update(b, body.p, str_first(body, piece).n);
    dkim_body_finish(b);
    return dkim_verify_finish(v, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str message = { (const char *)data, size };
    struct dkim_result *whole, *cut;
    size_t n = verify(a, message, size + 1, &whole);
    if (verify(a, message, 1 + size % 7, &cut) != n || n > LIMIT_DKIM_SIGNATURES + 1)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (whole[i].code != cut[i].code || whole[i].limited != cut[i].limited)
            abort();
        if (whole[i].code != AUTH_PASS && whole[i].reason == NULL)
            abort();
    }
    arena_free(a);
    return 0;
}
