/*
 * arc_support.h - for the tests of the arc room: sets made to any recipe, also such as no sealer would make, and whole messages
 * validated in one call.
 */
#ifndef TESTS_ARC_SUPPORT_H
#define TESTS_ARC_SUPPORT_H

#include "tests/dkim/dkim_support.h"

#include "mailseal/base64.h"

#include "milter/arc/arc_int.h"

#define FIELDS  "From: Joe <joe@example.com>\r\nTo: list@example.net\r\nSubject: hello  there\r\nDate: today\r\n"
#define BODY    "Hello  world \t\r\n second\tline \r\n\r\n"
#define MESSAGE FIELDS "\r\n" BODY

struct recipe {
    unsigned instance;
    const char *cv;
    const char *domain;     /* NULL: example.com */
    const char *ams_domain; /* of the message signature alone */
    const char *position;   /* of i=, when it is not the instance */
    const char *authres;    /* NULL: "mx.example.com; none" */
    const char *fields;     /* h=; NULL: from:subject */
    const char *ams, *as;   /* further tags, each with its ";" */
    const char *algorithm;  /* NULL: that of the key */
    uint64_t length;        /* l=, when not 0 */
    enum key_type type;
    bool omit[ARC_KINDS];
};

static inline struct str text_or(const char *text, const char *otherwise)
{
    return str_of(text != NULL ? text : otherwise);
}

static inline struct str signed_field(struct arena *a, const struct recipe *r, struct str text, const uint8_t *digest)
{
    struct str signature;
    struct buf b;
    assert_true(privkey_sign(a, keys[r->type], digest, &signature));
    buf_init(&b, a, 65536);
    buf_str(&b, text);
    buf_str(&b, base64_encode(a, signature.p, signature.n));
    return buf_view(&b);
}

static inline struct str key_tags(struct arena *a, const struct recipe *r, const char *d)
{
    struct str position = r->position != NULL ? str_of(r->position) : str_printf(a, "%u", r->instance);
    struct str algorithm = text_or(r->algorithm, r->type == KEY_RSA ? "rsa-sha256" : "ed25519-sha256");
    struct str domain = text_or(d, "example.com");
    return str_printf(a, " i=%.*s; a=%.*s; d=%.*s; s=arc;", STR_FMT(position), STR_FMT(algorithm), STR_FMT(domain));
}

static inline struct str make_ams(struct arena *a, const struct headers *h, struct str body, const struct recipe *r)
{
    uint8_t digest[SHA256_SIZE];
    uint64_t canonical;
    struct str names[16], fields = text_or(r->fields, "from:subject"), rest = fields,
                          tags = key_tags(a, r, r->ams_domain != NULL ? r->ams_domain : r->domain);
    size_t n = 0;
    struct dkim_body *b = dkim_body_new(a);
    int number = dkim_body_want(b, DKIM_CANON_RELAXED, r->length != 0 ? r->length : DKIM_LENGTH_ALL);
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    dkim_body_digest(b, number, digest, &canonical);
    struct str bh = base64_encode(a, digest, SHA256_SIZE);
    while (fields.n > 0 && n < ROWS(names) && dkim_list_next(&rest, &names[n]))
        n++;
    struct str length = r->length != 0 ? str_printf(a, " l=%llu;", (unsigned long long)r->length) : STR_NONE;
    struct str text = str_printf(a, ARC_AMS_NAME ":%.*s c=relaxed/relaxed;%s%.*s h=%.*s; bh=%.*s; b=", STR_FMT(tags),
                                 r->ams != NULL ? r->ams : "", STR_FMT(length), STR_FMT(fields), STR_FMT(bh));
    field_index_digest(field_index_new(a, h), names, n, DKIM_CANON_RELAXED, NULL, text, digest);
    return signed_field(a, r, text, digest);
}

/* Covers the sets below it as far as they are there. */
static inline struct str make_as(struct arena *a, const struct headers *h, const struct recipe *r, struct str aar, struct str ams)
{
    uint8_t digest[SHA256_SIZE];
    struct str covered[(LIMIT_ARC_SETS + 1) * ARC_KINDS], tags = key_tags(a, r, r->domain);
    size_t n = 0;
    struct arc_chain *c = ARENA_NEW(a, struct arc_chain);
    arc_chain_read(a, h, c);
    for (unsigned i = 1; i < r->instance && i <= LIMIT_ARC_SETS; i++)
        for (int kind = 0; kind < ARC_KINDS; kind++)
            if (c->set[i].field[kind] != NULL)
                covered[n++] = arc_canonical(a, c->set[i].field[kind]->raw);
    struct str text = str_printf(a, ARC_AS_NAME ":%.*s cv=%s;%s b=", STR_FMT(tags), r->cv, r->as != NULL ? r->as : "");
    covered[n++] = arc_canonical(a, aar);
    covered[n++] = arc_canonical(a, ams);
    arc_seal_digest(a, covered, n, text, digest);
    return signed_field(a, r, text, digest);
}

/* The message with a set on top. */
static inline struct str with_set(struct arena *a, struct str message, const struct recipe *r)
{
    struct headers h;
    struct str body, field[ARC_KINDS];
    struct buf b;
    headers_init(&h, a);
    assert_true(headers_read(&h, message, &body));
    struct str position = r->position != NULL ? str_of(r->position) : str_printf(a, "%u", r->instance);
    field[ARC_AAR] =
        str_printf(a, ARC_AAR_NAME ": i=%.*s; %.*s", STR_FMT(position), STR_FMT(text_or(r->authres, "mx.example.com; none")));
    field[ARC_AMS] = make_ams(a, &h, body, r);
    field[ARC_AS] = make_as(a, &h, r, field[ARC_AAR], field[ARC_AMS]);
    buf_init(&b, a, message.n + 8192);
    for (int kind = ARC_AS; kind >= ARC_AAR; kind--) {
        if (r->omit[kind])
            continue;
        buf_str(&b, field[kind]);
        buf_puts(&b, "\r\n");
    }
    buf_str(&b, message);
    return buf_view(&b);
}

/* A chain of n good sets. */
static inline struct str with_chain(struct arena *a, struct str message, unsigned n)
{
    for (unsigned i = 1; i <= n; i++)
        message = with_set(a, message, &(struct recipe){ .instance = i, .cv = i == 1 ? "none" : "pass", .type = KEY_ED25519 });
    return message;
}

static inline struct zone *zone_with_keys(struct arena *a)
{
    struct zone *z = zone_new(a);
    zone_add(z, "arc._domainkey.example.com", dkim_key_record(a, keys[KEY_ED25519]));
    zone_add(z, "arc._domainkey.rsa.example.com", dkim_key_record(a, keys[KEY_RSA]));
    return z;
}

static inline void validate_with(struct arena *a, struct str message, struct zone *z, const struct dkim_params *p, int64_t now,
                                 struct arc_result *out)
{
    struct headers h;
    struct str body;
    headers_init(&h, a);
    headers_read(&h, message, &body);
    struct dkim_body *b = dkim_body_new(a);
    struct arc_verify *v = arc_verify_start(a, &h, b, p, &z->dns, now, clock_ms() + 5000);
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    arc_verify_finish(v, out);
    assert_int_equal(z->open, 0);
    assert_true((out->reason != NULL) == (out->code == AUTH_FAIL));
}

static inline void validate(struct arena *a, struct str message, struct zone *z, struct arc_result *out)
{
    validate_with(a, message, z, &dkim_params_default, NOW, out);
}

/* "none", "pass", or "fail: reason". */
static inline struct str result_text(struct arena *a, const struct arc_result *r)
{
    return str_printf(a, "%s%s%s", auth_code_name(r->code), r->reason != NULL ? ": " : "", r->reason != NULL ? r->reason : "");
}

static inline struct str status(struct arena *a, struct str message, struct zone *z)
{
    struct arc_result r;
    validate(a, message, z, &r);
    return result_text(a, &r);
}

#endif
