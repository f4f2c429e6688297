/* crypto_int.h - what the files of the crypto room share. */
#ifndef MAILSEAL_CRYPTO_INT_H
#define MAILSEAL_CRYPTO_INT_H

#include <openssl/evp.h>

#include "mailseal/crypto.h"

#define ED25519_SIZE          32
#define RSA_EXPONENT_BITS_MAX 64 /* a 2000-bit exponent would cost 2.2 ms a verification */

/* SHA-256, fetched once for the process: a fetch per digest would cost a third of a short one. */
const EVP_MD *hash_sha256(void);

/* An RSA public key found in DER. `key` is the RSAPublicKey (RFC 8017 A.1.1) with its header; the spans point into the input. */
struct rsa_public {
    struct str key, modulus, exponent; /* the numbers without leading zeros */
    unsigned bits;                     /* of the modulus */
};
/* Reads RSAPublicKey, bare or inside a SubjectPublicKeyInfo, and checks every limit. False with a reason (a literal); out->bits
 * is set as soon as the modulus was read. */
bool rsa_public_read(struct str der, struct rsa_public *out, const char **reason);

#endif
