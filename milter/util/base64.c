/* base64.c - base64 (RFC 4648 4) with the white space that tag lists allow inside. */
#include "mailseal/arena.h"
#include "mailseal/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct arena *a, struct str in, struct str *out)
{
    uint8_t *p = arena_alloc(a, in.n / 4 * 3 + 3);
    size_t n = 0;
    unsigned quantum = 0, chars = 0, pads = 0;
    for (size_t i = 0; i < in.n; i++) {
        if (char_is_space(in.p[i]))
            continue;
        if (in.p[i] == '=') {
            pads++;
            continue;
        }
        int v = value_of(in.p[i]);
        if (v < 0 || pads > 0)
            return false;
        quantum = quantum << 6 | (unsigned)v;
        if (++chars % 4 == 0) {
            p[n++] = (uint8_t)(quantum >> 16);
            p[n++] = (uint8_t)(quantum >> 8);
            p[n++] = (uint8_t)quantum;
            quantum = 0;
        }
    }
    unsigned rest = chars % 4;
    if (rest == 1 || (pads > 0 && pads + rest != 4) || (rest == 0 && pads > 0))
        return false;
    if (rest == 2)
        p[n++] = (uint8_t)(quantum >> 4);
    if (rest == 3) {
        p[n++] = (uint8_t)(quantum >> 10);
        p[n++] = (uint8_t)(quantum >> 2);
    }
    *out = (struct str){ (const char *)p, n };
    return true;
}

bool base64_decode_exact(struct arena *a, struct str in, struct str *out)
{
    if (!base64_decode(a, in, out) || out->n == 0)
        return false;
    struct str again = base64_encode(a, out->p, out->n);
    size_t at = 0;
    for (size_t i = 0; i < in.n; i++)
        if (!char_is_space(in.p[i]) && in.p[i] != '=' && again.p[at++] != in.p[i])
            return false;
    return true;
}

struct str base64_encode(struct arena *a, const void *bytes, size_t n)
{
    const uint8_t *in = bytes;
    char *p = arena_alloc(a, (n + 2) / 3 * 4);
    size_t len = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        unsigned q = (unsigned)in[i] << 16 | (have > 1 ? (unsigned)in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0);
        p[len++] = alphabet[q >> 18];
        p[len++] = alphabet[q >> 12 & 63];
        p[len++] = have > 1 ? alphabet[q >> 6 & 63] : '=';
        p[len++] = have > 2 ? alphabet[q & 63] : '=';
    }
    return (struct str){ p, len };
}
