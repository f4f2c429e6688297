/*
 * key_private.c - private keys: read from text, made new, written, and signing with them.
 *
 * A key is used only if its public half passes every check a verifier makes (RFC 8301 3.2) and if what it signs verifies. Nobody
 * is ever asked for a passphrase. Text that held a key is wiped. Reading files is key_file.c.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/crypto.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "crypto_int.h"

struct privkey {
    struct arena *arena; /* its own: a key outlives whoever read it */
    enum key_type type;
    unsigned bits;
    EVP_PKEY *pkey;
};

struct secret {
    void *p;
    size_t n;
};

static void secret_wipe(void *p)
{
    struct secret *s = p;
    OPENSSL_cleanse(s->p, s->n);
}

/* A copy in the arena that is wiped when the arena goes. */
static struct str secret_dup(struct arena *a, const void *p, size_t n)
{
    struct secret *s = ARENA_NEW(a, struct secret);
    s->p = arena_copy(a, p, n);
    s->n = n;
    arena_defer(a, secret_wipe, s);
    return (struct str){ s->p, n };
}

static void pkey_free(void *pkey)
{
    EVP_PKEY_free(pkey);
}

static struct privkey *privkey_wrap(EVP_PKEY *pkey, enum key_type type)
{
    struct arena *a = arena_new();
    struct privkey *k = ARENA_NEW(a, struct privkey);
    k->arena = a;
    k->type = type;
    k->pkey = pkey;
    arena_defer(a, pkey_free, pkey);
    return k;
}

static struct str public_der(struct arena *a, const struct privkey *k)
{
    unsigned char raw[ED25519_SIZE], *der = NULL;
    size_t n = sizeof(raw);
    if (k->type == KEY_ED25519) {
        if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) != 1)
            BUG("OpenSSL does not give the public half of a key");
        return (struct str){ arena_copy(a, raw, n), n };
    }
    int length = i2d_PUBKEY(k->pkey, &der);
    if (length <= 0)
        BUG("OpenSSL does not give the public half of a key");
    struct str out = { arena_copy(a, der, (size_t)length), (size_t)length };
    OPENSSL_free(der);
    return out;
}

/* The public half must be one we would accept from others, and the halves must fit. */
static const char *privkey_refusal(struct privkey *k)
{
    static const uint8_t digest[SHA256_SIZE] = { 1 };
    struct arena *a = arena_new();
    const char *reason;
    struct str signature;
    struct pubkey *public = pubkey_parse(a, k->type, public_der(a, k), &k->bits, &reason);
    if (public != NULL && (!privkey_sign(a, k, digest, &signature) || !pubkey_verify(public, digest, signature)))
        reason = "the parts of the key do not fit together";
    arena_free(a);
    return reason;
}

/* Called by OpenSSL when the key is encrypted: there is no one to ask. */
static int no_passphrase(char *buf, int size, int rwflag, void *asked)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    *(bool *)asked = true;
    return -1;
}

static bool text_has(struct str text, const char *word)
{
    return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

static EVP_PKEY *pem_decode(struct str text, const char **reason)
{
    bool asked = false;
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked) : NULL;
    BIO_free(bio);
    if (pkey == NULL) {
        *reason = asked ? "the key is encrypted" : "the key is damaged or of an unknown kind";
        if (!asked && !text_has(text, "PRIVATE KEY-----"))
            *reason = "there is no private key in it";
    }
    return pkey;
}

/* What some DKIM tools write: the 32 octets of an Ed25519 key, in base64. */
static EVP_PKEY *raw_decode(struct str text, const char **reason)
{
    struct arena *a = arena_new();
    struct str raw;
    EVP_PKEY *pkey = NULL;
    if (base64_decode(a, text, &raw)) {
        if (raw.n == ED25519_SIZE)
            pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)raw.p, raw.n);
        OPENSSL_cleanse((void *)(uintptr_t)raw.p, raw.n);
    }
    arena_free(a);
    if (pkey == NULL)
        *reason = "there is no private key in it";
    return pkey;
}

static bool pkey_type(const EVP_PKEY *pkey, enum key_type *type)
{
    int id = EVP_PKEY_get_base_id(pkey);
    *type = id == EVP_PKEY_RSA ? KEY_RSA : KEY_ED25519;
    return id == EVP_PKEY_RSA || id == EVP_PKEY_ED25519;
}

struct privkey *privkey_parse(struct str text, const char **reason)
{
    enum key_type type;
    *reason = "the key is too long";
    if (text.n > LIMIT_KEY_FILE)
        return NULL;
    EVP_PKEY *pkey = text_has(text, "-----BEGIN ") ? pem_decode(text, reason) : raw_decode(text, reason);
    ERR_clear_error();
    if (pkey == NULL)
        return NULL;
    if (!pkey_type(pkey, &type)) {
        EVP_PKEY_free(pkey);
        *reason = "the key is neither RSA nor Ed25519";
        return NULL;
    }
    struct privkey *k = privkey_wrap(pkey, type);
    *reason = privkey_refusal(k);
    if (*reason != NULL) {
        privkey_free(k);
        return NULL;
    }
    return k;
}

void privkey_free(struct privkey *k)
{
    if (k != NULL)
        arena_free(k->arena);
}

struct privkey *privkey_generate(enum key_type type, unsigned bits)
{
    EVP_PKEY *pkey =
        type == KEY_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL) {
        ERR_clear_error();
        return NULL;
    }
    struct privkey *k = privkey_wrap(pkey, type);
    k->bits = (unsigned)EVP_PKEY_get_bits(pkey);
    return k;
}

enum key_type privkey_type(const struct privkey *k)
{
    return k->type;
}

unsigned privkey_bits(const struct privkey *k)
{
    return k->bits;
}

struct str privkey_pem(struct arena *a, const struct privkey *k)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *p;
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
        BUG("OpenSSL cannot write a key");
    long n = BIO_get_mem_data(bio, &p);
    struct str pem = secret_dup(a, p, (size_t)n);
    BIO_free(bio);
    return pem;
}

struct str privkey_public(struct arena *a, const struct privkey *k)
{
    struct str der = public_der(a, k);
    return base64_encode(a, der.p, der.n);
}

/* RFC 6376 3.3.2 */
static bool rsa_sign(EVP_PKEY *pkey, const uint8_t *digest, unsigned char *out, size_t *n)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool good = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, hash_sha256()) == 1 && EVP_PKEY_sign(ctx, out, n, digest, SHA256_SIZE) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* RFC 8463 3 */
static bool ed25519_sign(EVP_PKEY *pkey, const uint8_t *digest, unsigned char *out, size_t *n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestSign(ctx, out, n, digest, SHA256_SIZE) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

bool privkey_sign(struct arena *a, const struct privkey *k, const uint8_t digest[SHA256_SIZE], struct str *signature)
{
    size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
    unsigned char *out = arena_alloc(a, n);
    bool good = k->type == KEY_RSA ? rsa_sign(k->pkey, digest, out, &n) : ed25519_sign(k->pkey, digest, out, &n);
    if (!good)
        ERR_clear_error();
    *signature = (struct str){ (const char *)out, good ? n : 0 };
    return good;
}
