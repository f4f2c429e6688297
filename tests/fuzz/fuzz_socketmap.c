/* fuzz_socketmap.c - what a socketmap server may send: a whole reply is one at its last byte and not before, and what is no reply
 * does not become one by more bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../milter/table/table_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = { (const char *)data, size };
    struct socketmap_reply reply;
    enum socketmap_parsed before = SOCKETMAP_MORE;
    for (size_t n = 0; n <= size; n++) {
        enum socketmap_parsed now = socketmap_reply_parse(str_first(all, n), &reply);
        if (before != SOCKETMAP_MORE && now != SOCKETMAP_BAD)
            abort();
        if (now == SOCKETMAP_MORE && n >= SOCKETMAP_WIRE_MAX)
            abort();
        if (now == SOCKETMAP_DONE &&
            (reply.text.n > SOCKETMAP_REPLY_MAX || (reply.text.n > 0 && reply.text.p + reply.text.n >= all.p + n)))
            abort();
        before = now;
    }
    return 0;
}
