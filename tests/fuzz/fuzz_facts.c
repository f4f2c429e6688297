/* fuzz_facts.c - policy_facts_read(): what is taken is written and read as the same, what is not taken leaves the facts alone. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct policy_facts facts = { .spf = AUTH_PASS }, again = { .spf = AUTH_FAIL };
    struct str text;

    if (policy_facts_read(a, (struct str){ (const char *)data, size }, &facts)) {
        text = policy_facts_write(a, &facts);
        if (text.n > LIMIT_POLICY_FACTS || !policy_facts_read(a, text, &again) || !str_eq(text, policy_facts_write(a, &again)))
            abort();
    } else if (facts.spf != AUTH_PASS || facts.from_domain.n > 0 || facts.daemon.n > 0) {
        abort();
    }
    arena_free(a);
    return 0;
}
