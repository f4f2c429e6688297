/* random.c - seeded random numbers (xorshift64*), and mutations by one byte. */
#include "tests/property/property.h"

uint64_t random_seed(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
    return x != 0 ? x : 1;
}

unsigned random_to(struct random *r, size_t n)
{
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return n > 0 ? (unsigned)((r->s * 0x2545f4914f6cdd1d >> 33) % n) : 0;
}

bool random_one_in(struct random *r, unsigned n)
{
    return random_to(r, n) == 0;
}

const char *random_of(struct random *r, const char *const *v, size_t n)
{
    return v[random_to(r, n)];
}

/* Bytes that mean something to one of the grammars, or any byte, or a neighbour of what is there. */
static char random_byte(struct random *r, char old)
{
    static const char special[] = " \t\r\n;:=,.@<>\"\\()/+-~?*[]%_0123456789aAsSyYvV";
    switch (random_to(r, 4)) {
    case 0:
        return (char)(old ^ 0x20);
    case 1:
        return (char)(old + (random_one_in(r, 2) ? 1 : -1));
    case 2:
        return (char)random_to(r, 256);
    default:
        return special[random_to(r, sizeof(special) - 1)];
    }
}

struct str random_mutation(struct random *r, struct arena *a, struct str text, size_t from, size_t to)
{
    size_t at = from + random_to(r, to - from), drop = 0, n = 0;
    char *p = arena_alloc(a, text.n + 1);
    unsigned op = text.n == 0 || at >= text.n ? 1 : random_to(r, 3);
    if (op != 1)
        drop = 1;
    memcpy(p, text.p, at);
    n = at;
    if (op != 2)
        p[n++] = random_byte(r, at < text.n ? text.p[at] : 'x');
    memcpy(p + n, text.p + at + drop, text.n - at - drop);
    return (struct str){ p, n + text.n - at - drop };
}
