/* fuzz_domain.c - domain_normalise(): its result is valid and stays as it is; path_parse() on the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"
#include "mailseal/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str in = { (const char *)data, size }, out, again, local, domain;
    if (domain_normalise(a, in, &out)) {
        unsigned labels = domain_labels(out);
        if (!domain_is_valid(out) || !domain_normalise(a, out, &again) || !str_eq(out, again))
            abort();
        for (unsigned n = 1; n <= labels; n++)
            if (domain_labels(domain_suffix(out, n)) != n || !domain_is_under(out, domain_suffix(out, n)))
                abort();
    } else if (out.n != 0) {
        abort();
    }
    if (path_parse(a, in, &local, &domain) ? domain.n > 0 && !domain_is_valid(domain) : domain.n > 0 || !str_eq(local, in))
        abort();
    arena_free(a);
    return 0;
}
