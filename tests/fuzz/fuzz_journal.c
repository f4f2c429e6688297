/* fuzz_journal.c - journal_unpack(): any bytes of a damaged file; what was packed comes back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/limits.h"

#include "milter/journal/journal_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str own_words(void *ctx, uint32_t id)
{
    uint32_t mine;
    struct str facts = journal_pack_words(JOURNAL_FACTS, &mine);
    (void)ctx;
    return id == mine ? facts : journal_pack_words(JOURNAL_DETAIL, &mine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct journal_words words = { own_words, NULL };
    struct journal_unpack *u = journal_unpack_new(&words);
    struct journal_pack *p = journal_pack_new();
    struct str in = { (const char *)data, size < LIMIT_JOURNAL_ENTRY ? size : LIMIT_JOURNAL_ENTRY }, out;
    if (journal_unpack(u, in, &out) && out.n > LIMIT_JOURNAL_ENTRY)
        abort();
    for (int kind = 0; kind < JOURNAL_TEXTS; kind++)
        if (!journal_unpack(u, journal_pack(p, (enum journal_text)kind, in), &out) || !str_eq(in, out))
            abort();
    journal_pack_free(p);
    journal_unpack_free(u);
    return 0;
}
