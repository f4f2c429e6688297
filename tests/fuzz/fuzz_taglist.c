/* fuzz_taglist.c - taglist_parse(): spans of the text, each name once. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/taglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = { (const char *)data, size };
    struct taglist t;
    const char *reason;
    bool ok = taglist_parse(&t, text, &reason);
    if (ok != (reason == NULL))
        abort();
    for (size_t i = 0; ok && i < t.n; i++) {
        struct str value;
        if (t.v[i].name.p < text.p || t.v[i].value.p + t.v[i].value.n > text.p + size)
            abort();
        if (!taglist_get(&t, str_cstr(a, t.v[i].name), &value) || value.p != t.v[i].value.p)
            abort();
    }
    arena_free(a);
    return 0;
}
