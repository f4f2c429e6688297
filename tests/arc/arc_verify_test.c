/* arc_verify_test.c - chains judged: good ones, each way one can be bad although it is signed, and every limit. */
#include "tests/arc/arc_support.h"

#define FAIL_KEY "fail: no key record"

static struct recipe first(void)
{
    return (struct recipe){ .instance = 1, .cv = "none", .type = KEY_ED25519 };
}

static struct recipe second(void)
{
    return (struct recipe){ .instance = 2, .cv = "pass", .type = KEY_ED25519 };
}

static void good_chains_pass(void **state)
{
    (void)state;
    static const unsigned rows[] = { 0, 1, 2, 3, 7, 50 };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct zone *z = zone_with_keys(a);
        struct arc_result r;
        validate(a, with_chain(a, STR(MESSAGE), rows[i]), z, &r);
        ROW_STR("status", result_text(a, &r), rows[i] == 0 ? STR("none") : STR("pass"));
        ROW_INT("instance", r.instance, rows[i]);
        ROW_INT("sealers", r.n_sealers, rows[i]);
        /* 5.2 step 5: with more sets than are looked at it stays open. */
        ROW_INT("oldest-pass known", r.has_oldest_pass, rows[i] > 0 && rows[i] <= LIMIT_ARC_OLDER + 1);
        ROW_INT("oldest-pass", r.oldest_pass, 0);
        ROW_INT("one key, one question", z->asked, rows[i] > 0);
        assert_false(r.temporary);
        arena_free(a);
    }
}

/* AC-43, AC-44 */
static void a_result_names_the_sealers(void **state)
{
    (void)state;
    static const struct {
        const char *authres, *want;
    } rows[] = {
        { "mx; arc=none smtp.remote-ip=192.0.2.1", "192.0.2.1" },
        { "mx; spf=pass smtp.mailfrom=a.example; arc=none smtp.remote-ip=\"2001:db8::1\"", "2001:db8::1" },
        { "mx; arc=none header.remote-ip=192.0.2.1", "" },
        { "mx; arc=none smtp.remote-ip=evil", "" },
        { "mx; ====", "" },
        { "mx; none", "" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct zone *z = zone_with_keys(a);
        struct recipe one = first(), two = second();
        struct arc_result r;
        struct authres parsed;
        one.type = KEY_RSA;
        one.domain = "RSA.example.com";
        one.authres = rows[i].authres;
        two.authres = "second.example; dmarc=pass header.from=example.com";
        struct str m = with_set(a, with_set(a, STR(MESSAGE), &one), &two);
        validate(a, m, z, &r);
        ROW_STR(rows[i].authres, result_text(a, &r), STR("pass"));
        ROW_STR(rows[i].authres, r.remote_ip, str_of(rows[i].want));
        ROW_INT("newest first", r.sealers[0].instance, 2);
        ROW_STR("domain", r.sealers[0].domain, STR("example.com"));
        ROW_STR("domain", r.sealers[1].domain, STR("rsa.example.com"));
        ROW_STR("selector", r.sealers[1].selector, STR("arc"));
        assert_true(authres_parse(a, r.sealers[0].authres, &parsed));
        ROW_STR("id", parsed.authserv_id, STR("second.example"));
        arena_free(a);
    }
}

/* AC-10, AC-13, AC-14: what is changed on the way, and what may be. */
static void changes_on_the_way(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *to, *want;
    } rows[] = {
        { "body", "second", "secnd", "fail: body hash did not verify" },
        { "white space in the body", "Hello  world", "Hello world", "pass" },
        { "covered field", "hello  there", "hello their", "fail: message signature did not verify" },
        { "field not covered", "Date: today", "Date: tomorrow", "pass" },
        { "new field at the top", "ARC-Seal: i=2", "Received: x\r\nARC-Seal: i=2", "pass" },
        { "new second From below", "To: list", "From: evil\r\nTo: list", "fail: message signature did not verify" },
        { "newest results", "i=2; mx.example.com; none", "i=2; mx.example.com; spf=pass", "fail: seal did not verify" },
        { "oldest results", "i=1; mx.example.com; none", "i=1; mx.example.com; spf=pass", "fail: seal did not verify" },
        { "folded results", "i=1; mx.example.com; none", "i=1;\r\n\tmx.example.com;  none", "pass" },
        { "older message signature", "ARC-Message-Signature: i=1;", "ARC-Message-Signature: i=1; z=1;",
          "fail: seal did not verify" },
        { "newest message signature", "ARC-Message-Signature: i=2;", "ARC-Message-Signature: i=2; z=1;",
          "fail: message signature did not verify" },
        { "case of a name in a seal", "ARC-Seal: i=1", "arc-seal : i=1", "pass" },
        { "newest seal", "ARC-Seal: i=2;", "ARC-Seal: i=2; z=1;", "fail: seal did not verify" },
        { "older seal", "ARC-Seal: i=1;", "ARC-Seal: i=1; z=1;", "fail: seal did not verify" },
        { "cv= made better", "cv=none", "cv=pass", "fail: the first seal does not say cv=none" },
        { "cv= made fail", "cv=pass", "cv=fail", "fail: a seal says cv=fail" },
        { "instances swapped", "ARC-Seal: i=2", "ARC-Seal: i=1", "fail: two ARC fields of one kind and instance" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct str m = replaced(a, with_chain(a, STR(MESSAGE), 2), rows[i].from, rows[i].to);
        ROW_STR(rows[i].name, status(a, m, zone_with_keys(a)), str_of(rows[i].want));
        arena_free(a);
    }
}

/* Every bit of what is covered, one at a time. */
static void no_flipped_bit_passes(void **state)
{
    (void)state;
    struct arena *outer = arena_new();
    struct str good = with_chain(outer, STR("From: a\r\nSubject: b\r\n\r\nbody\r\n"), 2);
    for (size_t bit = 0; bit < good.n * 8; bit++) {
        struct arena *a = arena_new();
        char *p = arena_copy(a, good.p, good.n);
        char was = p[bit / 8];
        p[bit / 8] = (char)(was ^ (1 << bit % 8));
        struct str got = status(a, (struct str){ p, good.n }, zone_with_keys(a));
        /* A letter of another case is the same name, domain or field; a blank may be another blank. */
        bool same = (char_is_alpha(was) && bit % 8 == 5) || char_is_space(was) || char_is_space(p[bit / 8]);
        if (!same && str_eq(got, STR("pass")))
            fail_msg("bit %zu of '%c' flipped to '%c' at %zu still passes", bit % 8, was, p[bit / 8], bit / 8);
        arena_free(a);
    }
    arena_free(outer);
}

/* AC-3, AC-13, AC-15, AC-16: sets whose signatures are right and that are not. */
static void recipes_for_the_newest_set(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct recipe r;
        const char *want;
    } rows[] = {
        { "good", { .instance = 2, .cv = "pass" }, "pass" },
        { "rsa", { .instance = 2, .cv = "pass", .domain = "rsa.example.com", .type = KEY_RSA }, "pass" },
        { "position 02", { .instance = 2, .cv = "pass", .position = "02" }, "pass" },
        { "cv=none", { .instance = 2, .cv = "none" }, "fail: a later seal does not say cv=pass" },
        { "cv=fail", { .instance = 2, .cv = "fail" }, "fail: a seal says cv=fail" },
        { "cv=bogus", { .instance = 2, .cv = "ok" }, "fail: malformed cv=" },
        { "seal with h=", { .instance = 2, .cv = "pass", .as = " h=from;" }, "fail: seal with h=" },
        { "seal with unknown tag", { .instance = 2, .cv = "pass", .as = " zz=from;" }, "pass" },
        { "seal from the future", { .instance = 2, .cv = "pass", .as = " t=1999999999;" }, "pass" },
        { "again i=1", { .instance = 1, .cv = "none" }, "fail: two ARC fields of one kind and instance" },
        { "i=3", { .instance = 3, .cv = "pass" }, "fail: incomplete ARC set" },
        { "i=0", { .instance = 2, .cv = "pass", .position = "0" }, "fail: ARC field that cannot be read" },
        { "i=51", { .instance = 2, .cv = "pass", .position = "51" }, "fail: more than 50 ARC sets" },
        { "without AAR", { .instance = 2, .cv = "pass", .omit = { true, false, false } }, "fail: incomplete ARC set" },
        { "without AMS", { .instance = 2, .cv = "pass", .omit = { false, true, false } }, "fail: incomplete ARC set" },
        { "without AS", { .instance = 2, .cv = "pass", .omit = { false, false, true } }, "fail: incomplete ARC set" },
        { "rsa-sha1", { .instance = 2, .cv = "pass", .algorithm = "rsa-sha1" }, "fail: algorithm rsa-sha1 is not secure" },
        { "other type",
          { .instance = 2, .cv = "pass", .algorithm = "rsa-sha256" },
          "fail: key is of another type than the signature" },
        { "h= with AAR and AMS",
          { .instance = 2, .cv = "pass", .fields = "from:arc-authentication-results:arc-message-signature" },
          "pass" },
        { "h= with seal", { .instance = 2, .cv = "pass", .fields = "from:arc-seal" }, "fail: h= names ARC-Seal" },
        { "h= without From", { .instance = 2, .cv = "pass", .fields = "subject" }, "pass" },
        { "h= empty", { .instance = 2, .cv = "pass", .fields = "" }, "pass" },
        { "h= of fields that are not there", { .instance = 2, .cv = "pass", .fields = "from:from:x:x" }, "pass" },
        { "v=1", { .instance = 2, .cv = "pass", .ams = " v=1;" }, "pass" },
        { "expired", { .instance = 2, .cv = "pass", .ams = " x=1699999000;" }, "fail: message signature has expired" },
        { "expired within slack", { .instance = 2, .cv = "pass", .ams = " x=1699999800;" }, "pass" },
        { "from the future",
          { .instance = 2, .cv = "pass", .ams = " t=1700001000;" },
          "fail: message signature is from the future" },
        { "l= of a part", { .instance = 2, .cv = "pass", .length = 5 }, "fail: l= leaves the end of the body unsigned" },
        { "l= of all", { .instance = 2, .cv = "pass", .length = 27 }, "pass" },
        { "l= of more", { .instance = 2, .cv = "pass", .length = 28 }, "fail: l= is longer than the body" },
        { "duplicate tag", { .instance = 2, .cv = "pass", .ams = " z=1; z=1;" }, "fail: ARC field that cannot be read" },
        { "no key", { .instance = 2, .cv = "pass", .domain = "nobody.example" }, FAIL_KEY },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct recipe r = rows[i].r;
        if (r.domain == NULL)
            r.type = KEY_ED25519;
        ROW_STR(rows[i].name, status(a, with_set(a, with_chain(a, STR(MESSAGE), 1), &r), zone_with_keys(a)), str_of(rows[i].want));
        arena_free(a);
    }
}

/* 5.2 step 5, AC-12: what is wrong with an older message signature shows in oldest-pass alone. */
static void oldest_pass(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned broken; /* the set after which the message is changed */
        unsigned sets;
        bool known;
        unsigned oldest;
    } rows[] = {
        { "never", 0, 4, true, 0 },
        { "after the first", 1, 2, true, 2 },
        { "after the first of four", 1, 4, true, 2 },
        { "after the third", 3, 4, true, 4 },
        { "too far down", 1, 5, false, 0 },
        { "just near enough", 2, 5, true, 3 },
        { "as far as we look", 3, 6, true, 4 },
        { "one further", 2, 6, false, 0 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct arc_result r;
        struct str m = STR(MESSAGE);
        for (unsigned n = 1; n <= rows[i].sets; n++) {
            m = with_set(a, m, &(struct recipe){ .instance = n, .cv = n == 1 ? "none" : "pass", .type = KEY_ED25519 });
            if (n == rows[i].broken)
                m = replaced(a, m, "Subject: hello", "Subject: [list] hello");
        }
        validate(a, m, zone_with_keys(a), &r);
        ROW_STR(rows[i].name, result_text(a, &r), STR("pass"));
        ROW_INT(rows[i].name, r.has_oldest_pass, rows[i].known);
        ROW_INT(rows[i].name, r.oldest_pass, rows[i].oldest);
        arena_free(a);
    }
}

static void oldest_pass_of_signatures_that_cannot_be_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tags, *domain;
        bool known;
        unsigned oldest;
    } rows[] = { { "malformed", " l=x;", NULL, true, 2 },
                 { "expired", " x=5;", NULL, true, 2 },
                 { "no key", NULL, "nobody.example.com", true, 2 },
                 { "no answer", NULL, "slow.example.com", false, 0 } };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct zone *z = zone_with_keys(a);
        struct arc_result r;
        struct recipe one = first(), two = second();
        zone_fail(z, "arc._domainkey.slow.example.com", DNS_TEMPFAIL);
        one.ams = rows[i].tags;
        one.ams_domain = rows[i].domain;
        struct str m = with_set(a, STR(MESSAGE), &one);
        validate(a, with_set(a, m, &two), z, &r);
        ROW_STR(rows[i].name, result_text(a, &r), STR("pass"));
        ROW_INT(rows[i].name, r.has_oldest_pass, rows[i].known);
        ROW_INT(rows[i].name, r.oldest_pass, rows[i].oldest);
        arena_free(a);
    }
}

/* AC-10, AC-13: keys as for DKIM. */
static void keys_in_the_dns(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct privkey *small = privkey_generate(KEY_RSA, 512), *other = privkey_generate(KEY_ED25519, 0);
    struct str good = dkim_key_record(a, keys[KEY_ED25519]);
    const struct {
        const char *name;
        struct str rr[2];
        enum dns_status status;
        const char *want;
        bool temporary;
    } rows[] = {
        { "good", { good }, DNS_OK, "pass", false },
        { "good twice", { good, good }, DNS_OK, "pass", false },
        { "good and junk", { STR("v=spf1 -all"), good }, DNS_OK, "pass", false },
        { "two keys", { good, dkim_key_record(a, other) }, DNS_OK, "fail: several keys at one name", false },
        { "another key", { dkim_key_record(a, other) }, DNS_OK, "fail: message signature did not verify", false },
        { "revoked", { STR("v=DKIM1; k=ed25519; p=") }, DNS_OK, "fail: key revoked", false },
        { "512 bits", { dkim_key_record(a, small) }, DNS_OK, "fail: RSA key shorter than 1024 bits", false },
        { "RSA key", { dkim_key_record(a, keys[KEY_RSA]) }, DNS_OK, "fail: key is of another type than the signature", false },
        { "junk", { STR("hello") }, DNS_OK, "fail: syntax error in the key record", false },
        { "no name", { STR_NONE }, DNS_NXDOMAIN, FAIL_KEY, false },
        { "no record", { STR_NONE }, DNS_NODATA, FAIL_KEY, false },
        { "no answer", { STR_NONE }, DNS_TEMPFAIL, "fail: no answer to the key lookup", true },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct zone *z = zone_new(a);
        struct arc_result r;
        if (rows[i].status != DNS_OK)
            zone_fail(z, "arc._domainkey.example.com", rows[i].status);
        for (size_t k = 0; k < 2 && rows[i].status == DNS_OK && rows[i].rr[k].n > 0; k++)
            zone_add(z, "arc._domainkey.example.com", rows[i].rr[k]);
        validate(a, with_chain(a, STR(MESSAGE), 2), z, &r);
        ROW_STR(rows[i].name, result_text(a, &r), str_of(rows[i].want));
        ROW_INT(rows[i].name, r.temporary, rows[i].temporary);
        ROW_INT(rows[i].name, r.n_sealers, 2);
    }
    privkey_free(small);
    privkey_free(other);
    arena_free(a);
}

/* The first seal's key alone is missing: every seal is checked (5.2 step 6). */
static void every_seal_is_checked(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_with_keys(a);
    struct recipe one = first(), two = second();
    struct arc_result r;
    one.domain = "gone.example.com";
    struct str m = with_set(a, with_set(a, STR(MESSAGE), &one), &two);
    validate(a, m, z, &r);
    ROW_STR("no key", result_text(a, &r), STR(FAIL_KEY));
    zone_fail(z, "arc._domainkey.gone.example.com", DNS_TEMPFAIL);
    validate(a, m, z, &r);
    ROW_STR("no answer", result_text(a, &r), STR("fail: no answer to the key lookup"));
    assert_true(r.temporary);
    arena_free(a);
}

static void a_site_may_ask_for_more(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct recipe one = first();
    struct arc_result r;
    struct dkim_params p = dkim_params_default;
    one.type = KEY_RSA;
    one.domain = "rsa.example.com";
    one.length = 5;
    struct str m = with_set(a, STR(MESSAGE), &one);
    p.accept_unsigned_tail = true;
    validate_with(a, m, zone_with_keys(a), &p, NOW, &r);
    ROW_STR("tail accepted", result_text(a, &r), STR("pass"));
    p.min_rsa_bits = 2049;
    validate_with(a, m, zone_with_keys(a), &p, NOW, &r);
    ROW_STR("longer keys", result_text(a, &r), STR("fail: RSA key shorter than this site accepts"));
    arena_free(a);
}

/* AC-17 */
static void only_so_many_keys_are_asked_for(void **state)
{
    (void)state;
    for (unsigned sets = LIMIT_ARC_KEYS; sets <= LIMIT_ARC_KEYS + 1; sets++) {
        struct arena *a = arena_new();
        struct zone *z = zone_new(a);
        struct str m = STR(MESSAGE);
        for (unsigned i = 1; i <= sets; i++) {
            const char *domain = str_cstr(a, str_printf(a, "d%u.example", i));
            zone_add(z, str_cstr(a, str_printf(a, "arc._domainkey.%s", domain)), dkim_key_record(a, keys[KEY_ED25519]));
            m = with_set(a, m,
                         &(struct recipe){ .instance = i, .cv = i == 1 ? "none" : "pass", .domain = domain, .type = KEY_ED25519 });
        }
        ROW_STR("status", status(a, m, z), sets > LIMIT_ARC_KEYS ? STR("fail: too many different keys") : STR("pass"));
        ROW_INT("asked", z->asked, LIMIT_ARC_KEYS);
        arena_free(a);
    }
}

/* A chain that is broken by its structure costs no lookup and no body hash. */
static void a_broken_structure_costs_no_lookup(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_with_keys(a);
    struct str m = replaced(a, with_chain(a, STR(MESSAGE), 2), "cv=none", "cv=fail");
    struct headers h;
    struct str body;
    headers_init(&h, a);
    headers_read(&h, m, &body);
    struct dkim_body *b = dkim_body_new(a);
    struct arc_result r;
    struct arc_verify *v = arc_verify_start(a, &h, b, &dkim_params_default, &z->dns, NOW, clock_ms() + 1000);
    assert_true(dkim_body_done(b));
    dkim_body_finish(b);
    arc_verify_finish(v, &r);
    ROW_STR("status", result_text(a, &r), STR("fail: a seal says cv=fail"));
    ROW_INT("asked", z->asked, 0);
    ROW_INT("sealers", r.n_sealers, 0);
    arena_free(a);
}

static void no_room_for_the_body_hash(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_with_keys(a);
    struct headers h;
    struct str body;
    struct arc_result r;
    headers_init(&h, a);
    headers_read(&h, with_chain(a, STR(MESSAGE), 1), &body);
    struct dkim_body *b = dkim_body_new(a);
    for (uint64_t i = 0; i < LIMIT_BODY_HASHES; i++)
        dkim_body_want(b, DKIM_CANON_SIMPLE, i);
    struct arc_verify *v = arc_verify_start(a, &h, b, &dkim_params_default, &z->dns, NOW, clock_ms() + 1000);
    dkim_body_finish(b);
    arc_verify_finish(v, &r);
    ROW_STR("status", result_text(a, &r), STR("fail: too many different body hashes"));
    arena_free(a);
}

static void a_header_beyond_the_limits_never_passes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf m;
    buf_init(&m, a, 1 << 20);
    buf_str(&m, with_chain(a, STR(FIELDS), 1));
    for (int i = 0; i < LIMIT_HEADER_FIELDS; i++)
        buf_puts(&m, "X: y\r\n");
    ROW_STR("with a chain", status(a, buf_view(&m), zone_with_keys(a)), STR("fail: header beyond the limits"));
    ROW_STR("without one", status(a, str_skip(buf_view(&m), m.n - (size_t)6 * LIMIT_HEADER_FIELDS), zone_with_keys(a)),
            STR("none"));
    arena_free(a);
}

static void a_dropped_validation_leaves_no_question_open(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_with_keys(a);
    struct headers h;
    struct str body;
    headers_init(&h, a);
    headers_read(&h, with_chain(a, STR(MESSAGE), 2), &body);
    struct arc_verify *v = arc_verify_start(a, &h, dkim_body_new(a), &dkim_params_default, &z->dns, NOW, clock_ms() + 1000);
    ROW_INT("open", z->open, 1);
    arc_verify_drop(v);
    ROW_INT("open", z->open, 0);
    arc_verify_drop(v);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_chains_pass),
        cmocka_unit_test(a_result_names_the_sealers),
        cmocka_unit_test(changes_on_the_way),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(recipes_for_the_newest_set),
        cmocka_unit_test(oldest_pass),
        cmocka_unit_test(oldest_pass_of_signatures_that_cannot_be_checked),
        cmocka_unit_test(keys_in_the_dns),
        cmocka_unit_test(every_seal_is_checked),
        cmocka_unit_test(a_site_may_ask_for_more),
        cmocka_unit_test(only_so_many_keys_are_asked_for),
        cmocka_unit_test(a_broken_structure_costs_no_lookup),
        cmocka_unit_test(no_room_for_the_body_hash),
        cmocka_unit_test(a_header_beyond_the_limits_never_passes),
        cmocka_unit_test(a_dropped_validation_leaves_no_question_open),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
