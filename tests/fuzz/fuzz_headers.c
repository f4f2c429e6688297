/* fuzz_headers.c - headers_read(): nothing is lost, and reading a header again gives the same fields. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str message = { (const char *)data, size }, body;
    struct headers h;
    headers_init(&h, a);
    bool kept = headers_read(&h, message, &body);
    if (kept == h.overflow || body.n > size || (body.n > 0 && body.p + body.n != message.p + size))
        abort();
    for (size_t i = 0; i < h.n; i++) {
        const struct header *f = &h.v[i];
        struct headers again;
        struct str rest;
        headers_init(&again, a);
        if (!headers_read(&again, f->raw, &rest) || again.n != 1 || rest.n != 0 || !str_eq(again.v[0].raw, f->raw))
            abort();
        if (headers_get(&h, f->name, headers_count(&h, f->name) - 1) == NULL)
            abort();
        if (i == 8)
            break;
    }
    arena_free(a);
    return 0;
}
