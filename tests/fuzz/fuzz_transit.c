/* fuzz_transit.c - address_list_is_tidy(): what stays byte for byte also stays apart from white space; and a scan finds the same
 * however a text is cut. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/transit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Messages have none, and what one ends may count as a byte longer or shorter. */
static bool has_bare_lf(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str value = { (const char *)data, size };
    struct text_scan whole = { 0 }, cut = { 0 };
    size_t step = size > 0 ? 1 + data[0] % 64U : 1;
    if (address_list_is_tidy(value, true) && !address_list_is_tidy(value, false))
        abort();
    text_scan_update(&whole, value.p, value.n);
    for (struct str rest = value; rest.n > 0; rest = str_skip(rest, step))
        text_scan_update(&cut, rest.p, rest.n < step ? rest.n : step);
    if (whole.nul != cut.nul || whole.eight_bit != cut.eight_bit)
        abort();
    if (!has_bare_lf(value) && text_scan_longest(&whole) != text_scan_longest(&cut))
        abort();
    return 0;
}
