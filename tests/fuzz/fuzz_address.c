/* fuzz_address.c - author_parse(): a status with its reason, and no domain that is not in the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"
#include "mailseal/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str value = { (const char *)data, size };
    struct author out;
    bool is_ascii = true;
    author_parse(a, value, &out);
    if ((out.reason == NULL) != (out.status == AUTHOR_ONE) || (out.domain.n > 0 && !domain_is_valid(out.domain)))
        abort();
    for (size_t i = 0; i < size; i++)
        is_ascii = is_ascii && data[i] < 0x80;
    if (out.status == AUTHOR_ONE) {
        struct str lower = str_lower(a, value);
        if (out.domain.n == 0 || out.mailboxes == 0)
            abort();
        if (is_ascii && memmem(lower.p, lower.n, out.domain.p, out.domain.n) == NULL)
            abort();
    }
    arena_free(a);
    return 0;
}
