/* arc_seal_test.c - sets made: they verify, they say what was found, and none is made where none may be. */
#include "tests/arc/arc_support.h"

#define PAYLOAD "mx.example.com; spf=pass smtp.mailfrom=example.com;\n\tarc=none smtp.remote-ip=192.0.2.1"

static struct arc_seal_params seal_params(enum key_type type)
{
    return (struct arc_seal_params){ .domain = type == KEY_RSA ? STR("rsa.example.com") : STR("example.com"),
                                     .selector = STR("arc"),
                                     .key = keys[type],
                                     .header_canon = DKIM_CANON_RELAXED,
                                     .body_canon = DKIM_CANON_RELAXED,
                                     .timestamp = NOW };
}

struct sealed {
    struct str message; /* with the set on top, or as it came */
    struct arc_fields fields;
    const char *reason; /* why not; NULL when it was */
    struct arc_result arrival;
};

/* A hop: validates, seals. `edit`, when not NULL, is a field put on the message after it was validated. */
static void hop(struct arena *a, struct str message, struct zone *z, const struct arc_seal_params *p, const char *payload,
                const char *edit, struct sealed *out)
{
    struct headers h, leaving;
    struct str body;
    struct buf b;
    headers_init(&h, a);
    headers_read(&h, message, &body);
    *out = (struct sealed){ .message = message };
    struct dkim_body *hashes = dkim_body_new(a);
    struct arc_verify *v = arc_verify_start(a, &h, hashes, &dkim_params_default, &z->dns, NOW, clock_ms() + 5000);
    struct arc_seal *s = arc_seal_start(a, hashes, p, &out->reason);
    dkim_body_update(hashes, body.p, body.n);
    dkim_body_finish(hashes);
    arc_verify_finish(v, &out->arrival);
    buf_init(&b, a, message.n + 256);
    if (edit != NULL) {
        buf_puts(&b, edit);
        buf_str(&b, message);
        message = buf_view(&b);
    }
    headers_init(&leaving, a);
    headers_read(&leaving, message, &body);
    leaving.overflow = h.overflow;
    if (s == NULL || !arc_seal_finish(s, &leaving, &out->arrival, str_of(payload), &out->fields, &out->reason))
        return;
    assert_null(out->reason);
    buf_init(&b, a, message.n + 65536);
    buf_puts(&b, ARC_AS_NAME ":");
    buf_str(&b, out->fields.seal);
    buf_puts(&b, "\r\n" ARC_AMS_NAME ":");
    buf_str(&b, out->fields.signature);
    buf_puts(&b, "\r\n" ARC_AAR_NAME ":");
    buf_str(&b, out->fields.authres);
    buf_puts(&b, "\r\n");
    buf_str(&b, message);
    out->message = buf_view(&b);
}

static struct str tag_of(struct str value, const char *name)
{
    struct taglist t;
    struct str v;
    const char *reason;
    assert_true(taglist_parse(&t, value, &reason));
    taglist_get(&t, name, &v);
    return v;
}

/* AC-22, AC-24, AC-25, AC-30 */
static void what_we_seal_verifies_hop_after_hop(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 8; way++) {
        struct arena *a = arena_new();
        struct zone *z = zone_with_keys(a);
        struct arc_seal_params p = seal_params(way & 1 ? KEY_RSA : KEY_ED25519);
        struct sealed s = { .message = STR(MESSAGE) };
        p.header_canon = way & 2 ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
        p.body_canon = way & 4 ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
        for (unsigned i = 1; i <= 4; i++) {
            hop(a, s.message, z, &p, PAYLOAD, i == 3 ? "Received: by us\r\n" : NULL, &s);
            ROW_STR("sealed", str_of(s.reason), STR_NONE);
            ROW_STR("i=", tag_of(s.fields.seal, "i"), str_printf(a, "%u", i));
            ROW_STR("cv=", tag_of(s.fields.seal, "cv"), i == 1 ? STR("none") : STR("pass"));
            ROW_STR("arrival", status(a, s.message, z), STR("pass"));
        }
        arena_free(a);
    }
}

/* AC-24: the fields that are there, DKIM-Signature among them, From once more, nothing of the trace. */
static void which_fields_are_covered(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_with_keys(a);
    struct arc_seal_params p = seal_params(KEY_ED25519);
    struct sealed s;
    hop(a, STR("Authentication-Results: x; none\r\nReceived: y\r\nDKIM-Signature: a\r\nDKIM-Signature: b\r\n" MESSAGE), z, &p,
        PAYLOAD, "DKIM-Signature: ours\r\n", &s);
    ROW_STR("h=", dkim_squeeze(a, tag_of(s.fields.signature, "h")),
            STR("From:Subject:Date:To:DKIM-Signature:DKIM-Signature:DKIM-Signature:From"));
    ROW_STR("c=", tag_of(s.fields.signature, "c"), STR("relaxed/relaxed"));
    ROW_STR("t=", tag_of(s.fields.signature, "t"), str_printf(a, "%d", NOW));
    ROW_STR("a=", tag_of(s.fields.seal, "a"), STR("ed25519-sha256"));
    ROW_STR("no v=", tag_of(s.fields.signature, "v"), STR_NONE);
    ROW_STR("no l=", tag_of(s.fields.signature, "l"), STR_NONE);
    ROW_STR("no h= in the seal", tag_of(s.fields.seal, "h"), STR_NONE);
    ROW_STR("authres", s.fields.authres,
            STR(" i=1; mx.example.com; spf=pass smtp.mailfrom=example.com;\r\n\tarc=none smtp.remote-ip=192.0.2.1"));
    ROW_STR("as it left", status(a, s.message, z), STR("pass"));
    ROW_STR("second From", status(a, replaced(a, s.message, "To: list", "From: e\r\nTo: list"), z),
            STR("fail: message signature did not verify"));
    ROW_STR("signature taken out", status(a, replaced(a, s.message, "DKIM-Signature: a\r\n", ""), z),
            STR("fail: message signature did not verify"));
    ROW_STR("results taken out", status(a, replaced(a, s.message, "Authentication-Results: x; none\r\n", ""), z), STR("pass"));
    arena_free(a);
}

static void what_is_left_out_is_not_covered(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_with_keys(a);
    const struct str names[] = { STR("TO"), STR("Cc") };
    struct arc_seal_params p = seal_params(KEY_ED25519);
    struct sealed s;
    p.left_out = names;
    p.n_left_out = ROWS(names);
    hop(a, STR(MESSAGE), z, &p, PAYLOAD, NULL, &s);
    ROW_STR("h=", dkim_squeeze(a, tag_of(s.fields.signature, "h")), STR("From:Subject:Date:From"));
    ROW_STR("rewritten", status(a, replaced(a, s.message, "To: list", "To:   \"list\""), z), STR("pass"));
    arena_free(a);
}

/* AC-20, AC-21, AC-22, AC-24, DK-90 and the parameters. */
static void when_nothing_is_sealed(void **state)
{
    (void)state;
    static const struct str names[] = { STR("From"),     STR("arc-seal"), STR("authentication-results"),
                                        STR("Sub;ject"), STR("To"),       STR("") };
    static const struct {
        const char *name, *message, *payload, *domain, *selector;
        unsigned first, n_fields; /* of names */
        const char *want;
    } rows[] = {
        { "good", MESSAGE, PAYLOAD, "example.com", "arc", 0, 1, NULL },
        { "no From", "To: a\r\n\r\n", PAYLOAD, "example.com", "arc", 0, 0, "the message has no From field" },
        { "two From", "From: b\r\n" MESSAGE, PAYLOAD, "example.com", "arc", 0, 0, "the message has several From fields" },
        { "seal covered", MESSAGE, PAYLOAD, "example.com", "arc", 0, 2,
          "a field that must not be signed is among the fields to sign" },
        { "results covered", MESSAGE, PAYLOAD, "example.com", "arc", 2, 1,
          "a field that must not be signed is among the fields to sign" },
        { "no field name", MESSAGE, PAYLOAD, "example.com", "arc", 3, 1, "a field to sign is no field name" },
        { "empty field name", MESSAGE, PAYLOAD, "example.com", "arc", 5, 1, "a field to sign is no field name" },
        { "From not covered", MESSAGE, PAYLOAD, "example.com", "arc", 4, 1, "From is not among the fields to sign" },
        { "bad domain", MESSAGE, PAYLOAD, "example..com", "arc", 0, 0, "the domain to seal for is no domain name" },
        { "bad selector", MESSAGE, PAYLOAD, "example.com", "a;b", 0, 0, "the selector is not valid" },
        { "no payload", MESSAGE, "", "example.com", "arc", 0, 0, "the results to be sealed do not follow the grammar" },
        { "field in the payload", MESSAGE, "mx; spf=pass\nFrom: evil", "example.com", "arc", 0, 0,
          "the results to be sealed do not follow the grammar" },
        { "line in the payload", MESSAGE, "mx; spf=pass\n;dkim=pass", "example.com", "arc", 0, 0,
          "the results to be sealed have a line end that is no fold" },
        { "bare CR in the payload", MESSAGE, "mx; spf=pass\r ;dkim=pass", "example.com", "arc", 0, 0,
          "the results to be sealed have a line end that is no fold" },
        { "line end behind the payload", MESSAGE, "mx; spf=pass\r\n", "example.com", "arc", 0, 0,
          "the results to be sealed have a line end that is no fold" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct arc_seal_params p = seal_params(KEY_ED25519);
        struct sealed s;
        p.domain = str_of(rows[i].domain);
        p.selector = str_of(rows[i].selector);
        p.fields = rows[i].n_fields > 0 ? &names[rows[i].first] : NULL;
        p.n_fields = rows[i].n_fields;
        hop(a, str_of(rows[i].message), zone_with_keys(a), &p, rows[i].payload, NULL, &s);
        ROW_STR(rows[i].name, str_of(s.reason), str_of(rows[i].want));
        arena_free(a);
    }
}

static void no_key_no_room_no_seal(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct arc_seal_params p = seal_params(KEY_ED25519);
    const char *reason;
    struct dkim_body *b = dkim_body_new(a);
    for (uint64_t i = 0; i < LIMIT_BODY_HASHES; i++)
        dkim_body_want(b, DKIM_CANON_SIMPLE, i);
    assert_null(arc_seal_start(a, b, &p, &reason));
    ROW_STR("body", str_of(reason), STR("too many different body hashes"));
    p.key = NULL;
    assert_null(arc_seal_start(a, b, &p, &reason));
    ROW_STR("key", str_of(reason), STR("there is no key"));
    arena_free(a);
}

static void too_many_fields(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct arc_seal_params p = seal_params(KEY_ED25519);
    struct sealed s;
    struct buf b;
    buf_init(&b, a, 1 << 20);
    for (int i = 0; i < LIMIT_DKIM_H; i++)
        buf_puts(&b, "DKIM-Signature: x\r\n");
    buf_puts(&b, MESSAGE);
    hop(a, buf_view(&b), zone_with_keys(a), &p, PAYLOAD, NULL, &s);
    ROW_STR("fields", str_of(s.reason), STR("too many fields to sign"));
    buf_cut(&b, 0);
    for (int i = 0; i < LIMIT_HEADER_FIELDS; i++)
        buf_puts(&b, "X: y\r\n");
    buf_puts(&b, MESSAGE);
    hop(a, buf_view(&b), zone_with_keys(a), &p, PAYLOAD, NULL, &s);
    ROW_STR("header", str_of(s.reason), STR("header beyond the limits"));
    arena_free(a);
}

/* AC-21, AC-25, AC-26: a failed chain gets one last set, which covers nothing but itself. */
static void a_failed_chain_is_sealed_once(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *to;
        unsigned instance;
    } rows[] = { { "body", "second", "other", 4 },
                 { "seal missing", "ARC-Seal: i=2", "X: i=2", 4 },
                 { "newest missing", "ARC-Seal: i=3", "X: i=3", 4 },
                 { "junk", "ARC-Seal: i=1", "ARC-Seal: junk\r\nARC-Seal: i=1", 4 },
                 { "twice", "ARC-Seal: i=2", "ARC-Seal: i=3", 4 } };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct zone *z = zone_with_keys(a);
        struct arc_seal_params p = seal_params(KEY_ED25519);
        struct sealed s, again;
        struct headers h;
        struct str body, covered[ARC_AS];
        struct dkim_key key;
        struct arc_chain *c = ARENA_NEW(a, struct arc_chain);
        const char *reason;
        uint8_t digest[SHA256_SIZE];
        hop(a, replaced(a, with_chain(a, STR(MESSAGE), 3), rows[i].from, rows[i].to), z, &p, PAYLOAD, NULL, &s);
        ROW_STR(rows[i].name, str_of(s.reason), STR_NONE);
        ROW_STR(rows[i].name, tag_of(s.fields.seal, "cv"), STR("fail"));
        ROW_STR(rows[i].name, tag_of(s.fields.seal, "i"), str_printf(a, "%u", rows[i].instance));
        headers_init(&h, a);
        headers_read(&h, s.message, &body);
        arc_chain_read(a, &h, c);
        const struct arc_set *set = &c->set[rows[i].instance];
        for (int kind = 0; kind < ARC_AS; kind++)
            covered[kind] = arc_canonical(a, set->field[kind]->raw);
        assert_true(dkim_key_parse(a, dkim_key_record(a, keys[KEY_ED25519]), &key, &reason));
        arc_seal_digest(a, covered, ARC_AS, set->field[ARC_AS]->raw, digest);
        assert_true(pubkey_verify(key.key, digest, set->as.signature));
        hop(a, s.message, z, &p, PAYLOAD, NULL, &again);
        ROW_STR(rows[i].name, str_of(again.reason), STR("the chain has ended: its newest seal says cv=fail"));
        ROW_INT(rows[i].name, again.arrival.code, AUTH_FAIL);
        arena_free(a);
    }
}

/* AC-22 */
static void no_more_than_fifty_sets(void **state)
{
    (void)state;
    for (unsigned n = LIMIT_ARC_SETS - 1; n <= LIMIT_ARC_SETS; n++) {
        struct arena *a = arena_new();
        struct zone *z = zone_with_keys(a);
        struct arc_seal_params p = seal_params(KEY_ED25519);
        struct sealed s;
        hop(a, with_chain(a, STR(MESSAGE), n), z, &p, PAYLOAD, NULL, &s);
        ROW_STR("sealed", str_of(s.reason), n < LIMIT_ARC_SETS ? STR_NONE : STR("the chain has 50 sets already"));
        ROW_STR("after", status(a, s.message, z), STR("pass"));
        arena_free(a);
    }
}

/* AC-27: the status that was stored belongs to this chain. */
static void the_chain_must_be_the_one_that_was_validated(void **state)
{
    (void)state;
    static const char *const edits[] = { ARC_AS_NAME ": i=2; junk\r\n", ARC_AAR_NAME ": i=2; mx; none\r\n",
                                         ARC_AAR_NAME ": i=1; mx; none\r\n" };
    for (size_t i = 0; i < ROWS(edits); i++) {
        struct arena *a = arena_new();
        struct arc_seal_params p = seal_params(KEY_ED25519);
        struct sealed s;
        hop(a, with_chain(a, STR(MESSAGE), 1), zone_with_keys(a), &p, PAYLOAD, edits[i], &s);
        ROW_STR(edits[i], str_of(s.reason), STR("the chain is not the one that was validated"));
        hop(a, STR(MESSAGE), zone_with_keys(a), &p, PAYLOAD, edits[i], &s);
        ROW_STR(edits[i], str_of(s.reason), STR("the chain is not the one that was validated"));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_seal_verifies_hop_after_hop),
        cmocka_unit_test(which_fields_are_covered),
        cmocka_unit_test(what_is_left_out_is_not_covered),
        cmocka_unit_test(when_nothing_is_sealed),
        cmocka_unit_test(no_key_no_room_no_seal),
        cmocka_unit_test(too_many_fields),
        cmocka_unit_test(a_failed_chain_is_sealed_once),
        cmocka_unit_test(no_more_than_fifty_sets),
        cmocka_unit_test(the_chain_must_be_the_one_that_was_validated),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
