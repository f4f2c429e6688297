/* der_support.h - DER made by hand, right and wrong, for keys nobody could generate. */
#ifndef TESTS_DER_SUPPORT_H
#define TESTS_DER_SUPPORT_H

#include "mailseal/buf.h"

/* tag, length in its shortest form, content */
static inline struct str der(struct arena *a, uint8_t tag, struct str content)
{
    struct buf b;
    buf_init(&b, a, content.n + 8);
    buf_char(&b, (char)tag);
    if (content.n >= 0x100) {
        buf_char(&b, (char)0x82);
        buf_char(&b, (char)(content.n >> 8));
    } else if (content.n >= 0x80) {
        buf_char(&b, (char)0x81);
    }
    buf_char(&b, (char)content.n);
    buf_str(&b, content);
    return buf_view(&b);
}

static inline struct str join(struct arena *a, struct str one, struct str two)
{
    struct buf b;
    buf_init(&b, a, one.n + two.n);
    buf_str(&b, one);
    buf_str(&b, two);
    return buf_view(&b);
}

/* A positive INTEGER with exactly this many bits: the first and the last are set, and those of `low` below. */
static inline struct str der_number(struct arena *a, unsigned bits, uint8_t low)
{
    size_t n = bits / 8 + 1; /* a zero octet stays in front where the first bit would make it negative */
    char *p = arena_alloc(a, n);
    if (bits > 0)
        p[n - 1 - (bits - 1) / 8] = (char)(1u << ((bits - 1) % 8));
    p[n - 1] = (char)((uint8_t)p[n - 1] | low);
    size_t skip = n > 1 && p[0] == 0 && (uint8_t)p[1] < 0x80 ? 1 : 0;
    return der(a, 0x02, (struct str){ p + skip, n - skip });
}

static inline struct str der_rsa(struct arena *a, struct str modulus, struct str exponent)
{
    return der(a, 0x30, join(a, modulus, exponent));
}

#define RSA_ALGORITHM STR("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")

static inline struct str der_spki(struct arena *a, struct str algorithm, struct str key)
{
    return der(a, 0x30, join(a, algorithm, der(a, 0x03, join(a, STR("\0"), key))));
}

#endif
