/* fuzz_dkim_sig.c - dkim_sig_parse() and dkim_sig_unsigned(): any value of a DKIM-Signature field. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"

#include "milter/dkim/dkim_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_good(const struct dkim_sig *s)
{
    if (!domain_is_valid(s->domain) || !domain_is_valid(s->selector) || s->n_names == 0 || s->n_names > LIMIT_DKIM_H)
        abort();
    if (s->body_hash.n != SHA256_SIZE || s->signature.n == 0 || s->b.n == 0)
        abort();
    if (s->identity_domain.n > 0 && !domain_is_under(s->identity_domain, s->domain))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct headers h;
    struct dkim_sig s;
    headers_init(&h, a);
    if (headers_add(&h, STR("DKIM-Signature"), (struct str){ (const char *)data, size })) {
        dkim_sig_parse(a, &h.v[0], &s);
        if ((s.code == AUTH_NONE) != (s.reason == NULL))
            abort();
        if (s.code == AUTH_NONE)
            check_good(&s);
        struct str bare = dkim_sig_unsigned(a, h.v[0].raw);
        if (bare.n > h.v[0].raw.n || (s.code == AUTH_NONE && bare.n + s.b.n > h.v[0].raw.n))
            abort();
    }
    arena_free(a);
    return 0;
}
