/* fuzz_dmarc_record.c - dmarc_record_parse(): what it promises about the fields whatever the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/dmarc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A part of the record, or empty. */
static bool within(struct str part, struct str text)
{
    return part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = { (const char *)data, size };
    struct dmarc_record r;

    if (dmarc_record_parse(a, text, &r)) {
        if (!str_eq(r.text, text) || !within(r.rua, r.text) || !within(r.ruf, r.text) || !within(r.fo, r.text))
            abort();
        /* RFC 9989 4.10.1: without a good p nothing but none is asked for, and without rua nothing at all */
        if (!r.has_p && (r.p != DMARC_POLICY_NONE || r.sp != DMARC_POLICY_NONE || r.np != DMARC_POLICY_NONE || r.remark == NULL))
            abort();
        if (r.usable != (r.has_p || r.rua.n > 0) || r.defect != (r.usable && !r.has_p))
            abort();
        if ((!r.has_sp && r.sp != r.p) || (!r.has_np && r.np != r.sp))
            abort();
    }
    arena_free(a);
    return 0;
}
