/* key_public_test.c - public keys as key records publish them, and verifying with them. */
#include "tests/support/support.h"

#include "mailseal/base64.h"
#include "mailseal/crypto.h"

#include "tests/crypto/der_support.h"

static const uint8_t digest[SHA256_SIZE] = { 1, 2, 3 };

static struct privkey *keys[2]; /* by enum key_type */

static int make_keys(void **state)
{
    (void)state;
    keys[KEY_RSA] = privkey_generate(KEY_RSA, 1024);
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

static struct str public_bytes(struct arena *a, enum key_type type)
{
    struct str out;
    assert_true(base64_decode(a, privkey_public(a, keys[type]), &out));
    return out;
}

/* DK-60, DK-61 */
static void a_signature_verifies_and_no_other_does(void **state)
{
    (void)state;
    for (enum key_type type = KEY_RSA; type <= KEY_ED25519; type++) {
        struct arena *a = arena_new();
        unsigned bits;
        const char *reason;
        struct str signature;
        struct pubkey *k = pubkey_parse(a, type, public_bytes(a, type), &bits, &reason);
        assert_non_null(k);
        assert_null(reason);
        ROW_INT("bits", bits, type == KEY_RSA ? 1024 : 256);
        assert_true(privkey_sign(a, keys[type], digest, &signature));
        assert_true(pubkey_verify(k, digest, signature));
        for (size_t i = 0; i < signature.n * 8; i++) {
            char *other = arena_copy(a, signature.p, signature.n);
            other[i / 8] = (char)(other[i / 8] ^ (1 << (i % 8)));
            assert_false(pubkey_verify(k, digest, (struct str){ other, signature.n }));
        }
        for (size_t i = 0; i < SHA256_SIZE; i++) {
            uint8_t other[SHA256_SIZE];
            memcpy(other, digest, sizeof(other));
            other[i] ^= 0x80;
            assert_false(pubkey_verify(k, other, signature));
        }
        assert_false(pubkey_verify(k, digest, str_first(signature, signature.n - 1)));
        assert_false(pubkey_verify(k, digest, join(a, signature, STR("\0"))));
        assert_false(pubkey_verify(k, digest, join(a, STR("\0"), signature)));
        assert_false(pubkey_verify(k, digest, STR("")));
        arena_free(a);
    }
}

/* DK-25: RSAPublicKey alone is the same key. */
static void both_forms_of_an_rsa_key_are_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str spki = public_bytes(a, KEY_RSA), signature;
    /* SEQUENCE header of 3 octets, the algorithm, the BIT STRING's header of 3 octets, and its count of unused bits */
    struct str bare = str_skip(spki, 3 + RSA_ALGORITHM.n + 3 + 1);
    unsigned bits;
    const char *reason;
    struct pubkey *k = pubkey_parse(a, KEY_RSA, bare, &bits, &reason);
    assert_non_null(k);
    assert_true(privkey_sign(a, keys[KEY_RSA], digest, &signature));
    assert_true(pubkey_verify(k, digest, signature));
    arena_free(a);
}

/* DK-26 */
static void an_ed25519_key_is_32_octets(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str raw = public_bytes(a, KEY_ED25519);
    const struct {
        const char *name;
        struct str in;
    } rows[] = {
        { "empty", STR("") },
        { "one too few", str_first(raw, 31) },
        { "one too many", join(a, raw, STR("\0")) },
        { "SubjectPublicKeyInfo", join(a, STR("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), raw) },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned bits;
        const char *reason = NULL;
        assert_null(pubkey_parse(a, KEY_ED25519, rows[i].in, &bits, &reason));
        ROW_STR(rows[i].name, str_of(reason), STR("Ed25519 key is not 32 octets long"));
        ROW_INT(rows[i].name, bits, 0);
    }
    arena_free(a);
}

static void keys_of_one_type_are_not_keys_of_the_other(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    unsigned bits;
    const char *reason;
    assert_null(pubkey_parse(a, KEY_RSA, public_bytes(a, KEY_ED25519), &bits, &reason));
    assert_non_null(reason);
    assert_null(pubkey_parse(a, KEY_ED25519, public_bytes(a, KEY_RSA), &bits, &reason));
    assert_non_null(reason);
    arena_free(a);
}

/* A hostile modulus is no product of primes; verifying with it must only say no. */
static void a_modulus_that_is_no_modulus_verifies_nothing(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    unsigned bits;
    const char *reason;
    struct str key = der_rsa(a, der_number(a, 8192, 1), der_number(a, 64, 1));
    struct pubkey *k = pubkey_parse(a, KEY_RSA, key, &bits, &reason);
    assert_non_null(k);
    struct str signature = { arena_alloc(a, 1024), 1024 };
    assert_false(pubkey_verify(k, digest, signature));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_verifies_and_no_other_does),
        cmocka_unit_test(both_forms_of_an_rsa_key_are_read),
        cmocka_unit_test(an_ed25519_key_is_32_octets),
        cmocka_unit_test(keys_of_one_type_are_not_keys_of_the_other),
        cmocka_unit_test(a_modulus_that_is_no_modulus_verifies_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
