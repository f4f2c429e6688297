/* fuzz_key_public.c - pubkey_parse(): any bytes as a key; those that are one verify nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t digest[SHA256_SIZE] = { 1 };
    struct arena *a = arena_new();
    const char *reason;
    unsigned bits;
    struct str der = { (const char *)data, size };
    struct pubkey *k = pubkey_parse(a, KEY_RSA, der, &bits, &reason);
    if ((k == NULL) != (reason != NULL))
        abort();
    if (k != NULL && (bits < LIMIT_RSA_BITS_MIN || bits > LIMIT_RSA_BITS_MAX || pubkey_verify(k, digest, der)))
        abort();
    k = pubkey_parse(a, KEY_ED25519, der, &bits, &reason);
    if ((k == NULL) != (size != 32 || reason != NULL))
        abort();
    if (k != NULL && pubkey_verify(k, digest, der))
        abort();
    arena_free(a);
    return 0;
}
