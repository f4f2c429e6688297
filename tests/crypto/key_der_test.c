/* key_der_test.c - RSA keys in DER: what is read, and everything that is refused. */
#include "tests/support/support.h"

#include "mailseal/base64.h"
#include "mailseal/crypto.h"

#include "milter/crypto/crypto_int.h"
#include "tests/crypto/der_support.h"

static const char *refusal(struct str der, unsigned *bits)
{
    struct rsa_public k;
    const char *reason;
    bool good = rsa_public_read(der, &k, &reason);
    assert_true(good == (reason == NULL));
    *bits = k.bits;
    return good ? "good" : reason;
}

/* DK-27, DK-28 */
static void sizes_are_held_to(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned modulus;
        uint8_t modulus_low;
        unsigned exponent;
        uint8_t exponent_low;
        const char *want;
    } rows[] = {
        { "2048 bits, 65537", 2048, 1, 17, 1, "good" },
        { "1024 bits", 1024, 1, 17, 1, "good" },
        { "1023 bits", 1023, 1, 17, 1, "RSA key shorter than 1024 bits" },
        { "512 bits", 512, 1, 17, 1, "RSA key shorter than 1024 bits" },
        { "1 bit", 1, 1, 17, 1, "RSA key shorter than 1024 bits" },
        { "8192 bits", 8192, 1, 17, 1, "good" },
        { "8193 bits", 8193, 1, 17, 1, "RSA key longer than 8192 bits" },
        { "16384 bits", 16384, 1, 17, 1, "RSA key longer than 8192 bits" },
        { "even modulus", 2048, 0, 17, 1, "RSA modulus is even" },
        { "exponent 1", 2048, 1, 1, 1, "RSA exponent is not usable" },
        { "exponent 2", 2048, 1, 2, 0, "RSA exponent is not usable" },
        { "exponent 3", 2048, 1, 2, 1, "good" },
        { "exponent 65536", 2048, 1, 17, 0, "RSA exponent is not usable" },
        { "exponent of 64 bits", 2048, 1, 64, 1, "good" },
        { "exponent of 65 bits", 2048, 1, 65, 1, "RSA exponent is not usable" },
        { "exponent of 2000 bits", 2048, 1, 2000, 1, "RSA exponent is not usable" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        unsigned bits;
        struct str key =
            der_rsa(a, der_number(a, rows[i].modulus, rows[i].modulus_low), der_number(a, rows[i].exponent, rows[i].exponent_low));
        ROW_STR(rows[i].name, str_of(refusal(key, &bits)), str_of(rows[i].want));
        ROW_INT(rows[i].name, bits, rows[i].modulus);
        /* DK-25: both forms are met. */
        ROW_STR(rows[i].name, str_of(refusal(der_spki(a, RSA_ALGORITHM, key), &bits)), str_of(rows[i].want));
        ROW_INT(rows[i].name, bits, rows[i].modulus);
        arena_free(a);
    }
}

#define NOT_DER "key is not valid DER"

static void form_is_strict(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str n = der_number(a, 1024, 1), e = der_number(a, 17, 1), key = der_rsa(a, n, e);
    struct str negative = der(a, 0x02, join(a, STR("\x80"), str_skip(n, n.n - 127))), zero = STR("\x02\x01\x00");
    struct str padded = der(a, 0x02, STR("\x00\x01\x00\x01"));
    const struct {
        const char *name;
        struct str in;
        const char *want;
    } rows[] = {
        { "the key that is spoiled below", key, "good" },
        { "empty", STR(""), NOT_DER },
        { "data behind the key", join(a, key, STR("\0")), NOT_DER },
        { "a third number", der(a, 0x30, join(a, join(a, n, e), e)), NOT_DER },
        { "no exponent", der(a, 0x30, n), NOT_DER },
        { "no numbers", STR("\x30\x00"), NOT_DER },
        { "a set", der(a, 0x31, join(a, n, e)), NOT_DER },
        { "negative modulus", der_rsa(a, negative, e), NOT_DER },
        { "modulus 0", der_rsa(a, zero, e), NOT_DER },
        { "exponent 0", der_rsa(a, n, zero), NOT_DER },
        { "number of no octets", der_rsa(a, n, STR("\x02\x00")), NOT_DER },
        { "number padded with a zero", der_rsa(a, n, padded), NOT_DER },
        { "long length where a short one does", der_rsa(a, n, STR("\x02\x81\x03\x01\x00\x01")), NOT_DER },
        { "two octets of length where one does", der_rsa(a, n, STR("\x02\x82\x00\x03\x01\x00\x01")), NOT_DER },
        { "indefinite length", join(a, STR("\x30\x80"), join(a, n, e)), NOT_DER },
        { "four octets of length", STR("\x30\x84\x7f\xff\xff\xff\x02\x01\x03"), NOT_DER },
        { "RSA without parameters", der_spki(a, STR("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), key), "good" },
        { "parameters that are not NULL", der_spki(a, STR("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x04\x00"), key),
          NOT_DER },
        { "NULL with content", der_spki(a, STR("\x30\x0e\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x01\x00"), key), NOT_DER },
        { "an elliptic curve", der_spki(a, STR("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"), key), "key is not an RSA key" },
        { "RSASSA-PSS", der_spki(a, STR("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), key), "key is not an RSA key" },
        { "unused bits", der(a, 0x30, join(a, RSA_ALGORITHM, der(a, 0x03, join(a, STR("\x01"), key)))), NOT_DER },
        { "empty bit string", der(a, 0x30, join(a, RSA_ALGORITHM, STR("\x03\x00"))), NOT_DER },
        { "no bit string", der(a, 0x30, RSA_ALGORITHM), NOT_DER },
        { "data behind the bit string", der(a, 0x30, join(a, str_skip(der_spki(a, RSA_ALGORITHM, key), 3), STR("\5\0"))), NOT_DER },
        { "wrapped twice", der_spki(a, RSA_ALGORITHM, der_spki(a, RSA_ALGORITHM, key)), NOT_DER },
        { "not even DER", STR("MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ"), NOT_DER },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned bits;
        ROW_STR(rows[i].name, str_of(refusal(rows[i].in, &bits)), str_of(rows[i].want));
    }
    arena_free(a);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str whole = der_spki(a, RSA_ALGORITHM, der_rsa(a, der_number(a, 2048, 1), der_number(a, 17, 1)));
    unsigned bits;
    for (size_t n = 0; n < whole.n; n++) {
        /* An exact copy, for the sanitizer. */
        char *p = malloc(n + 1);
        memcpy(p, whole.p, n);
        ROW_STR("truncated", str_of(refusal((struct str){ p, n }, &bits)), STR(NOT_DER));
        free(p);
    }
    ROW_STR("whole", str_of(refusal(whole, &bits)), STR("good"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_held_to),
        cmocka_unit_test(form_is_strict),
        cmocka_unit_test(every_truncation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
