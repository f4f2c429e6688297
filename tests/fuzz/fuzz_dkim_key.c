/* fuzz_dkim_key.c - dkim_key_parse(): any text of a key record. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct dkim_key k;
    const char *reason;
    bool good = dkim_key_parse(a, (struct str){ (const char *)data, size }, &k, &reason);
    if (good != (reason == NULL))
        abort();
    if (good && (k.key == NULL || k.revoked || !k.sha256 || !k.email || k.p.n == 0 || k.p.n > LIMIT_DKIM_P))
        abort();
    if (good && (k.type == KEY_RSA ? k.bits < LIMIT_RSA_BITS_MIN || k.bits > LIMIT_RSA_BITS_MAX : k.bits != 256))
        abort();
    arena_free(a);
    return 0;
}
