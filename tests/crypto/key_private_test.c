/* key_private_test.c - private keys: what is read, what is refused, and what comes out again. */
#include "tests/support/support.h"

#include "mailseal/base64.h"
#include "mailseal/crypto.h"

#include "tests/crypto/test_keys.h"

static const uint8_t digest[SHA256_SIZE] = { 9 };

/* X03, DK-81 */
static void texts_are_read_or_refused_with_a_reason(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct str in;
        const char *want; /* the reason, or NULL for a key */
    } rows[] = {
        { "PKCS#1", str_of(rsa_traditional), NULL },
        { "PKCS#8", str_of(rsa_pkcs8), NULL },
        { "Ed25519 PEM", str_of(ed25519), NULL },
        { "Ed25519, 32 octets in base64", str_of(ed25519_raw), NULL },
        { "512 bits", str_of(rsa_512), "RSA key shorter than 1024 bits" },
        { "parts of different keys", str_of(rsa_damaged), "the parts of the key do not fit together" },
        { "elliptic curve", str_of(ec), "the key is neither RSA nor Ed25519" },
        { "public key", str_of(rsa_public), "there is no private key in it" },
        { "encrypted PKCS#1", str_of(rsa_encrypted), "the key is encrypted" },
        { "encrypted PKCS#8", str_of(ed25519_encrypted), "the key is encrypted" },
        { "empty", STR(""), "there is no private key in it" },
        { "33 octets", STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "there is no private key in it" },
        { "text", STR("hello world"), "there is no private key in it" },
        { "a begin line only", STR("-----BEGIN PRIVATE KEY-----\n"), "the key is damaged or of an unknown kind" },
        { "half a key", str_first(str_of(rsa_pkcs8), 300), "the key is damaged or of an unknown kind" },
        { "a certificate's begin line", STR("-----BEGIN CERTIFICATE-----\n"), "there is no private key in it" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *reason = "unset";
        struct privkey *k = privkey_parse(rows[i].in, &reason);
        ROW_STR(rows[i].name, str_of(reason), str_of(rows[i].want));
        ROW_INT(rows[i].name, k != NULL, rows[i].want == NULL);
        privkey_free(k);
    }
}

static void a_text_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    char *p = malloc(70000);
    memset(p, '\n', 70000);
    memcpy(p, ed25519, sizeof(ed25519) - 1);
    const char *reason;
    assert_null(privkey_parse((struct str){ p, 70000 }, &reason));
    ROW_STR("long", str_of(reason), STR("the key is too long"));
    free(p);
}

static void a_key_says_what_it_is(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *reason;
    struct privkey *rsa = privkey_parse(str_of(rsa_traditional), &reason), *pkcs8 = privkey_parse(str_of(rsa_pkcs8), &reason);
    struct privkey *ed = privkey_parse(str_of(ed25519), &reason), *raw = privkey_parse(str_of(ed25519_raw), &reason);
    assert_true(rsa != NULL && pkcs8 != NULL && ed != NULL && raw != NULL);
    ROW_INT("type", privkey_type(rsa), KEY_RSA);
    ROW_INT("bits", privkey_bits(rsa), 1024);
    ROW_INT("type", privkey_type(ed), KEY_ED25519);
    ROW_INT("bits", privkey_bits(ed), 256);
    ROW_STR("public half of both forms", privkey_public(a, rsa), privkey_public(a, pkcs8));
    /* DK-26: 44 characters, no SubjectPublicKeyInfo */
    ROW_STR("public half", privkey_public(a, ed), str_of(ed25519_public));
    ROW_STR("public half of the raw form", privkey_public(a, raw), str_of(ed25519_public));
    ROW_STR("PEM again", privkey_pem(a, pkcs8), str_of(rsa_pkcs8));
    ROW_STR("PEM of PKCS#1", privkey_pem(a, rsa), str_of(rsa_pkcs8));
    ROW_STR("PEM of a raw key", privkey_pem(a, raw), str_of(ed25519));
    privkey_free(rsa);
    privkey_free(pkcs8);
    privkey_free(ed);
    privkey_free(raw);
    privkey_free(NULL);
    arena_free(a);
}

static void a_new_key_can_be_written_and_read(void **state)
{
    (void)state;
    for (enum key_type type = KEY_RSA; type <= KEY_ED25519; type++) {
        struct arena *a = arena_new();
        const char *reason;
        struct privkey *k = privkey_generate(type, 1024), *again = privkey_parse(privkey_pem(a, k), &reason);
        assert_non_null(again);
        ROW_INT("type", privkey_type(again), type);
        ROW_INT("bits", privkey_bits(k), type == KEY_RSA ? 1024 : 256);
        ROW_INT("bits", privkey_bits(again), privkey_bits(k));
        ROW_STR("public", privkey_public(a, again), privkey_public(a, k));

        struct str one, two, der;
        unsigned bits;
        assert_true(privkey_sign(a, k, digest, &one));
        assert_true(privkey_sign(a, again, digest, &two));
        ROW_STR("both schemes are deterministic", one, two);
        assert_true(base64_decode(a, privkey_public(a, k), &der));
        assert_true(pubkey_verify(pubkey_parse(a, type, der, &bits, &reason), digest, one));
        privkey_free(k);
        privkey_free(again);
        arena_free(a);
    }
}

static void two_new_keys_differ(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct privkey *one = privkey_generate(KEY_ED25519, 0), *two = privkey_generate(KEY_ED25519, 0);
    assert_false(str_eq(privkey_public(a, one), privkey_public(a, two)));
    privkey_free(one);
    privkey_free(two);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_or_refused_with_a_reason),
        cmocka_unit_test(a_text_beyond_the_limit_is_refused),
        cmocka_unit_test(a_key_says_what_it_is),
        cmocka_unit_test(a_new_key_can_be_written_and_read),
        cmocka_unit_test(two_new_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
