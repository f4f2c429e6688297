/* dkim_verify_test.c - judging signatures: round trips, each way a signature can be bad, and every limit. */
#include "tests/dkim/dkim_support.h"

#include "mailseal/domain.h"

#define BODY    "Hello  world \t\r\n\r\n second\tline \r\n\r\n\r\n"
#define HEADERS "From: Joe <joe@example.com>\r\nTo: a@example.net,\r\n\tb@example.net \r\nSubject:  hello  there\r\nDate: today\r\n"
#define MESSAGE HEADERS "\r\n" BODY
#define KEY     "sel._domainkey.example.com"

static struct dkim_sign_params sign_params(enum key_type type)
{
    return (struct dkim_sign_params){ .domain = STR("example.com"),
                                      .selector = STR("sel"),
                                      .identity = STR(""),
                                      .key = keys[type],
                                      .header_canon = DKIM_CANON_RELAXED,
                                      .body_canon = DKIM_CANON_RELAXED,
                                      .oversign = true };
}

static struct zone *zone_with_key(struct arena *a, enum key_type type)
{
    struct zone *z = zone_new(a);
    zone_add(z, KEY, dkim_key_record(a, keys[type]));
    return z;
}

static struct str verdict(struct arena *a, struct str message, struct zone *z, const struct verify_params *p)
{
    struct dkim_result *r;
    size_t n = verify_message(a, message, z, p, &r);
    return results_text(a, r, n);
}

/* DK-50, DK-60, DK-61 */
static void what_we_sign_verifies(void **state)
{
    (void)state;
    static const struct str messages[] = { STR(MESSAGE),
                                           STR(HEADERS "\r\n"),
                                           STR(HEADERS),
                                           STR(HEADERS "\r\nno line end"),
                                           STR("X:\r\nFrom:a\r\n\r\n \r\n\r\n.\r\n"),
                                           STR(HEADERS "\r\nbare\rCR and\nLF\r\n \r\r\n") };
    for (size_t i = 0; i < ROWS(messages) * 16; i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = sign_params(i & 1 ? KEY_RSA : KEY_ED25519);
        struct verify_params v = verify_params_default();
        p.header_canon = i & 2 ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
        p.body_canon = i & 4 ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
        p.length = (i & 8) != 0;
        p.timestamp = NOW;
        p.expires = NOW + 1;
        struct str m = sign_message(a, messages[i / 16], &p);
        struct zone *z = zone_with_key(a, privkey_type(p.key));
        for (v.piece = 0; v.piece < 8; v.piece++)
            ROW_STR("round trip", verdict(a, m, z, &v), STR("pass"));
        arena_free(a);
    }
}

static void a_result_says_what_was_verified(void **state)
{
    (void)state;
    for (enum key_type type = KEY_RSA; type <= KEY_ED25519; type++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = sign_params(type);
        struct verify_params v = verify_params_default();
        struct dkim_result *r;
        p.identity = STR("Joe@Sub.Example.com");
        struct zone *z = zone_with_key(a, type);
        assert_int_equal(verify_message(a, sign_message(a, STR(MESSAGE), &p), z, &v, &r), 1);
        ROW_INT("code", r->code, AUTH_PASS);
        ROW_STR("domain", r->domain, STR("example.com"));
        ROW_STR("selector", r->selector, STR("sel"));
        ROW_STR("identity", r->identity, STR("Joe@Sub.Example.com"));
        ROW_STR("algorithm", r->algorithm, type == KEY_RSA ? STR("rsa-sha256") : STR("ed25519-sha256"));
        ROW_INT("b", r->b.n, 8);
        ROW_INT("bits", r->bits, type == KEY_RSA ? 2048 : 256);
        assert_true(r->reason == NULL && !r->testing && !r->limited);
        ROW_STR("asked", z->last, STR(KEY));
        arena_free(a);
    }
}

/* A report must not be lost because the sender made one value too long for it. */
static void a_very_long_identity_is_not_reported(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct verify_params v = verify_params_default();
    struct dkim_result *r;
    for (int n = LIMIT_AUTHRES_VALUE; n <= LIMIT_AUTHRES_VALUE + 1; n++) {
        int local = n - (int)strlen("@example.com");
        struct str m = str_printf(a, "DKIM-Signature: d=example.com; b=QUJD; i=%0*d@example.com\r\nFrom: a\r\n\r\n", local, 1);
        assert_int_equal(verify_message(a, m, zone_new(a), &v, &r), 1);
        ROW_INT("identity", r->identity.n, n > LIMIT_AUTHRES_VALUE ? 0 : n);
        ROW_STR("domain", r->domain, STR("example.com"));
    }
    arena_free(a);
}

/* DK-20, RFC 8616 */
static void u_labels_are_asked_for_as_a_labels(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct verify_params v = verify_params_default();
    struct zone *z = zone_new(a);
    struct dkim_result *r;
    static const struct str m = STR("DKIM-Signature: v=1; a=rsa-sha256; d=B\xc3\xbc"
                                    "cher.example; s=S\xc3\xa9l; h=From;"
                                    " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=QUJD\r\nFrom: a\r\n\r\n");
    assert_int_equal(verify_message(a, m, z, &v, &r), 1);
    ROW_STR("asked", z->last, STR("xn--sl-bja._domainkey.xn--bcher-kva.example"));
    ROW_STR("domain", r->domain, STR("xn--bcher-kva.example"));
    arena_free(a);
}

static void changes_on_the_way(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *to, *relaxed, *simple;
    } rows[] = {
        { "nothing", "Date: today", "Date: today", "pass", "pass" },
        { "subject", "hello  there", "hello  There", "fail: signature did not verify", "fail: signature did not verify" },
        { "white space in the subject", "hello  there ", "hello there", "pass", "fail: signature did not verify" },
        { "case of a name", "\r\nSubject:", "\r\nSUBJECT :", "pass", "fail: signature did not verify" },
        { "unfolded", "net,\r\n\tb", "net, b", "pass", "fail: signature did not verify" },
        { "unsigned field added", "From: Joe", "X-Spam: no\r\nFrom: Joe", "pass", "pass" },
        { "second Subject above", "From: Joe", "Subject: buy\r\nFrom: Joe", "fail: signature did not verify",
          "fail: signature did not verify" },
        { "second Subject below", "Date: today", "Date: today\r\nSubject: buy", "fail: signature did not verify",
          "fail: signature did not verify" },
        { "second From", "To: a", "From: evil@example.com\r\nTo: a", "fail: signature did not verify",
          "fail: signature did not verify" },
        /* DK-83: absent, yet oversigned */
        { "Reply-To added", "To: a", "Reply-To: evil@example.com\r\nTo: a", "fail: signature did not verify",
          "fail: signature did not verify" },
        { "Message-ID added, which was absent", "To: a", "Message-ID: <1@x>\r\nTo: a", "pass", "pass" },
        { "Date removed", "Date: today\r\n", "", "fail: signature did not verify", "fail: signature did not verify" },
        { "body text", "Hello", "Hallo", "fail: body hash did not verify", "fail: body hash did not verify" },
        { "body white space", "world \t", "world", "pass", "fail: body hash did not verify" },
        { "an empty line at the end", "line \r\n", "line \r\n\r\n", "pass", "pass" },
        { "a line at the end", "line \r\n\r\n\r\n", "line \r\n\r\n.\r\n", "fail: body hash did not verify",
          "fail: body hash did not verify" },
        { "body lost", BODY, "", "fail: body hash did not verify", "fail: body hash did not verify" },
        { "selector", "s=sel", "s=other", "permerror: no key record", "permerror: no key record" },
        { "algorithm", "a=rsa", "a=ed25519", "permerror: key is of another type than the signature",
          "permerror: key is of another type than the signature" },
        { "b refolded", " b=", " b=\r\n ", "pass", "pass" },
        { "white space before b=", " b=", "  b=", "pass", "fail: signature did not verify" },
        { "the field's name", "DKIM-Signature:", "dkim-signature:", "pass", "fail: signature did not verify" },
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = sign_params(KEY_RSA);
        struct verify_params v = verify_params_default();
        bool simple = i % 2 != 0;
        if (simple)
            p.header_canon = p.body_canon = DKIM_CANON_SIMPLE;
        struct str m =
            sign_message(a,
                         STR("From: Joe <joe@example.com>\r\nTo: a@example.net,\r\n\tb@example.net\r\nSubject: hello  there \r\n"
                             "Date: today\r\n\r\n" BODY),
                         &p);
        m = replaced(a, m, rows[i / 2].from, rows[i / 2].to);
        ROW_STR(rows[i / 2].name, verdict(a, m, zone_with_key(a, KEY_RSA), &v),
                str_of(simple ? rows[i / 2].simple : rows[i / 2].relaxed));
        arena_free(a);
    }
}

/* Every bit of what is signed, and of the signature, counts. Relaxed may forgive a letter's case in a field's name, never more. */
static void no_flipped_bit_passes(void **state)
{
    (void)state;
    static const struct str small = STR("From: joe@example.com\r\nSubject: hi\r\n\r\nBody, two\r\nlines.\r\n");
    for (int round = 0; round < 4; round++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = sign_params(round & 1 ? KEY_RSA : KEY_ED25519);
        struct verify_params v = verify_params_default();
        p.header_canon = p.body_canon = round & 2 ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
        static const struct str both[] = { STR("From"), STR("Subject") };
        p.oversign = false;
        p.fields = both;
        p.n_fields = 2;
        struct str m = sign_message(a, small, &p);
        const char *b = memmem(m.p, m.n, " b=", 3), *b_end = memmem(m.p, m.n, "\r\nFrom", 6);
        struct zone *z = zone_with_key(a, privkey_type(p.key));
        ROW_STR("unchanged", verdict(a, m, z, &v), STR("pass"));
        for (size_t i = 0; i < m.n * 8; i++) {
            struct arena *c = arena_new();
            struct dkim_result *r;
            char *copy = arena_copy(c, m.p, m.n);
            copy[i / 8] = (char)(copy[i / 8] ^ (1 << (i % 8)));
            size_t n = verify_message(c, (struct str){ copy, m.n }, z, &v, &r);
            const char *at = m.p + i / 8;
            bool in_b = at > b + 2 && at <= b_end;
            bool white = char_is_space(*at) && (in_b || round & 2),
                 letter_case = i % 8 == 5 && char_is_alpha(*at) && round & 2 && !in_b;
            if (n > 0 && r[0].code == AUTH_PASS && !white && !letter_case)
                fail_msg("round %d: bit %zu of byte %zu ('%c') may change", round, i % 8, i / 8, *at);
            arena_free(c);
        }
        arena_free(a);
    }
}

static void keys_in_the_dns(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str good = dkim_key_record(a, keys[KEY_RSA]), ed = dkim_key_record(a, keys[KEY_ED25519]);
    struct str p = str_skip(good, strlen("v=DKIM1; k=rsa; "));
    struct privkey *small = privkey_generate(KEY_RSA, 512), *stranger = privkey_generate(KEY_RSA, 1024);
    struct str weak = dkim_key_record(a, small), other = dkim_key_record(a, stranger),
               again = str_printf(a, "v=DKIM1; %.*s", STR_FMT(p));
    const struct {
        const char *name;
        struct str rr[3];
        const char *want;
    } rows[] = {
        { "the key", { good }, "pass" },
        { "defaults alone", { p }, "pass" },
        { "no text", { STR("") }, "permerror: syntax error in the key record" },
        { "revoked", { STR("v=DKIM1; k=rsa; p=") }, "permerror: key revoked" },
        { "another key", { other }, "fail: signature did not verify" },
        { "another type", { ed }, "permerror: key is of another type than the signature" },
        /* DK-27 */
        { "512 bits", { weak }, "permerror: RSA key shorter than 1024 bits" },
        { "not for sha256", { str_printf(a, "h=sha1; %.*s", STR_FMT(p)) }, "permerror: key is not for sha256" },
        { "not for mail", { str_printf(a, "s=tlsrpt; %.*s", STR_FMT(p)) }, "permerror: key is not for mail" },
        /* DK-24 */
        { "test key", { str_printf(a, "t=y; %.*s", STR_FMT(p)) }, "pass: test key" },
        { "test key of another",
          { str_printf(a, "t=y; %.*s", STR_FMT(str_skip(other, strlen("v=DKIM1; k=rsa; ")))) },
          "fail: signature did not verify" },
        { "strict", { str_printf(a, "t=s; %.*s", STR_FMT(p)) }, "pass" },
        /* DK-22, DK-23, RFC 6376 3.6.2.2 */
        { "noise before the key", { STR("v=spf1 -all"), STR("hello"), good }, "pass" },
        { "noise behind the key", { good, STR("hello") }, "pass" },
        { "noise only", { STR("v=spf1 -all"), STR("hello") }, "permerror: key record version is not DKIM1" },
        { "the key twice", { good, good }, "pass" },
        { "two keys", { good, other }, "permerror: several keys at one name" },
        { "the key written in two ways", { good, again }, "permerror: several keys at one name" },
        { "keys of both types", { ed, good }, "pass" },
        { "a revoked one beside it", { STR("v=DKIM1; p="), good }, "pass" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dkim_sign_params s = sign_params(KEY_RSA);
        struct verify_params v = verify_params_default();
        struct zone *z = zone_new(a);
        for (size_t k = 0; k < ROWS(rows[i].rr) && rows[i].rr[k].p != NULL; k++)
            zone_add(z, KEY, rows[i].rr[k]);
        ROW_STR(rows[i].name, verdict(a, sign_message(a, STR(MESSAGE), &s), z, &v), str_of(rows[i].want));
    }
    privkey_free(small);
    privkey_free(stranger);
    arena_free(a);
}

/* DK-21 */
static void names_without_an_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum dns_status status;
        const char *want;
    } rows[] = {
        { "NXDOMAIN", DNS_NXDOMAIN, "permerror: no key record" },
        { "no data", DNS_NODATA, "permerror: no key record" },
        { "no records", DNS_OK, "permerror: no key record" },
        { "failure", DNS_TEMPFAIL, "temperror: no answer to the key lookup" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params s = sign_params(KEY_ED25519);
        struct verify_params v = verify_params_default();
        struct zone *z = zone_new(a);
        zone_fail(z, KEY, rows[i].status);
        ROW_STR(rows[i].name, verdict(a, sign_message(a, STR(MESSAGE), &s), z, &v), str_of(rows[i].want));
        arena_free(a);
    }
}

/* RFC 6376 3.6.1 t=s */
static void a_strict_key_wants_i_to_be_d(void **state)
{
    (void)state;
    static const struct {
        const char *identity, *want;
    } rows[] = {
        { "", "pass" },
        { "@example.com", "pass" },
        { "joe@EXAMPLE.com", "pass" },
        { "@sub.example.com", "permerror: i= is not exactly d=, which the key demands" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params s = sign_params(KEY_ED25519);
        struct verify_params v = verify_params_default();
        struct zone *z = zone_new(a);
        struct str p = privkey_public(a, keys[KEY_ED25519]);
        zone_add(z, KEY, str_printf(a, "k=ed25519; t=s; p=%.*s", STR_FMT(p)));
        s.identity = str_of(rows[i].identity);
        ROW_STR(rows[i].identity, verdict(a, sign_message(a, STR(MESSAGE), &s), z, &v), str_of(rows[i].want));
        arena_free(a);
    }
}

/* DK-51, DK-52 */
static void a_length_leaves_a_tail_unsigned(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *to;
        bool accept;
        const char *want;
        bool limited;
    } rows[] = {
        { "the whole body", "Hello", "Hello", false, "pass", false },
        { "a tail", "line \r\n", "line \r\nBuy!\r\n", false, "policy: l= leaves the end of the body unsigned", true },
        { "a tail, accepted", "line \r\n", "line \r\nBuy!\r\n", true, "pass: l= leaves the end of the body unsigned", true },
        { "blank lines are no tail", "line \r\n", "line \r\n\r\n \r\n", false, "pass", false },
        { "a change before the end", "Hello", "Hallo", true, "fail: body hash did not verify", false },
        { "a shorter body", "second", "secnd", true, "permerror: l= is longer than the body", false },
        { "l= changed", " l=", " l=1", true, "permerror: l= is longer than the body", false },
        { "l= made 0", " l=", " l=0; zz=", true, "fail: body hash did not verify", true },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params s = sign_params(KEY_ED25519);
        struct verify_params v = verify_params_default();
        struct dkim_result *r;
        s.length = true;
        v.dkim.accept_unsigned_tail = rows[i].accept;
        struct str m = replaced(a, sign_message(a, STR(MESSAGE), &s), rows[i].from, rows[i].to);
        for (v.piece = 0; v.piece < 9; v.piece++) {
            assert_int_equal(verify_message(a, m, zone_with_key(a, KEY_ED25519), &v, &r), 1);
            ROW_STR(rows[i].name, results_text(a, r, 1), str_of(rows[i].want));
            ROW_INT(rows[i].name, r->limited, rows[i].limited);
        }
        arena_free(a);
    }
}

/* RFC 6376 3.5 t=, x=; X10 */
static void times_are_held_to_with_slack(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t time, expiry, now, slack;
        const char *want;
    } rows[] = {
        { "now", NOW, NOW + 10, NOW, 300, "pass" },
        { "just expired", NOW, NOW + 10, NOW + 11, 300, "pass" },
        { "expired, last second of slack", NOW, NOW + 10, NOW + 310, 300, "pass" },
        { "expired", NOW, NOW + 10, NOW + 311, 300, "permerror: signature has expired" },
        { "expired, no slack", NOW, NOW + 10, NOW + 11, 0, "permerror: signature has expired" },
        { "future within slack", NOW, 0, NOW - 300, 300, "pass" },
        { "future", NOW, 0, NOW - 301, 300, "permerror: signature is from the future" },
        { "clock at 1970", NOW, 0, 1, 300, "permerror: signature is from the future" },
        { "clock at 1970, x= only", 0, NOW, 1, 300, "pass" },
        { "after 2038", 4000000000, 4000000010, 4000000000, 300, "pass" },
        { "no times", 0, 0, 1, 300, "pass" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params s = sign_params(KEY_ED25519);
        struct verify_params v = verify_params_default();
        struct zone *z = zone_with_key(a, KEY_ED25519);
        s.timestamp = rows[i].time;
        s.expires = rows[i].expiry;
        v.now = rows[i].now;
        v.dkim.clock_slack = rows[i].slack;
        ROW_STR(rows[i].name, verdict(a, sign_message(a, STR(MESSAGE), &s), z, &v), str_of(rows[i].want));
        ROW_INT(rows[i].name, z->asked, strncmp(rows[i].want, "permerror", 9) != 0);
        arena_free(a);
    }
}

/* DK-27 */
static void a_site_may_want_longer_keys(void **state)
{
    (void)state;
    static const struct {
        unsigned min;
        enum key_type type;
        const char *to, *want;
    } rows[] = {
        { 2048, KEY_RSA, "Hello", "pass" },
        { 2049, KEY_RSA, "Hello", "policy: RSA key shorter than this site accepts" },
        { 2049, KEY_RSA, "Hallo", "fail: body hash did not verify" },
        { 2049, KEY_ED25519, "Hello", "pass" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params s = sign_params(rows[i].type);
        struct verify_params v = verify_params_default();
        v.dkim.min_rsa_bits = rows[i].min;
        struct str m = replaced(a, sign_message(a, STR(MESSAGE), &s), "Hello", rows[i].to);
        ROW_STR(rows[i].want, verdict(a, m, zone_with_key(a, rows[i].type), &v), str_of(rows[i].want));
        arena_free(a);
    }
}

static void a_message_without_signatures(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct verify_params v = verify_params_default();
    struct zone *z = zone_new(a);
    ROW_STR("none", verdict(a, STR(MESSAGE), z, &v), STR(""));
    ROW_STR("empty", verdict(a, STR(""), z, &v), STR(""));
    ROW_INT("asked", z->asked, 0);
    arena_free(a);
}

static void a_header_beyond_the_limits_never_passes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params s = sign_params(KEY_ED25519);
    struct verify_params v = verify_params_default();
    struct zone *z = zone_with_key(a, KEY_ED25519);
    v.overflow = true;
    ROW_STR("overflow", verdict(a, sign_message(a, STR(MESSAGE), &s), z, &v), STR("permerror: header beyond the limits"));
    ROW_INT("asked", z->asked, 0);
    arena_free(a);
}

/* DK-13: several signatures, each judged for itself, in the order of the message. */
static void several_signatures(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params rsa = sign_params(KEY_RSA), ed = sign_params(KEY_ED25519);
    struct verify_params v = verify_params_default();
    struct dkim_result *r;
    ed.selector = STR("ed");
    ed.body_canon = DKIM_CANON_SIMPLE;
    struct zone *z = zone_with_key(a, KEY_RSA);
    zone_add(z, "ed._domainkey.example.com", dkim_key_record(a, keys[KEY_ED25519]));
    struct str m = sign_message(a, sign_message(a, STR(MESSAGE), &rsa), &ed);
    assert_int_equal(verify_message(a, m, z, &v, &r), 2);
    ROW_STR("both", results_text(a, r, 2), STR("pass, pass"));
    ROW_STR("top first", r[0].selector, STR("ed"));
    ROW_STR("below", r[1].selector, STR("sel"));
    m = replaced(a, m, "world \t", "world");
    ROW_STR("one", verdict(a, m, z, &v), STR("fail: body hash did not verify, pass"));
    /* The same signature twice: h= does not cover it, so both stand; their b= cannot be told apart. */
    m = sign_message(a, STR(MESSAGE), &rsa);
    struct str field = str_first(m, m.n - sizeof(MESSAGE) + 1);
    struct buf twice;
    buf_init(&twice, a, field.n + m.n);
    buf_str(&twice, field);
    buf_str(&twice, m);
    z->asked = 0;
    assert_int_equal(verify_message(a, buf_view(&twice), z, &v, &r), 2);
    ROW_STR("twice", results_text(a, r, 2), STR("pass, pass"));
    ROW_INT("equal names are asked for once", z->asked, 1);
    arena_free(a);
}

/* RFC 6008 4, AR-8 */
static void b_is_as_long_as_it_takes(void **state)
{
    (void)state;
    static const struct str m = STR("DKIM-Signature: b=ABCDEFGHIJKLMN; d=a\r\n"
                                    "DKIM-Signature: b=ABCDEFG\r\n HIJxxxxx; d=a\r\n"
                                    "DKIM-Signature: b=AB; d=a\r\n"
                                    "DKIM-Signature: b=zzzzzzzzzzzzzzzz; d=a\r\n"
                                    "From: a\r\n\r\n");
    static const char *const want[] = { "ABCDEFGHIJK", "ABCDEFGHIJx", "AB", "zzzzzzzz" };
    struct arena *a = arena_new();
    struct verify_params v = verify_params_default();
    struct dkim_result *r;
    assert_int_equal(verify_message(a, m, zone_new(a), &v, &r), ROWS(want));
    for (size_t i = 0; i < ROWS(want); i++)
        ROW_STR("b", r[i].b, str_of(want[i]));
    arena_free(a);
}

/* A signature field that is well formed and bad. */
static void add_junk(struct buf *out, const char *selector, const char *domain, const char *more)
{
    buf_printf(
        out,
        "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=%s; h=From; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; %s b=QUJD\r\n",
        domain, selector, more);
}

static size_t count_reason(const struct dkim_result *r, size_t n, const char *reason)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += r[i].reason != NULL && strcmp(r[i].reason, reason) == 0;
    return count;
}

static void only_so_many_are_looked_at(void **state)
{
    (void)state;
    for (size_t fields = LIMIT_DKIM_SIGNATURES; fields <= LIMIT_DKIM_SIGNATURES + 2; fields++) {
        struct arena *a = arena_new();
        struct verify_params v = verify_params_default();
        struct dkim_result *r;
        struct buf m;
        buf_init(&m, a, 100000);
        for (size_t i = 0; i < fields; i++)
            add_junk(&m, "s", "example.net", "");
        buf_puts(&m, MESSAGE);
        size_t n = verify_message(a, buf_view(&m), zone_new(a), &v, &r);
        bool more = fields > LIMIT_DKIM_SIGNATURES;
        ROW_INT("results", n, LIMIT_DKIM_SIGNATURES + more);
        ROW_INT("verified", count_reason(r, n, "no key record"), LIMIT_DKIM_VERIFIED);
        ROW_INT("too many", count_reason(r, n, "not verified: too many signatures"), LIMIT_DKIM_SIGNATURES - LIMIT_DKIM_VERIFIED);
        if (more) {
            ROW_STR("rest", str_of(r[n - 1].reason), STR("further signatures were not looked at"));
            ROW_INT("rest", r[n - 1].code, AUTH_POLICY);
        }
        ROW_INT("too many", r[20].code, AUTH_POLICY);
        arena_free(a);
    }
}

/* Signatures DMARC can use come first, however many others stand above them. */
static void others_cannot_crowd_out_the_author(void **state)
{
    (void)state;
    static const struct {
        const char *name, *domain, *author, *want;
    } rows[] = {
        { "the author's domain", "example.com", "example.com", "pass" },
        { "above it", "example.com", "sub.example.com", "pass" },
        { "below it", "example.com", "com", "pass" },
        { "another one", "example.com", "example.net", "policy: not verified: too many signatures" },
        { "a name that only ends alike", "example.com", "myexample.com", "policy: not verified: too many signatures" },
        { "no author", "example.com", "", "policy: not verified: too many signatures" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params s = sign_params(KEY_ED25519);
        struct verify_params v = verify_params_default();
        struct zone *z = zone_with_key(a, KEY_ED25519);
        struct dkim_result *r;
        struct buf m;
        buf_init(&m, a, 100000);
        for (int k = 0; k < 20; k++)
            add_junk(&m, str_cstr(a, str_printf(a, "s%d", k)), "junk.example", "");
        buf_str(&m, sign_message(a, STR(MESSAGE), &s));
        v.author_domain = rows[i].author;
        size_t n = verify_message(a, buf_view(&m), z, &v, &r);
        ROW_INT(rows[i].name, n, 21);
        ROW_STR(rows[i].name, results_text(a, &r[20], 1), str_of(rows[i].want));
        assert_true(z->asked <= LIMIT_DKIM_KEYS);
        arena_free(a);
    }
}

/* The author's own domain goes before those above and below it, which anyone can claim. */
static void parents_cannot_crowd_out_the_author(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params s = sign_params(KEY_ED25519);
    struct verify_params v = verify_params_default();
    struct dkim_result *r;
    struct buf m;
    buf_init(&m, a, 100000);
    for (int k = 0; k < 20; k++)
        add_junk(&m, "s", "com", "");
    buf_str(&m, sign_message(a, STR(MESSAGE), &s));
    assert_int_equal(verify_message(a, buf_view(&m), zone_with_key(a, KEY_ED25519), &v, &r), 21);
    ROW_STR("author", results_text(a, &r[20], 1), STR("pass"));
    ROW_STR("first junk", results_text(a, &r[0], 1), STR("permerror: no key record"));
    arena_free(a);
}

static void only_so_many_keys_are_asked_for(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct verify_params v = verify_params_default();
    struct zone *z = zone_new(a);
    struct dkim_result *r;
    struct buf m;
    buf_init(&m, a, 100000);
    for (int k = 0; k < LIMIT_DKIM_KEYS + 1; k++)
        add_junk(&m, str_cstr(a, str_printf(a, "s%d", k)), "example.com", "");
    buf_puts(&m, MESSAGE);
    assert_int_equal(verify_message(a, buf_view(&m), z, &v, &r), LIMIT_DKIM_KEYS + 1);
    ROW_INT("asked", z->asked, LIMIT_DKIM_KEYS);
    ROW_INT("last", r[LIMIT_DKIM_KEYS].code, AUTH_POLICY);
    arena_free(a);
}

static void only_so_many_body_hashes_are_computed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct verify_params v = verify_params_default();
    struct dkim_result *r;
    struct buf m;
    buf_init(&m, a, 100000);
    for (int k = 0; k < LIMIT_BODY_HASHES + 1; k++)
        add_junk(&m, "s", "example.com", str_cstr(a, str_printf(a, "l=%d;", k)));
    add_junk(&m, "s", "example.com", "l=0;");
    buf_puts(&m, MESSAGE);
    size_t n = verify_message(a, buf_view(&m), zone_new(a), &v, &r);
    ROW_INT("results", n, LIMIT_BODY_HASHES + 2);
    ROW_STR("too many", results_text(a, &r[LIMIT_BODY_HASHES], 2),
            STR("policy: not verified: too many different body hashes, permerror: no key record"));
    arena_free(a);
}

static void a_dropped_verification_leaves_no_question_open(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params s = sign_params(KEY_ED25519);
    struct zone *z = zone_with_key(a, KEY_ED25519);
    struct headers h;
    struct str body;
    headers_init(&h, a);
    assert_true(headers_read(&h, sign_message(a, STR(MESSAGE), &s), &body));
    struct dkim_verify *v =
        dkim_verify_start(a, &h, dkim_body_new(a), &dkim_params_default, &z->dns, NOW, clock_ms() + 1000, STR(""));
    ROW_INT("open", z->open, 1);
    dkim_verify_drop(v);
    ROW_INT("open", z->open, 0);
    dkim_verify_drop(v);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_sign_verifies),
        cmocka_unit_test(a_result_says_what_was_verified),
        cmocka_unit_test(a_very_long_identity_is_not_reported),
        cmocka_unit_test(u_labels_are_asked_for_as_a_labels),
        cmocka_unit_test(changes_on_the_way),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(keys_in_the_dns),
        cmocka_unit_test(names_without_an_answer),
        cmocka_unit_test(a_strict_key_wants_i_to_be_d),
        cmocka_unit_test(a_length_leaves_a_tail_unsigned),
        cmocka_unit_test(times_are_held_to_with_slack),
        cmocka_unit_test(a_site_may_want_longer_keys),
        cmocka_unit_test(a_message_without_signatures),
        cmocka_unit_test(a_header_beyond_the_limits_never_passes),
        cmocka_unit_test(several_signatures),
        cmocka_unit_test(b_is_as_long_as_it_takes),
        cmocka_unit_test(only_so_many_are_looked_at),
        cmocka_unit_test(others_cannot_crowd_out_the_author),
        cmocka_unit_test(parents_cannot_crowd_out_the_author),
        cmocka_unit_test(only_so_many_keys_are_asked_for),
        cmocka_unit_test(only_so_many_body_hashes_are_computed),
        cmocka_unit_test(a_dropped_verification_leaves_no_question_open),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
