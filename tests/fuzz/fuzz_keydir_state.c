/* fuzz_keydir_state.c - keydir_state_parse(): what it accepts is the same after it was written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/keydir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct keydir_state first, second;
    const char *reason;
    bool ok = keydir_state_parse((struct str){ (const char *)data, size }, &first, &reason);
    if (ok != (reason == NULL))
        abort();
    if (ok) {
        struct str line = keydir_state_write(a, &first);
        if (line.n > KEYDIR_STATE_MAX || !keydir_state_parse(line, &second, &reason) ||
            !str_eq(line, keydir_state_write(a, &second)))
            abort();
    }
    arena_free(a);
    return 0;
}
