/*
 * crypto.h - digests, public keys from DNS records, private keys from files (landlord of OpenSSL).
 */
#ifndef MAILSEAL_CRYPTO_H
#define MAILSEAL_CRYPTO_H

#include "mailseal/str.h"

#define SHA256_SIZE 32

/* Has OpenSSL wipe whatever it frees, so that a private key is gone when it is freed. Once, at the start of a program that reads
 * private keys, before anything else here is used. */
void crypto_start(void);

/* A running SHA-256. Its handle goes with the arena. */
struct hash;
struct hash *hash_new(struct arena *a);
void hash_update(struct hash *h, const void *p, size_t n);
/* The digest; the hash must not be used again. */
void hash_final(struct hash *h, uint8_t out[SHA256_SIZE]);

enum key_type { KEY_RSA, KEY_ED25519 };

/* A public key, in the arena. */
struct pubkey;
/* From the decoded p= of a key record: RSA as SubjectPublicKeyInfo or RSAPublicKey (RFC 6376 3.6.1, both are met), Ed25519 as 32
 * raw bytes (RFC 8463 4.2). Modulus and exponent are checked against limits.h before OpenSSL sees them. NULL with a reason (a
 * literal); *bits is the modulus size where it could be read, also on refusal, else 0. */
struct pubkey *pubkey_parse(struct arena *a, enum key_type type, struct str der, unsigned *bits, const char **reason);

/* rsa-sha256 (RSASSA-PKCS1-v1_5) or ed25519-sha256 (RFC 8463 3: PureEdDSA over the digest) of a finished SHA-256. */
bool pubkey_verify(const struct pubkey *k, const uint8_t digest[SHA256_SIZE], struct str signature)
    __attribute__((warn_unused_result));

/* A private key: heap, counted by its owner, may be used by several threads at once. */
struct privkey;
/* PEM (PKCS#1, PKCS#8, Ed25519) or, for Ed25519, 32 raw bytes in base64, from text. Encrypted keys and other types are refused.
 * NULL with a reason (a literal). */
struct privkey *privkey_parse(struct str text, const char **reason);
/* Reads the file first: opened once without following a final link, checked on the descriptor: a regular file of at most
 * LIMIT_KEY_FILE bytes, owned by root or us, not readable or writable by others nor writable by the group; every directory on the
 * way to it likewise owned and not writable by group or others (unless sticky), every link of root's or ours. NULL with a reason
 * in the arena, which does not name the path. */
struct privkey *privkey_read(struct arena *a, const char *path, const char **reason);
/* The same for a file that a user names on a command line: who else can read or write it is not a refusal but *warning, which is
 * NULL when all is well. */
struct privkey *privkey_read_named(struct arena *a, const char *path, const char **warning, const char **reason);
void privkey_free(struct privkey *k);
/* A new key: RSA of bits, or Ed25519 (bits ignored). NULL when OpenSSL cannot. */
struct privkey *privkey_generate(enum key_type type, unsigned bits);
enum key_type privkey_type(const struct privkey *k);
unsigned privkey_bits(const struct privkey *k);
/* PEM, PKCS#8. */
struct str privkey_pem(struct arena *a, const struct privkey *k);
/* The p= value: base64 of SubjectPublicKeyInfo, or of the 32 raw bytes. */
struct str privkey_public(struct arena *a, const struct privkey *k);
/* Signs a finished SHA-256. False when OpenSSL refuses. */
bool privkey_sign(struct arena *a, const struct privkey *k, const uint8_t digest[SHA256_SIZE], struct str *signature)
    __attribute__((warn_unused_result));

#endif
