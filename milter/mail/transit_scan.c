/*
 * transit_scan.c - a text as it goes by: lines that are too long (RFC 5322 2.1.1), 8-bit and NUL bytes.
 *
 * It is read beside being hashed, so it has to cost next to nothing: a window as long as a line may be is searched from its end,
 * and lines that end inside of it are not looked at one by one.
 */
#include <string.h>

#include "mailseal/transit.h"

#define WINDOW    (TRANSIT_LINE_MAX + 2) /* with its CRLF */
#define HIGH_BITS 0x8080808080808080

/* Eight bytes at a time; which of them it is does not matter. */
static bool has_eight_bit(const char *p, size_t n)
{
    uint64_t all = 0, word;
    for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        all |= word;
    }
    for (; n > 0; p++, n--)
        all |= (unsigned char)*p;
    return (all & HIGH_BITS) != 0;
}

/* A long line has ended with n more bytes before its LF. */
static void end_long_line(struct text_scan *s, const char *p, size_t n)
{
    bool cr = n > 0 ? p[n - 1] == '\r' : s->ends_in_cr;
    size_t length = s->line + n - cr;
    if (length > s->longest && length > TRANSIT_LINE_MAX)
        s->longest = length;
    s->line = 0;
}

static void scan_lines(struct text_scan *s, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = s->line < WINDOW ? WINDOW - s->line : 0, look = n < room ? n : room;
        const char *lf = look > 0 ? memrchr(p, '\n', look) : NULL;
        if (lf != NULL) {
            s->line = 0;
        } else if (look == n || (lf = memchr(p + look, '\n', n - look)) == NULL) {
            s->line += n;
            return;
        } else {
            end_long_line(s, p, (size_t)(lf - p));
        }
        n -= (size_t)(lf + 1 - p);
        p = lf + 1;
    }
}

void text_scan_update(struct text_scan *s, const char *p, size_t n)
{
    if (n == 0)
        return;
    s->eight_bit = s->eight_bit || has_eight_bit(p, n);
    s->nul = s->nul || memchr(p, '\0', n) != NULL;
    scan_lines(s, p, n);
    s->ends_in_cr = p[n - 1] == '\r';
}

size_t text_scan_longest(const struct text_scan *s)
{
    size_t open = s->line - (s->line > 0 && s->ends_in_cr);
    return open > s->longest && open > TRANSIT_LINE_MAX ? open : s->longest;
}
