/*
 * hash.c - SHA-256, fed in pieces.
 *
 * The handle belongs to the arena. That OpenSSL cannot give us SHA-256 at all is a broken installation, no fault of a message.
 */
#include <pthread.h>

#include <openssl/evp.h>

#include "mailseal/arena.h"
#include "mailseal/crypto.h"
#include "mailseal/log.h"

#include "crypto_int.h"

struct hash {
    EVP_MD_CTX *ctx;
};

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void sha256_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (sha256 == NULL)
        BUG("OpenSSL has no SHA-256");
}

const EVP_MD *hash_sha256(void)
{
    if (pthread_once(&sha256_once, sha256_fetch) != 0)
        BUG("pthread_once failed");
    return sha256;
}

static void ctx_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

struct hash *hash_new(struct arena *a)
{
    struct hash *h = ARENA_NEW(a, struct hash);
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, hash_sha256(), NULL) != 1)
        BUG("OpenSSL cannot begin a digest");
    arena_defer(a, ctx_free, h->ctx);
    return h;
}

void hash_update(struct hash *h, const void *p, size_t n)
{
    if (EVP_DigestUpdate(h->ctx, p, n) != 1)
        BUG("OpenSSL cannot continue a digest");
}

void hash_final(struct hash *h, uint8_t out[SHA256_SIZE])
{
    if (EVP_DigestFinal_ex(h->ctx, out, NULL) != 1)
        BUG("OpenSSL cannot finish a digest");
}
