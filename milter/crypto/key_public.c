/*
 * key_public.c - public keys as DKIM key records publish them, and verifying with them.
 *
 * RFC 6376 3.3, RFC 8301, RFC 8463. The DER is checked in key_der.c; what reaches OpenSSL here has sane sizes.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "mailseal/arena.h"
#include "mailseal/crypto.h"

#include "crypto_int.h"

struct pubkey {
    enum key_type type;
    EVP_PKEY *pkey;
};

static void pkey_free(void *pkey)
{
    EVP_PKEY_free(pkey);
}

static EVP_PKEY *rsa_decode(struct str der, unsigned *bits, const char **reason)
{
    struct rsa_public k;
    bool good = rsa_public_read(der, &k, reason);
    *bits = k.bits;
    if (!good)
        return NULL;
    const unsigned char *p = (const unsigned char *)k.key.p;
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)k.key.n);
}

/* RFC 8463 4.2: the 32 octets of RFC 8032 5.1.5, without any wrapping. */
static EVP_PKEY *ed25519_decode(struct str raw, unsigned *bits, const char **reason)
{
    if (raw.n != ED25519_SIZE) {
        *reason = "Ed25519 key is not 32 octets long";
        return NULL;
    }
    *bits = ED25519_SIZE * 8;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)raw.p, raw.n);
}

struct pubkey *pubkey_parse(struct arena *a, enum key_type type, struct str der, unsigned *bits, const char **reason)
{
    *bits = 0;
    *reason = "OpenSSL refuses the key";
    EVP_PKEY *pkey = type == KEY_RSA ? rsa_decode(der, bits, reason) : ed25519_decode(der, bits, reason);
    if (pkey == NULL) {
        ERR_clear_error();
        return NULL;
    }
    struct pubkey *k = ARENA_NEW(a, struct pubkey);
    k->type = type;
    k->pkey = pkey;
    arena_defer(a, pkey_free, pkey);
    *reason = NULL;
    return k;
}

/* RFC 6376 3.3.2: RSASSA-PKCS1-v1_5 (RFC 8017 8.2) over a digest already computed. */
static bool rsa_verify(EVP_PKEY *pkey, const uint8_t *digest, struct str signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, hash_sha256()) == 1 &&
                EVP_PKEY_verify(ctx, (const unsigned char *)signature.p, signature.n, digest, SHA256_SIZE) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* RFC 8463 3: PureEdDSA, its message being the digest. */
static bool ed25519_verify(EVP_PKEY *pkey, const uint8_t *digest, struct str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, digest, SHA256_SIZE) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

bool pubkey_verify(const struct pubkey *k, const uint8_t digest[SHA256_SIZE], struct str signature)
{
    bool good = k->type == KEY_RSA ? rsa_verify(k->pkey, digest, signature) : ed25519_verify(k->pkey, digest, signature);
    if (!good)
        ERR_clear_error();
    return good;
}
